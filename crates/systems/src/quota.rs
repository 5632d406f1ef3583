//! Keeps count of the calls that an institution's system counts: how many were spent today and for which purpose, and
//! what must wait until there are more.
//!
//! The client limits how fast calls leave; this module keeps the day's count. The day ends at midnight, UTC, when Alma
//! counts anew. Each node counts the calls that it has spent. The system itself reports how many are left, so that
//! number holds for all nodes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lending::{InstitutionCode, Priority};
use lms::{CallObserver, CallRate, CallReport, HostLms, Outage, QuotaSettings};
use parking_lot::Mutex;
use runtime::{Clock, saturating_add};

use crate::breaker::Down;
use crate::metrics::CallMetrics;

/// The number of seconds after midnight at which the hub expects the new count. The hub's clock and Alma's need not
/// agree to the second.
const AFTER_MIDNIGHT: i64 = 5;
const DAY: i64 = 86_400;
/// The interval, in the first hour of a day, at which the hub calls a system again that still has no calls left. The
/// system's day may begin later.
const RECHECK_AFTER: i64 = 300;
const FIRST_HOUR: i64 = 3_600;
/// The default reserve, as a share of the day's calls: one in this many is left for others.
const DEFAULT_RESERVE_SHARE: u64 = 10;

/// The present state of an institution's quota.
#[derive(Clone, Debug)]
pub struct Quota {
    /// The limit of calls per second, if there is one.
    pub call_rate: Option<CallRate>,
    /// The number of nodes that share it.
    pub nodes: u32,
    /// The number of calls in a day, for all applications of the institution.
    pub calls_per_day: Option<u64>,
    /// The number of calls that are left today.
    pub remaining: Option<u64>,
    /// The number of remaining calls at which polling pauses.
    pub reserve: Option<u64>,
    /// The number of a day's calls that questions for the availability of copies may use, if the day's calls are known.
    pub availability: Option<u64>,
    /// When the system counts anew.
    pub reset: Timestamp,
    /// The calls that wait for that, if any.
    pub paused: Option<Paused>,
    /// The calls that this node has spent today.
    pub used: Usage,
}

/// The calls that wait until the system counts anew, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paused {
    /// Whether all calls wait, or only those that can be deferred.
    pub everything: bool,
    /// When the wait ends.
    pub until: Timestamp,
    /// The reason, for staff.
    pub reason: String,
}

/// The calls spent in a day.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Calls by priority.
    pub by_priority: BTreeMap<Priority, u64>,
    /// Calls by endpoint.
    pub by_endpoint: BTreeMap<&'static str, u64>,
    /// Calls refused because of the limit per second. They don't count.
    pub refused: u64,
}

impl Usage {
    /// Returns the number of all calls.
    pub fn total(&self) -> u64 {
        self.by_priority.values().sum()
    }
}

/// The calls spent at all institutions.
#[derive(Debug)]
pub(crate) struct UsageLedger {
    clock: Arc<dyn Clock>,
    metrics: Arc<CallMetrics>,
    known: Mutex<HashMap<InstitutionCode, DayUsage>>,
}

#[derive(Clone, Debug, Default)]
struct DayUsage {
    day: i64,
    used: Usage,
    remaining: Option<u64>,
    /// When the system reported that number.
    counted_at: Option<Timestamp>,
    calls_per_day: Option<u64>,
    /// The largest number of calls left that the system reported today.
    most_remaining: Option<u64>,
    /// Whether the pause of polling was already logged.
    said: bool,
}

impl UsageLedger {
    pub(crate) fn new(clock: Arc<dyn Clock>, metrics: Arc<CallMetrics>) -> Self {
        Self { clock, metrics, known: Mutex::default() }
    }

    /// Returns the observer that counts an institution's calls.
    pub(crate) fn observer(self: &Arc<Self>, institution: &InstitutionCode) -> CallObserver {
        let (usage, of) = (Arc::clone(self), institution.clone());
        let (metrics, at) = (Arc::clone(&self.metrics), institution.clone());
        CallObserver::new(move |report| usage.record(&of, report))
            .and_of_unreadable_rows(move |endpoint| metrics.unreadable_row(&at, endpoint))
    }

