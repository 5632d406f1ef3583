//! What libraries' systems tell by themselves: how soon the hub acts on it, and how it stands a flood.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alma_sim::{Server, Sim, SimClock, WebhookProfile};
use futures::{StreamExt, TryStreamExt};
use lms::HostLms;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use reqwest::{Method, StatusCode};
use scenarios::{Hub, RequestView};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Scale;
use crate::live::hub::{HubProcess, Setup, build_hub};
use crate::simulate::house::{self, BORROWER, DESK, LENDERS};
use crate::unheard::{self, Late};
use crate::verdict::{Verdict, table};
use crate::world::Telling;

const SECRET: &str = "secret-of-the-benchmark";
/// Looks are an hour apart: whatever is seen sooner was told.
const LOOKS: &str = "lists_ms = 3600000\nlook_first_ms = 3600000\nlook_most_ms = 3600000\n\
    told_first_ms = 3600000\ntold_most_ms = 3600000\n";
const PATIENCE: Duration = Duration::from_secs(60);
const PLACED: &str = "REQUEST_PLACED_AT_BORROWING_AGENCY";

struct Stage {
    sim: Sim,
    hub: HubProcess,
    _server: Server,
}

impl Stage {
    async fn set(titles: usize) -> Result<Self, String> {
        let program = build_hub()?;
        let sim = house::build_for(SimClock::Real, titles, titles)?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(sim.clone(), listen).await.map_err(|error| error.to_string())?;
        let hub = HubProcess::start(Setup { program, database: None, engine: LOOKS.to_owned() }).await?;
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
    let copy = json!({"institution": LENDERS[0], "barcode": house::barcode(LENDERS[0], number)});
    let body = json!({
        "agency": "BORROW", "patron": house::one_of_many(number), "pickup_location": "BORROW-MAIN", "copies": [copy],
    });
    let placed = hub.call(Method::POST, "/api/v1/requests?wait=0", Some(&body)).await;
    let placed = placed.map_err(|failure| failure.to_string())?;
    let id = placed["id"].as_str().ok_or("a placement has no id")?.to_owned();
    until(hub, &id, PLACED).await?;
    Ok(id)
}

/// Places so many requests, of as many titles; their ids.
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

/// Asks more seldom the longer it takes: asking is work for the hub too.
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
    reached(hub, id, "rest", |request| request.working_on.is_null()).await
}

fn at(sorted: &[Duration], share: usize) -> Duration {
    sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}

// ------------------------------------------------------------------------------------------------------------- react

/// Acts of staff in a second.
const ACTS_PER_SECOND: u64 = 50;
/// Lifecycles that go on at the same time.
const LIFECYCLES: usize = 24;
const REACT_P50: Duration = Duration::from_millis(20);
const REACT_P99: Duration = Duration::from_millis(250);

/// What staff do, and the status that tells of it.
const ACTS: [(&str, &str); 5] = [
    ("dispatch", "PICKUP_TRANSIT"),
    ("on the shelf", "READY_FOR_PICKUP"),
    ("loan", "LOANED"),
    ("return", "RETURN_TRANSIT"),
    ("back home", "FINALISED"),
];

pub(crate) fn react(scale: Scale) -> Result<Verdict, String> {
    let lifecycles = match scale {
        Scale::Full => 1_000,
        Scale::Quick => 150,
    };
    runtime()?.block_on(async {
        let stage = Stage::set(lifecycles + 1).await?;
        for code in [LENDERS[0], BORROWER] {
            let actions = ["LOAN", "REQUEST", "ITEM"].map(str::to_owned).into();
            let profile = WebhookProfile { actions, at_once: 16, ..WebhookProfile::new(&stage.url(code), SECRET) };
            stage.sim.add_webhook(code, profile).map_err(|error| error.to_string())?;
            let staff = stage.sim.staff(code).map_err(|error| error.to_string())?;
            // A site whose Alma sends ITEM messages on circulation: without them dispatch is found by looking only.
            staff.set_behaviour(|site| site.circulation_raises_item_events = true);
        }
        let placed = place_all(&stage.hub.client, lifecycles).await?;
        let begun = Instant::now();
        let took = play(&stage, Arc::new(placed)).await?;
        let long = begun.elapsed();
        drop(stage);
        let requests = if scale == Scale::Full { 16 } else { 4 };
        let lost = unheard::delays(Telling::Lost, requests).await?;
        let no_items = unheard::delays(Telling::NoItems, requests).await?;
        let mut verdict = reacted(lifecycles, long, took);
        verdict.notes.push(late("a message that was lost", &lost));
        verdict.notes.push(late("no messages of items", &no_items[..1]));
        Ok(verdict)
    })
}

