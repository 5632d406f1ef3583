//! The API's view of a request: a list of the fields that may be shown, not the domain's own record.

use std::collections::BTreeMap;

use access::PatronData;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use lending::{
    Attention, Cancellation, CancelledBy, ClosureBasis, ClosureSource, EarlierSupply, Hold, HoldEnd, HoldState,
    ItemState, Loan, Patron, Refusal, RequestId, ShownPatron, Supply, Tracked, VirtualSide,
};
use messages::{Language, Message};
use serde::Serialize;
use store::{AuditRow, Listed, Stored};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::sentence::Sentence;
use crate::views::RenderedView;
use crate::words;

/// A patron request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Request)]
pub(crate) struct RequestView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    id: RequestId,
    /// Its status.
    #[schema(schema_with = words::status)]
    status: &'static str,
    /// How it ended, such as `SUPPLIED`; null until that is known.
    #[schema(schema_with = words::optional_outcome)]
    outcome: Option<&'static str>,
    /// What it waits for.
    attention: AttentionView,
    /// Notable facts besides the status, such as `overdue`.
    #[schema(schema_with = words::conditions)]
    conditions: Vec<&'static str>,
    /// The sentence that the patron should read now, in the language of `Accept-Language`: English or German.
    patron_message: String,
    /// The actions that are possible now, such as `cancel` or `next_supplier`.
    #[schema(schema_with = words::actions)]
    actions: Vec<&'static str>,
    /// Which institutions play which side: `standard`, `local`, `pickup_anywhere`, `own_item_elsewhere` or `expedited`.
    #[schema(schema_with = words::workflow)]
    workflow: &'static str,
    /// The last day on which the patron can use the item.
    #[schema(value_type = Option<String>, format = Date)]
    needed_until: Option<String>,
    /// Since when it has the status.
    #[schema(value_type = String, format = DateTime)]
    status_since: Timestamp,
    /// The queue of the libraries' desks in which it waits, such as `pick`; null if it waits in none.
    #[schema(schema_with = words::optional_queue)]
    queue: Option<&'static str>,
    /// The step that it waits for; null while the hub works on it, and after its end.
    next_step: Option<NextStepView>,
    /// When the patron must bring the item back; null before the loan.
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    /// When it was placed.
    #[schema(value_type = String, format = DateTime)]
    placed_at: Timestamp,
    /// When it changed last.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// The number of times it was saved.
    #[schema(minimum = 1)]
    version: i64,
    /// The effect that the hub executes at this moment, such as `place_hold_at_lender`; null while it waits.
    #[schema(schema_with = words::optional_effect)]
    current_effect: Option<&'static str>,
    /// The title in the lender's record; null before a copy is chosen.
    title: Option<String>,
    /// Its author.
    author: Option<String>,
    /// The damage with which the item came back, as staff describe it.
    damage: Option<String>,
    /// Where the item is as far as the hub knows, and to whom it belongs, in one sentence for staff.
    item_place: String,
    /// The volume of the chosen copy, such as `v.1 (1984)`; null if it has none, or before a copy is chosen.
    volume: Option<String>,
    /// The patron who placed the request.
    patron: PatronView,
    /// The pickup location.
    pickup_location: PickupView,
    /// The code that the patron gives at a pickup library of another institution, where the shelf shows it in place of a
    /// name; null if the patron collects at home, or the caller may not see it. Show it to the patron.
    pickup_code: Option<String>,
    /// The lending side; null before a copy is chosen.
    lender: Option<LenderView>,
    /// Earlier lenders that did not supply.
    earlier_lenders: Vec<EarlierLenderView>,
    /// The borrowing side.
    borrower: BorrowerView,
    /// The pickup side, if it is a third institution; otherwise null.
    pickup_side: Option<BorrowerView>,
    /// The party that ended it, if there is one.
    cancellation: Option<CancellationView>,
    /// The reason why it failed, if it did.
    refusal: Option<RefusalView>,
}

/// A patron request with the patron's identifier and its whole history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestDetails {
    #[serde(flatten)]
    request: RequestView,
    /// The history, oldest first; left out if the call doesn't want it.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<TimelineRow>>,
    /// How many messages of the other libraries the caller's agencies have not read; left out with the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread_messages: Option<u64>,
}

