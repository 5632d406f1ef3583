//! The event with which other programs learn of a change of a request. It is committed with the change, so that none is lost
//! and none is invented.

use jiff::Timestamp;
use lending::{Attention, Request, RequestId};
use messages::{Language, Message};
use runtime::Runtime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{RequestEvent, Stored, Unit};

use crate::error::Error;

/// Adds the event of a change, if other programs see one: many a commit only notes a poll. `before` is the request as it
/// was; none for a new one.
pub(crate) async fn insert_event(
    runtime: &Runtime,
    unit: &mut Unit,
    before: Option<&Request>,
    after: &Stored,
    now: Timestamp,
) -> Result<(), Error> {
    let zone = runtime.rules_of_patron(&after.request).await?.calendar.zone();
    let message = |request: &Request| Message::of_request(request, &zone);
    let (next, said) = (&after.request, message(&after.request));
    let is_seen = before.is_none_or(|before| visible(before) != visible(next) || message(before) != said);
    if is_seen {
        unit.insert_event(&RequestEvent::new(next, after.version, now, document(before, next, &said)));
    }
    Ok(())
}

/// The type of the event of a change.
const CHANGED: &str = "request.changed";
/// The type of the event of a message between the libraries.
const MESSAGE: &str = "request.message";

/// Adds the event of a message between the libraries, without its text.
pub(crate) async fn insert_message_event(
    runtime: &Runtime,
    unit: &mut Unit,
    after: &Stored,
    now: Timestamp,
) -> Result<(), Error> {
    let zone = runtime.rules_of_patron(&after.request).await?.calendar.zone();
    let said = Message::of_request(&after.request, &zone);
    let mut document = document(Some(&after.request), &after.request, &said);
    document["type"] = MESSAGE.into();
    unit.insert_event(&RequestEvent::new(&after.request, after.version, now, document));
    Ok(())
}

/// Returns the facts of a request that an event contains.
fn visible(request: &Request) -> Value {
    let attention = match &request.attention {
        Attention::None => "none",
        Attention::Waiting { .. } => "waiting",
        Attention::NeedsStaff { .. } => "needs_staff",
    };
    json!({
        "status": request.status.name(),
        "outcome": request.outcome.map(lending::Outcome::name),
        "conditions": request.conditions.iter().map(|condition| condition.name()).collect::<Vec<_>>(),
        "attention": attention,
    })
}

fn document(before: Option<&Request>, next: &Request, said: &Message) -> Value {
    let mut document = visible(next);
    document["previous_status"] = before.map(|before| before.status.name()).into();
    document["message"] = json!(said);
    document
}

/// An event as other programs get it. It contains no data of the patron.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct EventBody {
    /// The kind of event: `request.changed`, or `request.message` for a message between the libraries.
    pub r#type: &'static str,
    /// When the change was decided.
    pub timestamp: Timestamp,
    /// The request after the change.
    pub data: ChangeBody,
}

/// A request after a change.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ChangeBody {
    /// The request.
    pub request: RequestId,
    /// Its version after the change.
    pub version: i64,
    /// Its status.
    pub status: String,
    /// The status before the change; none if the request is new.
    pub previous_status: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// Notable facts besides the status.
    pub conditions: Vec<String>,
    /// Whether it waits.
    pub attention: String,
    /// The id of the sentence that the patron should read.
    pub message: String,
    /// That sentence.
    pub patron_message: String,
}

/// The document of an event, as [`document`] writes it.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    r#type: Option<String>,
    status: String,
    previous_status: Option<String>,
    outcome: Option<String>,
    conditions: Vec<String>,
    attention: String,
    message: Message,
}

impl EventBody {
    /// Returns an event as other programs get it, with the sentence in a language; `None` if a newer program wrote it in a way
    /// that this one doesn't know.
    pub fn new(event: RequestEvent, language: Language) -> Option<Self> {
        let written: Written = serde_json::from_value(event.document).ok()?;
        let Written { r#type, status, previous_status, outcome, conditions, attention, message } = written;
        let patron_message = message.text(language).unwrap_or_default();
        let (request, version, message) = (event.request, event.version, message.id);
        let data = ChangeBody {
            request,
            version,
            status,
            previous_status,
            outcome,
            conditions,
            attention,
            message,
            patron_message,
        };
        let kind = if r#type.as_deref() == Some(MESSAGE) { MESSAGE } else { CHANGED };
        Some(Self { r#type: kind, timestamp: event.at, data })
    }
}
