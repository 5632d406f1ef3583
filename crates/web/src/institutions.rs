//! Institutions: installations of a library system, with their settings. An API key can be set and is never returned.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lending::InstitutionCode;
use lms::{ConnectError, Connection, Finding, SettingError, Verdict};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{Expected, Institution, Unit};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::{self, removed, set_up};
use crate::audit::Changed;
use crate::exclusive::Work;
use crate::guard::Access;
use crate::input::{Body, Query, Read, input};
use crate::path::PathCode;
use crate::precondition::{IfMatch, IfNoneMatch, Tag, failed};
use crate::problem::{FieldError, Problem};
use crate::state::WebState;
use crate::words;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_institutions))
        .routes(routes!(get_institution, put_institution, delete_institution))
        .routes(routes!(check_institution))
}

/// An installation of a library system.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Institution)]
struct InstitutionView {
    /// Its code.
    code: String,
    /// Its name, for people.
    name: String,
    /// The kind of library system. If the kind is unknown, the answer lists the known ones.
    kind: String,
    /// Its settings; the keys depend on the kind.
    #[schema(value_type = Object)]
    settings: Value,
}

impl From<Institution> for InstitutionView {
    fn from(institution: Institution) -> Self {
        Self {
            code: institution.code.to_string(),
            name: institution.name,
            kind: institution.kind,
            settings: institution.settings,
        }
    }
}

/// A list of institutions.
#[derive(Debug, Serialize, ToSchema)]
struct InstitutionList {
    /// Ordered by code.
    institutions: Vec<InstitutionView>,
}

input! {
    /// The data of an institution.
    struct InstitutionInput {
        /// Its name, for people.
        name: String,
        /// The kind of library system. If the kind is unknown, the answer lists the known ones.
        kind: String,
        /// Its settings; the keys depend on the kind.
        settings: Map<String, Value>,
        /// The key for its system's API; never returned. It may be left out if the institution has one already, and its
        /// kind and the scheme, host and port of its system's address stay the same.
        api_key: Option<SecretString>,
    }
    example: {
        "name": "Northern University",
        "kind": (lms::example().0),
        "settings": (lms::example().1),
        "api_key": "l8xx0000000000000000000000000000000",
    }
}

/// The result of a check of an institution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Check)]
struct CheckView {
    /// Whether everything that the hub needs was found.
    ok: bool,
    /// The results of all checks.
    findings: Vec<FindingView>,
}

/// The result of one check.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
struct FindingView {
    /// The subject of the check.
    subject: String,
    /// `ok`; `missing` if something that the hub needs doesn't exist or differs from the settings; `unknown` if it could
    /// not be read.
    #[schema(schema_with = words::verdict)]
    verdict: &'static str,
    /// The problem and its solution; null if all is well.
    problem: Option<String>,
    /// The result, if all is well.
    detail: String,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let Finding { subject, verdict, text } = finding;
        let (problem, detail) = if verdict == Verdict::Ok { (None, text) } else { (Some(text), String::new()) };
        Self { subject, verdict: verdict.name(), problem, detail }
    }
}

/// Lists the institutions of the caller's agencies, by code. The consortium admin sees all.
#[utoipa::path(
    get,
    path = "/api/v1/institutions",
    operation_id = "list_institutions",
    tag = "institutions",
    responses((status = 200, description = "The institutions.", body = InstitutionList))
)]
async fn list_institutions(State(state): State<WebState>, access: Access) -> Result<Json<InstitutionList>, Problem> {
    let mut institutions = Vec::new();
    for institution in state.engine.store().institutions().await? {
        if access.allows_institution(&state, &institution.code).await? {
            institutions.push(institution.into());
        }
    }
    Ok(Json(InstitutionList { institutions }))
}

/// Returns one institution.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}",
    operation_id = "get_institution",
    tag = "institutions",
    params(PathCode),
    responses(
        (status = 200, description = "The institution.", body = InstitutionView),
        (status = 404, description = "There is none."),
    )
)]
async fn get_institution(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
) -> Result<Response, Problem> {
    let (institution, version) = access.institution_version(&state, &code).await?;
    Ok(answer::read(version, InstitutionView::from(institution)))
}

fn tagged((institution, version): &(Institution, i64)) -> (i64, Tag) {
    (*version, Tag::of(*version, &InstitutionView::from(institution.clone())))
}