    fn record(&self, institution: &InstitutionCode, report: &CallReport) {
        self.metrics.called(institution, report);
        let now = self.clock.now();
        self.with(institution, |book| {
            if report.counted {
                *book.used.by_priority.entry(report.priority).or_default() += 1;
                *book.used.by_endpoint.entry(report.endpoint).or_default() += 1;
                book.remaining = report.remaining;
                book.most_remaining = book.most_remaining.max(report.remaining);
                book.counted_at = Some(now);
                book.calls_per_day = report.day.or(book.calls_per_day);
            } else if report.rate_limited {
                book.used.refused += 1;
            }
        });
    }

    fn with<T>(&self, institution: &InstitutionCode, act: impl FnOnce(&mut DayUsage) -> T) -> T {
        let today = self.clock.now().as_second().div_euclid(DAY);
        let mut known = self.known.lock();
        let book = known.entry(institution.clone()).or_default();
        if book.day != today {
            *book = DayUsage { day: today, calls_per_day: book.calls_per_day, ..DayUsage::default() };
        }
        act(book)
    }

    /// Checks whether a call of `priority` may be made now.
    ///
    /// # Errors
    ///
    /// The reason why it has to wait, and how long.
    pub(crate) fn check_budget(
        &self,
        institution: &InstitutionCode,
        priority: Priority,
        allowance: QuotaSettings,
        nodes: u32,
    ) -> Result<(), lms::Error> {
        if priority == Priority::Availability {
            return self.check_availability_budget(institution, allowance, nodes);
        }
        if !priority.is_deferrable() {
            return Ok(());
        }
        let now = self.clock.now();
        let (paused, is_new) = self.with(institution, |book| {
            let paused = book.at_reserve(allowance, nodes).filter(|_| !book.may_be_stale(now));
            let is_new = paused.is_some() && !std::mem::replace(&mut book.said, paused.is_some());
            (paused, is_new)
        });
        let Some(reason) = paused else { return Ok(()) };
        if is_new {
            tracing::warn!(%institution, %reason, "polls wait until calls are counted anew");
        }
        Err(lms::Error::Retryable { reason, after: Some(used_up(now)) })
    }

    /// Checks whether a question for the availability of copies may be asked: within its own share of the day's calls, and
    /// above the reserve. Without a number of the day's calls there is no share to keep to.
    fn check_availability_budget(
        &self,
        institution: &InstitutionCode,
        allowance: QuotaSettings,
        nodes: u32,
    ) -> Result<(), lms::Error> {
        let (book, now) = (self.read(institution), self.clock.now());
        if allowance.availability_percent == 0 {
            let reason = "The library's system is not asked for availability (availability_percent is 0).".to_owned();
            return Err(lms::Error::Retryable { reason, after: None });
        }
        let at_reserve = book.at_reserve(allowance, nodes).is_some() && !book.may_be_stale(now);
        let budget = book.availability_calls(allowance);
        let spent = book.spent_on_availability(nodes);
        let reason = match budget {
            Some(budget) if spent >= budget => format!(
                "The {budget} API calls that questions for availability may use at this library today are used up."
            ),
            _ if at_reserve => {
                "The library's API calls of today are used up but for those that are kept for other purposes."
                    .to_owned()
            }
            _ => return Ok(()),
        };
        Err(lms::Error::Retryable { reason, after: Some(used_up(now)) })
    }

    fn read(&self, institution: &InstitutionCode) -> DayUsage {
        self.with(institution, |book| book.clone())
    }
}

impl DayUsage {
    fn day(&self, allowance: QuotaSettings) -> Option<u64> {
        self.calls_per_day.or(allowance.calls_per_day)
    }

    /// Returns the calls of a day, or at least those that were left at the first call of today.
    fn known_of_day(&self, allowance: QuotaSettings) -> Option<u64> {
        self.day(allowance).or(self.most_remaining)
    }

