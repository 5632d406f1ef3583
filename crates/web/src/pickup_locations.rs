//! Pickup locations: where patrons collect.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lending::{AgencyCode, DeskCode, LibraryCode, PickupLocation, PickupLocationCode};
use serde::Serialize;
use store::{Expected, StoredPickupLocation, Unit};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::{self, TakeOverQuery, keep_institution, removed, set_up};
use crate::audit::Changed;
use crate::guard::Access;
use crate::input::{Body, Query, input};
use crate::path::PathCode;
use crate::precondition::{IfMatch, IfNoneMatch, Tag, failed};
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
pub(crate) struct PickupLocationView {
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
    /// The code of its stop on the courier's route, for slips.
    route_code: Option<String>,
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
            route_code: location.route_code,
        }
    }
}

/// A list of pickup locations.
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
        /// The code of its stop on the courier's route, which slips show.
        route_code: Option<String>,
    }
    example: {"name": "Main Library, ground floor", "agency": "NORTH", "library": "MAIN", "desk": "DEFAULT_CIRC_DESK"}
}

/// Lists the pickup locations of the caller's agencies, by code. The consortium admin sees all.
#[utoipa::path(
    get,
    path = "/api/v1/pickup-locations",
    operation_id = "list_pickup_locations",
    tag = "pickup locations",
    responses((status = 200, description = "The pickup locations.", body = PickupLocationList))
)]
async fn list_pickup_locations(
    State(state): State<WebState>,
    access: Access,
) -> Result<Json<PickupLocationList>, Problem> {
    let stored = state.engine.store().pickup_locations().await?.into_iter();
    let seen = stored.filter(|stored| access.owns(&stored.agency));
    Ok(Json(PickupLocationList { pickup_locations: seen.map(Into::into).collect() }))
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
    access: Access,
    PathCode(code): PathCode,
) -> Result<Response, Problem> {
    let (stored, version) = find(&state, &access, &code).await?;
    Ok(answer::read(version, PickupLocationView::from(stored)))
}

/// Returns the pickup location with this code and its version, or a 404 if there is none.
async fn find(state: &WebState, access: &Access, code: &str) -> Result<(StoredPickupLocation, i64), Problem> {
    let found = access.pickup_location(state, code).await?;
    found.ok_or_else(|| Problem::not_found("pickup location", code))
}

fn tagged((stored, version): &(StoredPickupLocation, i64)) -> (i64, Tag) {
    (*version, Tag::of(*version, &PickupLocationView::from(stored.clone())))
}

/// Creates or changes a pickup location. One of another institution is changed only with `take_over`. Existing requests keep the data with which they were placed.
#[utoipa::path(
    put,
    path = "/api/v1/pickup-locations/{code}",
    operation_id = "put_pickup_location",
    tag = "pickup locations",
    params(PathCode, TakeOverQuery, IfMatch, IfNoneMatch),
    request_body = PickupLocationInput,
    responses(
        (status = 200, description = "It is changed.", body = PickupLocationView),
        (status = 201, description = "It is new.", body = PickupLocationView),
        (status = 409, description = "It belongs to another institution (`BELONGS_TO_ANOTHER_INSTITUTION`)."),
        (status = 412, description = "It isn't as `If-Match` or `If-None-Match` demands."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn put_pickup_location(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
    Query(query): Query<TakeOverQuery>,
    Body(mut input): Body<PickupLocationInput>,
) -> Result<Response, Problem> {
    let known = access.pickup_location(&state, &code).await?;
    let store = state.engine.store();
    // An agency that isn't the caller's is one that it doesn't know.
    let owner = store.agency(&input.value.agency).await?.filter(|agency| access.owns(&agency.code));
    if owner.is_none() && input.is_sound("agency") {
        let message = format!("There is no agency {}.", input.value.agency);
        input.fault("agency", "UNKNOWN_AGENCY", message);
    }
    let (TakeOverQuery { take_over }, PickupLocationInput { name, agency, library, desk, route_code }) =
        query.and(input)?;
    let owner = owner.ok_or_else(|| Problem::not_found("agency", agency.as_str()))?;

    let institution = owner.institution;
    let location = PickupLocation { code: code.as_str().into(), name, institution, library, desk, route_code };
    let version = known.as_ref().map(|(_, version)| *version);
    let expected = if_match.expected(known.as_ref().map(tagged))?;
    let expected = if_none_match.and(expected, version.is_some())?;
    let expected = as_checked(&access, expected, version);
    let owner = known.as_ref().map(|(known, _)| &known.location.institution);
    keep_institution("pickup location", owner, &location.institution, take_over)?;
    let stored = StoredPickupLocation { location, agency };
    let before = known.map(|(known, _)| PickupLocationView::from(known));
    let view = PickupLocationView::from(stored.clone());
    let changed = Changed::new("pickup location", &code, vec![stored.agency.clone()]);
    let put = |unit: &mut Unit| {
        unit.put_pickup_location_over(&stored.location, &stored.agency, expected);
        Ok(())
    };
    let done = access.commit(&state, changed.before(before.as_ref()).after(&view), put).await;
    done.map_err(|error| failed(expected, error))?;
    state.engine.agency_changed().await?;
    Ok(set_up(version, format!("/api/v1/pickup-locations/{code}"), view))
}

/// Returns the state in which a change must find the location. A caller that may not change every agency's changes only what was
/// checked: another agency may have created or taken over the location in the meantime.
fn as_checked(access: &Access, expected: Expected, version: Option<i64>) -> Expected {
    match (expected, version) {
        (Expected::Anything, _) if access.caller().is_consortium_admin() => Expected::Anything,
        (Expected::Anything, None) => Expected::Nothing,
        (Expected::Anything, Some(version)) => Expected::Version(version),
        (expected, _) => expected,
    }
}

/// Removes a pickup location. Existing requests keep it.
#[utoipa::path(
    delete,
    path = "/api/v1/pickup-locations/{code}",
    operation_id = "delete_pickup_location",
    tag = "pickup locations",
    params(PathCode, IfMatch),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is none."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn delete_pickup_location(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let location = PickupLocationCode::from(code.as_str());
    let known = find(&state, &access, &code).await?;
    let expected = as_checked(&access, if_match.expected(Some(tagged(&known)))?, Some(known.1));
    let changed = Changed::new("pickup location", &code, vec![known.0.agency.clone()]);
    let remove = |unit: &mut Unit| {
        if let Expected::Version(version) = expected {
            unit.expect_pickup_location(&location, version);
        }
        Ok(unit.remove_pickup_location(&location))
    };
    let done = access.commit(&state, changed.before(Some(&PickupLocationView::from(known.0))), remove).await;
    let (done, removal) = done.map_err(|error| failed(expected, error))?;
    state.engine.agency_changed().await?;
    removed(done.touched(removal) > 0, "pickup location", &code)
}
