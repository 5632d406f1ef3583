//! What is fed with chance: everything that reads what comes from outside. Each target takes any bytes, must end, and panics
//! where something is wrong with how they are read.
//!
//! The same functions are run by libFuzzer (`fuzz/`, with a nightly toolchain) and, on the inputs that are kept in
//! `fuzz/corpus`, by an ordinary test.
//!
//! # How to add a target
//!
//! A function here, its line in [`TARGETS`] and in `fuzz/Cargo.toml` with a file in `fuzz/fuzz_targets`, and some inputs in
//! `fuzz/corpus/NAME`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a target says by a panic what is wrong")]

mod alma_answers;
mod api;
mod records;

use secrecy::SecretString;

pub use alma_answers::{alma_json, alma_xml};
pub use api::api_json;
pub use records::{marc_iso2709, marcxml, oai_envelope};

/// A target's function.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("marc_iso2709", marc_iso2709),
    ("marcxml", marcxml),
    ("oai_envelope", oai_envelope),
    ("alma_json", alma_json),
    ("alma_xml", alma_xml),
    ("webhook", webhook),
    ("api_json", api_json),
];

/// A webhook's body: what is signed is the bytes, and what is in them is read or refused.
pub fn webhook(data: &[u8]) {
    let secret = SecretString::from("a-secret-of-the-webhook");
    let signature = alma::webhook::signature(&secret, data);
    assert!(alma::webhook::is_signed_with(&secret, data, &signature));
    let forged = alma::webhook::is_signed_with(&secret, data, &String::from_utf8_lossy(data));
    assert!(!forged, "the body is its own signature");
    match alma::webhook::Message::read(data) {
        Ok(message) => {
            assert!(!message.id.is_empty());
            let _ = (message.subject(), message.event());
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
}
