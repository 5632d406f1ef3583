//! A choice with all that it depended on, so that staff can read it later, and another policy can be tried on it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, Lender, Wish};
use super::choose::{Choice, choose};
use super::policy::SupplierPolicy;

/// A choice with all that it depended on, but the policy, whose version is kept next to it. It names no patron.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChoiceRecord {
    /// The wish.
    pub wish: Wish,
    /// The candidates.
    pub candidates: Vec<Candidate>,
    /// The facts about their lenders.
    pub lenders: Vec<Lender>,
    /// The choice.
    pub choice: Choice,
}

impl ChoiceRecord {
    /// Chooses among the candidates, and returns the choice with all that it depends on.
    pub fn new(
        policy: &SupplierPolicy,
        wish: Wish,
        candidates: Vec<Candidate>,
        lenders: Vec<Lender>,
        now: Timestamp,
    ) -> Self {
        let choice = choose(policy, &wish, &candidates, &lenders, now);
        Self { wish, candidates, lenders, choice }
    }

    /// Returns the choice that another policy makes of the same facts. `at` is the time at which the choice was made.
    pub fn choice_by(&self, policy: &SupplierPolicy, at: Timestamp) -> Choice {
        choose(policy, &self.wish, &self.candidates, &self.lenders, at)
    }

    /// Returns the candidate with this number.
    pub fn candidate(&self, index: u32) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.index == index)
    }

    /// Returns the best copy of a choice among the candidates.
    pub fn best_of(&self, choice: &Choice) -> Option<&Candidate> {
        choice.best().and_then(|index| self.candidate(index))
    }
}
