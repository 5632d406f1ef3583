//! Users: people who sign in.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use identity::TotpSecret;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::{agencies, agency_names, manages, picture, role_name, roles};
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
        .route("/users", get(list))
        .route("/users/new", get(add).post(create))
        .route("/users/{name}/disable", post(disable))
}

#[derive(Debug, Deserialize)]
struct User {
    name: String,
    role: String,
    agencies: Vec<String>,
    totp: bool,
    disabled_at: Option<Timestamp>,
    last_sign_in_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Users {
    users: Vec<User>,
}

#[derive(Deserialize)]
struct NewUser {
    totp_secret: Option<SecretString>,
}

async fn list(visitor: Visitor, Query(done): Query<Done>) -> Page {
    let all: Users = visitor.api.get("/api/v1/users").await?;
    let frame = Frame::new(&visitor, "/users");
    let texts = frame.texts;
    let columns = ["account-name", "field-role", "field-agencies", "col-state", "col-last-sign-in", ""];
    let mut page = TablePage::new(frame, texts.say("nav-users"), texts.say("users-about"), &columns, "users-none");
    page.note = done.note(texts);
    if manages(&visitor) {
        page.actions.push(Action::link("/users/new", texts.say("user-add"), "plus"));
    }
    for user in all.users {
        let times = &page.frame.times;
        let (tone, icon, id) = match (&user.disabled_at, user.totp) {
            (Some(_), _) => ("calm", "x", "user-disabled"),
            (None, true) => ("good", "lock", "user-totp"),
            (None, false) => ("calm", "user", "user-password"),
        };
        let last = user.last_sign_in_at.map_or_else(|| texts.say("never"), |at| times.long(&at));
        let mut acts = Cell::default();
        if user.disabled_at.is_none() && user.name != visitor.caller.name() {
            let path = format!("/users/{}/disable", encoded(&user.name));
            acts.actions.push(Action::post(path, texts.say1("user-disable", "name", &user.name), "x"));
        }
        page.rows.push(vec![
            Cell::text(user.name),
            Cell::text(role_name(texts, &user.role)),
            Cell::text(agency_names(&visitor, &user.agencies)),
            Cell::pill(Pill { tone, icon, words: texts.say(id) }),
            Cell::text(last),
            acts,
        ]);
    }
    show(&page)
}

fn page(visitor: &Visitor) -> FormPage {
    let frame = Frame::new(visitor, "/users");
    let texts = frame.texts;
    let mut page = FormPage::new(frame, texts.say("user-add"), "/users/new", texts.say("user-create"));
    page.crumbs = vec![("/users".to_owned(), texts.say("nav-users"))];
    let own = visitor.agencies.first().filter(|_| visitor.agencies.len() == 1);
    page.card(
        texts.say("part-user"),
        vec![
            Input::new(texts, "user-name", Control::Text).at("name").required(),
            Input::new(texts, "role", Control::Select).choosing(roles(visitor, true)).with("library-staff"),
            Input::new(texts, "agencies", Control::Many)
                .choosing(agencies(visitor))
                .with(own.map(|agency| agency.code.to_string()).unwrap_or_default()),
            Input::new(texts, "user-password", Control::Secret).at("password"),
            Input::new(texts, "totp", Control::Flag),
        ],
    );
    page
}

async fn add(visitor: Visitor) -> Page {
    if manages(&visitor) { show(&page(&visitor)) } else { Err(Failure::Forbidden) }
}

/// Adds a user. A password that the hub made, and the secret of an authenticator app, are shown once.
async fn create(State(desk): State<Desk>, Form { visitor, fields }: Form) -> Page {
    let mut page = page(&visitor);
    page.take(&fields);
    let typed = fields.filled("user-password").map(str::to_owned);
    let made = match typed {
        Some(_) => None,
        None => Some(desk.ids().secret().iter().take(10).map(|byte| format!("{byte:02x}")).collect::<String>()),
    };
    let body = json!({
        "name": page.value("user-name"),
        "role": page.value("role"),
        "agencies": page.value("agencies").lines().collect::<Vec<_>>(),
        "password": typed.as_deref().or(made.as_deref()),
        "totp": page.is_on("totp"),
    });
    let added = visitor.api.send::<NewUser>(Method::POST, "/api/v1/users", Some(&body), None).await;
    let user = match added {
        Ok(user) => user,
        Err(problem) => {
            let problem = refusal(problem)?;
            page.fail(&problem);
            return show_refused(&page, problem.status);
        }
    };
    if made.is_none() && user.totp_secret.is_none() {
        return Ok(Redirect::to("/users?done=added").into_response());
    }
    let name = page.value("user-name").to_owned();
    let frame = Frame::new(&visitor, "/users");
    let texts = frame.texts;
    let mut rows = vec![(texts.say("account-name"), name.clone())];
    rows.extend(made.map(|password| (texts.say("password"), password)));
    let secret = user.totp_secret;
    let address = secret.clone().map(|secret| TotpSecret::from(secret).address(&name));
    rows.extend(secret.map(|secret| (texts.say("totp-secret"), secret.expose_secret().to_owned())));
    show(&SecretPage {
        title: texts.say1("user-added", "name", &name),
        about: texts.say("user-secret-about"),
        rows,
        picture: address.and_then(|address| picture::of(address.expose_secret())),
        next: "/users".to_owned(),
        frame,
    })
}

async fn disable(Path(name): Path<String>, Form { visitor, .. }: Form) -> Page {
    let path = format!("/api/v1/users/{}", encoded(&name));
    visitor.api.send::<Value>(Method::DELETE, &path, None, None).await?;
    Ok(Redirect::to("/users?done=disabled").into_response())
}
