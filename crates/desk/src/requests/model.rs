//! A request as the API answers it: the fields that pages show.

use jiff::Timestamp;
use serde::Deserialize;

/// A page of requests.
#[derive(Debug, Deserialize)]
pub(crate) struct RequestList {
    pub(crate) requests: Vec<RequestView>,
    pub(crate) total: Option<u64>,
    pub(crate) next: Option<String>,
    /// How many messages of each request the reader's libraries have not read, for those that have any.
    #[serde(default)]
    pub(crate) unread_messages: std::collections::BTreeMap<String, u64>,
}

/// A request.
#[derive(Debug, Deserialize)]
pub(crate) struct RequestView {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) attention: Attention,
    pub(crate) conditions: Vec<String>,
    pub(crate) actions: Vec<String>,
    pub(crate) needed_until: Option<String>,
    pub(crate) placed_at: Timestamp,
    pub(crate) status_since: Timestamp,
    pub(crate) next_step: Option<NextStep>,
    pub(crate) due: Option<Timestamp>,
    pub(crate) title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) damage: Option<String>,
    pub(crate) item_place: String,
    pub(crate) volume: Option<String>,
    pub(crate) patron: Patron,
    pub(crate) pickup_location: Pickup,
    pub(crate) pickup_code: Option<String>,
    pub(crate) lender: Option<Lender>,
    pub(crate) earlier_lenders: Vec<EarlierLender>,
    pub(crate) borrower: Borrower,
    pub(crate) pickup_side: Option<Borrower>,
    pub(crate) cancellation: Option<Cancellation>,
    pub(crate) refusal: Option<Refusal>,
    #[serde(default)]
    pub(crate) timeline: Vec<TimelineRow>,
}

impl RequestView {
    /// Returns the last six signs of the id, by which people tell requests apart.
    pub(crate) fn short_id(&self) -> String {
        short_id(&self.id)
    }

    /// Returns whether an action is possible now.
    pub(crate) fn can(&self, action: &str) -> bool {
        self.actions.iter().any(|known| known == action)
    }
}

/// Returns the last six signs of an id. Ids begin with the time of placing, so that those of a day begin alike.
pub(crate) fn short_id(id: &str) -> String {
    id.get(id.len().saturating_sub(6)..).unwrap_or(id).to_uppercase()
}

/// The step that a request waits for.
#[derive(Debug, Deserialize)]
pub(crate) struct NextStep {
    pub(crate) step: String,
    pub(crate) by: Option<Timestamp>,
}

/// The messages of the libraries about a request.
#[derive(Debug, Deserialize)]
pub(crate) struct MessageList {
    pub(crate) messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) time: Timestamp,
    pub(crate) agency: Option<String>,
    pub(crate) own: bool,
    pub(crate) text: Option<String>,
}

/// What a request waits for.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Attention {
    None,
    Waiting { on: String, since: Timestamp, next_try: Option<Timestamp>, reason: String },
    NeedsStaff { code: String, explanation: String },
}

impl Attention {
    pub(crate) const fn needs_staff(&self) -> bool {
        matches!(self, Self::NeedsStaff { .. })
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Patron {
    pub(crate) agency: String,
    pub(crate) identifier: Option<String>,
    pub(crate) card: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
}

impl Patron {
    /// Returns the name, as far as the reader sees it.
    pub(crate) fn name(&self) -> Option<String> {
        let parts: Vec<&str> = [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pickup {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) route_code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Lender {
    pub(crate) institution: String,
    pub(crate) library: String,
    pub(crate) location: String,
    pub(crate) call_number: Option<String>,
    pub(crate) barcode: String,
    pub(crate) item_state: String,
    pub(crate) item_state_detail: Option<String>,
    pub(crate) hold: Option<Hold>,
    pub(crate) loan: Option<Loan>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EarlierLender {
    pub(crate) institution: String,
    pub(crate) refusal: Refusal,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Borrower {
    pub(crate) barcode: Option<String>,
    pub(crate) item_state: Option<String>,
    pub(crate) item_state_detail: Option<String>,
    pub(crate) hold: Option<Hold>,
    pub(crate) loan: Option<Loan>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Hold {
    pub(crate) state: String,
    pub(crate) open: bool,
    pub(crate) closure: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Loan {
    pub(crate) due: Option<Timestamp>,
    pub(crate) open: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Cancellation {
    pub(crate) by: String,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) explanation: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TimelineRow {
    pub(crate) time: Timestamp,
    pub(crate) event: String,
    pub(crate) to: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) actor: String,
}

/// The choices of copies for a request.
#[derive(Debug, Deserialize)]
pub(crate) struct ChoiceList {
    pub(crate) choices: Vec<Choice>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    pub(crate) number: i64,
    pub(crate) time: Timestamp,
    pub(crate) ranked: Vec<ChoiceCopy>,
    pub(crate) left_out: Vec<ChoiceCopy>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ChoiceCopy {
    pub(crate) institution: String,
    pub(crate) location: Option<String>,
    pub(crate) reason: String,
}

/// What ending a request by hand would do.
#[derive(Debug, Deserialize)]
pub(crate) struct EndPreview {
    pub(crate) item_place: String,
    pub(crate) steps: Vec<EndStep>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EndStep {
    pub(crate) institution: Option<String>,
    pub(crate) explanation: String,
}
