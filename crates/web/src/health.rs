//! Whether the hub can do its work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::{Engine, FailingPolls, Health};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::quota::{PollingPausedView, polling_paused};
use crate::state::WebState;

/// A database that stands still is reported within this.
const MAX_WAIT: Duration = Duration::from_secs(3);

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_health)).routes(routes!(get_liveness)).routes(routes!(get_readiness))
}

/// The hub is well.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthView {
    /// `ok`.
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
    /// How many steps wait to be done or are under way.
    open_intents: u64,
    /// Library systems that give no service now. The hub itself is well; requests that need them wait.
    systems_down: Vec<SystemDownView>,
    /// Institutions that the hub can't poll for some requests, three times in a row or more. Each of these requests shows in
    /// its `attention` why.
    polls_failing: Vec<PollsFailingView>,
    /// Institutions that are not polled until their calls are counted anew; what patrons ask for goes on.
    polling_paused: Vec<PollingPausedView>,
}

/// A library system that gives no service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemDown)]
pub(crate) struct SystemDownView {
    /// The institution.
    institution: String,
    /// `unreachable`, `key_refused` or `quota_used_up`.
    #[schema(value_type = String, example = "unreachable")]
    outage: &'static str,
    /// Why, as the last call found it.
    reason: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When the hub tries again by itself.
    #[schema(value_type = String, format = DateTime)]
    next_try: Timestamp,
}

/// An institution of which polls keep failing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PollsFailing)]
pub(crate) struct PollsFailingView {
    /// The institution.
    institution: String,
    /// How many polls keep failing: one for each request and side.
    polls: u64,
    /// Since when the first of them does.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// The systems that this node knows to be down.
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
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

/// Whether the process runs. It answers without the database: start the hub again only if this fails. Needs no key.
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

/// Whether the hub can read and write its database, so that it may be sent calls. When the last write failed, the hub
/// tries a small one. Needs no key.
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

/// The store's part, or why it keeps the hub from its work.
async fn health(state: &WebState) -> Result<Health, Problem> {
    let Ok(health) = tokio::time::timeout(MAX_WAIT, state.engine.health()).await else {
        return Err(cannot("the database doesn't answer"));
    };
    match &health.store {
        Ok(()) => Ok(health),
        Err(reason) => Err(cannot(reason)),
    }
}

/// Whether the hub can do its work, as `/health/ready`, with what keeps requests waiting. Needs no key.
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
async fn get_health(State(state): State<WebState>) -> Result<Json<HealthView>, Problem> {
    let health = health(&state).await?;
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
        open_intents: health.open_intents,
        systems_down,
        polls_failing,
        polling_paused,
    }))
}

fn cannot(reason: &str) -> Problem {
    let detail = format!("The hub can't do its work now: {reason}. What it accepted goes on by itself once it can.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "STORE_UNAVAILABLE", detail)
}
