//! Cases: lost, missing, damaged and claimed items, which the libraries settle between them.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lending::{AgencyCode, Case, RequestId, Side};
use serde::Serialize;
use store::{AnyOr, RequestFilter};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::field::{After, AtSide, CaseFilter, Number};
use crate::guard::Access;
use crate::input::{Query, input};
use crate::problem::Problem;
use crate::request_view::RequestView;
use crate::requests::listed;
use crate::state::WebState;
use crate::views::{Parties, RenderedView};
use crate::words;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_cases))
}

input! {
    /// Which cases are wanted.
    struct CasesQuery {
        /// Only cases of this kind.
        kind: Option<CaseFilter>,
        /// Only those at which this agency stands on a side.
        agency: Option<AgencyCode>,
        /// Only those at which the caller's agencies, or `agency`, stand on this side.
        side: Option<AtSide>,
        /// The maximum number of cases; 50 if it is left out.
        limit: Number<1, 200, 50>,
        /// Where to continue: the `next` of the previous page.
        cursor: After,
    }
    example: {"kind": "lost", "side": "lender"}
}

/// A page of cases.
#[derive(Debug, Serialize, ToSchema)]
struct CaseList {
    /// The cases, the request that was placed last first.
    cases: Vec<CaseView>,
    /// How many there are on all pages.
    total: u64,
    /// The `cursor` of the next page; null at the end.
    next: Option<String>,
}

/// A request with a trouble that the libraries settle between them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Case)]
struct CaseView {
    /// What is the matter; several things may be.
    #[schema(schema_with = words::cases)]
    kinds: Vec<&'static str>,
    /// Since when it is a case.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Until when it should be settled, by the hub's settings. Nothing happens on that day but that the case is late.
    #[schema(value_type = String, format = DateTime)]
    deadline: Timestamp,
    /// Whether the deadline has passed.
    late: bool,
    /// The side that has the next move.
    #[schema(schema_with = words::side)]
    acts: &'static str,
    /// How many messages of the other libraries the caller's agencies have not read.
    unread_messages: u64,
    /// The request, as both sides see it.
    #[schema(value_type = RequestView)]
    request: RenderedView,
}

/// Lists the cases of the caller's agencies: lost, missing, damaged and claimed items. The consortium admin sees all.
#[utoipa::path(
    get,
    path = "/api/v1/cases",
    operation_id = "list_cases",
    tag = "requests",
    params(CasesQuery),
    responses((status = 200, description = "A page of cases.", body = CaseList))
)]
async fn list_cases(
    State(state): State<WebState>,
    access: Access,
    Query(mut query): Query<CasesQuery>,
) -> Result<Json<CaseList>, Problem> {
    access.may_list(false)?;
    if let Some(agency) = query.value.agency.clone().filter(|_| query.is_sound("agency"))
        && !access.knows_agency(&state, &agency).await?
    {
        query.fault("agency", "UNKNOWN_AGENCY", format!("There is no agency {agency}."));
    }
    let CasesQuery { kind, agency, side, limit, cursor } = query.checked()?;
    let side = side.or(agency.is_some().then_some(AtSide::Any));
    let filter = RequestFilter {
        case: Some(kind.map_or(AnyOr::Any, |kind| kind.0)),
        of_agencies: listed(&state, &access, false, side, agency.as_ref()).await?,
        sort: cursor.0.as_ref().map(store::Cursor::sort).unwrap_or_default(),
        after: cursor.0,
        limit: limit.0,
        ..RequestFilter::default()
    };
    let (store, now) = (state.engine.store(), state.engine.clock().now());
    let page = store.list(&filter).await?;
    let ids: Vec<RequestId> = page.requests.iter().map(|request| request.id).collect();
    let since = store.cases_since(ids.iter().copied()).await?;
    let unread = access.all_unread_messages(&state).await?;
    let agencies = state.engine.agencies().await?;
    let mut cases = Vec::with_capacity(ids.len());
    for listed in store.listed_requests(&ids).await? {
        let request = &listed.request;
        let kinds = request.cases();
        let since = since.get(&request.id).copied().unwrap_or(request.status_since);
        let deadline = state.wait_limits.case_deadline(since);
        let acts = kinds.first().copied().map_or(Side::Lender, Case::acts).name();
        let data = access.patron_data(access.sides(&state, Parties::of(request)).await?);
        let unread_messages = unread.get(&request.id).copied().unwrap_or_default();
        let request = access.rendered(&state, &agencies, listed, data)?;
        let kinds = kinds.into_iter().map(Case::name).collect();
        cases.push(CaseView { kinds, since, deadline, late: deadline < now, acts, unread_messages, request });
    }
    let total = store.count_requests(&filter).await?;
    Ok(Json(CaseList { cases, total, next: page.next.map(|cursor| cursor.to_string()) }))
}
