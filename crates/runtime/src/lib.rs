//! What every part of a running node shares: its store, its clock, its name, the agencies' rules in use, and the wake-up of its work
//! loop.
//!
//! Time, ids and jitter come in through [`Clock`] and [`Ids`]; nothing else of the hub reads the machine's.

mod agencies;
mod clock;
mod transaction;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lending::{InstitutionCode, LibraryCode, Request, Rules, Side};
use store::{NodeEvent, Store};
use tokio::sync::Notify;

use crate::agencies::Agencies;
pub use crate::clock::{Clock, Ids, SystemClock, doubled, saturating_add};
pub use crate::transaction::StoreFailure;

/// The longest that the work loop sleeps: other nodes may have put work into the store.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// What every part of a node shares. One per node.
#[derive(Debug)]
pub struct Runtime {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Ids,
    node: String,
    wake: Notify,
    stopping: AtomicBool,
    agencies: Agencies,
}

impl Runtime {
    /// A node of that name on `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, ids: Ids, node: String) -> Self {
        let (wake, stopping, agencies) = (Notify::new(), AtomicBool::new(false), Agencies::default());
        Self { store, clock, ids, node, wake, stopping, agencies }
    }

    /// Where everything is kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The node's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Now, by the node's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ids and jitter.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The node's name. Leases carry it.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Wakes the work loop: something may be due.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Wakes the work loop if it would sleep beyond `due`.
    pub fn wake_for(&self, due: Timestamp) {
        if due < saturating_add(self.now(), LONGEST_SLEEP) {
            self.wake();
        }
    }

    /// Ready when the loop is woken; a wake-up before counts.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// From now on the node begins nothing more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the node is to begin nothing more.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Runs a transaction, and runs it again, up to eight times, if another transaction got in its way: a version conflict, a
    /// deadlock or a serialisation failure.
    ///
    /// # Errors
    ///
    /// Those of `once`; the last one where all tries failed.
    pub async fn retry_transaction<T, E, F>(&self, once: impl Fn() -> F) -> Result<T, E>
    where
        E: StoreFailure,
        F: Future<Output = Result<T, E>>,
    {
        transaction::retry(&self.ids, once).await
    }

    /// Makes everything due that is postponed at an institution, and announces `event` to the other nodes.
    ///
    /// # Errors
    ///
    /// The transaction failed, so what is postponed waits for its own time.
    pub async fn reschedule_institution(
        &self,
        institution: &InstitutionCode,
        event: &NodeEvent,
    ) -> Result<(), store::Error> {
        self.retry_transaction(async || {
            let mut tx = self.store.begin().await?;
            tx.reschedule_postponed(institution, self.now()).await?;
            tx.notify(&self.node, event);
            tx.commit().await
        })
        .await?;
        self.wake();
        Ok(())
    }

    /// The rules of the agency that a library of an institution belongs to.
    ///
    /// # Errors
    ///
    /// The agencies had to be read, and could not be.
    pub async fn rules_of(
        &self,
        institution: &InstitutionCode,
        library: Option<&LibraryCode>,
    ) -> Result<Rules, store::Error> {
        Ok(agencies::rules_of(&self.agencies.all(&self.store, self.now()).await?, institution, library))
    }

    /// The rules of the agency that a request's patron belongs to.
    ///
    /// # Errors
    ///
    /// The agencies had to be read, and could not be.
    pub async fn rules_of_patron(&self, request: &Request) -> Result<Rules, store::Error> {
        Ok(agencies::rules_of_patron(&self.agencies.all(&self.store, self.now()).await?, request))
    }

    /// The rules of the agency whose staff act at a side of a request.
    ///
    /// # Errors
    ///
    /// The agencies had to be read, and could not be.
    pub async fn rules_at(&self, request: &Request, side: Side) -> Result<Rules, store::Error> {
        Ok(agencies::rules_at(&self.agencies.all(&self.store, self.now()).await?, request, side))
    }

    /// Reads the agencies if they will have to be read soon, so that no transaction waits for it.
    ///
    /// # Errors
    ///
    /// The agencies could not be read.
    pub async fn refresh_rules(&self) -> Result<(), store::Error> {
        self.agencies.refresh(&self.store, self.now()).await
    }

    /// Forgets the agencies: their rules have changed.
    pub fn forget_rules(&self) {
        self.agencies.forget();
    }
}
