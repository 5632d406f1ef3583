//! Removes data whose time is over.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use runtime::saturating_add;
use tracing::warn;

use crate::engine::Engine;

/// How long events are kept for programs that read them late.
const EVENTS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often a node removes old data.
const INTERVAL: Duration = Duration::from_secs(3_600);

impl Engine {
    /// Removes old answers to calls with an `Idempotency-Key`, and old events, and adds up the daily numbers, once an hour.
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
        if let Err(error) = self.prune_events(now).await {
            warn!(%error, "could not remove old events; the next try is in an hour");
        }
        if let Err(error) = self.store().fold_summaries().await {
            warn!(%error, "could not add up the daily numbers; the next try is in an hour");
        }
    }

    /// Removes events that are older than [`EVENTS_KEPT`].
    async fn prune_events(&self, now: Timestamp) -> Result<(), store::Error> {
        // An event without a position would stay.
        self.store().place_events().await?;
        let mut unit = self.store().unit();
        unit.prune_deliveries();
        unit.prune_events(now.saturating_sub(EVENTS_KEPT).unwrap_or(Timestamp::MIN));
        self.store().commit(unit).await.map(drop)
    }
}
