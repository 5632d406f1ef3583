//! Measures how the hub handles a flood of messages.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use alma_sim::Sim;
use lms::HostLms;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{SECRET, Stage, at, ms, place_all, runtime};
use crate::Scale;
use crate::simulate::sim_setup::{self, BORROWER, LENDERS};
use crate::verdict::{Verdict, table};

const MESSAGES_PER_MINUTE: u64 = 10_000;
const ACK_P99: Duration = Duration::from_millis(50);

struct Sent {
    took: Duration,
    status: StatusCode,
    forged: bool,
}

pub(crate) fn burst(scale: Scale) -> Result<Verdict, String> {
    let (requests, messages) = match scale {
        Scale::Full => (1_000, 10_000),
        Scale::Quick => (120, 1_200),
    };
    runtime()?.block_on(async {
        let stage = Stage::set(requests).await?;
        let mut objects = Vec::new();
        place_all(&stage.hub.client, requests).await?;
        for code in [LENDERS[0], BORROWER] {
            for hold in stage.sim.staff(code).map_err(|error| error.to_string())?.requests() {
                let item = json!({
                    "bib_data": {"mms_id": hold.mms_id}, "holding_data": {"holding_id": "22"},
                    "item_data": {"pid": hold.item_pid},
                });
                objects.push((code, json!({"action": "ITEM", "event": {"value": "ITEM_UPDATED"}, "item": item})));
                let request = json!({"request_id": hold.id, "comment": hold.comment, "request_type": "HOLD"});
                let event = json!({"value": "REQUEST_CREATED"});
                objects.push((code, json!({"action": "REQUEST", "event": event, "user_request": request})));
            }
        }
        let before = reads(&stage.sim)?;
        let bodies = bodies(&objects, messages);
        let sent = flood(&stage, bodies).await?;
        // The hub polls the reported requests; after that there is nothing left to do.
        settled(&stage.sim).await?;
        let read = reads(&stage.sim)? - before;
        Ok(stood(&sent, objects.len(), read))
    })
}

/// Sends the messages. Half of them are sent twice, and one in ten is forged.
fn bodies(objects: &[(&'static str, Value)], messages: usize) -> Vec<(&'static str, String, bool)> {
    let mut rng = StdRng::seed_from_u64(15);
    let forged = messages / 10;
    let true_ones = (messages - forged) / 2;
    let mut all = Vec::with_capacity(messages);
    for number in 0..true_ones {
        let (code, object) = &objects[number % objects.len()];
        let mut body = object.clone();
        body["id"] = json!(format!("message-{number}"));
        all.push((*code, body.to_string(), false));
        all.push((*code, body.to_string(), false));
    }
    for number in 0..forged {
        let (code, object) = &objects[rng.random_range(0..objects.len())];
        let mut body = object.clone();
        body["id"] = json!(format!("forged-{number}"));
        all.push((*code, body.to_string(), true));
    }
    all.shuffle(&mut rng);
    all
}

async fn flood(stage: &Stage, bodies: Vec<(&'static str, String, bool)>) -> Result<Vec<Sent>, String> {
    let http = scenarios::http_client().map_err(|failure| failure.to_string())?;
    let signer = signer(stage)?;
    let mut ticks = tokio::time::interval(Duration::from_micros(60_000_000 / MESSAGES_PER_MINUTE));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut running = JoinSet::new();
    let mut sent = Vec::with_capacity(bodies.len());
    for (code, body, forged) in bodies {
        ticks.tick().await;
        let secret = SecretString::from(if forged { "a-secret-nobody-has" } else { SECRET });
        let call = http
            .post(stage.url(code))
            .header(signer.signature_header(), signer.sign_webhook(&secret, body.as_bytes()))
            .body(body);
        running.spawn(async move {
            let begun = Instant::now();
            let answer = call.send().await.map_err(|error| error.to_string())?;
            Ok::<_, String>(Sent { took: begun.elapsed(), status: answer.status(), forged })
        });
        while let Some(ended) = running.try_join_next() {
            sent.push(ended.map_err(|error| error.to_string())??);
        }
    }
    while let Some(ended) = running.join_next().await {
        sent.push(ended.map_err(|error| error.to_string())??);
    }
    Ok(sent)
}

fn signer(stage: &Stage) -> Result<Arc<dyn HostLms>, String> {
    let mut settings = sim_setup::settings();
    settings["base_url"] = json!(format!("http://{}", stage.hub.address));
    let connection =
        lms::Connection { institution: BORROWER.into(), kind: "alma".to_owned(), settings, credentials: "none".into() };
    lms::connect(&connection).map_err(|error| error.to_string())
}

/// Returns the number of reading calls at all Almas.
fn reads(sim: &Sim) -> Result<u64, String> {
    let mut reads = 0;
    for code in [LENDERS[0], LENDERS[1], BORROWER] {
        let calls = sim.calls(code).map_err(|error| error.to_string())?;
        reads += calls
            .iter()
            .filter(|(call, _)| call.starts_with("GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}"))
            .filter(|(call, _)| !call.ends_with("/requests"))
            .map(|(_, count)| count)
            .sum::<u64>();
    }
    Ok(reads)
}

async fn settled(sim: &Sim) -> Result<(), String> {
    let mut last = reads(sim)?;
    let mut quiet_since = Instant::now();
    while quiet_since.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = reads(sim)?;
        if now != last {
            (last, quiet_since) = (now, Instant::now());
        }
    }
    Ok(())
}

fn stood(sent: &[Sent], objects: usize, reads: u64) -> Verdict {
    let mut took: Vec<Duration> = sent.iter().map(|sent| sent.took).collect();
    took.sort_unstable();
    let taken = sent.iter().filter(|sent| sent.status == StatusCode::OK).count();
    let refused = sent.iter().filter(|sent| sent.status == StatusCode::UNAUTHORIZED).count();
    let forged = sent.iter().filter(|sent| sent.forged).count();
    let believed = sent.iter().filter(|sent| sent.forged && sent.status != StatusCode::UNAUTHORIZED).count();
    let p99 = at(&took, 99);
    let mut rows = table(&["messages", "taken", "forged", "refused", "p50", "p99", "longest"]);
    let counts = [sent.len(), taken, forged, refused].map(|count| count.to_string());
    rows.add_row(counts.into_iter().chain([ms(at(&took, 50)), ms(p99), ms(at(&took, 100))]).collect::<Vec<_>>());
    let whole = taken + refused == sent.len();
    Verdict {
        table: rows,
        notes: vec![format!("{objects} distinct objects were reported about; {reads} items were read")],
        figure: format!(
            "acknowledged within {} at p99, {believed} forged believed, {reads} reads for {objects} objects",
            ms(p99)
        ),
        target: format!("{}, 0, at most one for each object", ms(ACK_P99)),
        met: p99 <= ACK_P99 && believed == 0 && whole && reads <= u64::try_from(objects).unwrap_or(u64::MAX),
    }
}
