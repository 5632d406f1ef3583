//! The words of a text: how it is split, folded and compared, for records and for queries alike.
//!
//! - Words are sequences of letters and digits, in lower case and without diacritics. `ä`, `ö`, `ü`, `ø` and `å` count in both
//!   transcriptions, as `a` and `ae`.
//! - Parts joined by a hyphen or an apostrophe are words of their own, and together one more: `e-mail` is `e`, `mail` and
//!   `email`.
//! - Text in scripts without spaces (Chinese, Japanese, Korean, Thai, …) is indexed by single characters and by pairs.
//! - No word is reduced to its stem: catalogues hold many languages, and a wrong stem hides what was asked for.

mod fold;
mod split;
mod tokenizer;

pub(crate) use split::{Choice, choices, folded};
pub(crate) use tokenizer::Words;

/// Returns the words of a text, as the index has them.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + use<> {
    split::tokens(text).into_iter().map(|token| token.text)
}
