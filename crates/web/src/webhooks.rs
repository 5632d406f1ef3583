//! Webhooks: messages of libraries' systems, and the secrets with which they are signed.

use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use engine::{WebhookError, WebhookResult};
use jiff::{SignedDuration, Timestamp};
use lending::InstitutionCode;
use lms::WebhookRejection;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use store::WebhookSecrets;
use tracing::{info, warn};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit::Changed;
use crate::body::RawBody;
use crate::field::{Field, LONGEST_TEXT, PreviousSecret, Reader};
use crate::guard::Access;
use crate::input::{Body, Query, input};
use crate::path::PathCode;
use crate::precondition::{IfMatch, IfNoneMatch, Tag, failed};
use crate::problem::Problem;
use crate::state::WebState;
use crate::words;

/// The largest message, in bytes. Those of library systems are some kilobytes.
const MAX_BYTES: usize = 256 * 1_024;
/// The longest challenge that the hub answers.
const LONGEST_CHALLENGE: usize = 256;
/// The shortest secret. A shorter one can be guessed.
const SHORTEST_SECRET: usize = 16;

/// Returns the routes that need a key.
pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_webhook, put_webhook, delete_webhook))
}

/// Returns the routes for libraries' systems, which need a signature and no key.
pub(crate) fn open_routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(answer_challenge, receive_webhook)).layer(DefaultBodyLimit::max(MAX_BYTES))
}

/// An institution's webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
struct WebhookView {
    /// The path to which its system sends messages, under the hub's public address.
    path: String,
    /// Whether the secret before this one is still valid.
    secret_rotation_active: bool,
    /// Messages in the last 24 hours that reported something new, each counted once.
    useful_messages_24h: u64,
    /// When the last message arrived, accurate to one hour; null if none has ever arrived. The library is then polled
    /// as if it had no webhook.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_message_at: Option<Timestamp>,
    /// Since when the library is polled as if it had no webhook, because an expected message didn't arrive; null if the
    /// webhook is trusted.
    #[schema(value_type = Option<String>, format = DateTime)]
    untrusted_since: Option<Timestamp>,
}

input! {
    /// The data of a webhook.
    struct WebhookInput {
        /// The secret that is set in the library's system too; 16 characters at least; never returned.
        secret: WebhookSecret,
    }
    example: {"secret": "a-long-text-made-by-chance"}
}

/// A secret with which webhook messages are signed.
#[derive(Debug)]
struct WebhookSecret(SecretString);

impl Field for WebhookSecret {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let secret = SecretString::read(value, reader)?;
        if secret.expose_secret().chars().count() < SHORTEST_SECRET {
            let message = format!("It is too short: {SHORTEST_SECRET} characters at least, by chance.");
            reader.fault("TOO_SHORT", message);
            return None;
        }
        Some(Self(secret))
    }

    fn placeholder() -> Self {
        Self(SecretString::placeholder())
    }

    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(SHORTEST_SECRET));
        schema.max_length(Some(LONGEST_TEXT)).write_only(true).into()
    }
}

input! {
    /// The secret to remove.
    struct WebhookQuery {
        /// `previous`, to end a rotation of secrets.
        secret: Option<PreviousSecret>,
    }
    example: {"secret": "previous"}
}

input! {
    /// A challenge of a library's system.
    struct ChallengeQuery {
        /// A text of 256 printable characters at most.
        challenge: Challenge,
    }
    example: {"challenge": "49e1a2d0-6a4f-4c5e-9d7b-0a4b8f1f6c3d"}
}

/// The text of a challenge.
#[derive(Debug)]
struct Challenge(String);

impl Field for Challenge {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let text = value.as_str().unwrap_or_default();
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if text.is_empty() || text.len() > LONGEST_CHALLENGE || !plain {
            let message = format!("It must be one text of {LONGEST_CHALLENGE} printable ASCII characters at most.");
            reader.fault("INVALID", message);
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }

    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        schema.max_length(Some(LONGEST_CHALLENGE)).into()
    }
}

/// The hub's reaction to a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Received)]
struct WebhookResultView {
    /// `accepted`: the hub polls or updates the requests it concerns. `duplicate`: it was received before. `ignored`:
    /// no request waits for it.
    #[schema(schema_with = words::webhook_result)]
    result: &'static str,
}