/// A page of requests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestList {
    /// The requests, in the order that the call asked for.
    #[schema(value_type = Vec<RequestView>)]
    pub(crate) requests: Vec<RenderedView>,
    /// The number of requests on all pages; null unless the call asked for it.
    pub(crate) total: Option<u64>,
    /// How many messages of the other libraries the caller's agencies have not read, by the id of the request; requests
    /// without any are left out.
    pub(crate) unread_messages: BTreeMap<String, u64>,
    /// The `cursor` of the next page; null at the end.
    pub(crate) next: Option<String>,
}

/// The step that a request waits for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NextStep)]
struct NextStepView {
    /// What is to be done: the name of a queue, or `decide`.
    #[schema(schema_with = words::step)]
    step: &'static str,
    /// Until when, where a date is agreed: the end of the time on the hold shelf, or the due date.
    #[schema(value_type = Option<String>, format = DateTime)]
    by: Option<Timestamp>,
}

impl IntoResponse for RequestList {
    /// Writes the views into room of the right size: a page has some 100 KB.
    fn into_response(self) -> Response {
        let bytes: usize = self.requests.iter().map(|view| view.bytes() + 1).sum();
        let mut body = Vec::with_capacity(bytes + 200);
        match serde_json::to_writer(&mut body, &self) {
            Ok(()) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(_) => Problem::internal().into_response(),
        }
    }
}

/// What a request waits for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = Attention)]
enum AttentionView {
    /// Nothing: the hub itself is at work, or the request has ended.
    None,
    /// Somebody or something else has the next move.
    Waiting {
        /// The party: `lending_library`, `pickup_library`, `patron`, `lender_system`, `borrower_system` or
        /// `pickup_system`.
        #[schema(schema_with = words::waited_for)]
        on: &'static str,
        /// When it began.
        #[schema(value_type = String, format = DateTime)]
        since: Timestamp,
        /// The time of the hub's next try, if the request waits for that.
        #[schema(value_type = Option<String>, format = DateTime)]
        next_try: Option<Timestamp>,
        /// One sentence, for staff.
        reason: String,
    },
    /// Only a person can decide how to continue.
    NeedsStaff {
        /// A stable code.
        code: String,
        /// The event and its meaning, for staff.
        explanation: String,
        /// The possible actions, such as `resume` or `cancel`.
        #[schema(schema_with = words::actions)]
        actions: Vec<&'static str>,
    },
}

/// The patron who placed the request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Patron)]
struct PatronView {
    /// The patron's institution.
    institution: String,
    /// The patron's agency.
    agency: String,
    /// The patron's identifier as the request named it. Shown with a single request, never in lists, and only to whom
    /// docs/access.md names.
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
    /// The number of the library card, if the patron's library shows it to other libraries.
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<String>,
    /// The first name, or the initials, if the patron's library shows it to other libraries.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    /// The last name, if the patron's library shows it to other libraries.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
}

impl PatronView {
    fn new(patron: Patron, data: PatronData) -> Self {
        let hidden = Self {
            institution: patron.institution.to_string(),
            agency: patron.agency.to_string(),
            identifier: None,
            card: None,
            first_name: None,
            last_name: None,
        };
        let shown = |shown: ShownPatron, view: Self| Self {
            card: shown.card.map(|card| card.to_string()),
            first_name: shown.first_name.map(|name| name.as_str().to_owned()),
            last_name: shown.last_name.map(|name| name.as_str().to_owned()),
            ..view
        };
        let known = patron.verified.map(|verified| verified.shown_at_pickup).unwrap_or_default();
        match data {
            PatronData::Hidden | PatronData::PickupCode => hidden,
            PatronData::ShownAtPickup => shown(known, hidden),
            PatronData::Full => shown(known, Self { identifier: Some(patron.identifier.to_string()), ..hidden }),
        }
    }
}

/// The pickup location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pickup)]
struct PickupView {
    /// The hub's code for it.
    code: String,
    /// Its name.
    name: String,
    /// The library in the system of the institution where the patron collects.
    library: String,
    /// The circulation desk, if the library has several hold shelves.
    desk: Option<String>,
    /// The code of its stop on the courier's route.
    route_code: Option<String>,
}

