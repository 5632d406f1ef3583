//! Tests of the catalogue on both databases, with a source over real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod grouping;
mod harness;
mod harvesting;
mod loading;
mod source;
