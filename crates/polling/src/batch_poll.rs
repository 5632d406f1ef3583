//! Batch polls: one read of a list shows the state of many requests. Requests whose entry is as expected need no poll;
//! the others are polled. So open requests cost next to nothing, and changes are noticed when the list is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lending::{
    ChangeKind, Hint, InstitutionCode, ListBudget, ListContext, PollTarget, Priority, RARE_FACTOR, Request, Side,
    calls_to_read, expected_change, list_interval,
};
use lms::{ExpectedChange, ListContents, Outage, real_item, virtual_item};
use runtime::saturating_add;
use store::{BatchPoll, ListEntry, ListedPoll, NewBatchPoll};
use tracing::{Instrument as _, debug, debug_span, error, info, warn};
use uuid::Uuid;

use crate::hints::encode_hint;
use crate::poll::open_hold;
use crate::polling::Polling;
use crate::refused_lists::{REFUSED_FOR, UNREADABLE_FOR};

/// The maximum number of concurrent batch polls.
pub(crate) const MAX_CONCURRENT: usize = 8;
/// The batch polls that may run at once: at most half of the workers, so that patrons find one.
fn slots(workers: usize) -> usize {
    MAX_CONCURRENT.min(workers.div_ceil(2))
}

/// The lease of a batch poll: a list that isn't read within this time may be read by another node. Ten thousand loans
/// take a hundred calls.
pub const LIST_LEASE: Duration = Duration::from_secs(1_800);

/// Returns the first instant after `now` on a fixed grid: multiples of `interval` since the Unix epoch, offset by
/// `shift`. All nodes compute the same grid.
fn next_on_grid(now: Timestamp, interval: Duration, shift: Duration) -> Timestamp {
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    let (interval, shift) = (micros(interval).max(1), micros(shift));
    let whole = now.as_microsecond().saturating_sub(shift).div_euclid(interval).saturating_add(1);
    Timestamp::from_microsecond(whole.saturating_mul(interval).saturating_add(shift)).unwrap_or(Timestamp::MAX)
}

/// Returns an institution's offset within the shortest interval (FNV-1a of its code), so that not all lists are read at
/// the same moment.
fn offset_of(institution: &InstitutionCode, shortest: Duration) -> Duration {
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    shortest.mul_f64(f64::from(institution.as_str().bytes().fold(0x811c_9dc5, hash)) / (f64::from(u32::MAX) + 1.0))
}

/// The outcome of reading a list.
enum ListOutcome {
    Read(ListContents),
    /// The system has no such list.
    Refused,
    /// The system's answer is no list.
    Unreadable,
    /// The system refused the key. A poll will show whether it refuses the key for everything or for this area alone.
    KeyRefused,
}

/// A list that this node has claimed. It counts as an active batch poll until it is dropped.
#[derive(Debug)]
pub struct ClaimedList {
    list: BatchPoll,
    active: Arc<AtomicUsize>,
}

impl ClaimedList {
    fn new(list: BatchPoll, active: &Arc<AtomicUsize>) -> Self {
        active.fetch_add(1, Ordering::Relaxed);
        Self { list, active: Arc::clone(active) }
    }
}

