//! The staff desk: a web page for each institution under `/sim/desk/`, and a list of them at `/sim/`.
//!
//! The page is three static files. It reads its data from [`lists`], and its buttons use actions of the control
//! surface.

pub(crate) mod lists;

use crate::api::{ApiAnswer, segments};
use crate::sim::Sim;

const PAGE: &str = include_str!("desk.html");
const SCRIPT: &str = include_str!("desk.js");
const STYLE: &str = include_str!("desk.css");

/// The page loads nothing from elsewhere, and no text of a record can become a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Returns a page of the staff desk, or `None` if the path is no page.
pub(crate) fn page(sim: &Sim, method: &str, path: &str) -> Option<ApiAnswer> {
    if method != "GET" {
        return None;
    }
    if path == "/sim" {
        let headers = vec![("location", "/sim/".to_owned())];
        return Some(ApiAnswer { status: 302, headers, body: String::new() });
    }
    let rest = path.strip_prefix("/sim/")?;
    let segments = segments(rest);
    let (status, kind, text) = match segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [""] => (200, "text/html;charset=utf-8", PAGE),
        ["desk.js"] => (200, "text/javascript;charset=utf-8", SCRIPT),
        ["desk.css"] => (200, "text/css;charset=utf-8", STYLE),
        ["desk", code] if sim.site(code).is_ok() => (200, "text/html;charset=utf-8", PAGE),
        ["desk", _] => {
            (404, "text/plain;charset=utf-8", "There is no such institution. /sim/ lists those there are.\n")
        }
        _ => return None,
    };
    let mut answer = ApiAnswer::new(status, kind, text);
    answer.headers.push(("content-security-policy", POLICY.to_owned()));
    answer.headers.push(("x-content-type-options", "nosniff".to_owned()));
    answer.headers.push(("cache-control", "no-cache".to_owned()));
    Some(answer)
}
