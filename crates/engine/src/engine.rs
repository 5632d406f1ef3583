//! The engine as the API and the commands see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use lending::{CancelledBy, Event, InstitutionCode, Request, RequestId};
use lms::{Connection, Finding};
use store::{FailingPolls, Node, NodeEvent, Store, Stored};
use tokio::sync::{Notify, broadcast};

use crate::agencies::Agencies;
use crate::batch_poll::RefusedLists;
use crate::breaker::{Breakers, Down};
use crate::changes::Change;
use crate::clock::{Clock, Ids};
use crate::error::Error;
use crate::metrics::Metrics;
use crate::quota::UsageLedger;
use crate::registry::Registry;
use crate::settings::Settings;
use crate::webhook_health::WebhookHealth;
use crate::webhooks::FULL_POLL;
use crate::worker::FAILS_OFTEN;

/// Runs requests. One per node; shared by workers and API.
#[derive(Debug)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) agencies: Agencies,
    pub(crate) webhook_health: WebhookHealth,
    pub(crate) usage: Arc<UsageLedger>,
    pub(crate) metrics: Arc<Metrics>,
    /// Looks under way on this node.
    pub(crate) active_polls: Arc<AtomicUsize>,
    /// How many lists are being read.
    pub(crate) active_batch_polls: Arc<AtomicUsize>,
    /// The node is to stop: nothing more is begun.
    pub(crate) stopping: AtomicBool,
    pub(crate) refused_lists: RefusedLists,
    pub(crate) breakers: Breakers,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) wake: Notify,
    /// This node's place among the nodes of the database, until it listens.
    pub(crate) membership: tokio::sync::Mutex<Option<Node>>,
}

/// Whether the hub can do its work.
#[derive(Clone, Debug)]
pub struct Health {
    /// Whether the store answers, and the last write to it was done; the reason where it doesn't.
    pub store: Result<(), String>,
    /// Intents that are due or leased.
    pub open_intents: u64,
    /// Polls that keep failing, by institution.
    pub polls_failing: Vec<FailingPolls>,
}

impl Engine {
    /// An engine on `store`.
    pub fn new(store: Store, settings: Settings, clock: Arc<dyn Clock>, ids: Ids) -> Self {
        let (changes, _) = broadcast::channel(1_024);
        let metrics = Arc::new(Metrics::new());
        let usage = Arc::new(UsageLedger::new(Arc::clone(&clock), Arc::clone(&metrics)));
        let registry = Registry::new(store.clone(), Arc::clone(&usage));
        let polls = Arc::default();
        let breakers = Breakers::new(settings.breaker, settings.lease);
        let (agencies, webhook_health) = (Agencies::default(), WebhookHealth::default());
        let (wake, place) = (Notify::new(), tokio::sync::Mutex::new(None));
        Self {
            store,
            registry,
            agencies,
            webhook_health,
            usage,
            metrics,
            active_polls: polls,
            active_batch_polls: Arc::default(),
            stopping: AtomicBool::new(false),
            refused_lists: RefusedLists::default(),
            breakers,
            settings,
            clock,
            ids,
            changes,
            wake,
            membership: place,
        }
    }

    /// Where everything is kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What time the engine takes it to be.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Every request as it changes. A slow listener misses some, and is informed so.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Looks for due work at once: for whoever has set the clock that the engine goes by.
    pub fn wake_up(&self) {
        self.wake.notify_one();
    }

    /// Ends a request, as far as its state allows.
    ///
    /// # Errors
    ///
    /// [`Error::NotAllowed`] once the patron has the item or the request has ended.
    pub async fn cancel(
        &self,
        id: RequestId,
        by: CancelledBy,
        reason: Option<String>,
        actor: &str,
    ) -> Result<Request, Error> {
        self.execute_command(id, &Event::CancelRequested { by, reason }, actor).await
    }

    /// Looks at both sides at once, in place of waiting for the next poll.
    ///
    /// # Errors
    ///
    /// No such request; the store's failures.
    pub async fn poll_now(&self, id: RequestId) -> Result<(), Error> {
        let now = self.clock.now();
        self.retry_transaction(async || {
            let mut tx = self.store.begin().await?;
            tx.request(id).await?.ok_or(Error::UnknownRequest(id))?;
            tx.reschedule_polls(id, FULL_POLL, now).await?;
            tx.notify(&self.settings.node, &NodeEvent::WorkAvailable);
            Ok(tx.commit().await?)
        })
        .await?;
        self.wake.notify_one();
        Ok(())
    }

