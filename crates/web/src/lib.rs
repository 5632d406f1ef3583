//! The HTTP interface: the hub's REST API under `/api/v1`, described by an OpenAPI document.
//!
//! [`router`] returns the whole API, to be served by axum. A handler reads its input, calls the engine or the store,
//! and returns a view; it decides nothing about requests. The views list every field of an answer, in the file of each
//! resource, so that a new fact of the domain isn't shown by accident.
//!
//! Every failure is answered in one envelope (RFC 9457, `application/problem+json`), with a stable code for programs, a
//! sentence for people, and all faults of the input at once. Every route under `/api/v1` requires an API key. The key's
//! name is the actor in a request's timeline.
//!
//! # How to add a route
//!
//! 1. Declare its input, if it has one: an [`input!`](input) in the file of its resource, with an example.
//! 2. Write a handler there, with `#[utoipa::path]`: the operation id is `<verb>_<resource>`.
//! 3. Add its line to that file's `routes`.
//! 4. Write a test in `tests/it`, and update the snapshot of the OpenAPI document, which shows what clients will see.

mod agencies;
mod answer;
mod auth;
mod body;
mod exclusive;
mod field;
mod health;
mod idempotency;
mod input;
mod institutions;
mod layers;
mod openapi;
mod orphans;
mod path;
mod pickup_locations;
mod precondition;
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

/// Returns the router for everything that the hub answers over HTTP.
pub fn router(state: WebState) -> axum::Router {
    let guard = axum::middleware::from_fn_with_state(state.clone(), auth::guard);
    let replay = axum::middleware::from_fn_with_state(state.clone(), idempotency::replay);
    let (guarded, open, _) = openapi::parts();
    let body_time = body::BodyTime(state.body_time);
    // The guard comes first: an answer is repeated only to the caller that got it.
    let routes = guarded.route_layer(replay).route_layer(guard).merge(open).layer(axum::Extension(body_time));
    layers::around(routes, &state.cors_origins).with_state(state)
}
