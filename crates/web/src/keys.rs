//! Keys of the API. A key is shown once, when it is made.

use std::collections::BTreeSet;

use access::Role;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use lending::AgencyCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;
use store::{ApiKey, Unit};
use tracing::info;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::ContainsSecret;
use crate::audit::Changed;
use crate::field::{Field, List, Number, Reader};
use crate::guard::Access;
use crate::input::{Body, input};
use crate::path::{CODE_PATTERN, LONGEST_CODE, NO_CODE, PathCode};
use crate::precondition::{IfMatch, Tag, unmet};
use crate::problem::{FieldError, Problem};
use crate::state::WebState;

/// The largest number of agencies of a key or a user.
pub(crate) const MOST_AGENCIES: usize = 200;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_keys, create_key))
        .routes(routes!(get_key, revoke_key))
        .routes(routes!(rotate_key))
}

/// A key of the API, without the key itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct KeyView {
    /// Its name, which timelines show as the actor. During a rotation two keys have one name.
    name: String,
    /// Its role.
    #[schema(value_type = String, example = "library-staff")]
    role: &'static str,
    /// The agencies for which its holder stands; none for `consortium-admin` and `monitoring`.
    agencies: Vec<String>,
    /// Whether it is valid now.
    valid: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who made it: the name of a key, or `command line`.
    created_by: String,
    /// When it ends or ended; null if it has no end.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was used last, accurate to a minute; null if it never was.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl KeyView {
    fn new(key: ApiKey, now: Timestamp) -> Self {
        let valid = key.is_valid(now);
        let ApiKey { name, role, agencies, created_at, created_by, expires_at, last_used_at, .. } = key;
        let agencies = agencies.into_iter().map(|agency| agency.to_string()).collect();
        Self { name, role: role.name(), agencies, valid, created_at, created_by, expires_at, last_used_at }
    }
}

/// A new key. No later answer contains it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewApiKey)]
struct NewKeyView {
    #[serde(flatten)]
    about: KeyView,
    /// The key. Keep it now: the hub stores only a digest of it.
    #[serde(serialize_with = "revealed")]
    #[schema(value_type = String)]
    key: SecretString,
}

fn revealed<S: serde::Serializer>(key: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.expose_secret())
}

/// A list of keys.
#[derive(Debug, Serialize, ToSchema)]
struct KeyList {
    /// Ordered by name and age; those that have ended too.
    keys: Vec<KeyView>,
}

/// The name of a key or a user.
#[derive(Debug)]
pub(crate) struct KeyName(pub(crate) String);

impl Field for KeyName {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let name = String::read(value, reader)?;
        if !access::is_key_name(&name) {
            reader.fault("INVALID_NAME", format!("{NO_CODE} \"hub\" is the hub's own name."));
            return None;
        }
        Some(Self(name))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }

    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(CODE_PATTERN));
        schema.min_length(Some(1)).max_length(Some(LONGEST_CODE)).into()
    }
}

impl Field for Role {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let role = String::read(value, reader)?.parse();
        role.map_err(|_| {
            let known = Self::ALL.map(Self::name).join(", ");
            reader.fault("UNKNOWN_ROLE", format!("This is no role. Roles are: {known}."));
        })
        .ok()
    }

    fn placeholder() -> Self {
        Self::Monitoring
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::ALL.map(Self::name))).into()
    }
}

input! {
    /// The data of a new key.
    struct KeyInput {
        /// Its name, which timelines show as the actor: 1 to 64 letters, digits and the signs . _ : -.
        name: KeyName,
        /// Its role (docs/access.md).
        role: Role,
        /// The agencies for which its holder stands. Every role but `consortium-admin` and `monitoring` needs one.
        agencies: Option<List<AgencyCode, MOST_AGENCIES>>,
        /// The number of days after which it ends; it has no end if this is left out.
        expires_in_days: Option<Number<1, 3_650, 365>>,
    }
    example: {"name": "north-desk", "role": "library-staff", "agencies": ["NORTH"], "expires_in_days": 365}
}

input! {
    /// How a key is rotated.
    struct RotateInput {
        /// The number of hours for which the old key is valid next to the new one. 0 ends it at once.
        overlap_hours: Number<0, 720, 24>,
        /// The number of days after which the new key ends; it has no end if this is left out.
        expires_in_days: Option<Number<1, 3_650, 365>>,
    }
    example: {"overlap_hours": 24, "expires_in_days": 365}
}

/// Lists the keys that the caller manages: the consortium admin all, a library admin those of its agencies. No answer
/// contains a key itself. Keys of the hub's configuration are not listed.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    operation_id = "list_keys",
    tag = "keys",
    responses((status = 200, description = "The keys.", body = KeyList))
)]
async fn list_keys(State(state): State<WebState>, access: Access) -> Result<Json<KeyList>, Problem> {
    let now = state.engine.clock().now();
    let keys = managed(&state, &access).await?;
    Ok(Json(KeyList { keys: keys.into_iter().map(|key| KeyView::new(key, now)).collect() }))
}

