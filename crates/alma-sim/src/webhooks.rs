//! Outgoing webhooks: profiles, challenge, signed messages, retries after 1, 3 and 6 hours of simulated time; and
//! deliveries that are lost, duplicated or delayed on purpose.

#![allow(clippy::disallowed_methods, reason = "the simulator's faults and webhooks take real time")]

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::clock::moment;
use crate::sim::{Sim, Site};
use crate::state::Alma;
use crate::state::events::Event;

/// Hours until a message that was answered 5xx, or not at all, is sent again; then it is given up.
const RETRY_HOURS: [i64; 3] = [1, 3, 6];
/// How long the simulator waits for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// Log entries kept.
const LOG: usize = 1_000;

/// A webhook: where an institution sends which messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WebhookProfile {
    /// Listener.
    pub url: String,
    /// Secret of the signature.
    pub secret: String,
    /// Actions subscribed to (LOAN, REQUEST, ITEM, BIB, USER, JOB_END, NOTIFICATION); all when empty.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Seconds of simulated time from event to message.
    #[serde(default)]
    pub delay_s: i64,
    /// Every n-th message is sent twice.
    #[serde(default)]
    pub duplicate_every: Option<u64>,
    /// Every n-th message is lost.
    #[serde(default)]
    pub lose_every: Option<u64>,
    /// Messages that are due together go out newest first.
    #[serde(default)]
    pub newest_first: bool,
    /// Messages that are due together go out in a random order.
    #[serde(default)]
    pub shuffle: bool,
    /// The share of messages that are sent twice, at random.
    #[serde(default)]
    pub duplicate_chance: f64,
    /// The share of messages that are lost, at random.
    #[serde(default)]
    pub lose_chance: f64,
    /// The share of messages that are late, at random.
    #[serde(default)]
    pub late_chance: f64,
    /// The longest delay of a late message, in seconds.
    #[serde(default)]
    pub late_s: u32,
    /// The seed of the random faults: the same events with the same seed meet the same faults.
    #[serde(default)]
    pub seed: u64,
    /// The number of messages on their way at the same time. Above one, they may overtake each other.
    #[serde(default = "one")]
    pub at_once: usize,
    /// Whether the listener passed the challenge.
    #[serde(default)]
    pub challenge_passed: Option<bool>,
}

fn one() -> usize {
    1
}

/// The result of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Answered 2xx.
    Taken,
    /// Answered 4xx: not sent again.
    Refused,
    /// No answer or 5xx; will be sent again.
    Failed,
    /// No answer or 5xx, and no more tries.
    GivenUp,
    /// Lost on purpose.
    Lost,
}

/// An attempt to deliver a message.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// Listener.
    pub url: String,
    /// Message id.
    pub id: String,
    /// Event, or `challenge`.
    pub event: String,
    /// Simulated time of the attempt.
    pub time: String,
    /// From 1.
    pub attempt: usize,
    /// The result.
    pub status: DeliveryStatus,
}

impl WebhookProfile {
    /// All messages arrive, in time and in order.
    pub fn new(url: &str, secret: &str) -> WebhookProfile {
        WebhookProfile {
            url: url.to_owned(),
            secret: secret.to_owned(),
            actions: Vec::new(),
            delay_s: 0,
            duplicate_every: None,
            lose_every: None,
            newest_first: false,
            shuffle: false,
            duplicate_chance: 0.0,
            lose_chance: 0.0,
            late_chance: 0.0,
            late_s: 0,
            seed: 0,
            at_once: one(),
            challenge_passed: None,
        }
    }
}

#[derive(Debug, Clone)]
struct Message {
    profile: usize,
    id: String,
    event: String,
    body: String,
    attempt: usize,
    due: Timestamp,
}

