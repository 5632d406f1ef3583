//! The quota of an institution and its use, and the hub's metrics.

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

use crate::guard::Access;
use crate::path::PathCode;
use crate::problem::Problem;
use crate::state::WebState;
use crate::words;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_quota)).routes(routes!(get_metrics))
}

/// The calls of an institution: limits and use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quota)]
struct QuotaView {
    /// The institution.
    institution: String,
    /// Calls per second; null if the system doesn't count them.
    per_second: Option<PerSecondView>,
    /// Calls per day.
    per_day: PerDayView,
    /// The work that waits until calls are counted anew; null if none does.
    paused: Option<PausedView>,
    /// The calls that this node has spent today.
    used: UsedView,
}

/// Calls per second.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallsPerSecond)]
struct PerSecondView {
    /// The configured limit.
    configured: u32,
    /// The number that this node may make now.
    allowed: f64,
    /// The part of these that polls and other deferrable calls may use.
    background: f64,
    /// The observed use by other applications of the institution.
    other_applications: f64,
    /// The number of calls that wait for their turn on this node.
    queued_calls: usize,
    /// The number of nodes that share the configured limit.
    nodes: u32,
}

/// Calls per day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallsPerDay)]
struct PerDayView {
    /// The number for all applications of the institution; null while it is unknown.
    total: Option<u64>,
    /// The number of calls left; null until the system has reported it.
    remaining: Option<u64>,
    /// The number of calls left at which polls stop; null while it is unknown.
    reserve: Option<u64>,
    /// The number of a day's calls that questions for the availability of copies may use; null while it is unknown.
    availability: Option<u64>,
    /// The time at which they are counted anew.
    #[schema(value_type = String, format = DateTime)]
    reset: Timestamp,
}

/// The work that waits until calls are counted anew.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Paused)]
struct PausedView {
    /// `polling`, with other deferrable work, or `everything`.
    #[schema(schema_with = words::paused)]
    what: &'static str,
    /// The end of the pause.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// The reason.
    reason: String,
}

/// The calls that were spent today.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SpentCalls)]
struct UsedView {
    /// The number of all calls.
    total: u64,
    /// Calls by priority: `patron`, `circulation`, `poll`, `bulk`.
    by_priority: BTreeMap<&'static str, u64>,
    /// Calls by endpoint, such as `GET /users/{user}`.
    by_endpoint: BTreeMap<&'static str, u64>,
    /// Calls that were refused because of the limit per second; they aren't counted.
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
                availability: quota.availability,
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

/// An institution that isn't polled because too few calls are left.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PollingPaused)]
pub(crate) struct PollingPausedView {
    /// The institution.
    institution: String,
    /// The end of the pause.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// The reason.
    reason: String,
}

/// Returns the institutions that this node doesn't poll because too few calls are left.
pub(crate) fn polling_paused(engine: &Engine) -> Vec<PollingPausedView> {
    let all = engine.systems().polling_paused().into_iter();
    all.map(|(institution, Paused { until, reason, .. })| PollingPausedView {
        institution: institution.to_string(),
        until,
        reason,
    })
    .collect()
}

/// Returns the limits of the institution's calls, their use, and the work that waits for more. Costs no call.
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
async fn get_quota(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
) -> Result<Json<QuotaView>, Problem> {
    let institution = access.institution(&state, &code).await?.code;
    Ok(Json(QuotaView::new(code, state.engine.systems().quota(&institution).await.map_err(engine::Error::from)?)))
}

/// Returns the metrics of this node, for Prometheus.
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
