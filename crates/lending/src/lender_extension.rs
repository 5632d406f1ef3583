//! What becomes of a patron's due date when the lender sets a later one.

use serde::{Deserialize, Serialize};

/// What becomes of a patron's due date when the lender sets a later one for its own loan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LenderExtension {
    /// The hub raises the patron's due date to the lender's.
    #[default]
    Raise,
    /// Staff decide.
    AskStaff,
}
