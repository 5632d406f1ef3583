//! Webhooks: what libraries' systems send by themselves, and the secrets they sign with.

use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use engine::{WebhookError, WebhookResult};
use jiff::{SignedDuration, Timestamp};
use lending::InstitutionCode;
use lms::WebhookRejection;
use secrecy::SecretString;
use serde::Serialize;
use tracing::{info, warn};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Fields, RawBody};
use crate::path::PathCode;
use crate::problem::{FieldError, Problem};
use crate::query::Params;
use crate::state::WebState;

/// The largest message; Alma's are some kilobytes.
const MAX_BYTES: usize = 256 * 1_024;
/// The longest challenge that is answered.
const LONGEST_CHALLENGE: usize = 256;
/// Secrets of fewer characters can be guessed.
const SHORTEST_SECRET: usize = 16;

/// What needs a key.
pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_webhook, put_webhook, delete_webhook))
}

/// What libraries' systems call: no key, but a signature.
pub(crate) fn open_routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(answer_challenge, receive_webhook)).layer(DefaultBodyLimit::max(MAX_BYTES))
}

/// An institution's webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
struct WebhookView {
    /// Where its system is to send messages, under the hub's public address.
    path: String,
    /// Whether the secret before this one still counts.
    secret_rotation_active: bool,
    /// Messages in the last 24 hours that reported something new, each counted once.
    useful_messages_24h: u64,
    /// When a message came last, within an hour; null as long as none has, and then the library is polled as if it had no
    /// webhook.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_message_at: Option<Timestamp>,
    /// Since when, for lack of a message that should have come, the library is polled as if it had no webhook; null where
    /// it is counted on.
    #[schema(value_type = Option<String>, format = DateTime)]
    untrusted_since: Option<Timestamp>,
}

/// A webhook as it is set up.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes the input in the OpenAPI document")]
struct WebhookInput {
    /// The secret that is set in the library's system too; 16 characters at least. Is never answered.
    #[schema(value_type = String, write_only)]
    secret: String,
}

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Received)]
struct WebhookResultView {
    /// `accepted`: the requests it concerns are polled or updated now. `duplicate`: it was received before. `ignored`: no request waits for it.
    #[schema(value_type = String, example = "accepted")]
    result: &'static str,
}

/// The text of a challenge, as it came.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Challenge)]
struct ChallengeView {
    /// The same text.
    challenge: String,
}

/// An institution's webhook, without its secret.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}/webhook",
    operation_id = "get_webhook",
    tag = "institutions",
    params(("code" = String, Path, description = "The institution's code.")),
    responses(
        (status = 200, description = "Its webhook.", body = WebhookView),
        (status = 404, description = "There is no such institution, or it has none."),
    )
)]
async fn get_webhook(State(state): State<WebState>, PathCode(code): PathCode) -> Result<Json<WebhookView>, Problem> {
    view(&state, &code).await.map(Json)
}

async fn view(state: &WebState, code: &str) -> Result<WebhookView, Problem> {
    let store = state.engine.store();
    let institution = InstitutionCode::from(code);
    let secrets = store.webhook_secrets(&institution).await?.ok_or_else(|| Problem::not_found("webhook", code))?;
    let now = state.engine.clock().now();
    let since = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    let (last_message_at, untrusted_since) = state.engine.polling().webhook_status(&institution).await?;
    Ok(WebhookView {
        path: format!("/webhooks/{code}"),
        secret_rotation_active: !secrets.previous.is_empty(),
        useful_messages_24h: store.messages_since(&institution, since).await?,
        last_message_at,
        untrusted_since,
    })
}

