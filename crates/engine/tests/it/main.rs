//! The engine between simulated Almas over real sockets, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test that can not go on fails")]

mod clock;
mod contention;
mod deadlines;
mod endings;
mod hearing;
mod lost_answers;
mod nodes;
mod others;
mod outages;
mod placing;
mod quota;
mod standard;
mod strays;
mod sweeps;
mod while_out;
mod withdrawing;
mod workflows;
mod world;
