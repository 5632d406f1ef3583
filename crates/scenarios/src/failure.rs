//! How a scenario says that something isn't as it should be: one sentence, for whoever watches.

/// What was expected and what was found instead, or why it could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

/// What a step of a scenario ends in.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A whole sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// Fails with a sentence unless `holds`.
///
/// # Errors
/// The sentence.
pub fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Failure(otherwise())) }
}

/// Fails unless `found` is `wanted`; `what` names the thing, such as "the outcome".
///
/// # Errors
/// A sentence with both.
#[expect(clippy::needless_pass_by_value, reason = "callers compare what they have just read, so nothing is kept")]
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<()> {
    expect(found == wanted, || format!("It should be that {what} is {wanted:?}, but it is {found:?}."))
}
