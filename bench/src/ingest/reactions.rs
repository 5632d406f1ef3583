//! The engine's reactions while the hub harvests: staff act at simulated Almas, whose webhooks report it.

use std::time::Duration;

use reqwest::Method;
use scenarios::Hub;
use serde_json::{Value, json};

use super::Source;
use crate::webhooks;

/// The reactions of a hub, sorted.
pub(super) struct Reactions {
    /// While it harvests, groups and indexes.
    pub(super) meanwhile: Vec<Duration>,
    /// Without a harvest.
    pub(super) alone: Vec<Duration>,
    /// Whether the harvest was still under way after the last act.
    pub(super) is_covered: bool,
}

/// Measures a hub of its own, first without a harvest and then with one.
pub(super) fn measure(records: u64, lifecycles: usize) -> Result<Reactions, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let source = Source::start(records)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let nothing = async |_: &Hub, _: &str| Ok(());
        let (alone, _) = webhooks::reactions(lifecycles, nothing, async |_: &Hub, _: &str| Ok(true)).await?;
        let begin = async |hub: &Hub, code: &str| begin(hub, code, &source.url).await;
        let (meanwhile, is_covered) = webhooks::reactions(lifecycles, begin, is_under_way).await?;
        Ok(Reactions { meanwhile, alone, is_covered })
    })
}

/// Gives an institution harvest settings, asks for a harvest, and waits until it is under way.
async fn begin(hub: &Hub, code: &str, url: &str) -> Result<(), String> {
    let path = format!("/api/v1/institutions/{code}");
    let mut institution = call(hub, Method::GET, &path, None).await?;
    institution["settings"]["harvest"] = json!({"url": url});
    let body = json!({"name": institution["name"], "kind": institution["kind"], "settings": institution["settings"]});
    call(hub, Method::PUT, &path, Some(&body)).await?;
    call(hub, Method::POST, &format!("{path}/harvests"), Some(&json!({"full": true}))).await?;
    while !is_under_way(hub, code).await? {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn is_under_way(hub: &Hub, code: &str) -> Result<bool, String> {
    let list = call(hub, Method::GET, &format!("/api/v1/institutions/{code}/harvests"), None).await?;
    match list["harvests"][0]["state"].as_str() {
        Some("failed") => Err(format!("the harvest failed: {}", list["harvests"][0]["report"]["error"])),
        state => Ok(state == Some("running")),
    }
}

async fn call(hub: &Hub, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
    hub.call(method, path, body).await.map_err(|failure| failure.to_string())
}
