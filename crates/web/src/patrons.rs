//! The data that the hub keeps about a patron: its export and its erasure. The identifier is in the body, since addresses are logged
//! on the way.

use access::PatronData;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use engine::StillNeeded;
use jiff::Timestamp;
use lending::{AgencyCode, PatronId, RequestId};
use serde::Serialize;
use serde_json::{Value, json};
use store::{Agency, AuditRow, PatronRead, RequestMessage, Stored, StoredVirtualPatron};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::NotKept;
use crate::audit::Changed;
use crate::guard::Access;
use crate::input::{Body, input};
use crate::problem::{FieldError, Problem};
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(export_patron)).routes(routes!(erase_patron))
}

input! {
    /// A patron whose data is exported.
    struct ExportInput {
        /// The code of the patron's agency.
        agency: AgencyCode,
        /// The patron: an identifier with which a request was placed, or the primary id.
        patron: PatronId,
        /// The reason, which the log of reads shows. The consortium admin must give one.
        reason: Option<String>,
    }
    example: {"agency": "NORTH", "patron": "20041234567", "reason": "The patron asked for it."}
}

input! {
    /// A patron whose data is erased.
    struct PatronInput {
        /// The code of the patron's agency.
        agency: AgencyCode,
        /// The patron: an identifier with which a request was placed, or the primary id.
        patron: PatronId,
    }
    example: {"agency": "NORTH", "patron": "20041234567"}
}

/// Everything that the hub keeps about a patron.
#[derive(Debug, Serialize, ToSchema)]
struct PatronExport {
    /// The code of the patron's agency.
    agency: String,
    /// The identifier that was asked for.
    patron: String,
    /// The time of the export.
    #[schema(value_type = String, format = DateTime)]
    exported_at: Timestamp,
    /// The patron's requests, oldest first.
    requests: Vec<ExportedRequest>,
    /// The user records that represent the patron at other libraries.
    virtual_patrons: Vec<ExportedVirtualPatron>,
    /// Who was shown the patron's data, oldest first, as far as the log of reads goes back. A read of the last second may be
    /// missing.
    reads: Vec<ExportedRead>,
}

/// One request, as the hub keeps it.
#[derive(Debug, Serialize, ToSchema)]
struct ExportedRequest {
    /// All facts of the request, as they are stored.
    #[schema(value_type = Object)]
    facts: Value,
    /// What happened to it, oldest first.
    timeline: Vec<ExportedEntry>,
    /// What the libraries have written to each other about it, oldest first.
    messages: Vec<ExportedMessage>,
}

/// A message between the libraries of a request.
#[derive(Debug, Serialize, ToSchema)]
struct ExportedMessage {
    /// The time.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The agency that wrote it; null for the consortium's office.
    agency: Option<String>,
    /// The text.
    text: Option<String>,
}

/// One entry of a request's timeline.
#[derive(Debug, Serialize, ToSchema)]
struct ExportedEntry {
    /// The time.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The event.
    event: String,
    /// Who caused it: the hub, or the name of an API key.
    actor: String,
    /// The reason for the new status.
    reason: Option<String>,
    /// A note for staff.
    note: Option<String>,
    /// The facts on which the event is based.
    #[schema(value_type = Option<Object>)]
    evidence: Option<Value>,
}

/// A user record that represents a patron at another library.
#[derive(Debug, Serialize, ToSchema)]
struct ExportedVirtualPatron {
    /// The code of the institution whose system has it.
    institution: String,
    /// `lender` or `pickup`.
    #[schema(value_type = String, example = "lender")]
    side: &'static str,
    /// Its id there.
    id: String,
    /// When a request needed it last.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
}

/// A read of the patron's data.
#[derive(Debug, Serialize, ToSchema)]
struct ExportedRead {
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// Who made it: the name of a key.
    actor: String,
    /// The operation, such as `get_request`.
    operation: String,
    /// How much was shown: `full` or `shown_at_pickup`.
    shown: String,
    /// The reason, if one was given.
    reason: Option<String>,
    /// The requests that were shown.
    #[schema(value_type = Vec<uuid::Uuid>)]
    request_ids: Vec<RequestId>,
}

/// The result of an erasure.
#[derive(Debug, Serialize, ToSchema)]
struct ErasureView {
    /// Requests whose data was erased.
    #[schema(example = 3)]
    requests: usize,
    /// Virtual patrons that were removed from libraries' systems.
    #[schema(example = 1)]
    virtual_patrons_removed: usize,
    /// Virtual patrons that libraries' systems still have, since they have loans, requests or fees there, or since the systems can't
    /// be reached. The hub removes them when the systems allow it.
    #[schema(example = 0)]
    virtual_patrons_left: usize,
}

impl ExportedRequest {
    fn new(stored: &Stored, timeline: Vec<AuditRow>, messages: Vec<RequestMessage>) -> Result<Self, Problem> {
        let facts = serde_json::to_value(&stored.request).map_err(|_| Problem::internal())?;
        let entry = |row: AuditRow| ExportedEntry {
            time: row.entry.at,
            event: row.entry.event,
            actor: row.entry.actor,
            reason: row.entry.reason,
            note: row.entry.note,
            evidence: row.entry.evidence,
        };
        let message = |message: RequestMessage| ExportedMessage {
            time: message.at,
            agency: message.agency.map(|agency| agency.to_string()),
            text: message.text,
        };
        let messages = messages.into_iter().map(message).collect();
        Ok(Self { facts, timeline: timeline.into_iter().map(entry).collect(), messages })
    }
}

