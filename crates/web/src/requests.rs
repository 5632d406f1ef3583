//! Placing, listing and reading patron requests.

use std::convert::Infallible;
use std::time::Duration;

use access::{PatronData, Role};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use engine::{NewRequest, NewTitle};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lending::{
    AgencyCode, Attention, Barcode, BibId, CopyRef, HoldingId, InstitutionCode, ItemId, PatronId, PickupLocationCode,
    Queue, Refusal, Request, RequestId, Status, TitleRef, Wait,
};
use messages::Message;
use store::{Cursor, OfAgencies, RequestFilter, RequestVersion, Sort, Stored};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::field::{After, AtSide, CaseFilter, LONGEST_TEXT, List, Number, Statuses};
use crate::guard::{Access, Seen};
use crate::input::{Body, Query, Read, input};
use crate::path::PathId;
use crate::precondition::{Tag, header};
use crate::problem::Problem;
use crate::request_view::{RequestDetails, RequestList, RequestView};
use crate::state::WebState;
use crate::views::Parties;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_requests, place_request)).routes(routes!(get_request))
}

/// How many copies a request may name. Each copy that doesn't exist costs a call before the next one is tried.
const MOST_COPIES: usize = 20;

input! {
    /// The data of a new request.
    pub(crate) struct NewRequestInput {
        /// The code of the patron's agency.
        pub(crate) agency: AgencyCode,
        /// The patron: primary id, barcode or e-mail.
        patron: PatronId,
        /// The code of the pickup location.
        pickup_location: PickupLocationCode,
        /// The title, from whose copies the hub chooses by its policy. Either this or `copies` is mandatory.
        title: Option<TitleInput>,
        /// The acceptable copies, best first, instead of a title; 20 at most, since each may cost a call of its library's
        /// API.
        copies: Option<List<CopyInput, MOST_COPIES>>,
        /// The wanted volume of the title, such as `v.3`; or of all copies that name none of their own.
        volume: Option<String>,
        /// The last day on which the patron can use the item.
        needed_until: Option<Date>,
        /// Whether the patron is at the lender's desk with the item in hand.
        expedited: bool,
    }
    example: {
        "agency": "NORTH",
        "patron": "20041234567",
        "pickup_location": "NORTH-MAIN",
        "copies": [
            {"institution": "01SOUTH_INST", "barcode": "31400012345678"},
            {"institution": "01WEST_INST", "bib": "991234567890106", "volume": "v.2"},
        ],
    }
}

input! {
    /// A title: its id in the shared catalogue, or a record of an institution that describes it.
    pub(crate) struct TitleInput {
        /// The id of the title in the shared catalogue.
        id: Option<String>,
        /// The code of an institution, together with `record` and instead of `id`.
        institution: Option<InstitutionCode>,
        /// The id of a record there.
        record: Option<BibId>,
    }
    example: {"institution": "01SOUTH_INST", "record": "991234567890106"}
}

impl TitleInput {
    /// Returns the title, if the input names it in one of the two ways.
    pub(crate) fn named(&self) -> Option<TitleRef> {
        match (&self.id, &self.institution, &self.record) {
            (Some(id), None, None) => Some(TitleRef::Title(id.clone())),
            (None, Some(institution), Some(record)) => {
                Some(TitleRef::Record { institution: institution.clone(), record: record.clone() })
            }
            _ => None,
        }
    }
}

input! {
    /// A copy, named by its barcode, or by its record with or without an item of it. Without an item, the hub takes the
    /// first copy of the wanted volume that can be lent.
    pub(crate) struct CopyInput {
        /// The code of the institution that owns it.
        institution: InstitutionCode,
        /// Its barcode.
        barcode: Option<Barcode>,
        /// Its record.
        bib: Option<BibId>,
        /// Its holding.
        holding: Option<HoldingId>,
        /// Its item.
        item: Option<ItemId>,
        /// The wanted volume, such as `v.3` or `Bd. 3 (1984)`. It is compared with the items' descriptions by its
        /// numbers and the meaning of the words before them. If several volumes may be meant, the copy is refused, and
        /// the refusal names them. A named copy of another volume is refused too.
        volume: Option<String>,
    }
    example: {"institution": "01SOUTH_INST", "barcode": "31400012345678"}
}

impl CopyInput {
    /// Returns the institution that owns it.
    pub(crate) fn institution(&self) -> &InstitutionCode {
        &self.institution
    }
}

