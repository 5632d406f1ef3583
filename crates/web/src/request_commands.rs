//! Commands of patrons and staff for a patron request.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ETAG, HeaderName};
use engine::AnotherLender;
use lending::{CancelledBy, Command, Effect, PickupLocationCode, Settlement};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard::{Access, Seen};
use crate::input::{Body, Query, input};
use crate::path::PathId;
use crate::precondition::{IfMatch, Tag};
use crate::problem::Problem;
use crate::request_view::RequestView;
use crate::requests::CopyInput;
use crate::state::WebState;
use crate::words;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(cancel_request))
        .routes(routes!(poll_request))
        .routes(routes!(resume_request))
        .routes(routes!(next_supplier))
        .routes(routes!(change_pickup_location))
        .routes(routes!(report_found))
        .routes(routes!(report_damage))
        .routes(routes!(settle_loss))
        .routes(routes!(preview_end, end_request))
        .routes(routes!(undo))
}

/// The answer to a command: the request as it is now. The effects of the command follow later.
type Accepted = Result<(StatusCode, [(HeaderName, String); 1], Json<RequestView>), Problem>;

/// Returns the request as it is after a command. The sides are those before it: a lender that has refused is none any more.
async fn accepted(state: &WebState, access: &Access, seen: &Seen) -> Accepted {
    let id = seen.stored.request.id;
    let stored = state.engine.store().request(id).await?;
    let stored = stored.ok_or_else(|| Problem::not_found("request", &id.to_string()))?;
    let tag = Tag::of_request(stored.version).into_header();
    let patron_message = access.patron_message(state, &stored.request).await?;
    let view = RequestView::new(stored.into(), access.patron_data(seen.sides), patron_message).without_identifier();
    Ok((StatusCode::ACCEPTED, [(ETAG, tag)], Json(view)))
}

/// A command's caller, the version of the request that the caller has seen, and the request as it was read.
struct By<'a>(&'a Access, &'a IfMatch, &'a Seen);

impl By<'_> {
    /// Returns the version that the request must have, if only that one will do.
    fn version(&self) -> Result<Option<i64>, Problem> {
        let stored = &self.2.stored;
        self.1.version(stored).map_err(|problem| problem.about(stored.request.id))
    }
}

/// Passes the command to the engine, with a reason for the timeline if the command itself has none.
async fn execute(state: &WebState, by: By<'_>, command: &Command, reason: Option<String>) -> Accepted {
    let version = by.version()?;
    execute_on_version(state, by, version, command, reason).await
}

async fn execute_on_version(
    state: &WebState,
    By(access, _, seen): By<'_>,
    version: Option<i64>,
    command: &Command,
    reason: Option<String>,
) -> Accepted {
    let (id, reason) = (seen.stored.request.id, reason.as_deref());
    let done = state.engine.execute_command_on_version(id, command, access.name(), reason, version).await;
    done.map_err(|error| Problem::from(error).about(id))?;
    accepted(state, access, seen).await
}

input! {
    /// The reason for a command.
    struct ReasonInput {
        /// The reason; shown in the timeline, so no names or numbers of persons.
        reason: Option<String>,
    }
    example: {"reason": "The book has turned up behind the returns desk."}
}

input! {
    /// The parameters of a cancellation.
    struct CancelInput {
        /// `patron` or `staff`; `patron` if it is left out.
        by: Option<CancelledBy>,
        /// The reason; shown in the timeline, so no names or numbers of persons.
        reason: Option<String>,
    }
    example: {"by": "staff", "reason": "The patron asked at the desk."}
}