/// The lending side.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lender)]
struct LenderView {
    /// The lender.
    institution: String,
    /// The library that owns the item.
    library: String,
    /// Its shelving location.
    location: String,
    /// The name of that location, if the library's system gives one.
    location_name: Option<String>,
    /// The call number, if the item has one.
    call_number: Option<String>,
    /// The record.
    bib: String,
    /// The holding.
    holding: String,
    /// The item.
    item: String,
    /// The item's barcode.
    barcode: String,
    /// The item's description, such as `v.1`; null if it has none.
    description: Option<String>,
    /// The levels of its enumeration, such as volume and number; blank where a level isn't used.
    enumeration: Vec<String>,
    /// The levels of its chronology, such as year and month; blank where a level isn't used.
    chronology: Vec<String>,
    /// The item's state in the last observation, such as `in_transit`.
    #[schema(schema_with = words::item_state)]
    item_state: &'static str,
    /// The library system's own word, if the hub has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    item_state_detail: Option<String>,
    /// The virtual patron's hold.
    hold: Option<HoldView>,
    /// The loan to the virtual patron.
    loan: Option<LoanView>,
}

/// A lender that did not supply.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EarlierLender)]
struct EarlierLenderView {
    /// The lender.
    institution: String,
    /// Its copy.
    barcode: String,
    /// The reason why it did not supply.
    refusal: RefusalView,
}

/// The borrowing side: the virtual item and its state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Borrower)]
struct BorrowerView {
    /// The virtual record, once it was made; it is removed at the end.
    bib: Option<String>,
    /// The virtual holding.
    holding: Option<String>,
    /// The virtual item.
    item: Option<String>,
    /// The virtual item's barcode: the lender's, or one with a prefix if that was taken.
    barcode: Option<String>,
    /// The virtual item's state in the last observation, or when it was made; null before that.
    #[schema(schema_with = words::optional_item_state)]
    item_state: Option<&'static str>,
    /// The library system's own word, if the hub has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    item_state_detail: Option<String>,
    /// The patron's hold.
    hold: Option<HoldView>,
    /// The patron's loan.
    loan: Option<LoanView>,
}

/// A hold in a library's system.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hold)]
struct HoldView {
    /// Its id there.
    id: String,
    /// Its state in the last observation, such as `not_started`.
    #[schema(schema_with = words::hold_state)]
    state: &'static str,
    /// Whether it still exists.
    open: bool,
    /// How it ended, such as `Canceled` or `Hold Shelf Expired`, unless the hub ended it.
    #[schema(schema_with = words::optional_closure)]
    closure: Option<&'static str>,
    /// How the hub knows that: `reported` by the library's system, or `inferred` from hold, item and loan.
    #[schema(schema_with = words::optional_closure_source)]
    closure_source: Option<&'static str>,
    /// The fact from which an inferred closure follows, as the rest of a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    closure_basis: Option<&'static str>,
}

/// A loan in a library's system.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Loan)]
struct LoanView {
    /// Its id there.
    id: String,
    /// When the item must be back.
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    /// Whether the item is still out.
    open: bool,
}

/// The party that ended a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cancellation)]
struct CancellationView {
    /// `patron`, `staff`, `at_borrower` or `deadline`.
    #[schema(schema_with = words::canceller)]
    by: &'static str,
    /// The reason, in their words.
    reason: Option<String>,
}

/// The reason why a request failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refusal)]
struct RefusalView {
    /// A stable code, such as `PATRON_EXPIRED`.
    code: String,
    /// The problem and its solution.
    explanation: String,
    /// The sentence for the patron, if the problem is the patron's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    patron_message: Option<String>,
    /// The agency to which the patron belongs, if the request named another.
    #[serde(skip_serializing_if = "Option::is_none")]
    agency: Option<String>,
    /// Further causes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    other_refusals: Vec<RefusalView>,
}

