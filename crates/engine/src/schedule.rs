//! When what is looked at. A look is for what no system tells: where one tells by itself it is for what was told and lost.
//! It comes the later the longer nothing has changed, in the hours in which the library is open, and seldom while the
//! patron has the book.

use std::time::Duration;

use jiff::Timestamp;
use lending::{Request, Rules, Side, Status};

use crate::clock::later;
use crate::engine::Engine;
use crate::error::Error;
use crate::settings::Polling;

/// The next moment after `now` that is a whole number of `intervals` away from the beginning of time.
fn next_multiple(now: Timestamp, interval: Duration) -> Timestamp {
    let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX).max(1);
    let next = now.as_microsecond().div_euclid(interval).saturating_add(1).saturating_mul(interval);
    Timestamp::from_microsecond(next).unwrap_or(Timestamp::MAX)
}

/// How much later everything comes while the book is with the patron: for weeks, as a rule.
const ON_LOAN: u32 = 6;

/// How much less often a desk's list is read where the lender's system tells of items that are sent.
const LIST_WHERE_TOLD: u32 = 12;
/// And where nothing has left the desk for a while.
const LIST_WHERE_QUIET: u32 = 3;

/// Looks come up to a fiftieth sooner, so that what changed together isn't looked at together for ever.
const JITTER: u32 = 50;

/// Whether the lender has still to send its item.
fn is_unsent(request: &Request, side: Side) -> bool {
    side == Side::Lender && !request.is_dispatched()
}

impl Engine {
    /// When `side` of the request is looked at next, after `unchanged` looks that showed nothing new.
    pub(crate) async fn next_look(&self, request: &Request, side: Side, unchanged: u32) -> Result<Timestamp, Error> {
        let interval = self.polling(request, side).await?.interval(unchanged);
        let interval = interval - self.ids.jitter(interval / JITTER);
        self.when_open(request, side, later(self.clock.now(), interval)).await
    }

    /// When `side` is looked at first: a lender that has still to send its item when its desk's list is read next.
    pub(crate) async fn first_look(&self, request: &Request, side: Side) -> Result<Timestamp, Error> {
        let Some(supply) = request.supply.as_ref().filter(|_| is_unsent(request, side)) else {
            return self.next_look(request, side, 0).await;
        };
        let now = self.clock.now();
        let told = self.ears.tells_items(&supply.institution, now);
        let factor = match told {
            true => LIST_WHERE_TOLD,
            false if self.desk_lists.is_quiet(&supply.institution, &supply.copy.library, now) => LIST_WHERE_QUIET,
            false => 1,
        };
        let then = next_multiple(now, self.settings.desk_list.saturating_mul(factor));
        self.when_open(request, side, then).await
    }

    async fn polling(&self, request: &Request, side: Side) -> Result<Polling, Error> {
        let told = self.is_told(request, side).await?;
        let polling = if told { self.settings.told_polling } else { self.settings.polling };
        Ok(if request.status == Status::Loaned { polling.times(ON_LOAN) } else { polling })
    }

    /// Whether what happens at that side is told by the library's system. That a lender has sent its item is told by those
    /// only that tell of each change of an item.
    pub(crate) async fn is_told(&self, request: &Request, side: Side) -> Result<bool, Error> {
        let Some(institution) = request.institution(side) else { return Ok(false) };
        let now = self.clock.now();
        if is_unsent(request, side) {
            return Ok(self.ears.tells_items(institution, now));
        }
        self.ears.tells(&self.store, institution, now).await
    }

    async fn when_open(&self, request: &Request, side: Side, then: Timestamp) -> Result<Timestamp, Error> {
        let rules = match (side, &request.supply) {
            (Side::Lender, Some(supply)) => self.rules_of(&supply.institution, Some(&supply.copy.library)).await?,
            (Side::Lender, None) => Rules::default(),
            (Side::Borrower, _) => self.rules_of_patron(request).await?,
            (Side::Pickup, _) => self.rules_of(&request.pickup.institution, Some(&request.pickup.library)).await?,
        };
        Ok(rules.calendar.open_from(then))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_at_a_desk_is_asked_for_at_the_same_time() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let five = Duration::from_secs(300);
        assert_eq!(next_multiple(at("2026-11-25T10:00:01Z"), five), at("2026-11-25T10:05:00Z"));
        assert_eq!(next_multiple(at("2026-11-25T10:04:59Z"), five), at("2026-11-25T10:05:00Z"));
        assert_eq!(next_multiple(at("2026-11-25T10:05:00Z"), five), at("2026-11-25T10:10:00Z"));
    }
}
