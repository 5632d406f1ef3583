//! The API over real sockets, on a store of its own for each test.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod auth;
mod document;
mod envelope;
mod harness;
mod logs;
mod requests;
mod setup;
mod webhooks;
