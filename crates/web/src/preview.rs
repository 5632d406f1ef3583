//! The terms of a request before it is placed.

use axum::Json;
use axum::extract::State;
use engine::{CopyChoice, PatronTerms, Preview};
use jiff::Timestamp;
use lending::supplier::{Candidate, LeftOutCopy, RankedCopy, Reason};
use lending::{CopyRef, CopyState, ExpectedTerms, Refusal};
use messages::{Language, Message};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard::Access;
use crate::input::Body;
use crate::pickup_locations::PickupLocationView;
use crate::problem::{FieldError, Problem};
use crate::requests::{NewRequestInput, check_title};
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(preview_request))
}

/// What would become of a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
struct PreviewView {
    /// Whether the patron may borrow and a copy can be asked for.
    possible: bool,
    /// The faults of the request itself; an open request for the same title or copy is one.
    faults: Vec<FieldError>,
    /// The title.
    title: Option<String>,
    /// The author.
    author: Option<String>,
    /// Whether the patron may borrow; null if the faults prevent the question.
    patron: Option<PatronView>,
    /// The copies, those that would be asked for first, in their order; then the others.
    copies: Vec<CopyView>,
    /// The version of the policy by which the hub chose; null for a request that names its copies.
    policy: Option<i64>,
    /// What the last requests to the first lender let the patron expect; null if no copy can be asked for.
    expected: Option<ExpectedView>,
    /// Where the patron may collect.
    pickup_locations: Vec<PickupLocationView>,
}

/// Whether a patron may borrow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PatronTerms)]
struct PatronView {
    /// Whether the patron may; null if the patron's library doesn't answer now.
    may_borrow: Option<bool>,
    /// The patron's type at the hub, if the patron may borrow.
    patron_type: Option<String>,
    /// Every reason why not.
    reasons: Vec<PatronReason>,
}

/// A reason why a patron may not borrow.
#[derive(Debug, Serialize, ToSchema)]
struct PatronReason {
    /// A stable code, such as `PATRON_EXPIRED`.
    code: String,
    /// The problem and its solution, for staff.
    explanation: String,
    /// The sentence for the patron.
    patron_message: String,
}

/// A copy, and why it has its place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewedCopy)]
struct CopyView {
    /// Its place in the order, from 1; null if it wouldn't be asked for.
    place: Option<usize>,
    /// The institution that owns it.
    institution: String,
    /// The agency of its library, if that is known.
    agency: Option<String>,
    /// Its record.
    record: Option<String>,
    /// Its item; null if any copy of the record would do, or the institution doesn't answer.
    item: Option<String>,
    /// Its barcode.
    barcode: Option<String>,
    /// Its volume.
    volume: Option<String>,
    /// `available`, `lent`, `not_lendable`, or `unknown` if its institution doesn't answer.
    availability: &'static str,
    /// When it is due, if it is on loan.
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    /// A stable code of the reason for its place.
    reason: String,
    /// The reason, for staff.
    explanation: String,
}

/// What the last requests to a lender let a patron expect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExpectedTerms)]
struct ExpectedView {
    /// The lender's institution.
    lender: String,
    /// The days until the item can be collected: half of the requests took no longer. Null if there were too few.
    days_to_pickup: Option<u32>,
    /// The days of a loan without renewals: half of the loans were no longer. Null if there were too few.
    loan_days: Option<u32>,
    /// The number of these loans that were renewed.
    renewed: u32,
    /// The number of these loans whose renewal the lender refused.
    renewals_refused: u32,
    /// The number of requests that the numbers rest on.
    requests: u32,
    /// The cost of a loan by the consortium's policy, in its unit; null if the policy names none.
    cost: Option<u32>,
}

/// Says what would become of a request, without placing it: whether the patron may borrow, which copies the hub would ask
/// for and why, how long it will take, and where the patron may collect.
///
/// It makes the same checks as the request, by reads alone; nothing is stored but the entry in the log of reads.
#[utoipa::path(
    post,
    path = "/api/v1/requests/preview",
    operation_id = "preview_request",
    tag = "requests",
    request_body = NewRequestInput,
    responses((status = 200, description = "What would become of it; `possible` says whether it would work.", body = PreviewView))
)]
async fn preview_request(
    State(state): State<WebState>,
    access: Access,
    Body(mut input): Body<NewRequestInput>,
) -> Result<Json<PreviewView>, Problem> {
    // An agency that isn't the caller's is one that it doesn't know.
    if input.is_sound("agency") && !access.owns(&input.value.agency) {
        let message = format!("There is no agency {}.", input.value.agency);
        input.fault("agency", "UNKNOWN_AGENCY", message);
    }
    check_title(&mut input);
    let input = input.checked()?;
    let agency = input.agency.clone();
    let preview = state.unless_stopped(state.engine.preview(input.into())).await;
    let preview = preview.unwrap_or_else(|| Err(engine::Error::Catalogue("the hub is being stopped".to_owned())))?;
    if preview.patron.is_some() {
        access.note_preview(&state, agency);
    }
    Ok(Json(PreviewView::new(preview, access.language())))
}

