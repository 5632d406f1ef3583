//! Findings: an observation of one side, a series of failed polls, or a deadline that has passed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deadline::Deadline;
use crate::effect::{Side, at_side};
use crate::observation::{Observation, ObservationSource};

/// A finding of the hub.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Observed {
    /// The hub observed one side.
    #[serde(rename = "observed")]
    Seen {
        /// Which.
        side: Side,
        /// The observation.
        observation: Observation,
        /// The source of the observation.
        source: ObservationSource,
    },
    /// The hub could not poll one side, several times in a row.
    PollFailed {
        /// Which.
        side: Side,
        /// Why, for staff.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
    /// Nothing has happened for as long as the agency's rules allow.
    DeadlinePassed {
        /// The deadline that has passed.
        deadline: Deadline,
    },
}

impl Observed {
    /// Returns the name for the audit log and for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Seen { side, .. } => at_side!(side, "observed"),
            Self::PollFailed { side, .. } => at_side!(side, "poll_failed"),
            Self::DeadlinePassed { .. } => "deadline_passed",
        }
    }
}
