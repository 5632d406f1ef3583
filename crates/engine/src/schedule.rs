//! Decides when a side is polled next. Polls find what no webhook reports, and what a webhook has reported and the hub has
//! lost. The interval grows while nothing changes, lies within opening hours, and is long while the patron has the book.
//! A side on a batch-polled list is polled when its entry differs from the expectation.

use jiff::{SignedDuration, Timestamp};
use lending::{Request, Rules, Side, Status};
use lms::ChangeKind;

use crate::batch_poll::expected;
use crate::clock::saturating_add;
use crate::engine::Engine;
use crate::error::Error;
use crate::poll::poll_target;
use crate::settings::Polling;
use crate::webhook_health::WebhookCoverage;

/// Factor on the interval while the book is with the patron: for weeks, as a rule.
const ON_LOAN: u32 = 6;
/// The same for a side on a list, where only a poll shows a renewal: until the day before the book is due, and from then
/// on.
const ON_LOAN_LISTED: u32 = 4;
const WHEN_DUE_LISTED: u32 = 2;
const BEFORE_DUE: SignedDuration = SignedDuration::from_hours(24);

/// Factor for a side whose hold itself is on a list: the list is as good as a poll.
const HOLD_ON_LIST: u32 = 6;

/// Polls come up to a fiftieth earlier, so that requests that changed together aren't polled together for ever.
const JITTER: u32 = 50;

/// Whether the list for that side names the hold itself.
fn is_hold_on_list(request: &Request, side: Side) -> bool {
    let next = poll_target(request, side).and_then(|target| expected(request, target));
    matches!(next, Some(ChangeKind::Dispatch | ChangeKind::HoldWaiting))
}

/// The day before the patron's loan is due.
fn before_due(request: &Request, side: Side) -> Option<Timestamp> {
    let due = request.virtual_side(side)?.loan.open()?.due?;
    due.checked_sub(BEFORE_DUE).ok()
}

/// Whether the lender has still to send its item. Only webhooks that report every change of an item report the dispatch.
fn is_unsent(request: &Request, side: Side) -> bool {
    side == Side::Lender && !request.is_dispatched()
}

impl Engine {
    /// Returns when `side` of the request is polled next, after `unchanged` polls that showed nothing new; much later where
    /// a batch poll covers it.
    pub(crate) async fn next_poll(
        &self,
        request: &Request,
        side: Side,
        unchanged: u32,
        listed: bool,
    ) -> Result<Timestamp, Error> {
        let interval = self.polling(request, side, listed).await?.interval(unchanged);
        let interval = interval - self.ids.jitter(interval / JITTER);
        let (now, then) = (self.clock.now(), saturating_add(self.clock.now(), interval));
        let renewal_is_unreported = listed && self.renewal_is_unreported(request, side).await?;
        let before_due = before_due(request, side).filter(|day| renewal_is_unreported && *day > now);
        self.next_open_time(request, side, before_due.map_or(then, |day| day.min(then))).await
    }

    /// Whether a patron has the book, and neither a list nor a message would show its renewal.
    async fn renewal_is_unreported(&self, request: &Request, side: Side) -> Result<bool, Error> {
        let is_patrons = request.status == Status::Loaned && side != Side::Lender;
        Ok(is_patrons && !self.webhook_is_trusted(request, side).await?)
    }

    async fn polling(&self, request: &Request, side: Side, listed: bool) -> Result<Polling, Error> {
        let is_lent = request.status == Status::Loaned;
        if listed {
            let is_due = before_due(request, side).is_none_or(|day| day <= self.clock.now());
            let factor = match self.renewal_is_unreported(request, side).await? {
                true if is_due => WHEN_DUE_LISTED,
                true => ON_LOAN_LISTED,
                false if is_lent => ON_LOAN,
                false if is_hold_on_list(request, side) => HOLD_ON_LIST,
                false => 1,
            };
            return Ok(self.settings.batch_polling.scaled(factor));
        }
        let webhook_covers = self.webhook_is_trusted(request, side).await?;
        let polling = if webhook_covers { self.settings.webhook_polling } else { self.settings.polling };
        Ok(if is_lent { polling.scaled(ON_LOAN) } else { polling })
    }

    /// Whether a trusted webhook reports the changes at that side.
    pub(crate) async fn webhook_is_trusted(&self, request: &Request, side: Side) -> Result<bool, Error> {
        let coverage = self.webhook_coverage(request, side).await?;
        Ok(coverage.is_trusted_for(is_unsent(request, side)))
    }

    /// Whether a webhook reports the changes at that side, trusted or not.
    pub(crate) async fn webhook_covers(&self, request: &Request, side: Side) -> Result<bool, Error> {
        Ok(self.webhook_coverage(request, side).await?.covers(is_unsent(request, side)))
    }

    async fn webhook_coverage(&self, request: &Request, side: Side) -> Result<WebhookCoverage, Error> {
        match request.institution(side) {
            Some(institution) => self.webhook_health.coverage(&self.store, institution, self.clock.now()).await,
            None => Ok(WebhookCoverage::default()),
        }
    }

    pub(crate) async fn next_open_time(
        &self,
        request: &Request,
        side: Side,
        then: Timestamp,
    ) -> Result<Timestamp, Error> {
        let rules = match (side, &request.supply) {
            (Side::Lender, Some(supply)) => self.rules_of(&supply.institution, Some(&supply.copy.library)).await?,
            (Side::Lender, None) => Rules::default(),
            (Side::Borrower, _) => self.rules_of_patron(request).await?,
            (Side::Pickup, _) => self.rules_of(&request.pickup.institution, Some(&request.pickup.library)).await?,
        };
        Ok(rules.calendar.open_from(then))
    }
}
