//! The webhook of an institution: its address, its secret, and whether it is trusted.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::form::Form;
use crate::forms::{Action, Cell, Done, SecretPage, TablePage};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::set_up::institutions::{Institution, api_path, views};
use crate::set_up::may_change;
use crate::state::Desk;
use crate::visitor::Visitor;

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/institutions/{code}/webhook", get(webhook).post(change))
}

#[derive(Debug, Deserialize)]
struct Webhook {
    path: String,
    secret_rotation_active: bool,
    useful_messages_24h: u64,
    last_message_at: Option<Timestamp>,
    untrusted_since: Option<Timestamp>,
}

async fn webhook(
    State(desk): State<Desk>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(code): Path<String>,
    Query(done): Query<Done>,
) -> Page {
    let institution: Institution = visitor.api.get(&api_path(&code)).await?;
    let found = visitor.api.get::<Webhook>(&format!("{}/webhook", api_path(&code))).await;
    let webhook = match found {
        Ok(webhook) => Some(webhook),
        Err(problem) if problem.is_missing() => None,
        Err(problem) => return Err(problem.into()),
    };
    let frame = Frame::new(&visitor, "/institutions");
    let texts = frame.texts;
    let columns = ["col-fact", "col-value"];
    let mut page = TablePage::new(frame, institution.name, texts.say("webhook-about"), &columns, "webhook-none-why");
    page.crumbs = vec![("/institutions".to_owned(), texts.say("nav-institutions"))];
    page.views = views(texts, &code, "/webhook");
    page.note = done.note(texts);
    let path = format!("/institutions/{}/webhook", encoded(&code));
    if may_change(&visitor) {
        let label = texts.say(if webhook.is_some() { "webhook-new-secret" } else { "webhook-add" });
        page.actions.push(Action { what: "secret", ..Action::post(path.clone(), label, "lock") });
    }
    if let Some(webhook) = webhook {
        if may_change(&visitor) && webhook.secret_rotation_active {
            let label = texts.say("webhook-end-rotation");
            page.actions.push(Action { what: "end", ..Action::post(path.clone(), label, "check") });
        }
        if may_change(&visitor) {
            page.actions.push(Action { what: "remove", ..Action::post(path, texts.say("webhook-remove"), "x") });
        }
        let times = &page.frame.times;
        let time = |at: Option<Timestamp>| at.map_or_else(|| texts.say("never"), |at| times.long(&at));
        let trust = match webhook.untrusted_since {
            Some(since) => texts.say1("webhook-untrusted-since", "time", times.long(&since)),
            None => texts.say("webhook-trusted"),
        };
        let facts = [
            ("webhook-address", Cell::code(address(&desk, &headers, &webhook.path))),
            ("webhook-trust", Cell::text(trust)),
            ("webhook-last", Cell::text(time(webhook.last_message_at))),
            ("webhook-messages", Cell::text(webhook.useful_messages_24h.to_string())),
        ];
        page.rows = facts.into_iter().map(|(id, value)| vec![Cell::text(texts.say(id)), value]).collect();
    }
    show(&page)
}

/// Returns the address under which the reader's browser reaches the hub.
fn address(desk: &Desk, headers: &HeaderMap, path: &str) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match host {
        Some(host) => format!("{}://{host}{path}", if desk.is_secure() { "https" } else { "http" }),
        None => path.to_owned(),
    }
}

async fn change(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Path(code): Path<String>,
    Form { visitor, fields }: Form,
) -> Page {
    let path = format!("{}/webhook", api_path(&code));
    let back = format!("/institutions/{}/webhook", encoded(&code));
    match fields.text("what") {
        "secret" => {
            let secret = desk.ids().secret().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let body = json!({"secret": secret});
            let webhook: Webhook = visitor.api.send(Method::PUT, &path, Some(&body), None).await?;
            let frame = Frame::new(&visitor, "/institutions");
            let texts = frame.texts;
            show(&SecretPage {
                title: texts.say("webhook-secret-title"),
                about: texts.say("webhook-secret-about"),
                rows: vec![
                    (texts.say("webhook-address"), address(&desk, &headers, &webhook.path)),
                    (texts.say("webhook-secret"), secret),
                ],
                picture: None,
                next: back,
                frame,
            })
        }
        "end" => {
            visitor.api.send::<Value>(Method::DELETE, &format!("{path}?secret=previous"), None, None).await?;
            Ok(Redirect::to(&format!("{back}?done=saved")).into_response())
        }
        "remove" => {
            visitor.api.send::<Value>(Method::DELETE, &path, None, None).await?;
            Ok(Redirect::to(&format!("{back}?done=removed")).into_response())
        }
        _ => Err(Failure::UnreadableForm),
    }
}
