//! The library systems of the institutions: their connections, the outages that block calls, and the number of calls
//! spent.
//!
//! - `registry`: one connected adapter for each institution.
//! - `breaker`: circuit breakers, which stop calls to a system that gives no service.
//! - `quota`: the day's calls, and the reserve at which polling pauses.
//! - `metrics`: metrics of calls.

mod breaker;
mod metrics;
mod quota;
mod registry;

use std::sync::Arc;
use std::time::Duration;

use lending::{InstitutionCode, Priority};
use lms::{Connection, Finding, HostLms, Outage, Registration};
use prometheus_client::registry::Registry as MetricsRegistry;
use runtime::Runtime;
use store::NodeEvent;
use tracing::{error, info, warn};

use crate::breaker::{BreakerChange, Breakers, Generation};
use crate::metrics::CallMetrics;
use crate::quota::{UsageLedger, with_reset};
use crate::registry::Registry;

pub use crate::breaker::{BreakerSettings, Down};
pub use crate::quota::{Paused, Quota, Usage};

/// Calls library systems, and knows which of them can be called. One per node.
#[derive(Debug)]
pub struct Systems {
    runtime: Arc<Runtime>,
    registry: Registry,
    breakers: Breakers,
    usage: Arc<UsageLedger>,
    metrics: Arc<CallMetrics>,
}

/// A call that the circuit breaker let through; [`Systems::finish`] records its outcome.
#[derive(Debug)]
pub struct Admitted {
    /// The institution's adapter.
    pub lms: Arc<dyn HostLms>,
    institution: InstitutionCode,
    generation: Generation,
}

impl Systems {
    /// Creates the systems of a node. A probe of a system that is down is given up after `probe_timeout`.
    pub fn new(
        runtime: Arc<Runtime>,
        breaker: BreakerSettings,
        probe_timeout: Duration,
        metrics: &mut MetricsRegistry,
    ) -> Self {
        let metrics = Arc::new(CallMetrics::register(metrics));
        let usage = Arc::new(UsageLedger::new(Arc::clone(runtime.clock()), Arc::clone(&metrics)));
        let registry = Registry::new(runtime.store().clone(), Arc::clone(&usage));
        let breakers = Breakers::new(breaker, probe_timeout);
        Self { runtime, registry, breakers, usage, metrics }
    }

    /// Makes calls to one institution's system with this priority. The circuit breaker may refuse them, and records
    /// their outcome.
    ///
    /// # Errors
    ///
    /// Those of `work`, and [`lms::Error::Unavailable`] if the system is known to be down.
    pub async fn call<T, F>(
        &self,
        institution: &InstitutionCode,
        priority: Priority,
        work: impl FnOnce(Arc<dyn HostLms>) -> F,
    ) -> lms::Result<T>
    where
        F: Future<Output = lms::Result<T>>,
    {
        let admitted = self.admit(institution).await?;
        let outcome = lms::with_priority(priority, work(Arc::clone(&admitted.lms))).await;
        self.finish(admitted, outcome).await
    }

    /// Admits calls to an institution's system, unless it is known to be down. Each needs [`Systems::finish`].
    ///
    /// # Errors
    ///
    /// The system is down, or can't be connected.
    pub async fn admit(&self, institution: &InstitutionCode) -> lms::Result<Admitted> {
        let generation = self.breakers.admit(institution, self.runtime.now())?;
        let lms = self.registry.get(institution).await?;
        Ok(Admitted { lms, institution: institution.clone(), generation })
    }

    /// Records the outcome of admitted calls. If the system is back, postponed work becomes due.
    ///
    /// # Errors
    ///
    /// That of the outcome; a retryable one if the institution's settings were changed meanwhile.
    pub async fn finish<T>(&self, admitted: Admitted, outcome: lms::Result<T>) -> lms::Result<T> {
        let Admitted { institution, generation, .. } = admitted;
        let outcome = outcome.map_err(|error| with_reset(error, self.runtime.now()));
        let failed = outcome.as_ref().err();
        match self.breakers.record(&institution, generation, failed, self.runtime.now()) {
            BreakerChange::None => {}
            // The call need not wait as long as the failure demanded. An unclear outcome stays unclear.
            BreakerChange::Stale if !failed.is_some_and(lms::Error::leaves_unclear) => {
                return Err(lms::Error::retryable("The institution's settings were changed meanwhile."));
            }
            BreakerChange::Stale => {}
            BreakerChange::Opened => {
                let reason = failed.map(ToString::to_string).unwrap_or_default();
                error!(%institution, %reason, "the library's system gives no service; its requests wait");
            }
            BreakerChange::Closed => {
                info!(%institution, "the library's system gives service again");
                if let Err(failure) = self.runtime.reschedule_institution(&institution, &NodeEvent::WorkAvailable).await
                {
                    warn!(%institution, error = %failure, "postponed work is tried when its own time comes");
                }
            }
        }
        outcome
    }

