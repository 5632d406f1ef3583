//! The page of one request.

use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use lending::RequestId;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::requests::actions::{Offer, offers};
use crate::requests::list::next_step;
use crate::requests::model::{Attention, Borrower, Choice, ChoiceList, Hold, Loan, Message, MessageList, RequestView};
use crate::requests::timeline::{Entry, entries};
use crate::status::{self, Pill};
use crate::texts::Texts;
use crate::times::Times;
use crate::visitor::Visitor;

/// One library's system, as the hub saw it last.
#[derive(Debug)]
pub(crate) struct Side {
    /// The id of its part: lender, borrower or pickup.
    pub(crate) part: &'static str,
    pub(crate) name: String,
    pub(crate) item: String,
    pub(crate) hold: String,
    pub(crate) loan: String,
    pub(crate) barcode: Option<String>,
    /// The patron or the pickup code, with the id of its name.
    pub(crate) person: Option<(&'static str, String)>,
}

/// What the request waits for, or what staff decide.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Staff must decide: explanation and code.
    Decide(String, String),
    /// A system doesn't answer, or somebody has the next move: the party, the reason, since when, the next try.
    Wait { on: String, reason: String, since: String, next_try: Option<String> },
}

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    frame: Frame,
    id: String,
    short_id: String,
    request: RequestView,
    pill: Pill,
    notice: Option<Notice>,
    offers: Vec<Offer>,
    is_undoable: bool,
    sides: Vec<Side>,
    timeline: Vec<Entry>,
    choices: Vec<Choice>,
    messages: Vec<Message>,
    next: String,
}

/// Reads a request from the API.
pub(crate) async fn read(visitor: &Visitor, id: RequestId) -> Result<(RequestView, Option<String>), Failure> {
    let read = visitor.api.get_tagged(&format!("/api/v1/requests/{id}")).await?;
    Ok((read.value, read.tag))
}

pub(crate) async fn show_request(visitor: Visitor, Path(id): Path<RequestId>) -> Page {
    let (request, _) = read(&visitor, id).await?;
    let choices: ChoiceList = visitor.api.get(&format!("/api/v1/requests/{id}/choices")).await?;
    let messages: MessageList = visitor.api.get(&format!("/api/v1/requests/{id}/messages")).await?;
    if messages.messages.iter().any(|message| !message.own) && visitor.acts() {
        let read = format!("/api/v1/requests/{id}/messages/read");
        visitor.api.send::<Value>(Method::POST, &read, Some(&json!({})), None).await?;
    }
    let next = next_step(&visitor, &request);
    let frame = Frame::new(&visitor, list_of(&visitor, &request));
    let (texts, times) = (frame.texts, frame.times.clone());
    show(&RequestPage {
        id: id.to_string(),
        short_id: request.short_id(),
        pill: status::pill(texts, &request),
        notice: notice(texts, &times, &request),
        offers: if frame.acts { offers(texts, &request) } else { Vec::new() },
        is_undoable: frame.acts && request.can("undo"),
        sides: sides(&visitor, &request),
        timeline: entries(texts, &request),
        choices: choices.choices,
        messages: messages.messages,
        next,
        request,
        frame,
    })
}

fn notice(texts: Texts, times: &Times, request: &RequestView) -> Option<Notice> {
    match &request.attention {
        Attention::None => None,
        Attention::NeedsStaff { code, explanation, .. } => Some(Notice::Decide(explanation.clone(), code.clone())),
        Attention::Waiting { on, since, next_try, reason } => Some(Notice::Wait {
            on: texts.say(&format!("waits-for-{on}")),
            reason: reason.clone(),
            since: times.long(since),
            next_try: next_try.as_ref().map(|at| times.long(at)),
        }),
    }
}

/// Returns the list to which a request belongs for its reader.
pub(crate) fn list_of(visitor: &Visitor, request: &RequestView) -> &'static str {
    let is_own_patron = visitor.caller.agencies().iter().any(|agency| agency.as_str() == request.patron.agency);
    if is_own_patron { "/borrowing" } else { "/lending" }
}

