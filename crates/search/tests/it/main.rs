//! The index from outside: documents in, answers out.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod changes;
mod finding;
mod guide;
mod sru;
mod support;
