//! The beginning of a session.

use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Redirect};
use identity::{SESSION_LASTS, SessionToken};
use secrecy::ExposeSecret as _;

use crate::cookies;
use crate::failure::Failure;
use crate::page::Page;
use crate::state::Desk;

/// Begins a session and sends the reader to a page.
pub(crate) async fn begin_session(desk: &Desk, user: &str, totp_step: Option<i64>, next: &str) -> Page {
    let (token, now) = (SessionToken::new(desk.ids().secret()), desk.clock().now());
    let until = now.saturating_add(SESSION_LASTS).map_err(|_| Failure::Internal)?;
    let mut unit = desk.store().unit();
    unit.prune_sessions(now);
    unit.insert_session(user, &token.digest(), totp_step, now, until);
    desk.store().commit(unit).await?;
    let cookie = cookies::session(desk, token.text().expose_secret()).ok_or(Failure::Internal)?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}