/// One entry of the history.
#[derive(Debug, Serialize, ToSchema)]
struct TimelineRow {
    /// Its position, from 1.
    #[schema(minimum = 1)]
    seq: i64,
    /// The time.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The event, such as `hold_placed_at_lender`.
    event: String,
    /// The status before, if it changed.
    #[schema(schema_with = words::optional_status)]
    from: Option<&'static str>,
    /// The status after, if it changed.
    #[schema(schema_with = words::optional_status)]
    to: Option<&'static str>,
    /// The reason for the change.
    reason: Option<String>,
    /// A note for staff.
    note: Option<String>,
    /// The actor: `hub`, or the name of an API key.
    actor: String,
}

impl RequestView {
    /// Creates the view with the data of the patron that the caller sees.
    pub(crate) fn new(listed: Listed, data: PatronData, sentence: Sentence) -> Self {
        let Listed { request, version, updated_at } = listed;
        let actions = request.actions().into_iter().map(lending::Action::name).collect();
        let item_place = request.item_place();
        let (queue, due) = (request.queue().map(lending::Queue::name), request.due());
        let next_step = request.next_step().map(|next| NextStepView { step: next.step, by: next.by });
        let code = request.patron.verified.as_ref().and_then(|patron| patron.pickup_code.as_ref());
        let pickup_code = code.filter(|_| data != PatronData::Hidden).map(ToString::to_string);
        let (title, author) = request.title.map_or((None, None), |title| (Some(title.title), title.author));
        Self {
            id: request.id,
            status: request.status.name(),
            outcome: request.outcome.map(lending::Outcome::name),
            attention: attention(request.attention),
            conditions: request.conditions.iter().map(|condition| condition.name()).collect(),
            patron_message: sentence.text,
            actions,
            workflow: request.workflow.name(),
            needed_until: request.needed_until.map(|day| day.to_string()),
            status_since: request.status_since,
            queue,
            next_step,
            due,
            placed_at: request.placed_at,
            updated_at,
            version,
            current_effect: request.in_flight.map(lending::Effect::name),
            title,
            author,
            item_place,
            damage: request.damage,
            volume: request.supply.as_ref().and_then(|supply| supply.copy.volume.label()),
            patron: PatronView::new(request.patron, data),
            pickup_location: PickupView {
                code: request.pickup.code.to_string(),
                name: request.pickup.name,
                library: request.pickup.library.to_string(),
                desk: request.pickup.desk.map(|desk| desk.to_string()),
                route_code: request.pickup.route_code,
            },
            pickup_code,
            lender: request.supply.map(lender),
            earlier_lenders: request
                .earlier_suppliers
                .into_iter()
                .map(|supply| earlier(supply, sentence.language))
                .collect(),
            borrower: borrower(request.borrower),
            pickup_side: request.pickup_side.map(|here| borrower(*here)),
            cancellation: request.cancellation.map(cancellation),
            refusal: request.refusal.map(|refused| refusal(refused, sentence.language)),
        }
    }
}

impl RequestView {
    /// Leaves out what names the patron, for lists and answers to commands.
    pub(crate) fn without_identifier(mut self) -> Self {
        let patron = &mut self.patron;
        (patron.identifier, patron.card, patron.first_name, patron.last_name) = (None, None, None, None);
        self
    }
}

impl RequestDetails {
    pub(crate) fn new(stored: Stored, timeline: Option<Vec<AuditRow>>, data: PatronData, sentence: Sentence) -> Self {
        let request = RequestView::new(stored.into(), data, sentence);
        let timeline = timeline.map(|rows| rows.into_iter().map(timeline_row).collect());
        Self { request, timeline, unread_messages: None }
    }

    /// Adds how many messages the caller's agencies have not read.
    pub(crate) fn with_unread(self, number: u64) -> Self {
        Self { unread_messages: Some(number), ..self }
    }
}

fn attention(attention: Attention) -> AttentionView {
    match attention {
        Attention::None => AttentionView::None,
        Attention::Waiting { on, since, next_try, reason } => {
            AttentionView::Waiting { on: on.name(), since, next_try, reason }
        }
        Attention::NeedsStaff { code, explanation, actions, unexplained: _ } => AttentionView::NeedsStaff {
            code,
            explanation,
            actions: actions.into_iter().map(lending::Action::name).collect(),
        },
    }
}

fn earlier(supply: EarlierSupply, language: Language) -> EarlierLenderView {
    EarlierLenderView {
        institution: supply.institution.to_string(),
        barcode: supply.barcode.to_string(),
        refusal: refusal(supply.refusal, language),
    }
}

