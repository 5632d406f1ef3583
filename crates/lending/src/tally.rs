//! What a request adds to the daily numbers of the libraries: how many requests were placed, filled and not filled, and how
//! long they took.
//!
//! Each request makes a set of contributions, which its facts determine. A change of the request adds those that are new,
//! and takes back those that hold no more, such as a cancellation that staff have undone. So the numbers are the sum over all
//! requests at any time.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::command::CancelledBy;
use crate::effect::Side;
use crate::ids::InstitutionCode;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::sides::{Progress, Tracked};
use crate::status::{Outcome, Status};

/// A number of requests that is kept for each day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Measure {
    /// Placed by a patron of the agency, to be collected at the pickup location, or asked of the lender.
    Placed,
    /// Sent by the lender.
    Sent,
    /// Lent to the patron.
    Lent,
    /// Handed off to the patron's own library, which has the item.
    HandedOff,
    /// Not supplied; the detail is the reason's code.
    Unfilled,
    /// Cancelled; the detail says by whom, or why the patron may not borrow.
    Cancelled,
    /// Not collected from the hold shelf.
    NotCollected,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 7] =
        [Self::Placed, Self::Sent, Self::Lent, Self::HandedOff, Self::Unfilled, Self::Cancelled, Self::NotCollected];

    /// Returns its name, such as `not_collected`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Sent => "sent",
            Self::Lent => "lent",
            Self::HandedOff => "handed_off",
            Self::Unfilled => "unfilled",
            Self::Cancelled => "cancelled",
            Self::NotCollected => "not_collected",
        }
    }
}

/// The change of a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tally {
    /// The side that counts it.
    pub side: Side,
    /// The agency (borrower), the pickup location (pickup), or institution and library with a slash between them (lender).
    pub place: String,
    /// The lender's institution; blank for the other sides.
    pub institution: String,
    /// The number.
    pub measure: Measure,
    /// A reason's code, or the days from placing to the loan; blank for most.
    pub detail: String,
    /// 1, or -1 if it holds no more.
    pub number: i64,
    /// The days from placing to the loan; 0 for other measures.
    pub days: i64,
}

/// The most days from placing to the loan that are kept apart.
const MOST_DAYS: i64 = 365;
/// The reason of a request that ended without one.
const UNKNOWN: &str = "unknown";

/// A contribution: side, place, institution, measure, reason.
type Fact = (Side, String, String, Measure, String);

/// Returns the changes of the numbers with a change of a request at this time. `before` is none for a new request. The erasure
/// of a patron's data changes no number.
pub fn tallies(before: Option<&Request>, next: &Request, now: Timestamp) -> Vec<Tally> {
    if next.anonymised_at.is_some() {
        return Vec::new();
    }
    let (was, is) = (before.map(facts).unwrap_or_default(), facts(next));
    let tally = |(side, place, institution, measure, detail): &Fact, number| Tally {
        side: *side,
        place: place.clone(),
        institution: institution.clone(),
        measure: *measure,
        detail: detail.clone(),
        number,
        days: 0,
    };
    let mut all: Vec<Tally> = was.difference(&is).map(|fact| tally(fact, -1)).collect();
    all.extend(is.difference(&was).map(|fact| tally(fact, 1)));
    // No loan is taken back: the furthest point of the item only grows.
    if is_lent(next) && !before.is_some_and(is_lent) {
        let days = now.duration_since(next.placed_at).as_secs().max(0) / 86_400;
        let detail = days.min(MOST_DAYS).to_string();
        let lent = |(side, place, institution): (Side, String, String)| Tally {
            side,
            place,
            institution,
            measure: Measure::Lent,
            detail: detail.clone(),
            number: 1,
            days,
        };
        all.extend(places(next).into_iter().map(lent));
    }
    all
}

fn is_lent(request: &Request) -> bool {
    request.at_pickup().progress >= Progress::OnLoan
}

/// Returns the sides of a request, each with its place.
fn places(request: &Request) -> Vec<(Side, String, String)> {
    let mut all = vec![
        (Side::Borrower, request.patron.agency.to_string(), String::new()),
        (Side::Pickup, request.pickup.code.to_string(), String::new()),
    ];
    if let Some(supply) = &request.supply {
        all.push(lender(&supply.institution, supply.copy.library.as_str()));
    }
    all
}

fn lender(institution: &InstitutionCode, library: &str) -> (Side, String, String) {
    (Side::Lender, format!("{institution}/{library}"), institution.to_string())
}

/// Returns the contributions of a request but for its loan, whose days are known only when it begins.
fn facts(request: &Request) -> BTreeSet<Fact> {
    let mut all = BTreeSet::new();
    let mut add = |(side, place, institution): (Side, String, String), measure, detail: &str| {
        all.insert((side, place, institution, measure, detail.to_owned()));
    };
    for place in places(request).into_iter().filter(|(side, ..)| *side != Side::Lender) {
        add(place.clone(), Measure::Placed, "");
        match request.outcome {
            Some(Outcome::Cancelled) => add(place, Measure::Cancelled, canceller(request)),
            Some(Outcome::NotSupplied) => add(place, Measure::Unfilled, why_not_supplied(request)),
            Some(Outcome::NotCollected) => add(place, Measure::NotCollected, ""),
            Some(Outcome::Supplied | Outcome::Lost | Outcome::Unknown) | None => {
                if request.status == Status::HandedOffAsLocal {
                    add(place, Measure::HandedOff, "");
                }
            }
        }
    }
    for earlier in request.earlier_suppliers.iter().filter(|earlier| earlier.had_hold) {
        let library = earlier.library.as_ref().map_or("", |library| library.as_str());
        let place = lender(&earlier.institution, library);
        add(place.clone(), Measure::Placed, "");
        add(place, Measure::Unfilled, &earlier.refusal.code);
    }
    if let Some(supply) = &request.supply {
        let was_asked = supply.hold != Tracked::NotCreated || supply.loan != Tracked::NotCreated;
        let gave_up = supply.refusal.is_some() && !request.is_dispatched();
        let place = lender(&supply.institution, supply.copy.library.as_str());
        // A lender that gave up is among the earlier ones.
        if was_asked && !gave_up {
            add(place.clone(), Measure::Placed, "");
            if request.is_dispatched() {
                add(place, Measure::Sent, "");
            } else if request.outcome == Some(Outcome::Cancelled) {
                add(place, Measure::Cancelled, canceller(request));
            }
        }
    }
    all
}

/// Returns who cancelled a request, or the code of the reason for which the patron may not borrow.
fn canceller(request: &Request) -> &str {
    if let Some(cancellation) = &request.cancellation {
        return match cancellation.by {
            CancelledBy::Patron => "patron",
            CancelledBy::Staff => "staff",
            CancelledBy::AtBorrower => "at_borrower",
            CancelledBy::Deadline => "deadline",
        };
    }
    request.refusal.as_ref().map_or(UNKNOWN, |refusal| &refusal.code)
}

fn why_not_supplied(request: &Request) -> &str {
    let last = || request.earlier_suppliers.last().map(|earlier| earlier.refusal.code.as_str());
    let refusal = request.refusal.as_ref().map(|refusal| refusal.code.as_str());
    refusal.or_else(last).unwrap_or(Refusal::NO_CANDIDATE_LEFT)
}
