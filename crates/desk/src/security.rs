//! The layer around all pages: headers that browsers obey, compression, and failures as pages.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Router, http::HeaderName};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};

use crate::failure::{Detail, Shown};
use crate::frame::ICONS;
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::Taste;

/// What pages may load and send: nothing but this hub's own files and forms, no inline script and no inline style.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A page that says why another can't be shown.
#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    texts: Texts,
    theme: Option<&'static str>,
    icons: &'static str,
    title: String,
    detail: String,
}

/// Adds the layer.
pub(crate) fn around(routes: Router<Desk>, desk: &Desk) -> Router<Desk> {
    // A stream of events isn't compressed: each must arrive when it happens.
    let worth = SizeAbove::new(512).and(NotForContentType::new("text/event-stream"));
    routes
        .layer(from_fn_with_state(desk.clone(), finish))
        .layer(CompressionLayer::new().gzip(true).compress_when(worth))
}

/// Shows a failure as a page in the reader's language, and adds the headers.
async fn finish(State(desk): State<Desk>, call: Request, next: Next) -> Response {
    let taste = Taste::of(&desk, call.headers());
    let answer = next.run(call).await;
    let mut answer = match answer.extensions().get::<Shown>().cloned() {
        Some(shown) => failure_page(taste, shown, answer),
        None => answer,
    };
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn failure_page(taste: Taste, shown: Shown, answer: Response) -> Response {
    let texts = taste.texts();
    let detail = match shown.detail {
        Detail::Text(id) => texts.say(id),
        Detail::Words(words) => words,
    };
    let page = FailurePage { texts, theme: taste.theme, icons: ICONS, title: texts.say(shown.title), detail };
    match page.render() {
        Ok(html) => (answer.status(), Html(html)).into_response(),
        Err(_) => answer,
    }
}
