//! Tests of the crate from outside: pages, a scripted server, and the simulated Alma.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod damage;
mod harvests;
mod pages;
mod refusals;
mod simulator;
mod support;
