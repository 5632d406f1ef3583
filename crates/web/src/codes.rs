//! The codes of an institution's system, among which its settings choose.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use lms::{InstitutionCodes, LibraryCodes, LocationOfLibrary, NamedCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::exclusive::Work;
use crate::guard::Access;
use crate::path::PathCode;
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_institution_codes))
}

/// A code with its name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NamedCode)]
struct CodeView {
    /// The code.
    code: String,
    /// Its name, for people; null if it has none.
    name: Option<String>,
}

impl From<NamedCode> for CodeView {
    fn from(NamedCode { code, name }: NamedCode) -> Self {
        Self { code, name }
    }
}

/// A location of a library.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LocationCode)]
struct LocationView {
    /// The code.
    code: String,
    /// Its name, for people; null if it has none.
    name: Option<String>,
    /// Whether its items are suppressed from the catalogue.
    suppressed: bool,
}

/// A library of an institution's system.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LibraryCodes)]
struct LibraryView {
    /// The code.
    code: String,
    /// Its name, for people; null if it has none.
    name: Option<String>,
    /// Its circulation desks.
    desks: Vec<CodeView>,
    /// Its locations.
    locations: Vec<LocationView>,
}

impl From<LibraryCodes> for LibraryView {
    fn from(LibraryCodes { library, desks, locations }: LibraryCodes) -> Self {
        let location = |LocationOfLibrary { location, is_suppressed }| {
            let NamedCode { code, name } = location;
            LocationView { code, name, suppressed: is_suppressed }
        };
        Self {
            code: library.code,
            name: library.name,
            desks: views(desks),
            locations: locations.into_iter().map(location).collect(),
        }
    }
}

fn views(codes: Vec<NamedCode>) -> Vec<CodeView> {
    codes.into_iter().map(Into::into).collect()
}

/// The codes among which the settings of an institution choose.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstitutionCodes)]
struct CodesView {
    /// The libraries of its system.
    libraries: Vec<LibraryView>,
    /// The groups of its users.
    user_groups: Vec<CodeView>,
    /// The types of its items.
    material_types: Vec<CodeView>,
    /// The policies of its items.
    item_policies: Vec<CodeView>,
    /// The types of its users' further identifiers.
    identifier_types: Vec<CodeView>,
    /// The reasons with which requests are cancelled.
    cancellation_reasons: Vec<CodeView>,
    /// The patron types that the consortium uses.
    patron_types: BTreeSet<String>,
    /// The item types that the consortium uses.
    item_types: BTreeSet<String>,
    /// The parts that could not be read, each with the reason.
    unread: Vec<String>,
}

/// Reads the codes of an institution's system among which its settings choose, with their names, and the patron types and
/// item types that the other institutions use. It makes two calls for each library, and one for each table of codes. One
/// read at a time runs for an institution on a node of the hub.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}/codes",
    operation_id = "get_institution_codes",
    tag = "institutions",
    params(PathCode),
    responses(
        (status = 200, description = "The codes.", body = CodesView),
        (status = 404, description = "There is no such institution."),
        (status = 409, description = "Another read of them is under way (`UNDER_WAY`)."),
        (status = 502, description = "The institution's system gives no answer."),
    )
)]
async fn get_institution_codes(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
) -> Result<Json<CodesView>, Problem> {
    let institution = access.institution(&state, &code).await?.code;
    let _permit = state.exclusive.begin(Work::Codes, &institution)?;
    let registration = state.engine.registration(&institution).await?;
    let InstitutionCodes {
        libraries,
        user_groups,
        material_types,
        item_policies,
        identifier_types,
        cancellation_reasons,
        unread,
    } = state.engine.institution_codes(&institution).await?;
    Ok(Json(CodesView {
        libraries: libraries.into_iter().map(Into::into).collect(),
        user_groups: views(user_groups),
        material_types: views(material_types),
        item_policies: views(item_policies),
        identifier_types: views(identifier_types),
        cancellation_reasons: views(cancellation_reasons),
        patron_types: registration.patron_types.into_keys().map(|kind| kind.0).collect(),
        item_types: registration.item_types.into_keys().map(|kind| kind.0).collect(),
        unread,
    }))
}
