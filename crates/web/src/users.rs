//! People who sign in.

use std::collections::BTreeSet;

use access::Role;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use identity::{PasswordFault, TotpSecret};
use jiff::Timestamp;
use lending::AgencyCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use store::{Unit, User};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::ContainsSecret;
use crate::audit::Changed;
use crate::field::List;
use crate::guard::Access;
use crate::input::{Body, input};
use crate::keys::{KeyName, MOST_AGENCIES, agency_faults};
use crate::path::PathCode;
use crate::precondition::{IfMatch, Tag};
use crate::problem::{FieldError, Problem};
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_users, add_user)).routes(routes!(get_user, disable_user))
}

/// Somebody who signs in, without password and secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    /// The name, which timelines show as the actor.
    name: String,
    /// The role.
    #[schema(value_type = String, example = "library-staff")]
    role: &'static str,
    /// The agencies for which the user stands; none for `consortium-admin` and `monitoring`.
    agencies: Vec<String>,
    /// Whether the user needs a one-time code of an authenticator app.
    totp: bool,
    /// When the user was added.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who added the user: the name of a key, or `command line`.
    created_by: String,
    /// Since when the user may not sign in; null if the user may.
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
    /// When the user signed in last; null if the user never did.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_sign_in_at: Option<Timestamp>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            role: user.role.name(),
            agencies: user.agencies.into_iter().map(|agency| agency.to_string()).collect(),
            totp: user.totp_secret.is_some(),
            created_at: user.created_at,
            created_by: user.created_by,
            disabled_at: user.disabled_at,
            last_sign_in_at: user.last_sign_in_at,
        }
    }
}

/// A new user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewUser)]
struct NewUserView {
    #[serde(flatten)]
    about: UserView,
    /// The secret for the authenticator app, in Base32; null without one-time codes. No later answer contains it.
    #[serde(serialize_with = "revealed")]
    #[schema(value_type = Option<String>)]
    totp_secret: Option<SecretString>,
}

fn revealed<S: serde::Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serializer.serialize_some(secret.expose_secret()),
        None => serializer.serialize_none(),
    }
}

/// A list of users.
#[derive(Debug, Serialize, ToSchema)]
struct UserList {
    /// Ordered by name; those who are disabled too.
    users: Vec<UserView>,
}

input! {
    /// The data of a new user.
    struct UserInput {
        /// The name, which timelines show as the actor: 1 to 64 letters, digits and the signs . _ : -.
        name: KeyName,
        /// The role (docs/access.md).
        role: Role,
        /// The agencies for which the user stands. Every role but `consortium-admin` and `monitoring` needs one.
        agencies: Option<List<AgencyCode, MOST_AGENCIES>>,
        /// The password, of at least 12 characters; never returned.
        password: SecretString,
        /// Whether the user also needs a one-time code of an authenticator app.
        totp: bool,
    }
    example: {
        "name": "ann.north", "role": "library-staff", "agencies": ["NORTH"],
        "password": "a-long-text-that-ann-knows", "totp": true,
    }
}

/// Lists the users whom the caller manages: the consortium admin all, a library admin those of its agencies.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    operation_id = "list_users",
    tag = "users",
    responses((status = 200, description = "The users.", body = UserList))
)]
async fn list_users(State(state): State<WebState>, access: Access) -> Result<Json<UserList>, Problem> {
    let users = state.engine.store().users().await?.into_iter();
    let managed = users.filter(|user| manages(&access, user));
    Ok(Json(UserList { users: managed.map(Into::into).collect() }))
}

/// Returns one user.
#[utoipa::path(
    get,
    path = "/api/v1/users/{code}",
    operation_id = "get_user",
    tag = "users",
    params(PathCode),
    responses(
        (status = 200, description = "The user.", body = UserView),
        (status = 404, description = "There is none."),
    )
)]
async fn get_user(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
) -> Result<Response, Problem> {
    let known = state.engine.store().user(&name).await?.filter(|user| manages(&access, user));
    let user = known.ok_or_else(|| Problem::not_found("user", &name))?;
    let tag = [(ETAG, tag(&user).into_header())];
    Ok((tag, Json(UserView::from(user))).into_response())
}

/// Returns the tag of a user. Signing in doesn't change it.
fn tag(user: &User) -> Tag {
    Tag::of_content(&UserView::from(User { last_sign_in_at: None, ..user.clone() }))
}

fn manages(access: &Access, user: &User) -> bool {
    access.may_give(user.role, &user.agencies.iter().cloned().collect())
}