    /// Returns the calls left as the system reported them today; without a report, the calls left if every node uses as
    /// many as this one.
    fn left(&self, allowance: QuotaSettings, nodes: u32) -> Option<u64> {
        let spent = self.used.total().saturating_mul(u64::from(nodes.max(1)));
        self.remaining.or_else(|| Some(allowance.calls_per_day?.saturating_sub(spent)))
    }

    /// Returns whether the last count may still belong to the day before, early in a day. The next call will show.
    fn may_be_stale(&self, now: Timestamp) -> bool {
        let counted_at = self.counted_at.map_or(i64::MIN, Timestamp::as_second);
        now.as_second().rem_euclid(DAY) < FIRST_HOUR && now.as_second() >= counted_at.saturating_add(RECHECK_AFTER)
    }

    /// Returns the number of a day's calls that questions for availability may use; `None` if the day's calls aren't known.
    fn availability_calls(&self, allowance: QuotaSettings) -> Option<u64> {
        Some(self.known_of_day(allowance)?.saturating_mul(allowance.availability_percent.into()) / 100)
    }

    /// Returns the calls that such questions used today, if every node uses as many as this one.
    fn spent_on_availability(&self, nodes: u32) -> u64 {
        let spent = self.used.by_priority.get(&Priority::Availability).copied().unwrap_or_default();
        spent.saturating_mul(u64::from(nodes.max(1)))
    }

    fn reserve(&self, allowance: QuotaSettings) -> Option<u64> {
        allowance.reserve.or_else(|| Some(self.day(allowance)? / DEFAULT_RESERVE_SHARE))
    }

    /// Returns why deferrable calls must wait, if so.
    fn at_reserve(&self, allowance: QuotaSettings, nodes: u32) -> Option<String> {
        let (left, reserve) = (self.left(allowance, nodes)?, self.reserve(allowance)?);
        (left <= reserve).then(|| {
            format!(
                "The library has {left} API calls left today, and {reserve} are kept for its other applications and for \
                 patrons: polls wait until midnight UTC."
            )
        })
    }
}

/// Returns when the system counts calls anew.
fn reset(now: Timestamp) -> Timestamp {
    let midnight = (now.as_second().div_euclid(DAY) + 1).saturating_mul(DAY);
    Timestamp::from_second(midnight.saturating_add(AFTER_MIDNIGHT)).unwrap_or(Timestamp::MAX)
}

/// Returns the time from now until the system counts calls anew.
fn until_reset(now: Timestamp) -> Duration {
    Duration::try_from(reset(now).duration_since(now)).unwrap_or_default()
}

/// Returns how long the hub sends nothing to a system whose calls are used up, and makes no polls that would take
/// others' calls.
fn used_up(now: Timestamp) -> Duration {
    if now.as_second().rem_euclid(DAY) < FIRST_HOUR {
        return Duration::from_secs(RECHECK_AFTER.unsigned_abs());
    }
    until_reset(now)
}

/// Adds to a used-up quota the time until the next day, by the hub's clock.
pub(crate) fn with_reset(not_done: lms::Error, now: Timestamp) -> lms::Error {
    match not_done {
        lms::Error::Unavailable { outage: Outage::QuotaUsedUp, reason, .. } => {
            lms::Error::Unavailable { outage: Outage::QuotaUsedUp, reason, after: Some(used_up(now)) }
        }
        other => other,
    }
}

impl UsageLedger {
    /// Returns the present state of an institution's quota. `exhausted` is set if the system itself refuses calls until
    /// the next day.
    pub(crate) fn quota(&self, lms: &dyn HostLms, nodes: u32, exhausted: Option<Down>) -> Quota {
        let (quota_settings, usage, now) = (lms.quota_settings(), self.read(lms.institution()), self.clock.now());
        let paused = match exhausted {
            Some(down) => Some(Paused { everything: true, until: down.next_try, reason: down.reason }),
            None => self.polling_paused(lms, nodes),
        };
        Quota {
            call_rate: lms.call_rate(),
            nodes,
            calls_per_day: usage.day(quota_settings),
            remaining: usage.left(quota_settings, nodes),
            reserve: usage.reserve(quota_settings),
            availability: usage.availability_calls(quota_settings),
            reset: saturating_add(now, until_reset(now)),
            paused,
            used: usage.used,
        }
    }

