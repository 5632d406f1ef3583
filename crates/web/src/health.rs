//! Whether the hub can do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_health))
}

/// The hub is well.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthView {
    /// `ok`.
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
    /// How many steps wait to be done or are under way.
    queued: u64,
}

/// Whether the hub can do its work. Needs no key.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "get_health",
    tag = "hub",
    responses(
        (status = 200, description = "It can.", body = HealthView),
        (status = 503, description = "It can't; the detail tells why."),
    )
)]
async fn get_health(State(state): State<WebState>) -> Result<Json<HealthView>, Problem> {
    let health = state.engine.health().await;
    match health.store {
        Ok(()) => Ok(Json(HealthView { status: "ok", queued: health.queued })),
        Err(reason) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "STORE_UNAVAILABLE", reason)),
    }
}