/// Returns the sides that exist, always in this order: lender, borrower, pickup.
fn sides(visitor: &Visitor, request: &RequestView) -> Vec<Side> {
    let (texts, times, libraries) = (visitor.texts(), &visitor.times, &visitor.libraries);
    let lender = request.lender.as_ref().map(|lender| Side {
        part: "lender",
        name: format!("{} · {}", libraries.of_institution(&lender.institution), lender.library),
        item: item_words(texts, Some(&lender.item_state), lender.item_state_detail.as_deref()),
        hold: hold_words(texts, lender.hold.as_ref()),
        loan: loan_words(texts, times, lender.loan.as_ref()),
        barcode: Some(lender.barcode.clone()),
        person: None,
    });
    let patron = request.patron.name().or_else(|| request.patron.identifier.clone());
    let borrower = Side {
        name: libraries.of_agency(&request.patron.agency).to_owned(),
        person: patron.map(|patron| ("fact-patron", patron)),
        ..virtual_side(texts, times, "borrower", &request.borrower)
    };
    let pickup = request.pickup_side.as_ref().map(|here| Side {
        name: request.pickup_location.name.clone(),
        person: request.pickup_code.clone().map(|code| ("fact-pickup-code", code)),
        ..virtual_side(texts, times, "pickup", here)
    });
    [lender, Some(borrower), pickup].into_iter().flatten().collect()
}

fn virtual_side(texts: Texts, times: &Times, part: &'static str, here: &Borrower) -> Side {
    Side {
        part,
        name: String::new(),
        item: item_words(texts, here.item_state.as_deref(), here.item_state_detail.as_deref()),
        hold: hold_words(texts, here.hold.as_ref()),
        loan: loan_words(texts, times, here.loan.as_ref()),
        barcode: here.barcode.clone(),
        person: None,
    }
}

fn item_words(texts: Texts, state: Option<&str>, detail: Option<&str>) -> String {
    match (state, detail) {
        (_, Some(detail)) => detail.to_owned(),
        (Some(state), None) => texts.say(&format!("item-{state}")),
        (None, None) => texts.say("item-not-made"),
    }
}

fn hold_words(texts: Texts, hold: Option<&Hold>) -> String {
    match hold {
        None => texts.say("hold-none"),
        Some(Hold { open: true, state, .. }) => texts.say(&format!("hold-{state}")),
        Some(Hold { closure: Some(closure), .. }) => texts.say1("hold-closed-as", "closure", closure),
        Some(_) => texts.say("hold-gone"),
    }
}

fn loan_words(texts: Texts, times: &Times, loan: Option<&Loan>) -> String {
    match loan {
        None => texts.say("loan-none"),
        Some(Loan { open: false, .. }) => texts.say("loan-returned"),
        Some(Loan { due: Some(due), .. }) => texts.say1("loan-until", "day", times.day_of(due)),
        Some(_) => texts.say("loan-open"),
    }
}

#[cfg(test)]
mod tests {
    use messages::Language;

    use super::*;

    #[test]
    fn every_state_that_the_api_names_has_words() {
        for language in Language::ALL {
            let texts = Texts { language };
            let items = ["in_place", "requested", "in_transit", "on_hold_shelf", "on_loan", "lost", "claimed_returned"];
            let items =
                items.into_iter().chain(["missing", "unavailable", "absent"]).map(|name| format!("item-{name}"));
            let holds = ["not_started", "in_process", "on_hold_shelf", "gone"].map(|name| format!("hold-{name}"));
            let parties = ["lending_library", "pickup_library", "patron", "lender_system", "borrower_system"];
            let parties = parties.into_iter().chain(["pickup_system"]).map(|name| format!("waits-for-{name}"));
            for id in items.chain(holds).chain(parties) {
                assert!(texts.has(&id), "{id}");
            }
        }
    }
}