    /// Returns the institution's adapter, for uses that need no circuit breaker.
    ///
    /// # Errors
    ///
    /// The institution isn't set up, or its settings can't be used.
    pub async fn adapter(&self, institution: &InstitutionCode) -> lms::Result<Arc<dyn HostLms>> {
        self.registry.get(institution).await
    }

    /// Checks whether the day's quota allows a call of this priority.
    ///
    /// # Errors
    ///
    /// The institution is at its reserve: the reason, and how long the call has to wait.
    pub async fn check_budget(&self, institution: &InstitutionCode, priority: Priority) -> lms::Result<()> {
        let lms = self.registry.get(institution).await?;
        self.usage.check_budget(institution, priority, lms.quota_settings(), self.registry.nodes())
    }

    /// Returns the number of calls in a day that reading lists may use; `None` if the number of the day's calls isn't
    /// known.
    ///
    /// # Errors
    ///
    /// The institution isn't set up, or its settings can't be used.
    pub async fn batch_poll_calls(&self, institution: &InstitutionCode) -> lms::Result<Option<u64>> {
        let lms = self.registry.get(institution).await?;
        Ok(self.usage.batch_poll_calls(lms.as_ref()))
    }

    /// Returns the outage of an institution's system, as far as this node knows.
    pub fn is_down(&self, institution: &InstitutionCode) -> bool {
        self.breakers.is_down(institution)
    }

    /// Returns the systems that are down, as far as this node knows.
    pub fn down(&self) -> Vec<(InstitutionCode, Down)> {
        self.breakers.down()
    }

    /// Returns the present state of an institution's quota.
    ///
    /// # Errors
    ///
    /// The institution isn't set up, or its settings can't be used.
    pub async fn quota(&self, institution: &InstitutionCode) -> lms::Result<Quota> {
        let lms = self.registry.get(institution).await?;
        Ok(self.quota_of(lms.as_ref()))
    }

    fn quota_of(&self, lms: &dyn HostLms) -> Quota {
        let exhausted = self.breakers.down().into_iter().find_map(|(code, down)| {
            (code == *lms.institution() && down.outage == Outage::QuotaUsedUp).then_some(down)
        });
        self.usage.quota(lms, self.registry.nodes(), exhausted)
    }

    /// Returns the institutions whose polls wait until the system counts calls anew.
    pub fn polling_paused(&self) -> Vec<(InstitutionCode, Paused)> {
        let nodes = self.registry.nodes();
        let paused = self
            .registry
            .known()
            .into_iter()
            .filter_map(|lms| Some((lms.institution().clone(), self.usage.polling_paused(lms.as_ref(), nodes)?)));
        let mut paused: Vec<_> = paused.collect();
        paused.sort_by(|(left, _), (right, _)| left.as_str().cmp(right.as_str()));
        paused
    }

    /// Makes every read that an institution's role in requests needs, within the institution's quota.
    ///
    /// # Errors
    ///
    /// The faults of settings that can't be used at all, all together.
    pub async fn check(
        &self,
        connection: &Connection,
        registration: &Registration,
    ) -> Result<Vec<Finding>, lms::ConnectError> {
        match self.registry.get(&connection.institution).await {
            Ok(lms) => Ok(lms.check_setup(registration).await),
            Err(_) => Ok(lms::connect(connection)?.check_setup(registration).await),
        }
    }

    /// Makes, reads and removes test users, and reports whether an institution's virtual patrons can borrow. `name` makes
    /// the ids of the users unique.
    ///
    /// # Errors
    ///
    /// The faults of settings that can't be used at all, all together.
    pub async fn check_new_users(
        &self,
        connection: &Connection,
        name: &str,
    ) -> Result<Vec<Finding>, lms::ConnectError> {
        let now = self.runtime.now();
        match self.registry.get(&connection.institution).await {
            Ok(lms) => Ok(lms.check_new_users(name, now).await),
            Err(_) => Ok(lms::connect(connection)?.check_new_users(name, now).await),
        }
    }

    /// Forgets an institution's adapter and breaker, since its settings have changed.
    pub fn forget(&self, institution: &InstitutionCode) {
        self.registry.forget(institution);
        self.breakers.reset(institution);
    }

    /// Forgets all adapters and breakers, since another node has changed something.
    pub fn forget_all(&self) {
        self.registry.forget_all();
        self.breakers.reset_all();
    }

    /// Limits this node to its share of the institutions' calls per second, as one of this many nodes.
    pub fn share_with(&self, nodes: u32) {
        let nodes = nodes.max(1);
        if nodes != self.registry.nodes() {
            self.registry.share_with(nodes);
        }
    }

    /// Sets the gauges of the quotas to the present values.
    pub fn collect_metrics(&self) {
        let quotas =
            self.registry.known().into_iter().map(|lms| (lms.institution().clone(), self.quota_of(lms.as_ref())));
        self.metrics.set_quotas(&quotas.collect::<Vec<_>>());
    }
}
