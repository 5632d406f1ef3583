//! Tests of the program as its users run it: child processes, their output and their exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test that can not go on fails")]

mod acts;
mod canary;
mod catalogue;
mod command_line;
mod connections;
mod crash;
mod demo;
mod disk;
mod errors;
mod events;
#[cfg(feature = "failpoints")]
mod harvest_kills;
mod keeping;
mod keys;
mod lessons;
mod network;
mod nodes;
mod patience;
mod pipes;
#[cfg(feature = "failpoints")]
mod points;
mod policy;
mod program;
#[cfg(feature = "failpoints")]
mod rotating;
mod secrets;
mod setting_up;
mod titles;
mod users;
mod webhooks;
