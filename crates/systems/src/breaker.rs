//! Circuit breakers, one for each institution. While its system gives no service, the hub sends no calls one after
//! another; a single probe at a time finds out whether it is back.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use lending::InstitutionCode;
use lms::Outage;
use parking_lot::Mutex;
use runtime::{doubled, saturating_add};

/// The settings of a circuit breaker.
#[derive(Clone, Copy, Debug)]
pub struct BreakerSettings {
    /// How many calls in a row must fail before a system counts as down. A refused key or a used-up quota counts at
    /// once.
    pub failures: u32,
    /// The first pause before the next attempt.
    pub initial: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, initial: Duration::from_secs(5), max: Duration::from_secs(60) }
    }
}

/// An outage of a system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Down {
    /// The kind of outage.
    pub outage: Outage,
    /// The reason, in the words of the last failure.
    pub reason: String,
    /// The start of the outage.
    pub since: Timestamp,
    /// When the hub tries again.
    pub next_try: Timestamp,
}

#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    down: Option<Down>,
    /// The number of failed probes since the outage began.
    attempts: u32,
    /// The time at which the present probe counts as failed, if one is running.
    probing_until: Option<Timestamp>,
    /// The number of changes of the institution's settings. The failure of a call under earlier settings means nothing.
    settings: Generation,
}

/// Identifies the settings of an institution under which a call was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Generation(u64);

/// The breakers of all institutions.
#[derive(Debug)]
pub(crate) struct Breakers {
    settings: BreakerSettings,
    /// The time after which a probe without an outcome is given up.
    probe_timeout: Duration,
    known: Mutex<HashMap<InstitutionCode, Breaker>>,
}

/// The change that the outcome of a call caused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BreakerChange {
    /// No change.
    None,
    /// The system has just gone down. Staff must learn of it, once.
    Opened,
    /// The system is back.
    Closed,
    /// The settings have changed since the call was made, so its failure means nothing.
    Stale,
}

impl Breakers {
    pub(crate) fn new(settings: BreakerSettings, probe_timeout: Duration) -> Self {
        Self { settings, probe_timeout, known: Mutex::default() }
    }

    /// Checks whether a call may be sent now. While the system is down, one call may be sent whenever a probe is due.
    ///
    /// # Errors
    ///
    /// The error to return in place of a call.
    pub(crate) fn admit(&self, institution: &InstitutionCode, now: Timestamp) -> Result<Generation, lms::Error> {
        let mut known = self.known.lock();
        let Some(breaker) = known.get_mut(institution) else { return Ok(Generation::default()) };
        let Some(down) = &breaker.down else { return Ok(breaker.settings) };
        let wait_until = breaker.probing_until.filter(|until| *until > now).unwrap_or(down.next_try);
        if wait_until <= now {
            breaker.probing_until = Some(saturating_add(now, self.probe_timeout));
            return Ok(breaker.settings);
        }
        let after = Duration::try_from(wait_until.duration_since(now)).unwrap_or_default();
        Err(lms::Error::Unavailable { outage: down.outage, reason: down.reason.clone(), after: Some(after) })
    }

    /// Records the outcome of a call that was made under `settings`.
    pub(crate) fn record(
        &self,
        institution: &InstitutionCode,
        settings: Generation,
        failed: Option<&lms::Error>,
        now: Timestamp,
    ) -> BreakerChange {
        let mut known = self.known.lock();
        let breaker = known.entry(institution.clone()).or_default();
        let outdated = breaker.settings != settings;
        match failed {
            // The system answered, if only with a refusal.
            None | Some(lms::Error::Refused(_) | lms::Error::NotFound { .. }) => {
                let back = breaker.down.is_some();
                *breaker = Breaker { settings: breaker.settings, ..Breaker::default() };
                if back { BreakerChange::Closed } else { BreakerChange::None }
            }
            Some(lms::Error::Unavailable { .. } | lms::Error::Unclear { .. }) if outdated => BreakerChange::Stale,
            Some(lms::Error::Unavailable { outage, reason, after }) => {
                self.failed(breaker, *outage, reason, *after, now)
            }
            Some(lms::Error::Unclear { reason }) => self.failed(breaker, Outage::Unreachable, reason, None, now),
            Some(
                lms::Error::Retryable { .. }
                | lms::Error::Unexplained { .. }
                | lms::Error::Unreadable { .. }
                | lms::Error::InvalidResponse { .. }
                | lms::Error::NotSendable(_),
            ) => BreakerChange::None,
        }
    }

    fn failed(
        &self,
        breaker: &mut Breaker,
        outage: Outage,
        reason: &str,
        after: Option<Duration>,
        now: Timestamp,
    ) -> BreakerChange {
        breaker.failures = breaker.failures.saturating_add(1);
        breaker.probing_until = None;
        let certain = outage != Outage::Unreachable;
        if breaker.down.is_none() && !certain && breaker.failures < self.settings.failures {
            return BreakerChange::None;
        }
        let own = doubled(self.settings.initial, breaker.attempts, self.settings.max);
        let next_try = saturating_add(now, after.unwrap_or(own).max(self.settings.initial));
        breaker.attempts = breaker.attempts.saturating_add(1);
        let since = breaker.down.as_ref().map_or(now, |down| down.since);
        let changes = if breaker.down.is_some() { BreakerChange::None } else { BreakerChange::Opened };
        breaker.down = Some(Down { outage, reason: reason.to_owned(), since, next_try });
        changes
    }

