//! Tests of the API over real sockets. Each test has a store of its own.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that can't go on has failed")]

mod access;
mod audit;
mod auth;
mod availability;
mod catalogue;
mod contract;
mod desk;
mod document;
mod envelope;
mod events;
mod harness;
mod headers;
mod idempotency;
mod keys;
mod limits;
mod logs;
mod preconditions;
mod requests;
mod setup;
mod statistics;
mod subscriptions;
mod supplier_policy;
mod webhooks;
mod work;