    /// The request, once `until` holds for it or `patience` is over, whichever is first.
    ///
    /// # Errors
    ///
    /// No such request; the store's failures.
    pub async fn wait(
        &self,
        id: RequestId,
        patience: Duration,
        until: impl Fn(&Request) -> bool,
    ) -> Result<Stored, Error> {
        self.wait_until(id, patience, |stored| until(&stored.request)).await
    }

    /// The request once it has changed after `version`, or as it is when `patience` is at its end.
    ///
    /// # Errors
    ///
    /// An unknown request; the store's failures.
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
            let stored = self.store.request(id).await?.ok_or(Error::UnknownRequest(id))?;
            if until(&stored) {
                return Ok(stored);
            }
            let changed = async {
                // A listener that lagged has missed something, perhaps this: it looks again too.
                while let Ok(change) = changes.recv().await {
                    if change.request == id {
                        return;
                    }
                }
            };
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                // A node that has died may not have reported.
                return self.store.request(id).await?.ok_or(Error::UnknownRequest(id));
            }
        }
    }

    /// Takes changed settings of an institution into use. What waits for its system is tried at once.
    ///
    /// # Errors
    ///
    /// The store's failures; the settings are in use all the same.
    pub async fn institution_changed(&self, institution: &InstitutionCode) -> Result<(), Error> {
        self.registry.forget(institution);
        self.breakers.reset(institution);
        self.refused_lists.forget(institution);
        self.reschedule_institution(institution, &NodeEvent::SettingsChanged).await
    }

    /// The systems that give no service now, as far as this node knows.
    pub fn systems_down(&self) -> Vec<(InstitutionCode, Down)> {
        self.breakers.down()
    }

    /// Polls that keep failing, on whichever node, by institution.
    ///
    /// # Errors
    ///
    /// The store's failures.
    pub async fn polls_failing(&self) -> Result<Vec<FailingPolls>, Error> {
        Ok(self.store.failing_polls(FAILS_OFTEN).await?)
    }

    /// Lets everything that waits for an institution's system be tried at once.
    pub(crate) async fn reschedule_and_announce(&self, institution: &InstitutionCode) -> Result<(), Error> {
        self.reschedule_institution(institution, &NodeEvent::WorkAvailable).await
    }

    async fn reschedule_institution(&self, institution: &InstitutionCode, event: &NodeEvent) -> Result<(), Error> {
        self.retry_transaction(async || {
            let mut tx = self.store.begin().await?;
            tx.reschedule_postponed(institution, self.clock.now()).await?;
            tx.notify(&self.settings.node, event);
            Ok(tx.commit().await?)
        })
        .await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Makes every read that the institution's part in requests needs.
    ///
    /// # Errors
    ///
    /// Settings that can't be used at all, all faults at once.
    pub async fn check_institution(connection: &Connection) -> Result<Vec<Finding>, lms::ConnectError> {
        Ok(lms::connect(connection)?.check_setup().await)
    }

    /// The same for an institution that is set up, out of the calls that it has.
    ///
    /// # Errors
    ///
    /// Settings that can't be used at all, all faults at once.
    pub async fn check(&self, connection: &Connection) -> Result<Vec<Finding>, lms::ConnectError> {
        match self.registry.get(&connection.institution).await {
            Ok(lms) => Ok(lms.check_setup().await),
            Err(_) => Self::check_institution(connection).await,
        }
    }

    /// Whether the hub can do its work.
    pub async fn health(&self) -> Health {
        let asked = async { Ok::<_, Error>((self.store.queue_counts().await?, self.polls_failing().await?)) };
        let (queued, polls_failing) = match asked.await {
            Ok((counts, polls_failing)) => (counts.open, polls_failing),
            Err(error) => return Health { store: Err(error.to_string()), open_intents: 0, polls_failing: Vec::new() },
        };
        let written = self.store.check_writes().await;
        let store = written.map_err(|error| format!("nothing can be written: {error}"));
        Health { store, open_intents: queued, polls_failing }
    }
}
