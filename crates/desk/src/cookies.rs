//! Cookies: the session, and how a reader wants the pages.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::state::Desk;

/// The cookie with the token of the session.
pub(crate) const SESSION: &str = "consort-session";
/// The cookie with the language that the reader chose.
pub(crate) const LANGUAGE: &str = "consort-language";
/// The cookie with the colours that the reader chose: `light` or `dark`.
pub(crate) const THEME: &str = "consort-theme";
/// The cookie with the agency that the reader chose among several.
pub(crate) const AGENCY: &str = "consort-agency";

/// How long a reader's choices are kept: a year.
const CHOICE_SECONDS: u32 = 365 * 24 * 60 * 60;

/// Returns the name under which the browser keeps a cookie. The prefix `__Host-` makes it refuse the cookie from any other
/// host or over plain HTTP (RFC 6265bis).
fn full_name(desk: &Desk, name: &str) -> String {
    if desk.is_secure() { format!("__Host-{name}") } else { name.to_owned() }
}

/// Returns the value of a cookie.
pub(crate) fn read<'a>(desk: &Desk, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let wanted = full_name(desk, name);
    let all = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut pairs = all.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Returns the header that sets the cookie of a session, which ends with the browser.
pub(crate) fn session(desk: &Desk, token: &str) -> Option<HeaderValue> {
    header(desk, SESSION, token, "")
}

/// Returns the header that makes the browser forget the session.
pub(crate) fn no_session(desk: &Desk) -> Option<HeaderValue> {
    header(desk, SESSION, "", "; Max-Age=0")
}

/// Returns the header that sets a choice of the reader.
pub(crate) fn choice(desk: &Desk, name: &str, value: &str) -> Option<HeaderValue> {
    header(desk, name, value, &format!("; Max-Age={CHOICE_SECONDS}"))
}

fn header(desk: &Desk, name: &str, value: &str, rest: &str) -> Option<HeaderValue> {
    let secure = if desk.is_secure() { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{rest}", full_name(desk, name));
    HeaderValue::from_str(&text).ok()
}
