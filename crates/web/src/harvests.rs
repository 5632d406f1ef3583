//! Harvests of an institution's records into the shared catalogue, and the place of one record in it.

use ::catalogue::{Catalogue, Explanation, HarvestSettings, Kind, Run};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::error;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit::Changed;
use crate::guard::Access;
use crate::input::{Body, input};
use crate::path::{PathCode, PathRecord};
use crate::problem::Problem;
use crate::state::WebState;

/// How many harvests a list has.
const LISTED: u32 = 20;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_harvests, request_harvest)).routes(routes!(explain_record))
}

input! {
    /// What is harvested.
    struct HarvestInput {
        /// Harvest all records, and remove those that the source no longer has. Otherwise only what has changed.
        full: bool,
    }
    example: {"full": false}
}

/// A harvest that a node of the hub will start.
#[derive(Debug, Serialize, ToSchema)]
struct RequestedHarvest {
    /// `full` or `changes`.
    #[schema(example = "changes")]
    kind: &'static str,
}

/// A harvest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Harvest)]
pub(crate) struct HarvestView {
    /// Its number; later harvests have greater ones.
    id: i64,
    /// `full` or `changes`.
    kind: &'static str,
    /// `running`, `done` or `failed`.
    state: &'static str,
    /// The node that works or worked on it.
    node: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When its last page was stored.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When it ended; null while it is under way.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// The numbers of records by what became of them, the rules and the failures.
    #[schema(value_type = Object)]
    report: Value,
}

impl From<Run> for HarvestView {
    fn from(run: Run) -> Self {
        Self {
            id: run.id,
            kind: run.kind.name(),
            state: run.state.name(),
            node: run.node,
            started_at: run.started_at,
            updated_at: run.updated_at,
            ended_at: run.ended_at,
            report: json!(run.report),
        }
    }
}

/// The last harvests of an institution.
#[derive(Debug, Serialize, ToSchema)]
struct HarvestList {
    /// Newest first.
    harvests: Vec<HarvestView>,
    /// The kind of a harvest that was asked for and has not begun: `full` or `changes`.
    requested: Option<&'static str>,
}

/// The place of a record in the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct RecordView {
    /// The institution.
    institution: String,
    /// The record's id there.
    id: String,
    /// `shown`, `suppressed`, `deleted` or `failed`.
    state: &'static str,
    /// The rule that suppresses it, or the failure.
    reason: Option<String>,
    /// The source's datestamp.
    #[schema(value_type = Option<String>, format = DateTime)]
    datestamp: Option<Timestamp>,
    /// When its present content was stored.
    #[schema(value_type = String, format = DateTime)]
    harvested_at: Timestamp,
    /// The title.
    title: Option<String>,
    /// The id of its title in the catalogue; null while it waits for grouping, or if it was never shown.
    title_id: Option<String>,
    /// Whether a change of it waits for grouping.
    waits_for_grouping: bool,
    /// The other records of the title, each with the reason.
    grouped_with: Vec<MateView>,
    /// The number of its items that the catalogue knows.
    items: usize,
    /// Why it can't be requested; empty if nothing in the catalogue prevents it.
    not_requestable_because: Vec<String>,
}

/// Another record of the same title.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordOfTitle)]
struct MateView {
    /// The institution.
    institution: String,
    /// The record's id there.
    id: String,
    /// Why both are one edition, or that a third record connects them.
    because: String,
}

impl From<Explanation> for RecordView {
    fn from(explained: Explanation) -> Self {
        let mates = explained.grouped_with.into_iter();
        Self {
            institution: explained.institution,
            id: explained.id,
            state: explained.state,
            reason: explained.reason,
            datestamp: explained.datestamp,
            harvested_at: explained.harvested_at,
            title: explained.title,
            title_id: explained.group,
            waits_for_grouping: explained.is_waiting_for_group,
            grouped_with: mates
                .map(|mate| MateView { institution: mate.institution, id: mate.id, because: mate.because })
                .collect(),
            items: explained.items.len(),
            not_requestable_because: explained.not_requestable_because,
        }
    }
}

