//! What a check of an institution's set-up found.

/// One thing that was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was polled, such as "pickup library for lent items".
    pub subject: String,
    /// What is wrong and what to do about it; `None` when all is well.
    pub problem: Option<String>,
    /// What was found, when all is well.
    pub detail: String,
}

impl Finding {
    /// All is well.
    pub fn ok(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: None, detail: detail.into() }
    }

    /// Something is missing.
    pub fn problem(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: Some(problem.into()), detail: String::new() }
    }
}
