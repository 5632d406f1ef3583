//! SRU, the search interface of library systems and discovery systems: `/sru`, by GET or POST.
//!
//! Clients of SRU know no bearer token, so the API key may be the password of HTTP Basic; the name is free. A setting opens
//! SRU without a key. Calls are limited by address like all others.

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri, RawForm, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use search::sru::{Server, answer};

use crate::auth::{self, Actor};
use crate::catalogue::{index, on_thread};
use crate::limits;
use crate::problem::Problem;
use crate::state::WebState;

/// The largest form, in bytes.
const MOST_BYTES: usize = 16 * 1_024;
/// The most parameters of a request.
const MOST_PARAMETERS: usize = 64;

/// Returns the route with its own check of the key, since it takes keys in another form, or none.
pub(crate) fn routes(state: &WebState) -> Router<WebState> {
    let guard = axum::middleware::from_fn_with_state(state.clone(), guard);
    let handler = get(answer_sru).post(answer_sru).layer(DefaultBodyLimit::max(MOST_BYTES));
    Router::new().route("/sru", handler).route_layer(guard)
}

/// Lets a call pass with a key whose role may search, or without one if SRU is open.
async fn guard(State(state): State<WebState>, mut call: Request, next: Next) -> Result<Response, Response> {
    let caller = auth::authenticate_basic(&state, call.headers(), call.extensions()).await.map_err(challenged)?;
    match caller {
        Some(caller) => {
            let denied = |denial| Problem::forbidden(denial).into_response();
            caller.may_ever(access::Permission::SearchCatalogue).map_err(denied)?;
            let actor = Actor::new(caller);
            limits::check_key(&state, &actor).map_err(IntoResponse::into_response)?;
            call.extensions_mut().insert(actor);
        }
        None if state.open_sru => {}
        None => return Err(challenged(Problem::no_key())),
    }
    call.headers_mut().remove(AUTHORIZATION);
    Ok(next.run(call).await)
}

/// Asks for a key as the password of HTTP Basic.
fn challenged(problem: Problem) -> Response {
    let mut answer = problem.into_response();
    if answer.status() == StatusCode::UNAUTHORIZED {
        let scheme =
            HeaderValue::from_static("Basic realm=\"Consort: the API key is the password\", charset=\"UTF-8\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    answer
}

/// Answers a request in XML. Faults of a request are answered by diagnostics with status 200, as SRU requires.
async fn answer_sru(
    State(state): State<WebState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Result<Response, Problem> {
    let index = index(&state)?;
    let parameters: Vec<(String, String)> =
        url::form_urlencoded::parse(&form).into_owned().take(MOST_PARAMETERS).collect();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).or(uri.host()).unwrap_or("localhost").to_owned();
    let server = server(&host);
    let xml = on_thread(move || Ok(answer(&index, &server, &parameters))).await?;
    Ok(([(CONTENT_TYPE, "text/xml; charset=utf-8")], xml).into_response())
}

fn server(host: &str) -> Server {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port.parse().unwrap_or(80)),
        _ => (host, 443),
    };
    Server { host: name.to_owned(), port, database: "sru".to_owned() }
}
