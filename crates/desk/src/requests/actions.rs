//! Actions of staff at a request: what each will do, and carrying it out.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use lending::RequestId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Problem;
use crate::failure::Failure;
use crate::form::{Fields, Form};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::requests::model::{EndPreview, RequestView};
use crate::requests::show::{list_of, read};
use crate::texts::Texts;
use crate::visitor::Visitor;

/// An action of the API as a page offers it.
struct Known {
    /// Its name in the API.
    name: &'static str,
    /// The method and the end of the path of its operation.
    method: fn() -> Method,
    path: &'static str,
    /// Whether it takes something away for good.
    is_grave: bool,
    icon: &'static str,
}

const fn known(
    name: &'static str,
    method: fn() -> Method,
    path: &'static str,
    is_grave: bool,
    icon: &'static str,
) -> Known {
    Known { name, method, path, is_grave, icon }
}

fn post() -> Method {
    Method::POST
}

fn delete() -> Method {
    Method::DELETE
}

/// The actions in the order in which pages offer them.
const ACTIONS: [Known; 9] = [
    known("resume", post, "/resume", false, "right"),
    known("change_pickup", post, "/pickup-location", false, "pin"),
    known("next_supplier", post, "/next-supplier", false, "out"),
    known("report_found", post, "/found", false, "check"),
    known("report_damage", post, "/damage", false, "case"),
    known("settle_loss", post, "/settle-loss", false, "check"),
    known("undo", post, "/undo", false, "back"),
    known("cancel", delete, "", true, "x"),
    known("end", post, "/end", true, "x"),
];

/// An action that is possible now.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) name: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) is_grave: bool,
    /// Verb and object, such as "Cancel request".
    pub(crate) label: String,
}

fn offer(texts: Texts, action: &Known) -> Offer {
    let label = texts.say(&format!("action-{}", action.name));
    Offer { name: action.name, icon: action.icon, is_grave: action.is_grave, label }
}

/// Returns the actions that are possible now; without undo, which has a place of its own.
pub(crate) fn offers(texts: Texts, request: &RequestView) -> Vec<Offer> {
    let possible = ACTIONS.iter().filter(|action| action.name != "undo" && request.can(action.name));
    possible.map(|action| offer(texts, action)).collect()
}