/// The text of a challenge, as it was received.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Challenge)]
struct ChallengeView {
    /// The same text.
    challenge: String,
}

/// Returns an institution's webhook, without its secret.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}/webhook",
    operation_id = "get_webhook",
    tag = "institutions",
    params(PathCode),
    responses(
        (status = 200, description = "Its webhook.", body = WebhookView),
        (status = 404, description = "There is no such institution, or it has none."),
    )
)]
async fn get_webhook(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
) -> Result<Response, Problem> {
    access.institution(&state, &code).await?;
    view(&state, &code).await
}

/// Returns the tag of a webhook: it changes with each change of its secrets.
fn tag(secrets: &WebhookSecrets) -> Tag {
    Tag::of_content(&secrets.version)
}

/// Returns the version and the tag of a webhook, if there is one.
fn tagged(secrets: Option<&WebhookSecrets>) -> Option<(i64, Tag)> {
    secrets.map(|secrets| (secrets.version, tag(secrets)))
}

/// Creates the answer with the webhook of an institution.
async fn view(state: &WebState, code: &str) -> Result<Response, Problem> {
    let store = state.engine.store();
    let institution = InstitutionCode::from(code);
    let secrets = store.webhook_secrets(&institution).await?.ok_or_else(|| Problem::not_found("webhook", code))?;
    let now = state.engine.clock().now();
    let since = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    let (last_message_at, untrusted_since) = state.engine.polling().webhook_status(&institution).await?;
    let tag = [(ETAG, tag(&secrets).into_header())];
    let view = WebhookView {
        path: format!("/webhooks/{code}"),
        secret_rotation_active: !secrets.previous.is_empty(),
        useful_messages_24h: store.messages_since(&institution, since).await?,
        last_message_at,
        untrusted_since,
    };
    Ok((tag, Json(view)).into_response())
}

