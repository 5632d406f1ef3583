//! Messages between the libraries of a request.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::agencies_of_library;
use jiff::Timestamp;
use lending::{AgencyCode, Request};
use serde::Serialize;
use store::{NewRequestMessage, RequestMessage};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::field::{MessageText, Number};
use crate::guard::Access;
use crate::input::{Body, input};
use crate::path::PathId;
use crate::problem::{FieldError, Problem};
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_request_messages, send_request_message))
        .routes(routes!(mark_request_messages_read))
}

/// How many messages a request may have.
const MOST_MESSAGES: usize = 500;

/// The messages of a request.
#[derive(Debug, Serialize, ToSchema)]
struct MessageList {
    /// Oldest first.
    messages: Vec<MessageView>,
    /// How many of them the caller's agencies have not read.
    unread: u64,
    /// The agencies that read a message of the caller: those at the other sides of the request.
    readers: Vec<String>,
}

/// A message of one library to the others.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
struct MessageView {
    /// Its number; later messages have greater ones.
    seq: i64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The agency that wrote it; null for the consortium's office.
    agency: Option<String>,
    /// The user or key that wrote it.
    sender: String,
    /// Whether it is one of the caller's agencies that wrote it.
    own: bool,
    /// The text; null once it is erased with the patron's data.
    text: Option<String>,
}

impl MessageView {
    fn new(message: RequestMessage, access: &Access) -> Self {
        let by_office = access.caller().is_consortium_admin();
        Self {
            seq: message.seq,
            time: message.at,
            own: message.agency.as_ref().map_or(by_office, |agency| access.caller().agencies().contains(agency)),
            agency: message.agency.map(|agency| agency.to_string()),
            sender: message.sender,
            text: message.text,
        }
    }
}

input! {
    /// A message to the other libraries of a request.
    struct MessageInput {
        /// The text, of 2000 characters at most. The other libraries read it, so it should not name the patron.
        text: MessageText,
        /// The agency that writes it. Needed if several of the caller's agencies stand at a side of the request; otherwise it is the
        /// one that does, or the consortium's office.
        agency: Option<AgencyCode>,
    }
    example: {"text": "Bag R1 left here on the 7th with five books. Did they all arrive?"}
}

input! {
    /// Which messages were read.
    struct ReadMessagesInput {
        /// The number of the last message that was read; all messages if it is left out.
        through: Number<0, { u32::MAX }, { u32::MAX }>,
    }
    example: {"through": 12}
}

/// Returns the agencies at the sides of a request.
async fn agencies_at(state: &WebState, request: &Request) -> Result<BTreeSet<AgencyCode>, Problem> {
    let agencies = state.engine.agencies().await?;
    let mut all = BTreeSet::from([request.patron.agency.clone()]);
    if let Some(supply) = &request.supply {
        let lenders = agencies_of_library(&agencies, &supply.institution, Some(&supply.copy.library));
        all.extend(lenders.into_iter().map(|agency| agency.code.clone()));
    }
    all.extend(state.engine.pickup_agencies().await?.get(&request.pickup.code).cloned());
    Ok(all)
}

/// Returns the agency for which the caller writes; `None` for the consortium's office.
fn writer(
    access: &Access,
    named: Option<AgencyCode>,
    at: &BTreeSet<AgencyCode>,
) -> Result<Option<AgencyCode>, FieldError> {
    let fault = |code, message: String| Err(FieldError::new("agency", code, message));
    let own: Vec<&AgencyCode> = at.iter().filter(|agency| access.caller().agencies().contains(*agency)).collect();
    match (named, own.as_slice()) {
        (Some(agency), _) if !access.owns(&agency) || !at.contains(&agency) => {
            fault("UNKNOWN_AGENCY", format!("{agency} is none of your agencies that stand at a side of the request."))
        }
        (Some(agency), _) => Ok(Some(agency)),
        (None, [only]) => Ok(Some((*only).clone())),
        (None, []) => Ok(None),
        (None, _) => fault("REQUIRED", "Several of your agencies stand at a side of the request. Name one.".to_owned()),
    }
}

