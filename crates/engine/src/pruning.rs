//! Removes data whose time is over.

use std::time::Duration;

use runtime::saturating_add;
use tracing::warn;

use crate::engine::Engine;

/// How often a node removes old data.
const INTERVAL: Duration = Duration::from_secs(3_600);

impl Engine {
    /// Removes old answers to calls with an `Idempotency-Key`, once an hour.
    pub(crate) async fn prune(&self) {
        let now = self.runtime.now();
        {
            let mut next = self.next_pruning.lock();
            let following = saturating_add(now, INTERVAL);
            // A time that is further away was set before the clock was set back.
            if now < *next && *next <= following {
                return;
            }
            *next = following;
        }
        if let Err(error) = self.store().prune_answers(now).await {
            warn!(%error, "could not remove old answers; the next try is in an hour");
        }
    }
}
