//! Subscriptions to events: made, changed and removed by admins; events that could not be delivered, and their resending.

use std::collections::BTreeSet;

use access::Role;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use lending::{AgencyCode, RequestId};
use messages::Language;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;
use store::{DeadLetter, Subscription, Unit};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::ContainsSecret;
use crate::audit::Changed;
use crate::field::{Field, List, Number, Reader};
use crate::guard::Access;
use crate::input::{Body, Query, input};
use crate::keys::{KeyName, MOST_AGENCIES, agency_faults};
use crate::path::PathCode;
use crate::precondition::{IfMatch, Tag};
use crate::problem::Problem;
use crate::state::WebState;

/// The number of subscriptions of a hub.
const MOST: usize = 100;
/// The number of dead letters that a call names.
const MOST_NAMED: usize = 200;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_subscriptions, create_subscription))
        .routes(routes!(get_subscription, change_subscription, delete_subscription))
        .routes(routes!(rotate_subscription))
        .routes(routes!(list_dead_letters))
        .routes(routes!(resend_dead_letters))
}

/// A subscription, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subscription)]
struct SubscriptionView {
    /// Its name.
    name: String,
    /// The address to which events are sent.
    url: String,
    /// The language of the sentences for patrons: `en` or `de`.
    language: String,
    /// Its role: it decides with the agencies which requests' events are sent.
    #[schema(value_type = String, example = "discovery")]
    role: &'static str,
    /// Its agencies.
    agencies: Vec<String>,
    /// Whether events are sent. A receiver that answers 410 ends it.
    active: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The name of the key that made it.
    created_by: String,
    /// When an event was delivered last; null if none was.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_delivered_at: Option<Timestamp>,
    /// Failed deliveries in a row.
    failures: u32,
    /// Why the last delivery failed; null if it succeeded.
    last_error: Option<String>,
}

impl From<Subscription> for SubscriptionView {
    fn from(subscription: Subscription) -> Self {
        let Subscription { code, url, language, role, agencies, active, created_at, created_by, failures, .. } =
            subscription;
        Self {
            name: code,
            url,
            language,
            role: role.name(),
            agencies: agencies.into_iter().map(|agency| agency.to_string()).collect(),
            active,
            created_at,
            created_by,
            last_delivered_at: subscription.last_delivered_at,
            failures,
            last_error: subscription.last_error,
        }
    }
}

/// A subscription with the number of its deliveries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubscriptionState)]
struct StateView {
    #[serde(flatten)]
    about: SubscriptionView,
    /// The number of events that are still to be sent.
    pending: u64,
    /// The number of events that could not be delivered.
    dead_letters: u64,
}

/// A subscription with a new secret. No later answer contains it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewSubscription)]
struct NewSubscriptionView {
    #[serde(flatten)]
    about: SubscriptionView,
    /// The secret with which messages are signed. Keep it now.
    #[serde(serialize_with = "revealed")]
    #[schema(value_type = String)]
    secret: SecretString,
}

fn revealed<S: serde::Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// A list of subscriptions.
#[derive(Debug, Serialize, ToSchema)]
struct SubscriptionList {
    /// Ordered by name.
    subscriptions: Vec<SubscriptionView>,
}

/// An event that could not be delivered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
struct DeadLetterView {
    /// The place of the event, its `id` in the stream of events.
    event: i64,
    /// The request.
    #[schema(value_type = uuid::Uuid)]
    request: RequestId,
    /// The number of attempts.
    attempts: u32,
    /// When the first attempt was due.
    #[schema(value_type = String, format = DateTime)]
    first_at: Timestamp,
    /// Why the last attempt failed.
    error: Option<String>,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { position, request, attempts, first_at, error } = letter;
        Self { event: position, request, attempts, first_at, error }
    }
}

/// A page of dead letters.
#[derive(Debug, Serialize, ToSchema)]
struct DeadLetterList {
    /// Oldest first.
    dead_letters: Vec<DeadLetterView>,
    /// The `after` of the next page; null at the end.
    next: Option<i64>,
}

impl Field for Language {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let language = Self::of_tag(&String::read(value, reader)?);
        if language.is_none() {
            let known = Self::ALL.map(Self::tag).join(", ");
            reader.fault("UNKNOWN_LANGUAGE", format!("The hub has no sentences in this language. It knows: {known}."));
        }
        language
    }

    fn placeholder() -> Self {
        Self::default()
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::ALL.map(Self::tag))).into()
    }
}

