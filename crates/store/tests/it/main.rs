//! The store, on SQLite and on PostgreSQL: each test runs on both.

mod harness;
mod institutions;
mod opening;
mod queue;
mod requests;
