//! What the simulated Almas send messages: lost, double, late and in any order, by chance. Time stands still here, so
//! even what is late is fresh, which makes it harder to believe rightly than it is in the world.

use std::collections::BTreeMap;

use alma_sim::Sim;
use lending::{Hint, HintResult, Observed, RequestId, Side, interpret_hints};
use lms::HostLms;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use secrecy::SecretString;

use super::hub::Hub;
use super::sim_setup::{BORROWER, LENDERS};

/// Messages on their way, and how far each Alma's events have been read.
pub(super) struct Messages {
    /// A chance of its own, so that what staff do is drawn as it is without messages.
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

    /// Takes what has happened at the Almas since the last time; some of it gets lost or doubled.
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

    /// Some of what is on its way arrives, in any order; what comes for one side of a request together is read together.
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
                    &Observed::Seen { side, observation: seen, source: lending::ObservationSource::Notification }
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
