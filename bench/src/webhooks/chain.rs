//! The bare chain of an act: as many messages, durable units and calls as the hub needs for it, one after the other, with
//! nothing else. Whatever the hub takes longer than that is its own.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};
use store::{Database, Store};
use tempfile::TempDir;

use crate::store::{Caller, Callers};

/// The sizes of a message and of an Alma's answer, about, in bytes.
const MESSAGE: usize = 1_200;
const ANSWER: usize = 1_500;

/// What the hub does for an act, after one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Steps {
    /// Durable units.
    pub(super) units: usize,
    /// Calls to an Alma.
    pub(super) calls: usize,
}

/// A server and a store of its own that do nothing else.
pub(super) struct Bare {
    client: reqwest::Client,
    address: String,
    message: Value,
    store: Store,
    /// Those who wait for their next unit.
    callers: Mutex<Vec<Caller>>,
    serving: tokio::task::JoinHandle<()>,
    _dir: TempDir,
}

impl Bare {
    /// Starts them for so many chains at the same time.
    pub(super) async fn start(at_once: u64) -> Result<Self, String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = format!("http://{}/", listener.local_addr().map_err(|error| error.to_string())?);
        let answer = json!({"title": "x".repeat(ANSWER)});
        let read = axum::routing::get(async || axum::Json(answer));
        let router = axum::Router::new().route("/", read.post(async |_: axum::Json<Value>| "{}"));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let store = crate::store::open(&Database::Sqlite(dir.path().join("bare.db"))).await?;
        let (_, callers) = Callers::new(store.clone()).prepare(at_once).await?;
        Ok(Self {
            client: scenarios::http_client().map_err(|failure| failure.to_string())?,
            address,
            message: json!({"title": "x".repeat(MESSAGE)}),
            store,
            callers: Mutex::new(callers),
            serving,
            _dir: dir,
        })
    }

    /// Returns how long the chain of an act takes. The last read stands for the one by which its end is seen.
    pub(super) async fn chain(&self, steps: Steps) -> Result<Duration, String> {
        let mut caller = self.callers.lock().pop().ok_or("there are more chains than callers")?;
        let begun = Instant::now();
        let failed = |error: reqwest::Error| error.to_string();
        self.client.post(&self.address).json(&self.message).send().await.map_err(failed)?;
        for step in 0..steps.units.max(steps.calls) {
            if step < steps.units {
                let unit = caller.next(&self.store)?;
                self.store.commit(unit).await.map_err(|error| error.to_string())?;
            }
            if step < steps.calls {
                self.read().await.map_err(failed)?;
            }
        }
        self.read().await.map_err(failed)?;
        let took = begun.elapsed();
        self.callers.lock().push(caller);
        Ok(took)
    }

    async fn read(&self) -> reqwest::Result<()> {
        self.client.get(&self.address).send().await?.json::<Value>().await.map(drop)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
