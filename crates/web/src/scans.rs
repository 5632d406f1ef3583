//! Scans: an item's barcode, and what it means at the caller's library.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lending::{AgencyCode, Barcode, Request, RequestId, ScanAct, ScanMeaning, Side};
use serde::Serialize;
use store::{Listed, RequestFilter};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard::Access;
use crate::input::{Body, input};
use crate::problem::Problem;
use crate::request_view::RequestView;
use crate::state::WebState;
use crate::views::{Parties, RenderedView};
use crate::words;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(scan_item))
}

/// How many requests with one barcode are read. A book has one open request, and ended ones.
const MOST_REQUESTS: u32 = 20;

input! {
    /// The scan of an item.
    struct ScanInput {
        /// The item's barcode: the lender's, or that of a virtual item.
        barcode: Barcode,
        /// The agency at which it is scanned; otherwise the caller's agencies that stand at a side of the request.
        agency: Option<AgencyCode>,
    }
    example: {"barcode": "31400012345678", "agency": "NORTH"}
}

/// The meaning of a scan.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Scan)]
struct ScanView {
    /// `found`: the item belongs to an open request of the library. `over`: to one that has ended. `elsewhere`: the library has
    /// no part in the item's request. `unknown`: no request has an item with this barcode.
    #[schema(schema_with = words::scan_result)]
    result: &'static str,
    /// What staff should do with the item.
    #[schema(schema_with = words::scan_act)]
    act: &'static str,
    /// The id of the sentence that explains it, such as `scan-receive`.
    #[schema(schema_with = words::scan_message)]
    message: &'static str,
    /// The arguments of that sentence.
    arguments: ArgumentsView,
    /// The side at which the item was scanned; null without a request of the library.
    #[schema(schema_with = words::optional_side)]
    side: Option<&'static str>,
    /// The request; null without one of the library.
    #[schema(value_type = Option<RequestView>)]
    request: Option<RenderedView>,
}

/// The arguments of the sentence about a scan. Those that don't apply are null.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ScanArguments)]
struct ArgumentsView {
    /// The title.
    title: Option<String>,
    /// The institution that owns the item.
    owner: Option<String>,
    /// The library there.
    owner_library: Option<String>,
    /// The name of the pickup location.
    pickup_location: Option<String>,
    /// The code of its stop on the courier's route.
    route_code: Option<String>,
    /// The code under which the item stands on the hold shelf, if the patron collects at another institution and the caller may
    /// see it.
    pickup_code: Option<String>,
    /// Until when the item waits on the hold shelf, or was due.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl ArgumentsView {
    /// Returns what every library may know of an item that it has in hand.
    fn of_owner(request: &Request) -> Self {
        let supply = request.supply.as_ref();
        Self {
            owner: supply.map(|supply| supply.institution.to_string()),
            owner_library: supply.map(|supply| supply.copy.library.to_string()),
            ..Self::default()
        }
    }

    fn of(request: &Request, shows_code: bool) -> Self {
        let code = request.patron.verified.as_ref().and_then(|patron| patron.pickup_code.as_ref());
        let step = request.next_step();
        Self {
            title: request.title.as_ref().map(|title| title.title.clone()),
            pickup_location: Some(request.pickup.name.clone()),
            route_code: request.pickup.route_code.clone(),
            pickup_code: code.filter(|_| shows_code).map(ToString::to_string),
            until: step.and_then(|step| step.by),
            ..Self::of_owner(request)
        }
    }
}

/// Says what the scan of an item means at the caller's library: to which request the item belongs, and what to do with it.
///
/// The hub changes nothing. Staff make the scan in their library's own system, from which the hub learns of it.
#[utoipa::path(
    post,
    path = "/api/v1/scans",
    operation_id = "scan_item",
    tag = "requests",
    request_body = ScanInput,
    responses((status = 200, description = "The meaning of the scan.", body = ScanView))
)]
async fn scan_item(
    State(state): State<WebState>,
    access: Access,
    Body(mut input): Body<ScanInput>,
) -> Result<Json<ScanView>, Problem> {
    if let Some(agency) = input.value.agency.clone().filter(|_| input.is_sound("agency"))
        && !access.knows_agency(&state, &agency).await?
    {
        input.fault("agency", "UNKNOWN_AGENCY", format!("There is no agency {agency}."));
    }
    let ScanInput { barcode, agency } = input.checked()?;
    let filter = RequestFilter { barcode: Some(barcode), limit: MOST_REQUESTS, ..RequestFilter::default() };
    let store = state.engine.store();
    let ids: Vec<RequestId> = store.list(&filter).await?.requests.iter().map(|request| request.id).collect();
    let mut found = store.listed_requests(&ids).await?;
    // The open one comes first, then the one that was placed last.
    found.sort_by_key(|listed| listed.request.status.is_final());
    for listed in &found {
        if let Some(side) = side(&state, &access, &listed.request, agency.as_ref()).await? {
            return Ok(Json(of_request(&state, &access, listed.clone(), side).await?));
        }
    }
    Ok(Json(match found.first() {
        Some(listed) => ScanView {
            result: "elsewhere",
            act: ScanAct::Nothing.name(),
            message: "scan-elsewhere",
            arguments: ArgumentsView::of_owner(&listed.request),
            side: None,
            request: None,
        },
        None => ScanView {
            result: "unknown",
            act: ScanAct::Nothing.name(),
            message: "scan-unknown",
            arguments: ArgumentsView::default(),
            side: None,
            request: None,
        },
    }))
}

/// Returns the side of a request at which the item is scanned. A library with several sides acts as the one whose move is next.
async fn side(
    state: &WebState,
    access: &Access,
    request: &Request,
    agency: Option<&AgencyCode>,
) -> Result<Option<Side>, Problem> {
    let at = access.sides_of(state, request, agency).await?;
    let next = request.queue().map(lending::Queue::side);
    let next = next.map(|side| if side == Side::Pickup { request.pickup_role() } else { side });
    let order = next.into_iter().chain([request.pickup_role(), Side::Lender, Side::Borrower]);
    Ok(order.into_iter().find(|side| at.contains(side)))
}

async fn of_request(state: &WebState, access: &Access, listed: Listed, side: Side) -> Result<ScanView, Problem> {
    let ScanMeaning { act, message } = listed.request.scan_meaning(side);
    let data = access.patron_data(access.sides(state, Parties::of(&listed.request)).await?);
    let is_over = listed.request.status.is_final() || listed.request.status.is_ending();
    let arguments = ArgumentsView::of(&listed.request, data != access::PatronData::Hidden);
    let agencies = state.engine.agencies().await?;
    let request = access.rendered(state, &agencies, listed, data)?;
    Ok(ScanView {
        result: if is_over { "over" } else { "found" },
        act: act.name(),
        message,
        arguments,
        side: Some(side.name()),
        request: Some(request),
    })
}