impl From<CopyInput> for CopyRef {
    fn from(copy: CopyInput) -> Self {
        let CopyInput { institution, barcode, bib, holding, item, volume } = copy;
        Self {
            institution,
            bib,
            holding,
            item,
            barcode,
            volume,
            queued: false,
            chosen_by_staff: false,
            tried_items: Vec::new(),
        }
    }
}

impl From<NewRequestInput> for NewRequest {
    fn from(input: NewRequestInput) -> Self {
        let NewRequestInput { agency, patron, pickup_location, title, copies, volume, needed_until, expedited } = input;
        let wanted = |copy: CopyInput| {
            let copy = CopyRef::from(copy);
            CopyRef { volume: copy.volume.or_else(|| volume.clone()), ..copy }
        };
        let copies = copies.map_or_else(Vec::new, |copies| copies.0.into_iter().map(wanted).collect());
        let title = title.and_then(|title| title.named()).map(|title| NewTitle { title, volume });
        Self { agency, patron, pickup_location, copies, title, needed_until, expedited }
    }
}

input! {
    /// How long the call waits.
    struct PlaceQuery {
        /// Seconds to wait for the patron's library and the lenders; 10 if it is left out.
        wait: Number<0, 30, 10>,
    }
    example: {"wait": 0}
}

/// Places a request for a title or for named copies, and waits until the patron's library has decided whether the patron
/// may borrow, and until a copy that can be lent is chosen.
///
/// For a title, the hub asks the institutions that hold it which copies are there, ranks them by its policy, and tries
/// them in turn.
///
/// If a library doesn't answer in time, the request is placed nevertheless: its attention contains what it waits for, and
/// the hub retries.
#[utoipa::path(
    post,
    path = "/api/v1/requests",
    operation_id = "place_request",
    tag = "requests",
    params(PlaceQuery),
    request_body = NewRequestInput,
    responses(
        (status = 201, description = "It is placed.", body = RequestView, headers(("location" = String, description = "Where the request is."))),
        (status = 409, description = "The patron has an open request for this title or copy already (`DUPLICATE_REQUEST`), which `request_id` names."),
        (status = 422, description = "Faults of the input, all at once; or the patron may not borrow, or no copy can be lent: then `code` says why, and `request_id` names the request, which is recorded."),
    )
)]
async fn place_request(
    State(state): State<WebState>,
    access: Access,
    Query(query): Query<PlaceQuery>,
    Body(mut input): Body<NewRequestInput>,
) -> Result<Response, Problem> {
    // An agency that isn't the caller's is one that it doesn't know.
    if input.is_sound("agency") && !may_place(&state, &access, &input.value).await? {
        let message = format!("There is no agency {}.", input.value.agency);
        input.fault("agency", "UNKNOWN_AGENCY", message);
    }
    check_title(&mut input);
    let (PlaceQuery { wait }, input) = query.and(input)?;

    let id = match state.engine.place(input.into(), access.name()).await {
        Ok(id) => id,
        Err(error) => {
            let problem = Problem::of_placing(error, access.language());
            return Err(without_hidden_request(&state, &access, problem).await?);
        }
    };
    let checked = state.engine.wait(id, Duration::from_secs(wait.0.into()), is_checked);
    let stored = match state.unless_stopped(checked).await {
        Some(stored) => stored?,
        None => find(&state, id).await?,
    };
    let sides = access.sides(&state, Parties::of(&stored.request)).await?;
    // The call itself named the patron.
    let patron_data = access.shown_patron(sides, false, true);
    let place = [(LOCATION, format!("/api/v1/requests/{id}")), (ETAG, Tag::of_request(stored.version).into_header())];
    if let Some(refusal) = refused_patron(&stored.request) {
        let sentence = |code: &str| Message::of_refusal(code)?.text(access.language());
        return Ok((place, Problem::refused("patron", refusal, sentence).about(id)).into_response());
    }
    if let Some(refusal) = refused_copies(&stored.request) {
        let sentence = |code: &str| Message::of_refused_copy(code).text(access.language());
        return Ok((place, Problem::refused("copies", refusal, sentence).about(id)).into_response());
    }
    let patron_message = access.patron_message(&state, &stored.request).await?;
    let view = RequestView::new(stored.into(), patron_data, patron_message).without_identifier();
    Ok((StatusCode::CREATED, place, Json(view)).into_response())
}

