//! Chooses the supplier.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, Lender, Wish};
use super::explanation::{DecidedBy, Reason, ReasonCode};
use super::filters::{Facts, Offer};
use super::policy::SupplierPolicy;
use super::ranking::{CriterionValue, Ranked, Standing, decided_by, rank};
use crate::ids::{AgencyCode, InstitutionCode};

/// The choice among the copies of a title. It names each candidate once, with one reason.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Choice {
    /// The copies to ask for, the best one first.
    pub ranked: Vec<RankedCopy>,
    /// The other copies, by their numbers.
    pub left_out: Vec<LeftOutCopy>,
    /// Whether the best copy is on loan, so that the request waits for it.
    pub queued: bool,
}

/// A copy to ask for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RankedCopy {
    /// The candidate's number.
    pub index: u32,
    /// Why it has its place.
    pub reason: Reason,
    /// Whether it can be asked for now.
    pub standing: Standing,
    /// The step that separates it from the copy before it, and the first copy from the second one; `None` for an only
    /// copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecidedBy>,
    /// The values of the policy's criteria, in their order.
    pub values: Vec<CriterionValue>,
}

/// A copy that the hub doesn't ask for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeftOutCopy {
    /// The candidate's number.
    pub index: u32,
    /// Why it has no place.
    pub reason: Reason,
}

impl Choice {
    /// Returns the number of the copy to ask for first.
    pub fn best(&self) -> Option<u32> {
        self.ranked.first().map(|copy| copy.index)
    }
}

/// Chooses the copies to ask for. The order of candidates and lenders has no influence.
pub fn choose(
    policy: &SupplierPolicy,
    wish: &Wish,
    candidates: &[Candidate],
    lenders: &[Lender],
    now: Timestamp,
) -> Choice {
    let mut by_number: Vec<&Candidate> = candidates.iter().collect();
    by_number.sort_by_key(|candidate| candidate.index);
    let facts = Facts::new(policy, wish, &by_number, lenders, now);
    let mut left_out = Vec::new();
    let mut possible = Vec::new();
    for candidate in by_number {
        let offer = facts.offer(candidate);
        match facts.reason_against(&offer) {
            Some(reason) => left_out.push(LeftOutCopy { index: candidate.index, reason }),
            None => possible.push(offer),
        }
    }
    let possible = without_needless_waiting(&facts, possible, &mut left_out);
    let ranked = shortened(policy, rank(&facts, possible), &mut left_out);
    left_out.sort_by_key(|copy| copy.index);
    let queued = ranked.first().is_some_and(|first| first.offer.standing == Standing::Lent);
    Choice { ranked: explained(&ranked), left_out, queued }
}

fn without_needless_waiting<'a>(
    facts: &Facts<'_>,
    possible: Vec<Offer<'a>>,
    left_out: &mut Vec<LeftOutCopy>,
) -> Vec<Offer<'a>> {
    let against: Vec<Option<Reason>> = possible.iter().map(|offer| facts.against_waiting(offer, &possible)).collect();
    let mut kept = Vec::new();
    for (offer, reason) in possible.into_iter().zip(against) {
        match reason {
            Some(reason) => left_out.push(LeftOutCopy { index: offer.candidate.index, reason }),
            None => kept.push(offer),
        }
    }
    kept
}

/// Cuts the list to the policy's lengths.
fn shortened<'a>(policy: &SupplierPolicy, ranked: Vec<Ranked<'a>>, left_out: &mut Vec<LeftOutCopy>) -> Vec<Ranked<'a>> {
    let mut kept: Vec<Ranked<'a>> = Vec::new();
    let mut of_lender: BTreeMap<(&InstitutionCode, Option<&AgencyCode>), u32> = BTreeMap::new();
    for copy in ranked {
        let candidate = copy.offer.candidate;
        let count = of_lender.entry((&candidate.institution, candidate.agency.as_ref())).or_default();
        let reason = if *count >= policy.most_copies_per_lender {
            let explanation = format!(
                "The list has {count} better copies of the same lender, as many as the policy allows \
                 (most_copies_per_lender)."
            );
            Reason::new(ReasonCode::EnoughOfLender, explanation)
        } else if u32::try_from(kept.len()).is_ok_and(|length| length >= policy.most_copies) {
            let explanation =
                format!("The list has {} better copies, as many as the policy allows (most_copies).", kept.len());
            Reason::new(ReasonCode::ListFull, explanation)
        } else {
            *count += 1;
            kept.push(copy);
            continue;
        };
        left_out.push(LeftOutCopy { index: candidate.index, reason });
    }
    kept
}

fn explained(ranked: &[Ranked<'_>]) -> Vec<RankedCopy> {
    let copies = ranked.iter().enumerate().map(|(at, copy)| {
        // The first copy is compared with the second one, and each other with the one before it.
        let neighbour = if at == 0 { ranked.get(1) } else { ranked.get(at - 1) };
        let decided_by = neighbour.map(|neighbour| decided_by(copy, neighbour));
        RankedCopy {
            index: copy.offer.candidate.index,
            reason: reason_for(copy, at, neighbour.zip(decided_by)),
            standing: copy.offer.standing,
            decided_by,
            values: copy.values.clone(),
        }
    });
    copies.collect()
}

fn reason_for(copy: &Ranked<'_>, at: usize, neighbour: Option<(&Ranked<'_>, DecidedBy)>) -> Reason {
    let code = match (copy.offer.is_staff_choice, at) {
        (true, _) => ReasonCode::StaffChoice,
        (false, 0) => ReasonCode::BestCopy,
        (false, _) => ReasonCode::LaterInOrder,
    };
    let difference = neighbour.map(|(neighbour, decided_by)| difference(copy, neighbour, decided_by));
    let explanation = match (code, difference) {
        (ReasonCode::StaffChoice, _) => "Staff chose this copy.".to_owned(),
        (ReasonCode::BestCopy, None) => "It is the only copy that can be asked for.".to_owned(),
        (ReasonCode::BestCopy, Some(difference)) => format!("It comes before the second copy: {difference}."),
        (_, Some(difference)) => format!("It comes after the copy before it in the list: {difference}."),
        (_, None) => "It can be asked for.".to_owned(),
    };
    Reason::new(code, explanation)
}

fn difference(copy: &Ranked<'_>, neighbour: &Ranked<'_>, decided_by: DecidedBy) -> String {
    match decided_by {
        DecidedBy::Standing => {
            format!("{} and not {}", words(copy.offer.standing), words(neighbour.offer.standing))
        }
        DecidedBy::Criterion(criterion) => {
            let value = |ranked: &Ranked<'_>| {
                let found = ranked.values.iter().find(|value| value.criterion == criterion);
                found.map(|value| value.words.clone()).unwrap_or_default()
            };
            format!("{} ({} against {})", criterion.as_str(), value(copy), value(neighbour))
        }
        DecidedBy::Chance => "both are equal by all criteria, so chance decides".to_owned(),
    }
}

fn words(standing: Standing) -> &'static str {
    match standing {
        Standing::Available => "available",
        Standing::Unknown => "of unknown availability",
        Standing::Lent => "on loan",
    }
}