/// Gives an institution's webhook a secret. One that it had counts on, so that nothing is lost while the secret is changed
/// in the library's system: end the change by deleting with `secret=previous`.
#[utoipa::path(
    put,
    path = "/api/v1/institutions/{code}/webhook",
    operation_id = "put_webhook",
    tag = "institutions",
    params(("code" = String, Path, description = "The institution's code.")),
    request_body = WebhookInput,
    responses(
        (status = 200, description = "It is set.", body = WebhookView),
        (status = 404, description = "There is no such institution."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn put_webhook(
    State(state): State<WebState>,
    PathCode(code): PathCode,
    mut fields: Fields,
) -> Result<Json<WebhookView>, Problem> {
    let secret = fields.text("secret");
    let mut faults = fields.finish();
    if faults.is_empty() && secret.chars().count() < SHORTEST_SECRET {
        let message = format!("It is too short: {SHORTEST_SECRET} characters at least, by chance.");
        faults.push(FieldError::new("secret", "TOO_SHORT", message));
    }
    Problem::check(faults)?;
    let institution = InstitutionCode::from(code.as_str());
    if state.engine.store().institution(&institution).await?.is_none() {
        return Err(Problem::not_found("institution", &code));
    }
    state.engine.polling().set_webhook_secret(&institution, &SecretString::from(secret)).await?;
    info!(institution = code, "its webhook has a new secret");
    view(&state, &code).await.map(Json)
}

/// Takes an institution's webhook away; or, with `secret=previous`, only the secret before the newest one.
#[utoipa::path(
    delete,
    path = "/api/v1/institutions/{code}/webhook",
    operation_id = "delete_webhook",
    tag = "institutions",
    params(
        ("code" = String, Path, description = "The institution's code."),
        ("secret" = Option<String>, Query, description = "`previous`, to end a change of secrets."),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is none."),
    )
)]
async fn delete_webhook(
    State(state): State<WebState>,
    PathCode(code): PathCode,
    mut params: Params,
) -> Result<StatusCode, Problem> {
    let institution = InstitutionCode::from(code.as_str());
    let which = params.one("secret");
    if which.as_deref().is_some_and(|which| which != "previous") {
        params.error("secret", "INVALID", "It can only be previous.");
    }
    Problem::check(params.finish())?;
    if state.engine.store().webhook_secrets(&institution).await?.is_none() {
        return Err(Problem::not_found("webhook", &code));
    }
    if which.is_some() {
        state.engine.polling().end_rotation(&institution).await?;
    } else {
        state.engine.polling().remove_webhook(&institution).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Answers the challenge by which a library's system finds out whether it talks to a listener.
#[utoipa::path(
    get,
    path = "/webhooks/{code}",
    operation_id = "answer_challenge",
    tag = "webhooks",
    params(
        ("code" = String, Path, description = "The institution's code."),
        ("challenge" = String, Query, description = "A text of 256 printable characters at most."),
    ),
    responses(
        (status = 200, description = "The text, as it came.", body = ChallengeView),
        (status = 404, description = "There is no such institution."),
        (status = 422, description = "No challenge, or one that isn't answered."),
    )
)]
async fn answer_challenge(
    State(state): State<WebState>,
    PathCode(code): PathCode,
    mut params: Params,
) -> Result<Json<ChallengeView>, Problem> {
    let challenge = params.one("challenge").unwrap_or_default();
    let plain = challenge.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if challenge.is_empty() || challenge.len() > LONGEST_CHALLENGE || !plain {
        let message = format!("It must be given, of {LONGEST_CHALLENGE} printable ASCII characters at most.");
        params.error("challenge", "INVALID", message);
    }
    Problem::check(params.finish())?;
    if state.engine.store().institution(&InstitutionCode::from(code.as_str())).await?.is_none() {
        return Err(Problem::not_found("institution", &code));
    }
    Ok(Json(ChallengeView { challenge }))
}

/// Takes a signed message of a library's system. Answered 200, it is stored; it is a hint at what to poll, so it may
/// come late, twice and in any order.
#[utoipa::path(
    post,
    path = "/webhooks/{code}",
    operation_id = "take_message",
    tag = "webhooks",
    params(("code" = String, Path, description = "The institution's code.")),
    request_body(content = String, description = "The message as the library's system writes it.", content_type = "application/json"),
    responses(
        (status = 200, description = "It is taken.", body = WebhookResultView),
        (status = 400, description = "It is signed and can't be read, or it broke off."),
        (status = 401, description = "The signature is missing or wrong."),
        (status = 404, description = "The institution has no webhook here."),
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
    let result = state.engine.polling().receive_webhook(&InstitutionCode::from(code.as_str()), signature, &body).await;
    let result = match result.map_err(|error| problem(&code, error))? {
        WebhookResult::Accepted(_) => "accepted",
        WebhookResult::Duplicate => "duplicate",
        WebhookResult::Ignored => "ignored",
    };
    Ok(Json(WebhookResultView { result }))
}

fn problem(code: &str, error: WebhookError) -> Problem {
    match error {
        WebhookError::NotConfigured => Problem::not_found("webhook", code),
        WebhookError::Rejected(WebhookRejection::InvalidSignature) => {
            warn!(institution = code, "a message with a missing or wrong signature is refused");
            let detail =
                "The signature is missing or wrong. The secret must be the same in the library's system and here.";
            Problem::new(StatusCode::UNAUTHORIZED, "WRONG_SIGNATURE", detail)
        }
        WebhookError::Rejected(WebhookRejection::Malformed(reason)) => {
            Problem::bad_request("UNREADABLE_MESSAGE", format!("The message can't be read: {reason}."))
        }
        WebhookError::Lms(error) => engine::Error::from(error).into(),
        WebhookError::Store(error) => engine::Error::from(error).into(),
        _ => Problem::internal(),
    }
}
