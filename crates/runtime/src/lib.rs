//! The state that all parts of a running node share: its store, its clock, its name, the agencies' rules, and the
//! wake-up of its work loop.
//!
//! Time, ids and jitter come in through [`Clock`] and [`Ids`]; no other part of the hub reads them from the machine.

mod agencies;
mod clock;
mod lenders;
mod transaction;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lending::supplier::Lender;
use lending::{InstitutionCode, LibraryCode, Request, Rules, Side};
use store::{Agency, NodeEvent, Store, StoredPolicy};
use tokio::sync::Notify;

use crate::agencies::Agencies;
pub use crate::agencies::{PickupAgencies, agencies_of_library};
pub use crate::clock::{Clock, Ids, SystemClock, doubled, saturating_add};
use crate::lenders::Lenders;
pub use crate::lenders::agency_of_copy;
pub use crate::transaction::StoreFailure;

/// The longest sleep of the work loop: other nodes may have put work into the store.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// The state that all parts of a node share. One per node.
#[derive(Debug)]
pub struct Runtime {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Ids,
    node: String,
    wake: Notify,
    stopping: AtomicBool,
    agencies: Agencies,
    lenders: Lenders,
}

impl Runtime {
    /// Creates a node of that name on `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, ids: Ids, node: String) -> Self {
        let (wake, stopping, agencies) = (Notify::new(), AtomicBool::new(false), Agencies::default());
        Self { store, clock, ids, node, wake, stopping, agencies, lenders: Lenders::default() }
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the node's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns the present time, by the node's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the source of ids and jitter.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Returns the node's name. Leases carry it.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Wakes the work loop, since something may be due.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Wakes the work loop if it would sleep beyond `due`.
    pub fn wake_for(&self, due: Timestamp) {
        if due < saturating_add(self.now(), LONGEST_SLEEP) {
            self.wake();
        }
    }

    /// Waits until the loop is woken. An earlier wake-up that nobody has waited for counts.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Makes the node start no more work.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Returns whether the node must start no more work.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Runs a transaction and retries it, up to eight times, if another transaction got in its way: a version conflict,
    /// a deadlock or a serialisation failure.
    ///
    /// # Errors
    ///
    /// Those of `once`; the last one if all attempts failed.
    pub async fn retry_transaction<T, E, F>(&self, once: impl Fn() -> F) -> Result<T, E>
    where
        E: StoreFailure,
        F: Future<Output = Result<T, E>>,
    {
        transaction::retry(&self.ids, once).await
    }

    /// Makes all postponed work of an institution due, and announces `event` to the other nodes.
    ///
    /// # Errors
    ///
    /// The transaction failed, so the postponed work waits for its own time.
    pub async fn reschedule_institution(
        &self,
        institution: &InstitutionCode,
        event: &NodeEvent,
    ) -> Result<(), store::Error> {
        self.retry_transaction(async || {
            let mut unit = self.store.unit();
            unit.reschedule_postponed(institution, self.now());
            unit.notify(&self.node, event);
            self.store.commit(unit).await.map(drop)
        })
        .await?;
        self.wake();
        Ok(())
    }

    /// Returns all agencies, as read at most 30 seconds ago.
    ///
    /// # Errors
    ///
    /// They had to be read, and could not be.
    pub async fn agencies(&self) -> Result<Arc<[Agency]>, store::Error> {
        self.agencies.all(&self.store, self.now()).await
    }

    /// Returns the agency of each pickup location, as read at most 30 seconds ago.
    ///
    /// # Errors
    ///
    /// They had to be read, and could not be.
    pub async fn pickup_agencies(&self) -> Result<Arc<PickupAgencies>, store::Error> {
        self.agencies.of_pickup_locations(&self.store, self.now()).await
    }

    /// Returns the rules of the agency that a library of an institution belongs to.
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

    /// Returns the rules of the agency that a request's patron belongs to.
    ///
    /// # Errors
    ///
    /// The agencies had to be read, and could not be.
    pub async fn rules_of_patron(&self, request: &Request) -> Result<Rules, store::Error> {
        Ok(agencies::rules_of_patron(&self.agencies.all(&self.store, self.now()).await?, request))
    }

    /// Returns whether several agencies share the system of an institution.
    ///
    /// # Errors
    ///
    /// The agencies had to be read, and could not be.
    pub async fn has_several_agencies(&self, institution: &InstitutionCode) -> Result<bool, store::Error> {
        let agencies = self.agencies.all(&self.store, self.now()).await?;
        Ok(agencies.iter().filter(|agency| agency.institution == *institution).count() > 1)
    }

    /// Returns the rules of the agency whose staff act at a side of a request.
    ///
    /// # Errors
    ///
    /// The agencies had to be read, and could not be.
    pub async fn rules_at(&self, request: &Request, side: Side) -> Result<Rules, store::Error> {
        Ok(agencies::rules_at(&self.agencies.all(&self.store, self.now()).await?, request, side))
    }

    /// Reads the agencies if the cache is about to expire, so that no transaction waits for it.
    ///
    /// # Errors
    ///
    /// The agencies could not be read.
    pub async fn refresh_rules(&self) -> Result<(), store::Error> {
        self.agencies.refresh(&self.store, self.now()).await
    }

    /// Returns the policy for the choice of the supplier, as read at most 30 seconds ago.
    ///
    /// # Errors
    ///
    /// It had to be read, and could not be.
    pub async fn supplier_policy(&self) -> Result<Arc<StoredPolicy>, store::Error> {
        self.lenders.policy(&self.store, self.now()).await
    }

    /// Returns the facts about the lenders of these institutions, each named once, on which the choice of the supplier
    /// depends. The numbers of open requests are those of this moment, the balances are up to ten minutes old. Whether a
    /// lender was tried before, or can't be reached now, is for the caller to add.
    ///
    /// # Errors
    ///
    /// They could not be read.
    pub async fn lenders(&self, institutions: &[InstitutionCode]) -> Result<Vec<Lender>, store::Error> {
        let agencies = self.agencies().await?;
        self.lenders.of(institutions, &agencies, &self.store, self.now()).await
    }

    /// Forgets the agencies, the pickup locations and the policy for the choice of the supplier, since they have changed.
    pub fn forget_rules(&self) {
        self.agencies.forget();
        self.lenders.forget();
    }
}
