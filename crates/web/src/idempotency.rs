//! The header `Idempotency-Key`: a POST that is repeated with the same key is done once, and answered alike.
//!
//! The store keeps the answer for a day, by caller, operation and key, so that any node can repeat it. The call itself
//! runs to its end even if the caller has closed the connection, since a caller that got no answer is the one that
//! repeats its call.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderName, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{AnswerRun, Begun, KeyedCall, Store};
use tracing::{Instrument as _, Span, warn};
use utoipa::openapi::path::Parameter;

use crate::answer::{ContainsSecret, NotKept};
use crate::auth::Actor;
use crate::body::{MAX_BYTES, limited_bytes};
use crate::precondition::header;
use crate::problem::Problem;
use crate::state::WebState;

/// The header with the caller's key.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that repeats an earlier one.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in characters.
pub(crate) const LONGEST_KEY: usize = 255;

/// The longest run of a call with a key; longer than any call that a caller can wait for.
const LONGEST_RUN: Duration = Duration::from_secs(100);
/// How long a run without an answer counts as running. Then its node has stopped, and a repeated call is made anew.
const LEASE: SignedDuration = SignedDuration::from_secs(120);
/// Seconds after which a caller may ask for the answer of a running call.
const RETRY_SECONDS: u16 = 2;

/// The headers of an answer that are kept.
const KEPT_HEADERS: [HeaderName; 3] = [CONTENT_TYPE, LOCATION, ETAG];

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Returns the description of the header, for the OpenAPI document.
pub(crate) fn parameter() -> Parameter {
    let about = "A text of the caller's choice, such as a new UUID for each call. If the call is repeated with it within 24 \
                 hours, nothing is done, and the answer is the same, with the header `Idempotency-Replayed: true`. With \
                 another body: 422 (`IDEMPOTENCY_KEY_REUSED`); while the first call is under way: 409 (`CALL_UNDER_WAY`).";
    // Blanks at the ends are no part of a header's value.
    let pattern = format!("^[!-~]([ -~]{{0,{}}}[!-~])?$", LONGEST_KEY - 2);
    header("Idempotency-Key", about, "0e4d1c5c-5a0b-4f52-9b3e-0a3f5a3c1d11", &pattern)
}

/// Answers a POST with a key that was used before as it was answered then.
pub(crate) async fn replay(state: &WebState, call: Request, next: Next) -> Result<Response, Problem> {
    if call.method() != Method::POST {
        return Ok(next.run(call).await);
    }
    let Some(key) = key_of(call.headers())? else { return Ok(next.run(call).await) };
    // A call without a caller is no operation, which the router answers.
    let Some(actor) = call.extensions().get::<Actor>().cloned() else { return Ok(next.run(call).await) };
    let (parts, body) = call.into_parts();
    let operation = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let body = limited_bytes(Request::from_parts(parts.clone(), body), state, MAX_BYTES, "BODY_TOO_LARGE").await?;
    let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
    let content = format!("{address}\n{}", digest(&body));
    let keyed = KeyedCall { caller: actor.name(), operation: &operation, key: &key, content: &content };

    match state.engine.store().begin_call(keyed, LEASE, state.engine.clock().now()).await? {
        Begun::Now(run) => {
            let call = Request::from_parts(parts, Body::from(body));
            Ok(run_to_the_end(state.engine.store().clone(), run, call, next).await)
        }
        Begun::Kept(answer) => repeat(&answer),
        Begun::Running(_) => {
            let detail = "An earlier call with this Idempotency-Key is under way. Repeat the call to get its answer.";
            Err(Problem::new(StatusCode::CONFLICT, "CALL_UNDER_WAY", detail).retry_after(RETRY_SECONDS))
        }
        Begun::Secret => {
            let detail = "The answer to this call contained a secret, which is shown once. Nothing was done now. If the \
                          secret is lost, make a new one with another Idempotency-Key.";
            Err(Problem::new(StatusCode::CONFLICT, "ALREADY_SHOWN", detail))
        }
        Begun::Unreadable => Err(unreadable()),
        Begun::OtherCall => {
            let detail = "This Idempotency-Key was used for a call with another address or another body within the last \
                          24 hours. Nothing was done now. Use a new key for each call.";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED", detail))
        }
    }
}

/// Returns the caller's key, if the call has one.
fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(&KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    match key {
        Some(key) if values.next().is_none() => Ok(Some(key.to_owned())),
        _ => {
            let detail = format!(
                "The header Idempotency-Key must be given once, with 1 to {LONGEST_KEY} printable ASCII characters. A \
                 new UUID for each call is best."
            );
            Err(Problem::bad_request("INVALID_IDEMPOTENCY_KEY", detail))
        }
    }
}

fn digest(body: &Bytes) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs the call in a task of its own, which does not end with the caller's connection, and keeps its answer.
async fn run_to_the_end(store: Store, run: AnswerRun, call: Request, next: Next) -> Response {
    let (panicked, kept) = (run.clone(), store.clone());
    let task = async move {
        let answer = match tokio::time::timeout(LONGEST_RUN, next.run(call)).await {
            Ok(answer) => answer,
            Err(_) => Problem::timed_out().into_response(),
        };
        keep(&store, &run, answer).await
    };
    match tokio::spawn(task.instrument(Span::current())).await {
        Ok(answer) => answer,
        Err(ended) => {
            report(kept.forget_call(&panicked).await);
            match ended.try_into_panic() {
                // The layer that answers panics is around this one.
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Problem::internal().into_response(),
            }
        }
    }
}

