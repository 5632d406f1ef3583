//! What past requests say about the next one: how long it takes, and how long the patron may keep the item.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The fewest requests from which the hub derives a number.
const FEWEST: usize = 3;

/// A request that a lender supplied before. It names no patron.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastSupply {
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When the item was on the hold shelf.
    pub ready_at: Option<Timestamp>,
    /// When the patron borrowed it.
    pub lent_at: Option<Timestamp>,
    /// When it was due.
    pub due: Option<Timestamp>,
    /// Whether the patron renewed the loan.
    pub renewed: bool,
    /// Whether the lender refused a renewal.
    pub renewal_refused: bool,
}

/// What a patron may expect of a lender, by its last requests. A number that too few requests show is missing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ExpectedTerms {
    /// The days from the request until the item can be collected: half of the requests took no longer.
    pub days_to_pickup: Option<u32>,
    /// The days of a loan without renewals: half of the loans were no longer.
    pub loan_days: Option<u32>,
    /// The number of loans that were renewed.
    pub renewed: u32,
    /// The number of loans whose renewal the lender refused.
    pub renewals_refused: u32,
    /// The number of requests that the numbers rest on.
    pub requests: u32,
}

impl ExpectedTerms {
    /// Derives the terms from the last requests of a lender.
    pub fn of(past: &[PastSupply]) -> Self {
        let to_pickup = past.iter().filter_map(|one| Some(days(one.ready_at?.duration_since(one.placed_at))));
        let unrenewed = past.iter().filter(|one| !one.renewed);
        let loans = unrenewed.filter_map(|one| Some(days(one.due?.duration_since(one.lent_at?))));
        let count = |is_such: fn(&PastSupply) -> bool| {
            u32::try_from(past.iter().filter(|one| is_such(one)).count()).unwrap_or(u32::MAX)
        };
        Self {
            days_to_pickup: median(to_pickup.collect()),
            loan_days: median(loans.collect()),
            renewed: count(|one| one.renewed),
            renewals_refused: count(|one| one.renewal_refused),
            requests: count(|_| true),
        }
    }
}

/// Returns a time in whole days; a day that has begun counts.
fn days(time: SignedDuration) -> u32 {
    u32::try_from(time.as_secs().max(0).unsigned_abs().div_ceil(86_400)).unwrap_or(u32::MAX)
}

fn median(mut days: Vec<u32>) -> Option<u32> {
    days.sort_unstable();
    if days.len() < FEWEST { None } else { days.get((days.len() - 1) / 2).copied() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::noon;

    fn after(days: i64) -> Timestamp {
        noon() + SignedDuration::from_hours(24 * days)
    }

    fn past(ready: i64, due: i64) -> PastSupply {
        PastSupply {
            placed_at: noon(),
            ready_at: Some(after(ready)),
            lent_at: Some(after(ready + 1)),
            due: Some(after(ready + 1 + due)),
            renewed: false,
            renewal_refused: false,
        }
    }

    #[test]
    fn half_of_the_requests_took_no_longer() {
        let renewed = PastSupply { renewed: true, ..past(9, 60) };
        let terms = ExpectedTerms::of(&[past(2, 28), past(3, 28), past(4, 14), past(20, 28), renewed]);
        assert_eq!((terms.days_to_pickup, terms.loan_days), (Some(4), Some(28)));
        assert_eq!((terms.renewed, terms.renewals_refused, terms.requests), (1, 0, 5));
    }

    #[test]
    fn too_few_requests_say_nothing() {
        let waiting = PastSupply { ready_at: None, lent_at: None, due: None, ..past(1, 1) };
        let terms = ExpectedTerms::of(&[past(2, 28), past(3, 28), waiting]);
        assert_eq!((terms.days_to_pickup, terms.loan_days, terms.requests), (None, None, 3));
        assert_eq!(ExpectedTerms::of(&[]), ExpectedTerms::default());
    }
}
