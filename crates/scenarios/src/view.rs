//! A patron request as the hub's API shows it, read tolerantly: what the hub adds later doesn't disturb.

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
    /// How it ended.
    pub outcome: Option<String>,
    /// What it waits for.
    pub attention: Attention,
    /// What is notable beside the status.
    pub conditions: Vec<String>,
    /// How often it was saved.
    pub version: i64,
    /// What the hub is doing about it; null when it waits.
    pub current_effect: Value,
    /// What is wanted.
    pub title: Option<String>,
    /// Its author.
    pub author: Option<String>,
    /// The lending side, once a copy is chosen.
    pub lender: Option<LenderView>,
    /// What may be done about it.
    pub actions: Vec<String>,
    /// Which libraries play which part.
    pub workflow: String,
    /// The borrowing side.
    pub borrower: BorrowerView,
    /// The side where the patron collects, where that is a third institution.
    pub pickup_side: Option<BorrowerView>,
    /// Who ended it.
    pub cancellation: Option<CancellationView>,
    /// Why it came to nothing.
    pub refusal: Option<RefusalView>,
    /// What happened, oldest first.
    pub timeline: Vec<Row>,
}

/// What a request waits for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Attention {
    /// `none`, `waiting` or `needs_staff`.
    pub kind: String,
    /// Whom it waits for.
    pub on: Option<String>,
    /// When the hub tries again.
    pub next_try: Option<String>,
    /// Why it waits.
    pub reason: Option<String>,
    /// What staff are asked, as a code.
    pub code: Option<String>,
    /// What staff are asked, as a sentence.
    pub explanation: Option<String>,
    /// What staff may do.
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
    /// The item as the hub last saw it.
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
    /// The virtual item as the hub last saw it.
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
    /// Its state as last seen.
    pub state: String,
    /// Whether it is there still.
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
    /// Whether the item is out still.
    pub open: bool,
}

/// Who ended it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CancellationView {
    /// `patron`, `staff` or `at_borrower`.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// Why it came to nothing.
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
    /// Its place, from 1.
    pub seq: i64,
    /// What happened.
    pub event: String,
    /// The status before, where it changed.
    pub from: Option<String>,
    /// The status after, where it changed.
    pub to: Option<String>,
    /// Why it changed.
    pub reason: Option<String>,
    /// What staff should read about it.
    pub note: Option<String>,
    /// By whom.
    pub actor: String,
}

impl RequestView {
    /// Whether it stands at `status` now.
    pub fn is(&self, status: Status) -> bool {
        self.status == status.name()
    }

    /// Whether status and timeline were read at one moment.
    pub(crate) fn is_whole(&self) -> bool {
        self.passed().last().is_none_or(|last| *last == self.status)
    }

    /// Whether the hub is doing something, or will try something again by itself.
    pub fn is_busy(&self) -> bool {
        let working = match &self.current_effect {
            Value::Null => false,
            Value::Array(list) => !list.is_empty(),
            _ => true,
        };
        working || self.attention.next_try.is_some()
    }

    /// Whether only a person can go on.
    pub fn needs_staff(&self) -> bool {
        self.attention.kind == "needs_staff"
    }

    /// Every status it went through, in order.
    pub fn passed(&self) -> Vec<&str> {
        self.timeline.iter().filter_map(|row| row.to.as_deref()).collect()
    }

    /// Place in the timeline of the first time after `seq` that it came to `status`.
    pub(crate) fn came_to(&self, status: Status, seq: i64) -> Option<i64> {
        let came = |row: &&Row| row.seq > seq && row.to.as_deref() == Some(status.name());
        self.timeline.iter().find(came).map(|row| row.seq)
    }

    /// Where it stands and why, for the end of a sentence.
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
