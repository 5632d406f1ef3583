//! What an institution's calls are spent on, and what is measured of the hub.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use engine::{Engine, Paused, Quota};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::institutions;
use crate::path::PathCode;
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_quota)).routes(routes!(get_metrics))
}

/// An institution's calls: how many there are, and what they were spent on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quota)]
struct QuotaView {
    /// The institution.
    institution: String,
    /// Calls in a second; null where they aren't counted.
    per_second: Option<PerSecondView>,
    /// Calls in a day.
    per_day: PerDayView,
    /// What waits until calls are counted anew; null when nothing does.
    paused: Option<PausedView>,
    /// What this node has spent today.
    used: UsedView,
}

/// Calls in a second.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallsPerSecond)]
struct PerSecondView {
    /// As they were set.
    configured: u32,
    /// As many as this node may make now.
    allowed: f64,
    /// As many of these as may be polls and other reading that can wait.
    background: f64,
    /// What other applications of the institution are seen to use.
    other_applications: f64,
    /// How many calls wait for their turn on this node.
    queued_calls: usize,
    /// How many nodes share what was set.
    nodes: u32,
}

/// Calls in a day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallsPerDay)]
struct PerDayView {
    /// For all applications of the institution; null while it isn't known.
    total: Option<u64>,
    /// How many are left; null until the system reported.
    remaining: Option<u64>,
    /// At how many polls stop; null while it isn't known.
    reserve: Option<u64>,
    /// When they are counted anew.
    #[schema(value_type = String, format = DateTime)]
    reset: Timestamp,
}

/// What waits until calls are counted anew.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Paused)]
struct PausedView {
    /// `polling` and what else can wait, or `everything`.
    #[schema(value_type = String, example = "polling")]
    what: &'static str,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Why.
    reason: String,
}

/// What was spent today.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SpentCalls)]
struct UsedView {
    /// Calls in all.
    total: u64,
    /// Calls by what they were for: `patron`, `circulation`, `poll`, `bulk`.
    by_priority: BTreeMap<&'static str, u64>,
    /// Calls by endpoint, such as `GET /users/{user}`.
    by_endpoint: BTreeMap<&'static str, u64>,
    /// Calls that were refused for the limit per second; they don't count.
    refused: u64,
}

impl From<Paused> for PausedView {
    fn from(paused: Paused) -> Self {
        Self {
            what: if paused.everything { "everything" } else { "polling" },
            until: paused.until,
            reason: paused.reason,
        }
    }
}

impl QuotaView {
    fn new(institution: String, quota: Quota) -> Self {
        let nodes = quota.nodes;
        let per_second = quota.call_rate.map(|pace| PerSecondView {
            configured: pace.configured,
            allowed: rounded(pace.allowed),
            background: rounded(pace.background),
            other_applications: rounded(pace.other_apps),
            queued_calls: pace.waiting,
            nodes,
        });
        let spent = &quota.used;
        Self {
            institution,
            per_second,
            per_day: PerDayView {
                total: quota.calls_per_day,
                remaining: quota.remaining,
                reserve: quota.reserve,
                reset: quota.reset,
            },
            used: UsedView {
                total: spent.total(),
                by_priority: spent.by_priority.iter().map(|(priority, calls)| (priority.name(), *calls)).collect(),
                by_endpoint: spent.by_endpoint.clone(),
                refused: spent.refused,
            },
            paused: quota.paused.map(Into::into),
        }
    }
}

fn rounded(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

/// An institution that isn't polled for want of calls.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PollingPaused)]
pub(crate) struct PollingPausedView {
    /// The institution.
    institution: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Why.
    reason: String,
}

/// The institutions that this node doesn't poll, because too few calls are left.
pub(crate) fn polling_paused(engine: &Engine) -> Vec<PollingPausedView> {
    let all = engine.systems().polling_paused().into_iter();
    all.map(|(institution, Paused { until, reason, .. })| PollingPausedView {
        institution: institution.to_string(),
        until,
        reason,
    })
    .collect()
}

/// What the institution's calls are spent on, how many are left, and what waits for more. Costs no call.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}/quota",
    operation_id = "get_quota",
    tag = "institutions",
    params(PathCode),
    responses(
        (status = 200, description = "Its calls.", body = QuotaView),
        (status = 404, description = "There is no such institution."),
        (status = 502, description = "Its settings can't be used."),
    )
)]
async fn get_quota(State(state): State<WebState>, PathCode(code): PathCode) -> Result<Json<QuotaView>, Problem> {
    let institution = institutions::find(&state, &code).await?.code;
    Ok(Json(QuotaView::new(code, state.engine.systems().quota(&institution).await.map_err(engine::Error::from)?)))
}

/// What is measured on this node, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "hub",
    responses((status = 200, description = "Metrics in OpenMetrics' text format.", content_type = "application/openmetrics-text"))
)]
async fn get_metrics(State(state): State<WebState>) -> Result<impl IntoResponse, Problem> {
    let reported = state.engine.metrics().await?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], reported))
}