/// The profiles, the waiting messages, and the log of deliveries.
#[derive(Debug)]
pub(crate) struct Hooks {
    profiles: Vec<WebhookProfile>,
    /// A random source for each profile.
    chance: Vec<StdRng>,
    unchallenged: VecDeque<usize>,
    waiting: Vec<Message>,
    log: VecDeque<Delivery>,
    /// Messages on their way now.
    under_way: usize,
    /// The number of events turned into messages so far, and the number of messages.
    seen: u64,
    made: u64,
}

impl Hooks {
    pub(crate) fn new(seen: u64) -> Hooks {
        Hooks {
            profiles: Vec::new(),
            chance: Vec::new(),
            unchallenged: VecDeque::new(),
            waiting: Vec::new(),
            log: VecDeque::new(),
            under_way: 0,
            seen,
            made: 0,
        }
    }

    /// Adds a profile; its listener is challenged.
    pub(crate) fn add(&mut self, profile: WebhookProfile) {
        self.unchallenged.push_back(self.profiles.len());
        self.chance.push(StdRng::seed_from_u64(profile.seed));
        self.profiles.push(profile);
    }

    pub(crate) fn clear(&mut self) {
        *self = Hooks::new(self.seen);
    }

    pub(crate) fn profiles(&self) -> &[WebhookProfile] {
        &self.profiles
    }

    /// Turns new events into messages.
    fn collect(&mut self, alma: &Alma) {
        if self.profiles.is_empty() {
            self.seen = alma.events.count;
            return;
        }
        let events: Vec<&Event> = alma.events.since(self.seen).collect();
        self.seen = alma.events.count;
        for event in events {
            for at in 0..self.profiles.len() {
                let profile = &self.profiles[at];
                if profile.actions.is_empty()
                    || profile.actions.iter().any(|action| action.eq_ignore_ascii_case(&event.action))
                {
                    self.enqueue(alma, at, event);
                }
            }
        }
    }

    fn enqueue(&mut self, alma: &Alma, at: usize, event: &Event) {
        self.made += 1;
        let (profile, chance) = (&self.profiles[at], &mut self.chance[at]);
        let mut strikes = |share: f64| share > 0.0 && chance.random_bool(share.min(1.0));
        let by_chance = (strikes(profile.lose_chance), strikes(profile.duplicate_chance), strikes(profile.late_chance));
        let late = if by_chance.2 { i64::from(chance.random_range(0..=profile.late_s)) } else { 0 };
        let message = Message {
            profile: at,
            id: event.id.to_string(),
            event: event.event.clone().unwrap_or_else(|| event.action.clone()),
            body: body(alma, event),
            attempt: 1,
            due: event.time + SignedDuration::from_secs(profile.delay_s + late),
        };
        let every = |n: Option<u64>| n.is_some_and(|n| n > 0 && self.made.is_multiple_of(n));
        let lost = by_chance.0 || every(profile.lose_every);
        let twice = by_chance.1 || every(profile.duplicate_every);
        if lost {
            let time = event.time;
            self.note(&message, DeliveryStatus::Lost, time);
            return;
        }
        if twice {
            self.waiting.push(message.clone());
        }
        self.waiting.push(message);
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.waiting.iter().map(|message| message.due).min()
    }

