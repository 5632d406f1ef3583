//! Agencies: libraries that lend or borrow.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lending::{AgencyCode, InstitutionCode, LibraryCode, Rules};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{Agency, Expected, Unit};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::{self, TakeOverQuery, keep_institution, removed, set_up};
use crate::audit::Changed;
use crate::field::{Field, Reader};
use crate::guard::Access;
use crate::input::{Body, Query, input};
use crate::path::PathCode;
use crate::precondition::{IfMatch, IfNoneMatch, Tag, failed};
use crate::problem::Problem;
use crate::rules_schema;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_agencies)).routes(routes!(get_agency, put_agency, delete_agency))
}

/// A library that lends or borrows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agency)]
struct AgencyView {
    /// Its code.
    code: String,
    /// Its name, for people.
    name: String,
    /// The institution whose system it uses.
    institution: String,
    /// Its library there, if several agencies share a system.
    library: Option<String>,
    /// Its rules: what it takes part in, limits, and deadlines.
    #[schema(schema_with = rules_schema::rules)]
    rules: Rules,
}

impl From<Agency> for AgencyView {
    fn from(agency: Agency) -> Self {
        Self {
            code: agency.code.to_string(),
            name: agency.name,
            institution: agency.institution.to_string(),
            library: agency.library.map(|library| library.to_string()),
            rules: agency.rules,
        }
    }
}

/// A list of agencies.
#[derive(Debug, Serialize, ToSchema)]
struct AgencyList {
    /// Ordered by code.
    agencies: Vec<AgencyView>,
}

input! {
    /// The data of an agency.
    struct AgencyInput {
        /// Its name, for people.
        name: String,
        /// The code of the institution whose system it uses.
        institution: InstitutionCode,
        /// Its library there, if several agencies share a system.
        library: Option<LibraryCode>,
        /// What it takes part in (`lends`, `borrows`, `allows_visiting_pickup`, `lends_to_own_patrons`), its limit of a
        /// patron's requests (`max_requests`), the limits of its patrons' accounts by patron type (`patron_limits`:
        /// `max_loans`, `max_library_requests`, `max_overdue`, `max_fees`) and its deadlines (`days_to_supply`,
        /// `max_days_in_transit`, in the open days of `calendar`: `time_zone`, `closed_weekdays`, `closed_dates`,
        /// `opens`, `closes`).
        /// `virtual_item_at_dispatch` says that virtual items are made when the lender sends the item, and not when it
        /// is asked. `lender_extension` (`raise` or `ask_staff`) says what becomes of a patron's due date when the lender
        /// sets a later one. `suspended_until` (the last day without lending), `most_open_supplies`, `longest_queue` and
        /// `place` (`region`, `coordinates` with `latitude` and `longitude`) matter to the choice of the supplier. A field
        /// that is left out has its default.
        rules: Rules,
    }
    example: {
        "name": "Northern College Library",
        "institution": "01NORTH_INST",
        "rules": {
            "max_requests": 20,
            "patron_limits": {"undergraduate": {"max_loans": 40, "max_overdue": 2}},
            "days_to_supply": 5,
            "calendar": {"time_zone": "Europe/Zurich", "closed_weekdays": ["saturday", "sunday"]},
        },
    }
}

impl Field for Rules {
    const REQUIRED: bool = false;

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let table = Map::read(value, reader)?;
        let rules: Self = match serde_json::from_value(table.into()) {
            Ok(rules) => rules,
            Err(fault) => {
                let message = format!("They can't be read: {}.", lms::without_value(&fault.to_string()));
                reader.fault("INVALID_RULES", message);
                return None;
            }
        };
        if !rules.calendar.has_known_time_zone() {
            let message = "It is no time zone that is known. Name one of the IANA database, such as Europe/Zurich.";
            reader.fault_of("calendar.time_zone", "UNKNOWN_TIME_ZONE", message);
        }
        if !rules.calendar.has_hours_in_order() {
            let message = "It closes before it opens. Give both times of the same day, such as 08:00 and 20:00.";
            reader.fault_of("calendar.closes", "INVALID_HOURS", message);
        }
        if rules.place.region.as_ref().is_some_and(|region| region.chars().count() > rules_schema::LONGEST_REGION) {
            let message = format!("It has more than {} characters.", rules_schema::LONGEST_REGION);
            reader.fault_of("place.region", "TOO_LONG", message);
        }
        Some(rules)
    }

    fn placeholder() -> Self {
        Self::default()
    }

    fn left_out(_: &mut Reader) -> Self {
        Self::default()
    }

    fn schema() -> RefOr<Schema> {
        rules_schema::rules().into()
    }
}

/// Lists the caller's agencies, by code. The consortium admin sees all.
#[utoipa::path(
    get,
    path = "/api/v1/agencies",
    operation_id = "list_agencies",
    tag = "agencies",
    responses((status = 200, description = "The agencies.", body = AgencyList))
)]
async fn list_agencies(State(state): State<WebState>, access: Access) -> Result<Json<AgencyList>, Problem> {
    let agencies = state.engine.store().agencies().await?.into_iter();
    let seen = agencies.filter(|agency| access.owns(&agency.code));
    Ok(Json(AgencyList { agencies: seen.map(Into::into).collect() }))
}

