//! The store, on SQLite and on PostgreSQL: each test runs on both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test that can not go on fails")]

mod access;
mod answers;
mod audit;
mod batch_polls;
mod bulk;
mod copying;
mod desk;
mod events;
mod harness;
mod institutions;
mod nodes;
mod open_work;
mod opening;
mod queue;
mod requests;
mod rotation;
mod summaries;
mod supplier;
mod units;
mod webhooks;
