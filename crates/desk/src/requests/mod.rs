//! The lists of requests, and the page of one request.

mod actions;
mod export;
mod list;
pub(crate) mod model;
mod show;
mod timeline;

use axum::Router;
use axum::routing::{get, post};

use crate::state::Desk;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/lending", get(list::lending))
        .route("/borrowing", get(list::borrowing))
        .route("/lending.csv", get(export::lending))
        .route("/borrowing.csv", get(export::borrowing))
        .route("/find", get(list::find))
        .route("/requests/{id}", get(show::show_request))
        .route("/requests/{id}/action", get(actions::ask).post(actions::carry_out))
        .route("/requests/{id}/poll", post(actions::poll))
        .route("/requests/{id}/messages", post(actions::send_message))
}
