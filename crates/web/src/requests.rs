//! Patron requests: placing, reading, cancelling.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use engine::NewRequest;
use lending::{
    AgencyCode, Attention, CancelledBy, CopyRef, InstitutionCode, PatronId, PickupLocationCode, Refusal, Request,
    RequestId, Status,
};
use store::{Cursor, RequestFilter, Stored};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Actor;
use crate::input::Fields;
use crate::path::PathId;
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;
use crate::views::{RequestDetails, RequestList, RequestView};

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_requests, place_request))
        .routes(routes!(get_request, cancel_request))
        .routes(routes!(poll_request))
}

/// How many copies a request may name. Each that isn't there costs a call before the next one is tried.
const MOST_COPIES: usize = 20;

/// A request as it is placed.
#[derive(Debug, ToSchema)]
struct NewRequestInput {
    /// The code of the patron's agency.
    #[schema(value_type = String)]
    agency: AgencyCode,
    /// The patron: primary id, barcode or e-mail.
    #[schema(value_type = String)]
    patron: PatronId,
    /// The code of the place where the patron collects.
    #[schema(value_type = String)]
    pickup_location: PickupLocationCode,
    /// Copies that would do, best first; 20 at most, since each may cost a call of its library's API.
    #[schema(min_items = 1, max_items = 20)]
    copies: Vec<CopyInput>,
    /// The last day on which the item is of use to the patron.
    #[schema(value_type = Option<String>, format = Date)]
    needed_until: Option<jiff::civil::Date>,
    /// Whether the patron stands at the lender's desk with the item in hand.
    #[schema(value_type = Option<bool>)]
    expedited: bool,
}

/// A copy, named by its barcode, or by its record with or without an item of it: without, the first copy that can be
/// lent is taken.
#[derive(Debug, ToSchema)]
pub(crate) struct CopyInput {
    /// The code of the institution that owns it.
    #[schema(value_type = String)]
    institution: InstitutionCode,
    /// Its barcode.
    barcode: Option<String>,
    /// Its record.
    bib: Option<String>,
    /// Its holding.
    holding: Option<String>,
    /// Its item.
    item: Option<String>,
    /// The volume wanted, as items' descriptions tell it, where only the record is named.
    volume: Option<String>,
}

impl NewRequestInput {
    fn read(fields: &mut Fields) -> Self {
        Self {
            agency: fields.code("agency").into(),
            patron: fields.identifier("patron").into(),
            pickup_location: fields.code("pickup_location").into(),
            copies: fields.list("copies", MOST_COPIES, CopyInput::read),
            needed_until: fields.date("needed_until"),
            expedited: fields.flag("expedited"),
        }
    }
}

impl CopyInput {
    pub(crate) fn read(fields: &mut Fields) -> Self {
        Self {
            institution: fields.code("institution").into(),
            barcode: fields.optional_identifier("barcode"),
            bib: fields.optional_identifier("bib"),
            holding: fields.optional_identifier("holding"),
            item: fields.optional_identifier("item"),
            volume: fields.optional_text("volume"),
        }
    }
}

impl From<CopyInput> for CopyRef {
    fn from(copy: CopyInput) -> Self {
        Self {
            institution: copy.institution,
            bib: copy.bib.map(Into::into),
            holding: copy.holding.map(Into::into),
            item: copy.item.map(Into::into),
            barcode: copy.barcode.map(Into::into),
            volume: copy.volume,
            chosen_by_staff: false,
            tried_items: Vec::new(),
        }
    }
}

impl From<NewRequestInput> for NewRequest {
    fn from(placement: NewRequestInput) -> Self {
        Self {
            agency: placement.agency,
            patron: placement.patron,
            pickup_location: placement.pickup_location,
            copies: placement.copies.into_iter().map(Into::into).collect(),
            needed_until: placement.needed_until,
            expedited: placement.expedited,
        }
    }
}

