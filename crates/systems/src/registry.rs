//! The library systems of the institutions. Each is connected once and kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lending::InstitutionCode;
use lms::{Connection, HostLms, Operation, PseudonymKey};
use parking_lot::RwLock;
use store::Store;

use crate::quota::UsageLedger;

/// Adapters by institution.
#[derive(Debug)]
pub(crate) struct Registry {
    store: Store,
    usage: Arc<UsageLedger>,
    /// How many nodes share the institutions' calls per second.
    nodes: AtomicU32,
    known: RwLock<HashMap<InstitutionCode, Arc<dyn HostLms>>>,
}

impl Registry {
    pub(crate) fn new(store: Store, usage: Arc<UsageLedger>) -> Self {
        Self { store, usage, nodes: AtomicU32::new(1), known: RwLock::default() }
    }

    /// Returns the institution's adapter. An obstacle is an error that staff can fix.
    pub(crate) async fn get(&self, institution: &InstitutionCode) -> Result<Arc<dyn HostLms>, lms::Error> {
        if let Some(known) = self.known.read().get(institution) {
            return Ok(Arc::clone(known));
        }
        let stored = self
            .store
            .institution(institution)
            .await
            .map_err(|error| lms::Error::retryable(error.to_string()))?
            .ok_or_else(|| lms::Error::retryable(format!("The institution {institution} is not set up.")))?;
        let connection = Connection {
            institution: stored.code,
            kind: stored.kind,
            settings: stored.settings,
            credentials: stored.credentials,
        };
        let pseudonyms = self.store.pseudonym_key().map_err(|error| lms::Error::retryable(error.to_string()))?;
        let operation =
            Operation { pseudonyms: PseudonymKey::new(pseudonyms), observer: self.usage.observer(institution) };
        let made =
            lms::connect_to_work(&connection, operation).map_err(|error| lms::Error::retryable(error.to_string()))?;
        let mut known = self.known.write();
        let kept = Arc::clone(known.entry(institution.clone()).or_insert(made));
        drop(known);
        // A concurrent change of the number of nodes finds this adapter in the map and sets its share.
        kept.set_node_count(self.nodes());
        Ok(kept)
    }

    /// Returns the connected adapters.
    pub(crate) fn known(&self) -> Vec<Arc<dyn HostLms>> {
        self.known.read().values().cloned().collect()
    }

    /// Returns how many nodes share the institutions' calls per second.
    pub(crate) fn nodes(&self) -> u32 {
        self.nodes.load(Ordering::SeqCst)
    }

    /// Sets how many nodes share the calls per second from now on.
    pub(crate) fn share_with(&self, nodes: u32) {
        self.nodes.store(nodes, Ordering::SeqCst);
        for lms in self.known() {
            lms.set_node_count(nodes);
        }
    }

    /// Forgets all adapters.
    pub(crate) fn forget_all(&self) {
        self.known.write().clear();
    }

    /// Forgets the adapter, so that changed settings apply from now on.
    pub(crate) fn forget(&self, institution: &InstitutionCode) {
        self.known.write().remove(institution);
    }
}
