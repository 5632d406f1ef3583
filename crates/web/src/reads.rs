//! Reads of patron data: noted with each, and listed for admins.

use access::PatronData;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lending::{AgencyCode, Request, RequestId};
use serde::Serialize;
use serde_json::Value;
use store::PatronRead;
use utoipa::ToSchema;
use utoipa::openapi::KnownFormat;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::field::{Field, Number, Reader};
use crate::guard::Access;
use crate::input::{Query, input};
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_reads))
}

impl Access {
    /// Notes that the caller is shown whether a patron of an agency may borrow. There is no request.
    pub(crate) fn note_preview(&self, state: &WebState, agency: AgencyCode) {
        self.note(state, Vec::new(), agency, "may_borrow", None);
    }

    /// Notes that the caller is shown the data of a request's patron. A call that shows none is not noted.
    pub(crate) fn note_read(&self, state: &WebState, request: &Request, data: PatronData, reason: Option<String>) {
        let shown = match data {
            // The pickup code names nobody.
            PatronData::Hidden | PatronData::PickupCode => return,
            PatronData::ShownAtPickup => "shown_at_pickup",
            PatronData::Full => "full",
        };
        self.note(state, vec![request.id], request.patron.agency.clone(), shown, reason);
    }

    /// Notes that the caller is shown requests of one patron, whom it named. A list without any is not noted.
    pub(crate) fn note_list(
        &self,
        state: &WebState,
        requests: Vec<RequestId>,
        agency: &AgencyCode,
        reason: Option<String>,
    ) {
        if !requests.is_empty() {
            self.note(state, requests, agency.clone(), "full", reason);
        }
    }

    fn note(
        &self,
        state: &WebState,
        requests: Vec<RequestId>,
        agency: AgencyCode,
        shown: &str,
        reason: Option<String>,
    ) {
        let at = state.engine.clock().now();
        let read = PatronRead {
            id: state.engine.ids().uuid(at),
            at,
            actor: self.name().to_owned(),
            origin: self.origin(),
            operation: self.operation().to_owned(),
            requests,
            agency,
            shown: shown.to_owned(),
            reason,
        };
        state.reads.add(state.engine.store(), read);
    }
}

/// A read of a patron's data.
#[derive(Debug, Serialize, ToSchema)]
struct ReadView {
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// Who made it: the name of a key.
    actor: String,
    /// The address from which it was made.
    origin: String,
    /// The operation, such as `get_request`.
    operation: String,
    /// The request whose patron was shown, or the first one of a list; null for a preview.
    #[schema(value_type = Option<uuid::Uuid>)]
    request_id: Option<RequestId>,
    /// All requests that were shown, in the order of the list.
    #[schema(value_type = Vec<uuid::Uuid>)]
    request_ids: Vec<RequestId>,
    /// The patron's agency.
    agency: String,
    /// `full`; `shown_at_pickup` for what the patron's library shows to a pickup library; or `may_borrow` for whether the
    /// patron may borrow.
    shown: String,
    /// The reason, if the caller gave one.
    reason: Option<String>,
}

impl From<PatronRead> for ReadView {
    fn from(read: PatronRead) -> Self {
        let PatronRead { id: _, at, actor, origin, operation, requests, agency, shown, reason } = read;
        let (request_id, agency) = (requests.first().copied(), agency.to_string());
        Self { time: at, actor, origin, operation, request_id, request_ids: requests, agency, shown, reason }
    }
}

/// A page of reads.
#[derive(Debug, Serialize, ToSchema)]
struct ReadList {
    /// Newest first.
    reads: Vec<ReadView>,
    /// The `cursor` of the next page; null at the end.
    #[schema(value_type = Option<uuid::Uuid>)]
    next: Option<Uuid>,
}

/// The place of a read in the list.
#[derive(Debug)]
struct ReadCursor(Uuid);

impl Field for ReadCursor {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let cursor = String::read(value, reader)?.parse().ok();
        if cursor.is_none() {
            reader.fault("INVALID_CURSOR", "This is no cursor of a list of reads. Send the `next` of a page.");
        }
        cursor.map(Self)
    }

    fn placeholder() -> Self {
        Self(Uuid::nil())
    }

    fn schema() -> RefOr<Schema> {
        let format = Some(SchemaFormat::KnownFormat(KnownFormat::Uuid));
        ObjectBuilder::new().schema_type(Type::String).format(format).into()
    }
}

input! {
    /// The extent of a list of reads.
    struct ReadsQuery {
        /// The maximum number of reads; 50 if it is left out.
        limit: Number<1, 200, 50>,
        /// Where to continue: the `next` of the previous page.
        cursor: Option<ReadCursor>,
        /// Only reads by the key or user of this name.
        actor: Option<String>,
    }
    example: {"limit": 100}
}

/// Lists reads of patron data, newest first. The consortium admin sees all, and a library admin those of its own patrons.
/// A read is listed within a second; a crash of the hub may lose the last ones.
#[utoipa::path(
    get,
    path = "/api/v1/reads",
    operation_id = "list_reads",
    tag = "audit",
    params(ReadsQuery),
    responses((status = 200, description = "A page of reads.", body = ReadList))
)]
async fn list_reads(
    State(state): State<WebState>,
    access: Access,
    Query(query): Query<ReadsQuery>,
) -> Result<Json<ReadList>, Problem> {
    let ReadsQuery { limit, cursor, actor } = query.checked()?;
    let of = access.logged_agencies();
    let before = cursor.map(|cursor| cursor.0);
    let mut reads = state.engine.store().patron_reads(of.as_deref(), actor.as_deref(), before, limit.0 + 1).await?;
    let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
    let more = reads.len() > limit;
    reads.truncate(limit);
    let next = reads.last().filter(|_| more).map(|read| read.id);
    Ok(Json(ReadList { reads: reads.into_iter().map(Into::into).collect(), next }))
}