impl From<PatronRead> for ExportedRead {
    fn from(read: PatronRead) -> Self {
        let PatronRead { id: _, at, actor, origin: _, operation, requests, agency: _, shown, reason } = read;
        Self { time: at, actor, operation, shown, reason, request_ids: requests }
    }
}

impl From<StoredVirtualPatron> for ExportedVirtualPatron {
    fn from(known: StoredVirtualPatron) -> Self {
        Self {
            institution: known.institution.to_string(),
            side: known.side.name(),
            id: known.id.as_str().to_owned(),
            last_used_at: known.last_used_at,
        }
    }
}

/// Returns everything that the hub keeps about a patron: the requests whose data isn't erased, with their timelines, the user
/// records that represent the patron at other libraries, and who was shown the patron's data. An unknown patron has none.
#[utoipa::path(
    post,
    path = "/api/v1/patrons/export",
    operation_id = "export_patron",
    tag = "patrons",
    request_body = ExportInput,
    responses(
        (status = 200, description = "What the hub keeps.", body = PatronExport),
        (status = 404, description = "There is no such agency."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn export_patron(
    State(state): State<WebState>,
    access: Access,
    Body(read): Body<ExportInput>,
) -> Result<(Extension<NotKept>, Json<PatronExport>), Problem> {
    let ExportInput { agency, patron, reason } = read.checked()?;
    access.agency(&agency)?;
    if access.caller().is_consortium_admin() && reason.is_none() {
        let message = "The consortium admin sees a patron's data only with a reason, which is logged.";
        return Err(Problem::invalid(vec![FieldError::new("reason", "MISSING", message)]));
    }
    let home = home(&state, &agency).await?;
    let data = state.engine.patron_data(&home.institution, &agency, &patron).await?;
    let mut requests = Vec::with_capacity(data.requests.len());
    for (stored, timeline) in data.requests {
        access.note_read(&state, &stored.request, PatronData::Full, reason.clone());
        let messages = state.engine.store().request_messages(&stored).await?;
        requests.push(ExportedRequest::new(&stored, timeline, messages)?);
    }
    let export = PatronExport {
        agency: agency.to_string(),
        patron: patron.as_str().to_owned(),
        exported_at: state.engine.clock().now(),
        requests,
        virtual_patrons: data.virtual_patrons.into_iter().map(Into::into).collect(),
        reads: data.reads.into_iter().map(Into::into).collect(),
    };
    Ok((Extension(NotKept), Json(export)))
}

/// Erases a patron's data now, and removes the user records that represent the patron at other libraries. Statistics stay. Nothing is
/// erased while one of the patron's requests is open, or still needed for another reason.
#[utoipa::path(
    post,
    path = "/api/v1/patrons/erase",
    operation_id = "erase_patron",
    tag = "patrons",
    request_body = PatronInput,
    responses(
        (status = 200, description = "What was erased.", body = ErasureView),
        (status = 404, description = "There is no such agency."),
        (status = 409, description = "Requests of the patron are still needed (`PATRON_DATA_NEEDED`); `errors` names each with the reason. Nothing was erased."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn erase_patron(
    State(state): State<WebState>,
    access: Access,
    Body(read): Body<PatronInput>,
) -> Result<Json<ErasureView>, Problem> {
    let PatronInput { agency, patron } = read.checked()?;
    access.agency(&agency)?;
    let home = home(&state, &agency).await?;
    // The act names the agency alone: the patron's identifier is what must go.
    let changed = Changed::new("patron data of", agency.as_str(), vec![agency.clone()]);
    access.announce(&state, changed.after(&json!({"erased": true}))).await?;
    match state.engine.erase_patron(&home.institution, &agency, &patron, access.name()).await? {
        Ok(erased) => Ok(Json(ErasureView {
            requests: erased.requests,
            virtual_patrons_removed: erased.virtual_patrons_removed,
            virtual_patrons_left: erased.virtual_patrons_left,
        })),
        Err(StillNeeded(requests)) => {
            let errors = requests.into_iter().map(|(id, kept_for)| {
                let message = format!("Request {id} is still needed: {}.", kept_for.sentence());
                FieldError::new("patron", "PATRON_DATA_NEEDED", message)
            });
            let detail = "Requests of the patron are still needed, so nothing was erased. End them, settle losses and decide cases for \
                          staff first.";
            Err(Problem::new(StatusCode::CONFLICT, "PATRON_DATA_NEEDED", detail).with_errors(errors.collect()))
        }
    }
}

async fn home(state: &WebState, agency: &AgencyCode) -> Result<Agency, Problem> {
    let found = state.engine.store().agency(agency).await?;
    found.ok_or_else(|| Problem::not_found("agency", agency.as_str()))
}
