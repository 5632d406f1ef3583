//! Lists that tell of many requests in one call. What stands on a list as it is expected to needs no look; what doesn't is
//! looked at. So what is open costs next to nothing, and what happens is noticed when the list is read.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::{Hint, InstitutionCode, PollTarget, Request, Side, Status};
use lms::{Awaited, Expected, ListRead, NotDone, Outage, Purpose};
use store::{Listed, NewSweep, OnList, Sweep};
use tracing::{Instrument as _, debug, debug_span, error, info, warn};
use uuid::Uuid;

use crate::clock::later;
use crate::engine::Engine;
use crate::error::Error;
use crate::hearing::line;
use crate::perform::{real_item, virtual_item};
use crate::poll::open_hold;

/// How many lists are read at once.
pub(crate) const AT_ONCE: usize = 8;
/// And no more than half of the places, so that patrons find one.
fn places(workers: usize) -> usize {
    AT_ONCE.min(workers.div_ceil(2))
}

/// A list is read within this, or by another node too: ten thousand loans take a hundred calls.
const LEASE: Duration = Duration::from_secs(1_800);

/// How much less often a list is read where the system tells by itself of each item that is sent,
const WHERE_ITEMS_TOLD: u32 = 24;
/// and of each hold and loan;
const WHERE_TOLD: u32 = 36;
/// and where nothing has happened for a while, or for longer than a long week-end.
const WHERE_QUIET: [(SignedDuration, u32); 2] =
    [(SignedDuration::from_hours(4 * 24), 12), (SignedDuration::from_hours(1), 3)];
/// A list of more than so many is read the less often the longer it is: it takes a call for each hundred.
const LONG: usize = 1_000;

/// For how long a list that was refused isn't asked for.
const REFUSED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The same of one of which no answer could be read: something else answers, or Alma answers wrongly, for a time.
const UNREADABLE_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How many times the shortest interval lies between two readings: the patron waits for what is sent and for what has
/// arrived, and for nothing else.
fn pace(expected: Expected) -> u32 {
    match expected {
        Expected::Dispatch | Expected::Arrival | Expected::Collection => 1,
        Expected::Wait | Expected::Return | Expected::Homecoming => 4,
        Expected::Absence => SELDOM,
    }
}
/// Of what happens out of turn only, whatever an institution wants to be sure of.
const SELDOM: u32 = 36;

/// How much less often a list is read on which nothing has happened for so long.
fn where_quiet(quiet: SignedDuration) -> u32 {
    WHERE_QUIET.iter().find(|(after, _)| quiet > *after).map_or(1, |(_, factor)| *factor)
}

/// The next moment after `now` that is a whole number of `intervals` and `shift` away from the beginning of time.
fn next_multiple(now: Timestamp, interval: Duration, shift: Duration) -> Timestamp {
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    let (interval, shift) = (micros(interval).max(1), micros(shift));
    let whole = now.as_microsecond().saturating_sub(shift).div_euclid(interval).saturating_add(1);
    Timestamp::from_microsecond(whole.saturating_mul(interval).saturating_add(shift)).unwrap_or(Timestamp::MAX)
}

/// Libraries' lists aren't all read at the same moment: each institution has one of its own within the shortest interval
/// (FNV-1a of its code).
fn moment_of(institution: &InstitutionCode, shortest: Duration) -> Duration {
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    shortest.mul_f64(f64::from(institution.as_str().bytes().fold(0x811c_9dc5, hash)) / (f64::from(u32::MAX) + 1.0))
}

/// What happens next at a side, where a list may show it.
pub(crate) fn expected(request: &Request, target: PollTarget) -> Option<Expected> {
    let status = request.status;
    if request.is_lent_to_another(target.side) {
        // Of whose loan has ended no list tells.
        return None;
    }
    if target.side == Side::Lender {
        let supply = request.supply.as_ref()?;
        return match status {
            _ if !request.is_dispatched() => supply.hold.open().map(|_| Expected::Dispatch),
            Status::Loaned if supply.loan.is_open() => Some(Expected::Absence),
            Status::ReturnTransit if supply.loan.is_open() => Some(Expected::Homecoming),
            _ => None,
        };
    }
    match status {
        Status::RequestPlacedAtBorrowingAgency | Status::RequestPlacedAtPickupAgency => Some(Expected::Wait),
        Status::PickupTransit | Status::ReceivedAtPickup => Some(Expected::Arrival),
        Status::ReadyForPickup => Some(Expected::Collection),
        Status::Loaned if !target.hold => Some(Expected::Return),
        _ => None,
    }
}

