//! The workflow, driven from outside: events in, statuses and effects out.

mod cancelling;
mod orders;
mod refusals;
mod standard;
mod walk;
