//! Checks of institutions' set-ups: the data that a check compares, and one scheduled check of each institution a day.
//!
//! The scheduled checks are spread over the day. The nodes of a database share them: one node makes each check, and all
//! nodes report its result.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lending::{InstitutionCode, Priority};
use lms::{Connection, Finding, InstitutionCodes, RegisteredPickup, Registration, Verdict};
use runtime::saturating_add;
use store::{Institution, SetupCheck, SetupCheckResult};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::engine::Engine;
use crate::error::Error;

/// How often, within the interval of the checks, a node searches for institutions that are due.
const SEARCHES: u32 = 24;

impl Engine {
    /// Returns the data about an institution that the hub keeps apart from its settings, for a check of its set-up.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn registration(&self, institution: &InstitutionCode) -> Result<Registration, Error> {
        let store = self.store();
        let mut agencies = store.agencies().await?;
        agencies.retain(|agency| agency.institution == *institution);
        let limited = agencies.iter();
        let limited = limited.map(|agency| (agency.code.clone(), agency.rules.patron_limits.patron_types().collect()));
        let pickup = store.pickup_locations().await?.into_iter();
        let pickup = pickup.filter(|place| place.location.institution == *institution);
        let mut registration = Registration {
            limited_patron_types: limited.collect(),
            agencies: agencies.into_iter().map(|agency| (agency.code, agency.library)).collect(),
            pickup_locations: pickup
                .map(|place| RegisteredPickup {
                    code: place.location.code,
                    agency: place.agency,
                    library: place.location.library,
                    desk: place.location.desk,
                })
                .collect(),
            ..Registration::default()
        };
        for other in store.institutions().await?.into_iter().filter(|other| other.code != *institution) {
            // Settings that can't be used are a finding of that institution's own check.
            let Ok(lms) = self.systems.adapter(&other.code).await else { continue };
            for kind in lms.patron_types() {
                registration.patron_types.entry(kind).or_default().insert(other.code.clone());
            }
            for kind in lms.item_types() {
                registration.item_types.entry(kind).or_default().insert(other.code.clone());
            }
        }
        Ok(registration)
    }

    /// Reads the codes among which an institution's settings choose.
    ///
    /// # Errors
    ///
    /// [`Error::Lms`] if the library's system doesn't answer.
    pub async fn institution_codes(&self, institution: &InstitutionCode) -> Result<InstitutionCodes, Error> {
        let lms = self.systems.adapter(institution).await?;
        self.systems.check_budget(institution, Priority::Bulk).await?;
        Ok(lms::with_priority(Priority::Bulk, lms.read_codes()).await?)
    }

    /// Makes, reads and removes test users at an institution, and reports whether its virtual patrons can borrow.
    ///
    /// # Errors
    ///
    /// The faults of settings that can't be used at all, all together.
    pub async fn check_new_users(&self, connection: &Connection) -> Result<Vec<Finding>, lms::ConnectError> {
        let now = self.runtime.now();
        let name = self.runtime.ids().uuid(now).simple().to_string();
        self.systems.check_new_users(connection, &name).await
    }

    /// Keeps the result of a check of an institution's set-up, which the metrics report.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn keep_setup_check(&self, institution: &InstitutionCode, findings: &[Finding]) -> Result<(), Error> {
        let number = |verdict| u32::try_from(lms::count(findings, verdict)).unwrap_or(u32::MAX);
        let result = SetupCheckResult {
            at: self.runtime.now(),
            missing: number(Verdict::Missing),
            unknown: number(Verdict::Unknown),
        };
        Ok(self.store().finish_setup_check(institution, result).await?)
    }

    /// Begins the scheduled checks that are due, as tasks of `running`.
    pub(crate) async fn begin_setup_checks(self: &Arc<Self>, running: &mut JoinSet<()>) {
        let Some(interval) = self.settings.setup_checks else { return };
        let now = self.runtime.now();
        {
            let mut next = self.next_setup_checks.lock();
            let search_at = saturating_add(now, interval / SEARCHES);
            // A search that is further away than that was set before the clock was set back.
            if now < *next && *next <= search_at {
                return;
            }
            *next = search_at;
        }
        match self.due_setup_checks(interval, now).await {
            Ok(due) => {
                for institution in due {
                    let engine = Arc::clone(self);
                    running.spawn(async move { engine.make_setup_check(institution).await });
                }
            }
            Err(failure) => warn!(error = %failure, "could not search for institutions whose set-up is to be checked"),
        }
    }

    /// Takes the checks that are due for this node. An institution at its reserve of calls, or whose system is down, is
    /// due until the check can be made.
    async fn due_setup_checks(&self, interval: Duration, now: Timestamp) -> Result<Vec<Institution>, Error> {
        let known: BTreeMap<InstitutionCode, SetupCheck> =
            self.store().setup_checks().await?.into_iter().map(|check| (check.institution.clone(), check)).collect();
        let mut due = Vec::new();
        for institution in self.store().institutions().await? {
            let Some(check) = known.get(&institution.code) else {
                // Whoever adds an institution checks it. Its first scheduled check comes at its time of the day.
                self.store().begin_setup_check(&institution.code, None, now).await?;
                continue;
            };
            if check.begun_at >= last_time(&institution.code, interval, now)
                || self.systems.is_down(&institution.code)
                || self.systems.check_budget(&institution.code, Priority::Bulk).await.is_err()
            {
                continue;
            }
            if self.store().begin_setup_check(&institution.code, Some(check), now).await? {
                due.push(institution);
            }
        }
        Ok(due)
    }

    async fn make_setup_check(&self, institution: Institution) {
        let Institution { code, kind, settings, credentials, .. } = institution;
        let registration = match self.registration(&code).await {
            Ok(registration) => registration,
            Err(failure) => return warn!(institution = %code, error = %failure, "could not check the set-up"),
        };
        let connection = Connection { institution: code.clone(), kind, settings, credentials };
        let check = self.systems.check(&connection, &registration);
        let findings = match lms::with_priority(Priority::Bulk, check).await {
            Ok(findings) => findings,
            // The hub accepts no such settings, so an older version has stored them.
            Err(failure) => vec![Finding::missing("settings", failure.to_string())],
        };
        let missing = subjects(&findings, Verdict::Missing);
        let unknown = subjects(&findings, Verdict::Unknown);
        if missing.is_empty() && unknown.is_empty() {
            info!(institution = %code, "the set-up is complete");
        } else {
            warn!(
                institution = %code, missing = %missing.join(", "), unknown = %unknown.join(", "),
                "the set-up is incomplete or can't be read; `consort institution check` shows the remedies"
            );
        }
        if let Err(failure) = self.keep_setup_check(&code, &findings).await {
            warn!(institution = %code, error = %failure, "could not store the result of a check of the set-up");
        }
    }
}

