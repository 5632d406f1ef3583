//! The page on which the first user is made, with a code that the hub prints when it starts.

use std::collections::BTreeSet;

use access::Role;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use identity::{PasswordFault, SHORTEST_PASSWORD, password_digest};
use secrecy::SecretString;
use store::User;

use crate::failure::Failure;
use crate::first_code::is_code;
use crate::form::OpenForm;
use crate::frame::{ICONS, languages};
use crate::page::{Page, show};
use crate::session::begin_session;
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::Taste;

/// Who made the first user, in the log of administrative acts.
const BY: &str = "first-run";

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/first-run", get(first_run_page).post(make_first_user))
}

/// The page on which the first user is made.
#[derive(Template)]
#[template(path = "first_run.html")]
struct FirstRunPage {
    texts: Texts,
    theme: Option<&'static str>,
    icons: &'static str,
    languages: Vec<(&'static str, &'static str, bool)>,
    shortest: usize,
    name: String,
    code_fault: Option<String>,
    name_fault: Option<String>,
    password_fault: Option<String>,
}

impl FirstRunPage {
    fn new(taste: Taste) -> Self {
        Self {
            texts: taste.texts(),
            theme: taste.theme,
            icons: ICONS,
            languages: languages(taste.language),
            shortest: SHORTEST_PASSWORD,
            name: String::new(),
            code_fault: None,
            name_fault: None,
            password_fault: None,
        }
    }
}

async fn first_run_page(State(desk): State<Desk>, taste: Taste) -> Page {
    if desk.is_without_users().await? {
        show(&FirstRunPage::new(taste))
    } else {
        Ok(Redirect::to("/sign-in").into_response())
    }
}

async fn make_first_user(State(desk): State<Desk>, taste: Taste, OpenForm(fields): OpenForm) -> Page {
    if !desk.is_without_users().await? {
        return Ok(Redirect::to("/sign-in").into_response());
    }
    let (texts, name, now) = (taste.texts(), fields.text("name"), desk.clock().now());
    let mut page = FirstRunPage { name: name.to_owned(), ..FirstRunPage::new(taste) };
    if let Some(seconds) = desk.attempts().wait(BY, None, now) {
        page.code_fault = Some(texts.say1("sign-in-wait", "seconds", seconds));
    } else if !is_code(desk.first_code(), fields.text("code")) {
        desk.attempts().note_wrong(BY, None, now);
        page.code_fault = Some(texts.say("first-run-wrong-code"));
    }
    if !access::is_key_name(name) {
        page.name_fault = Some(texts.say("first-run-bad-name"));
    }
    if fields.text("password") != fields.text("repeated") {
        page.password_fault = Some(texts.say("first-run-differs"));
    }
    let password = SecretString::from(fields.text("password").to_owned());
    let digest = match digest(&desk, password).await? {
        Ok(digest) => digest,
        Err(_) => {
            page.password_fault = Some(texts.say1("first-run-bad-password", "shortest", SHORTEST_PASSWORD));
            String::new()
        }
    };
    if page.code_fault.is_some() || page.name_fault.is_some() || page.password_fault.is_some() {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&page)?).into_response());
    }
    let user = User {
        name: name.to_owned(),
        role: Role::ConsortiumAdmin,
        agencies: BTreeSet::new().into_iter().collect(),
        password: digest.into(),
        totp_secret: None,
        totp_step: 0,
        created_at: now,
        created_by: BY.to_owned(),
        disabled_at: None,
        last_sign_in_at: None,
    };
    let mut unit = desk.store().unit();
    unit.insert_user(&user)?;
    desk.store().commit(unit).await?;
    begin_session(&desk, name, None, "/").await
}

async fn digest(desk: &Desk, password: SecretString) -> Result<Result<String, PasswordFault>, Failure> {
    let mut salt = [0; 16];
    salt.iter_mut().zip(desk.ids().secret()).for_each(|(to, from)| *to = from);
    let made = tokio::task::spawn_blocking(move || password_digest(&password, salt)).await;
    made.map_err(|_| Failure::Internal)
}
