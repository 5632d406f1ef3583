//! Batch polls: one read of a list shows the state of many requests. Requests whose entry is as expected need no poll;
//! the others are polled. So open requests cost next to nothing, and changes are noticed when the list is read.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::{Hint, InstitutionCode, PollTarget, Request, Side, Status};
use lms::{ChangeKind, ExpectedChange, ListContents, Outage, Priority};
use store::{BatchPoll, ListEntry, ListedPoll, NewBatchPoll};
use tracing::{Instrument as _, debug, debug_span, error, info, warn};
use uuid::Uuid;

use crate::clock::saturating_add;
use crate::engine::Engine;
use crate::error::Error;
use crate::perform::{real_item, virtual_item};
use crate::poll::open_hold;
use crate::webhooks::encode_hint;

/// The maximum number of concurrent batch polls.
pub(crate) const MAX_CONCURRENT: usize = 8;
/// The batch polls that may run at once: at most half of the workers, so that patrons find one.
fn slots(workers: usize) -> usize {
    MAX_CONCURRENT.min(workers.div_ceil(2))
}

/// A list is read within this, or by another node too: ten thousand loans take a hundred calls.
const LEASE: Duration = Duration::from_secs(1_800);

/// Factor on the interval where a trusted webhook reports each item that is sent,
const ITEM_WEBHOOK_FACTOR: u32 = 24;
/// and of each hold and loan;
const WEBHOOK_FACTOR: u32 = 36;
/// and where nothing has happened for a while, or for longer than a long week-end.
const QUIET_FACTORS: [(SignedDuration, u32); 2] =
    [(SignedDuration::from_hours(4 * 24), 12), (SignedDuration::from_hours(1), 3)];
/// The interval grows with each multiple of this length: a list takes one call per hundred entries.
const LARGE_LIST: usize = 1_000;

/// For how long a list that was refused isn't asked for.
const REFUSED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The same of one of which no answer could be read: something else answers, or Alma answers wrongly, for a time.
const UNREADABLE_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The factor on the shortest interval: patrons wait for what is sent and for what has arrived, and for nothing else.
fn interval_factor(expected: ChangeKind) -> u32 {
    match expected {
        ChangeKind::Dispatch | ChangeKind::Arrival | ChangeKind::Collection => 1,
        ChangeKind::HoldWaiting | ChangeKind::Return | ChangeKind::ReturnToLender => 4,
        ChangeKind::OnLoan => RARE_FACTOR,
    }
}
/// The factor for changes out of sequence, whatever an institution has set for lost messages.
const RARE_FACTOR: u32 = 36;

/// The factor for a list on which nothing has changed for this long.
fn quiet_factor(quiet: SignedDuration) -> u32 {
    QUIET_FACTORS.iter().find(|(after, _)| quiet > *after).map_or(1, |(_, factor)| *factor)
}

/// Returns the first instant after `now` on a fixed grid: multiples of `interval` since the Unix epoch, offset by `shift`.
/// All nodes compute the same grid.
fn next_on_grid(now: Timestamp, interval: Duration, shift: Duration) -> Timestamp {
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    let (interval, shift) = (micros(interval).max(1), micros(shift));
    let whole = now.as_microsecond().saturating_sub(shift).div_euclid(interval).saturating_add(1);
    Timestamp::from_microsecond(whole.saturating_mul(interval).saturating_add(shift)).unwrap_or(Timestamp::MAX)
}

/// Returns an institution's offset within the shortest interval (FNV-1a of its code), so that not all lists are read at the
/// same moment.
fn offset_of(institution: &InstitutionCode, shortest: Duration) -> Duration {
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    shortest.mul_f64(f64::from(institution.as_str().bytes().fold(0x811c_9dc5, hash)) / (f64::from(u32::MAX) + 1.0))
}

/// Returns the change that is expected next at a side, where a list may show it.
pub(crate) fn expected(request: &Request, target: PollTarget) -> Option<ChangeKind> {
    let status = request.status;
    if request.is_lent_to_another(target.side) {
        // Of whose loan has ended no list shows.
        return None;
    }
    if target.side == Side::Lender {
        let supply = request.supply.as_ref()?;
        return match status {
            _ if !request.is_dispatched() => supply.hold.open().map(|_| ChangeKind::Dispatch),
            Status::Loaned if supply.loan.is_open() => Some(ChangeKind::OnLoan),
            Status::ReturnTransit if supply.loan.is_open() => Some(ChangeKind::ReturnToLender),
            _ => None,
        };
    }
    match status {
        Status::RequestPlacedAtBorrowingAgency | Status::RequestPlacedAtPickupAgency => Some(ChangeKind::HoldWaiting),
        Status::PickupTransit | Status::ReceivedAtPickup => Some(ChangeKind::Arrival),
        Status::ReadyForPickup => Some(ChangeKind::Collection),
        Status::Loaned if !target.hold => Some(ChangeKind::Return),
        _ => None,
    }
}

