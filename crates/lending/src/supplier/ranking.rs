//! Orders the copies that may supply the wish.
//!
//! The standing comes first, whatever the policy says: a copy that is available comes before one that isn't. Then come
//! the policy's criteria in their order. A criterion whose value is unknown puts the copy after those with a value.
//! Copies that are equal by all criteria come in an order made from the request and the copies, so that over many
//! requests no lender is preferred.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::explanation::DecidedBy;
use super::filters::{Facts, Offer};
use super::policy::{Criterion, CriterionName, UnknownCopies};
use crate::held_copy::CopyState;

const SECONDS_PER_DAY: i64 = 86_400;

/// Whether a copy can be asked for now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is available.
    Available,
    /// Nobody knows whether it is available: its library's system didn't answer in time, or can't be reached now.
    Unknown,
    /// It is on loan.
    Lent,
}

/// The value of a criterion for a copy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CriterionValue {
    /// The criterion.
    pub criterion: CriterionName,
    /// The place that the value gives; smaller ones come first, and none comes last.
    pub rank: Option<i64>,
    /// The value in words for staff.
    pub words: String,
}

/// A copy with all that its place depends on.
pub(super) struct Ranked<'a> {
    pub(super) offer: Offer<'a>,
    pub(super) values: Vec<CriterionValue>,
    standing: u8,
    chance: Uuid,
}

/// Puts the copies in order.
pub(super) fn rank<'a>(facts: &Facts<'_>, offers: Vec<Offer<'a>>) -> Vec<Ranked<'a>> {
    let ranked = offers.into_iter().map(|offer| {
        let values = facts.policy.criteria.iter().map(|criterion| value(facts, criterion, &offer)).collect();
        let standing = match (offer.standing, facts.policy.unknown_copies) {
            (Standing::Available, _) => 0,
            (Standing::Unknown, UnknownCopies::Last) => 2,
            (Standing::Unknown, _) | (Standing::Lent, UnknownCopies::Last) => 1,
            (Standing::Lent, _) => 2,
        };
        Ranked { standing, chance: chance(facts.wish.seed, &offer), values, offer }
    });
    let mut ranked: Vec<Ranked<'_>> = ranked.collect();
    ranked.sort_by(|one, other| {
        one.standing
            .cmp(&other.standing)
            .then_with(|| ranks(one).cmp(ranks(other)))
            .then_with(|| one.chance.cmp(&other.chance))
            .then_with(|| one.offer.candidate.index.cmp(&other.offer.candidate.index))
    });
    ranked
}

/// Returns the step of the order that separates two copies.
pub(super) fn decided_by(one: &Ranked<'_>, other: &Ranked<'_>) -> DecidedBy {
    if one.standing != other.standing {
        return DecidedBy::Standing;
    }
    let differing = one.values.iter().zip(&other.values).find(|(one, other)| one.rank != other.rank);
    differing.map_or(DecidedBy::Chance, |(value, _)| DecidedBy::Criterion(value.criterion))
}

fn ranks<'a>(ranked: &'a Ranked<'_>) -> impl Iterator<Item = Reverse<Option<Reverse<i64>>>> + 'a {
    // `None` is less than all others, and is to come last.
    ranked.values.iter().map(|value| Reverse(value.rank.map(Reverse)))
}

/// Returns a number made from the request and the copy. It is the same on all nodes and in all versions of the hub.
fn chance(seed: Uuid, offer: &Offer<'_>) -> Uuid {
    let candidate = offer.candidate;
    let item = candidate.copy.as_ref().map_or("", |copy| copy.item.as_str());
    let name = [candidate.institution.as_str(), candidate.bib.as_str(), item].join("\u{1f}");
    Uuid::new_v5(&seed, name.as_bytes())
}

fn value(facts: &Facts<'_>, criterion: &Criterion, offer: &Offer<'_>) -> CriterionValue {
    let (rank, words) = match criterion {
        Criterion::Availability { days_per_waiting_request } => {
            availability(facts, i64::from(*days_per_waiting_request), offer)
        }
        Criterion::OwnLibrary {} => {
            let is_own = offer.lender().is_some_and(|lender| facts.is_own(lender));
            (Some(i64::from(!is_own)), if is_own { "the patron's own library" } else { "another library" }.to_owned())
        }
        Criterion::Distance { step_km } => distance(facts, *step_km, offer),
        Criterion::Region {} => region(facts, offer),
        Criterion::Balance { step, .. } => balance(*step, offer),
        Criterion::Cost {} => cost(facts, offer),
        Criterion::Preference { groups } => preference(facts, groups, offer),
        Criterion::Load { step } => match offer.lender() {
            Some(lender) => {
                (Some(stepped(i64::from(lender.to_send), *step)), format!("{} requests to send", lender.to_send))
            }
            None => unknown(),
        },
        Criterion::Calendar {} => calendar(facts, offer),
    };
    CriterionValue { criterion: criterion.name(), rank, words }
}