/// Cancels a request, if its state allows it. The hub then removes what exists of it at the libraries.
///
/// `by` and `reason` may be given in the query or in a body; the query wins.
#[utoipa::path(
    delete,
    path = "/api/v1/requests/{id}",
    operation_id = "cancel_request",
    tag = "requests",
    params(PathId, IfMatch, CancelInput),
    request_body(content = Option<CancelInput>),
    responses(
        (status = 202, description = "It is being cancelled.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "Its state doesn't allow it; the detail says why."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn cancel_request(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
    Query(in_query): Query<CancelInput>,
    Body(in_body): Body<CancelInput>,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    let (in_query, in_body) = in_query.and(in_body)?;
    let by = in_query.by.or(in_body.by).unwrap_or(CancelledBy::Patron);
    let reason = in_query.reason.or(in_body.reason);
    execute(&state, By(&access, &if_match, &seen), &Command::Cancel { by, reason }, None).await
}

/// Polls the request at its libraries now, without waiting for the next scheduled poll.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/poll",
    operation_id = "poll_request",
    tag = "requests",
    params(PathId, IfMatch),
    responses(
        (status = 202, description = "The libraries are being polled.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn poll_request(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    By(&access, &if_match, &seen).version()?;
    state.engine.poll_now(id).await?;
    accepted(&state, &access, &seen).await
}

/// Retries the refused effect, after its cause was fixed.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/resume",
    operation_id = "resume_request",
    tag = "requests",
    params(PathId, IfMatch),
    request_body(content = Option<ReasonInput>),
    responses(
        (status = 202, description = "It goes on.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "Nothing stands in its way."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn resume_request(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<ReasonInput>,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    let reason = input.checked()?.reason;
    execute(&state, By(&access, &if_match, &seen), &Command::Resume, reason).await
}

input! {
    /// The reason why staff want another lender, and their choice.
    struct NextSupplierInput {
        /// The reason; shown in the timeline, so no names or numbers of persons.
        reason: Option<String>,
        /// The copy to ask for; if it is left out, the next of those that the request names.
        copy: Option<CopyInput>,
        /// Whether to give the present lender up even if none of the copies that the request names can be supplied,
        /// which ends the request.
        confirm_no_candidate: bool,
    }
    example: {
        "reason": "The copy is at the bindery.",
        "copy": {"institution": "01SOUTH_INST", "barcode": "31400012345678"},
    }
}

/// Asks another lender: the next one, or one of staff's choice. The present lender's hold is cancelled; the patron's
/// hold stays as it is.
///
/// The present lender is kept and the call refused in three cases: the lender has just sent the item, the named copy
/// can't be supplied, or no other copy is left. `confirm_no_candidate` confirms the last case.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/next-supplier",
    operation_id = "choose_supplier",
    tag = "requests",
    params(PathId, IfMatch),
    request_body(content = Option<NextSupplierInput>),
    responses(
        (status = 202, description = "Another lender is being asked.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "Its state doesn't allow it, as when the lender has sent the item; the detail says why."),
        (status = 412, description = "It isn't as `If-Match` demands."),
        (status = 422, description = "The copy can't be supplied, and `code` says why; or no other copy is left (`NO_CANDIDATE_LEFT`). The present lender is kept."),
        (status = 502, description = "The system of the library that would be asked gives no answer. The present lender is kept."),
    )
)]
async fn next_supplier(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(mut input): Body<NextSupplierInput>,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    if let Some(copy) = &input.value.copy
        && input.is_sound("copy.institution")
        && state.engine.store().institution(copy.institution()).await?.is_none()
    {
        let message = format!("There is no institution {}.", copy.institution());
        input.fault("copy.institution", "UNKNOWN_INSTITUTION", message);
    }
    let NextSupplierInput { reason, copy, confirm_no_candidate } = input.checked()?;
    let version = By(&access, &if_match, &seen).version()?;
    let wanted = AnotherLender { reason, copy: copy.map(Into::into), confirm_no_candidate, version };
    let asked = state.engine.ask_another_lender(id, wanted, access.name()).await;
    asked.map_err(|error| Problem::from(error).about(id))?;
    accepted(&state, &access, &seen).await
}

input! {
    /// The new pickup location of a request.
    struct PickupChangeInput {
        /// The code of the pickup location.
        pickup_location: PickupLocationCode,
        /// The reason; shown in the timeline, so no names or numbers of persons.
        reason: Option<String>,
    }
    example: {"pickup_location": "NORTH-BRANCH", "reason": "The patron has moved."}
}

/// Lets the patron collect at another pickup location of the same institution.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/pickup-location",
    operation_id = "change_pickup_location",
    tag = "requests",
    params(PathId, IfMatch),
    request_body = PickupChangeInput,
    responses(
        (status = 202, description = "It is being changed.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "Its state doesn't allow it; the detail says why."),
        (status = 412, description = "It isn't as `If-Match` demands."),
        (status = 422, description = "The pickup location is unknown, or another institution's."),
    )
)]
async fn change_pickup_location(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(mut input): Body<PickupChangeInput>,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    let code = &input.value.pickup_location;
    let pickup = state.engine.store().pickup_location(code).await?.map(|stored| stored.location);
    match &pickup {
        None if input.is_sound("pickup_location") => {
            let message = format!("There is no pickup location {code}.");
            input.fault("pickup_location", "UNKNOWN_PICKUP_LOCATION", message);
        }
        Some(pickup) if pickup.institution != seen.stored.request.pickup.institution => {
            let message = "It belongs to another institution than the present one.";
            input.fault("pickup_location", "PICKUP_ELSEWHERE", message);
        }
        _ => {}
    }
    let PickupChangeInput { pickup_location, reason } = input.checked()?;
    let pickup = pickup.ok_or_else(|| Problem::not_found("pickup location", pickup_location.as_str()))?;
    execute(&state, By(&access, &if_match, &seen), &Command::ChangePickup { pickup }, reason).await
}

/// Reports that an item that was missing in transit has been found.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/found",
    operation_id = "report_found",
    tag = "requests",
    params(PathId, IfMatch),
    request_body(content = Option<ReasonInput>),
    responses(
        (status = 202, description = "It is noted.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "The item isn't missing."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn report_found(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<ReasonInput>,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    let reason = input.checked()?.reason;
    execute(&state, By(&access, &if_match, &seen), &Command::ItemFound, reason).await
}

input! {
    /// The damage of an item.
    struct DamageInput {
        /// The damage; shown in the timeline, so no names or numbers of persons.
        description: String,
    }
    example: {"description": "The cover is torn."}
}

/// Records that the item came back damaged. Nothing changes in a library's system; the lender's staff see the damage at
/// the request.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/damage",
    operation_id = "report_damage",
    tag = "requests",
    params(PathId, IfMatch),
    request_body = DamageInput,
    responses(
        (status = 202, description = "It is noted.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "The patron hasn't had the item yet, or the request has ended."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn report_damage(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<DamageInput>,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    let DamageInput { description } = input.checked()?;
    execute(&state, By(&access, &if_match, &seen), &Command::ReportDamage { description }, None).await
}

input! {
    /// The settlement of a loss.
    struct SettleInput {
        /// `paid` or `written_off`.
        how: Settlement,
        /// The reason; shown in the timeline, so no names or numbers of persons.
        reason: Option<String>,
    }
    example: {"how": "paid", "reason": "The patron paid for a new copy."}
}

/// Settles the loss of an item, which ends the request. The hub removes the virtual item; the lender's staff must close
/// the lender's loan.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/settle-loss",
    operation_id = "settle_loss",
    tag = "requests",
    params(PathId, IfMatch),
    request_body = SettleInput,
    responses(
        (status = 202, description = "It is settled.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "Nothing is lost."),
        (status = 412, description = "It isn't as `If-Match` demands."),
        (status = 422, description = "No such settlement."),
    )
)]
async fn settle_loss(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<SettleInput>,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    let SettleInput { how, reason } = input.checked()?;
    execute(&state, By(&access, &if_match, &seen), &Command::SettleLoss { how }, reason).await
}

/// The effects of ending a request by hand.
#[derive(Debug, Serialize, ToSchema)]
struct EndPreview {
    /// Where the item is as far as the hub knows, and to whom it belongs.
    item_place: String,
    /// The steps, in order. This call makes none of them.
    steps: Vec<EndStep>,
}

/// A step of the end.
#[derive(Debug, Serialize, ToSchema)]
struct EndStep {
    /// The effect, such as `delete_virtual_bib_at_borrower`.
    #[schema(schema_with = words::effect)]
    act: &'static str,
    /// The institution.
    institution: Option<String>,
    /// A description, for staff.
    #[schema(value_type = String)]
    explanation: &'static str,
}

/// Shows the effects of ending the request by hand, on each side. Changes nothing.
#[utoipa::path(
    get,
    path = "/api/v1/requests/{id}/end",
    operation_id = "preview_end",
    tag = "requests",
    params(PathId),
    responses(
        (status = 200, description = "What would be done.", body = EndPreview),
        (status = 404, description = "There is none."),
        (status = 409, description = "The request has ended already."),
    )
)]
async fn preview_end(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
) -> Result<Json<EndPreview>, Problem> {
    let request = access.request(&state, id).await?.stored.request;
    request
        .may(lending::Action::End)
        .map_err(|reason| Problem::new(StatusCode::CONFLICT, "NOT_ALLOWED", reason).about(id))?;
    let steps = request.if_ended().into_iter().map(|effect| EndStep {
        act: effect.name(),
        institution: request.institution_for(effect).map(ToString::to_string),
        explanation: in_words(effect),
    });
    let item_place = request.item_place();
    Ok(Json(EndPreview { item_place, steps: steps.collect() }))
}