/// A pickup location among which the reader chooses.
#[derive(Debug, Deserialize)]
struct PickupLocation {
    code: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct PickupLocations {
    pickup_locations: Vec<PickupLocation>,
}

/// The page that says what an action will do, with its fields and its button.
#[derive(Template)]
#[template(path = "action.html")]
struct ActionPage {
    frame: Frame,
    id: String,
    short_id: String,
    title: String,
    action: Offer,
    /// What it will do: for whom, and what.
    steps: Vec<(String, String)>,
    undo: String,
    pickup_locations: Vec<PickupLocation>,
    /// The version of the request that the reader has seen.
    tag: String,
    /// What the reader typed before.
    reason: String,
    fault: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    action: String,
}

/// Shows what an action will do.
pub(crate) async fn ask(visitor: Visitor, Path(id): Path<RequestId>, Query(asked): Query<Asked>) -> Page {
    show(&action_page(&visitor, id, &asked.action, &Fields::default(), None).await?)
}

async fn action_page(
    visitor: &Visitor,
    id: RequestId,
    name: &str,
    fields: &Fields,
    fault: Option<String>,
) -> Result<ActionPage, Failure> {
    let known = ACTIONS.iter().find(|known| known.name == name).ok_or(Failure::UnreadableForm)?;
    let (request, tag) = read(visitor, id).await?;
    let frame = Frame::new(visitor, list_of(visitor, &request));
    let texts = frame.texts;
    let pickup_locations =
        if name == "change_pickup" { pickup_locations(visitor, &request).await? } else { Vec::new() };
    Ok(ActionPage {
        id: id.to_string(),
        short_id: request.short_id(),
        title: request.title.clone().unwrap_or_else(|| texts.say("title-unknown")),
        action: offer(texts, known),
        steps: steps(visitor, id, name, &request).await?,
        undo: texts.say(if known.is_grave { "undo-never" } else { "undo-until-sent" }),
        pickup_locations,
        tag: fields.filled("tag").map_or_else(|| tag.unwrap_or_default(), str::to_owned),
        reason: fields.text("reason").to_owned(),
        fault,
        frame,
    })
}

async fn pickup_locations(visitor: &Visitor, request: &RequestView) -> Result<Vec<PickupLocation>, Failure> {
    let all: PickupLocations = visitor.api.get("/api/v1/pickup-locations").await?;
    let others = all.pickup_locations.into_iter().filter(|place| place.code != request.pickup_location.code);
    Ok(others.collect())
}

/// Returns what an action will do, one line for each party.
async fn steps(
    visitor: &Visitor,
    id: RequestId,
    name: &str,
    request: &RequestView,
) -> Result<Vec<(String, String)>, Failure> {
    let texts = visitor.texts();
    if name == "end" {
        let preview: EndPreview = visitor.api.get(&format!("/api/v1/requests/{id}/end")).await?;
        let steps = preview.steps.into_iter().map(|step| {
            let institution = step.institution.unwrap_or_default();
            (visitor.libraries.of_institution(&institution).to_owned(), step.explanation)
        });
        return Ok([(texts.say("party-item"), preview.item_place)].into_iter().chain(steps).collect());
    }
    let libraries = &visitor.libraries;
    let lender = request.lender.as_ref().map(|lender| libraries.of_institution(&lender.institution).to_owned());
    let parties = [
        ("lender", lender.unwrap_or_else(|| texts.say("side-lender"))),
        ("borrower", libraries.of_agency(&request.patron.agency).to_owned()),
        ("patron", texts.say("party-patron")),
    ];
    let line = |(party, name_of): (&str, String)| {
        let text = format!("will-{name}-{party}");
        texts.has(&text).then(|| (name_of, texts.say(&text)))
    };
    Ok(parties.into_iter().filter_map(line).collect())
}

/// Carries an action out, and returns to the request.
pub(crate) async fn carry_out(Path(id): Path<RequestId>, Form { visitor, fields }: Form) -> Page {
    let name = fields.text("action").to_owned();
    let known = ACTIONS.iter().find(|known| known.name == name).ok_or(Failure::UnreadableForm)?;
    let path = format!("/api/v1/requests/{id}{}", known.path);
    let body = body(&name, &fields);
    let done = visitor.api.send::<Value>((known.method)(), &path, Some(&body), fields.filled("tag")).await;
    match done {
        Ok(_) => Ok(to_request(id)),
        Err(problem) if problem.status < 500 && !problem.is_missing() => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            let page = action_page(&visitor, id, &name, &fields, Some(words(visitor.texts(), &problem))).await?;
            Ok((status, show(&page)?).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Returns the words for a refused action. A request that has changed in the meantime is shown as it is now.
fn words(texts: Texts, problem: &Problem) -> String {
    if problem.status == 412 {
        return texts.say("changed-meanwhile");
    }
    let faults: Vec<&str> = problem.errors.iter().map(|fault| fault.message.as_str()).collect();
    if faults.is_empty() { problem.detail.clone() } else { faults.join(" ") }
}

/// Returns the body of an action's operation.
fn body(name: &str, fields: &Fields) -> Value {
    let reason = fields.filled("reason");
    match name {
        "cancel" => json!({"by": "staff", "reason": reason}),
        "change_pickup" => json!({"pickup_location": fields.text("pickup_location"), "reason": reason}),
        "report_damage" => json!({"description": fields.text("reason")}),
        "settle_loss" => json!({"how": fields.text("how"), "reason": reason}),
        _ => json!({"reason": reason}),
    }
}

/// Sends a message to the other libraries of a request.
pub(crate) async fn send_message(Path(id): Path<RequestId>, Form { visitor, fields }: Form) -> Page {
    if let Some(text) = fields.filled("text") {
        let agency = visitor.agency.as_ref().map(ToString::to_string);
        let path = format!("/api/v1/requests/{id}/messages");
        let body = json!({"text": text, "agency": agency});
        visitor.api.send::<Value>(Method::POST, &path, Some(&body), None).await?;
    }
    Ok(to_request(id))
}

/// Polls the libraries now.
pub(crate) async fn poll(Path(id): Path<RequestId>, Form { visitor, .. }: Form) -> Page {
    let path = format!("/api/v1/requests/{id}/poll");
    visitor.api.send::<Value>(Method::POST, &path, None, None).await?;
    Ok(to_request(id))
}

fn to_request(id: RequestId) -> Response {
    Redirect::to(&format!("/requests/{id}")).into_response()
}

#[cfg(test)]
mod tests {
    use messages::Language;

    use super::*;

    #[test]
    fn every_action_of_the_workflow_has_a_label_in_each_language() {
        for language in Language::ALL {
            let texts = Texts { language };
            for action in lending::Action::ALL {
                let is_offered = ACTIONS.iter().any(|known| known.name == action.name());
                let has_own_way = action == lending::Action::ChooseSupplier;
                assert!(is_offered || has_own_way, "{}", action.name());
                assert!(texts.has(&format!("action-{}", action.name())), "{}", action.name());
            }
        }
    }
}
