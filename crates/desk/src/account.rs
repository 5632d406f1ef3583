//! The reader's own choices: language, colours, and the agency to work for.

use axum::Router;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::post;
use messages::Language;

use crate::cookies;
use crate::form::{Form, OpenForm, own_path};
use crate::page::Page;
use crate::state::Desk;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/language", post(choose_language))
        .route("/theme", post(choose_theme))
        .route("/agency", post(choose_agency))
}

/// Sets the language. The sign-in page offers it too.
async fn choose_language(State(desk): State<Desk>, OpenForm(fields): OpenForm) -> Page {
    let tag = Language::of_tag(fields.text("language")).unwrap_or_default().tag();
    Ok(chosen(&desk, cookies::LANGUAGE, tag, fields.text("next")))
}

async fn choose_theme(State(desk): State<Desk>, Form { fields, .. }: Form) -> Page {
    let theme = match fields.text("theme") {
        "dark" => "dark",
        "light" => "light",
        _ => "",
    };
    Ok(chosen(&desk, cookies::THEME, theme, fields.text("next")))
}

async fn choose_agency(State(desk): State<Desk>, Form { visitor, fields }: Form) -> Page {
    let code = fields.text("agency");
    let is_own = visitor.agencies.iter().any(|agency| agency.code.as_str() == code);
    Ok(chosen(&desk, cookies::AGENCY, if is_own { code } else { "" }, fields.text("next")))
}

fn chosen(desk: &Desk, name: &str, value: &str, next: &str) -> axum::response::Response {
    let back = Redirect::to(own_path(next));
    match cookies::choice(desk, name, value) {
        Some(cookie) => ([(SET_COOKIE, cookie)], back).into_response(),
        None => back.into_response(),
    }
}
