//! The reader's own account: password, one-time codes, language and colours.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use identity::{SHORTEST_PASSWORD, TotpSecret};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::api::Problem;
use crate::failure::Failure;
use crate::form::{Fields, Form};
use crate::forms::{Done, Note};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::session::begin_session;
use crate::state::Desk;
use crate::visitor::Visitor;

use super::{picture, role_name};

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/account", get(account))
        .route("/account/password", post(change_password))
        .route("/account/totp", post(set_up_totp))
}

/// The page with the reader's own account.
#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    role: String,
    libraries: Vec<String>,
    shortest: usize,
    note: Option<Note>,
    password_fault: Option<String>,
    new_fault: Option<String>,
    totp_password_fault: Option<String>,
    code_fault: Option<String>,
    secret: String,
    picture: Option<(usize, String)>,
}

/// Returns the page. A secret for one-time codes that a form brings is kept: an app may have it already.
fn page(desk: &Desk, visitor: &Visitor, secret: Option<&str>) -> AccountPage {
    let frame = Frame::new(visitor, "/account");
    let secret = match secret {
        Some(secret) => TotpSecret::from(SecretString::from(secret.to_owned())),
        None => {
            let mut random = [0; 20];
            random.iter_mut().zip(desk.ids().secret()).for_each(|(to, from)| *to = from);
            TotpSecret::new(random)
        }
    };
    AccountPage {
        role: role_name(frame.texts, visitor.caller.role().name()),
        libraries: visitor.agencies.iter().map(|agency| agency.name.clone()).collect(),
        shortest: SHORTEST_PASSWORD,
        note: None,
        password_fault: None,
        new_fault: None,
        totp_password_fault: None,
        code_fault: None,
        picture: picture::of(secret.address(visitor.caller.name()).expose_secret()),
        secret: secret.text().expose_secret().to_owned(),
        frame,
    }
}

async fn account(State(desk): State<Desk>, visitor: Visitor, Query(done): Query<Done>) -> Page {
    let mut page = page(&desk, &visitor, None);
    page.note = done.note(page.frame.texts);
    show(&page)
}

/// Makes the change if the reader hasn't tried wrong passwords too often, and begins a new session: a change ends all.
async fn change(
    desk: &Desk,
    visitor: &Visitor,
    path: &str,
    body: &Value,
    done: &str,
) -> Result<Result<axum::response::Response, Problem>, Failure> {
    let (name, now) = (visitor.caller.name(), desk.clock().now());
    if let Some(seconds) = desk.attempts().wait(name, None, now) {
        let detail = visitor.texts().say1("sign-in-wait", "seconds", seconds);
        return Ok(Err(Problem { status: 429, detail, errors: Vec::new() }));
    }
    match visitor.api.send::<Value>(Method::PUT, path, Some(body), None).await {
        Ok(_) => {
            desk.attempts().forget(name);
            begin_session(desk, name, None, &format!("/account?done={done}")).await.map(Ok)
        }
        Err(problem) if problem.status >= 500 => Err(problem.into()),
        Err(problem) => {
            if problem.status == 403 {
                desk.attempts().note_wrong(name, None, now);
            }
            Ok(Err(problem))
        }
    }
}

fn refused(page: &AccountPage) -> Page {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, show(page)?).into_response())
}

fn of_field(problem: &Problem, field: &str) -> Option<String> {
    problem.errors.iter().find(|fault| fault.field == field).map(|fault| fault.message.clone())
}

async fn change_password(State(desk): State<Desk>, Form { visitor, fields }: Form) -> Page {
    let mut page = page(&desk, &visitor, None);
    if fields.text("new_password") != fields.text("repeated") {
        page.new_fault = Some(page.frame.texts.say("first-run-differs"));
        return refused(&page);
    }
    let body =
        json!({"current_password": fields.text("current_password"), "new_password": fields.text("new_password")});
    match change(&desk, &visitor, "/api/v1/own/password", &body, "password").await? {
        Ok(answer) => Ok(answer),
        Err(problem) => {
            page.new_fault = of_field(&problem, "new_password");
            page.password_fault = password_fault(&page.frame, &problem, page.new_fault.is_some());
            refused(&page)
        }
    }
}

fn password_fault(frame: &Frame, problem: &Problem, is_other: bool) -> Option<String> {
    match problem.status {
        403 => Some(frame.texts.say("own-wrong-password")),
        _ if is_other => None,
        _ => Some(problem.detail.clone()),
    }
}

async fn set_up_totp(State(desk): State<Desk>, Form { visitor, fields }: Form) -> Page {
    let body = json!({
        "current_password": fields.text("current_password"),
        "secret": fields.text("secret"),
        "code": code(&fields),
    });
    match change(&desk, &visitor, "/api/v1/own/totp", &body, "totp").await? {
        Ok(answer) => Ok(answer),
        Err(problem) => {
            let mut page = page(&desk, &visitor, fields.filled("secret"));
            page.code_fault = of_field(&problem, "code").map(|_| page.frame.texts.say("own-wrong-code"));
            page.totp_password_fault = password_fault(&page.frame, &problem, page.code_fault.is_some());
            refused(&page)
        }
    }
}

/// Returns the code without the blank that apps show in its middle.
fn code(fields: &Fields) -> String {
    fields.text("code").chars().filter(char::is_ascii_digit).collect()
}
