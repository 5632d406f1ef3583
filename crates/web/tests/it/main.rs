//! Tests of the API over real sockets. Each test has a store of its own.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod auth;
mod document;
mod envelope;
mod harness;
mod logs;
mod requests;
mod setup;
mod webhooks;
