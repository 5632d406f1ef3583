//! Generates the OpenAPI document from the handlers.

use std::sync::OnceLock;

use axum::Router;
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Envelope, MEDIA_TYPE};
use crate::state::WebState;
use crate::{
    agencies, audit, health, idempotency, institutions, keys, orphans, pickup_locations, quota, reads,
    request_commands, requests, webhooks,
};

const KEY: &str = "api_key";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Consort",
        description = "Direct consortial borrowing: patron requests between institutions, and their set-up.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Envelope)),
    tags(
        (name = "requests", description = "Patron requests, from placing to the last clean-up."),
        (name = "institutions", description = "Installations of a library system, with their settings and keys."),
        (name = "agencies", description = "Libraries that lend or borrow."),
        (name = "pickup locations", description = "Where patrons collect."),
        (name = "webhooks", description = "What libraries' systems send by themselves; signed, without a key."),
        (name = "keys", description = "Keys of this API."),
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
        .merge(request_commands::routes())
        .merge(institutions::routes())
        .merge(orphans::routes())
        .merge(quota::routes())
        .merge(webhooks::routes())
        .merge(agencies::routes())
        .merge(pickup_locations::routes())
        .merge(keys::routes())
        .merge(audit::routes())
        .merge(reads::routes())
        .split_for_parts();
    for operation in operations(&mut document) {
        operation.security = Some(vec![SecurityRequirement::new(KEY, Vec::<String>::new())]);
    }
    for path in document.paths.paths.values_mut() {
        if let Some(operation) = &mut path.post {
            operation.parameters.get_or_insert_default().push(RefOr::T(idempotency::parameter()));
        }
    }
    let (open, of_open) = OpenApiRouter::new()
        .merge(health::routes())
        .merge(webhooks::open_routes())
        .routes(routes!(get_openapi))
        .split_for_parts();
    document.merge(of_open);
    for operation in operations(&mut document) {
        let responses = &mut operation.responses.responses;
        let response = ResponseBuilder::new().description("Why it was not done.").build();
        responses.insert("default".to_owned(), response.into());
        let failures = responses.iter_mut().filter(|(status, _)| !status.starts_with('2'));
        for (_, response) in failures {
            if let RefOr::T(response) = response {
                let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
                response.content.insert(MEDIA_TYPE.to_owned(), content.into());
            }
        }
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
                all.push((path.as_str(), method, id, operation.security.is_some()));
            }
        }
    }
    all
}

fn operations(document: &mut utoipa::openapi::OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|path| {
        [&mut path.get, &mut path.put, &mut path.post, &mut path.delete].into_iter().filter_map(Option::as_mut)
    })
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
