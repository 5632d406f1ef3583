//! The gateway in front of an institution: limits of calls, counters, and faults for tests.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refusal::Refusal;

/// The day's allowance that answers report if the institution has no limit.
const UNLIMITED_DAY: u64 = 1_000_000;

/// The kinds of fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// The connection closes without an answer; nothing was done.
    DropBefore,
    /// The call is done, then the connection closes without an answer.
    DropAfter,
    /// The connection is reset; nothing was done.
    Reset,
    /// The answer is delayed by this many milliseconds. With `before`, the work is done after the delay.
    Delay {
        /// Milliseconds.
        ms: u64,
        /// Wait first, then work.
        #[serde(default)]
        before: bool,
    },
    /// 429 PER_SECOND_THRESHOLD.
    PerSecond,
    /// 429 DAILY_THRESHOLD.
    PerDay,
    /// This HTTP status without Alma's error envelope, as a gateway answers; nothing was done.
    Status {
        /// 404, 500, 502, 503, ...
        status: u16,
        /// Plain text; an empty text leaves the body empty. Without it the body is an HTML page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// The call is done, then answered by this HTTP status.
    StatusAfter {
        /// 404, 500, 502, 503, ...
        status: u16,
        /// As in `status`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// The call is refused with this Alma code.
    Refuse {
        /// Alma's error code.
        code: String,
        /// Text.
        #[serde(default)]
        message: String,
    },
    /// The call is done; the answer breaks off in the middle.
    Truncated,
    /// The call is done; the answer is JSON of another shape.
    WrongJson,
    /// The call is done, and its JSON answer is edited: the value at `at` becomes `value`. An answer without such a
    /// place, or one that isn't JSON, is not changed. Alma doesn't document such answers, but some were seen with a
    /// value that no field of the kind should hold, such as `00-00-0000` in a date of a user whose record came from
    /// another system.
    EditAnswer {
        /// A JSON pointer (RFC 6901); `*` stands for every key or element, so `/item/*/item_data/pid` for each row's.
        at: String,
        /// The new value.
        value: Value,
    },
    /// An HTML page with status 200.
    Html,
    /// The HTML 401 page of the institution's own domain.
    WrongHost,
    /// The key is not known (any more).
    KeyRevoked,
    /// 401129, as while a new item is not settled.
    NotSettled,
}

impl FaultKind {
    /// An HTML page with this HTTP status; nothing was done.
    pub fn status(status: u16) -> FaultKind {
        FaultKind::Status { status, body: None }
    }

    /// Plain text with this HTTP status, or an empty body; nothing was done.
    pub fn bare(status: u16, body: &str) -> FaultKind {
        FaultKind::Status { status, body: Some(body.to_owned()) }
    }
}

/// A fault, and the calls that meet it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// The call, as `POST /users/{user_id}/loans`; `*` or empty for all calls.
    pub call: String,
    /// The number of matching calls that succeed first.
    pub after: u64,
    /// The number of calls that fail after that; without it all do.
    pub times: Option<u64>,
    /// The share of these calls that fail.
    pub probability: f64,
    /// The kind of fault.
    pub fault: FaultKind,
}

impl Default for Fault {
    fn default() -> Self {
        Fault { call: "*".to_owned(), after: 0, times: None, probability: 1.0, fault: FaultKind::DropAfter }
    }
}

impl Fault {
    /// The next call of this kind fails, once.
    pub fn once(call: &str, fault: FaultKind) -> Fault {
        Fault { call: call.to_owned(), times: Some(1), fault, ..Fault::default() }
    }

    /// Every call of this kind fails.
    pub fn always(call: &str, fault: FaultKind) -> Fault {
        Fault { call: call.to_owned(), fault, ..Fault::default() }
    }
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u64,
    done: u64,
}

/// Limits, counters and faults of one institution.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) per_second: Option<u32>,
    pub(crate) per_day: Option<u64>,
    /// The number of calls that other applications make in each second, within the same limits.
    pub(crate) others_per_second: u32,
    window: VecDeque<Timestamp>,
    day: i64,
    used: u64,
    last_other: Option<Timestamp>,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) refused: u64,
    armed: Vec<Armed>,
    rng: StdRng,
}