/// Lists that were refused, or of which no answer could be read. Once may be a whim of the system's; one of which that is so
/// twice in a row is not counted on for a while.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<HashMap<(InstitutionCode, String), Refusals>>);

/// How often in a row a list was refused, and when last.
#[derive(Clone, Copy, Debug)]
struct Refusals {
    times: u32,
    last: Timestamp,
    rest: SignedDuration,
}

impl Refused {
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
        refused.insert((institution.clone(), list.to_owned()), Refusals { times, last: now, rest });
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
enum Reading {
    Read(ListRead),
    /// There is no such list.
    Refused,
    /// It can't be read: what the system answers is no list.
    Unreadable,
    /// The key was refused, and whether for all or for this area alone a look will tell.
    KeyRefused,
}

impl Engine {
    /// The list that shows when there is something to look at, and what stands on it for the request.
    pub(crate) async fn on_list(&self, request: &Request, target: PollTarget) -> Option<(OnList, Expected)> {
        let expected = expected(request, target)?;
        let institution = request.institution(target.side)?;
        let lms = self.registry.get(institution).await.ok()?;
        let supply = request.supply.as_ref();
        let item = match target.side {
            Side::Lender => real_item(supply?),
            side => virtual_item(request, side).ok()?,
        };
        let awaited = Awaited {
            expected,
            item: &item,
            hold: open_hold(request, target.side),
            library: supply.map(|supply| &supply.copy.library),
            pickup: (target.side == request.pickup_role()).then_some(&request.pickup.library),
        };
        let listing = lms.listing(&awaited)?;
        if self.refused_lists.is(institution, &listing.list, self.clock.now()) {
            return None;
        }
        Some((OnList { list: listing.list, key: listing.key, is_there: listing.is_there }, expected))
    }

    /// The reading of a list on which something of the request stands from now on.
    pub(crate) async fn sweep_for(
        &self,
        request: &Request,
        side: Side,
        on: &OnList,
        expected: Expected,
    ) -> Result<Option<NewSweep>, Error> {
        let Some(institution) = request.institution(side) else { return Ok(None) };
        let library = match (side, &request.supply) {
            (Side::Lender, Some(supply)) if expected == Expected::Dispatch => Some(supply.copy.library.clone()),
            _ => None,
        };
        let mut sweep = NewSweep {
            institution: institution.clone(),
            list: on.list.clone(),
            library,
            pace: pace(expected),
            of_items: expected == Expected::Dispatch,
            due_at: self.clock.now(),
        };
        sweep.due_at = self.next_reading(&sweep, self.clock.now(), 1).await?;
        Ok(Some(sweep))
    }

    /// When a list on which so many stand is read next.
    async fn next_reading(&self, sweep: &NewSweep, moved_at: Timestamp, standing: usize) -> Result<Timestamp, Error> {
        let now = self.clock.now();
        let telling = self.ears.telling(&self.store, &sweep.institution, now).await?;
        let told = telling.is_counted_on(sweep.of_items);
        let factor = match (told, sweep.of_items) {
            (true, true) => WHERE_ITEMS_TOLD,
            (true, false) => WHERE_TOLD,
            (false, _) => where_quiet(now.duration_since(moved_at)),
        };
        let length = u32::try_from(standing.div_ceil(LONG)).unwrap_or(u32::MAX).max(1);
        let interval = self.settings.lists.saturating_mul(factor.saturating_mul(sweep.pace).saturating_mul(length));
        let sure = self.sure_within(&sweep.institution).await.filter(|_| sweep.pace < SELDOM);
        // Not more often than any list, nor than a long one.
        let sure = sure.map(|sure| sure.max(self.settings.lists.saturating_mul(length)));
        let interval = sure.map_or(interval, |sure| interval.min(sure));
        let rules = self.rules_of(&sweep.institution, sweep.library.as_ref()).await?;
        let shift = moment_of(&sweep.institution, self.settings.lists);
        Ok(rules.calendar.open_from(next_multiple(now, interval, shift)))
    }

    /// Within which time an institution wants to be sure that nothing has happened that wasn't told.
    async fn sure_within(&self, institution: &InstitutionCode) -> Option<Duration> {
        let minutes = self.registry.get(institution).await.ok()?.allowance().sweep_minutes?;
        Some(Duration::from_secs(60).saturating_mul(minutes))
    }

    /// Has the lists of all that tell by themselves read at once, as nobody has listened to them: Alma sends a message again
    /// after an hour. What was read within the shortest interval is read at its end.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        let (now, lists) = (self.clock.now(), self.settings.lists);
        let hastened = self.again(async || Ok(self.store.hasten_told_lists(now, lists).await?)).await?;
        if hastened > 0 {
            // All of it has been read by then, or can't be.
            self.ears.blame_nobody_until(later(now, lists.saturating_mul(2)));
            info!(
                lists = hastened,
                "nobody listened to webhooks for a while; what may not have been heard is looked for"
            );
        }
        Ok(())
    }