/// Returns one agency.
#[utoipa::path(
    get,
    path = "/api/v1/agencies/{code}",
    operation_id = "get_agency",
    tag = "agencies",
    params(PathCode),
    responses(
        (status = 200, description = "The agency.", body = AgencyView),
        (status = 404, description = "There is none."),
    )
)]
async fn get_agency(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
) -> Result<Response, Problem> {
    access.agency(&code.as_str().into())?;
    let (agency, version) = find(&state, &code).await?;
    Ok(answer::read(version, AgencyView::from(agency)))
}

/// Returns the agency with this code and its version, or a 404 if there is none.
async fn find(state: &WebState, code: &str) -> Result<(Agency, i64), Problem> {
    let found = state.engine.store().agency_version(&AgencyCode::from(code)).await?;
    found.ok_or_else(|| Problem::not_found("agency", code))
}

fn tagged((agency, version): &(Agency, i64)) -> (i64, Tag) {
    (*version, Tag::of(*version, &AgencyView::from(agency.clone())))
}

/// Creates or changes an agency. An agency of another institution is changed only with `take_over`.
#[utoipa::path(
    put,
    path = "/api/v1/agencies/{code}",
    operation_id = "put_agency",
    tag = "agencies",
    params(PathCode, TakeOverQuery, IfMatch, IfNoneMatch),
    request_body = AgencyInput,
    responses(
        (status = 200, description = "It is changed.", body = AgencyView),
        (status = 201, description = "It is new.", body = AgencyView),
        (status = 409, description = "It belongs to another institution (`BELONGS_TO_ANOTHER_INSTITUTION`)."),
        (status = 412, description = "It isn't as `If-Match` or `If-None-Match` demands."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn put_agency(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
    Query(query): Query<TakeOverQuery>,
    Body(mut input): Body<AgencyInput>,
) -> Result<Response, Problem> {
    access.agency(&code.as_str().into())?;
    let store = state.engine.store();
    let institution = &input.value.institution;
    // An institution that isn't the caller's is one that it doesn't know. An agency of an institution that several share may stay
    // there.
    let is_known = async || {
        let present = store.agency(&code.as_str().into()).await?;
        let stays = present.is_some_and(|present| present.institution == *institution);
        let allowed = stays || access.allows_institution(&state, institution).await?;
        Ok::<_, Problem>(allowed && store.institution(institution).await?.is_some())
    };
    if input.is_sound("institution") && !is_known().await? {
        let message = format!("There is no institution {institution}.");
        input.fault("institution", "UNKNOWN_INSTITUTION", message);
    }
    let (TakeOverQuery { take_over }, AgencyInput { name, institution, library, rules }) = query.and(input)?;

    let agency = Agency { code: code.as_str().into(), name, institution, library, rules };
    let known = store.agency_version(&agency.code).await?;
    let version = known.as_ref().map(|(_, version)| *version);
    let expected = if_match.expected(known.as_ref().map(tagged))?;
    let expected = if_none_match.and(expected, version.is_some())?;
    keep_institution("agency", known.as_ref().map(|(known, _)| &known.institution), &agency.institution, take_over)?;
    let (before, view) = (known.map(|(known, _)| AgencyView::from(known)), AgencyView::from(agency.clone()));
    let changed = Changed::new("agency", &code, vec![agency.code.clone()]).before(before.as_ref()).after(&view);
    let done = access.commit(&state, changed, |unit| unit.put_agency_over(&agency, expected)).await;
    done.map_err(|error| failed(expected, error))?;
    state.engine.agency_changed().await?;
    Ok(set_up(version, format!("/api/v1/agencies/{code}"), view))
}

/// Removes an agency that has no pickup locations.
#[utoipa::path(
    delete,
    path = "/api/v1/agencies/{code}",
    operation_id = "delete_agency",
    tag = "agencies",
    params(PathCode, IfMatch),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is none."),
        (status = 409, description = "Something still refers to it."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn delete_agency(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let agency = AgencyCode::from(code.as_str());
    access.agency(&agency)?;
    let known = find(&state, &code).await?;
    // Who shares an institution could not create the agency once more.
    access.may_use_institution(&state, &known.0.institution).await?;
    let expected = if_match.expected(Some(tagged(&known)))?;
    let changed = Changed::new("agency", &code, vec![agency.clone()]).before(Some(&AgencyView::from(known.0)));
    let remove = |unit: &mut Unit| {
        if let Expected::Version(version) = expected {
            unit.expect_agency(&agency, version);
        }
        Ok(unit.remove_agency(&agency))
    };
    let done = access.commit(&state, changed, remove).await;
    let (done, removal) = done.map_err(|error| failed(expected, error))?;
    state.engine.agency_changed().await?;
    removed(done.touched(removal) > 0, "agency", &code)
}