impl Gateway {
    pub(crate) fn new(per_second: Option<u32>, per_day: Option<u64>) -> Gateway {
        Gateway {
            per_second,
            per_day,
            others_per_second: 0,
            window: VecDeque::new(),
            day: 0,
            used: 0,
            last_other: None,
            calls: BTreeMap::new(),
            refused: 0,
            armed: Vec::new(),
            rng: StdRng::seed_from_u64(0),
        }
    }

    /// Counts a call against the limits.
    ///
    /// # Errors
    /// 429 of either kind. Such a call is not counted and not executed.
    pub(crate) fn admit(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let today = now.as_second().div_euclid(86_400);
        if self.day != today {
            (self.day, self.used) = (today, 0);
        }
        if let Some(last) = self.last_other {
            let seconds = u64::try_from(now.duration_since(last).as_secs()).unwrap_or(0);
            self.used += seconds * u64::from(self.others_per_second);
        }
        if self.last_other.is_none_or(|last| now.duration_since(last) >= SignedDuration::from_secs(1)) {
            self.last_other = Some(now);
        }
        if self.per_day.is_some_and(|limit| self.used >= limit) {
            self.refused += 1;
            return Err(daily());
        }
        if let Some(limit) = self.per_second {
            let since = now - SignedDuration::from_secs(1);
            while self.window.front().is_some_and(|at| *at <= since) {
                self.window.pop_front();
            }
            if self.window.len() + self.others_per_second as usize >= limit as usize {
                self.refused += 1;
                return Err(per_second());
            }
            self.window.push_back(now);
        }
        self.used += 1;
        Ok(())
    }

    /// Returns the calls left today, and the day's total.
    pub(crate) fn remaining(&self) -> (u64, u64) {
        let limit = self.per_day.unwrap_or(UNLIMITED_DAY);
        (limit.saturating_sub(self.used), limit)
    }

    /// Counts a call. Returns the fault that it meets, if any.
    pub(crate) fn take(&mut self, call: &str) -> Option<FaultKind> {
        match self.calls.get_mut(call) {
            Some(count) => *count += 1,
            None => {
                self.calls.insert(call.to_owned(), 1);
            }
        }
        self.strike(call)
    }

    pub(crate) fn reset_counters(&mut self) {
        self.calls.clear();
        self.refused = 0;
    }

    /// Arms a fault.
    pub(crate) fn arm(&mut self, fault: Fault) {
        self.armed.push(Armed { fault, seen: 0, done: 0 });
    }

    pub(crate) fn disarm(&mut self) {
        self.armed.clear();
    }

    pub(crate) fn seed(&mut self, seed: u64) {
        self.rng = StdRng::seed_from_u64(seed);
    }

    pub(crate) fn faults(&self) -> Vec<&Fault> {
        self.armed.iter().map(|armed| &armed.fault).collect()
    }

    /// Returns the fault that this call meets: the first armed fault that is due.
    fn strike(&mut self, call: &str) -> Option<FaultKind> {
        for armed in &mut self.armed {
            let fault = &armed.fault;
            if !(fault.call.is_empty() || fault.call == "*" || fault.call == call) {
                continue;
            }
            armed.seen += 1;
            let due = armed.seen > fault.after && fault.times.is_none_or(|times| armed.done < times);
            if due && (fault.probability >= 1.0 || self.rng.random_bool(fault.probability.clamp(0.0, 1.0))) {
                armed.done += 1;
                return Some(fault.fault.clone());
            }
        }
        None
    }
}

/// Replaces the value at a place of a JSON text.
pub(crate) fn edited(body: &str, at: &str, value: &Value) -> Option<String> {
    let mut json: Value = serde_json::from_str(body).ok()?;
    let segments = at.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    let segments: Vec<String> = segments.collect();
    replace(&mut json, &segments, value);
    Some(json.to_string())
}

fn replace(within: &mut Value, segments: &[String], value: &Value) {
    let [first, rest @ ..] = segments else {
        within.clone_from(value);
        return;
    };
    match within {
        Value::Object(fields) if first == "*" => fields.values_mut().for_each(|field| replace(field, rest, value)),
        Value::Array(rows) if first == "*" => rows.iter_mut().for_each(|row| replace(row, rest, value)),
        Value::Object(fields) if rest.is_empty() => drop(fields.insert(first.clone(), value.clone())),
        Value::Object(fields) => {
            if let Some(field) = fields.get_mut(first) {
                replace(field, rest, value);
            }
        }
        Value::Array(rows) => {
            if let Some(row) = first.parse::<usize>().ok().and_then(|nth| rows.get_mut(nth)) {
                replace(row, rest, value);
            }
        }
        _ => {}
    }
}

