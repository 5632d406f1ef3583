//! Styles and scripts, embedded. Their addresses contain a digest of the content, so that browsers keep them for good.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use crate::state::Desk;

/// A file: its name, its type, its content.
const FILES: &[(&str, &str, &str)] = &[
    (
        "desk.css",
        "text/css; charset=utf-8",
        concat!(include_str!("../assets/tokens.css"), include_str!("../assets/desk.css")),
    ),
    (
        "desk.js",
        "text/javascript; charset=utf-8",
        concat!(
            include_str!("../assets/htmx.min.js"),
            "\n",
            include_str!("../assets/htmx-sse.min.js"),
            "\n",
            include_str!("../assets/desk.js")
        ),
    ),
];

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/assets/{digest}/{name}", get(asset)).route("/favicon.ico", get(icon))
}

/// Returns the digest of all files, as their addresses contain it.
pub(crate) fn digest() -> &'static str {
    static DIGEST: LazyLock<String> = LazyLock::new(|| {
        let mut all = Sha256::new();
        for (_, _, content) in FILES {
            all.update(content.as_bytes());
        }
        all.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    });
    &DIGEST
}

/// Answers a file. An address with another digest is one of an older version, and gets the present one, unkept.
async fn asset(Path((digest, name)): Path<(String, String)>) -> Response {
    let Some((_, kind, content)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kept = if digest == self::digest() { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(CONTENT_TYPE, *kind), (CACHE_CONTROL, kept)], *content).into_response()
}

async fn icon() -> Response {
    const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"#0b5cad\" \
                        stroke-width=\"1.75\"><path d=\"M4 5.5h7v13H4zM13 8.5h7v10h-7z\"/><path d=\"M9 13h6m-2-2 2 2-2 2\"/></svg>";
    ([(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "public, max-age=86400")], ICON).into_response()
}