/// Creates or changes an institution. All faults of its settings are reported at once; nothing is sent to its system
/// yet.
///
/// The stored key is only sent to the origin for which it was set: a change of kind, scheme, host or port requires the
/// key. The address must begin with `https://`, except on the hub's own machine or if the settings contain
/// `allow_unencrypted_http`.
#[utoipa::path(
    put,
    path = "/api/v1/institutions/{code}",
    operation_id = "put_institution",
    tag = "institutions",
    params(PathCode, IfMatch, IfNoneMatch),
    request_body = InstitutionInput,
    responses(
        (status = 200, description = "It is changed.", body = InstitutionView),
        (status = 201, description = "It is new.", body = InstitutionView),
        (status = 412, description = "It isn't as `If-Match` or `If-None-Match` demands."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn put_institution(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
    Body(mut input): Body<InstitutionInput>,
) -> Result<Response, Problem> {
    let store = state.engine.store();
    let code = InstitutionCode::from(code);
    access.may_use_institution(&state, &code).await?;
    let known = store.institution_version(&code).await?;
    let version = known.as_ref().map(|(_, version)| *version);
    let expected = if_match.expected(known.as_ref().map(tagged))?;
    let expected = if_none_match.and(expected, version.is_some())?;
    let known = known.map(|(known, _)| known);
    let credentials = credentials(&code, &mut input, known.clone().map(connection_of));
    let settings_are_sound = input.is_sound("kind") && input.is_sound("settings");
    // The placeholder for a missing key is never stored, since a missing key is a fault.
    let connection = connection(&code, &input.value, credentials.unwrap_or_else(|| SecretString::from("none")));
    if settings_are_sound {
        input.faults(settings_faults(&connection).await);
    }
    let name = input.checked()?.name;

    let Connection { kind, settings, credentials, .. } = connection;
    let institution = Institution { code: code.clone(), name, kind, settings, credentials };
    let view = InstitutionView::from(institution.clone());
    let changed = change(&access, &state, known, &institution).await?;
    let now = state.engine.clock().now();
    let put = |unit: &mut Unit| unit.put_institution_over(&institution, expected, now);
    access.commit(&state, changed, put).await.map_err(|error| failed(expected, error))?;
    state.engine.institution_changed(&code).await?;
    Ok(set_up(version, format!("/api/v1/institutions/{code}"), view))
}

/// Returns the change of an institution for the log of acts.
async fn change(
    access: &Access,
    state: &WebState,
    known: Option<Institution>,
    wanted: &Institution,
) -> Result<Changed, Problem> {
    let has_new_key = |known: &Institution| known.credentials.expose_secret() != wanted.credentials.expose_secret();
    let (is_set, is_new_key) = (known.is_some(), known.as_ref().is_none_or(has_new_key));
    let changed = Changed::new("institution", wanted.code.as_str(), access.agencies_of(state, &wanted.code).await?);
    let changed =
        changed.before(known.map(InstitutionView::from).as_ref()).after(&InstitutionView::from(wanted.clone()));
    Ok(changed.secret("api_key", is_set, is_new_key))
}

/// Returns the key of the input, or the stored one if it may go to the origin of the new settings. Returns `None` if
/// neither exists, which is then a fault of the input.
fn credentials(
    code: &InstitutionCode,
    input: &mut Read<InstitutionInput>,
    known: Option<Connection>,
) -> Option<SecretString> {
    if let Some(key) = &input.value.api_key {
        return Some(key.clone());
    }
    if !input.is_sound("api_key") {
        return None;
    }
    let Some(known) = known else {
        let message = "It is missing. A new institution needs the key for its system's API.";
        input.fault("api_key", "MISSING", message);
        return None;
    };
    // Key and origin come from one read, so that a change at the same moment can't combine them differently.
    let asked = connection(code, &input.value, SecretString::from("none"));
    if known.origin().is_some() && known.origin() == asked.origin() {
        return Some(known.credentials);
    }
    let message = "The kind, or the scheme, host or port of base_url, is another one than the stored key was set for. \
                   Send the key again.";
    input.fault("api_key", "API_KEY_REQUIRED", message);
    None
}

fn connection(code: &InstitutionCode, input: &InstitutionInput, credentials: SecretString) -> Connection {
    Connection {
        institution: code.clone(),
        kind: input.kind.clone(),
        settings: Value::Object(input.settings.clone()),
        credentials,
    }
}

fn connection_of(stored: Institution) -> Connection {
    Connection {
        institution: stored.code,
        kind: stored.kind,
        settings: stored.settings,
        credentials: stored.credentials,
    }
}

async fn settings_faults(connection: &Connection) -> Vec<FieldError> {
    let mut faults = match lms::connect(connection) {
        Ok(lms) => lms.check_address().await.err().map(fault_of).into_iter().collect(),
        Err(error) => faults_of(error),
    };
    if let Some(Err(of_harvest)) = connection.settings.as_object().map(catalogue::HarvestSettings::read) {
        let fault = |fault: catalogue::SettingFault| {
            FieldError::new(format!("settings.{}", fault.key), "INVALID_SETTING", fault.message)
        };
        faults.extend(of_harvest.into_iter().map(fault));
    }
    faults
}

fn fault_of(fault: SettingError) -> FieldError {
    FieldError::new(format!("settings.{}", fault.key), "INVALID_SETTING", fault.message)
}

fn faults_of(error: ConnectError) -> Vec<FieldError> {
    match error {
        ConnectError::UnknownKind { .. } => {
            let kinds = lms::kinds().collect::<Vec<_>>().join(", ");
            let message = format!("The hub knows no library system of this kind. It knows: {kinds}.");
            vec![FieldError::new("kind", "UNKNOWN_KIND", message)]
        }
        ConnectError::Settings { faults, .. } => faults.into_iter().map(fault_of).collect(),
    }
}

input! {
    /// The extent of a removal.
    struct RemovalQuery {
        /// Remove its agencies and their pickup locations too; otherwise an institution with agencies stays.
        with_agencies: bool,
    }
    example: {"with_agencies": true}
}

/// Removes an institution that no agency and no open request refers to; with `with_agencies`, also its agencies and their
/// pickup locations.
#[utoipa::path(
    delete,
    path = "/api/v1/institutions/{code}",
    operation_id = "delete_institution",
    tag = "institutions",
    params(PathCode, RemovalQuery, IfMatch),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is none."),
        (status = 409, description = "Something still refers to it."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn delete_institution(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    if_match: IfMatch,
    Query(query): Query<RemovalQuery>,
) -> Result<StatusCode, Problem> {
    let RemovalQuery { with_agencies } = query.checked()?;
    let institution = InstitutionCode::from(code.as_str());
    let known = access.institution_version(&state, &code).await?;
    let expected = if_match.expected(Some(tagged(&known)))?;
    let changed = Changed::new("institution", &code, access.agencies_of(&state, &institution).await?);
    let changed = changed.before(Some(&InstitutionView::from(known.0))).secret("api_key", true, true);
    let remove = |unit: &mut Unit| {
        if let Expected::Version(version) = expected {
            unit.expect_institution(&institution, version);
        }
        Ok(if with_agencies {
            unit.remove_institution_with_agencies(&institution)
        } else {
            unit.remove_institution(&institution)
        })
    };
    let done = access.commit(&state, changed, remove).await;
    let (done, removal) = done.map_err(|error| failed(expected, error))?;
    state.engine.institution_changed(&institution).await?;
    state.engine.agency_changed().await?;
    removed(done.touched(removal) > 0, "institution", &code)
}

input! {
    /// The extent of a check.
    struct CheckQuery {
        /// Also make, read and remove a test user of each group of virtual patrons, to find out whether new users become
        /// patrons. Otherwise the check changes nothing.
        with_test_user: bool,
    }
    example: {"with_test_user": true}
}

/// Makes every read that requests need at the institution, and reports missing settings: for the settings, the agencies
/// and the pickup locations. One check at a time runs for an institution on a node of the hub. The hub also makes the
/// check of each institution once a day.
#[utoipa::path(
    post,
    path = "/api/v1/institutions/{code}/check",
    operation_id = "check_institution",
    tag = "institutions",
    params(PathCode, CheckQuery),
    responses(
        (status = 200, description = "What was found.", body = CheckView),
        (status = 404, description = "There is none."),
        (status = 409, description = "Another check of it is under way (`UNDER_WAY`)."),
        (status = 422, description = "Its settings can't be used, all faults at once."),
    )
)]
async fn check_institution(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    Query(query): Query<CheckQuery>,
) -> Result<Json<CheckView>, Problem> {
    let CheckQuery { with_test_user } = query.checked()?;
    let connection = connection_of(access.institution(&state, &code).await?);
    let _permit = state.exclusive.begin(Work::Check, &connection.institution)?;
    if with_test_user {
        let agencies = access.agencies_of(&state, &connection.institution).await?;
        let changed = Changed::new("institution", &code, agencies).after(&json!({"with_test_user": true}));
        access.announce(&state, changed).await?;
    }
    let registration = state.engine.registration(&connection.institution).await?;
    let checked = state.engine.systems().check(&connection, &registration).await;
    let mut findings = checked.map_err(|error| Problem::invalid(faults_of(error)))?;
    if with_test_user {
        let made = state.engine.check_new_users(&connection).await;
        findings.extend(made.map_err(|error| Problem::invalid(faults_of(error)))?);
    }
    state.engine.keep_setup_check(&connection.institution, &findings).await?;
    let ok = findings.iter().all(|finding| finding.verdict == Verdict::Ok);
    Ok(Json(CheckView { ok, findings: findings.into_iter().map(Into::into).collect() }))
}
