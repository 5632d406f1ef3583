//! The engine's interface for the API and the commands.

#![allow(
    clippy::disallowed_methods,
    reason = "the loop sleeps by the machine's clock; what is due is decided by the node's"
)]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use lending::{CancelledBy, Command, InstitutionCode, Request, RequestId};
use parking_lot::Mutex;
use polling::Polling;
use prometheus_client::registry::Registry;
use runtime::{Clock, Ids, PickupAgencies, Runtime};
use store::{Agency, FailingPolls, Node, NodeEvent, Store, Stored};
use systems::Systems;
use tokio::sync::{broadcast, mpsc};

use crate::changes::Change;
use crate::commit::{Commits, HandedOver};
use crate::error::Error;
use crate::load::Load;
use crate::metrics::{Metrics, render};
use crate::settings::Settings;
use crate::titles::Titles;

/// Runs requests. There is one engine per node; its workers and the API share it.
#[derive(Debug)]
pub struct Engine {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) systems: Arc<Systems>,
    pub(crate) polling: Arc<Polling>,
    pub(crate) commits: Commits,
    /// The shared catalogue, if the hub has one.
    pub(crate) titles: OnceLock<Arc<dyn Titles>>,
    pub(crate) settings: Settings,
    pub(crate) changes: broadcast::Sender<Change>,
    /// Polls under way on this node.
    pub(crate) active_polls: Arc<Load>,
    /// Effects under way on this node.
    pub(crate) active_effects: Arc<Load>,
    /// Effects that this node has under lease, and no worker has begun.
    pub(crate) handed_over: tokio::sync::Mutex<mpsc::UnboundedReceiver<HandedOver>>,
    /// The node's membership among the nodes of the database, until the node receives their notifications.
    pub(crate) membership: tokio::sync::Mutex<Option<Node>>,
    /// When this node searches next for institutions whose set-up is to be checked.
    pub(crate) next_setup_checks: Mutex<Timestamp>,
    /// When this node next removes old data.
    pub(crate) next_pruning: Mutex<Timestamp>,
    /// When this node asks next whether a pass over old data is due.
    pub(crate) next_retention: Mutex<Timestamp>,
    metrics: Arc<Metrics>,
    registry: Registry,
}

/// The hub's ability to work.
#[derive(Clone, Debug)]
pub struct Health {
    /// Whether the store answers and the last write to it succeeded; the reason if not.
    pub store: Result<(), String>,
    /// Intents that are not done yet, due or not.
    pub open_intents: u64,
    /// Polls that keep failing, by institution.
    pub polls_failing: Vec<FailingPolls>,
}

impl Engine {
    /// Creates an engine on `store`.
    pub fn new(store: Store, settings: Settings, clock: Arc<dyn Clock>, ids: Ids) -> Self {
        let (changes, _) = broadcast::channel(1_024);
        let mut registry = Registry::with_prefix("consort");
        let runtime = Arc::new(Runtime::new(store, clock, ids, settings.node.clone()));
        let systems = Arc::new(Systems::new(Arc::clone(&runtime), settings.breaker, settings.lease, &mut registry));
        let polls = polling::Settings {
            intervals: settings.polls,
            webhook_max_age: settings.webhook_max_age,
            workers: settings.workers,
        };
        let polling = Arc::new(Polling::new(Arc::clone(&runtime), Arc::clone(&systems), polls, &mut registry));
        let metrics = Arc::new(Metrics::register(&mut registry));
        let active_effects = Arc::new(Load::new(settings.workers, settings.workers_per_institution));
        // A quarter of the places is reserved for work for which somebody waits.
        let active_polls = Arc::new(Load::new(
            settings.workers - settings.workers / 4,
            settings.polls_per_institution.min(settings.workers_per_institution),
        ));
        let (hand_over, handed_over) = mpsc::unbounded_channel();
        let commits = Commits::new(
            Arc::clone(&runtime),
            Arc::clone(&polling),
            Arc::clone(&metrics),
            changes.clone(),
            settings.lease,
            Arc::clone(&active_effects),
            hand_over,
        );
        Self {
            runtime,
            systems,
            polling,
            commits,
            titles: OnceLock::new(),
            settings,
            changes,
            active_polls,
            active_effects,
            handed_over: tokio::sync::Mutex::new(handed_over),
            membership: tokio::sync::Mutex::new(None),
            next_setup_checks: Mutex::new(Timestamp::MIN),
            next_pruning: Mutex::new(Timestamp::MIN),
            next_retention: Mutex::new(Timestamp::MIN),
            metrics,
            registry,
        }
    }

    /// Lets requests name titles of this catalogue, from now on. A second catalogue is ignored.
    pub fn set_titles(&self, titles: Arc<dyn Titles>) {
        let _ = self.titles.set(titles);
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        self.runtime.store()
    }

    /// Returns the engine's clock.
    pub fn clock(&self) -> &dyn Clock {
        self.runtime.clock().as_ref()
    }

    /// Returns the source of ids and randomness.
    pub fn ids(&self) -> &Ids {
        self.runtime.ids()
    }

    /// Returns all agencies, as read at most 30 seconds ago.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if they had to be read, and could not be.
    pub async fn agencies(&self) -> Result<Arc<[Agency]>, Error> {
        Ok(self.runtime.agencies().await?)
    }

    /// Returns the agency of each pickup location, as read at most 30 seconds ago.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if they had to be read, and could not be.
    pub async fn pickup_agencies(&self) -> Result<Arc<PickupAgencies>, Error> {
        Ok(self.runtime.pickup_agencies().await?)
    }

    /// Returns the library systems: their availability and the calls spent on them.
    pub fn systems(&self) -> &Systems {
        &self.systems
    }