    /// The same after the store has failed while something was told.
    pub(crate) async fn catch_up_if_deaf(&self) -> Result<(), Error> {
        if self.ears.was_deaf() {
            self.catch_up().await.inspect_err(|_| self.ears.could_not_hear())?;
        }
        Ok(())
    }

    /// Reads a list that is due, and has looked at what has happened.
    pub(crate) async fn sweep(self: Arc<Self>, sweep: Sweep) {
        let span = debug_span!("sweep", institution = %sweep.institution, list = sweep.list);
        match self.try_to_sweep(&sweep).instrument(span).await {
            Ok(()) => {}
            Err(Error::Store(store::Error::LeaseLost)) => {
                warn!(institution = %sweep.institution, list = sweep.list, "reading a list took so long that it was given to another");
            }
            Err(failure) => {
                error!(institution = %sweep.institution, list = sweep.list, error = %failure, "could not store what a list showed");
            }
        }
    }

    /// Takes what is due, as far as there is room: patrons wait for other work.
    pub(crate) async fn claim_sweeps(&self, now: Timestamp, room: usize) -> Result<Vec<Sweep>, Error> {
        let most =
            places(self.settings.workers).saturating_sub(self.active_batch_polls.load(Ordering::Relaxed)).min(room);
        if most == 0 {
            return Ok(Vec::new());
        }
        Ok(self.store.claim_sweeps(&self.settings.node, now, LEASE, most).await?)
    }

    async fn try_to_sweep(&self, sweep: &Sweep) -> Result<(), Error> {
        let listed = self.store.listed(&sweep.institution, &sweep.list, self.clock.now()).await?;
        if listed.is_empty() {
            return self.give_back(sweep, 0, &[], &[], Timestamp::MAX).await;
        }
        let standing = listed.len();
        match self.read_list(sweep, &listed).await {
            Ok(Reading::Read(read)) => {
                self.refused_lists.read(&sweep.institution, &sweep.list);
                self.compare(sweep, listed, &read).await
            }
            Ok(refused) => {
                let (rest, at_latest) = match refused {
                    Reading::Unreadable => (UNREADABLE_FOR, later(self.clock.now(), self.settings.lists)),
                    _ => (REFUSED_FOR, Timestamp::MAX),
                };
                let is_given_up = self.refused_lists.note(&sweep.institution, &sweep.list, self.clock.now(), rest);
                let one_by_one = match (is_given_up, refused) {
                    (true, _) => standing,
                    (false, Reading::KeyRefused) => 1,
                    (false, _) => 0,
                };
                let left: Vec<Uuid> = listed.iter().take(one_by_one).map(|poll| poll.id).collect();
                if is_given_up {
                    warn!(institution = %sweep.institution, list = sweep.list, polls = standing, "a list is refused, or can't be read; all on it is looked at one by one");
                }
                self.give_back(sweep, standing - one_by_one, &left, &[], at_latest).await
            }
            Err(not_done) => {
                warn!(institution = %sweep.institution, list = sweep.list, why = %not_done, "could not read a list");
                let again = later(self.clock.now(), self.settings.lists);
                self.give_back(sweep, standing, &[], &[], again).await
            }
        }
    }