/// Returns whether the caller may place this request: for a patron of its own agency, or as staff for a patron who stands at
/// their desk with an item of theirs. The engine refuses such a walk-up for the copies of another library.
async fn may_place(state: &WebState, access: &Access, input: &NewRequestInput) -> Result<bool, Problem> {
    let is_staff = matches!(access.caller().role(), Role::LibraryAdmin | Role::LibraryStaff);
    if access.owns(&input.agency) || !input.expedited || !is_staff {
        return Ok(access.owns(&input.agency));
    }
    let pickup = state.engine.store().pickup_location(&input.pickup_location).await?;
    Ok(pickup.is_some_and(|pickup| access.owns(&pickup.agency)))
}

/// Notes a fault if the input names neither a title nor copies, or names the title in neither way or in both.
pub(crate) fn check_title(input: &mut Read<NewRequestInput>) {
    let sound = input.is_sound("title") && input.is_sound("copies");
    if sound && input.value.title.is_none() && input.value.copies.is_none() {
        input.fault("copies", "MISSING", "It is missing, and so is a title: a request names one of them.");
    }
    if input.is_sound("title") && input.value.title.as_ref().is_some_and(|title| title.named().is_none()) {
        let message = "A title is named by its id, or by an institution and a record of it.";
        input.fault("title", "TITLE_NOT_NAMED", message);
    }
}

/// Returns the problem without the request that it names if the caller may not see that one: the patron may have placed
/// it through another agency of the same system.
async fn without_hidden_request(state: &WebState, access: &Access, problem: Problem) -> Result<Problem, Problem> {
    match problem.request() {
        Some(id) if !access.sees(state, id).await? => Ok(problem.without_request()),
        Some(_) | None => Ok(problem),
    }
}

/// Returns whether patron and copy are known or refused, or the hub waits for a lender's system.
fn is_checked(request: &Request) -> bool {
    match request.status {
        Status::SubmittedToDcb => matches!(request.attention, Attention::NeedsStaff { .. }),
        Status::PatronVerified => request.attention != Attention::None,
        _ => true,
    }
}

/// Returns why no copy can be lent, if all copies were refused before a lender was asked for one.
fn refused_copies(request: &Request) -> Option<&Refusal> {
    let untried = request.supply.is_none() && request.earlier_suppliers.is_empty() && request.cancellation.is_none();
    let refusal = request.refusal.as_ref().filter(|_| untried && request.patron.verified.is_some());
    refusal.filter(|_| request.candidates.is_empty())
}

fn refused_patron(request: &Request) -> Option<&Refusal> {
    request.refusal.as_ref().filter(|_| request.patron.verified.is_none() && request.cancellation.is_none())
}

input! {
    /// The filter of a list of requests.
    struct ListQuery {
        /// Only those in one of these statuses: given several times, or with commas.
        status: Statuses,
        /// Only those of this institution, as lender or as borrower.
        institution: Option<InstitutionCode>,
        /// Only those of this patron of `agency`: primary id, barcode or e-mail, as it was given or as the patron's library
        /// knows it.
        patron: Option<PatronId>,
        /// Only those of patrons of this agency, or with `side`, those at which it stands on that side.
        agency: Option<AgencyCode>,
        /// Why the consortium admin searches for a patron, which the hub logs. Needed with `patron`.
        reason: Option<String>,
        /// Only those placed on this day or later (UTC).
        from: Option<Date>,
        /// Only those placed on this day or earlier (UTC).
        to: Option<Date>,
        /// Only those whose title contains this text, in any case.
        title: Option<String>,
        /// Only those that aren't finished.
        open: bool,
        /// Only those that staff must decide on.
        needs_staff: bool,
        /// Only those with an item that has or had this barcode, at the lender or as a virtual item. Ended requests are
        /// found too.
        barcode: Option<Barcode>,
        /// Only those that wait in this queue of the libraries' desks.
        queue: Option<Queue>,
        /// Only those that wait longer than the hub's settings allow: at the lender, on the way to the pickup library, there,
        /// beyond the due date, or on the way home.
        too_long: Option<Wait>,
        /// Only cases of this kind, or any case.
        case: Option<CaseFilter>,
        /// Only those with messages that the caller's agencies have not read. The consortium admin has none.
        unread: bool,
        /// Only those at which one of the caller's agencies, or the `agency`, stands on this side, or on any. Then `agency` is
        /// not the patron's alone.
        side: Option<AtSide>,
        /// The order; a minus stands for the descending one. The newest come first if it is left out.
        sort: Option<Sort>,
        /// Whether the answer says how many requests there are on all pages. Counting many takes longer than a page.
        total: bool,
        /// The maximum number of requests; 50 if it is left out.
        limit: Number<1, 200, 50>,
        /// Where to continue: the `next` of the previous page.
        cursor: After,
    }
    example: {"status": "LOANED", "agency": "NORTH", "patron": "20041234567", "open": true}
}