input! {
    /// The data of a new subscription.
    struct NewSubscriptionInput {
        /// Its name: 1 to 64 letters, digits and the signs . _ : -.
        name: KeyName,
        /// The address to which events are sent. Only a consortium admin may name a private address, or one without TLS.
        url: String,
        /// The language of the sentences for patrons; English if it is left out.
        language: Option<Language>,
        /// Its role (docs/access.md): it decides with the agencies which requests' events are sent.
        role: Role,
        /// Its agencies. Every role but `consortium-admin` needs one.
        agencies: Option<List<AgencyCode, MOST_AGENCIES>>,
    }
    example: {
        "name": "north-catalogue", "url": "https://catalogue.example.org/hub-events", "language": "de", "role": "discovery",
        "agencies": ["NORTH"]
    }
}

input! {
    /// The changes of a subscription; what is left out stays as it is.
    struct SubscriptionChangesInput {
        /// The address to which events are sent.
        url: Option<String>,
        /// The language of the sentences for patrons.
        language: Option<Language>,
        /// Whether events are sent. While they are not, they are collected.
        active: Option<bool>,
    }
    example: {"url": "https://catalogue.example.org/hub-events", "active": true}
}

input! {
    /// How a subscription's secret is replaced.
    struct RotateSubscriptionInput {
        /// The number of hours for which messages are signed with the former secret too.
        overlap_hours: Number<0, 720, 24>,
    }
    example: {"overlap_hours": 24}
}

input! {
    /// The extent of a list of dead letters.
    struct DeadLetterQuery {
        /// The maximum number; 50 if it is left out.
        limit: Number<1, 200, 50>,
        /// Where to continue: the `next` of the previous page.
        after: Number<0, { u32::MAX }, 0>,
    }
    example: {"limit": 100}
}

input! {
    /// The dead letters to send once more.
    struct ResendInput {
        /// Their events; all if this is left out.
        events: Option<List<Number<0, { u32::MAX }, 0>, MOST_NAMED>>,
    }
    example: {"events": [17, 18]}
}

/// Returns the tag of a subscription. Deliveries don't change it.
fn tag(subscription: &Subscription) -> Tag {
    let Subscription { code, url, language, active, created_at, .. } = subscription;
    Tag::of_content(&(code, url, language, active, created_at))
}

/// Returns the subscriptions that the caller manages.
async fn managed(state: &WebState, access: &Access) -> Result<Vec<Subscription>, Problem> {
    let mut all = state.engine.store().subscriptions().await?;
    all.retain(|one| access.may_give(one.role, &one.agencies.iter().cloned().collect()));
    Ok(all)
}

/// Returns the subscription of this name, if the caller manages it.
async fn of_name(state: &WebState, access: &Access, name: &str) -> Result<Subscription, Problem> {
    let found = managed(state, access).await?.into_iter().find(|one| one.code == name);
    found.ok_or_else(|| Problem::not_found("subscription", name))
}

/// Lists the subscriptions that the caller manages: the consortium admin all, a library admin those of its agencies.
#[utoipa::path(
    get,
    path = "/api/v1/subscriptions",
    operation_id = "list_subscriptions",
    tag = "events",
    responses((status = 200, description = "The subscriptions.", body = SubscriptionList))
)]
async fn list_subscriptions(State(state): State<WebState>, access: Access) -> Result<Json<SubscriptionList>, Problem> {
    let subscriptions = managed(&state, &access).await?.into_iter().map(Into::into).collect();
    Ok(Json(SubscriptionList { subscriptions }))
}

