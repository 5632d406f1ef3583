//! The last REST calls of an institution and their answers, for people who watch.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;

use crate::api::{ApiAnswer, ApiCall};
use crate::clock::moment;

/// The number of calls that are kept.
const KEPT: usize = 1_000;

/// Query parameters whose values are secret and never shown.
const SECRET: [&str; 2] = ["apikey", "password"];

/// A REST call that passed the check of its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedCall {
    /// Running number, from 1.
    pub number: u64,
    /// Simulated time.
    pub at: String,
    /// GET, POST, PUT, DELETE.
    pub method: String,
    /// Path below `/almaws/v1` with the query as it came; keys and passwords are left out.
    pub path: String,
    /// HTTP status; `None` if the connection was closed without an answer.
    pub status: Option<u16>,
    /// Alma's error code.
    pub code: Option<String>,
}

/// A call as it is stored. Formatting waits until somebody reads the log.
#[derive(Debug)]
struct Entry {
    number: u64,
    at: Timestamp,
    method: String,
    path: String,
    status: Option<u16>,
    code: Option<String>,
}

impl Entry {
    fn as_logged(&self) -> LoggedCall {
        LoggedCall {
            number: self.number,
            at: moment(self.at),
            method: self.method.clone(),
            path: self.path.clone(),
            status: self.status,
            code: self.code.clone(),
        }
    }
}

/// The last calls, oldest first.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    count: u64,
    calls: VecDeque<Entry>,
}

impl CallLog {
    pub(crate) fn record(&mut self, call: &ApiCall, now: Timestamp, answer: Option<&ApiAnswer>) {
        self.count += 1;
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(Entry {
            number: self.count,
            at: now,
            method: call.method.clone(),
            path: shown(call),
            status: answer.map(|answer| answer.status),
            code: answer.filter(|answer| answer.status >= 400).and_then(|answer| error_code(&answer.body)),
        });
    }

    pub(crate) fn newest_first(&self) -> impl Iterator<Item = LoggedCall> {
        self.calls.iter().rev().map(Entry::as_logged)
    }
}

fn shown(call: &ApiCall) -> String {
    let path = call.path.strip_prefix("/almaws/v1").unwrap_or(&call.path);
    if call.query.is_empty() {
        return path.to_owned();
    }
    let secret =
        |pair: &&str| SECRET.iter().any(|name| pair.split('=').next().unwrap_or_default().eq_ignore_ascii_case(name));
    let shown_pairs: Vec<&str> = call.query.split('&').filter(|pair| !secret(pair)).collect();
    if shown_pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", shown_pairs.join("&")) }
}

/// The code of an error envelope, JSON or XML.
fn error_code(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("errorCode")?;
    let code = rest.trim_start_matches(['"', ':', '>', ' ']);
    code.split(['"', '<']).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::envelope;
    use crate::refusal::Refusal;

    #[test]
    fn codes_are_found_in_both_envelopes() {
        for as_json in [true, false] {
            let answer = envelope(&Refusal::no_request(), as_json, Some("E01-1"));
            assert_eq!(error_code(&answer.body).as_deref(), Some("401694"), "{}", answer.body);
        }
        assert_eq!(error_code("<html></html>"), None);
    }

    #[test]
    fn keys_and_passwords_are_not_kept() {
        let call = ApiCall {
            path: "/almaws/v1/users/jo".to_owned(),
            query: "apikey=hush&op=auth&Password=hush".to_owned(),
            ..ApiCall::default()
        };
        assert_eq!(shown(&call), "/users/jo?op=auth");
        assert_eq!(shown(&ApiCall { query: "apikey=hush".to_owned(), ..call }), "/users/jo");
    }

    #[test]
    fn old_calls_make_room() {
        let mut log = CallLog::default();
        for _ in 0..KEPT + 5 {
            log.record(&ApiCall::default(), Timestamp::UNIX_EPOCH, None);
        }
        let numbers: Vec<u64> = log.newest_first().map(|call| call.number).collect();
        assert_eq!((numbers.len(), numbers.first(), numbers.last()), (KEPT, Some(&1_005), Some(&6)));
    }
}
