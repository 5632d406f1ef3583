//! The layers around every handler: limits, answers for panics, traces without personal data.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tracing::{error, info_span};

use crate::body::MAX_BYTES;
use crate::problem::Problem;

/// The longest duration of a call; longer than any wait that a caller can ask for.
const LONGEST_CALL: Duration = Duration::from_secs(50);

/// Adds the layers. Unknown addresses and failures are answered in the envelope, too.
pub(crate) fn around<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    within(LONGEST_CALL, routes)
}

fn within<S: Clone + Send + Sync + 'static>(longest: Duration, routes: Router<S>) -> Router<S> {
    routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .layer(from_fn(move |call, next| limit_time(longest, call, next)))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TraceLayer::new_for_http().make_span_with(|call: &Request| {
            // The span contains the address as routed, never as sent: a query may contain data about a patron.
            let route = call.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
            info_span!("http", method = %call.method(), route)
        }))
}

async fn unknown_route() -> Problem {
    let detail = "There is nothing at this address. /api/openapi.json lists what there is.";
    Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_ROUTE", detail)
}

async fn wrong_method() -> Problem {
    let detail = "This address doesn't know this method. The header Allow lists those it knows.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail)
}

async fn limit_time(longest: Duration, call: Request, next: Next) -> Response {
    match tokio::time::timeout(longest, next.run(call)).await {
        Ok(answer) => answer,
        Err(_) => {
            let detail =
                "The hub took too long over this. What was asked may be done or not: read before asking again.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "TIMED_OUT", detail).into_response()
        }
    }
}

/// Returns the answer to a panic. The panic's own text stays in the hub, since it may contain anything.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    error!("a handler panicked");
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn fails() -> &'static str {
        panic!("secret of the panic")
    }

    #[tokio::test]
    async fn panic_is_answered_in_the_envelope_without_its_text() {
        let call = Request::builder().uri("/").body(axum::body::Body::empty()).unwrap();
        let answer = around(Router::new().route("/", get(fails))).oneshot(call).await.unwrap();
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
