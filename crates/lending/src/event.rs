//! Events: the result of an effect, an observation, or a command.

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::effect_result::EffectResult;
use crate::observed::Observed;

/// One event of a request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// The result of an effect, or its delay.
    EffectResult(EffectResult),
    /// A fact that a poll, a message or the clock showed.
    Observed(Observed),
    /// A command of a patron or of staff.
    Command(Command),
}

impl Event {
    /// Returns the name for the audit log and for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EffectResult(result) => result.name(),
            Self::Observed(observed) => observed.name(),
            Self::Command(command) => command.name(),
        }
    }
}

impl From<EffectResult> for Event {
    fn from(result: EffectResult) -> Self {
        Self::EffectResult(result)
    }
}

impl From<Observed> for Event {
    fn from(observed: Observed) -> Self {
        Self::Observed(observed)
    }
}

impl From<Command> for Event {
    fn from(command: Command) -> Self {
        Self::Command(command)
    }
}