    async fn read_list(&self, sweep: &Sweep, listed: &[Listed]) -> Result<Reading, NotDone> {
        let institution = &sweep.institution;
        let was_down = self.breakers.is_down(institution);
        let settings = self.breakers.pass(institution, self.clock.now())?;
        let lms = self.registry.get(institution).await?;
        self.check_poll_budget(lms.as_ref(), Purpose::Sweep)?;
        let mut keys: Vec<String> = listed.iter().map(|poll| poll.key.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let read = Purpose::Sweep.of(lms.read_list(&sweep.list, &keys)).await;
        if !was_down && matches!(read, Err(NotDone::Down { outage: Outage::KeyRefused, .. })) {
            return Ok(Reading::KeyRefused);
        }
        match self.note(institution, settings, read).await {
            Ok(read) => Ok(read.map_or(Reading::Refused, Reading::Read)),
            Err(NotDone::Unreadable { what } | NotDone::Unintelligible { what }) => {
                warn!(%institution, list = sweep.list, why = what, "a list can't be read");
                Ok(Reading::Unreadable)
            }
            Err(not_done) => Err(not_done),
        }
    }

    async fn compare(&self, sweep: &Sweep, listed: Vec<Listed>, read: &ListRead) -> Result<(), Error> {
        let (now, standing) = (self.clock.now(), listed.len());
        let sure = self.sure_within(&sweep.institution).await.unwrap_or(Duration::MAX);
        let (unclear, clear): (Vec<_>, Vec<_>) = listed.into_iter().partition(|poll| read.unclear.contains(&poll.key));
        let unclear: Vec<Uuid> = unclear.iter().map(|poll| poll.id).collect();
        let moved: Vec<Listed> =
            clear.into_iter().filter(|poll| read.there.contains(&poll.key) != poll.is_there).collect();
        // Where a look has seen it, and found nothing new, it is not looked at each time the list is read.
        let due = |poll: &Listed| {
            poll.attempts == 0 || later(poll.updated_at, self.settings.polling.interval(poll.attempts).min(sure)) <= now
        };
        let told: Vec<(Listed, String)> = moved
            .into_iter()
            .filter(due)
            .map(|poll| {
                let state = if poll.is_there { read.if_not.clone() } else { read.if_there.clone() };
                let line = line(Some(&Hint::Listed { state, is_there: !poll.is_there }));
                (poll, line)
            })
            .collect();
        let moved_at = if told.is_empty() { sweep.moved_at } else { now };
        debug!(told = told.len(), unclear = unclear.len(), "a list was read");
        let mut sweep = sweep.clone();
        (sweep.moved_at, sweep.read_at) = (moved_at, now);
        self.give_back(&sweep, standing, &unclear, &told, Timestamp::MAX).await
    }

    async fn give_back(
        &self,
        sweep: &Sweep,
        standing: usize,
        one_by_one: &[Uuid],
        told: &[(Listed, String)],
        at_latest: Timestamp,
    ) -> Result<(), Error> {
        let next = NewSweep {
            institution: sweep.institution.clone(),
            list: sweep.list.clone(),
            library: sweep.library.clone(),
            pace: sweep.pace,
            of_items: sweep.of_items,
            due_at: sweep.moved_at,
        };
        let due = self.next_reading(&next, sweep.moved_at, standing).await?.min(at_latest);
        self.again(async || {
            let now = self.clock.now();
            let mut tx = self.store.begin().await?;
            tx.finish_sweep(sweep, due).await?;
            // They needn't all be looked at together; one alone finds out whether any can be.
            let within = if one_by_one.len() > 1 { self.settings.polling.initial } else { Duration::ZERO };
            tx.leave_list(one_by_one, later(now, self.ids.jitter(within))).await?;
            for (poll, line) in told {
                tx.hint_watches(poll.request, poll.side, line, now, now).await?;
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
    fn lists_are_read_at_whole_multiples_of_their_interval_and_each_institutions_at_a_moment_of_its_own() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (five, none) = (Duration::from_secs(300), Duration::ZERO);
        assert_eq!(next_multiple(at("2026-11-25T10:00:01Z"), five, none), at("2026-11-25T10:05:00Z"));
        assert_eq!(next_multiple(at("2026-11-25T10:04:59Z"), five, none), at("2026-11-25T10:05:00Z"));
        assert_eq!(next_multiple(at("2026-11-25T10:05:00Z"), five, none), at("2026-11-25T10:10:00Z"));
        let minute = Duration::from_secs(60);
        assert_eq!(next_multiple(at("2026-11-25T10:00:59Z"), five, minute), at("2026-11-25T10:01:00Z"));
        assert_eq!(next_multiple(at("2026-11-25T10:01:00Z"), five, minute), at("2026-11-25T10:06:00Z"));

        let moments = ["01LEND_INST", "01OTHER_INST", "01BORROW_INST"].map(|code| moment_of(&code.into(), five));
        assert!(moments.iter().all(|moment| *moment < five), "{moments:?}");
        assert!(moments[0] != moments[1] && moments[1] != moments[2] && moments[0] != moments[2], "{moments:?}");
    }

    #[test]
    fn lists_leave_half_of_the_places_to_patrons() {
        assert_eq!([0, 1, 4, 64].map(places), [0, 1, 2, 8]);
    }

    #[test]
    fn lists_are_read_less_often_the_longer_nothing_has_happened() {
        let factors = [0, 1, 2, 96, 97].map(|hours| where_quiet(SignedDuration::from_hours(hours)));
        assert_eq!(factors, [1, 1, 3, 3, 12]);
    }

    #[test]
    fn a_list_that_is_refused_twice_is_asked_for_again_after_a_day_or_changed_settings() {
        let (refused, lender) = (Refused::default(), InstitutionCode::from("01LEND_INST"));
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
