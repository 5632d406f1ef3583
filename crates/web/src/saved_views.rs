//! Filters of lists that a user keeps under a name.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use store::{MOST_VIEWS, SavedView};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::field::ListKind;
use crate::guard::Access;
use crate::input::{Body, input};
use crate::path::PathCode;
use crate::problem::Problem;
use crate::requests::check_list_filter;
use crate::state::WebState;
use crate::words;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_views)).routes(routes!(put_view, delete_view))
}

/// The views of the caller.
#[derive(Debug, Serialize, ToSchema)]
struct ViewList {
    /// By name.
    views: Vec<ViewView>,
}

/// A filter of a list that the caller keeps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SavedView)]
struct ViewView {
    /// Its code, which the address of the view contains.
    code: String,
    /// Its name, for people.
    name: String,
    /// The list to which it belongs.
    #[schema(schema_with = words::list_kind)]
    list: String,
    /// The filter, as the query of `list_requests`.
    filter: String,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<SavedView> for ViewView {
    fn from(view: SavedView) -> Self {
        let SavedView { code, name, list, filter, updated_at } = view;
        Self { code, name, list, filter, updated_at }
    }
}

input! {
    /// A filter to keep.
    struct ViewInput {
        /// Its name, for people.
        name: String,
        /// The list to which it belongs.
        list: ListKind,
        /// The filter, as the query of `list_requests`, without `cursor` and `total`, and without a patron: a view would keep who it
        /// is.
        filter: String,
    }
    example: {"name": "Rivers project", "list": "lending", "filter": "title=river&open=true"}
}

/// Returns the views that the caller keeps.
#[utoipa::path(
    get,
    path = "/api/v1/views",
    operation_id = "list_views",
    tag = "requests",
    responses((status = 200, description = "The views.", body = ViewList))
)]
async fn list_views(State(state): State<WebState>, access: Access) -> Result<Json<ViewList>, Problem> {
    let views = state.engine.store().saved_views(access.name()).await?;
    Ok(Json(ViewList { views: views.into_iter().map(Into::into).collect() }))
}

/// Keeps a filter under a code of the caller's choice, or replaces it.
#[utoipa::path(
    put,
    path = "/api/v1/views/{code}",
    operation_id = "put_view",
    tag = "requests",
    params(PathCode),
    request_body = ViewInput,
    responses(
        (status = 200, description = "It is kept.", body = ViewView),
        (status = 409, description = "The caller has as many views as there may be."),
    )
)]
async fn put_view(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    Body(mut input): Body<ViewInput>,
) -> Result<Json<ViewView>, Problem> {
    if input.is_sound("filter")
        && let Err(message) = check_list_filter(&input.value.filter).await
    {
        input.fault("filter", "INVALID_FILTER", message);
    }
    let ViewInput { name, list, filter } = input.checked()?;
    let updated_at = state.engine.clock().now();
    let view = SavedView { code, name, list: list.name().to_owned(), filter, updated_at };
    if !state.engine.store().put_saved_view(access.name(), &view).await? {
        let detail = format!("A caller may keep {MOST_VIEWS} views. Remove one first.");
        return Err(Problem::new(StatusCode::CONFLICT, "TOO_MANY_VIEWS", detail));
    }
    Ok(Json(view.into()))
}

/// Removes a view of the caller.
#[utoipa::path(
    delete,
    path = "/api/v1/views/{code}",
    operation_id = "delete_view",
    tag = "requests",
    params(PathCode),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is none."),
    )
)]
async fn delete_view(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
) -> Result<StatusCode, Problem> {
    if state.engine.store().delete_saved_view(access.name(), &code).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("view", &code))
    }
}