    /// Returns the number of calls in a day that reading lists may use; `None` if the day's calls aren't known.
    pub(crate) fn batch_poll_calls(&self, lms: &dyn HostLms) -> Option<u64> {
        let allowance = lms.quota_settings();
        let day = self.read(lms.institution()).known_of_day(allowance)?;
        Some(day.saturating_mul(allowance.batch_poll_percent.into()) / 100)
    }

    /// Returns until when and why polling pauses, if it does.
    pub(crate) fn polling_paused(&self, lms: &dyn HostLms, nodes: u32) -> Option<Paused> {
        let reason = self.read(lms.institution()).at_reserve(lms.quota_settings(), nodes)?;
        Some(Paused { everything: false, until: reset(self.clock.now()), reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn used_up_day_lasts_until_midnight_and_is_checked_once_more_where_midnight_changes_nothing() {
        assert_eq!(used_up(at("2026-11-25T22:00:00Z")), Duration::from_secs(7_205));
        assert_eq!(used_up(at("2026-11-26T00:00:07Z")), Duration::from_secs(300));
        assert_eq!(used_up(at("2026-11-26T01:00:00Z")), Duration::from_secs(82_805));
    }

    #[test]
    fn a_tenth_of_the_day_is_left_to_others_where_nothing_was_set() {
        let book = DayUsage { calls_per_day: Some(1_000), remaining: Some(101), ..DayUsage::default() };
        assert_eq!(book.at_reserve(QuotaSettings::default(), 1), None);
        let book = DayUsage { remaining: Some(100), ..book };
        assert!(
            book.at_reserve(QuotaSettings::default(), 1).is_some_and(|reason| reason.contains("100 API calls left"))
        );
        let own = QuotaSettings { reserve: Some(0), ..QuotaSettings::default() };
        assert_eq!(book.at_reserve(own, 1), None);
    }

    #[test]
    fn questions_for_availability_have_a_fifth_of_the_day_and_all_nodes_share_it() {
        let spent = Usage { by_priority: [(Priority::Availability, 100)].into(), ..Usage::default() };
        let book = DayUsage { calls_per_day: Some(1_000), used: spent, ..DayUsage::default() };
        let allowance = QuotaSettings::default();
        assert_eq!(book.availability_calls(allowance), Some(200));
        assert_eq!((book.spent_on_availability(1), book.spent_on_availability(2)), (100, 200));
        assert_eq!(DayUsage::default().availability_calls(allowance), None, "nobody reported a limit");
    }

    #[test]
    fn count_reported_just_after_midnight_may_be_stale_and_is_requested_once_more() {
        let book = DayUsage { remaining: Some(1), counted_at: Some(at("2026-11-26T00:00:10Z")), ..DayUsage::default() };
        assert!(!book.may_be_stale(at("2026-11-26T00:05:09Z")));
        assert!(book.may_be_stale(at("2026-11-26T00:05:10Z")));
        assert!(!book.may_be_stale(at("2026-11-26T01:00:00Z")), "it is today's");
    }

    #[test]
    fn own_calls_are_counted_where_the_system_gives_no_count() {
        let spent = Usage { by_priority: [(Priority::Poll, 890)].into(), ..Usage::default() };
        let book = DayUsage { used: spent, ..DayUsage::default() };
        assert_eq!(book.at_reserve(QuotaSettings::default(), 1), None, "nobody reported a limit");
        let set = QuotaSettings { calls_per_day: Some(1_000), ..QuotaSettings::default() };
        assert_eq!(book.left(set, 1), Some(110));
        assert_eq!(book.at_reserve(set, 1), None);
        assert!(book.at_reserve(QuotaSettings { reserve: Some(110), ..set }, 1).is_some());
        assert!(book.at_reserve(set, 2).is_some(), "another node has spent as much");
    }
}
