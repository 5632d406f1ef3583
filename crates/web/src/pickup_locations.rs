//! Pickup locations: where patrons collect.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lending::{AgencyCode, DeskCode, LibraryCode, PickupLocation, PickupLocationCode};
use serde::Serialize;
use store::StoredPickupLocation;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::{TakeOverQuery, keep_institution, removed, set_up};
use crate::input::{Body, Query, input};
use crate::path::PathCode;
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_pickup_locations)).routes(routes!(
        get_pickup_location,
        put_pickup_location,
        delete_pickup_location
    ))
}

/// A place where patrons collect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PickupLocation)]
struct PickupLocationView {
    /// The hub's code for it.
    code: String,
    /// Its name, for people.
    name: String,
    /// The code of the agency that it belongs to.
    agency: String,
    /// The institution of that agency.
    institution: String,
    /// The library in the institution's system.
    library: String,
    /// The circulation desk, if the library has several hold shelves.
    desk: Option<String>,
}

impl From<StoredPickupLocation> for PickupLocationView {
    fn from(stored: StoredPickupLocation) -> Self {
        let StoredPickupLocation { location, agency } = stored;
        Self {
            code: location.code.to_string(),
            name: location.name,
            agency: agency.to_string(),
            institution: location.institution.to_string(),
            library: location.library.to_string(),
            desk: location.desk.map(|desk| desk.to_string()),
        }
    }
}

/// A list of all pickup locations.
#[derive(Debug, Serialize, ToSchema)]
struct PickupLocationList {
    /// Ordered by code.
    pickup_locations: Vec<PickupLocationView>,
}

input! {
    /// The data of a pickup location.
    struct PickupLocationInput {
        /// Its name, for people.
        name: String,
        /// The code of the agency that it belongs to.
        agency: AgencyCode,
        /// The library in the institution's system.
        library: LibraryCode,
        /// The circulation desk, if the library has several hold shelves.
        desk: Option<DeskCode>,
    }
    example: {"name": "Main Library, ground floor", "agency": "NORTH", "library": "MAIN", "desk": "DEFAULT_CIRC_DESK"}
}

/// Lists all pickup locations, by code.
#[utoipa::path(
    get,
    path = "/api/v1/pickup-locations",
    operation_id = "list_pickup_locations",
    tag = "pickup locations",
    responses((status = 200, description = "All pickup locations.", body = PickupLocationList))
)]
async fn list_pickup_locations(State(state): State<WebState>) -> Result<Json<PickupLocationList>, Problem> {
    let stored = state.engine.store().pickup_locations().await?;
    Ok(Json(PickupLocationList { pickup_locations: stored.into_iter().map(Into::into).collect() }))
}

/// Returns one pickup location.
#[utoipa::path(
    get,
    path = "/api/v1/pickup-locations/{code}",
    operation_id = "get_pickup_location",
    tag = "pickup locations",
    params(PathCode),
    responses(
        (status = 200, description = "The pickup location.", body = PickupLocationView),
        (status = 404, description = "There is none."),
    )
)]
async fn get_pickup_location(
    State(state): State<WebState>,
    PathCode(code): PathCode,
) -> Result<Json<PickupLocationView>, Problem> {
    let stored = state.engine.store().pickup_location(&PickupLocationCode::from(code.as_str())).await?;
    stored.map(|stored| Json(stored.into())).ok_or_else(|| Problem::not_found("pickup location", &code))
}

/// Creates or changes a pickup location. One of another institution is changed only with `take_over`. Existing requests keep the data with which they were placed.
#[utoipa::path(
    put,
    path = "/api/v1/pickup-locations/{code}",
    operation_id = "put_pickup_location",
    tag = "pickup locations",
    params(PathCode, TakeOverQuery),
    request_body = PickupLocationInput,
    responses(
        (status = 200, description = "It is changed.", body = PickupLocationView),
        (status = 201, description = "It is new.", body = PickupLocationView),
        (status = 409, description = "It belongs to another institution (`BELONGS_TO_ANOTHER_INSTITUTION`)."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn put_pickup_location(
    State(state): State<WebState>,
    PathCode(code): PathCode,
    Query(query): Query<TakeOverQuery>,
    Body(mut input): Body<PickupLocationInput>,
) -> Result<Response, Problem> {
    let store = state.engine.store();
    let owner = store.agency(&input.value.agency).await?;
    if owner.is_none() && input.is_sound("agency") {
        let message = format!("There is no agency {}.", input.value.agency);
        input.fault("agency", "UNKNOWN_AGENCY", message);
    }
    let (TakeOverQuery { take_over }, PickupLocationInput { name, agency, library, desk }) = query.and(input)?;
    let owner = owner.ok_or_else(|| Problem::not_found("agency", agency.as_str()))?;

    let location = PickupLocation { code: code.as_str().into(), name, institution: owner.institution, library, desk };
    let known = store.pickup_location(&location.code).await?;
    let is_new = known.is_none();
    let known = known.as_ref().map(|known| &known.location.institution);
    keep_institution("pickup location", known, &location.institution, take_over)?;
    let mut unit = store.unit();
    unit.put_pickup_location(&location, &agency);
    store.commit(unit).await?;
    let view = PickupLocationView::from(StoredPickupLocation { location, agency });
    Ok(set_up(is_new, format!("/api/v1/pickup-locations/{code}"), view))
}

/// Removes a pickup location. Existing requests keep it.
#[utoipa::path(
    delete,
    path = "/api/v1/pickup-locations/{code}",
    operation_id = "delete_pickup_location",
    tag = "pickup locations",
    params(PathCode),
    responses((status = 204, description = "It is gone."), (status = 404, description = "There is none."))
)]
async fn delete_pickup_location(
    State(state): State<WebState>,
    PathCode(code): PathCode,
) -> Result<StatusCode, Problem> {
    let mut unit = state.engine.store().unit();
    let removal = unit.remove_pickup_location(&code.as_str().into());
    let done = state.engine.store().commit(unit).await?;
    removed(done.touched(removal) > 0, "pickup location", &code)
}