fn unknown() -> (Option<i64>, String) {
    (None, "unknown".to_owned())
}

/// Returns the number of the step that a value falls in. A policy's check refuses a step of 0.
fn stepped(value: i64, step: u32) -> i64 {
    value.div_euclid(i64::from(step.max(1)))
}

fn availability(facts: &Facts<'_>, days_per_waiting: i64, offer: &Offer<'_>) -> (Option<i64>, String) {
    let Some(copy) = &offer.candidate.copy else { return unknown() };
    let waiting = i64::from(copy.waiting.unwrap_or(0));
    let queue = if waiting > 0 { format!(", {waiting} requests wait") } else { String::new() };
    let (days, words) = match &copy.state {
        CopyState::Available => (0, "available".to_owned()),
        CopyState::Lent { due: Some(due) } if *due > facts.now => {
            let days = facts.now.duration_until(*due).as_secs() / SECONDS_PER_DAY + 1;
            (days, format!("on loan, due in {days} days"))
        }
        // An overdue item, or one whose due date is unknown, is expected as late as after one more loan.
        CopyState::Lent { due: Some(_) } => (days_per_waiting, "on loan and overdue".to_owned()),
        CopyState::Lent { due: None } => (days_per_waiting, "on loan, due date unknown".to_owned()),
        CopyState::NotLendable(_) => return unknown(),
    };
    (Some(days.saturating_add(waiting.saturating_mul(days_per_waiting))), words + &queue)
}

fn distance(facts: &Facts<'_>, step_km: u32, offer: &Offer<'_>) -> (Option<i64>, String) {
    let from = offer.lender().and_then(|lender| lender.place.coordinates);
    match (from, facts.wish.pickup_place.coordinates) {
        (Some(from), Some(to)) => {
            let kilometres = from.kilometres_to(to);
            (Some(stepped(i64::from(kilometres), step_km)), format!("{kilometres} km"))
        }
        _ => unknown(),
    }
}

fn region(facts: &Facts<'_>, offer: &Offer<'_>) -> (Option<i64>, String) {
    let region = offer.lender().and_then(|lender| lender.place.region.as_ref());
    match (region, &facts.wish.pickup_place.region) {
        (Some(region), Some(wanted)) => (Some(i64::from(region != wanted)), region.clone()),
        _ => unknown(),
    }
}

fn balance(step: u32, offer: &Offer<'_>) -> (Option<i64>, String) {
    let Some(balance) = offer.lender().and_then(|lender| lender.balance) else { return unknown() };
    let more_lent = i64::from(balance.lent) - i64::from(balance.borrowed);
    (Some(stepped(more_lent, step)), format!("lent {}, borrowed {}", balance.lent, balance.borrowed))
}

fn cost(facts: &Facts<'_>, offer: &Offer<'_>) -> (Option<i64>, String) {
    let terms = offer.lender().and_then(|lender| facts.policy.lenders.get(lender.agency.as_ref()?));
    match terms.and_then(|terms| terms.cost) {
        Some(cost) => (Some(i64::from(cost)), cost.to_string()),
        None => unknown(),
    }
}

fn preference(facts: &Facts<'_>, groups: &[String], offer: &Offer<'_>) -> (Option<i64>, String) {
    let terms = offer.lender().and_then(|lender| facts.policy.lenders.get(lender.agency.as_ref()?));
    let Some(group) = terms.and_then(|terms| terms.group.as_ref()) else {
        return (None, "in no group".to_owned());
    };
    let place = groups.iter().position(|other| other == group);
    (place.and_then(|place| i64::try_from(place).ok()), format!("group {group}"))
}

fn calendar(facts: &Facts<'_>, offer: &Offer<'_>) -> (Option<i64>, String) {
    let Some(opens) = offer.lender().and_then(|lender| lender.opens_at) else { return unknown() };
    if opens <= facts.now {
        return (Some(0), "open now".to_owned());
    }
    let hours = facts.now.duration_until(opens).as_secs() / 3_600;
    // A library that is closed for the night comes after one that is open, and before one that opens a day later.
    (Some(hours / 24 + 1), format!("opens in {hours} hours"))
}