impl Drop for ClaimedList {
    fn drop(&mut self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Polling {
    /// Returns the list that shows the expected change, and the request's entry on it.
    pub(crate) async fn list_entry(&self, request: &Request, target: PollTarget) -> Option<(ListEntry, ChangeKind)> {
        let expected = expected_change(request, target)?;
        let institution = request.institution(target.side)?;
        let lms = self.systems.adapter(institution).await.ok()?;
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
        if self.refused_lists.is(institution, &listing.list, self.runtime.now()) {
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
    ) -> Result<Option<NewBatchPoll>, store::Error> {
        let Some(institution) = request.institution(side) else { return Ok(None) };
        let library = match (side, &request.supply) {
            (Side::Lender, Some(supply)) if expected == ChangeKind::Dispatch => Some(supply.copy.library.clone()),
            _ => None,
        };
        let mut batch_poll = NewBatchPoll {
            institution: institution.clone(),
            list: on.list.clone(),
            library,
            interval_factor: expected.interval_factor(),
            needs_item_messages: expected == ChangeKind::Dispatch,
            due_at: self.runtime.now(),
        };
        batch_poll.due_at = self.next_batch_poll(&batch_poll, self.runtime.now(), 1).await?;
        Ok(Some(batch_poll))
    }

    /// Returns when a list with this many entries is read next.
    async fn next_batch_poll(
        &self,
        batch_poll: &NewBatchPoll,
        last_change_at: Timestamp,
        standing: usize,
    ) -> Result<Timestamp, store::Error> {
        let now = self.runtime.now();
        let coverage = self.webhook_health.coverage(self.runtime.store(), &batch_poll.institution, now).await?;
        let context = ListContext {
            interval_factor: batch_poll.interval_factor,
            needs_item_messages: batch_poll.needs_item_messages,
            webhook: coverage.is_trusted_for(batch_poll.needs_item_messages),
            quiet: now.duration_since(last_change_at),
            length: standing,
            detection_target: match self.detection_target(&batch_poll.institution).await {
                Some(target) => Some(target),
                None => self.spared_interval(&batch_poll.institution).await?,
            },
        };
        let interval = list_interval(&context, &self.settings.intervals);
        let rules = self.runtime.rules_of(&batch_poll.institution, batch_poll.library.as_ref()).await?;
        let shift = offset_of(&batch_poll.institution, self.settings.intervals.batch);
        Ok(rules.calendar.open_from(next_on_grid(now, interval, shift)))
    }

    /// Returns the interval between two reads of each of an institution's lists for which it has calls to spare
    /// (docs/decisions/0037-lists-are-read-as-often-as-the-budget-allows.md).
    async fn spared_interval(&self, institution: &InstitutionCode) -> Result<Option<Duration>, store::Error> {
        let now = self.runtime.now();
        if let Some(known) = self.spared_intervals.get(institution, now) {
            return Ok(known);
        }
        // Without a number of calls, or with settings that can't be used, the ordinary intervals apply.
        let calls = self.systems.batch_poll_calls(institution).await.ok().flatten();
        let interval = match calls {
            None | Some(0) => None,
            Some(calls_per_day) => {
                let lists = self.runtime.store().list_lengths(institution, RARE_FACTOR).await?;
                // A list may have many entries of the library's own.
                let rows = |(list, entries): (String, u64)| {
                    let read = self.list_rows.get(&(institution.clone(), list), now).unwrap_or_default();
                    entries.max(read)
                };
                let lengths: Vec<u64> = lists.into_iter().map(rows).collect();
                let open = self.runtime.rules_of(institution, None).await?.calendar.open_per_day();
                ListBudget { calls_per_day, open, calls_per_round: calls_to_read(lengths) }.interval()
            }
        };
        self.spared_intervals.insert(institution.clone(), interval, now);
        Ok(interval)
    }

    /// Returns the detection time for lost messages that the institution has set.
    async fn detection_target(&self, institution: &InstitutionCode) -> Option<Duration> {
        let minutes = self.systems.adapter(institution).await.ok()?.quota_settings().lost_message_detection_minutes?;
        Some(Duration::from_secs(60).saturating_mul(minutes))
    }

    /// Reschedules the lists of all institutions with a webhook to now, after the hub could not receive messages: Alma
    /// resends a message an hour later at the earliest. A list that was read within the shortest interval is read at
    /// its end.
    async fn catch_up(&self) -> Result<(), store::Error> {
        let (now, lists) = (self.runtime.now(), self.settings.intervals.batch);
        let rescheduled = self
            .runtime
            .retry_transaction(async || self.runtime.store().reschedule_webhook_lists(now, lists).await)
            .await?;
        if rescheduled > 0 {
            // By then the hub has read everything that was missed, or can't read it.
            self.webhook_health.suspend_miss_detection_until(saturating_add(now, lists.saturating_mul(2)));
            info!(
                lists = rescheduled,
                "messages could not be received for a while; reading the lists of institutions with webhooks"
            );
        }
        Ok(())
    }

    /// Catches up after a message could not be stored.
    pub async fn catch_up_after_intake_failure(&self) -> Result<(), store::Error> {
        if self.webhook_health.take_intake_failed() {
            self.catch_up().await.inspect_err(|_| self.webhook_health.mark_intake_failed())?;
        }
        Ok(())
    }

    /// Reads a list that is due, and reschedules the polls of requests whose entry differs from the expectation.
    pub async fn run_batch_poll(&self, claimed: ClaimedList) {
        let list = &claimed.list;
        let span = debug_span!("batch_poll", institution = %list.institution, list = list.list);
        match self.try_batch_poll(list).instrument(span).await {
            Ok(()) => {}
            Err(store::Error::LeaseLost) => {
                warn!(institution = %list.institution, list = list.list, "reading a list took so long that it was given to another");
            }
            Err(failure) => {
                error!(institution = %list.institution, list = list.list, error = %failure, "could not store what a list showed");
            }
        }
    }

    /// Claims lists that are due, as far as there is room. Patrons wait for other work.
    pub async fn claim_batch_polls(&self, now: Timestamp, room: usize) -> Result<Vec<ClaimedList>, store::Error> {
        let active = self.active_batch_polls.load(Ordering::Relaxed);
        let most = slots(self.settings.workers).saturating_sub(active).min(room);
        if most == 0 {
            return Ok(Vec::new());
        }
        let claimed = self.runtime.store().claim_batch_polls(self.runtime.node(), now, LIST_LEASE, most).await?;
        Ok(claimed.into_iter().map(|list| ClaimedList::new(list, &self.active_batch_polls)).collect())
    }

    async fn try_batch_poll(&self, batch_poll: &BatchPoll) -> Result<(), store::Error> {
        let listed = self.runtime.store().listed(&batch_poll.institution, &batch_poll.list, self.runtime.now()).await?;
        if listed.is_empty() {
            return self.end_batch_poll(batch_poll, 0, &[], &[], Timestamp::MAX).await;
        }
        let standing = listed.len();
        match self.read_list(batch_poll, &listed).await {
            Ok(ListOutcome::Read(read)) => {
                self.refused_lists.read(&batch_poll.institution, &batch_poll.list);
                let rows = u64::try_from(read.present.len()).unwrap_or(u64::MAX);
                let list = (batch_poll.institution.clone(), batch_poll.list.clone());
                self.list_rows.insert(list, rows, self.runtime.now());
                self.compare(batch_poll, listed, &read).await
            }
            Ok(refused) => {
                let (rest, at_latest) = match refused {
                    ListOutcome::Unreadable => {
                        (UNREADABLE_FOR, saturating_add(self.runtime.now(), self.settings.intervals.batch))
                    }
                    _ => (REFUSED_FOR, Timestamp::MAX),
                };
                let is_given_up =
                    self.refused_lists.note(&batch_poll.institution, &batch_poll.list, self.runtime.now(), rest);
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
                let next_try = saturating_add(self.runtime.now(), self.settings.intervals.batch);
                self.end_batch_poll(batch_poll, standing, &[], &[], next_try).await
            }
        }
    }

    async fn read_list(&self, batch_poll: &BatchPoll, listed: &[ListedPoll]) -> Result<ListOutcome, lms::Error> {
        let institution = &batch_poll.institution;
        let was_down = self.systems.is_down(institution);
        self.systems.check_budget(institution, Priority::Poll).await?;
        let admitted = self.systems.admit(institution).await?;
        let mut keys: Vec<String> = listed.iter().map(|poll| poll.key.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let read = lms::with_priority(Priority::Poll, admitted.lms.read_list(&batch_poll.list, &keys)).await;
        if !was_down && matches!(read, Err(lms::Error::Unavailable { outage: Outage::KeyRefused, .. })) {
            return Ok(ListOutcome::KeyRefused);
        }
        match self.systems.finish(admitted, read).await {
            Ok(read) => Ok(read.map_or(ListOutcome::Refused, ListOutcome::Read)),
            Err(lms::Error::Unreadable { what } | lms::Error::InvalidResponse { what }) => {
                warn!(%institution, list = batch_poll.list, reason = what, "a list can't be read");
                Ok(ListOutcome::Unreadable)
            }
            Err(not_done) => Err(not_done),
        }
    }

    async fn compare(
        &self,
        batch_poll: &BatchPoll,
        listed: Vec<ListedPoll>,
        read: &ListContents,
    ) -> Result<(), store::Error> {
        let (now, standing) = (self.runtime.now(), listed.len());
        let sure = self.detection_target(&batch_poll.institution).await.unwrap_or(Duration::MAX);
        let (unclear, clear): (Vec<_>, Vec<_>) = listed.into_iter().partition(|poll| read.unclear.contains(&poll.key));
        let unclear: Vec<Uuid> = unclear.iter().map(|poll| poll.id).collect();
        let moved: Vec<ListedPoll> =
            clear.into_iter().filter(|poll| read.present.contains(&poll.key) != poll.expected_present).collect();
        // A poll that was made since and found nothing new is not repeated at each read of the list.
        let due = |poll: &ListedPoll| {
            poll.attempts == 0
                || saturating_add(poll.updated_at, self.settings.intervals.uncovered.after(poll.attempts).min(sure))
                    <= now
        };
        let mismatches: Vec<(ListedPoll, String)> = moved
            .into_iter()
            .filter(due)
            .map(|poll| {
                let state =
                    if poll.expected_present { read.state_if_absent.clone() } else { read.state_if_present.clone() };
                let hint = encode_hint(Some(&Hint::ListMismatch { state, present: !poll.expected_present }));
                (poll, hint)
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
    ) -> Result<(), store::Error> {
        let next = NewBatchPoll {
            institution: batch_poll.institution.clone(),
            list: batch_poll.list.clone(),
            library: batch_poll.library.clone(),
            interval_factor: batch_poll.interval_factor,
            needs_item_messages: batch_poll.needs_item_messages,
            due_at: batch_poll.last_change_at,
        };
        let due = self.next_batch_poll(&next, batch_poll.last_change_at, standing).await?.min(at_latest);
        self.runtime
            .retry_transaction(async || {
                let now = self.runtime.now();
                let mut unit = self.runtime.store().unit();
                unit.finish_batch_poll(batch_poll, due);
                // They needn't all be polled together. A single poll finds out whether any can be polled.
                let within =
                    if one_by_one.len() > 1 { self.settings.intervals.uncovered.initial } else { Duration::ZERO };
                unit.detach_from_list(one_by_one, saturating_add(now, self.runtime.ids().jitter(within)));
                for (poll, hint) in mismatches {
                    unit.add_hint(poll.request, poll.side, hint, now, now);
                }
                self.runtime.store().commit(unit).await.map(drop)
            })
            .await?;
        self.runtime.wake();
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
}