/// Lists that were refused, or of which no answer could be read. Once may be a whim of the system's; one of which that is so
/// twice in a row is not counted on for a while.
#[derive(Debug, Default)]
pub(crate) struct RefusedLists(Mutex<HashMap<(InstitutionCode, String), RefusalCount>>);

/// How often in a row a list was refused, and when last.
#[derive(Clone, Copy, Debug)]
struct RefusalCount {
    times: u32,
    last: Timestamp,
    rest: SignedDuration,
}

impl RefusedLists {
    fn is(&self, institution: &InstitutionCode, list: &str, now: Timestamp) -> bool {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refusals = refused.get(&(institution.clone(), list.to_owned()));
        refusals.is_some_and(|all| all.times > 1 && now.duration_since(all.last) < all.rest)
    }

    /// Answers whether it is not counted on any more.
    fn note(&self, institution: &InstitutionCode, list: &str, now: Timestamp, rest: SignedDuration) -> bool {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = refused.get(&(institution.clone(), list.to_owned())).map_or(0, |all| all.times);
        let times = before.saturating_add(1);
        refused.insert((institution.clone(), list.to_owned()), RefusalCount { times, last: now, rest });
        times > 1
    }

    /// It was read.
    fn read(&self, institution: &InstitutionCode, list: &str) {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.remove(&(institution.clone(), list.to_owned()));
    }

    /// Settings have changed, perhaps for that.
    pub(crate) fn forget(&self, institution: &InstitutionCode) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| of != institution);
    }

    /// The same of all institutions.
    pub(crate) fn forget_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What came of reading a list.
enum ListOutcome {
    Read(ListContents),
    /// There is no such list.
    Refused,
    /// It can't be read: what the system answers is no list.
    Unreadable,
    /// The key was refused; a poll will show whether for everything or for this area alone.
    KeyRefused,
}

impl Engine {
    /// Returns the list that shows the expected change, and the request's entry on it.
    pub(crate) async fn list_entry(&self, request: &Request, target: PollTarget) -> Option<(ListEntry, ChangeKind)> {
        let expected = expected(request, target)?;
        let institution = request.institution(target.side)?;
        let lms = self.registry.get(institution).await.ok()?;
        let supply = request.supply.as_ref();
        let item = match target.side {
            Side::Lender => real_item(supply?),
            side => virtual_item(request, side).ok()?,
        };
        let change = ExpectedChange {
            kind: expected,
            item: &item,
            hold: open_hold(request, target.side),
            library: supply.map(|supply| &supply.copy.library),
            pickup: (target.side == request.pickup_role()).then_some(&request.pickup.library),
        };
        let listing = lms.list_entry(&change)?;
        if self.refused_lists.is(institution, &listing.list, self.clock.now()) {
            return None;
        }
        Some((ListEntry { list: listing.list, key: listing.key, expected_present: listing.expected_present }, expected))
    }

    /// Returns the batch poll of a list on which the request has an entry from now on.
    pub(crate) async fn batch_poll_for(
        &self,
        request: &Request,
        side: Side,
        on: &ListEntry,
        expected: ChangeKind,
    ) -> Result<Option<NewBatchPoll>, Error> {
        let Some(institution) = request.institution(side) else { return Ok(None) };
        let library = match (side, &request.supply) {
            (Side::Lender, Some(supply)) if expected == ChangeKind::Dispatch => Some(supply.copy.library.clone()),
            _ => None,
        };
        let mut batch_poll = NewBatchPoll {
            institution: institution.clone(),
            list: on.list.clone(),
            library,
            interval_factor: interval_factor(expected),
            needs_item_messages: expected == ChangeKind::Dispatch,
            due_at: self.clock.now(),
        };
        batch_poll.due_at = self.next_batch_poll(&batch_poll, self.clock.now(), 1).await?;
        Ok(Some(batch_poll))
    }

