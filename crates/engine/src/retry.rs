//! Transactions that the database undid because others wanted the same at the same moment: they are done again.

use std::future::Future;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::Error;

/// How often a transaction is done at most.
const MAX_ATTEMPTS: u32 = 8;
/// The first pause, at most; it doubles from then on, so that those who met don't meet again.
const INITIAL_BACKOFF: Duration = Duration::from_millis(10);

impl Engine {
    /// Runs a transaction and retries it, up to eight times, if another transaction got in its way: a version conflict, a
    /// deadlock or a serialisation failure.
    pub(crate) async fn retry_transaction<T, F>(&self, once: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        for tried in 1..MAX_ATTEMPTS {
            match once().await {
                Err(Error::Store(store::Error::Conflict)) => {}
                Err(Error::Store(store::Error::Contended)) => {
                    tokio::time::sleep(self.ids.jitter(INITIAL_BACKOFF * 2_u32.pow(tried - 1))).await;
                }
                other => return other,
            }
        }
        once().await
    }
}
