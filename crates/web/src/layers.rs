//! The layer around every handler: the client's address, limits, answers for panics, traces without personal data.
//!
//! It is one layer, since axum copies each layer, with all that is inside it, for every call.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use tower_http::cors::CorsLayer;
use tracing::{Instrument as _, Span, debug, error, info_span, warn};

use crate::body::{BodyTime, MAX_BYTES};
use crate::problem::Problem;
use crate::state::WebState;
use crate::{client, idempotency, limits};

/// The longest duration of a call; longer than any wait that a caller can ask for.
const LONGEST_CALL: Duration = Duration::from_secs(50);

/// How long a browser may remember which calls an origin may make.
const CORS_MAX_AGE: Duration = Duration::from_secs(600);

/// Adds the layer. Unknown addresses and failures are answered in the envelope, too.
pub(crate) fn around<S: Clone + Send + Sync + 'static>(routes: Router<S>, state: &WebState) -> Router<S> {
    let routes = with_fallbacks(routes).layer(from_fn_with_state(state.clone(), frame));
    let origins = &state.cors_origins;
    if origins.is_empty() {
        return routes;
    }
    routes.layer(cors(origins)).layer(map_response(with_security_headers))
}

/// Answers a call, within the limits of its client's address.
async fn frame(State(state): State<WebState>, mut call: Request, next: Next) -> Response {
    client::identify(&state.proxies, &mut call);
    let answer = match limits::check_address(&state, &call) {
        Ok(()) => {
            DefaultBodyLimit::max(MAX_BYTES).apply(&mut call);
            call.extensions_mut().insert(BodyTime(state.body_time));
            run(LONGEST_CALL, call, next).await
        }
        Err(refused) => refused.into_response(),
    };
    with_security_headers(answer).await
}

/// Runs the handler in a span of its own. A panic and a call that takes too long are answered in the envelope.
async fn run(longest: Duration, call: Request, next: Next) -> Response {
    let span = span_of(&call);
    let answered = AssertUnwindSafe(next.run(call)).catch_unwind().instrument(span.clone());
    let answer = match tokio::time::timeout(longest, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => span.in_scope(|| panicked(panic)),
        Err(_) => Problem::timed_out().into_response(),
    };
    let status = answer.status().as_u16();
    if answer.status().is_server_error() {
        span.in_scope(|| warn!(status, "a call could not be answered"));
    } else {
        span.in_scope(|| debug!(status, "a call was answered"));
    }
    answer
}

/// Returns the span of a call. It contains the address as routed, never as sent: a query may contain data about a patron.
fn span_of(call: &Request) -> Span {
    let route = call.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    info_span!("http", method = %call.method(), route)
}

/// Lets pages of these origins call the API from a browser, with a key and without cookies.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_MATCH,
            IF_NONE_MATCH,
            idempotency::KEY,
            HeaderName::from_static("reason"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([ETAG, LOCATION, RETRY_AFTER, idempotency::REPLAYED])
        .max_age(CORS_MAX_AGE)
}

/// Forbids browsers and proxies to store an answer, unless its handler has said otherwise, and to guess its type.
async fn with_security_headers(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn with_fallbacks<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.fallback(unknown_route).method_not_allowed_fallback(wrong_method)
}

async fn unknown_route() -> Problem {
    let detail = "There is nothing at this address. /api/openapi.json lists what there is.";
    Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_ROUTE", detail)
}

async fn wrong_method() -> Problem {
    let detail = "This address doesn't know this method. The header Allow lists those it knows.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail)
}

/// Returns the answer to a panic. The panic's own text stays in the hub, since it may contain anything.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    error!("a handler panicked");
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    fn within(longest: Duration, routes: Router) -> Router {
        with_fallbacks(routes).layer(from_fn(move |call, next| run(longest, call, next)))
    }

    async fn fails() -> &'static str {
        panic!("secret of the panic")
    }

    #[tokio::test]
    async fn panic_is_answered_in_the_envelope_without_its_text() {
        let call = Request::builder().uri("/").body(axum::body::Body::empty()).unwrap();
        let answer = within(LONGEST_CALL, Router::new().route("/", get(fails))).oneshot(call).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["content-type"], crate::problem::MEDIA_TYPE);
        let bytes = axum::body::to_bytes(answer.into_body(), MAX_BYTES).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains(r#""code":"INTERNAL""#) && !text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn call_that_takes_too_long_is_ended_in_the_envelope() {
        let call = Request::builder().uri("/").body(axum::body::Body::empty()).unwrap();
        let stuck = within(Duration::from_millis(1), Router::new().route("/", get(std::future::pending::<()>)));
        let answer = stuck.oneshot(call).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let bytes = axum::body::to_bytes(answer.into_body(), MAX_BYTES).await.unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains("TIMED_OUT"));
    }
}