/// Returns the messages that the libraries of a request have written to each other. Reading them doesn't mark them as read.
#[utoipa::path(
    get,
    path = "/api/v1/requests/{id}/messages",
    operation_id = "list_request_messages",
    tag = "requests",
    params(PathId),
    responses(
        (status = 200, description = "The messages.", body = MessageList),
        (status = 404, description = "There is no such request."),
    )
)]
async fn list_request_messages(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
) -> Result<Json<MessageList>, Problem> {
    access.may_list(false)?;
    let seen = access.request(&state, id).await?;
    let messages = state.engine.store().request_messages(&seen.stored).await?;
    let at = agencies_at(&state, &seen.stored.request).await?;
    let readers = at.into_iter().filter(|agency| !access.caller().agencies().contains(agency));
    Ok(Json(MessageList {
        messages: messages.into_iter().map(|message| MessageView::new(message, &access)).collect(),
        unread: access.unread_messages(&state, id).await?,
        readers: readers.map(|agency| agency.to_string()).collect(),
    }))
}

/// Sends a message to the other libraries of a request. It is part of the request's history, and subscribers get an event without
/// the text. The erasure of the patron's data erases it.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/messages",
    operation_id = "send_request_message",
    tag = "requests",
    params(PathId),
    request_body = MessageInput,
    responses(
        (status = 201, description = "It is sent.", body = MessageView),
        (status = 404, description = "There is no such request."),
        (status = 409, description = "The request has as many messages as it may have, or its patron's data is erased."),
    )
)]
async fn send_request_message(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    Body(input): Body<MessageInput>,
) -> Result<(StatusCode, Json<MessageView>), Problem> {
    let seen = access.request(&state, id).await?;
    let MessageInput { text: MessageText(text), agency } = input.checked()?;
    let at = agencies_at(&state, &seen.stored.request).await?;
    let agency = writer(&access, agency, &at).map_err(|fault| Problem::invalid(vec![fault]))?;
    if state.engine.store().request_messages(&seen.stored).await?.len() >= MOST_MESSAGES {
        let detail = format!("A request may have {MOST_MESSAGES} messages, and this one has.");
        return Err(Problem::new(StatusCode::CONFLICT, "TOO_MANY_MESSAGES", detail));
    }
    let readers: Vec<AgencyCode> = at.into_iter().filter(|reader| Some(reader) != agency.as_ref()).collect();
    let message = NewRequestMessage { agency, sender: access.name().to_owned(), text };
    let sent =
        state.engine.send_message(id, &message, &readers).await.map_err(|error| Problem::from(error).about(id))?;
    let NewRequestMessage { agency, sender, text } = message;
    let sent = RequestMessage { seq: sent.version, at: sent.updated_at, agency, sender, text: Some(text) };
    Ok((StatusCode::CREATED, Json(MessageView::new(sent, &access))))
}

/// Marks the messages of a request as read by the caller's agencies. It can be repeated.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/messages/read",
    operation_id = "mark_request_messages_read",
    tag = "requests",
    params(PathId),
    request_body(content = Option<ReadMessagesInput>),
    responses(
        (status = 204, description = "They are marked."),
        (status = 404, description = "There is no such request."),
    )
)]
async fn mark_request_messages_read(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    Body(input): Body<ReadMessagesInput>,
) -> Result<StatusCode, Problem> {
    access.request(&state, id).await?;
    let through = input.checked()?.through.0;
    let agencies: Vec<AgencyCode> = access.caller().agencies().iter().cloned().collect();
    let mut unit = state.engine.store().unit();
    unit.mark_messages_read(id, &agencies, through.into());
    state.engine.store().commit(unit).await?;
    Ok(StatusCode::NO_CONTENT)
}
