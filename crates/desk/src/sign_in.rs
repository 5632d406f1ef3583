//! Signing in with a local account, and signing out.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use identity::{Known, sign_in};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use store::User;
use tracing::info;
use web::ClientAddress;

use crate::cookies;
use crate::failure::Failure;
use crate::form::{Form, OpenForm, own_path};
use crate::frame::{ICONS, languages};
use crate::page::{Page, show};
use crate::session::begin_session;
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::{Taste, Visitor, has_pages};

/// Where a reader begins.
const FIRST_PAGE: &str = "/lending";

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/", get(first_page))
        .route("/sign-in", get(sign_in_page).post(sign_in_now))
        .route("/sign-out", post(sign_out))
}

/// The page on which people sign in.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    texts: Texts,
    theme: Option<&'static str>,
    icons: &'static str,
    languages: Vec<(&'static str, &'static str, bool)>,
    consortium: String,
    next: String,
    name: String,
    /// What is wrong with the last attempt.
    fault: Option<String>,
}

impl SignInPage {
    fn new(desk: &Desk, taste: Taste, next: &str) -> Self {
        Self {
            texts: taste.texts(),
            theme: taste.theme,
            icons: ICONS,
            languages: languages(taste.language),
            consortium: desk.consortium().to_owned(),
            next: own_path(next).to_owned(),
            name: String::new(),
            fault: None,
        }
    }
}

/// Leads to the first page of a reader; to the page on which the first user is made, if there is none.
async fn first_page(State(desk): State<Desk>, visitor: Result<Visitor, Failure>) -> Page {
    match visitor {
        Ok(_) => Ok(Redirect::to(FIRST_PAGE).into_response()),
        Err(Failure::SignedOut { .. }) if desk.is_without_users().await? => {
            Ok(Redirect::to("/first-run").into_response())
        }
        Err(failure) => Err(failure),
    }
}

#[derive(Debug, Default, Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

async fn sign_in_page(
    State(desk): State<Desk>,
    taste: Taste,
    Query(Next { next }): Query<Next>,
    visitor: Result<Visitor, Failure>,
) -> Page {
    if visitor.is_ok() {
        return Ok(Redirect::to(own_path(&next)).into_response());
    }
    show(&SignInPage::new(&desk, taste, &next))
}

/// What came of an attempt to sign in.
enum Attempt {
    Done(Box<User>, Option<i64>),
    Wrong,
    /// The account belongs to a program.
    NoPages,
}

async fn sign_in_now(
    State(desk): State<Desk>,
    taste: Taste,
    address: Option<Extension<ClientAddress>>,
    OpenForm(fields): OpenForm,
) -> Page {
    let (name, now) = (fields.text("name"), desk.clock().now());
    let address = address.and_then(|Extension(address)| address.counted());
    let refuse = |fault: String| -> Page {
        let page = SignInPage {
            name: name.to_owned(),
            fault: Some(fault),
            ..SignInPage::new(&desk, taste, fields.text("next"))
        };
        Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&page)?).into_response())
    };
    let texts = taste.texts();
    if let Some(seconds) = desk.attempts().wait(name, address, now) {
        return refuse(texts.say1("sign-in-wait", "seconds", seconds));
    }
    let password = SecretString::from(fields.text("password").to_owned());
    match attempt(&desk, name, password, fields.filled("totp").map(str::to_owned)).await? {
        Attempt::Done(user, step) => {
            desk.attempts().forget(name);
            begin_session(&desk, &user.name, step, own_path(fields.text("next"))).await
        }
        Attempt::NoPages => refuse(texts.say("sign-in-program")),
        Attempt::Wrong => {
            desk.attempts().note_wrong(name, address, now);
            info!("an attempt to sign in was refused");
            match desk.attempts().wait(name, address, now) {
                Some(seconds) => refuse(texts.say1("sign-in-wrong-wait", "seconds", seconds)),
                None => refuse(texts.say("sign-in-wrong")),
            }
        }
    }
}

/// Compares name, password and code with the store. The digest of a password takes a while, so that it has a thread of its
/// own.
async fn attempt(desk: &Desk, name: &str, password: SecretString, code: Option<String>) -> Result<Attempt, Failure> {
    let user = desk.store().user(name).await?;
    let known = user.as_ref().map(|user| Known {
        password: user.password.expose_secret().to_owned(),
        totp_secret: user.totp_secret.clone().map(Into::into),
        totp_step: user.totp_step,
        is_disabled: user.disabled_at.is_some(),
    });
    let now = desk.clock().now();
    let decided = tokio::task::spawn_blocking(move || sign_in(known.as_ref(), &password, code.as_deref(), now)).await;
    match (decided, user) {
        (Ok(Ok(_)), Some(user)) if !has_pages(user.role) => Ok(Attempt::NoPages),
        (Ok(Ok(signed_in)), Some(user)) => Ok(Attempt::Done(Box::new(user), signed_in.totp_step)),
        (Ok(_), _) => Ok(Attempt::Wrong),
        (Err(_), _) => Err(Failure::Internal),
    }
}

async fn sign_out(State(desk): State<Desk>, Form { visitor, .. }: Form) -> Page {
    let mut unit = desk.store().unit();
    unit.end_session(&visitor.session);
    desk.store().commit(unit).await?;
    let mut headers = HeaderMap::new();
    headers.extend(cookies::no_session(&desk).map(|cookie| (SET_COOKIE, cookie)));
    Ok::<Response, _>((headers, Redirect::to("/sign-in")).into_response())
}
