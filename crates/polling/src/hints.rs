//! Encodes hints for storage with a poll, in JSON.

use std::time::Duration;

use jiff::SignedDuration;
use lending::Hint;
use store::Intent;

/// The hint that requires a poll, whatever the others show.
pub(crate) const FULL_POLL: &str = "null";

/// Encodes a hint that is stored with the poll; `None` requires the poll itself.
pub(crate) fn encode_hint(hint: Option<&Hint>) -> String {
    serde_json::to_string(&hint).unwrap_or_else(|_| FULL_POLL.to_owned())
}

/// Returns the hints of a poll, if all of them can replace it and are fresh.
pub(crate) fn fresh_hints(intent: &Intent, max_age: Duration) -> Option<Vec<Hint>> {
    let max_age = SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
    if intent.claimed_at.duration_since(intent.hinted_at) > max_age {
        return None;
    }
    let hints: Option<Vec<Hint>> = intent.hints.iter().map(|hint| serde_json::from_str(hint).ok().flatten()).collect();
    hints.filter(|hints| !hints.is_empty())
}

/// Returns whether a person requested the poll, or a message led to it. A hint of a batch poll doesn't count.
pub fn has_hint(intent: &Intent) -> bool {
    let by_list = |hint: &String| matches!(serde_json::from_str(hint), Ok(Some(Hint::ListMismatch { .. })));
    !intent.hints.iter().all(by_list)
}
