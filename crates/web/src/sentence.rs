//! The sentence that a patron reads, as the API answers it.

use messages::Language;

/// A sentence for a patron, in the caller's language.
#[derive(Debug)]
pub(crate) struct Sentence {
    pub(crate) text: String,
    pub(crate) language: Language,
}
