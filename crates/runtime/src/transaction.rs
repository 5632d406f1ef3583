//! Transactions that another transaction got in the way of: they are run again.

#![allow(clippy::disallowed_methods, reason = "the pause between two tries of a transaction is real time")]

use std::future::Future;
use std::time::Duration;

use crate::Ids;

/// How often a transaction is tried at most.
const MAX_ATTEMPTS: u32 = 8;
/// The first pause, at most; it doubles from then on, so that transactions that met once don't meet again.
const INITIAL_BACKOFF: Duration = Duration::from_millis(10);

/// An error that may come from the store.
pub trait StoreFailure {
    /// The store's error, if it is one.
    fn store_failure(&self) -> Option<&store::Error>;
}

impl StoreFailure for store::Error {
    fn store_failure(&self) -> Option<&store::Error> {
        Some(self)
    }
}

/// Runs a transaction, and runs it again from its beginning where a version conflict, a deadlock or a serialisation failure undid it.
pub(crate) async fn retry<T, E, F>(ids: &Ids, once: impl Fn() -> F) -> Result<T, E>
where
    E: StoreFailure,
    F: Future<Output = Result<T, E>>,
{
    for tried in 1..MAX_ATTEMPTS {
        let result = once().await;
        match result.as_ref().err().and_then(StoreFailure::store_failure) {
            Some(store::Error::Conflict) => {}
            Some(store::Error::Contended) => {
                tokio::time::sleep(ids.jitter(INITIAL_BACKOFF * 2_u32.pow(tried - 1))).await;
            }
            _ => return result,
        }
    }
    once().await
}