impl PreviewView {
    fn new(preview: Preview, language: Language) -> Self {
        let possible = preview.is_possible();
        let policy = preview.choice.as_ref().map(|choice| choice.policy);
        let copies = match preview.choice {
            Some(choice) => chosen(choice),
            None => named(preview.copies),
        };
        let faults = preview.faults.into_iter().map(|fault| FieldError {
            patron_message: Message::of_fault(fault.code).text(language),
            ..FieldError::new(fault.field, fault.code, fault.message)
        });
        let (title, author) = preview.title.map_or((None, None), |title| (Some(title.title), title.author));
        Self {
            possible,
            faults: faults.collect(),
            title,
            author,
            patron: preview.patron.map(|terms| PatronView::new(terms, language)),
            copies,
            policy,
            expected: preview
                .expected
                .map(|(lender, terms)| ExpectedView::new(lender.to_string(), &terms, preview.cost)),
            pickup_locations: preview.pickup_locations.into_iter().map(Into::into).collect(),
        }
    }
}

impl ExpectedView {
    fn new(lender: String, terms: &ExpectedTerms, cost: Option<u32>) -> Self {
        let ExpectedTerms { days_to_pickup, loan_days, renewed, renewals_refused, requests } = *terms;
        Self { lender, days_to_pickup, loan_days, renewed, renewals_refused, requests, cost }
    }
}

impl PatronView {
    fn new(terms: PatronTerms, language: Language) -> Self {
        let reason = |refusal: Refusal| PatronReason {
            patron_message: Message::of_fault(&refusal.code).text(language).unwrap_or_default(),
            code: refusal.code,
            explanation: refusal.explanation,
        };
        match terms {
            PatronTerms::MayBorrow(patron) => {
                Self { may_borrow: Some(true), patron_type: Some(patron.patron_type.0), reasons: Vec::new() }
            }
            PatronTerms::MayNot(refusals) => {
                let reasons = refusals.into_iter().map(reason).collect();
                Self { may_borrow: Some(false), patron_type: None, reasons }
            }
            PatronTerms::Unknown(explanation) => {
                let refusal = Refusal::new("SYSTEM_GIVES_NO_ANSWER", explanation);
                Self { may_borrow: None, patron_type: None, reasons: vec![reason(refusal)] }
            }
        }
    }
}

/// Returns the copies of a title, those that would be asked for first.
fn chosen(choice: CopyChoice) -> Vec<CopyView> {
    let record = choice.record;
    let numbered = |index: u32| record.candidates.iter().find(|candidate| candidate.index == index);
    let ranked = record.choice.ranked.iter().enumerate();
    let ranked = ranked.filter_map(|(at, RankedCopy { index, reason, .. })| {
        Some(CopyView::new(numbered(*index)?, Some(at + 1), reason))
    });
    let left_out = record.choice.left_out.iter();
    let left_out =
        left_out.filter_map(|LeftOutCopy { index, reason }| Some(CopyView::new(numbered(*index)?, None, reason)));
    ranked.chain(left_out).collect()
}

impl CopyView {
    fn new(candidate: &Candidate, place: Option<usize>, reason: &Reason) -> Self {
        let copy = candidate.copy.as_ref();
        let (availability, due) = match copy.map(|copy| &copy.state) {
            Some(CopyState::Available) => ("available", None),
            Some(CopyState::Lent { due }) => ("lent", *due),
            Some(CopyState::NotLendable(_)) => ("not_lendable", None),
            None => ("unknown", None),
        };
        Self {
            place,
            institution: candidate.institution.to_string(),
            agency: candidate.agency.as_ref().map(ToString::to_string),
            record: Some(candidate.bib.to_string()),
            item: copy.map(|copy| copy.item.to_string()),
            barcode: copy.and_then(|copy| copy.barcode.as_ref()).map(ToString::to_string),
            volume: copy.and_then(|copy| copy.volume.label()),
            availability,
            due,
            reason: code_of(reason),
            explanation: reason.explanation.clone(),
        }
    }
}

/// Returns the stable code of a reason.
fn code_of(reason: &Reason) -> String {
    let code = serde_json::to_value(reason.code).ok();
    code.and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Returns the copies that a request names, as far as they were read.
fn named(copies: Vec<(CopyRef, Option<Refusal>)>) -> Vec<CopyView> {
    let view = |(copy, refusal): (CopyRef, Option<Refusal>)| {
        let (reason, explanation) = match &refusal {
            Some(refusal) => (refusal.code.clone(), refusal.explanation.clone()),
            None => ("BEST_COPY".to_owned(), "It is the first copy of the request that can be lent.".to_owned()),
        };
        CopyView {
            place: refusal.is_none().then_some(1),
            institution: copy.institution.to_string(),
            agency: None,
            record: copy.bib.map(|bib| bib.to_string()),
            item: copy.item.map(|item| item.to_string()),
            barcode: copy.barcode.map(|barcode| barcode.to_string()),
            volume: copy.volume,
            availability: if refusal.is_some() { "not_lendable" } else { "available" },
            due: None,
            reason,
            explanation,
        }
    };
    let mut views: Vec<CopyView> = copies.into_iter().map(view).collect();
    views.sort_by_key(|copy| copy.place.is_none());
    views
}