    /// Returns when a list with this many entries is read next.
    async fn next_batch_poll(
        &self,
        batch_poll: &NewBatchPoll,
        last_change_at: Timestamp,
        standing: usize,
    ) -> Result<Timestamp, Error> {
        let now = self.clock.now();
        let coverage = self.webhook_health.coverage(&self.store, &batch_poll.institution, now).await?;
        let trusted = coverage.is_trusted_for(batch_poll.needs_item_messages);
        let factor = match (trusted, batch_poll.needs_item_messages) {
            (true, true) => ITEM_WEBHOOK_FACTOR,
            (true, false) => WEBHOOK_FACTOR,
            (false, _) => quiet_factor(now.duration_since(last_change_at)),
        };
        let length = u32::try_from(standing.div_ceil(LARGE_LIST)).unwrap_or(u32::MAX).max(1);
        let interval = self
            .settings
            .batch_poll_interval
            .saturating_mul(factor.saturating_mul(batch_poll.interval_factor).saturating_mul(length));
        let sure =
            self.detection_target(&batch_poll.institution).await.filter(|_| batch_poll.interval_factor < RARE_FACTOR);
        // Not more often than any list, nor than a long one.
        let sure = sure.map(|sure| sure.max(self.settings.batch_poll_interval.saturating_mul(length)));
        let interval = sure.map_or(interval, |sure| interval.min(sure));
        let rules = self.rules_of(&batch_poll.institution, batch_poll.library.as_ref()).await?;
        let shift = offset_of(&batch_poll.institution, self.settings.batch_poll_interval);
        Ok(rules.calendar.open_from(next_on_grid(now, interval, shift)))
    }

    /// Returns the time within which an institution wants lost messages to be noticed.
    async fn detection_target(&self, institution: &InstitutionCode) -> Option<Duration> {
        let minutes = self.registry.get(institution).await.ok()?.quota_settings().lost_message_detection_minutes?;
        Some(Duration::from_secs(60).saturating_mul(minutes))
    }