    fn take_due(&mut self, now: Timestamp) -> Vec<(Message, WebhookProfile)> {
        let (mut due, later): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|message| message.due <= now);
        self.waiting = later;
        self.under_way += due.len();
        if due.iter().any(|message| self.profiles[message.profile].newest_first) {
            due.reverse();
        }
        if let Some(at) = due.iter().map(|message| message.profile).find(|at| self.profiles[*at].shuffle) {
            due.shuffle(&mut self.chance[at]);
        }
        due.into_iter().map(|message| (message.clone(), self.profiles[message.profile].clone())).collect()
    }

    fn note(&mut self, message: &Message, status: DeliveryStatus, now: Timestamp) {
        let delivery = Delivery {
            url: self.profiles.get(message.profile).map(|profile| profile.url.clone()).unwrap_or_default(),
            id: message.id.clone(),
            event: message.event.clone(),
            time: moment(now),
            attempt: message.attempt,
            status,
        };
        self.log.push_back(delivery);
        if self.log.len() > LOG {
            self.log.pop_front();
        }
    }

    /// Records an answer. A message without one waits for its next attempt.
    fn settle(&mut self, mut message: Message, answer: Option<u16>, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        let status = match answer {
            Some(200..300) => DeliveryStatus::Taken,
            Some(400..500) => DeliveryStatus::Refused,
            _ => match RETRY_HOURS.get(message.attempt - 1) {
                Some(hours) => {
                    message.due = now + SignedDuration::from_hours(*hours);
                    DeliveryStatus::Failed
                }
                None => DeliveryStatus::GivenUp,
            },
        };
        self.note(&message, status, now);
        if status == DeliveryStatus::Failed {
            message.attempt += 1;
            self.waiting.push(message);
        }
    }
}

/// Builds the message. Its spacing is such that reading and writing it again gives other bytes: the signature covers
/// these bytes.
fn body(alma: &Alma, event: &Event) -> String {
    let mut message = Map::new();
    let mut set = |key: &str, value: Value| message.insert(key.to_owned(), value);
    set("id", json!(event.id.to_string()));
    set("action", json!(event.action));
    set("institution", json!({"value": alma.code, "desc": alma.name}));
    set("time", json!(moment(event.time)));
    let text = event.event.as_deref().map(|code| json!({"value": code, "desc": alma.describe("WebhookEvents", code)}));
    set("event", text.unwrap_or(Value::Null));
    set(&event.payload.0, json!(event.payload.1));
    if matches!(event.action.as_str(), "ITEM" | "BIB") {
        for sibling in ["bib", "holding", "item", "portfolio", "representation"] {
            if sibling != event.payload.0 {
                set(sibling, Value::Null);
            }
        }
    }
    serde_json::to_string_pretty(&Value::Object(message)).unwrap_or_default() + "\n"
}

/// base64(HMAC-SHA256(secret, body)), the header `X-Exl-Signature`. RFC 2104 over SHA-256.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let mut key = [0_u8; 64];
    if secret.len() > key.len() {
        key[..32].copy_from_slice(&Sha256::digest(secret.as_bytes()));
    } else {
        key[..secret.len()].copy_from_slice(secret.as_bytes());
    }
    let inner = Sha256::new().chain_update(key.map(|byte| byte ^ 0x36)).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(key.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    base64::engine::general_purpose::STANDARD.encode(outer)
}

impl Sim {
    /// Adds a webhook profile. Its listener is challenged as soon as a server runs, and receives messages about events
    /// from now on.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn add_webhook(&self, institution: &str, profile: WebhookProfile) -> Result<(), crate::Refusal> {
        let site = self.site(institution)?;
        let happened = self.with(&site, |alma| alma.events.count);
        let mut hooks = site.hooks();
        if hooks.profiles.is_empty() {
            hooks.seen = happened;
        }
        hooks.add(profile);
        drop(hooks);
        self.wake();
        Ok(())
    }

    /// Removes all webhook profiles, with their unsent messages.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn remove_webhooks(&self, institution: &str) -> Result<(), crate::Refusal> {
        self.site(institution)?.hooks().clear();
        Ok(())
    }

    /// Returns whether all events so far have been sent, or are not due yet.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn has_sent_all(&self, institution: &str) -> Result<bool, crate::Refusal> {
        let site = self.site(institution)?;
        let happened = self.with(&site, |alma| alma.events.count);
        let (now, hooks) = (self.now(), site.hooks());
        let is_due = hooks.waiting.iter().any(|message| message.due <= now);
        let all_seen = hooks.seen == happened || hooks.profiles.is_empty();
        Ok(all_seen && !is_due && hooks.under_way == 0 && hooks.unchallenged.is_empty())
    }

    /// Returns the bodies of messages about events after the first `seen` ones, and the number of events so far, for a
    /// caller that carries messages without a listener.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn messages_since(&self, institution: &str, seen: u64) -> Result<(Vec<String>, u64), crate::Refusal> {
        let site = self.site(institution)?;
        Ok(self
            .with(&site, |alma| (alma.events.since(seen).map(|event| body(alma, event)).collect(), alma.events.count)))
    }

    /// Attempts of delivery so far, oldest first.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn deliveries(&self, institution: &str) -> Result<Vec<Delivery>, crate::Refusal> {
        Ok(self.site(institution)?.hooks().log.iter().cloned().collect())
    }
}