impl ListQuery {
    /// Returns the filter. `institution` is that of the patron's agency.
    fn into_filter(
        self,
        institution: Option<InstitutionCode>,
        of_agencies: Option<OfAgencies>,
        too_long: Option<(Wait, Timestamp)>,
    ) -> RequestFilter {
        let begins = |day: Option<Date>| day.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
        RequestFilter {
            statuses: self.status.0,
            institution: self.institution,
            patron: institution.zip(self.patron),
            agency: self.agency.filter(|_| self.side.is_none()),
            placed_from: begins(self.from),
            placed_before: begins(self.to.and_then(|day| day.tomorrow().ok())),
            title: self.title,
            open_only: self.open,
            needs_staff: self.needs_staff,
            barcode: self.barcode,
            of_agencies,
            queue: self.queue,
            waiting: too_long,
            case: self.case.map(|case| case.0),
            unread_by: None,
            sort: self.sort.or(self.cursor.0.as_ref().map(Cursor::sort)).unwrap_or_default(),
            after: self.cursor.0,
            limit: self.limit.0,
        }
    }
}

/// Checks the parts of a filter against each other, and reads the institution of the agency that it names.
async fn check_filter(
    state: &WebState,
    access: &Access,
    query: &mut Read<ListQuery>,
) -> Result<Option<InstitutionCode>, Problem> {
    let ListQuery { patron, agency, from, to, sort, cursor, .. } = &query.value;
    let (from, to) = (*from, *to);
    let other_order = sort.zip(cursor.0.as_ref()).is_some_and(|(sort, cursor)| cursor.sort() != sort);
    let reasonless = patron.is_some() && query.value.reason.is_none() && access.caller().is_consortium_admin();
    let (without_agency, agency) = (patron.is_some() && agency.is_none(), agency.clone());
    if without_agency && query.is_sound("agency") {
        query.fault(
            "agency",
            "REQUIRED",
            "Name the patron's agency too: another library may have a patron with this identifier.",
        );
    }
    if reasonless && query.is_sound("reason") {
        query.fault(
            "reason",
            "REQUIRED",
            "The consortium admin searches for a patron only with a reason, which is logged.",
        );
    }
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        query.fault("to", "OUT_OF_RANGE", "The last day is before the first.");
    }
    if other_order {
        query.fault("cursor", "INVALID_CURSOR", "A list in another order gave this cursor. Begin again without one.");
    }
    let Some(agency) = agency.filter(|_| query.is_sound("agency")) else { return Ok(None) };
    // An agency that isn't the caller's is one that it doesn't know.
    let known = if access.owns(&agency) { institution_of(state, &agency).await? } else { None };
    if known.is_none() {
        query.fault("agency", "UNKNOWN_AGENCY", format!("There is no agency {agency}."));
    }
    Ok(known)
}

/// Returns the institution of an agency, if there is one. An agency that another node has just created is not among those
/// that were read before.
async fn institution_of(state: &WebState, agency: &AgencyCode) -> Result<Option<InstitutionCode>, Problem> {
    let read = state.engine.agencies().await?;
    if let Some(known) = read.iter().find(|known| known.code == *agency) {
        return Ok(Some(known.institution.clone()));
    }
    Ok(state.engine.store().agency(agency).await?.map(|agency| agency.institution))
}

/// Checks a filter that somebody wants to keep: a query of this list that names neither a patron nor a place in the list.
pub(crate) async fn check_list_filter(filter: &str) -> Result<(), String> {
    let unreadable = || "It is no query of a list of requests.".to_owned();
    let call = axum::http::Request::builder().uri(format!("/?{filter}")).body(()).map_err(|_| unreadable())?;
    let (mut parts, ()) = call.into_parts();
    let Query(query) = Query::<ListQuery>::from_request_parts(&mut parts, &()).await.map_err(|_| unreadable())?;
    let query = query.checked().map_err(|problem| problem.faults().join(" "))?;
    if query.patron.is_some() || query.reason.is_some() {
        return Err("A view names no patron, and no reason to search for one.".to_owned());
    }
    if query.cursor.0.is_some() || query.total {
        return Err("A view is a filter, without `cursor` and `total`.".to_owned());
    }
    Ok(())
}

