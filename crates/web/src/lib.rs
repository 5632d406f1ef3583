//! HTTP in: the hub's REST API under `/api/v1`, described by an OpenAPI document.
//!
//! [`router`] gives the whole of it, to be served by axum. A handler reads its input, calls the engine or the
//! store, and answers a view; it decides nothing about requests. What leaves is listed field by field in `views`
//! and beside each resource, so that a new fact of the domain is not shown before somebody has thought of it.
//!
//! Whatever goes wrong is answered in one envelope (RFC 9457, `application/problem+json`), with a stable code for
//! programs, a sentence for people, and all faults of the input at once. Every route under `/api/v1` asks for an
//! API key, whose name is the actor in a request's timeline.
//!
//! # How to add a route
//!
//! 1. Its input, where it has one: an [`input!`](input) in the file of its resource, with an example.
//! 2. A handler there, with `#[utoipa::path]`: the operation id is `<verb>_<resource>`.
//! 3. Its line in that file's `routes`.
//! 4. A test in `tests/it`, and the snapshot of the OpenAPI document, which shows what clients will see.

mod agencies;
mod answer;
mod auth;
mod body;
mod exclusive;
mod field;
mod health;
mod input;
mod institutions;
mod layers;
mod openapi;
mod orphans;
mod path;
mod pickup_locations;
mod problem;
mod quota;
mod request_commands;
mod request_view;
mod requests;
mod state;
mod webhooks;

pub use auth::ApiKeys;
pub use openapi::openapi;
pub use state::WebState;

/// Everything the hub answers over HTTP.
pub fn router(state: WebState) -> axum::Router {
    let guard = axum::middleware::from_fn_with_state(state.clone(), auth::guard);
    let (guarded, open, _) = openapi::parts();
    let body_time = body::BodyTime(state.body_time);
    let routes = guarded.route_layer(guard).merge(open).layer(axum::Extension(body_time));
    layers::around(routes).with_state(state)
}