/// Sets the secret of an institution's webhook. An earlier secret stays valid, so that no message is lost while the
/// secret is changed in the library's system. Finish the rotation by deleting with `secret=previous`.
#[utoipa::path(
    put,
    path = "/api/v1/institutions/{code}/webhook",
    operation_id = "put_webhook",
    tag = "institutions",
    params(PathCode, IfMatch, IfNoneMatch),
    request_body = WebhookInput,
    responses(
        (status = 200, description = "It is set.", body = WebhookView),
        (status = 404, description = "There is no such institution."),
        (status = 412, description = "It isn't as `If-Match` or `If-None-Match` demands."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn put_webhook(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
    Body(input): Body<WebhookInput>,
) -> Result<Response, Problem> {
    access.may_use_institution(&state, &code.as_str().into()).await?;
    let secret = input.checked()?.secret.0;
    let institution = access.institution(&state, &code).await?.code;
    let known = state.engine.store().webhook_secrets(&institution).await?;
    let expected = if_none_match.and(if_match.expected(tagged(known.as_ref()))?, known.is_some())?;
    let is_new = |known: &WebhookSecrets| known.current.expose_secret() != secret.expose_secret();
    let changed = Changed::new("webhook of", &code, access.agencies_of(&state, &institution).await?);
    let changed = changed.before(known.as_ref().map(|_| json!({})).as_ref()).after(&json!({}));
    let changed = changed.secret("secret", known.is_some(), known.as_ref().is_none_or(is_new));
    access.announce(&state, changed).await?;
    let set = state.engine.polling().set_webhook_secret(&institution, &secret, expected).await;
    set.map_err(|error| failed(expected, error))?;
    info!(institution = code, "its webhook has a new secret");
    view(&state, &code).await
}

/// Removes an institution's webhook; or, with `secret=previous`, only the secret before the newest one.
#[utoipa::path(
    delete,
    path = "/api/v1/institutions/{code}/webhook",
    operation_id = "delete_webhook",
    tag = "institutions",
    params(PathCode, WebhookQuery, IfMatch),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is none."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn delete_webhook(
    State(state): State<WebState>,
    access: Access,
    PathCode(code): PathCode,
    if_match: IfMatch,
    Query(query): Query<WebhookQuery>,
) -> Result<StatusCode, Problem> {
    let only_previous = query.checked()?.secret.is_some();
    let institution = InstitutionCode::from(code.as_str());
    access.may_use_institution(&state, &institution).await?;
    let known = state.engine.store().webhook_secrets(&institution).await?;
    let known = known.ok_or_else(|| Problem::not_found("webhook", &code))?;
    let expected = if_match.expected(tagged(Some(&known)))?;
    let changed = Changed::new("webhook of", &code, access.agencies_of(&state, &institution).await?);
    let changed = changed.before(Some(&json!({"secret": "set"})));
    let after = json!({"secret": "unchanged", "previous_secret": "removed"});
    access.announce(&state, if only_previous { changed.after(&after) } else { changed }).await?;
    let polling = state.engine.polling();
    let done = if only_previous {
        polling.end_rotation(&institution, expected).await
    } else {
        polling.remove_webhook(&institution, expected).await.map(drop)
    };
    done.map_err(|error| failed(expected, error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answers the challenge with which a library's system checks that the hub listens. The answer is the same for an unknown
/// institution, so that nobody can find out which institutions there are.
#[utoipa::path(
    get,
    path = "/webhooks/{code}",
    operation_id = "answer_challenge",
    tag = "webhooks",
    params(PathCode, ChallengeQuery),
    responses(
        (status = 200, description = "The text, as it came.", body = ChallengeView),
        (status = 422, description = "No challenge, or one that isn't answered."),
    )
)]
async fn answer_challenge(
    PathCode(_code): PathCode,
    Query(query): Query<ChallengeQuery>,
) -> Result<Json<ChallengeView>, Problem> {
    let challenge = query.checked()?.challenge.0;
    Ok(Json(ChallengeView { challenge }))
}

/// Accepts a signed message of a library's system. Once the hub has answered 200, the message is stored. It is a hint
/// at what to poll, so it may come late, twice and in any order.
#[utoipa::path(
    post,
    path = "/webhooks/{code}",
    operation_id = "take_message",
    tag = "webhooks",
    params(PathCode),
    request_body(content = String, description = "The message as the library's system writes it.", content_type = "application/json"),
    responses(
        (status = 200, description = "It is taken.", body = WebhookResultView),
        (status = 400, description = "It is signed and can't be read, or it broke off."),
        (status = 401, description = "The signature is missing or wrong, or the institution has no webhook here (`WRONG_SIGNATURE`)."),
        (status = 403, description = "It is signed, and from another institution (`OTHER_INSTITUTION`)."),
        (status = 408, description = "It did not arrive in time."),
        (status = 413, description = "It is too large."),
    )
)]
async fn receive_webhook(
    State(state): State<WebState>,
    PathCode(code): PathCode,
    headers: HeaderMap,
    RawBody(body): RawBody<MAX_BYTES>,
) -> Result<Json<WebhookResultView>, Problem> {
    let signature = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let result = state.engine.receive_webhook(&InstitutionCode::from(code.as_str()), signature, &body).await;
    let result = match result.map_err(|error| problem(&code, error))? {
        WebhookResult::Accepted(_) => "accepted",
        WebhookResult::Duplicate => "duplicate",
        WebhookResult::Ignored => "ignored",
    };
    Ok(Json(WebhookResultView { result }))
}

fn problem(code: &str, error: WebhookError) -> Problem {
    match error {
        WebhookError::Rejected(WebhookRejection::InvalidSignature) => {
            warn!(institution = code, "a message with a missing or wrong signature is refused");
            let detail = "The signature is missing or wrong, or the hub has no webhook for this institution. The secret \
                          must be the same in the library's system and here.";
            Problem::new(StatusCode::UNAUTHORIZED, "WRONG_SIGNATURE", detail)
        }
        WebhookError::Rejected(WebhookRejection::Malformed(reason)) => {
            Problem::bad_request("UNREADABLE_MESSAGE", format!("The message can't be read: {reason}."))
        }
        WebhookError::Rejected(WebhookRejection::OtherInstitution) => {
            warn!(institution = code, "a signed message is refused, since it names another institution as its sender");
            let detail = "The message names another institution as its sender than the one of this address. The code of \
                          the institution at the hub must be its institution code in the library's system.";
            Problem::new(StatusCode::FORBIDDEN, "OTHER_INSTITUTION", detail)
        }
        WebhookError::Store(error) => engine::Error::from(error).into(),
        _ => Problem::internal(),
    }
}
