//! Tries a policy on choices of the past: which requests would have gone to another lender.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::candidate::Candidate;
use super::choose::Choice;
use super::explanation::Reason;
use super::policy::SupplierPolicy;
use super::record::ChoiceRecord;
use crate::ids::{AgencyCode, InstitutionCode, RequestId};

/// How many changed requests a trial names.
const MOST_NAMED: usize = 200;

/// A lender, as a trial names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LenderName {
    /// Its institution.
    pub institution: InstitutionCode,
    /// Its agency, if that is known.
    pub agency: Option<AgencyCode>,
}

/// The numbers of requests that go to a lender first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BeforeAndAfter {
    /// By the choices that were made.
    pub before: u32,
    /// By the policy on trial.
    pub after: u32,
}

/// A request that the policy on trial gives to another lender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedChoice {
    /// The request.
    pub request: RequestId,
    /// When its copy was chosen.
    pub at: Timestamp,
    /// The lender that was chosen; `None` if there was no copy to ask for.
    pub before: Option<LenderName>,
    /// The lender that the policy on trial chooses.
    pub after: Option<LenderName>,
    /// Why it chooses that copy; or why it doesn't ask for the copy that was chosen.
    pub reason: Option<Reason>,
}

/// A policy on trial, and its results so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyTrial {
    policy: SupplierPolicy,
    /// The number of choices that were compared.
    pub choices: u32,
    /// The number of these that go to another lender.
    pub changed: u32,
    /// The numbers by lender. `None` stands for requests without a copy to ask for.
    pub lenders: BTreeMap<Option<LenderName>, BeforeAndAfter>,
    /// The first 200 changed requests.
    pub examples: Vec<ChangedChoice>,
}

impl PolicyTrial {
    /// Begins the trial of a policy.
    pub fn new(policy: SupplierPolicy) -> Self {
        Self { policy, choices: 0, changed: 0, lenders: BTreeMap::new(), examples: Vec::new() }
    }

    /// Compares a choice that was made at `at` with that of the policy on trial.
    pub fn add(&mut self, request: RequestId, at: Timestamp, record: &ChoiceRecord) {
        let choice = record.choice_by(&self.policy, at);
        let before = record.best_of(&record.choice).map(|copy| name(record, copy));
        let after = record.best_of(&choice).map(|copy| name(record, copy));
        self.choices += 1;
        self.lenders.entry(before.clone()).or_default().before += 1;
        self.lenders.entry(after.clone()).or_default().after += 1;
        if before == after {
            return;
        }
        self.changed += 1;
        if self.examples.len() < MOST_NAMED {
            let reason = reason_of_change(record, &choice);
            self.examples.push(ChangedChoice { request, at, before, after, reason });
        }
    }
}

fn reason_of_change(record: &ChoiceRecord, choice: &Choice) -> Option<Reason> {
    let present = record.choice.best();
    let refused = choice.left_out.iter().find(|copy| Some(copy.index) == present).map(|copy| &copy.reason);
    refused.or_else(|| choice.ranked.first().map(|copy| &copy.reason)).cloned()
}

/// Returns the name of a copy's lender. A record whose institution didn't answer is of its only lender, if it has one.
fn name(record: &ChoiceRecord, candidate: &Candidate) -> LenderName {
    let mut here = record.lenders.iter().filter(|lender| lender.institution == candidate.institution);
    let only = match (here.next(), here.next()) {
        (Some(lender), None) => lender.agency.clone(),
        _ => None,
    };
    LenderName { institution: candidate.institution.clone(), agency: candidate.agency.clone().or(only) }
}