    /// Reschedules the lists of all institutions with a webhook to now, after the hub could not receive messages: Alma
    /// resends a message an hour later at the earliest. A list that was read within the shortest interval is read at its end.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        let (now, lists) = (self.clock.now(), self.settings.batch_poll_interval);
        let rescheduled =
            self.retry_transaction(async || Ok(self.store.reschedule_webhook_lists(now, lists).await?)).await?;
        if rescheduled > 0 {
            // All of it has been read by then, or can't be.
            self.webhook_health.suspend_miss_detection_until(saturating_add(now, lists.saturating_mul(2)));
            info!(
                lists = rescheduled,
                "messages could not be received for a while; reading the lists of institutions with webhooks"
            );
        }
        Ok(())
    }

    /// The same after a message could not be stored.
    pub(crate) async fn catch_up_after_intake_failure(&self) -> Result<(), Error> {
        if self.webhook_health.take_intake_failed() {
            self.catch_up().await.inspect_err(|_| self.webhook_health.mark_intake_failed())?;
        }
        Ok(())
    }

    /// Reads a list that is due, and reschedules the polls of requests whose entry differs from the expectation.
    pub(crate) async fn run_batch_poll(self: Arc<Self>, batch_poll: BatchPoll) {
        let span = debug_span!("batch_poll", institution = %batch_poll.institution, list = batch_poll.list);
        match self.try_batch_poll(&batch_poll).instrument(span).await {
            Ok(()) => {}
            Err(Error::Store(store::Error::LeaseLost)) => {
                warn!(institution = %batch_poll.institution, list = batch_poll.list, "reading a list took so long that it was given to another");
            }
            Err(failure) => {
                error!(institution = %batch_poll.institution, list = batch_poll.list, error = %failure, "could not store what a list showed");
            }
        }
    }

    /// Claims due batch polls, as far as there is room: patrons wait for other work.
    pub(crate) async fn claim_batch_polls(&self, now: Timestamp, room: usize) -> Result<Vec<BatchPoll>, Error> {
        let most =
            slots(self.settings.workers).saturating_sub(self.active_batch_polls.load(Ordering::Relaxed)).min(room);
        if most == 0 {
            return Ok(Vec::new());
        }
        Ok(self.store.claim_batch_polls(&self.settings.node, now, LEASE, most).await?)
    }

    async fn try_batch_poll(&self, batch_poll: &BatchPoll) -> Result<(), Error> {
        let listed = self.store.listed(&batch_poll.institution, &batch_poll.list, self.clock.now()).await?;
        if listed.is_empty() {
            return self.end_batch_poll(batch_poll, 0, &[], &[], Timestamp::MAX).await;
        }
        let standing = listed.len();
        match self.read_list(batch_poll, &listed).await {
            Ok(ListOutcome::Read(read)) => {
                self.refused_lists.read(&batch_poll.institution, &batch_poll.list);
                self.compare(batch_poll, listed, &read).await
            }
            Ok(refused) => {
                let (rest, at_latest) = match refused {
                    ListOutcome::Unreadable => {
                        (UNREADABLE_FOR, saturating_add(self.clock.now(), self.settings.batch_poll_interval))
                    }
                    _ => (REFUSED_FOR, Timestamp::MAX),
                };
                let is_given_up =
                    self.refused_lists.note(&batch_poll.institution, &batch_poll.list, self.clock.now(), rest);
                let one_by_one = match (is_given_up, refused) {
                    (true, _) => standing,
                    (false, ListOutcome::KeyRefused) => 1,
                    (false, _) => 0,
                };
                let left: Vec<Uuid> = listed.iter().take(one_by_one).map(|poll| poll.id).collect();
                if is_given_up {
                    warn!(institution = %batch_poll.institution, list = batch_poll.list, polls = standing, "a list is refused, or can't be read; all on it is polled one by one");
                }
                self.end_batch_poll(batch_poll, standing - one_by_one, &left, &[], at_latest).await
            }
            Err(not_done) => {
                warn!(institution = %batch_poll.institution, list = batch_poll.list, reason = %not_done, "could not read a list");
                let next_try = saturating_add(self.clock.now(), self.settings.batch_poll_interval);
                self.end_batch_poll(batch_poll, standing, &[], &[], next_try).await
            }
        }
    }

    async fn read_list(&self, batch_poll: &BatchPoll, listed: &[ListedPoll]) -> Result<ListOutcome, lms::Error> {
        let institution = &batch_poll.institution;
        let was_down = self.breakers.is_down(institution);
        let settings = self.breakers.admit(institution, self.clock.now())?;
        let lms = self.registry.get(institution).await?;
        self.check_poll_budget(lms.as_ref(), Priority::Poll)?;
        let mut keys: Vec<String> = listed.iter().map(|poll| poll.key.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let read = Priority::Poll.scope(lms.read_list(&batch_poll.list, &keys)).await;
        if !was_down && matches!(read, Err(lms::Error::Unavailable { outage: Outage::KeyRefused, .. })) {
            return Ok(ListOutcome::KeyRefused);
        }
        match self.record_outcome(institution, settings, read).await {
            Ok(read) => Ok(read.map_or(ListOutcome::Refused, ListOutcome::Read)),
            Err(lms::Error::Unreadable { what } | lms::Error::InvalidResponse { what }) => {
                warn!(%institution, list = batch_poll.list, reason = what, "a list can't be read");
                Ok(ListOutcome::Unreadable)
            }
            Err(not_done) => Err(not_done),
        }
    }

    async fn compare(&self, batch_poll: &BatchPoll, listed: Vec<ListedPoll>, read: &ListContents) -> Result<(), Error> {
        let (now, standing) = (self.clock.now(), listed.len());
        let sure = self.detection_target(&batch_poll.institution).await.unwrap_or(Duration::MAX);
        let (unclear, clear): (Vec<_>, Vec<_>) = listed.into_iter().partition(|poll| read.unclear.contains(&poll.key));
        let unclear: Vec<Uuid> = unclear.iter().map(|poll| poll.id).collect();
        let moved: Vec<ListedPoll> =
            clear.into_iter().filter(|poll| read.present.contains(&poll.key) != poll.expected_present).collect();
        // Where a poll has seen it, and found nothing new, it is not polled each time the list is read.
        let due = |poll: &ListedPoll| {
            poll.attempts == 0
                || saturating_add(poll.updated_at, self.settings.polling.interval(poll.attempts).min(sure)) <= now
        };
        let mismatches: Vec<(ListedPoll, String)> = moved
            .into_iter()
            .filter(due)
            .map(|poll| {
                let state =
                    if poll.expected_present { read.state_if_absent.clone() } else { read.state_if_present.clone() };
                let line = encode_hint(Some(&Hint::ListMismatch { state, present: !poll.expected_present }));
                (poll, line)
            })
            .collect();
        let last_change_at = if mismatches.is_empty() { batch_poll.last_change_at } else { now };
        debug!(mismatches = mismatches.len(), unclear = unclear.len(), "a list was read");
        let mut batch_poll = batch_poll.clone();
        (batch_poll.last_change_at, batch_poll.read_at) = (last_change_at, now);
        self.end_batch_poll(&batch_poll, standing, &unclear, &mismatches, Timestamp::MAX).await
    }

    async fn end_batch_poll(
        &self,
        batch_poll: &BatchPoll,
        standing: usize,
        one_by_one: &[Uuid],
        mismatches: &[(ListedPoll, String)],
        at_latest: Timestamp,
    ) -> Result<(), Error> {
        let next = NewBatchPoll {
            institution: batch_poll.institution.clone(),
            list: batch_poll.list.clone(),
            library: batch_poll.library.clone(),
            interval_factor: batch_poll.interval_factor,
            needs_item_messages: batch_poll.needs_item_messages,
            due_at: batch_poll.last_change_at,
        };
        let due = self.next_batch_poll(&next, batch_poll.last_change_at, standing).await?.min(at_latest);
        self.retry_transaction(async || {
            let now = self.clock.now();
            let mut tx = self.store.begin().await?;
            tx.finish_batch_poll(batch_poll, due).await?;
            // They needn't all be polled together; one alone finds out whether any can be.
            let within = if one_by_one.len() > 1 { self.settings.polling.initial } else { Duration::ZERO };
            tx.detach_from_list(one_by_one, saturating_add(now, self.ids.jitter(within))).await?;
            for (poll, line) in mismatches {
                tx.add_hint(poll.request, poll.side, line, now, now).await?;
            }
            Ok(tx.commit().await?)
        })
        .await?;
        self.wake.notify_one();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_polls_lie_on_a_grid_with_an_offset_for_each_institution() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (five, none) = (Duration::from_secs(300), Duration::ZERO);
        assert_eq!(next_on_grid(at("2026-11-25T10:00:01Z"), five, none), at("2026-11-25T10:05:00Z"));
        assert_eq!(next_on_grid(at("2026-11-25T10:04:59Z"), five, none), at("2026-11-25T10:05:00Z"));
        assert_eq!(next_on_grid(at("2026-11-25T10:05:00Z"), five, none), at("2026-11-25T10:10:00Z"));
        let minute = Duration::from_secs(60);
        assert_eq!(next_on_grid(at("2026-11-25T10:00:59Z"), five, minute), at("2026-11-25T10:01:00Z"));
        assert_eq!(next_on_grid(at("2026-11-25T10:01:00Z"), five, minute), at("2026-11-25T10:06:00Z"));

        let moments = ["01LEND_INST", "01OTHER_INST", "01BORROW_INST"].map(|code| offset_of(&code.into(), five));
        assert!(moments.iter().all(|moment| *moment < five), "{moments:?}");
        assert!(moments[0] != moments[1] && moments[1] != moments[2] && moments[0] != moments[2], "{moments:?}");
    }

    #[test]
    fn lists_leave_half_of_the_places_to_patrons() {
        assert_eq!([0, 1, 4, 64].map(slots), [0, 1, 2, 8]);
    }

    #[test]
    fn lists_are_read_less_often_the_longer_nothing_has_happened() {
        let factors = [0, 1, 2, 96, 97].map(|hours| quiet_factor(SignedDuration::from_hours(hours)));
        assert_eq!(factors, [1, 1, 3, 3, 12]);
    }

    #[test]
    fn list_that_is_refused_twice_is_requested_after_a_day_or_changed_settings() {
        let (refused, lender) = (RefusedLists::default(), InstitutionCode::from("01LEND_INST"));
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        assert!(!refused.note(&lender, "pick MAIN", at(0), REFUSED_FOR) && !refused.is(&lender, "pick MAIN", at(0)));
        refused.read(&lender, "pick MAIN");
        assert!(!refused.note(&lender, "pick MAIN", at(1), REFUSED_FOR), "it was read in between");
        assert!(refused.note(&lender, "pick MAIN", at(2), REFUSED_FOR));
        assert!(refused.is(&lender, "pick MAIN", at(25)) && !refused.is(&lender, "on_shelf", at(25)));
        assert!(!refused.is(&lender, "pick MAIN", at(26)));
        refused.forget(&lender);
        assert!(!refused.is(&lender, "pick MAIN", at(3)));
    }
}