    /// Forgets an institution's breaker, since its settings have changed.
    pub(crate) fn reset(&self, institution: &InstitutionCode) {
        let mut known = self.known.lock();
        let breaker = known.entry(institution.clone()).or_default();
        *breaker = Breaker { settings: Generation(breaker.settings.0 + 1), ..Breaker::default() };
    }

    /// Forgets all breakers, since another node has changed something.
    pub(crate) fn reset_all(&self) {
        let known: Vec<InstitutionCode> = self.known.lock().keys().cloned().collect();
        for institution in known {
            self.reset(&institution);
        }
    }

    /// Returns the outage of an institution's system, as far as this node knows.
    pub(crate) fn is_down(&self, institution: &InstitutionCode) -> bool {
        let known = self.known.lock();
        known.get(institution).is_some_and(|breaker| breaker.down.is_some())
    }

    /// Returns the systems that are down, by institution.
    pub(crate) fn down(&self) -> Vec<(InstitutionCode, Down)> {
        let known = self.known.lock();
        let mut all: Vec<_> =
            known.iter().filter_map(|(code, breaker)| Some((code.clone(), breaker.down.clone()?))).collect();
        all.sort_by(|(left, _), (right, _)| left.as_str().cmp(right.as_str()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE_TIMEOUT: Duration = Duration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn breakers() -> (Breakers, InstitutionCode) {
        (Breakers::new(BreakerSettings::default(), PROBE_TIMEOUT), InstitutionCode::from("01A_INST"))
    }

    fn unreachable() -> lms::Error {
        lms::Error::Unavailable { outage: Outage::Unreachable, reason: "connection refused".to_owned(), after: None }
    }

    fn down(breakers: &Breakers, alma: &InstitutionCode) {
        for _ in 0..5 {
            breakers.record(alma, Generation::default(), Some(&unreachable()), at(0));
        }
    }

    #[test]
    fn some_failures_in_a_row_open_the_breaker_once() {
        let (breakers, alma) = breakers();
        let changes: Vec<BreakerChange> =
            (0..7).map(|_| breakers.record(&alma, Generation::default(), Some(&unreachable()), at(0))).collect();
        assert_eq!(changes.iter().filter(|changes| **changes == BreakerChange::Opened).count(), 1);
        assert_eq!(changes[4], BreakerChange::Opened);
        assert!(breakers.admit(&alma, at(1)).is_err());
    }

    #[test]
    fn answer_in_between_resets_the_count() {
        let (breakers, alma) = breakers();
        for _ in 0..3 {
            for _ in 0..4 {
                breakers.record(&alma, Generation::default(), Some(&unreachable()), at(0));
            }
            let refused = lms::Error::refused("401129", "no");
            assert_eq!(breakers.record(&alma, Generation::default(), Some(&refused), at(0)), BreakerChange::None);
        }
        assert!(breakers.admit(&alma, at(0)).is_ok());
    }

    #[test]
    fn one_call_at_a_time_finds_out_whether_it_is_back() {
        let (breakers, alma) = breakers();
        down(&breakers, &alma);
        assert!(breakers.admit(&alma, at(5)).is_ok());
        assert!(breakers.admit(&alma, at(5)).is_err(), "a second one while the first is under way");
        assert_eq!(breakers.record(&alma, Generation::default(), None, at(6)), BreakerChange::Closed);
        assert!(breakers.admit(&alma, at(6)).is_ok());
        assert!(breakers.down().is_empty());
    }

    #[test]
    fn a_probe_without_outcome_does_not_keep_the_system_down_for_ever() {
        let (breakers, alma) = breakers();
        down(&breakers, &alma);
        assert!(breakers.admit(&alma, at(5)).is_ok());
        assert!(breakers.admit(&alma, at(64)).is_err());
        assert!(breakers.admit(&alma, at(66)).is_ok());
    }

    #[test]
    fn probe_interval_grows_up_to_the_maximum() {
        let (breakers, alma) = breakers();
        down(&breakers, &alma);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            breakers.record(&alma, Generation::default(), Some(&unreachable()), at(0));
            pauses.push(breakers.down()[0].1.next_try.as_second());
        }
        assert_eq!(pauses, [10, 20, 40, 60, 60, 60]);
    }

    #[test]
    fn a_refused_key_pauses_the_institution_at_once_until_its_settings_change() {
        let (breakers, alma) = breakers();
        let refused = lms::Error::Unavailable {
            outage: Outage::KeyRefused,
            reason: "no".to_owned(),
            after: Some(Duration::from_secs(300)),
        };
        assert_eq!(breakers.record(&alma, Generation::default(), Some(&refused), at(0)), BreakerChange::Opened);
        assert!(breakers.admit(&alma, at(299)).is_err());
        breakers.reset(&alma);
        assert!(breakers.admit(&alma, at(1)).is_ok());
    }

    #[test]
    fn what_a_call_found_under_earlier_settings_says_nothing() {
        let (breakers, alma) = breakers();
        let before = breakers.admit(&alma, at(0)).unwrap();
        breakers.reset(&alma);
        let refused = lms::Error::Unavailable { outage: Outage::KeyRefused, reason: "no".to_owned(), after: None };
        assert_eq!(breakers.record(&alma, before, Some(&refused), at(0)), BreakerChange::Stale);
        assert!(breakers.down().is_empty());
    }
}
