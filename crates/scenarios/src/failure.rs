//! The report of a scenario that fails: one sentence, for people who watch.

/// The expected and the actual state, or the reason why it could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

/// The outcome of a step of a scenario.
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
