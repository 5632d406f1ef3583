//! Orphans of an institution: objects in its system that carry the hub's marker and belong to no request.

use axum::Json;
use axum::extract::State;
use engine::{FoundOrphan, Orphan, OrphanSearch};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit::Changed;
use crate::exclusive::Work;
use crate::field::Number;
use crate::guard::Access;
use crate::input::{Query, input};
use crate::path::PathCode;
use crate::problem::Problem;
use crate::state::WebState;
use crate::words;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_orphans, remove_orphans))
}

input! {
    /// Which requests a search for orphans covers.
    struct OrphanQuery {
        /// How far back requests are searched, in days.
        days: Number<1, 3_650, 30>,
        /// Search every request, not just those with an outcome that was unclear for a time.
        all: bool,
    }
    example: {"days": 7}
}

/// The result of a search for orphans.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrphanReport)]
struct OrphansView {
    /// The number of requests that were checked.
    requests: usize,
    /// The number of virtual patrons that were checked.
    patrons: usize,
    /// The orphans that were found.
    orphans: Vec<OrphanView>,
}

/// An object with the hub's marker that belongs to no request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Orphan)]
struct OrphanView {
    /// `record` (with its holding and item) or `hold`.
    #[schema(schema_with = words::orphan)]
    kind: &'static str,
    /// Its id in the library's system.
    id: String,
    /// The request whose marker it has.
    request: String,
    /// Whether it was removed; null if no removal was asked for.
    removed: Option<bool>,
    /// Why it could not be removed.
    problem: Option<String>,
}

impl From<FoundOrphan> for OrphanView {
    fn from(found: FoundOrphan) -> Self {
        let (kind, id, request) = match &found.orphan {
            Orphan::Record { request, bib } => ("record", bib.to_string(), request.to_string()),
            Orphan::Hold(hold) => ("hold", hold.hold.to_string(), hold.request.to_string()),
        };
        let removed = found.removed.as_ref().map(Result::is_ok);
        Self { kind, id, request, removed, problem: found.removed.and_then(Result::err) }
    }
}

/// Finds records and holds in the institution's system that carry the hub's marker and belong to no request. Changes
/// nothing. Costs a call of the system's API for each searched request that borrowed there, and one for each virtual
/// patron.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}/orphans",
    operation_id = "list_orphans",
    tag = "institutions",
    params(PathCode, OrphanQuery),
    responses(
        (status = 200, description = "What was found.", body = OrphansView),
        (status = 404, description = "There is no such institution."),
        (status = 409, description = "Another search there is under way (`UNDER_WAY`)."),
        (status = 502, description = "The institution's system gives no answer."),
    )
)]
async fn list_orphans(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    Query(query): Query<OrphanQuery>,
) -> Result<Json<OrphansView>, Problem> {
    search(&state, &access, &code, query.checked()?, false).await
}

/// Finds orphans and removes them: only objects that are proven to be the hub's and to belong to no request.
#[utoipa::path(
    delete,
    path = "/api/v1/institutions/{code}/orphans",
    operation_id = "remove_orphans",
    tag = "institutions",
    params(PathCode, OrphanQuery),
    responses(
        (status = 200, description = "What was found, and what became of it.", body = OrphansView),
        (status = 404, description = "There is no such institution."),
        (status = 409, description = "Another search there is under way (`UNDER_WAY`)."),
        (status = 502, description = "The institution's system gives no answer."),
    )
)]
async fn remove_orphans(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    Query(query): Query<OrphanQuery>,
) -> Result<Json<OrphansView>, Problem> {
    search(&state, &access, &code, query.checked()?, true).await
}

async fn search(
    state: &WebState,
    access: &Access,
    code: &str,
    query: OrphanQuery,
    remove: bool,
) -> Result<Json<OrphansView>, Problem> {
    let search = if query.all { OrphanSearch::Everywhere } else { OrphanSearch::UnclearRequests };
    let institution = access.institution(state, code).await?.code;
    let _permit = state.exclusive.begin(Work::Search, &institution)?;
    if remove {
        let changed = Changed::new("orphans of", code, access.agencies_of(state, &institution).await?);
        access.announce(state, changed.after(&json!({"days": query.days.0, "all": query.all}))).await?;
    }
    let back = SignedDuration::from_hours(24 * i64::from(query.days.0));
    let since = state.engine.clock().now().checked_sub(back).unwrap_or(Timestamp::MIN);
    let found = state.engine.orphans(&institution, since, search, remove).await?;
    let orphans = found.found.into_iter().map(Into::into).collect();
    Ok(Json(OrphansView { requests: found.requests, patrons: found.patrons, orphans }))
}