/// Places a request, and waits until the patron's library has said whether the patron may borrow.
///
/// Where that library doesn't answer in time, the request is placed all the same: it stays `SUBMITTED_TO_DCB`, its
/// attention says what it waits for, and the hub tries again by itself.
#[utoipa::path(
    post,
    path = "/api/v1/requests",
    operation_id = "place_request",
    tag = "requests",
    params(("wait" = Option<u32>, Query, minimum = 0, maximum = 30, description = "Seconds to wait for the patron's library; 10 where it is left out.")),
    request_body = NewRequestInput,
    responses(
        (status = 201, description = "It is placed.", body = RequestView, headers(("location" = String, description = "Where the request is."))),
        (status = 409, description = "The patron has an open request for this copy already."),
        (status = 422, description = "Faults of the input, all at once; or the patron may not borrow: then `code` says why, and `request_id` names the request, which is recorded as cancelled."),
    )
)]
async fn place_request(
    State(state): State<WebState>,
    actor: Actor,
    mut params: Params,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let wait = params.number("wait", 0..=30, 10);
    let placement = NewRequestInput::read(&mut fields);
    let mut faults = params.finish();
    faults.extend(fields.finish());
    Problem::check(faults)?;

    let id = state.engine.place(placement.into(), actor.name()).await?;
    let checked = state.engine.wait(id, Duration::from_secs(wait.into()), is_checked);
    let stored = match state.unless_stopped(checked).await {
        Some(stored) => stored?,
        None => find(&state, id).await?,
    };
    let place = [(LOCATION, format!("/api/v1/requests/{id}"))];
    if let Some(refusal) = refused_patron(&stored.request) {
        return Ok((place, Problem::refused(refusal).about(id)).into_response());
    }
    Ok((StatusCode::CREATED, place, Json(RequestView::new(stored))).into_response())
}

fn is_checked(request: &Request) -> bool {
    request.status != Status::SubmittedToDcb || matches!(request.attention, Attention::NeedsStaff { .. })
}

fn refused_patron(request: &Request) -> Option<&Refusal> {
    request.refusal.as_ref().filter(|_| request.patron.verified.is_none() && request.cancellation.is_none())
}

/// Lists requests, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/requests",
    operation_id = "list_requests",
    tag = "requests",
    params(
        ("status" = Option<Vec<String>>, Query, description = "Only those in one of these statuses: given several times, or with commas."),
        ("institution" = Option<String>, Query, description = "Only those of this institution, as lender or as borrower."),
        ("open" = Option<bool>, Query, description = "Only those that aren't finished."),
        ("needs_staff" = Option<bool>, Query, description = "Only those that staff must decide on."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "How many at most; 50 where it is left out."),
        ("cursor" = Option<String>, Query, description = "Where to go on: the `next` of the page before."),
    ),
    responses((status = 200, description = "A page of requests.", body = RequestList))
)]
async fn list_requests(State(state): State<WebState>, params: Params) -> Result<Json<RequestList>, Problem> {
    let page = state.engine.store().requests(&filter(params)?).await?;
    Ok(Json(RequestList {
        requests: page.requests.into_iter().map(RequestView::new).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}

fn filter(mut params: Params) -> Result<RequestFilter, Problem> {
    let mut statuses = Vec::new();
    for name in params.all("status") {
        match name.parse::<Status>() {
            Ok(status) => statuses.push(status),
            Err(_) => {
                let known = Status::ALL.map(|status| status.name()).join(", ");
                params.error("status", "UNKNOWN_STATUS", format!("This is no status. Statuses are: {known}."));
            }
        }
    }
    let mut after = None;
    if let Some(text) = params.one("cursor") {
        after = text.parse::<Cursor>().ok();
        if after.is_none() {
            params.error("cursor", "INVALID_CURSOR", "No list gave this cursor. Begin again without one.");
        }
    }
    let filter = RequestFilter {
        statuses,
        institution: params.code("institution").map(Into::into),
        open_only: params.flag("open"),
        needs_staff: params.flag("needs_staff"),
        after,
        limit: params.number("limit", 1..=200, 50),
    };
    Problem::check(params.finish())?;
    Ok(filter)
}

/// One request, with both sides' state and everything that happened to it; where asked, as soon as it has changed.
#[utoipa::path(
    get,
    path = "/api/v1/requests/{id}",
    operation_id = "get_request",
    tag = "requests",
    params(
        ("id" = uuid::Uuid, Path, description = "The request's id."),
        ("after_version" = Option<u32>, Query, description = "The `version` that is known: with `wait`, a later one is waited for."),
        ("wait" = Option<u32>, Query, minimum = 0, maximum = 30, description = "Seconds to wait for a later version; then, or when the hub stops, the request is answered as it is. 0 where it is left out."),
    ),
    responses(
        (status = 200, description = "The request.", body = RequestDetails),
        (status = 404, description = "There is none."),
    )
)]
async fn get_request(
    State(state): State<WebState>,
    PathId(id): PathId,
    mut params: Params,
) -> Result<Json<RequestDetails>, Problem> {
    let known = params.number("after_version", 0..=u32::MAX, 0);
    let wait = params.number("wait", 0..=30, 0);
    Problem::check(params.finish())?;
    // Distinguished from a request that is lost while it is waited for.
    find(&state, id).await?;
    let changed = state.engine.wait_for_change(id, known.into(), Duration::from_secs(wait.into()));
    let stored = match state.unless_stopped(changed).await {
        Some(stored) => stored?,
        None => find(&state, id).await?,
    };
    let timeline = state.engine.store().timeline(id).await?;
    Ok(Json(RequestDetails::new(stored, timeline)))
}

pub(crate) async fn find(state: &WebState, id: RequestId) -> Result<Stored, Problem> {
    let stored = state.engine.store().request(id).await?;
    stored.ok_or_else(|| Problem::not_found("request", &id.to_string()))
}

/// The request as it is now, for an answer to what is done from here on.
pub(crate) async fn accepted(state: &WebState, id: RequestId) -> Result<(StatusCode, Json<RequestView>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(RequestView::new(find(state, id).await?))))
}