/// How long after each act of staff its status was seen, and the other side's call sent.
async fn play(stage: &Stage, placed: Arc<Vec<String>>) -> Result<Vec<Vec<Duration>>, String> {
    let next = Arc::new(AtomicUsize::new(0));
    let turns = Arc::new(Semaphore::new(0));
    let pace = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / ACTS_PER_SECOND));
            loop {
                ticks.tick().await;
                if turns.available_permits() < 2 {
                    turns.add_permits(1);
                }
            }
        }
    });
    let mut workers = JoinSet::new();
    for _ in 0..LIFECYCLES {
        let (sim, hub) = (stage.sim.clone(), stage.hub.client.clone());
        let (next, turns, placed) = (Arc::clone(&next), Arc::clone(&turns), Arc::clone(&placed));
        workers.spawn(async move {
            let mut took = vec![Vec::new(); ACTS.len()];
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(id) = placed.get(number) else { return Ok::<_, String>(took) };
                for (act, times) in took.iter_mut().enumerate() {
                    turns.acquire().await.map_err(|error| error.to_string())?.forget();
                    times.push(one(&sim, &hub, id, number, act).await?);
                }
            }
        });
    }
    let mut all = vec![Vec::new(); ACTS.len()];
    while let Some(ended) = workers.join_next().await {
        for (all, took) in all.iter_mut().zip(ended.map_err(|error| error.to_string())??) {
            all.extend(took);
        }
    }
    pace.abort();
    Ok(all)
}

async fn one(sim: &Sim, hub: &Hub, id: &str, number: usize, act: usize) -> Result<Duration, String> {
    let staff = |code: &str| sim.staff(code).map_err(|error| error.to_string());
    let refused = |refusal: alma_sim::Refusal| format!("{} is refused: {refusal}", ACTS[act].0);
    let lenders = house::barcode(LENDERS[0], number);
    // A book takes longer from one desk to the next than the hub for what it has begun.
    let request = idle(hub, id).await?;
    let here = request.borrower.barcode.unwrap_or_default();
    let begun = Instant::now();
    match act {
        0 | 4 => staff(LENDERS[0])?.scan_in(&lenders, "MAIN", DESK).map(drop).map_err(refused)?,
        2 => staff(BORROWER)?.lend(&here, &house::one_of_many(number), "MAIN", DESK).map(drop).map_err(refused)?,
        _ => staff(BORROWER)?.scan_in(&here, "MAIN", DESK).map(drop).map_err(refused)?,
    }
    until(hub, id, ACTS[act].1).await?;
    let seen = begun.elapsed();
    if act == 2 {
        // The other side's call: the loan at the lender.
        let deadline = Instant::now() + PATIENCE;
        while staff(LENDERS[0])?.item(&lenders).map_err(refused)?.process_type != "LOAN" {
            if Instant::now() > deadline {
                return Err(format!("the loan of {id} isn't mirrored"));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        return Ok(begun.elapsed());
    }
    Ok(seen)
}

/// What lists show that no message told of.
fn late(name: &str, acts: &[Late]) -> String {
    let minutes = |late: &Late| format!("{:?} within {} min", late.act, late.longest.as_secs() / 60);
    let acts = acts.iter().map(minutes).collect::<Vec<_>>().join(", ");
    format!("{name}, in opening hours, seen in lists: {acts}")
}

fn reacted(lifecycles: usize, took: Duration, acts: Vec<Vec<Duration>>) -> Verdict {
    let mut rows = table(&["act", "seen", "p50", "p99", "longest"]);
    let mut all: Vec<Duration> = acts.iter().flatten().copied().collect();
    all.sort_unstable();
    for ((act, status), mut times) in ACTS.iter().zip(acts) {
        times.sort_unstable();
        let row =
            [(*act).to_owned(), (*status).to_owned(), ms(at(&times, 50)), ms(at(&times, 99)), ms(at(&times, 100))];
        rows.add_row(row);
    }
    let (p50, p99) = (at(&all, 50), at(&all, 99));
    let rate = f64::from(u32::try_from(all.len()).unwrap_or(u32::MAX)) / took.as_secs_f64();
    Verdict {
        table: rows,
        notes: vec![
            format!("{lifecycles} lifecycles, {} acts of staff, {rate:.0} a second", all.len()),
            "a loan counts until the lender's Alma has it too; back home, until all records are deleted".to_owned(),
        ],
        figure: format!("p50 {}, p99 {}", ms(p50), ms(p99)),
        target: format!("at most {} and {}", ms(REACT_P50), ms(REACT_P99)),
        met: p50 <= REACT_P50 && p99 <= REACT_P99,
    }
}

// ------------------------------------------------------------------------------------------------------------- burst

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
        // What was told is looked at; then there is nothing left to do.
        settled(&stage.sim).await?;
        let read = reads(&stage.sim)? - before;
        Ok(stood(&sent, objects.len(), read))
    })
}

/// Half of the messages come twice, and one in ten is forged.
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
            .header(signer.signature_header(), signer.sign(&secret, body.as_bytes()))
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
    let mut settings = house::settings();
    settings["base_url"] = json!(format!("http://{}", stage.hub.address));
    let connection =
        lms::Connection { institution: BORROWER.into(), kind: "alma".to_owned(), settings, credentials: "none".into() };
    lms::connect(&connection).map_err(|error| error.to_string())
}

/// Calls that read, at all Almas.
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
        notes: vec![format!("{objects} distinct objects were told of; {reads} items were read")],
        figure: format!(
            "acknowledged within {} at p99, {believed} forged believed, {reads} reads for {objects} objects",
            ms(p99)
        ),
        target: format!("{}, 0, at most one for each object", ms(ACK_P99)),
        met: p99 <= ACK_P99 && believed == 0 && whole && reads <= u64::try_from(objects).unwrap_or(u64::MAX),
    }
}
