//! Generates the OpenAPI document from the handlers.

use std::sync::OnceLock;

use axum::Router;
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, RefOr};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::events::EventView;
use crate::problem::Envelope;
use crate::state::WebState;
use crate::{
    agencies, audit, availability, cases, catalogue, catalogue_status, choices, codes, events, failures, harvests,
    health, idempotency, institutions, keys, orphans, own_account, patrons, pickup_locations, preview, quota, reads,
    request_commands, request_messages, requests, saved_views, scans, set_aside, statistics, subscriptions,
    supplier_policy, users, webhooks, work,
};

const KEY: &str = "api_key";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Consort",
        description = "Direct consortial borrowing: patron requests between institutions, and their set-up.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "This hub.")),
    components(schemas(Envelope, EventView)),
    tags(
        (name = "requests", description = "Patron requests, from placing to the last clean-up."),
        (name = "events", description = "Changes of requests, as they happen."),
        (name = "catalogue", description = "The shared catalogue of all institutions."),
        (name = "patrons", description = "The data that the hub keeps about a patron."),
        (name = "institutions", description = "Installations of a library system, with their settings and keys."),
        (name = "agencies", description = "Libraries that lend or borrow."),
        (name = "choice of the supplier", description = "The policy by which the hub chooses among copies."),
        (name = "pickup locations", description = "Where patrons collect."),
        (name = "webhooks", description = "What libraries' systems send by themselves; signed, without a key."),
        (name = "keys", description = "Keys of this API."),
        (name = "users", description = "People who sign in."),
        (name = "audit", description = "Administrative acts, and reads of patron data."),
        (name = "hub", description = "The hub itself."),
    )
)]
struct Document;

/// Returns the OpenAPI document of everything that [`router`](crate::router) answers.
pub fn openapi() -> utoipa::openapi::OpenApi {
    parts().2
}

/// Returns the routes that need a key, those that don't, and the document of both.
pub(crate) fn parts() -> (Router<WebState>, Router<WebState>, utoipa::openapi::OpenApi) {
    let (guarded, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(requests::routes())
        .merge(work::routes())
        .merge(statistics::routes())
        .merge(request_messages::routes())
        .merge(cases::routes())
        .merge(saved_views::routes())
        .merge(scans::routes())
        .merge(preview::routes())
        .merge(events::routes())
        .merge(subscriptions::routes())
        .merge(request_commands::routes())
        .merge(institutions::routes())
        .merge(codes::routes())
        .merge(orphans::routes())
        .merge(patrons::routes())
        .merge(catalogue::routes())
        .merge(availability::routes())
        .merge(catalogue_status::routes())
        .merge(harvests::routes())
        .merge(set_aside::routes())
        .merge(choices::routes())
        .merge(supplier_policy::routes())
        .merge(quota::routes())
        .merge(webhooks::routes())
        .merge(agencies::routes())
        .merge(pickup_locations::routes())
        .merge(keys::routes())
        .merge(audit::routes())
        .merge(reads::routes())
        .merge(users::routes())
        .merge(own_account::routes())
        .split_for_parts();
    for (_, operation) in operations(&mut document) {
        operation.security = Some(vec![SecurityRequirement::new(KEY, Vec::<String>::new())]);
    }
    for path in document.paths.paths.values_mut() {
        if let Some(operation) = &mut path.post {
            operation.parameters.get_or_insert_default().push(RefOr::T(idempotency::parameter()));
        }
    }
    let (open, mut of_open) = OpenApiRouter::new()
        .merge(health::routes())
        .merge(webhooks::open_routes())
        .routes(routes!(get_openapi))
        .split_for_parts();
    for (_, operation) in operations(&mut of_open) {
        let takes_key = operation.operation_id.as_deref().is_some_and(|id| WITH_OPTIONAL_KEY.contains(&id));
        // An empty list says that no key is needed, and an empty requirement that one is optional.
        let optional = || vec![SecurityRequirement::default(), SecurityRequirement::new(KEY, Vec::<String>::new())];
        operation.security = Some(if takes_key { optional() } else { Vec::new() });
    }
    document.merge(of_open);
    for (method, operation) in operations(&mut document) {
        let needs_key = needs_key(operation);
        failures::describe(operation, method, needs_key);
        describe_headers(operation);
    }
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A key that `consort key create` made, or one of the hub's configuration. Its role decides what it may do.",
        ))
        .build();
    document.components.get_or_insert_with(Components::new).add_security_scheme(KEY, SecurityScheme::Http(scheme));
    (guarded, open, document)
}

/// Returns the operations of the document: path, method, id, and whether it needs a key.
pub(crate) fn operations_by_path(document: &utoipa::openapi::OpenApi) -> Vec<(&str, Method, &str, bool)> {
    let mut all = Vec::new();
    for (path, item) in &document.paths.paths {
        let methods = [
            (Method::GET, &item.get),
            (Method::PUT, &item.put),
            (Method::POST, &item.post),
            (Method::DELETE, &item.delete),
            (Method::PATCH, &item.patch),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                let id = operation.operation_id.as_deref().unwrap_or("without an id");
                all.push((path.as_str(), method, id, needs_key(operation)));
            }
        }
    }
    all
}

/// The open operations whose answer says more to a caller with a key.
const WITH_OPTIONAL_KEY: &[&str] = &["get_health"];

/// Returns whether an operation needs a key. An open one has an empty list, or an empty requirement in it.
fn needs_key(operation: &Operation) -> bool {
    let needed = operation.security.as_deref().unwrap_or_default();
    !needed.is_empty() && !needed.contains(&SecurityRequirement::default())
}

/// Returns all operations with their methods.
fn operations(document: &mut utoipa::openapi::OpenApi) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    document.paths.paths.values_mut().flat_map(|path| {
        [("get", &mut path.get), ("put", &mut path.put), ("post", &mut path.post), ("delete", &mut path.delete)]
            .into_iter()
            .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
    })
}

/// The operations whose answer has the version of an object in the header `ETag`.
const WITH_TAG: &[&str] = &[
    "place_request",
    "get_request",
    "cancel_request",
    "poll_request",
    "resume_request",
    "choose_supplier",
    "change_pickup_location",
    "report_found",
    "report_damage",
    "settle_loss",
    "end_request",
    "undo_last_action",
    "get_institution",
    "put_institution",
    "get_agency",
    "put_agency",
    "get_pickup_location",
    "put_pickup_location",
];

/// Describes the headers of an operation's answers.
fn describe_headers(operation: &mut Operation) {
    let has_tag = operation.operation_id.as_deref().is_some_and(|id| WITH_TAG.contains(&id));
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let mut add = |name: &str, about: &str, kind: Type| {
            let header = HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(kind)));
            response.headers.insert(name.to_owned(), RefOr::T(header.description(Some(about)).build()));
        };
        if has_tag && status.starts_with('2') {
            add("ETag", "The version of the object, for `If-Match`.", Type::String);
        }
        if matches!(status.as_str(), "429" | "503") {
            add("Retry-After", "Seconds after which the caller may try again.", Type::Integer);
        }
    }
}

/// Returns this document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "get_openapi",
    tag = "hub",
    responses((status = 200, description = "The OpenAPI document.", content_type = "application/json"))
)]
async fn get_openapi() -> impl IntoResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| openapi().to_json().unwrap_or_default());
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")], text.as_str())
}
