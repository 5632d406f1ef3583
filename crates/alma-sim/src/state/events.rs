//! Events, in the words of Alma's webhooks.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::model::{Id, Process};
use super::{Alma, Origin};
use crate::render;

/// The largest number of events that are kept; older ones are dropped.
const KEPT: usize = 10_000;

/// An event as a webhook message carries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: Id,
    pub(crate) action: String,
    pub(crate) event: Option<String>,
    pub(crate) time: jiff::Timestamp,
    /// Payload key and payload, as text: few are ever read.
    pub(crate) payload: (String, Box<RawValue>),
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct EventLog {
    pub(crate) rows: VecDeque<Event>,
    /// The number of events so far.
    pub(crate) count: u64,
    /// Whether events are dropped: the initial content of an institution raises none.
    #[serde(skip)]
    pub(crate) muted: bool,
}

impl EventLog {
    /// Events after the first `seen`.
    pub(crate) fn since(&self, seen: u64) -> impl Iterator<Item = &Event> {
        let gone = self.count - self.rows.len() as u64;
        self.rows.iter().skip(usize::try_from(seen.saturating_sub(gone)).unwrap_or(usize::MAX))
    }
}

pub(super) fn written(payload: &impl Serialize) -> Box<RawValue> {
    to_raw_value(payload).unwrap_or_default()
}

impl Alma {
    pub(super) fn emit(&mut self, action: &str, event: Option<&str>, key: &str, payload: Box<RawValue>) {
        if self.origin == Origin::Api && !self.behaviour.api_raises_events {
            return;
        }
        let id = self.next_id(9, 11);
        let event = event.map(str::to_owned);
        let payload = (key.to_owned(), payload);
        self.events.rows.push_back(Event { id, action: action.to_owned(), event, time: self.now, payload });
        self.events.count += 1;
        if self.events.rows.len() > KEPT {
            self.events.rows.pop_front();
        }
    }

    pub(super) fn emit_loan(&mut self, event: &str, loan: Id) {
        let shape = |loan| {
            let mut shape = render::loan(self, loan, false);
            if event == "LOAN_RETURNED" {
                shape.set("return_date", crate::clock::moment(self.now));
            }
            written(&shape)
        };
        if let Some(payload) = self.loans.get(&loan).map(shape) {
            self.emit("LOAN", Some(event), "item_loan", payload.clone());
            if event == "LOAN_DUE_DATE" {
                let user = self.loans.get(&loan).map(|loan| loan.user);
                self.emit_letter("FulItemChangeDueDateLetter", user, ("loan", payload));
            }
        }
    }

    pub(super) fn emit_request(&mut self, event: &str, request: Id) {
        if let Some(payload) = self.requests.get(&request).map(|request| written(&render::request(self, request))) {
            self.emit("REQUEST", Some(event), "user_request", payload.clone());
            if event == "REQUEST_PLACED_ON_SHELF" {
                let user = self.requests.get(&request).and_then(|request| request.user);
                self.emit_letter("FulPlaceOnHoldShelfLetter", user, ("request", payload));
            }
        }
    }

    pub(super) fn emit_item(&mut self, event: &str, pid: Id) {
        if self.events.muted {
            return;
        }
        if let Some(payload) = self.items.get(&pid).map(|item| written(&render::item(self, item, ""))) {
            self.emit("ITEM", Some(event), "item", payload);
        }
    }

    pub(super) fn emit_bib(&mut self, event: &str, mms: Id) {
        if self.events.muted {
            return;
        }
        let extras = render::BibExtras::default();
        if let Some(payload) = self.bibs.get(&mms).map(|bib| written(&render::bib(self, bib, "", extras))) {
            self.emit("BIB", Some(event), "bib", payload);
        }
    }

    /// Records a letter to a user, if staff activated its event.
    pub(super) fn emit_letter(&mut self, letter: &str, user: Option<Id>, detail: (&str, Box<RawValue>)) {
        if !self.behaviour.letters.contains(letter) {
            return;
        }
        let Some(user) = user.and_then(|key| self.users.get(&key)) else { return };
        let receiver = json!({"primary_id": user.primary_id(), "name": render::sort_name(&user.data)});
        let (key, detail) = detail;
        let payload = json!({"letter_code": letter, "receiver": receiver, key: detail});
        self.emit("NOTIFICATION", Some(letter), "notification", written(&payload));
    }

    /// Records that staff changed a user. Changes through the API raise no event.
    pub(crate) fn emit_user(&mut self, method: &str, key: Id) {
        if self.events.muted || self.origin == Origin::Api {
            return;
        }
        if let Some(user) = self.users.get(&key) {
            let payload = json!({"method": method, "cause": "UI", "user": render::user(self, user, "", "")});
            self.emit("USER", None, "webhook_user", written(&payload));
        }
    }

    /// Moves an item to another process, which may count as an update of the item.
    pub(super) fn set_process(&mut self, pid: Id, process: Process) {
        let now = self.now;
        let Some(item) = self.items.get_mut(&pid) else { return };
        if item.process == process {
            return;
        }
        item.process_before = std::mem::replace(&mut item.process, process);
        item.process_since = now;
        item.modified = now;
        if process != Process::Transit {
            item.transit_to = None;
        }
        if self.behaviour.circulation_raises_item_events {
            self.emit_item("ITEM_UPDATED", pid);
        }
    }
}
