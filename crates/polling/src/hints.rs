//! Encodes hints for storage with a poll: one line of JSON each.

use std::time::Duration;

use jiff::SignedDuration;
use lending::Hint;
use store::Intent;

/// The line that requires a poll, whatever the hints show.
pub(crate) const FULL_POLL: &str = "null\n";

/// Encodes a hint as a line that is stored with the poll; `None` requires the poll itself.
pub(crate) fn encode_hint(hint: Option<&Hint>) -> String {
    serde_json::to_string(&hint).map_or_else(|_| FULL_POLL.to_owned(), |line| line + "\n")
}

/// Returns the hints of a poll, if all of them can replace it and are fresh.
pub(crate) fn fresh_hints(intent: &Intent, max_age: Duration) -> Option<Vec<Hint>> {
    let max_age = SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
    if intent.claimed_at.duration_since(intent.hinted_at) > max_age {
        return None;
    }
    let hints: Option<Vec<Hint>> = intent.hints.lines().map(|line| serde_json::from_str(line).ok().flatten()).collect();
    hints.filter(|hints| intent.has_hint && !hints.is_empty())
}

/// Returns whether a person requested the poll, or a message led to it. A hint of a batch poll doesn't count.
pub fn has_hint(intent: &Intent) -> bool {
    let by_list = |line: &str| matches!(serde_json::from_str(line), Ok(Some(Hint::ListMismatch { .. })));
    intent.has_hint && !intent.hints.lines().all(by_list)
}
