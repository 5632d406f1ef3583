//! Decides when a side is polled next, by the table of poll intervals in `lending`, within opening hours.

use jiff::Timestamp;
use lending::{InstitutionCode, PollContext, Request, Side, poll_interval, poll_target, poll_targets};
use store::{NewBatchPoll, NewIntent, Work};

use runtime::saturating_add;

use crate::polling::Polling;
use crate::webhook_health::WebhookCoverage;

/// A poll comes up to a fiftieth of its interval earlier, so that requests that changed together aren't polled together
/// for ever.
const JITTER: u32 = 50;

/// The polls and lists that a request needs from now on.
#[derive(Debug, Default)]
pub struct Plan {
    /// The polls of its sides.
    pub polls: Vec<NewIntent>,
    /// The lists on which it has a new entry.
    pub lists: Vec<NewBatchPoll>,
    /// The sides that are polled as before.
    pub unchanged: Vec<Side>,
}

/// Returns whether the lender still has to send its item. Only a webhook that reports every change of an item reports
/// the dispatch.
fn is_unsent(request: &Request, side: Side) -> bool {
    side == Side::Lender && !request.is_dispatched()
}

impl Polling {
    /// Plans the polls that a request needs, with the times at which they are due. `before` is the request as it was,
    /// whose polls are queued; none for a new one.
    pub async fn plan(&self, before: Option<&Request>, request: &Request) -> Result<Plan, store::Error> {
        let now = self.runtime.now();
        let mut plan = Plan::default();
        for target in poll_targets(request) {
            let Some(institution) = request.institution(target.side) else { continue };
            let entry = self.list_entry(request, target).await;
            if let Some(before) = before
                && before.institution(target.side) == Some(institution)
                && poll_target(before, target.side) == Some(target)
                && self.list_entry(before, target).await == entry
            {
                plan.unchanged.push(target.side);
            }
            let due_at = self.next_poll(request, target.side, 0, entry.is_some()).await?;
            let mut poll = NewIntent {
                id: self.runtime.ids().uuid(now),
                request: request.id,
                work: Work::Poll(target.side),
                institution: institution.clone(),
                due_at,
                on_list: None,
            };
            if let Some((entry, expected)) = entry {
                if !plan.unchanged.contains(&target.side) {
                    plan.lists.extend(self.batch_poll_for(request, target.side, &entry, expected).await?);
                }
                poll.on_list = Some(entry);
            }
            plan.polls.push(poll);
        }
        Ok(plan)
    }

    /// Returns when `side` of the request is polled next, after `unchanged` polls that showed nothing new. `listed`
    /// says whether a batch poll covers it.
    pub async fn next_poll(
        &self,
        request: &Request,
        side: Side,
        unchanged: u32,
        listed: bool,
    ) -> Result<Timestamp, store::Error> {
        let now = self.runtime.now();
        let webhook = self.webhook_is_trusted(request, side).await?;
        let context = PollContext::of(request, side, listed, webhook, unchanged);
        let interval = poll_interval(&context, &self.settings.intervals, now);
        let interval = interval - self.runtime.ids().jitter(interval / JITTER);
        self.next_open_time(request, side, saturating_add(now, interval)).await
    }

    /// Returns the first moment from `then` on at which the library at that side is open.
    pub async fn next_open_time(
        &self,
        request: &Request,
        side: Side,
        then: Timestamp,
    ) -> Result<Timestamp, store::Error> {
        Ok(self.runtime.rules_at(request, side).await?.calendar.open_from(then))
    }

    /// Returns whether a trusted webhook reports the changes at that side.
    async fn webhook_is_trusted(&self, request: &Request, side: Side) -> Result<bool, store::Error> {
        let coverage = self.webhook_coverage(request.institution(side)).await?;
        Ok(coverage.is_trusted_for(is_unsent(request, side)))
    }

    /// Returns whether a webhook reports the changes at that side, trusted or not.
    pub(crate) async fn webhook_covers(&self, request: &Request, side: Side) -> Result<bool, store::Error> {
        Ok(self.webhook_coverage(request.institution(side)).await?.covers(is_unsent(request, side)))
    }

    async fn webhook_coverage(&self, institution: Option<&InstitutionCode>) -> Result<WebhookCoverage, store::Error> {
        let Some(institution) = institution else { return Ok(WebhookCoverage::default()) };
        self.webhook_health.coverage(self.runtime.store(), institution, self.runtime.now()).await
    }
}
