//! The set-up: institutions, agencies, pickup locations, mappings, the choice of the supplier, and the catalogue.

mod agencies;
mod catalogue;
mod codes;
mod institutions;
mod mappings;
mod orphans;
mod pickup_locations;
mod policy;
mod settings;
mod webhook;

use crate::state::Desk;
use crate::visitor::Visitor;
use access::Role;
use axum::Router;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .merge(institutions::routes())
        .merge(mappings::routes())
        .merge(webhook::routes())
        .merge(orphans::routes())
        .merge(agencies::routes())
        .merge(pickup_locations::routes())
        .merge(policy::routes())
        .merge(catalogue::routes())
}

/// Returns whether the reader changes a set-up. The API decides once more, by the object.
fn may_change(visitor: &Visitor) -> bool {
    matches!(visitor.caller.role(), Role::ConsortiumAdmin | Role::LibraryAdmin)
}