/// Returns the requests that a list may have: those that the caller sees, limited to a side of the caller's agencies or of one of
/// them; `None` for all.
pub(crate) async fn listed(
    state: &WebState,
    access: &Access,
    names_patron: bool,
    side: Option<AtSide>,
    agency: Option<&AgencyCode>,
) -> Result<Option<OfAgencies>, Problem> {
    let of = match agency.filter(|_| side.is_some()) {
        None => access.listed_requests(state, names_patron).await?,
        // Such a list has the requests of patrons alone.
        Some(agency) if access.sees_patrons_alone(names_patron) => {
            Some(OfAgencies { borrowers: vec![agency.clone()], ..OfAgencies::default() })
        }
        Some(agency) => Some(deliveries::requests_of(&state.engine, &|code| code == agency).await?),
    };
    Ok(match side {
        Some(AtSide::One(side)) => of.map(|of| of.at(side)),
        Some(AtSide::Any) | None => of,
    })
}

/// Lists requests: those at which the caller's agencies have a side. The consortium admin sees all.
#[utoipa::path(
    get,
    path = "/api/v1/requests",
    operation_id = "list_requests",
    tag = "requests",
    params(ListQuery),
    responses((status = 200, description = "A page of requests.", body = RequestList))
)]
async fn list_requests(
    State(state): State<WebState>,
    access: Access,
    Query(mut query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let names_patron = query.value.patron.is_some();
    access.may_list(names_patron)?;
    let institution = check_filter(&state, &access, &mut query).await?;
    let query = query.checked()?;
    let (counted, reason, agency) = (query.total, query.reason.clone(), query.agency.clone());
    let of = listed(&state, &access, names_patron, query.side, query.agency.as_ref()).await?;
    let now = state.engine.clock().now();
    let unread_by = query.unread.then(|| access.caller().agencies().iter().cloned().collect());
    let too_long = query.too_long.map(|wait| (wait, state.wait_limits.before(wait, now)));
    let filter = RequestFilter { unread_by, ..query.into_filter(institution, of, too_long) };
    let page = state.engine.store().list(&filter).await?;
    let total = if counted { Some(state.engine.store().count_requests(&filter).await?) } else { None };
    if let Some(agency) = agency.as_ref().filter(|_| names_patron) {
        // The caller has said who the patron is, and learns what the patron has requested.
        access.note_list(&state, page.requests.iter().map(|request| request.id).collect(), agency, reason);
    }
    let requests = access.listed_views(&state, &page.requests, names_patron).await?;
    let unread = access.all_unread_messages(&state).await?;
    let unread = page.requests.iter().filter_map(|request| Some((request.id.to_string(), *unread.get(&request.id)?)));
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(RequestList { requests, total, unread_messages: unread.collect(), next }.into_response())
}

input! {
    /// Whether the call waits for a change, and why it reads the patron's data.
    struct ReadQuery {
        /// The known `version`: with `wait`, the call waits for a later one.
        after_version: Number<0, { u32::MAX }, 0>,
        /// Seconds to wait for a later version; after that, or when the hub stops, the request is returned as it is. 0
        /// if it is left out.
        wait: Number<0, 30, 0>,
        /// The patron of the request. A discovery system must name it; a request of another patron is a 404 then. For
        /// other callers it has no effect.
        patron: Option<PatronId>,
        /// Why the consortium admin reads the patron's data, which the hub logs; also as the header `reason`. Without
        /// it, the answer has no patron data.
        reason: Option<String>,
        /// Leave out the history, for a caller that needs the status alone.
        without_timeline: bool,
    }
    example: {"after_version": 7, "wait": 30, "without_timeline": true}
}

/// The reason for which the consortium admin reads a patron's data, from the header `reason`.
struct ReasonHeader(Option<String>);

impl<S: Sync> FromRequestParts<S> for ReasonHeader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let text = parts.headers.get("reason").and_then(|value| value.to_str().ok()).map_or("", str::trim);
        Ok(Self((!text.is_empty()).then(|| text.chars().take(LONGEST_TEXT).collect())))
    }
}

impl IntoParams for ReasonHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about =
            "The same as the parameter `reason`, in ASCII: addresses are logged on the way, and headers are not.";
        vec![header("reason", about, "The patron has complained.", "^[!-~]([ -~]*[!-~])?$")]
    }
}

