//! The health of the hub.

use std::time::Duration;

use access::Permission;
use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode};
use engine::{Engine, FailingPolls, Health};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::authenticate;
use crate::problem::Problem;
use crate::quota::{PollingPausedView, polling_paused};
use crate::state::WebState;
use crate::words;

/// The time within which a database that doesn't answer is reported.
const MAX_WAIT: Duration = Duration::from_secs(3);

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_health)).routes(routes!(get_liveness)).routes(routes!(get_readiness))
}

/// The health of a hub that can do its work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthView {
    /// `ok`.
    #[schema(schema_with = words::ok)]
    status: &'static str,
    /// Intents that are not done yet, due or not. This and the following only for a key with the role `monitoring` or
    /// `consortium-admin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_intents: Option<u64>,
    /// Library systems that are out of service now. The hub itself is well; requests that need these systems wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    systems_down: Option<Vec<SystemDownView>>,
    /// Institutions that the hub couldn't poll for some requests, three times in a row or more. Each of these requests
    /// has the reason in its `attention`.
    #[serde(skip_serializing_if = "Option::is_none")]
    polls_failing: Option<Vec<PollsFailingView>>,
    /// Institutions that the hub doesn't poll until their calls are counted anew. Work for patrons continues.
    #[serde(skip_serializing_if = "Option::is_none")]
    polling_paused: Option<Vec<PollingPausedView>>,
}

/// A library system that is out of service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemDown)]
pub(crate) struct SystemDownView {
    /// The institution.
    institution: String,
    /// `unreachable`, `key_refused` or `quota_used_up`.
    #[schema(schema_with = words::outage)]
    outage: &'static str,
    /// The reason, as the last call found it.
    reason: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// The time of the hub's next try.
    #[schema(value_type = String, format = DateTime)]
    next_try: Timestamp,
}

/// An institution whose polls fail repeatedly.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PollsFailing)]
pub(crate) struct PollsFailingView {
    /// The institution.
    institution: String,
    /// The number of failing polls: one for each request and side.
    polls: u64,
    /// The time since which the first of them fails.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// Returns the systems that this node knows to be down.
pub(crate) fn systems_down(engine: &Engine) -> Vec<SystemDownView> {
    let all = engine.systems().down().into_iter();
    all.map(|(institution, down)| SystemDownView {
        institution: institution.to_string(),
        outage: down.outage.name(),
        reason: down.reason,
        since: down.since,
        next_try: down.next_try,
    })
    .collect()
}

/// The hub's answer to a probe.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Probe)]
struct ProbeView {
    /// `ok`.
    #[schema(schema_with = words::ok)]
    status: &'static str,
}

/// Returns whether the process runs. It answers without the database: restart the hub only if this fails. Needs no key.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "get_liveness",
    tag = "hub",
    responses((status = 200, description = "It runs.", body = ProbeView))
)]
async fn get_liveness() -> Json<ProbeView> {
    Json(ProbeView { status: "ok" })
}

/// Returns whether the hub can read and write its database, so that it can take calls. If the last write failed, the
/// hub tries a small one. Needs no key.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "get_readiness",
    tag = "hub",
    responses(
        (status = 200, description = "It can.", body = ProbeView),
        (status = 503, description = "It can't; the detail says why."),
    )
)]
async fn get_readiness(State(state): State<WebState>) -> Result<Json<ProbeView>, Problem> {
    health(&state).await?;
    Ok(Json(ProbeView { status: "ok" }))
}

/// Returns the hub's health, or the reason why the store prevents its work.
async fn health(state: &WebState) -> Result<Health, Problem> {
    let Ok(health) = tokio::time::timeout(MAX_WAIT, state.engine.health()).await else {
        return Err(cannot("the database doesn't answer"));
    };
    match &health.store {
        Ok(()) => Ok(health),
        Err(reason) => Err(cannot(reason)),
    }
}

/// Returns whether the hub can do its work, as `/health/ready`. Needs no key. A key with the role `monitoring` or
/// `consortium-admin` also sees what makes requests wait.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "get_health",
    tag = "hub",
    responses(
        (status = 200, description = "It can.", body = HealthView),
        (status = 503, description = "It can't; the detail says why."),
    )
)]
async fn get_health(
    State(state): State<WebState>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Json<HealthView>, Problem> {
    let caller = authenticate(&state, &headers, &extensions).await?;
    let health = health(&state).await?;
    if caller.is_none_or(|caller| caller.may_ever(Permission::Monitor).is_err()) {
        let (open_intents, systems_down, polls_failing, polling_paused) = (None, None, None, None);
        return Ok(Json(HealthView { status: "ok", open_intents, systems_down, polls_failing, polling_paused }));
    }
    let (systems_down, polling_paused) = (systems_down(&state.engine), polling_paused(&state.engine));
    let polls_failing = health.polls_failing.into_iter();
    let polls_failing = polls_failing
        .map(|FailingPolls { institution, polls, since }| PollsFailingView {
            institution: institution.to_string(),
            polls,
            since,
        })
        .collect();
    Ok(Json(HealthView {
        status: "ok",
        open_intents: Some(health.open_intents),
        systems_down: Some(systems_down),
        polls_failing: Some(polls_failing),
        polling_paused: Some(polling_paused),
    }))
}

fn cannot(reason: &str) -> Problem {
    let detail = format!("The hub can't do its work now: {reason}. What it accepted goes on by itself once it can.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "STORE_UNAVAILABLE", detail)
}
