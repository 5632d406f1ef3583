//! The sentences that patrons read at each step of a request, in English and German.
//!
//! [`Message::of_request`] is pure: it returns the id of the sentence and its arguments for a request as it is now.
//! [`Message::text`] writes the sentence in a language. The sentences are Fluent messages in `messages/*.ftl`, compiled in.
//! They contain no data about the patron, so that they may be stored and sent with an event.
//!
//! # How to add a sentence
//!
//! 1. A message in each file of `messages/`, with the same arguments.
//! 2. Its id in [`IDS`], and the state of a request that has it, in `steps.rs` or `refusals.rs`.

mod language;
mod message;
mod refusals;
mod steps;

pub use language::Language;
pub use message::{IDS, Message};
