//! The line between hub and simulated Almas: no socket, no time; calls are lost, done without an answer, and answered
//! badly, by chance from a seed.

use std::sync::{Arc, Mutex, PoisonError};

use alma::{Incoming, NoAnswer, Outgoing, Transport};
use alma_sim::{ApiCall, Sim};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Carries calls to the simulator.
#[derive(Debug)]
pub(super) struct Line {
    sim: Sim,
    state: Arc<Mutex<LineState>>,
}

/// What chance does to calls, and whether a call may be made at all.
#[derive(Debug)]
pub(super) struct LineState {
    rng: StdRng,
    /// Share of the calls that go wrong.
    pub(super) faults: f64,
    /// Whether an intent is being done: a call without one is a violation.
    pub(super) intent: bool,
    pub(super) calls: u64,
    pub(super) without_intent: u64,
    /// What went wrong since this was read last.
    pub(super) told: Vec<&'static str>,
}

impl LineState {
    pub(super) fn new(seed: u64) -> Arc<Mutex<Self>> {
        let rng = StdRng::seed_from_u64(seed);
        let state = Self { rng, faults: 0.0, intent: false, calls: 0, without_intent: 0, told: Vec::new() };
        Arc::new(Mutex::new(state))
    }
}

impl Line {
    pub(super) fn new(sim: Sim, state: Arc<Mutex<LineState>>) -> Self {
        Self { sim, state }
    }

    fn draw(&self) -> Option<u8> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        if !state.intent {
            state.without_intent += 1;
        }
        let share = state.faults;
        if share == 0.0 || !state.rng.random_bool(share) {
            return None;
        }
        let kind = state.rng.random_range(0..7_u8);
        let name = [
            "the call is lost on its way",
            "the answer is lost",
            "it can't be reached",
            "503 without being done",
            "429",
            "503 after being done",
            "the answer is cut off",
        ];
        state.told.push(name[usize::from(kind)]);
        Some(kind)
    }

    fn call(&self, call: &Outgoing<'_>) -> Result<Incoming, NoAnswer> {
        let asked = ApiCall {
            method: call.method.to_owned(),
            path: call.path.to_owned(),
            query: call.query.to_owned(),
            key: Some(call.key.to_owned()),
            accept: Some("application/json".to_owned()),
            content_type: call.content_type.map(str::to_owned),
            user_password: None,
            base: "http://127.0.0.1:1".to_owned(),
            body: call.body.to_vec(),
        };
        let answer = self.sim.call(&asked).map_err(|_| NoAnswer::Lost)?;
        let header = |name: &str| answer.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        Ok(Incoming {
            status: answer.status,
            location: header("location"),
            retry_after: None,
            remaining: None,
            body: answer.body,
        })
    }
}

impl Transport for Line {
    fn carry(&self, call: &Outgoing<'_>) -> Result<Incoming, NoAnswer> {
        let plain = |status| Ok(Incoming { status, body: "<html></html>".to_owned(), ..Incoming::default() });
        match self.draw() {
            None => self.call(call),
            Some(0) => Err(NoAnswer::Lost),
            Some(1) => {
                let _ = self.call(call);
                Err(NoAnswer::Lost)
            }
            Some(2) => Err(NoAnswer::NeverSent),
            Some(3) => plain(503),
            Some(4) => {
                let body = r#"{"errorsExist":true,"errorList":{"error":[{"errorCode":"PER_SECOND_THRESHOLD","errorMessage":"HTTP requests are more than allowed per second"}]}}"#;
                Ok(Incoming { status: 429, body: body.to_owned(), ..Incoming::default() })
            }
            Some(5) => {
                let _ = self.call(call);
                plain(503)
            }
            Some(_) => {
                let mut answer = self.call(call)?;
                let mut half = answer.body.len() / 2;
                while !answer.body.is_char_boundary(half) {
                    half -= 1;
                }
                answer.body.truncate(half);
                Ok(answer)
            }
        }
    }
}
