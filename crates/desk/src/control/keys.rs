//! Keys of the API. A key is shown once.

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::{agencies, agency_names, manages, role_name, roles};
use crate::failure::Failure;
use crate::form::Form;
use crate::forms::{Action, Cell, Control, Done, FormPage, Input, SecretPage, TablePage, refusal, show_refused};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::state::Desk;
use crate::status::Pill;
use crate::visitor::Visitor;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/keys", get(list))
        .route("/keys/new", get(add).post(create))
        .route("/keys/{name}/rotate", get(ask_rotation).post(rotate))
        .route("/keys/{name}/revoke", post(revoke))
}

#[derive(Debug, Deserialize)]
struct Key {
    name: String,
    role: String,
    agencies: Vec<String>,
    valid: bool,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct NewKey {
    name: String,
    key: SecretString,
}

async fn list(visitor: Visitor, Query(done): Query<Done>) -> Page {
    let all: Keys = visitor.api.get("/api/v1/keys").await?;
    let frame = Frame::new(&visitor, "/keys");
    let texts = frame.texts;
    let columns = ["col-key", "field-role", "field-agencies", "col-state", "col-last-used", ""];
    let mut page = TablePage::new(frame, texts.say("nav-keys"), texts.say("keys-about"), &columns, "keys-none");
    page.note = done.note(texts);
    if manages(&visitor) {
        page.actions.push(Action::link("/keys/new", texts.say("key-add"), "plus"));
    }
    for key in all.keys {
        let times = &page.frame.times;
        let (tone, icon, words) = match (key.valid, key.expires_at) {
            (false, _) => ("calm", "x", texts.say("key-ended")),
            (true, Some(end)) => ("good", "clock", texts.say1("key-until", "time", times.long(&end))),
            (true, None) => ("good", "check", texts.say("key-valid")),
        };
        let mut acts = Cell::default();
        if key.valid {
            let path = format!("/keys/{}", encoded(&key.name));
            let rotate = texts.say1("key-rotate", "name", &key.name);
            acts.actions.push(Action::link(format!("{path}/rotate"), rotate, "back"));
            acts.actions.push(Action::post(format!("{path}/revoke"), texts.say1("key-revoke", "name", &key.name), "x"));
        }
        page.rows.push(vec![
            Cell::text(key.name),
            Cell::text(role_name(texts, &key.role)),
            Cell::text(agency_names(&visitor, &key.agencies)),
            Cell::pill(Pill { tone, icon, words }),
            Cell::text(key.last_used_at.map_or_else(|| texts.say("never"), |at| times.long(&at))),
            acts,
        ]);
    }
    show(&page)
}

fn page(visitor: &Visitor) -> FormPage {
    let frame = Frame::new(visitor, "/keys");
    let texts = frame.texts;
    let mut page = FormPage::new(frame, texts.say("key-add"), "/keys/new", texts.say("key-create"));
    page.crumbs = vec![("/keys".to_owned(), texts.say("nav-keys"))];
    let own = visitor.agencies.first().filter(|_| visitor.agencies.len() == 1);
    page.card(
        texts.say("part-key"),
        vec![
            Input::new(texts, "key-name", Control::Text).at("name").required(),
            Input::new(texts, "role", Control::Select).choosing(roles(visitor, false)).with("read-only"),
            Input::new(texts, "agencies", Control::Many)
                .choosing(agencies(visitor))
                .with(own.map(|agency| agency.code.to_string()).unwrap_or_default()),
            Input::new(texts, "expires_in_days", Control::Number).within(1, 3_650).with("365"),
        ],
    );
    page
}

async fn add(visitor: Visitor) -> Page {
    if manages(&visitor) { show(&page(&visitor)) } else { Err(Failure::Forbidden) }
}

async fn create(Form { visitor, fields }: Form) -> Page {
    let mut page = page(&visitor);
    page.take(&fields);
    let body = json!({
        "name": page.value("key-name"),
        "role": page.value("role"),
        "agencies": page.value("agencies").lines().collect::<Vec<_>>(),
        "expires_in_days": page.number("expires_in_days"),
    });
    finish(&visitor, page, "/api/v1/keys", &body).await
}

/// Makes a key, and shows it once.
async fn finish(visitor: &Visitor, mut page: FormPage, path: &str, body: &Value) -> Page {
    if page.has_faults() {
        return show_refused(&page, 422);
    }
    match visitor.api.send::<NewKey>(Method::POST, path, Some(body), None).await {
        Ok(made) => {
            let frame = Frame::new(visitor, "/keys");
            let texts = frame.texts;
            show(&SecretPage {
                title: texts.say1("key-made", "name", &made.name),
                about: texts.say("key-secret-about"),
                rows: vec![(texts.say("key-itself"), made.key.expose_secret().to_owned())],
                picture: None,
                next: "/keys".to_owned(),
                frame,
            })
        }
        Err(problem) => {
            let problem = refusal(problem)?;
            page.fail(&problem);
            show_refused(&page, problem.status)
        }
    }
}

fn rotation_page(visitor: &Visitor, name: &str) -> FormPage {
    let frame = Frame::new(visitor, "/keys");
    let texts = frame.texts;
    let title = texts.say1("key-rotate", "name", name);
    let mut page = FormPage::new(frame, title.clone(), format!("/keys/{}/rotate", encoded(name)), title);
    page.crumbs = vec![("/keys".to_owned(), texts.say("nav-keys"))];
    page.card(
        texts.say("part-rotation"),
        vec![
            Input::new(texts, "overlap_hours", Control::Number).within(0, 720).with("24").required(),
            Input::new(texts, "expires_in_days", Control::Number).within(1, 3_650).with("365"),
        ],
    );
    page
}

async fn ask_rotation(visitor: Visitor, Path(name): Path<String>) -> Page {
    visitor.api.get::<Value>(&format!("/api/v1/keys/{}", encoded(&name))).await?;
    show(&rotation_page(&visitor, &name))
}

async fn rotate(Path(name): Path<String>, Form { visitor, fields }: Form) -> Page {
    let mut page = rotation_page(&visitor, &name);
    page.take(&fields);
    let body = json!({
        "overlap_hours": page.number("overlap_hours"), "expires_in_days": page.number("expires_in_days"),
    });
    finish(&visitor, page, &format!("/api/v1/keys/{}/rotate", encoded(&name)), &body).await
}

async fn revoke(Path(name): Path<String>, Form { visitor, .. }: Form) -> Page {
    let path = format!("/api/v1/keys/{}", encoded(&name));
    visitor.api.send::<Value>(Method::DELETE, &path, None, None).await?;
    Ok(Redirect::to("/keys?done=revoked").into_response())
}
