//! Search in the shared catalogue, and requests that staff place for a patron.

mod copies;
mod model;
mod place;
mod results;
mod walk_up;

use axum::Router;
use axum::routing::get;

use crate::state::Desk;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/search", get(results::search))
        .route("/search/copies/{title}", get(copies::copies))
        .route("/place", get(place::ask).post(place::place))
        .route("/walk-up", get(walk_up::ask).post(walk_up::place))
}