    /// Returns what a part of the node needs that calls library systems: what all share, and the systems.
    pub fn shared(&self) -> (Arc<Runtime>, Arc<Systems>) {
        (Arc::clone(&self.runtime), Arc::clone(&self.systems))
    }

    /// Returns polling and webhooks.
    pub fn polling(&self) -> &Polling {
        &self.polling
    }

    /// Returns a receiver of every change of a request. A slow receiver misses some changes, and learns that it did.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Returns when, after `now`, something falls due. For callers that set the engine's clock.
    ///
    /// # Errors
    ///
    /// The store doesn't answer.
    pub async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let waiting = self.polling.next_waiting().filter(|due| *due > now);
        let checks = self.settings.setup_checks.map(|_| *self.next_setup_checks.lock()).filter(|due| *due > now);
        Ok(self.store().next_due(now).await?.into_iter().chain(waiting).chain(checks).min())
    }

    /// Starts due work at once. For callers that have set the engine's clock.
    pub fn wake_up(&self) {
        self.runtime.wake();
    }

    /// Ends a request, if its state allows it.
    ///
    /// # Errors
    ///
    /// [`Error::NotAllowed`] if the patron has the item or the request has ended.
    pub async fn cancel(
        &self,
        id: RequestId,
        by: CancelledBy,
        reason: Option<String>,
        actor: &str,
    ) -> Result<Request, Error> {
        self.execute_command(id, &Command::Cancel { by, reason }, actor).await
    }

    /// Polls all sides of a request at once, without waiting for the next scheduled polls.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRequest`].
    pub async fn poll_now(&self, id: RequestId) -> Result<(), Error> {
        self.store().request(id).await?.ok_or(Error::UnknownRequest(id))?;
        Ok(self.polling.poll_now(id).await?)
    }

    /// Returns the request once `until` holds for it or `patience` has passed.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRequest`].
    pub async fn wait(
        &self,
        id: RequestId,
        patience: Duration,
        until: impl Fn(&Request) -> bool,
    ) -> Result<Stored, Error> {
        self.wait_until(id, patience, |stored| until(&stored.request)).await
    }

    /// Returns the request once it has changed after `version`. After `patience`, returns it as it is.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRequest`].
    pub async fn wait_for_change(&self, id: RequestId, version: i64, patience: Duration) -> Result<Stored, Error> {
        self.wait_until(id, patience, |stored| stored.version > version).await
    }

    async fn wait_until(
        &self,
        id: RequestId,
        patience: Duration,
        until: impl Fn(&Stored) -> bool,
    ) -> Result<Stored, Error> {
        let mut changes = self.changes();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let stored = self.runtime.store().request(id).await?.ok_or(Error::UnknownRequest(id))?;
            if until(&stored) {
                return Ok(stored);
            }
            let changed = async {
                // A receiver that lagged has missed a change, perhaps this one, so it reads the request too.
                while let Ok(change) = changes.recv().await {
                    if change.request == id {
                        return;
                    }
                }
            };
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                // A node that has died may not have sent a notification.
                return self.runtime.store().request(id).await?.ok_or(Error::UnknownRequest(id));
            }
        }
    }

    /// Starts to use an institution's changed settings. Work that waits for its system is retried at once.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]: this node uses the settings, but work that waits for the system isn't retried early, and other
    /// nodes learn of the change later.
    pub async fn institution_changed(&self, institution: &InstitutionCode) -> Result<(), Error> {
        self.systems.forget(institution);
        self.polling.forget(institution);
        Ok(self.runtime.reschedule_institution(institution, &NodeEvent::SettingsChanged).await?)
    }

    /// Starts to use an agency's changed rules.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]: this node uses the rules, and other nodes learn of the change later.
    pub async fn agency_changed(&self) -> Result<(), Error> {
        self.runtime.forget_rules();
        let mut unit = self.store().unit();
        unit.notify(self.runtime.node(), &NodeEvent::SettingsChanged);
        self.store().commit(unit).await?;
        Ok(())
    }

    /// Starts to use a changed policy for the choice of the supplier.
    ///
    /// # Errors
    ///
    /// As [`Engine::agency_changed`].
    pub async fn supplier_policy_changed(&self) -> Result<(), Error> {
        self.agency_changed().await
    }

    /// Counts a call of the hub's API with a wrong key.
    pub fn count_wrong_key(&self) {
        self.metrics.count_wrong_key();
    }

    /// Counts an attempt to send an event to a subscription.
    pub fn count_delivery(&self, has_arrived: bool) {
        self.metrics.count_delivery(has_arrived);
    }

    /// Returns the node's metrics in OpenMetrics' text format.
    pub async fn metrics(&self) -> Result<String, Error> {
        self.metrics.set(self.store().queue_counts().await?.open, self.store().commits());
        self.systems.collect_metrics();
        self.polling.collect_metrics().await?;
        self.metrics.set_setup_checks(&self.store().setup_checks().await?, self.runtime.now());
        self.metrics.set_delivery_queues(&self.store().delivery_queues().await?, self.runtime.now());
        Ok(render(&self.registry))
    }

    /// Returns the hub's ability to work.
    pub async fn health(&self) -> Health {
        let asked =
            async { Ok::<_, Error>((self.runtime.store().queue_counts().await?, self.polling.failing().await?)) };
        let (queued, polls_failing) = match asked.await {
            Ok((counts, polls_failing)) => (counts.open, polls_failing),
            Err(error) => return Health { store: Err(error.to_string()), open_intents: 0, polls_failing: Vec::new() },
        };
        let written = self.runtime.store().check_writes().await;
        let store = written.map_err(|error| format!("nothing can be written: {error}"));
        Health { store, open_intents: queued, polls_failing }
    }
}