fn in_words(effect: Effect) -> &'static str {
    match effect {
        Effect::CancelHold(lending::Side::Lender) => {
            "The hold on the lender's copy is cancelled, without a letter. If the item turns out to have been sent, the \
             request is followed until it is home."
        }
        Effect::CancelHold(_) => "The hold on the virtual item is cancelled, without a letter.",
        Effect::CheckIn(_) => "The loan of the virtual item is closed by scanning it in.",
        Effect::DeleteVirtualItem(_) => "The virtual item and its holding are deleted.",
        Effect::DeleteVirtualBib(_) => "The suppressed record is deleted.",
        Effect::VerifyPatron
        | Effect::FindCopies
        | Effect::ChooseSupplier
        | Effect::EnsureVirtualPatron(_)
        | Effect::PlaceHold(_)
        | Effect::CreateVirtualBib(_)
        | Effect::CreateVirtualHolding(_)
        | Effect::CreateVirtualItem(_)
        | Effect::UpdateVirtualItem(_)
        | Effect::ChangePickup(_)
        | Effect::SendIntoTransit(_)
        | Effect::Lend(_)
        | Effect::Renew(_)
        | Effect::LimitDueDate(_)
        | Effect::RaiseDueDate(_)
        | Effect::DenyRenewal(_) => "Nothing is taken away by this.",
    }
}