fn lender(supply: Supply) -> LenderView {
    let (item_state, item_state_detail) = item_state(supply.item);
    LenderView {
        institution: supply.institution.to_string(),
        library: supply.copy.library.to_string(),
        location: supply.copy.location.to_string(),
        location_name: supply.copy.location_name,
        call_number: supply.copy.call_number,
        bib: supply.copy.bib.to_string(),
        holding: supply.copy.holding.to_string(),
        item: supply.copy.item.to_string(),
        barcode: supply.copy.barcode.to_string(),
        description: supply.copy.volume.description,
        enumeration: supply.copy.volume.enumeration,
        chronology: supply.copy.volume.chronology,
        item_state,
        item_state_detail,
        hold: hold(&supply.hold, supply.hold_end),
        loan: loan(&supply.loan),
    }
}

fn borrower(here: VirtualSide) -> BorrowerView {
    let (item_state, item_state_detail) = match here.item_state.map(item_state) {
        Some((state, detail)) => (Some(state), detail),
        None => (None, None),
    };
    BorrowerView {
        bib: here.bib.any().map(ToString::to_string),
        holding: here.holding.any().map(ToString::to_string),
        item: here.item.any().map(ToString::to_string),
        barcode: here.barcode.map(|barcode| barcode.to_string()),
        item_state,
        item_state_detail,
        hold: hold(&here.hold, here.hold_end),
        loan: loan(&here.loan),
    }
}

fn item_state(state: ItemState) -> (&'static str, Option<String>) {
    let name = match state {
        ItemState::InPlace => "in_place",
        ItemState::Requested => "requested",
        ItemState::InTransit => "in_transit",
        ItemState::OnHoldShelf => "on_hold_shelf",
        ItemState::OnLoan => "on_loan",
        ItemState::Lost => "lost",
        ItemState::ClaimedReturned => "claimed_returned",
        ItemState::Missing => "missing",
        ItemState::Unavailable(what) => return ("unavailable", Some(what)),
        ItemState::Absent => "absent",
    };
    (name, None)
}

fn hold(part: &Tracked<Hold>, end: Option<HoldEnd>) -> Option<HoldView> {
    part.any().map(|hold| HoldView {
        id: hold.id.to_string(),
        state: match hold.state {
            HoldState::NotStarted => "not_started",
            HoldState::InProcess => "in_process",
            HoldState::OnHoldShelf => "on_hold_shelf",
            HoldState::Gone => "gone",
        },
        open: part.is_open(),
        closure: end.map(|end| end.closure.name()),
        closure_source: end.map(|end| match end.source {
            ClosureSource::Reported => "reported",
            ClosureSource::Inferred => "inferred",
        }),
        closure_basis: end.and_then(|end| end.basis).map(ClosureBasis::fact),
    })
}

fn loan(part: &Tracked<Loan>) -> Option<LoanView> {
    part.any().map(|loan| LoanView { id: loan.id.to_string(), due: loan.due, open: part.is_open() })
}

fn cancellation(cancellation: Cancellation) -> CancellationView {
    let by = match cancellation.by {
        CancelledBy::Patron => "patron",
        CancelledBy::Staff => "staff",
        CancelledBy::AtBorrower => "at_borrower",
        CancelledBy::Deadline => "deadline",
    };
    CancellationView { by, reason: cancellation.reason }
}

fn refusal(refusal: Refusal, language: Language) -> RefusalView {
    let other_refusals = refusal.other_refusals.into_iter().map(|other| self::refusal(other, language)).collect();
    let patron_message = Message::of_refusal(&refusal.code).and_then(|message| message.text(language));
    RefusalView {
        code: refusal.code,
        explanation: refusal.explanation,
        patron_message,
        agency: refusal.agency.map(|agency| agency.to_string()),
        other_refusals,
    }
}

fn timeline_row(row: AuditRow) -> TimelineRow {
    let entry = row.entry;
    TimelineRow {
        seq: row.seq,
        time: entry.at,
        event: entry.event,
        from: entry.from.map(|status| status.name()),
        to: entry.to.map(|status| status.name()),
        reason: entry.reason,
        note: entry.note,
        actor: entry.actor,
    }
}
