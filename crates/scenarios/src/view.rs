//! A patron request as the hub's API shows it. Unknown fields are ignored, so that later additions of the hub do no
//! harm.

use lending::Status;
use serde::Deserialize;
use serde_json::Value;

/// A request with its timeline.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RequestView {
    /// Its id.
    pub id: String,
    /// Name of the status.
    pub status: String,
    /// Its outcome.
    pub outcome: Option<String>,
    /// What it waits for, or what staff must decide.
    pub attention: Attention,
    /// Conditions beside the status.
    pub conditions: Vec<String>,
    /// The number of times it was saved.
    pub version: i64,
    /// The hub's open effect; null if the hub waits.
    pub current_effect: Value,
    /// The title.
    pub title: Option<String>,
    /// The author.
    pub author: Option<String>,
    /// The code that the patron gives at a pickup library of another institution.
    pub pickup_code: Option<String>,
    /// The volume of the chosen copy.
    pub volume: Option<String>,
    /// The lending side, once a copy is chosen.
    pub lender: Option<LenderView>,
    /// The actions that are possible.
    pub actions: Vec<String>,
    /// The workflow.
    pub workflow: String,
    /// The borrowing side.
    pub borrower: BorrowerView,
    /// The pickup side, if that is a third institution.
    pub pickup_side: Option<BorrowerView>,
    /// The party that ended it.
    pub cancellation: Option<CancellationView>,
    /// The reason why it failed.
    pub refusal: Option<RefusalView>,
    /// The timeline, oldest row first.
    pub timeline: Vec<Row>,
}

/// The attention of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Attention {
    /// `none`, `waiting` or `needs_staff`.
    pub kind: String,
    /// The party that it waits for.
    pub on: Option<String>,
    /// When the hub tries again.
    pub next_try: Option<String>,
    /// The reason for the wait.
    pub reason: Option<String>,
    /// The decision that staff must make, as a code.
    pub code: Option<String>,
    /// The decision that staff must make, as a sentence.
    pub explanation: Option<String>,
    /// The actions that staff may take.
    pub actions: Vec<String>,
}

/// The lending side.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LenderView {
    /// The lender.
    pub institution: String,
    /// The library that owns the item.
    pub library: String,
    /// The record.
    pub bib: String,
    /// The holding.
    pub holding: String,
    /// The item.
    pub item: String,
    /// The item's barcode.
    pub barcode: String,
    /// The item's state, as the hub last observed it.
    pub item_state: String,
    /// The virtual patron's hold.
    pub hold: Option<HoldView>,
    /// The loan to the virtual patron.
    pub loan: Option<LoanView>,
}

/// The borrowing side.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BorrowerView {
    /// The virtual record.
    pub bib: Option<String>,
    /// The virtual holding.
    pub holding: Option<String>,
    /// The virtual item.
    pub item: Option<String>,
    /// The virtual item's barcode.
    pub barcode: Option<String>,
    /// The virtual item's state, as the hub last observed it.
    pub item_state: Option<String>,
    /// The patron's hold.
    pub hold: Option<HoldView>,
    /// The patron's loan.
    pub loan: Option<LoanView>,
}

/// A hold as the hub knows it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct HoldView {
    /// Its id in the library's system.
    pub id: String,
    /// Its state, as the hub last observed it.
    pub state: String,
    /// Whether it still exists.
    pub open: bool,
}

/// A loan as the hub knows it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct LoanView {
    /// Its id in the library's system.
    pub id: String,
    /// When the item must be back.
    pub due: Option<String>,
    /// Whether the item is still out.
    pub open: bool,
}

/// The party that ended the request, and why.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CancellationView {
    /// `patron`, `staff` or `at_borrower`.
    pub by: String,
    /// The reason.
    pub reason: Option<String>,
}

/// The reason why the request failed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RefusalView {
    /// A stable code.
    pub code: String,
    /// A sentence.
    pub explanation: String,
}

/// One row of the timeline.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Its position, from 1.
    pub seq: i64,
    /// The event.
    pub event: String,
    /// The status before, if it changed.
    pub from: Option<String>,
    /// The status after, if it changed.
    pub to: Option<String>,
    /// The reason for the change.
    pub reason: Option<String>,
    /// The note for staff.
    pub note: Option<String>,
    /// The party that caused it.
    pub actor: String,
}

impl RequestView {
    /// Returns whether it is at `status` now.
    pub fn is(&self, status: Status) -> bool {
        self.status == status.name()
    }

    /// Returns whether status and timeline were read at one moment.
    pub(crate) fn is_whole(&self) -> bool {
        self.passed().last().is_none_or(|last| *last == self.status)
    }

    /// Returns whether the hub has open work, or will retry something.
    pub fn is_busy(&self) -> bool {
        let working = match &self.current_effect {
            Value::Null => false,
            Value::Array(list) => !list.is_empty(),
            _ => true,
        };
        working || self.attention.next_try.is_some()
    }

    /// Returns whether only a person can continue it.
    pub fn needs_staff(&self) -> bool {
        self.attention.kind == "needs_staff"
    }

    /// Returns every status that it went through, in order.
    pub fn passed(&self) -> Vec<&str> {
        self.timeline.iter().filter_map(|row| row.to.as_deref()).collect()
    }

    /// Returns the position in the timeline at which it first reached `status` after `seq`.
    pub(crate) fn came_to(&self, status: Status, seq: i64) -> Option<i64> {
        let came = |row: &&Row| row.seq > seq && row.to.as_deref() == Some(status.name());
        self.timeline.iter().find(came).map(|row| row.seq)
    }

    /// Returns its status and the reason, for the end of a sentence.
    pub fn stand(&self) -> String {
        let mut text = self.status.clone();
        if let Some(outcome) = &self.outcome {
            text.push_str(&format!(", outcome {outcome}"));
        }
        match self.attention.kind.as_str() {
            "waiting" => {
                let on = self.attention.on.as_deref().unwrap_or("somebody");
                text.push_str(&format!(", waiting for {on}: {}", self.attention.reason.as_deref().unwrap_or_default()));
            }
            "needs_staff" => {
                let code = self.attention.code.as_deref().unwrap_or_default();
                let reason = self.attention.explanation.as_deref().unwrap_or_default();
                text.push_str(&format!(", needs staff ({code}): {reason}"));
            }
            _ if !self.current_effect.is_null() => {
                text.push_str(&format!(", the hub works on {}", self.current_effect));
            }
            _ => {}
        }
        if let Some(refusal) = &self.refusal {
            text.push_str(&format!(" [{}: {}]", refusal.code, refusal.explanation));
        }
        text.trim_end_matches('.').to_owned()
    }
}