/// Asks for a harvest of an institution. A node of the hub starts it within seconds; the list of harvests shows how it
/// goes. Harvests don't use the API of the library's system.
#[utoipa::path(
    post,
    path = "/api/v1/institutions/{code}/harvests",
    operation_id = "request_harvest",
    tag = "catalogue",
    params(PathCode),
    request_body(content = Option<HarvestInput>),
    responses(
        (status = 202, description = "A node will start it.", body = RequestedHarvest),
        (status = 404, description = "There is no such institution."),
        (status = 409, description = "The institution has no harvest settings (`NO_HARVEST_SETTINGS`)."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn request_harvest(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    Body(input): Body<HarvestInput>,
) -> Result<(StatusCode, Json<RequestedHarvest>), Problem> {
    access.may_use_institution(&state, &code.as_str().into()).await?;
    let institution = access.institution(&state, &code).await?;
    let kind = if input.checked()?.full { Kind::Full } else { Kind::Changes };
    let catalogue = catalogue(&state)?;
    let settings = institution.settings.as_object().map_or(Ok(None), HarvestSettings::read);
    if !matches!(settings, Ok(Some(_))) {
        let detail = "The institution has no harvest settings. Add `harvest` with its `url` to its settings: see \
                      docs/catalogue.md.";
        return Err(Problem::new(StatusCode::CONFLICT, "NO_HARVEST_SETTINGS", detail));
    }
    let changed = Changed::new("harvest of", &code, access.agencies_of(&state, &institution.code).await?);
    access.announce(&state, changed.after(&json!({"kind": kind.name()}))).await?;
    catalogue.request_harvest(&code, kind).await.map_err(|error| failed(&error))?;
    Ok((StatusCode::ACCEPTED, Json(RequestedHarvest { kind: kind.name() })))
}

/// Lists the last harvests of an institution, newest first, with what they found.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}/harvests",
    operation_id = "list_harvests",
    tag = "catalogue",
    params(PathCode),
    responses(
        (status = 200, description = "The harvests.", body = HarvestList),
        (status = 404, description = "There is no such institution."),
    )
)]
async fn list_harvests(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
) -> Result<Json<HarvestList>, Problem> {
    access.institution(&state, &code).await?;
    let catalogue = catalogue(&state)?;
    // Read first: a harvest that begins meanwhile is then in the list, or still asked for.
    let sources = catalogue.sources().await.map_err(|error| failed(&error))?;
    let runs = catalogue.runs(&code, LISTED).await.map_err(|error| failed(&error))?;
    let source = sources.iter().find(|source| source.institution == code);
    let requested = source.and_then(|source| source.requested).map(Kind::name);
    Ok(Json(HarvestList { harvests: runs.into_iter().map(Into::into).collect(), requested }))
}

/// Explains the place of a record in the catalogue: when it was harvested, by which rule it is suppressed, with which records
/// it is grouped and why, and what prevents a request.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}/records/{record}",
    operation_id = "explain_record",
    tag = "catalogue",
    params(PathRecord),
    responses(
        (status = 200, description = "The record's place.", body = RecordView),
        (status = 404, description = "There is no such institution, or the catalogue never had the record."),
    )
)]
async fn explain_record(
    State(state): State<WebState>,
    access: Access,
    PathRecord { code, record }: PathRecord,
) -> Result<Json<RecordView>, Problem> {
    access.institution(&state, &code).await?;
    let explained = catalogue(&state)?.explain(&code, &record).await.map_err(|error| failed(&error))?;
    explained.map(|explained| Json(explained.into())).ok_or_else(|| Problem::not_found("record", &record))
}

pub(crate) fn catalogue(state: &WebState) -> Result<&Catalogue, Problem> {
    state.catalogue.as_ref().ok_or_else(crate::catalogue::no_catalogue)
}

pub(crate) fn failed(failure: &::catalogue::Error) -> Problem {
    error!(error = %failure, "the catalogue can't be read or written");
    Problem::internal()
}
