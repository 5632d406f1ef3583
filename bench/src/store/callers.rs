//! Callers that commit their units through the store, at the same time.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::time::{Duration, Instant};

use store::Store;
use tokio::task::JoinSet;

use super::units::{Caller, text};

/// The callers of a store. Each measurement has new ones, with new requests.
pub(crate) struct Callers {
    store: Store,
    known: u64,
}

impl Callers {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, known: 0 }
    }

    /// Puts the requests of so many callers into the store, and returns these and the number of the first one.
    pub(crate) async fn prepare(&mut self, count: u64) -> Result<(u64, Vec<Caller>), String> {
        let first = self.known;
        self.known += count;
        let mut preparing = JoinSet::new();
        for number in first..self.known {
            let store = self.store.clone();
            preparing.spawn(async move {
                let (caller, unit) = Caller::new(number, &store)?;
                store.commit(unit).await.map_err(text)?;
                Ok::<_, String>(caller)
            });
        }
        let mut callers = Vec::new();
        while let Some(prepared) = preparing.join_next().await {
            callers.push(prepared.map_err(text)??);
        }
        Ok((first, callers))
    }

    /// Returns the units per second of so many callers.
    pub(super) async fn measure(&mut self, count: u64, length: Duration) -> Result<f64, String> {
        let (_, callers) = self.prepare(count).await?;
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for mut caller in callers {
            let store = self.store.clone();
            running.spawn(async move {
                let mut done = 0_u32;
                while begun.elapsed() < length {
                    store.commit(caller.next(&store)?).await.map_err(text)?;
                    done += 1;
                }
                Ok::<_, String>(done)
            });
        }
        let mut done = 0;
        while let Some(ended) = running.join_next().await {
            done += ended.map_err(text)??;
        }
        Ok(f64::from(done) / begun.elapsed().as_secs_f64())
    }
}