/// Sends due messages as long as the server runs.
pub(crate) async fn deliver(sim: Sim) {
    // A program that uses this crate need not know of TLS. A program that has chosen a provider keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = match reqwest::Client::builder().timeout(ANSWER_TIME).build() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "webhooks are not delivered");
            return;
        }
    };
    loop {
        for site in sim.sites() {
            challenge(&sim, &site, &client).await;
            sim.with(&site, |alma| site.hooks().collect(alma));
            let due = site.hooks().take_due(sim.now());
            let at_once = due.iter().map(|(_, profile)| profile.at_once).max().unwrap_or(1).max(1);
            let mut sent = futures::stream::iter(due)
                .map(|(message, profile)| {
                    let client = &client;
                    async move {
                        let answer = post(client, &profile, &message).await;
                        (message, answer)
                    }
                })
                .buffer_unordered(at_once);
            while let Some((message, answer)) = sent.next().await {
                site.hooks().settle(message, answer, sim.now());
            }
        }
        // Every event wakes the loop, and so does a moved clock. If time passes without being moved, the next due
        // message does.
        let next = sim.sites().iter().filter_map(|site| site.hooks().next_due()).min();
        match next.and_then(|due| sim.real_time_until(due)) {
            Some(left) => tokio::select! {
                () = sim.woken() => {}
                () = tokio::time::sleep(left) => {}
            },
            None => sim.woken().await,
        }
    }
}

async fn post(client: &reqwest::Client, profile: &WebhookProfile, message: &Message) -> Option<u16> {
    let sent = client
        .post(&profile.url)
        .header("content-type", "application/json")
        .header("x-exl-signature", signature(&profile.secret, message.body.as_bytes()))
        .body(message.body.clone())
        .send()
        .await;
    sent.ok().map(|answer| answer.status().as_u16())
}

/// `GET {url}?challenge={text}`, unsigned; the listener answers the text in JSON.
async fn challenge(sim: &Sim, site: &Site, client: &reqwest::Client) {
    loop {
        let Some(at) = site.hooks().unchallenged.pop_front() else { return };
        let Some(url) = site.hooks().profiles.get(at).map(|profile| profile.url.clone()) else { return };
        let mut text = String::new();
        for byte in Sha256::digest(format!("{url}{}", sim.now().as_millisecond()).as_bytes()).iter().take(8) {
            let _ = write!(text, "{byte:02x}");
        }
        let joint = if url.contains('?') { '&' } else { '?' };
        let answer = match client.get(format!("{url}{joint}challenge={text}")).send().await {
            Ok(answer) if answer.status().is_success() => answer.json::<Value>().await.ok(),
            _ => None,
        };
        let passed = answer.is_some_and(|answer| answer["challenge"] == text.as_str());
        let mut hooks = site.hooks();
        if let Some(profile) = hooks.profiles.get_mut(at) {
            profile.challenge_passed = Some(passed);
        }
        let message = Message {
            profile: at,
            id: text,
            event: "challenge".to_owned(),
            body: String::new(),
            attempt: 1,
            due: sim.now(),
        };
        let status = if passed { DeliveryStatus::Taken } else { DeliveryStatus::Refused };
        hooks.note(&message, status, sim.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_signature_is_hmac_sha256() {
        assert_eq!(signature("Jefe", b"what do ya want for nothing?"), "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }
}
