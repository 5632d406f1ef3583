//! Findings of a check of an institution's set-up.

/// The result of one check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The subject of the check, such as "pickup library for lent items".
    pub subject: String,
    /// The problem and its solution; `None` if all is well.
    pub problem: Option<String>,
    /// The result, if all is well.
    pub detail: String,
}

impl Finding {
    /// Creates a finding without a problem.
    pub fn ok(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: None, detail: detail.into() }
    }

    /// Creates a finding with a problem.
    pub fn problem(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: Some(problem.into()), detail: String::new() }
    }
}