/// Returns a key of the store: the newest of its name. Its `ETag` is one of all keys of the name.
#[utoipa::path(
    get,
    path = "/api/v1/keys/{code}",
    operation_id = "get_key",
    tag = "keys",
    params(PathCode),
    responses(
        (status = 200, description = "The key.", body = KeyView),
        (status = 404, description = "There is none."),
    )
)]
async fn get_key(State(state): State<WebState>, access: Access, PathCode(name): PathCode) -> Result<Response, Problem> {
    let keys = of_name(&state, &access, &name).await?;
    let tag = [(ETAG, tag(&keys).into_header())];
    let newest = keys.into_iter().next_back().ok_or_else(|| Problem::not_found("key", &name))?;
    Ok((tag, Json(KeyView::new(newest, state.engine.clock().now()))).into_response())
}

/// Returns the keys of this name that the caller may manage, oldest first.
async fn of_name(state: &WebState, access: &Access, name: &str) -> Result<Vec<ApiKey>, Problem> {
    let mut keys = managed(state, access).await?;
    keys.retain(|key| key.name == name);
    Ok(keys)
}

/// Returns the tag of the keys of a name. Their use doesn't change it.
fn tag(keys: &[ApiKey]) -> Tag {
    let ends: Vec<_> = keys.iter().map(|key| (key.id, key.expires_at)).collect();
    Tag::of_content(&ends)
}

/// Returns the keys that the caller may manage.
async fn managed(state: &WebState, access: &Access) -> Result<Vec<ApiKey>, Problem> {
    let mut keys = state.engine.store().api_keys().await?;
    keys.retain(|key| access.may_give(key.role, &key.agencies.iter().cloned().collect()));
    Ok(keys)
}