/// Returns whether a call names this request's patron. Identifiers of patrons know no case.
fn is_patron_of(request: &Request, named: &PatronId) -> bool {
    let same = |known: &PatronId| known.as_str().to_lowercase() == named.as_str().to_lowercase();
    same(&request.patron.identifier) || request.patron.verified.as_ref().is_some_and(|verified| same(&verified.id))
}

/// Returns one request, with both sides' state and its whole history; on demand, as soon as it has changed.
///
/// The patron's data are shown by the caller's role and side (docs/access.md).
#[utoipa::path(
    get,
    path = "/api/v1/requests/{id}",
    operation_id = "get_request",
    tag = "requests",
    params(PathId, ReadQuery, ReasonHeader),
    responses(
        (status = 200, description = "The request.", body = RequestDetails),
        (status = 404, description = "There is none."),
    )
)]
async fn get_request(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
    ReasonHeader(reason_in_header): ReasonHeader,
    Query(query): Query<ReadQuery>,
) -> Result<Response, Problem> {
    let ReadQuery { after_version, wait, patron, reason, without_timeline } = query.checked()?;
    access.may_list(patron.is_some())?;
    if wait.0 > 0 {
        // This read distinguishes an unknown request from one that is lost during the wait.
        access.request(&state, id).await?;
        let changed = state.engine.wait_for_change(id, after_version.0.into(), Duration::from_secs(wait.0.into()));
        state.unless_stopped(changed).await.transpose()?;
    }
    let reason = reason.or(reason_in_header);
    if without_timeline && access.caller().role() != Role::Discovery {
        return status(&state, &access, id, reason).await;
    }
    let missing = || Problem::not_found("request", &id.to_string());
    let found = state.engine.store().request_with_timeline(id).await?;
    let (stored, timeline) = found.ok_or_else(missing)?;
    let Seen { stored, sides } = access.seen(&state, stored).await?;
    // For other callers the comparison would say who the patron of another library is.
    let names_patron = access.caller().role() == Role::Discovery;
    if names_patron && !patron.is_some_and(|named| is_patron_of(&stored.request, &named)) {
        return Err(missing());
    }
    let data = access.shown_patron(sides, reason.is_some(), names_patron);
    access.note_read(&state, &stored.request, data, reason);
    let tag = [(ETAG, Tag::of_request(stored.version).into_header())];
    let patron_message = access.patron_message(&state, &stored.request).await?;
    let timeline = (!without_timeline).then_some(timeline);
    let unread = access.unread_messages(&state, id).await?;
    let details = RequestDetails::new(stored, timeline, data, patron_message).with_unread(unread);
    Ok((tag, Json(details)).into_response())
}

/// Answers a request without its history. Most callers ask for the status again and again, and see nothing of the patron.
async fn status(state: &WebState, access: &Access, id: RequestId, reason: Option<String>) -> Result<Response, Problem> {
    let missing = || Problem::not_found("request", &id.to_string());
    let store = state.engine.store();
    let version = store.request_version(id).await?.ok_or_else(missing)?;
    let agencies = state.engine.agencies().await?;
    let tag = |version| [(ETAG, Tag::of_request(version).into_header())];
    let data = |sides| access.shown_patron(sides, reason.is_some(), false);
    if let Some(kept) = state.views.get(RequestVersion { id, version }, access.language(), &agencies) {
        let sides = access.permitted_sides(state, id, kept.parties()).await?;
        if matches!(data(sides), PatronData::Hidden | PatronData::PickupCode) {
            return Ok((tag(version), Json(kept)).into_response());
        }
    }
    let stored = store.shown_request(id).await?.ok_or_else(missing)?;
    let Seen { stored, sides } = access.seen(state, stored).await?;
    let (data, tag) = (data(sides), tag(stored.version));
    access.note_read(state, &stored.request, data, reason);
    match data {
        PatronData::Hidden | PatronData::PickupCode => {
            Ok((tag, Json(access.rendered(state, &agencies, stored.into(), data)?)).into_response())
        }
        PatronData::ShownAtPickup | PatronData::Full => {
            let patron_message = access.patron_message(state, &stored.request).await?;
            Ok((tag, Json(RequestDetails::new(stored, None, data, patron_message))).into_response())
        }
    }
}

/// Returns a request that the caller has placed.
async fn find(state: &WebState, id: RequestId) -> Result<Stored, Problem> {
    let stored = state.engine.store().request(id).await?;
    stored.ok_or_else(|| Problem::not_found("request", &id.to_string()))
}
