//! Fuzz targets for every parser of external input. Each target takes any bytes, must end, and panics if the parser
//! treats them wrongly.
//!
//! libFuzzer runs these functions (`fuzz/`, with a nightly toolchain). An ordinary test runs them on the inputs in
//! `fuzz/corpus`.
//!
//! # How to add a target
//!
//! Write a function here, add its line to [`TARGETS`] and to `fuzz/Cargo.toml` with a file in `fuzz/fuzz_targets`, and
//! put some inputs into `fuzz/corpus/NAME`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a target says by a panic what is wrong")]

mod alma_answers;
mod api;
mod harvest;
mod queries;
mod records;

use secrecy::SecretString;

pub use alma_answers::{alma_json, alma_xml};
pub use api::api_json;
pub use harvest::oai_page;
pub use queries::cql_query;
pub use records::{marc_iso2709, marcxml, marcxml_compact, oai_envelope};

/// A target's function.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("marc_iso2709", marc_iso2709),
    ("marcxml", marcxml),
    ("marcxml_compact", marcxml_compact),
    ("oai_envelope", oai_envelope),
    ("oai_page", oai_page),
    ("alma_json", alma_json),
    ("alma_xml", alma_xml),
    ("webhook", webhook),
    ("api_json", api_json),
    ("cql_query", cql_query),
];

/// Reads a webhook's body. The signature covers its bytes, and its content is either read or refused.
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
