//! Measures webhook messages: how soon the hub acts on them, and how it handles a flood of them.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alma_sim::{Server, Sim, SimClock};
use futures::{StreamExt, TryStreamExt};
use reqwest::Method;
use scenarios::{Hub, RequestView};
use serde_json::json;

use crate::live::hub::{HubProcess, Setup};
use crate::simulate::sim_setup::{self, BORROWER, LENDERS};

mod burst;
mod chain;
mod lost_message;
mod meanwhile;
mod react;

pub(crate) use burst::burst;
pub(crate) use meanwhile::reactions;
pub(crate) use react::react;

const SECRET: &str = "secret-of-the-benchmark";
/// The settings by which polls are an hour apart, so that the hub learns of every earlier change from a message.
const POLLS: &str = "batch_poll_interval_ms = 3600000\npoll_interval_initial_ms = 3600000\npoll_interval_max_ms = 3600000\n\
    webhook_poll_interval_initial_ms = 3600000\nwebhook_poll_interval_max_ms = 3600000\n";
const PATIENCE: Duration = Duration::from_secs(60);
const PLACED: &str = "REQUEST_PLACED_AT_BORROWING_AGENCY";

struct Stage {
    sim: Sim,
    hub: HubProcess,
    _server: Server,
}

impl Stage {
    async fn set(titles: usize) -> Result<Self, String> {
        let sim = sim_setup::build_for(SimClock::Real, titles, titles)?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(sim.clone(), listen).await.map_err(|error| error.to_string())?;
        let hub = HubProcess::start(Setup { database: None, engine: POLLS.to_owned() }).await?;
        hub.introduce(&server.base_url()).await?;
        for code in [LENDERS[0], LENDERS[1], BORROWER] {
            let path = format!("/api/v1/institutions/{code}/webhook");
            hub.client.put(&path, &json!({"secret": SECRET})).await.map_err(|failure| failure.to_string())?;
        }
        Ok(Self { sim, hub, _server: server })
    }

    fn url(&self, code: &str) -> String {
        format!("http://{}/webhooks/{code}", self.hub.address)
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Runtime::new().map_err(|error| error.to_string())
}

async fn place(hub: &Hub, number: usize) -> Result<String, String> {
    let copy = json!({"institution": LENDERS[0], "barcode": sim_setup::barcode(LENDERS[0], number)});
    let body = json!({
        "agency": "BORROW", "patron": sim_setup::one_of_many(number), "pickup_location": "BORROW-MAIN", "copies": [copy],
    });
    let placed = hub.call(Method::POST, "/api/v1/requests?wait=0", Some(&body)).await;
    let placed = placed.map_err(|failure| failure.to_string())?;
    let id = placed["id"].as_str().ok_or("a placement has no id")?.to_owned();
    until(hub, &id, PLACED).await?;
    Ok(id)
}

/// Places a number of requests, each of another title. Returns their ids.
async fn place_all(hub: &Hub, requests: usize) -> Result<Vec<String>, String> {
    let hub = hub.clone();
    futures::stream::iter(0..requests)
        .map(|number| {
            let hub = hub.clone();
            async move { place(&hub, number).await }
        })
        .buffered(8)
        .try_collect()
        .await
}

async fn until(hub: &Hub, id: &str, status: &str) -> Result<(), String> {
    reached(hub, id, status, |request| request.status == status).await.map(drop)
}

/// Reads more rarely the longer it takes, since each read is work for the hub too.
async fn reached(hub: &Hub, id: &str, what: &str, holds: impl Fn(&RequestView) -> bool) -> Result<RequestView, String> {
    let begun = Instant::now();
    loop {
        let request = hub.request(id).await.map_err(|failure| failure.to_string())?;
        if holds(&request) {
            return Ok(request);
        }
        let elapsed = begun.elapsed();
        if elapsed > PATIENCE {
            return Err(format!("{id} stands at {}: {what} is not reached", request.status));
        }
        tokio::time::sleep((elapsed / 8).clamp(Duration::from_millis(2), Duration::from_millis(100))).await;
    }
}

async fn idle(hub: &Hub, id: &str) -> Result<RequestView, String> {
    reached(hub, id, "rest", |request| request.current_effect.is_null()).await
}

pub(crate) fn at(sorted: &[Duration], share: usize) -> Duration {
    sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}