pub(crate) fn per_second() -> Refusal {
    let text = "HTTP requests are more than allowed per second";
    Refusal { status: 429, ..Refusal::new("PER_SECOND_THRESHOLD", text) }
}

pub(crate) fn daily() -> Refusal {
    let text = "HTTP requests are more than allowed per day";
    Refusal { status: 429, ..Refusal::new("DAILY_THRESHOLD", text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_window_of_a_second_slides() {
        let mut gateway = Gateway::new(Some(2), None);
        assert!(gateway.admit(at("2026-03-04T10:00:00.0Z")).is_ok());
        assert!(gateway.admit(at("2026-03-04T10:00:00.6Z")).is_ok());
        let refusal = gateway.admit(at("2026-03-04T10:00:00.9Z")).unwrap_err();
        assert_eq!((refusal.status, refusal.code.as_str()), (429, "PER_SECOND_THRESHOLD"));
        assert!(gateway.admit(at("2026-03-04T10:00:01.1Z")).is_ok());
        assert!(gateway.admit(at("2026-03-04T10:00:01.2Z")).is_err());
    }

    #[test]
    fn the_day_ends_at_midnight_and_others_use_it_up() {
        let mut gateway = Gateway::new(None, Some(10));
        gateway.others_per_second = 3;
        assert!(gateway.admit(at("2026-03-04T23:59:50Z")).is_ok());
        assert!(gateway.admit(at("2026-03-04T23:59:51Z")).is_ok());
        assert_eq!(gateway.remaining(), (5, 10));
        assert_eq!(gateway.admit(at("2026-03-04T23:59:58Z")).unwrap_err().code, "DAILY_THRESHOLD");
        gateway.others_per_second = 0;
        assert!(gateway.admit(at("2026-03-05T00:00:01Z")).is_ok());
    }

    #[test]
    fn a_fault_strikes_the_call_and_the_turn_it_names() {
        let mut gateway = Gateway::new(None, None);
        gateway.arm(Fault { after: 1, ..Fault::once("GET /bibs/{mms_id}", FaultKind::Html) });
        assert_eq!(gateway.strike("GET /bibs"), None);
        assert_eq!(gateway.strike("GET /bibs/{mms_id}"), None);
        assert_eq!(gateway.strike("GET /bibs/{mms_id}"), Some(FaultKind::Html));
        assert_eq!(gateway.strike("GET /bibs/{mms_id}"), None);
    }

    #[test]
    fn a_status_is_ordered_with_a_page_a_text_or_nothing() {
        let read = |text: &str| serde_json::from_str::<FaultKind>(text).unwrap();
        assert_eq!(read(r#"{"kind": "status", "status": 503}"#), FaultKind::status(503));
        assert_eq!(read(r#"{"kind": "status", "status": 404, "body": ""}"#), FaultKind::bare(404, ""));
        assert_eq!(
            read(r#"{"kind": "status", "status": 404, "body": "Not found"}"#),
            FaultKind::bare(404, "Not found")
        );
    }

    #[test]
    fn an_answer_is_edited_at_its_place_and_nowhere_else() {
        let body = r#"{"item":[{"a":{"b":1}},{"a":{"b":2}}],"n":2}"#;
        let at = |pointer: &str| edited(body, pointer, &serde_json::json!("x")).unwrap();
        assert_eq!(at("/item/1/a/b"), r#"{"item":[{"a":{"b":1}},{"a":{"b":"x"}}],"n":2}"#);
        assert_eq!(at("/item/*/a/b"), r#"{"item":[{"a":{"b":"x"}},{"a":{"b":"x"}}],"n":2}"#);
        assert_eq!(at("/item/0"), r#"{"item":["x",{"a":{"b":2}}],"n":2}"#);
        assert_eq!(at("/item/7/a"), body);
        assert_eq!(at("/other/b"), body);
        assert_eq!(edited("<bib/>", "/a", &serde_json::json!(1)), None);
    }

    #[test]
    fn chance_depends_on_the_seed_alone() {
        let draw = |seed| {
            let mut gateway = Gateway::new(None, None);
            gateway.seed(seed);
            gateway.arm(Fault { probability: 0.5, ..Fault::always("*", FaultKind::Html) });
            (0..40).map(|_| gateway.strike("GET /x").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
