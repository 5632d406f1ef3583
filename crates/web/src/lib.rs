//! The HTTP interface: the hub's REST API under `/api/v1`, described by an OpenAPI document.
//!
//! [`router`] returns the whole API, to be served by axum. A handler reads its input, calls the engine or the store,
//! and returns a view; it decides nothing about requests. The views list every field of an answer, in the file of each
//! resource, so that a new fact of the domain isn't shown by accident.
//!
//! Every failure is answered in one envelope (RFC 9457, `application/problem+json`), with a stable code for programs, a
//! sentence for people, and all faults of the input at once. Every route under `/api/v1` requires an API key. The key's
//! name is the actor in a request's timeline; its role and agencies decide what it may do ([`guard`]).
//!
//! # How to add a route
//!
//! 1. Declare its input, if it has one: an [`input!`](input) in the file of its resource, with an example.
//! 2. Write a handler there, with `#[utoipa::path]`: the operation id is `<verb>_<resource>`.
//! 3. Add its line to that file's `routes`, and the permission that it needs to `access::OPERATIONS`. Let the handler
//!    get its object from [`guard::Access`].
//! 4. Write a test in `tests/it`, and update the snapshot of the OpenAPI document, which shows what clients will see.

mod agencies;
mod answer;
mod audit;
mod auth;
mod availability;
mod body;
mod cases;
mod catalogue;
mod catalogue_status;
mod choices;
mod client;
mod codes;
mod event_feed;
mod events;
mod exclusive;
mod failures;
mod field;
mod guard;
mod harvests;
mod health;
mod idempotency;
mod input;
mod institutions;
mod keys;
mod layers;
mod limits;
mod openapi;
mod orphans;
mod own_account;
mod path;
mod patrons;
mod pickup_locations;
mod precondition;
mod preview;
mod problem;
mod quota;
mod read_log;
mod reads;
mod removed_guard;
mod request_commands;
mod request_messages;
mod request_view;
mod requests;
mod rules_schema;
mod saved_views;
mod scans;
mod sentence;
mod set_aside;
mod sru;
mod state;
mod statistics;
mod subscriptions;
mod supplier_policy;
mod supplier_schema;
mod users;
mod views;
mod webhooks;
mod words;
mod work;
mod wrong_keys;

pub use auth::{ApiKeys, SignedIn};
pub use client::{ClientAddress, ForwardedHeader, Proxies};
pub use limits::{Rate, RateLimits};
pub use openapi::openapi;
#[cfg(feature = "removable-guards")]
pub use removed_guard::{remove_guard, used_guards};
pub use state::WebState;

/// The operations of the API and the table of their permissions differ, so that the hub must not start.
#[derive(Debug)]
pub struct UndeclaredOperations(Vec<String>);

impl std::fmt::Display for UndeclaredOperations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the API's operations and the table of their permissions differ: {}", self.0.join("; "))
    }
}

impl std::error::Error for UndeclaredOperations {}

/// Returns the router for everything that the hub answers over HTTP.
///
/// # Errors
///
/// [`UndeclaredOperations`] if an operation declares no permission, or the table names one that doesn't exist.
pub fn router(state: WebState) -> Result<axum::Router, UndeclaredOperations> {
    router_with(state, axum::Router::new())
}

/// Returns the router for the API and for pages beside it, which get the same limits, time-outs and traces.
///
/// # Errors
///
/// As [`router`].
pub fn router_with(state: WebState, pages: axum::Router) -> Result<axum::Router, UndeclaredOperations> {
    let (guarded, open, document) = openapi::parts();
    let operations = openapi::operations_by_path(&document);
    let declared = operations.iter().map(|(_, _, id, needs_key)| (*id, *needs_key));
    access::check_operations(declared).map_err(UndeclaredOperations)?;
    let mut needing_key = guard::Operations::default();
    for (path, method, id, _) in operations.into_iter().filter(|(.., needs_key)| *needs_key) {
        needing_key.add(path, method, id);
    }
    let guard = guard::Guard { state: state.clone(), operations: std::sync::Arc::new(needing_key) };
    let guard = axum::middleware::from_fn_with_state(guard, guard::guard);
    let routes = guarded.route_layer(guard).merge(open).merge(sru::routes(&state)).merge(pages.with_state(()));
    Ok(layers::around(routes, &state).with_state(state))
}
