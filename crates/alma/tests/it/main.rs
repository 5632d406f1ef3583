//! Tests of the client against a local server that plays Alma.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod addresses;
mod damage;
mod errors;
mod fake;
mod inventory;
mod lists;
mod patrons;
mod privacy;
mod refused_addresses;
mod retries;
mod setup;
