//! Records of an institution that a harvest could not read, with the bytes that came, so that an admin can show the damage to
//! whoever runs the source.

use ::catalogue::Damage;
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::field::Number;
use crate::guard::Access;
use crate::harvests::{catalogue, failed};
use crate::input::{Query, input};
use crate::path::PathCode;
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_set_aside))
}

input! {
    /// The extent of a list of places that could not be read.
    struct SetAsideQuery {
        /// The maximum number of places; 20 if it is left out. Each may have 64 KiB.
        limit: Number<1, 50, 20>,
        /// Where to continue: the `next` of the previous page.
        before: Option<Number<1, { u32::MAX }, 1>>,
    }
    example: {"limit": 5}
}

/// A place of a source that could not be read, usually a record.
#[derive(Debug, Serialize, ToSchema)]
struct SetAsideView {
    /// Its number; later ones have greater numbers.
    id: i64,
    /// The harvest that found it.
    harvest: i64,
    /// The record's id, if it could be read.
    record: Option<String>,
    /// Why it could not be read.
    reason: String,
    /// What came, in Base64: the first 64 KiB at most. Null if it was not kept: a harvest keeps those of its first 1,000 failures.
    #[schema(content_encoding = "base64")]
    content: Option<String>,
}

impl From<Damage> for SetAsideView {
    fn from(damage: Damage) -> Self {
        let Damage { number, harvest, local_id, reason, bytes } = damage;
        Self { id: number, harvest, record: local_id, reason, content: bytes.map(|bytes| BASE64.encode(bytes)) }
    }
}

/// A page of places that could not be read.
#[derive(Debug, Serialize, ToSchema)]
struct SetAsideList {
    /// The last ones first.
    set_aside: Vec<SetAsideView>,
    /// The `before` of the next page; null at the end.
    next: Option<i64>,
}

/// Lists the records of an institution that could not be read, with the bytes that came. A record that can be read again, and one
/// that is gone, is no longer listed.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}/set-aside",
    operation_id = "list_set_aside",
    tag = "catalogue",
    params(PathCode, SetAsideQuery),
    responses(
        (status = 200, description = "A page of places.", body = SetAsideList),
        (status = 404, description = "There is no such institution."),
    )
)]
async fn list_set_aside(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    Query(query): Query<SetAsideQuery>,
) -> Result<Json<SetAsideList>, Problem> {
    access.institution(&state, &code).await?;
    let SetAsideQuery { limit, before } = query.checked()?;
    let before = before.map(|before| i64::from(before.0));
    let found = catalogue(&state)?.damage(&code, before, limit.0 + 1).await;
    let mut found = found.map_err(|error| failed(&error))?;
    let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.number);
    Ok(Json(SetAsideList { set_aside: found.into_iter().map(Into::into).collect(), next }))
}