/// Makes a key. The answer contains it, and no later one does. A library admin makes keys for its own agencies, with a
/// role that isn't above its own.
#[utoipa::path(
    post,
    path = "/api/v1/keys",
    operation_id = "create_key",
    tag = "keys",
    request_body = KeyInput,
    responses(
        (status = 201, description = "The new key.", body = NewKeyView),
        (status = 403, description = "The caller may not give this role (`MORE_THAN_OWN_ROLE`)."),
        (status = 409, description = "A valid key has this name already."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn create_key(
    State(state): State<WebState>,
    access: Access,
    Body(mut input): Body<KeyInput>,
) -> Result<NewKeyAnswer, Problem> {
    if input.is_sound("agencies") && input.is_sound("role") {
        let named = input.value.agencies.as_ref().map(|list| list.0.clone()).unwrap_or_default();
        let faults = agency_faults(&state, &access, input.value.role, &named).await?;
        input.faults(faults);
    }
    if input.is_sound("name") && state.keys.configured.has_name(&input.value.name.0) {
        input.fault("name", "NAME_IN_CONFIGURATION", "A key of the hub's configuration has this name.");
    }
    let KeyInput { name, role, agencies, expires_in_days } = input.checked()?;
    let agencies: BTreeSet<AgencyCode> = agencies.map(|list| list.0).unwrap_or_default().into_iter().collect();
    if !access.may_give(role, &agencies) {
        let detail = format!("A key with the role {} makes no key with the role {role}.", access.caller().role());
        return Err(Problem::new(StatusCode::FORBIDDEN, "MORE_THAN_OWN_ROLE", detail));
    }
    let (key, secret) = new_key(&state, &access, name.0, role, agencies, expires_in_days.map(|days| days.0));
    let changed =
        Changed::new("key", &key.name, key.agencies.clone()).after(&KeyView::new(key.clone(), key.created_at));
    let insert = |unit: &mut Unit| {
        unit.insert_api_key(&key);
        Ok(())
    };
    access.commit(&state, changed.secret("key", false, true), insert).await.map_err(taken)?;
    Ok(made(&state, key, secret))
}

/// Returns the faults of the agencies of a new key or user: there must be some if the role has them, and each must be
/// known to the caller.
pub(crate) async fn agency_faults(
    state: &WebState,
    access: &Access,
    role: Role,
    named: &[AgencyCode],
) -> Result<Vec<FieldError>, Problem> {
    let mut faults = Vec::new();
    if role.has_agencies() && named.is_empty() {
        let message = format!("The role {role} stands for agencies. Name one at least.");
        faults.push(FieldError::new("agencies", "MISSING", message));
    }
    if !role.has_agencies() && !named.is_empty() {
        let message = format!("The role {role} stands for no agencies. Leave them out.");
        faults.push(FieldError::new("agencies", "NOT_WITH_THIS_ROLE", message));
    }
    let known = state.engine.store().agencies().await?;
    for (index, code) in named.iter().enumerate() {
        if !access.owns(code) || !known.iter().any(|agency| agency.code == *code) {
            let message = format!("There is no agency {code}.");
            faults.push(FieldError::new(format!("agencies[{index}]"), "UNKNOWN_AGENCY", message));
        }
    }
    Ok(faults)
}

fn new_key(
    state: &WebState,
    access: &Access,
    name: String,
    role: Role,
    agencies: BTreeSet<AgencyCode>,
    days: Option<u32>,
) -> (ApiKey, SecretString) {
    let now = state.engine.clock().now();
    let secret = store::new_api_key(state.engine.ids().secret());
    let end = days.and_then(|days| now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok());
    let key = ApiKey {
        id: state.engine.ids().uuid(now),
        name,
        digest: store::api_key_digest(secret.expose_secret()),
        role,
        agencies: agencies.into_iter().collect(),
        created_at: now,
        created_by: access.name().to_owned(),
        expires_at: end,
        last_used_at: None,
    };
    (key, secret)
}

/// The answer with a new key, which is given once.
type NewKeyAnswer = (StatusCode, Extension<ContainsSecret>, Json<NewKeyView>);

fn made(state: &WebState, key: ApiKey, secret: SecretString) -> NewKeyAnswer {
    state.keys.forget();
    info!(name = key.name, role = key.role.name(), by = key.created_by, "an API key was made");
    let about = KeyView::new(key, state.engine.clock().now());
    (StatusCode::CREATED, Extension(ContainsSecret), Json(NewKeyView { about, key: secret }))
}

fn taken(error: store::Error) -> Problem {
    match error {
        store::Error::Referred(reason) => Problem::new(StatusCode::CONFLICT, "KEY_NOT_AVAILABLE", reason),
        other => other.into(),
    }
}

/// Makes a new key of the same name, role and agencies. The old key is valid next to it until the overlap ends. The
/// answer contains the new key, and no later one does.
#[utoipa::path(
    post,
    path = "/api/v1/keys/{code}/rotate",
    operation_id = "rotate_key",
    tag = "keys",
    params(PathCode, IfMatch),
    request_body(content = Option<RotateInput>),
    responses(
        (status = 201, description = "The new key.", body = NewKeyView),
        (status = 404, description = "There is none."),
        (status = 409, description = "A rotation is under way."),
        (status = 412, description = "It isn't as `If-Match` demands."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn rotate_key(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
    if_match: IfMatch,
    Body(input): Body<RotateInput>,
) -> Result<NewKeyAnswer, Problem> {
    let keys = of_name(&state, &access, &name).await?;
    let old = valid(&keys, &name, state.engine.clock().now())?.clone();
    let has_condition = if_match.is_met(&tag(&keys))?;
    let RotateInput { overlap_hours, expires_in_days } = input.checked()?;
    let agencies = old.agencies.iter().cloned().collect();
    let (key, secret) = new_key(&state, &access, name, old.role, agencies, expires_in_days.map(|days| days.0));
    let overlap = SignedDuration::from_hours(overlap_hours.0.into());
    let overlap_until = key.created_at.checked_add(overlap).unwrap_or(key.created_at);
    let before = KeyView::new(old, key.created_at);
    let changed = Changed::new("key", &key.name, key.agencies.clone()).before(Some(&before));
    let changed = changed.after(&KeyView::new(key.clone(), key.created_at)).secret("key", true, true);
    let rotate = |unit: &mut Unit| {
        if has_condition {
            unit.expect_api_keys(&key.name, &keys);
        }
        unit.rotate_api_key(&key, overlap_until);
        Ok(())
    };
    access.commit(&state, changed, rotate).await.map_err(|error| match error {
        store::Error::Conflict => unmet(has_condition, error),
        other => taken(other),
    })?;
    Ok(made(&state, key, secret))
}

/// Returns the first valid one of the keys of a name.
fn valid<'a>(keys: &'a [ApiKey], name: &str, now: Timestamp) -> Result<&'a ApiKey, Problem> {
    keys.iter().find(|key| key.is_valid(now)).ok_or_else(|| Problem::not_found("valid key", name))
}

/// Revokes a key: all valid keys of its name end now. Other nodes of the hub refuse it within seconds.
#[utoipa::path(
    delete,
    path = "/api/v1/keys/{code}",
    operation_id = "revoke_key",
    tag = "keys",
    params(PathCode, IfMatch),
    responses(
        (status = 204, description = "It has ended."),
        (status = 404, description = "There is none."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn revoke_key(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let now = state.engine.clock().now();
    let keys = of_name(&state, &access, &name).await?;
    let key = valid(&keys, &name, now)?.clone();
    let has_condition = if_match.is_met(&tag(&keys))?;
    let ended = KeyView::new(ApiKey { expires_at: Some(now), ..key.clone() }, now);
    let changed = Changed::new("key", &name, key.agencies.clone()).before(Some(&KeyView::new(key, now))).after(&ended);
    let end = |unit: &mut Unit| {
        if has_condition {
            unit.expect_api_keys(&name, &keys);
        }
        Ok(unit.end_api_keys(&name, now))
    };
    access.commit(&state, changed, end).await.map_err(|error| unmet(has_condition, error))?;
    state.keys.forget();
    info!(name, by = access.name(), "an API key was revoked");
    Ok(StatusCode::NO_CONTENT)
}