/// Keeps an answer that would be the same if the call were repeated, and returns it.
async fn keep(store: &Store, run: &AnswerRun, answer: Response) -> Response {
    if answer.extensions().get::<ContainsSecret>().is_some() {
        report(store.note_secret_answer(run).await);
        return answer;
    }
    if !is_final(&answer) {
        report(store.forget_call(run).await);
        return answer;
    }
    let (parts, body) = answer.into_parts();
    // Every answer is in memory already.
    let Ok(body) = to_bytes(body, usize::MAX).await else { return Problem::internal().into_response() };
    let headers = KEPT_HEADERS.iter().filter_map(|name| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    });
    let kept = KeptAnswer {
        status: parts.status.as_u16(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    match serde_json::to_string(&kept) {
        Ok(text) => report(store.keep_answer(run, &text).await),
        Err(error) => warn!(%error, "an answer can't be kept for repeated calls"),
    }
    Response::from_parts(parts, Body::from(body))
}

/// Returns whether a repeated call must get the same answer. It need not if nothing was done and a later call may succeed.
fn is_final(answer: &Response) -> bool {
    let may_change = matches!(
        answer.status(),
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::PRECONDITION_REQUIRED
            | StatusCode::TOO_MANY_REQUESTS
    );
    let is_kept = answer.extensions().get::<NotKept>().is_none();
    is_kept && !may_change && !answer.status().is_server_error() && !answer.headers().contains_key(RETRY_AFTER)
}

/// Logs that the store did not take what became of a call. A repeated call is made anew once the lease has run out.
fn report(stored: Result<(), store::Error>) {
    if let Err(error) = stored {
        warn!(%error, "the answer to a call with an Idempotency-Key could not be stored");
    }
}

fn repeat(kept: &str) -> Result<Response, Problem> {
    let kept: KeptAnswer = serde_json::from_str(kept).map_err(|_| unreadable())?;
    let status = StatusCode::from_u16(kept.status).map_err(|_| unreadable())?;
    let mut answer = (status, kept.body).into_response();
    let headers = answer.headers_mut();
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(answer)
}

fn unreadable() -> Problem {
    let detail = "The call was made, and its answer can't be repeated any more. Nothing was done now. Read the object to \
                  see what became of it.";
    Problem::new(StatusCode::CONFLICT, "ANSWER_NOT_AVAILABLE", detail)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering};

    use axum::Router;
    use axum::extract::State;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use engine::{Engine, Ids, Settings, SystemClock};
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use store::{Database, MasterKey};
    use tower::ServiceExt as _;

    use super::*;
    use crate::auth::ApiKeys;

    /// A router whose one operation answers as `handler` does, to a caller named `desk`.
    async fn router<F>(dir: &tempfile::TempDir, handler: F) -> Router
    where
        F: Fn() -> Response + Clone + Send + Sync + 'static,
    {
        let mut rng = StdRng::seed_from_u64(1);
        let key = MasterKey::generate(&mut rng);
        let store = Store::open(&Database::Sqlite(dir.path().join("consort.db")), key, rng).await.unwrap();
        let engine = Engine::new(store, Settings::default(), Arc::new(SystemClock::default()), Ids::seeded(1));
        let state = WebState::new(Arc::new(engine), ApiKeys::default());
        let routes = Router::new().route("/act", post(async move || handler()));
        routes
            .route_layer(from_fn_with_state(state.clone(), async |State(state): State<WebState>, call, next| {
                replay(&state, call, next).await
            }))
            .layer(axum::Extension(Actor::named("desk")))
            .with_state(state)
    }

    async fn send(router: &Router) -> (StatusCode, String, bool) {
        let call = Request::builder().method("POST").uri("/act").header(KEY, "key-1").body(Body::from("{}")).unwrap();
        let answer = router.clone().oneshot(call).await.unwrap();
        let (status, replayed) = (answer.status(), answer.headers().contains_key(REPLAYED));
        let body = to_bytes(answer.into_body(), MAX_BYTES).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap(), replayed)
    }

    #[tokio::test]
    async fn answer_with_a_secret_is_given_once_and_not_stored() {
        let dir = tempfile::tempdir().unwrap();
        let handler = || {
            let mut answer = (StatusCode::CREATED, "canary-secret").into_response();
            answer.extensions_mut().insert(ContainsSecret);
            answer
        };
        let router = router(&dir, handler).await;
        assert_eq!(send(&router).await, (StatusCode::CREATED, "canary-secret".to_owned(), false));
        let (status, body, _) = send(&router).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(body.contains("ALREADY_SHOWN") && !body.contains("canary"), "{body}");
    }

    #[tokio::test]
    async fn failures_that_may_pass_are_not_kept() {
        for passing in [500, 502, 503, 429, 408, 412] {
            let dir = tempfile::tempdir().unwrap();
            let status = Arc::new(AtomicU16::new(passing));
            let now = Arc::clone(&status);
            let router =
                router(&dir, move || StatusCode::from_u16(now.load(Ordering::Relaxed)).unwrap().into_response()).await;
            assert_eq!(send(&router).await.0.as_u16(), passing);
            status.store(202, Ordering::Relaxed);
            assert_eq!(send(&router).await, (StatusCode::ACCEPTED, String::new(), false), "after {passing}");
            status.store(204, Ordering::Relaxed);
            assert_eq!(send(&router).await, (StatusCode::ACCEPTED, String::new(), true), "the first answer is kept");
        }
    }

    #[tokio::test]
    async fn panic_leaves_no_call_under_way() {
        let dir = tempfile::tempdir().unwrap();
        let panics = Arc::new(AtomicU16::new(1));
        let router = router(&dir, move || {
            assert_eq!(panics.fetch_sub(1, Ordering::Relaxed), 0, "the test's own panic");
            StatusCode::OK.into_response()
        })
        .await;
        let router = router.layer(tower_http::catch_panic::CatchPanicLayer::new());
        assert_eq!(send(&router).await.0, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(send(&router).await.0, StatusCode::OK);
    }
}