/// Returns the subjects of findings, each once.
fn subjects(findings: &[Finding], verdict: Verdict) -> Vec<&str> {
    let found = findings.iter().filter(|finding| finding.verdict == verdict);
    found.map(|finding| finding.subject.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the last time, at `now` or before, at which an institution was due: a grid with an offset of its own (FNV-1a
/// of the code), so that not all institutions are checked at the same hour.
fn last_time(institution: &InstitutionCode, interval: Duration, now: Timestamp) -> Timestamp {
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let share = f64::from(institution.as_str().bytes().fold(0x811c_9dc5, hash)) / (f64::from(u32::MAX) + 1.0);
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    let (interval, offset) = (micros(interval).max(1), micros(interval.mul_f64(share)));
    let whole = now.as_microsecond().saturating_sub(offset).div_euclid(interval);
    Timestamp::from_microsecond(whole.saturating_mul(interval).saturating_add(offset)).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn institution_is_due_once_a_day_at_its_own_time() {
        let now: Timestamp = "2026-03-03T10:00:00Z".parse().unwrap();
        let times: BTreeSet<Timestamp> =
            (0..24).map(|hour| last_time(&"01LEND_INST".into(), DAY, saturating_add(now, DAY / 24 * hour))).collect();
        assert_eq!(times.len(), 2, "one change within a day: {times:?}");
        let all: BTreeSet<Timestamp> =
            (0..50).map(|number| last_time(&format!("01X{number}").as_str().into(), DAY, now)).collect();
        assert_eq!(all.len(), 50, "each institution has its own time");
    }
}
