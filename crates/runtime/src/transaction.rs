//! Retries transactions that another transaction got in the way of.

#![allow(clippy::disallowed_methods, reason = "the pause between two tries of a transaction is real time")]

use std::future::Future;
use std::time::Duration;

use crate::{Ids, doubled};

/// The largest number of attempts.
const MAX_ATTEMPTS: u32 = 8;
/// The longest first pause. It doubles with each attempt, so that transactions that met once don't meet again.
const INITIAL_BACKOFF: Duration = Duration::from_millis(10);
/// The longest pause.
const MAX_BACKOFF: Duration = Duration::from_millis(640);

/// An error that may come from the store.
pub trait StoreFailure {
    /// Returns the store's error, if it is one.
    fn store_failure(&self) -> Option<&store::Error>;
}

impl StoreFailure for store::Error {
    fn store_failure(&self) -> Option<&store::Error> {
        Some(self)
    }
}

/// Runs a transaction, and retries it from its beginning if a version conflict, a deadlock or a serialisation failure
/// ended it.
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
                tokio::time::sleep(ids.jitter(doubled(INITIAL_BACKOFF, tried - 1, MAX_BACKOFF))).await;
            }
            _ => return result,
        }
    }
    once().await
}