/// Adds a user. With `totp`, the answer contains the secret for the authenticator app, and no later one does. A library
/// admin adds users of its own agencies, with a role that isn't above its own.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    operation_id = "add_user",
    tag = "users",
    request_body = UserInput,
    responses(
        (status = 201, description = "The new user.", body = NewUserView),
        (status = 403, description = "The caller may not give this role (`MORE_THAN_OWN_ROLE`)."),
        (status = 409, description = "A user has this name already."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn add_user(
    State(state): State<WebState>,
    access: Access,
    Body(mut input): Body<UserInput>,
) -> Result<(StatusCode, Extension<ContainsSecret>, Json<NewUserView>), Problem> {
    if input.is_sound("agencies") && input.is_sound("role") {
        let named = input.value.agencies.as_ref().map(|list| list.0.clone()).unwrap_or_default();
        let faults = agency_faults(&state, &access, input.value.role, &named).await?;
        input.faults(faults);
    }
    let UserInput { name, role, agencies, password, totp } = input.checked()?;
    let agencies: BTreeSet<AgencyCode> = agencies.map(|list| list.0).unwrap_or_default().into_iter().collect();
    if !access.may_give(role, &agencies) {
        let detail = format!("A key with the role {} adds no user with the role {role}.", access.caller().role());
        return Err(Problem::new(StatusCode::FORBIDDEN, "MORE_THAN_OWN_ROLE", detail));
    }
    let totp = totp.then(|| TotpSecret::new(random(&state)));
    let user = User {
        name: name.0,
        role,
        agencies: agencies.into_iter().collect(),
        password: digest(&state, password, "password").await?,
        totp_secret: totp.as_ref().map(|totp| totp.text().clone()),
        totp_step: 0,
        created_at: state.engine.clock().now(),
        created_by: access.name().to_owned(),
        disabled_at: None,
        last_sign_in_at: None,
    };
    let changed = Changed::new("user", &user.name, user.agencies.clone()).after(&UserView::from(user.clone()));
    let insert = |unit: &mut Unit| unit.insert_user(&user);
    let added = access.commit(&state, changed.secret("password", false, true), insert).await;
    added.map_err(|error| match error {
        store::Error::Referred(reason) => Problem::new(StatusCode::CONFLICT, "USER_EXISTS", reason),
        other => other.into(),
    })?;
    let view = NewUserView { totp_secret: user.totp_secret.clone(), about: user.into() };
    Ok((StatusCode::CREATED, Extension(ContainsSecret), Json(view)))
}

/// Returns random bytes.
fn random<const N: usize>(state: &WebState) -> [u8; N] {
    let secret = state.engine.ids().secret();
    std::array::from_fn(|index| secret[index])
}

/// Returns the digest of a password. It takes some tens of milliseconds, so it is made where it keeps no call waiting.
pub(crate) async fn digest(state: &WebState, password: SecretString, field: &str) -> Result<SecretString, Problem> {
    let salt = random(state);
    let made = tokio::task::spawn_blocking(move || identity::password_digest(&password, salt)).await;
    match made {
        Ok(Ok(digest)) => Ok(digest.into()),
        Ok(Err(fault @ (PasswordFault::TooShort | PasswordFault::TooLong))) => {
            let code = if fault == PasswordFault::TooShort { "TOO_SHORT" } else { "TOO_LONG" };
            Err(Problem::invalid(vec![FieldError::new(field, code, format!("It can't be used: {fault}."))]))
        }
        Ok(Err(PasswordFault::NoDigest)) | Err(_) => Err(Problem::internal()),
    }
}

/// Disables a user: the user may not sign in any more, and has no session. The name is never given to another person.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{code}",
    operation_id = "disable_user",
    tag = "users",
    params(PathCode, IfMatch),
    responses(
        (status = 204, description = "The user is disabled."),
        (status = 404, description = "There is none."),
        (status = 412, description = "The user isn't as `If-Match` demands."),
    )
)]
async fn disable_user(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("enabled user", &name);
    let known = state.engine.store().user(&name).await?;
    let known = known.filter(|user| manages(&access, user) && user.disabled_at.is_none()).ok_or_else(missing)?;
    // Nothing else of a user changes, so the unit needs no condition of its own.
    if_match.is_met(&tag(&known))?;
    let now = state.engine.clock().now();
    let disabled = UserView::from(User { disabled_at: Some(now), ..known.clone() });
    let changed = Changed::new("user", &name, known.agencies.clone());
    let changed = changed.before(Some(&UserView::from(known))).after(&disabled);
    access.commit(&state, changed, |unit| Ok(unit.disable_user(&name, now))).await?;
    Ok(StatusCode::NO_CONTENT)
}