/// How a request is cancelled.
#[derive(Debug, Default, ToSchema)]
struct CancelInput {
    /// `patron` or `staff`; `patron` where it is left out.
    #[schema(value_type = Option<String>)]
    by: Option<CancelledBy>,
    /// Why; shown in the timeline, so no names or numbers of persons.
    reason: Option<String>,
}

const BY: &str = "It must be patron or staff.";

/// Cancels a request as far as its state allows. What exists of it at the libraries is taken away from here on.
///
/// `by` and `reason` may be given in the query or in a body; the query wins.
#[utoipa::path(
    delete,
    path = "/api/v1/requests/{id}",
    operation_id = "cancel_request",
    tag = "requests",
    params(
        ("id" = uuid::Uuid, Path, description = "The request's id."),
        ("by" = Option<String>, Query, description = "`patron` or `staff`; `patron` where it is left out."),
        ("reason" = Option<String>, Query, description = "Why; shown in the timeline, so no names or numbers of persons."),
    ),
    request_body(content = Option<CancelInput>),
    responses(
        (status = 202, description = "It is being cancelled.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "Its state doesn't allow it; the detail says why."),
    )
)]
async fn cancel_request(
    State(state): State<WebState>,
    actor: Actor,
    PathId(id): PathId,
    mut params: Params,
    fields: Option<Fields>,
) -> Result<(StatusCode, Json<RequestView>), Problem> {
    let mut fields = fields.unwrap_or_else(Fields::none);
    let in_body = cancel_in_body(&mut fields);
    let in_query = cancel_in_query(&mut params);
    let mut faults = params.finish();
    faults.extend(fields.finish());
    Problem::check(faults)?;

    let by = in_query.by.or(in_body.by).unwrap_or(CancelledBy::Patron);
    let reason = in_query.reason.or(in_body.reason);
    state.engine.cancel(id, by, reason, actor.name()).await.map_err(|error| Problem::from(error).about(id))?;
    accepted(&state, id).await
}

fn cancel_in_body(fields: &mut Fields) -> CancelInput {
    let by = fields.optional_text("by").and_then(|text| {
        let by = canceller(&text);
        if by.is_none() {
            fields.error("by", "UNKNOWN_CANCELLER", BY);
        }
        by
    });
    CancelInput { by, reason: fields.optional_text("reason") }
}

fn cancel_in_query(params: &mut Params) -> CancelInput {
    let by = params.one("by").and_then(|text| {
        let by = canceller(&text);
        if by.is_none() {
            params.error("by", "UNKNOWN_CANCELLER", BY);
        }
        by
    });
    CancelInput { by, reason: params.text("reason") }
}

fn canceller(text: &str) -> Option<CancelledBy> {
    match text {
        "patron" => Some(CancelledBy::Patron),
        "staff" => Some(CancelledBy::Staff),
        _ => None,
    }
}

/// Looks at both libraries now, in place of waiting for the next poll.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/poll",
    operation_id = "poll_request",
    tag = "requests",
    params(("id" = uuid::Uuid, Path, description = "The request's id.")),
    responses(
        (status = 202, description = "The libraries are being polled.", body = RequestView),
        (status = 404, description = "There is none."),
    )
)]
async fn poll_request(
    State(state): State<WebState>,
    PathId(id): PathId,
) -> Result<(StatusCode, Json<RequestView>), Problem> {
    state.engine.poll_now(id).await?;
    accepted(&state, id).await
}
