//! The line between the hub and the simulated Almas, without sockets and without time. By chance from a seed, calls are
//! lost, executed without an answer, or answered badly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alma::{Incoming, NoAnswer, Outgoing, Transport};
use alma_sim::{ApiCall, Sim};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::sim_setup::BORROWER;

/// Carries calls to the simulator.
#[derive(Debug)]
pub(super) struct Line {
    sim: Sim,
    institution: &'static str,
    state: Arc<Mutex<LineState>>,
}

/// The state of the line: which faults calls meet, and whether a call may be made at all.
#[derive(Debug)]
pub(super) struct LineState {
    rng: StdRng,
    /// The share of calls that fail.
    pub(super) faults: f64,
    /// Whether an intent is being executed. A call without an intent is a violation.
    pub(super) intent: bool,
    pub(super) calls: u64,
    pub(super) without_intent: u64,
    /// The faults since this list was last read.
    pub(super) fault_log: Vec<&'static str>,
    /// Whether the line works without random faults and without outages.
    pub(super) calm: bool,
    /// The systems that answer 503, and for how many more calls.
    pub(super) down: BTreeMap<&'static str, u32>,
    /// The markers of requests whose patron's hold the borrower's Alma refuses.
    pub(super) refused: BTreeSet<String>,
}

/// A way in which a call fails.
#[derive(Clone, Copy)]
enum Fault {
    LostOnItsWay,
    AnswerLost,
    OutOfReach,
    RefusedForNow,
    TooMany,
    DoneAndFailed,
    CutOff,
    HoldRefused,
}

impl Fault {
    const BY_CHANCE: [Self; 7] = [
        Self::LostOnItsWay,
        Self::AnswerLost,
        Self::OutOfReach,
        Self::RefusedForNow,
        Self::TooMany,
        Self::DoneAndFailed,
        Self::CutOff,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::LostOnItsWay => "the call is lost on its way",
            Self::AnswerLost => "the answer is lost",
            Self::OutOfReach => "it can't be reached",
            Self::RefusedForNow => "503 without being done",
            Self::TooMany => "429",
            Self::DoneAndFailed => "503 after being done",
            Self::CutOff => "the answer is cut off",
            Self::HoldRefused => "the patron's hold is refused",
        }
    }
}

impl LineState {
    pub(super) fn new(seed: u64) -> Arc<Mutex<Self>> {
        let rng = StdRng::seed_from_u64(seed);
        let state = Self {
            rng,
            faults: 0.0,
            intent: false,
            calls: 0,
            without_intent: 0,
            fault_log: Vec::new(),
            calm: false,
            down: BTreeMap::new(),
            refused: BTreeSet::new(),
        };
        Arc::new(Mutex::new(state))
    }

    /// Ends all faults.
    pub(super) fn end_all_faults(&mut self) {
        self.faults = 0.0;
        self.down.clear();
        self.refused.clear();
    }

    fn refuses(&self, institution: &str, call: &Outgoing<'_>) -> bool {
        let places = institution == BORROWER && call.method == "POST" && call.path.ends_with("/requests");
        places && {
            let body = String::from_utf8_lossy(call.body);
            self.refused.iter().any(|mark| body.contains(mark))
        }
    }

    fn is_down(&mut self, institution: &str) -> bool {
        let Some(left) = self.down.get_mut(institution) else { return false };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.down.remove(institution);
        }
        true
    }

    fn draw(&mut self, institution: &str, call: &Outgoing<'_>) -> Option<Fault> {
        self.calls += 1;
        if !self.intent {
            self.without_intent += 1;
        }
        let fault = if self.refuses(institution, call) {
            Fault::HoldRefused
        } else if self.calm {
            return None;
        } else if self.is_down(institution) {
            Fault::RefusedForNow
        } else if self.faults == 0.0 || !self.rng.random_bool(self.faults) {
            return None;
        } else {
            Fault::BY_CHANCE[usize::from(self.rng.random_range(0..7_u8))]
        };
        self.fault_log.push(fault.name());
        Some(fault)
    }
}

impl Line {
    pub(super) fn new(sim: Sim, institution: &'static str, state: Arc<Mutex<LineState>>) -> Self {
        Self { sim, institution, state }
    }

    fn draw(&self, call: &Outgoing<'_>) -> Option<Fault> {
        self.state.lock().draw(self.institution, call)
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
        let refusal = |status, code, message| {
            let error = json!({"errorCode": code, "errorMessage": message});
            let body = json!({"errorsExist": true, "errorList": {"error": [error]}}).to_string();
            Ok(Incoming { status, body, ..Incoming::default() })
        };
        match self.draw(call) {
            None => self.call(call),
            Some(Fault::LostOnItsWay) => Err(NoAnswer::Lost),
            Some(Fault::AnswerLost) => {
                let _ = self.call(call);
                Err(NoAnswer::Lost)
            }
            Some(Fault::OutOfReach) => Err(NoAnswer::NeverSent),
            Some(Fault::RefusedForNow) => plain(503),
            Some(Fault::TooMany) => {
                refusal(429, "PER_SECOND_THRESHOLD", "HTTP requests are more than allowed per second")
            }
            Some(Fault::HoldRefused) => refusal(400, "401895", "Pickup circulation desk was not found."),
            Some(Fault::DoneAndFailed) => {
                let _ = self.call(call);
                plain(503)
            }
            Some(Fault::CutOff) => {
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