/// Makes a subscription: from now on the hub sends changes of requests to an address, as signed messages (docs/events.md). The
/// answer contains the secret, and no later one does.
#[utoipa::path(
    post,
    path = "/api/v1/subscriptions",
    operation_id = "create_subscription",
    tag = "events",
    request_body = NewSubscriptionInput,
    responses(
        (status = 201, description = "The new subscription.", body = NewSubscriptionView),
        (status = 403, description = "The caller may not give this role (`MORE_THAN_OWN_ROLE`)."),
        (status = 409, description = "A subscription has this name already, or there are too many."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn create_subscription(
    State(state): State<WebState>,
    access: Access,
    Body(mut input): Body<NewSubscriptionInput>,
) -> Result<(StatusCode, Extension<ContainsSecret>, Json<NewSubscriptionView>), Problem> {
    let private_allowed = access.caller().is_consortium_admin();
    if input.is_sound("agencies") && input.is_sound("role") {
        let named = input.value.agencies.as_ref().map(|list| list.0.clone()).unwrap_or_default();
        let faults = agency_faults(&state, &access, input.value.role, &named).await?;
        input.faults(faults);
    }
    if input.is_sound("url")
        && let Err(bad) = deliveries::check_url(&input.value.url, private_allowed)
    {
        input.fault("url", "INVALID_ADDRESS", bad.to_string());
    }
    let NewSubscriptionInput { name, url, language, role, agencies } = input.checked()?;
    let agencies: BTreeSet<AgencyCode> = agencies.map(|list| list.0).unwrap_or_default().into_iter().collect();
    if !access.may_give(role, &agencies) {
        let detail =
            format!("A key with the role {} makes no subscription with the role {role}.", access.caller().role());
        return Err(Problem::new(StatusCode::FORBIDDEN, "MORE_THAN_OWN_ROLE", detail));
    }
    if state.engine.store().subscriptions().await?.len() >= MOST {
        let detail = format!("The hub has {MOST} subscriptions, the most that it serves. Remove one first.");
        return Err(Problem::new(StatusCode::CONFLICT, "TOO_MANY_SUBSCRIPTIONS", detail));
    }
    let now = state.engine.clock().now();
    let new = Subscription {
        code: name.0,
        url,
        language: language.unwrap_or_default().tag().to_owned(),
        role,
        agencies: agencies.into_iter().collect(),
        private_allowed,
        created_at: now,
        created_by: access.name().to_owned(),
        active: true,
        position: state.engine.newest_event().await?,
        failures: 0,
        due_at: now,
        last_delivered_at: None,
        last_error: None,
    };
    let secret = deliveries::new_secret(state.engine.ids().secret());
    let view = SubscriptionView::from(new.clone());
    let changed = Changed::new("subscription", &new.code, new.agencies.clone()).after(&view);
    let insert = |unit: &mut Unit| unit.insert_subscription(&new, &secret);
    access.commit(&state, changed.secret("secret", false, true), insert).await.map_err(|error| match error {
        store::Error::Conflict => {
            let detail = format!("There is a subscription {} already.", new.code);
            Problem::new(StatusCode::CONFLICT, "SUBSCRIPTION_EXISTS", detail)
        }
        other => other.into(),
    })?;
    Ok((StatusCode::CREATED, Extension(ContainsSecret), Json(NewSubscriptionView { about: view, secret })))
}

/// Returns a subscription, and the number of its deliveries.
#[utoipa::path(
    get,
    path = "/api/v1/subscriptions/{code}",
    operation_id = "get_subscription",
    tag = "events",
    params(PathCode),
    responses(
        (status = 200, description = "The subscription.", body = StateView),
        (status = 404, description = "There is none."),
    )
)]
async fn get_subscription(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
) -> Result<Response, Problem> {
    let found = of_name(&state, &access, &name).await?;
    let (pending, dead_letters) = state.engine.store().count_deliveries(&name).await?;
    let tag = [(ETAG, tag(&found).into_header())];
    Ok((tag, Json(StateView { about: found.into(), pending, dead_letters })).into_response())
}

