//! Delivers the messages of the simulated Almas lost, duplicate, late and in any order, by chance. Time stands still
//! here, so even late messages are fresh. That makes it harder for the hub to rely on the right ones than in reality.

use std::collections::BTreeMap;

use alma_sim::Sim;
use lending::{Hint, HintResult, Observed, RequestId, Side, interpret_hints};
use lms::HostLms;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use secrecy::SecretString;

use super::hub::Hub;
use super::sim_setup::{BORROWER, LENDERS};

/// The messages on their way, and the position up to which each Alma's events have been read.
pub(super) struct Messages {
    /// A random source of its own, so that staff act as they would without messages.
    rng: StdRng,
    secret: SecretString,
    seen: BTreeMap<&'static str, u64>,
    on_their_way: Vec<(&'static str, Hint)>,
}

impl Messages {
    pub(super) fn new(seed: u64) -> Self {
        let seen = [LENDERS[0], LENDERS[1], BORROWER].map(|code| (code, 0)).into();
        Self { rng: StdRng::seed_from_u64(seed), secret: "secret".into(), seen, on_their_way: Vec::new() }
    }

    /// Reads the events at the Almas since the last call. Some messages are lost, others duplicated.
    pub(super) fn gather(&mut self, sim: &Sim, hub: &Hub) -> Result<(), String> {
        for (code, seen) in &mut self.seen {
            let (bodies, count) = sim.messages_since(code, *seen).map_err(|error| error.to_string())?;
            *seen = count;
            let Some(lms) = hub.lms.get(*code) else { continue };
            for body in bodies {
                let copies = match self.rng.random_range(0..10_u8) {
                    0 => 0,
                    1 => 2,
                    _ => 1,
                };
                if let Some(hint) = read(lms.as_ref(), &self.secret, &body) {
                    self.on_their_way.extend((0..copies).map(|_| (*code, hint.clone())));
                }
            }
        }
        Ok(())
    }

    /// Delivers some of the messages on their way, in any order. Messages for one side of a request that arrive
    /// together are interpreted together.
    pub(super) async fn arrive(&mut self, hub: &mut Hub, all: bool) -> Result<(), String> {
        let mut here: BTreeMap<(RequestId, Side), Vec<Hint>> = BTreeMap::new();
        let mut later = Vec::new();
        while !self.on_their_way.is_empty() {
            let (code, hint) = self.on_their_way.swap_remove(self.rng.random_range(0..self.on_their_way.len()));
            if !all && self.rng.random_bool(0.4) {
                later.push((code, hint));
                continue;
            }
            for to in hub.affected_requests(code, &hint) {
                here.entry(to).or_default().push(hint.clone());
            }
        }
        self.on_their_way = later;
        for ((id, side), hints) in here {
            let Some(stored) = hub.requests.get(&id) else { continue };
            match interpret_hints(&stored.request, side, &hints, hub.now) {
                HintResult::NoChange => {}
                HintResult::Observed(seen) => hub.apply(
                    id,
                    &Observed::Seen { side, observation: *seen, source: lending::ObservationSource::Notification }
                        .into(),
                )?,
                HintResult::PollNeeded(hinted_state) => hub.poll_hinted(id, side, hinted_state).await?,
            }
        }
        Ok(())
    }
}

fn read(lms: &dyn HostLms, secret: &SecretString, body: &str) -> Option<Hint> {
    let signature = lms.sign_webhook(secret, body.as_bytes());
    lms.parse_webhook(std::slice::from_ref(secret), Some(&signature), body.as_bytes()).ok()?.hint
}
