//! What a request waits for, shown beside its status in place of an error status.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is waited for, or what staff must decide.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Attention {
    /// Nothing: the hub itself is at work, or the request has ended.
    #[default]
    None,
    /// Somebody or something else has the next move.
    Waiting {
        /// Who has the next move.
        on: WaitingOn,
        /// Since when.
        since: Timestamp,
        /// When the hub tries again by itself, where that is what is waited for.
        next_try: Option<Timestamp>,
        /// One sentence, for staff.
        why: String,
    },
    /// Only a person can go on.
    NeedsStaff {
        /// A stable code, such as `HOLD_REFUSED_AT_BORROWER`.
        code: String,
        /// What happened and what it means, for staff.
        explanation: String,
        /// What may be done about it.
        actions: Vec<Action>,
    },
}

/// Who or what has the next move.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingOn {
    /// Staff of the lending library, to send the item or to take it back.
    LendingLibrary,
    /// Staff of the pickup library, to receive the item.
    PickupLibrary,
    /// The patron, to collect or to return.
    Patron,
    /// The lender's library system, which doesn't answer now.
    LenderSystem,
    /// The borrower's library system, which doesn't answer now.
    BorrowerSystem,
}

/// What staff may do about a request that needs them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Try the refused step again, the cause having been mended.
    Resume,
    /// End the request.
    Cancel,
}