/// Changes a subscription. What could not be sent is due at once.
#[utoipa::path(
    put,
    path = "/api/v1/subscriptions/{code}",
    operation_id = "change_subscription",
    tag = "events",
    params(PathCode, IfMatch),
    request_body(content = Option<SubscriptionChangesInput>),
    responses(
        (status = 200, description = "The changed subscription.", body = SubscriptionView),
        (status = 404, description = "There is none."),
        (status = 412, description = "It isn't as `If-Match` demands."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn change_subscription(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
    if_match: IfMatch,
    Body(mut input): Body<SubscriptionChangesInput>,
) -> Result<Json<SubscriptionView>, Problem> {
    let known = of_name(&state, &access, &name).await?;
    if_match.is_met(&tag(&known))?;
    if let Some(url) = input.value.url.clone()
        && let Err(bad) = deliveries::check_url(&url, known.private_allowed && access.caller().is_consortium_admin())
    {
        input.fault("url", "INVALID_ADDRESS", bad.to_string());
    }
    let SubscriptionChangesInput { url, language, active } = input.checked()?;
    let changed = Subscription {
        url: url.unwrap_or_else(|| known.url.clone()),
        language: language.map_or_else(|| known.language.clone(), |language| language.tag().to_owned()),
        active: active.unwrap_or(known.active),
        failures: 0,
        ..known.clone()
    };
    let view = SubscriptionView::from(changed.clone());
    let act = Changed::new("subscription", &name, known.agencies.clone());
    let act = act.before(Some(&SubscriptionView::from(known))).after(&view);
    let now = state.engine.clock().now();
    access
        .commit(&state, act, |unit| {
            unit.change_subscription(&changed, now);
            Ok(())
        })
        .await?;
    Ok(Json(view))
}

/// Removes a subscription with what is still to be sent to it.
#[utoipa::path(
    delete,
    path = "/api/v1/subscriptions/{code}",
    operation_id = "delete_subscription",
    tag = "events",
    params(PathCode, IfMatch),
    responses(
        (status = 204, description = "It is removed."),
        (status = 404, description = "There is none."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn delete_subscription(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let known = of_name(&state, &access, &name).await?;
    if_match.is_met(&tag(&known))?;
    let act = Changed::new("subscription", &name, known.agencies.clone()).before(Some(&SubscriptionView::from(known)));
    access
        .commit(&state, act, |unit| {
            unit.delete_subscription(&name);
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces a subscription's secret. Messages are signed with both until the overlap ends. The answer contains the new secret,
/// and no later one does.
#[utoipa::path(
    post,
    path = "/api/v1/subscriptions/{code}/rotate",
    operation_id = "rotate_subscription",
    tag = "events",
    params(PathCode),
    request_body(content = Option<RotateSubscriptionInput>),
    responses(
        (status = 200, description = "The subscription with its new secret.", body = NewSubscriptionView),
        (status = 404, description = "There is none."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn rotate_subscription(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
    Body(input): Body<RotateSubscriptionInput>,
) -> Result<(Extension<ContainsSecret>, Json<NewSubscriptionView>), Problem> {
    let known = of_name(&state, &access, &name).await?;
    let RotateSubscriptionInput { overlap_hours } = input.checked()?;
    let secret = deliveries::new_secret(state.engine.ids().secret());
    let now = state.engine.clock().now();
    let until = now.checked_add(SignedDuration::from_hours(overlap_hours.0.into())).unwrap_or(now);
    let view = SubscriptionView::from(known.clone());
    let act = Changed::new("subscription", &name, known.agencies).before(Some(&view)).after(&view);
    access
        .commit(&state, act.secret("secret", true, true), |unit| unit.rotate_subscription(&name, &secret, until))
        .await?;
    Ok((Extension(ContainsSecret), Json(NewSubscriptionView { about: view, secret })))
}

/// Lists the events that could not be delivered to a subscription within three days. They are kept as long as events are.
#[utoipa::path(
    get,
    path = "/api/v1/subscriptions/{code}/dead-letters",
    operation_id = "list_dead_letters",
    tag = "events",
    params(PathCode, DeadLetterQuery),
    responses(
        (status = 200, description = "A page of dead letters.", body = DeadLetterList),
        (status = 404, description = "There is no such subscription."),
    )
)]
async fn list_dead_letters(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
    Query(query): Query<DeadLetterQuery>,
) -> Result<Json<DeadLetterList>, Problem> {
    let DeadLetterQuery { limit, after } = query.checked()?;
    of_name(&state, &access, &name).await?;
    let mut letters = state.engine.store().dead_letters(&name, after.0.into(), limit.0 + 1).await?;
    let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
    let more = letters.len() > limit;
    letters.truncate(limit);
    let next = letters.last().filter(|_| more).map(|letter| letter.position);
    Ok(Json(DeadLetterList { dead_letters: letters.into_iter().map(Into::into).collect(), next }))
}

/// Sends dead letters once more: those of some events, or all. They may arrive after later changes of their request; the greater
/// `version` counts.
#[utoipa::path(
    post,
    path = "/api/v1/subscriptions/{code}/resend",
    operation_id = "resend_dead_letters",
    tag = "events",
    params(PathCode),
    request_body(content = Option<ResendInput>),
    responses(
        (status = 204, description = "They are due now."),
        (status = 404, description = "There is no such subscription."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn resend_dead_letters(
    State(state): State<WebState>,
    access: Access,
    PathCode(name): PathCode,
    Body(input): Body<ResendInput>,
) -> Result<StatusCode, Problem> {
    let known = of_name(&state, &access, &name).await?;
    let ResendInput { events } = input.checked()?;
    let positions: Option<Vec<i64>> = events.map(|list| list.0.into_iter().map(|event| event.0.into()).collect());
    let now = state.engine.clock().now();
    let act = Changed::new("subscription", &name, known.agencies);
    access
        .commit(&state, act, |unit| {
            unit.resend_dead_letters(&name, positions.as_deref(), now);
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
