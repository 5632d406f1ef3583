//! The workflow, driven from outside: events in, statuses and effects out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test that can not go on fails")]

mod cancelling;
mod closures;
mod failing_polls;
mod hint_rules;
mod model;
mod orders;
mod others;
mod poll_interval;
mod queues;
mod refusals;
mod retention;
mod scans;
mod staff_acts;
mod standard;
mod supplier;
mod tallies;
mod titles;
mod total;
mod walk;
mod while_out;
mod workflows;
mod world;