/// Ends a request by hand, whatever its state: the hub removes what it made, and follows nothing any more. The lender's
/// staff must close a loan to the virtual patron.
///
/// If it turns out that the lender has sent the item without the hub's knowledge, the request stays open
/// (`RETURN_TRANSIT`) until the item is home, or until it is ended again.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/end",
    operation_id = "end_request",
    tag = "requests",
    params(PathId, IfMatch),
    request_body(content = Option<ReasonInput>),
    responses(
        (status = 202, description = "It is being ended.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "It has ended already."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn end_request(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<ReasonInput>,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    let reason = input.checked()?.reason;
    execute(&state, By(&access, &if_match, &seen), &Command::End { reason }, None).await
}

/// Undoes the last action, as long as no effect of it was sent to a library. The consortium admin undoes everybody's
/// actions, and others their own.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{id}/undo",
    operation_id = "undo_last_action",
    tag = "requests",
    params(PathId, IfMatch),
    request_body(content = Option<ReasonInput>),
    responses(
        (status = 202, description = "It is taken back.", body = RequestView),
        (status = 404, description = "There is none."),
        (status = 409, description = "It can't be taken back any more."),
        (status = 412, description = "It isn't as `If-Match` demands."),
    )
)]
async fn undo(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<ReasonInput>,
) -> Accepted {
    let seen = access.request(&state, id).await?;
    check_own_act(&state, &access, &seen).await?;
    let reason = input.checked()?.reason;
    let by = By(&access, &if_match, &seen);
    // Others take back only the act that was checked, and none that another caller makes in the meantime.
    let only = (!access.caller().is_consortium_admin()).then_some(seen.stored.version);
    let version = by.version()?.or(only);
    execute_on_version(&state, by, version, &Command::Undo, reason).await
}

/// Refuses to undo somebody else's last action. The timeline's last entry that isn't the hub's names who made it.
async fn check_own_act(state: &WebState, access: &Access, seen: &Seen) -> Result<(), Problem> {
    if access.caller().is_consortium_admin() || seen.stored.request.undo.is_none() {
        return Ok(());
    }
    let timeline = state.engine.store().timeline(seen.stored.request.id).await?;
    let last = timeline.iter().rev().map(|row| row.entry.actor.as_str()).find(|actor| *actor != "hub");
    if last == Some(access.name()) {
        return Ok(());
    }
    let detail = "The last action is another caller's. Whoever made it, or the consortium-admin, may undo it.";
    Err(Problem::new(StatusCode::FORBIDDEN, "NOT_YOUR_ACT", detail).about(seen.stored.request.id))
}
