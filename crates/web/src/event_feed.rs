//! The node's view of the newest event, which all its streams share, and the count of the streams.
//!
//! One task gives positions to new events and announces the newest. It runs while somebody follows the events.

#![allow(
    clippy::disallowed_methods,
    reason = "the task waits by the machine's clock; nothing that is due depends on it"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use engine::{Change, Engine};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tracing::warn;

use crate::problem::Problem;

/// The longest time between two searches for new events. A node that died may not have announced its last commits.
const AT_LEAST_EVERY: Duration = Duration::from_secs(5);
/// The number of streams that a key may have at a node.
const MOST_PER_KEY: usize = 5;
/// The number of streams of a node.
const MOST: usize = 200;

/// The shared state of a node's streams.
#[derive(Clone, Default, Debug)]
pub(crate) struct EventFeed {
    newest: Arc<Mutex<Option<watch::Sender<i64>>>>,
    streams: Arc<Mutex<HashMap<Arc<str>, usize>>>,
}

/// The place of one stream among those of its key. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct StreamPlace {
    key: Arc<str>,
    streams: Arc<Mutex<HashMap<Arc<str>, usize>>>,
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut streams = self.streams.lock();
        if let Some(count) = streams.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.key);
            }
        }
    }
}

impl EventFeed {
    /// Takes a place for a stream of this key.
    ///
    /// # Errors
    ///
    /// The key or the node has too many streams.
    pub(crate) fn enter(&self, key: &str) -> Result<StreamPlace, Problem> {
        let mut streams = self.streams.lock();
        let of_key = streams.get(key).copied().unwrap_or_default();
        if of_key >= MOST_PER_KEY || streams.values().sum::<usize>() >= MOST {
            let detail = format!(
                "A key follows the events at most {MOST_PER_KEY} times at once, and a node serves {MOST} streams. End one, \
                 then try again."
            );
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_STREAMS", detail).retry_after(10));
        }
        let key: Arc<str> = key.into();
        streams.insert(Arc::clone(&key), of_key + 1);
        Ok(StreamPlace { key, streams: Arc::clone(&self.streams) })
    }

    /// Returns a receiver of the position of the newest event.
    pub(crate) fn newest(&self, engine: &Arc<Engine>) -> watch::Receiver<i64> {
        let mut newest = self.newest.lock();
        if let Some(sender) = newest.as_ref() {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(0);
        // Subscribed before the first search, so that no change falls between them.
        let changes = engine.changes();
        *newest = Some(sender);
        tokio::spawn(self.clone().follow(Arc::clone(engine), changes));
        receiver
    }

    async fn follow(self, engine: Arc<Engine>, mut changes: broadcast::Receiver<Change>) {
        loop {
            match engine.newest_event().await {
                Ok(position) => {
                    let mut newest = self.newest.lock();
                    match newest.as_ref() {
                        Some(sender) if sender.receiver_count() > 0 => {
                            sender.send_if_modified(|known| std::mem::replace(known, position) != position);
                        }
                        // Nobody follows any more. The next one starts another task.
                        _ => {
                            *newest = None;
                            return;
                        }
                    }
                }
                Err(error) => warn!(%error, "can't read new events; trying again in a few seconds"),
            }
            // A receiver that lagged has missed changes, which the search finds.
            let _ = tokio::time::timeout(AT_LEAST_EVERY, changes.recv()).await;
            while let Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) = changes.try_recv() {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_has_a_limit_of_streams_and_gets_a_place_back() {
        let feed = EventFeed::default();
        let mut places: Vec<_> = (0..MOST_PER_KEY).map(|_| feed.enter("one").unwrap()).collect();
        assert!(feed.enter("one").is_err());
        assert!(feed.enter("two").is_ok());
        places.pop();
        assert!(feed.enter("one").is_ok());
    }
}
