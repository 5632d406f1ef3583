//! Staff actions and looks under `/sim/`: ours, not Alma's.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::refusal::Refusal;
use crate::sim::Sim;
use crate::state::staff::Mark;

#[derive(Debug, Deserialize)]
pub(crate) struct AtDesk {
    barcode: String,
    #[serde(default)]
    user: String,
    library: String,
    desk: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Cancel {
    reason: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Marked {
    mark: Mark,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Block {
    code: String,
    #[serde(default = "yes")]
    blocked: bool,
}

fn yes() -> bool {
    true
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({"code": self.code, "message": self.message}))).into_response()
    }
}

pub(crate) async fn state(State(sim): State<Sim>, Path(institution): Path<String>) -> Response {
    match sim.state(&institution) {
        Some(state) => Json(state).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) async fn calls(State(sim): State<Sim>, Path(institution): Path<String>) -> Json<Value> {
    let calls = sim.calls(&institution);
    Json(json!({"total": calls.values().sum::<u64>(), "calls": calls}))
}

pub(crate) async fn scan_in(
    State(sim): State<Sim>,
    Path(institution): Path<String>,
    Json(at): Json<AtDesk>,
) -> Result<Response, Refusal> {
    let scanned = sim.scan_in(&institution, &at.barcode, &at.library, &at.desk)?;
    Ok(Json(scanned).into_response())
}

pub(crate) async fn lend(
    State(sim): State<Sim>,
    Path(institution): Path<String>,
    Json(at): Json<AtDesk>,
) -> Result<StatusCode, Refusal> {
    sim.lend(&institution, &at.barcode, &at.user, &at.library, &at.desk)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn cancel(
    State(sim): State<Sim>,
    Path((institution, request)): Path<(String, String)>,
    Json(cancel): Json<Cancel>,
) -> Result<StatusCode, Refusal> {
    sim.cancel_request(&institution, &request, &cancel.reason)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn mark(
    State(sim): State<Sim>,
    Path((institution, barcode)): Path<(String, String)>,
    Json(marked): Json<Marked>,
) -> Result<StatusCode, Refusal> {
    sim.mark(&institution, &barcode, marked.mark)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn block(
    State(sim): State<Sim>,
    Path((institution, user)): Path<(String, String)>,
    Json(block): Json<Block>,
) -> Result<StatusCode, Refusal> {
    sim.block(&institution, &user, &block.code, block.blocked)?;
    Ok(StatusCode::NO_CONTENT)
}
