//! Live availability: which copies of a title or a record can be requested now, and which institutions have not answered.

use std::sync::Arc;
use std::time::Duration;

use ::availability::{Asking, Availability, Record, RecordAvailability};
use ::catalogue::CataloguedTitle;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lending::{CopyState, HeldCopy, Refusal, Rules};
use lms::{BibCopies, CopiesDetail};
use serde::Serialize;
use store::Agency;
use tracing::error;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::catalogue::no_catalogue;
use crate::field::Number;
use crate::input::{Query, input};
use crate::path::{PathCode, PathRecord};
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_title_availability)).routes(routes!(get_record_availability))
}

input! {
    /// How availability is asked for.
    struct AvailabilityInput {
        /// Whether the requests that wait for a lent copy are counted. That costs the library further calls.
        waiting: bool,
        /// Milliseconds to wait for the institutions; the hub's setting if it is left out.
        deadline_ms: Option<Number<1, 30000, 3000>>,
    }
    example: {"waiting": "false", "deadline_ms": 2000}
}

/// The availability of a title.
#[derive(Debug, Serialize, ToSchema)]
struct TitleAvailability {
    /// The id of the title in this catalogue; another than the one asked for if another title has taken its records.
    title: String,
    /// The number of copies that can be requested now.
    available: usize,
    /// The records of the title, each with its copies.
    records: Vec<RecordAvailabilityView>,
    /// The institutions that have not answered.
    missing: Vec<MissingView>,
}

/// The copies of one record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordAvailability)]
struct RecordAvailabilityView {
    /// The institution.
    institution: String,
    /// The record's id there.
    record: String,
    /// Its copies, as the institution's system described them last.
    copies: Vec<CopyView>,
    /// The age of the answer in seconds; null if there is none.
    age_seconds: Option<u64>,
    /// Why there are no copies, or not all; null if these are all.
    incomplete: Option<ReasonView>,
    /// Why the institution has not answered now; null if it has. Copies are then those of an earlier answer.
    missing: Option<ReasonView>,
}

/// An institution that has not answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MissingAnswer)]
struct MissingView {
    /// The institution.
    institution: String,
    /// The record that it was to be asked for.
    record: String,
    /// The reason.
    #[serde(flatten)]
    reason: ReasonView,
}

/// A reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AvailabilityReason)]
struct ReasonView {
    /// Its stable code.
    #[schema(example = "no_answer_yet")]
    code: String,
    /// A sentence for people.
    explanation: String,
}

/// A copy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AvailableCopy)]
struct CopyView {
    /// The holding's id.
    holding: String,
    /// The item's id.
    item: String,
    /// The barcode.
    barcode: Option<String>,
    /// The code of the library where it is.
    library: String,
    /// The library's name, if its system gives one.
    library_name: Option<String>,
    /// The code of the location where it is.
    location: String,
    /// The location's name, if its system gives one.
    location_name: Option<String>,
    /// The item type in the hub's words; null if the institution maps none.
    item_type: Option<String>,
    /// The volume.
    volume: Option<String>,
    /// `available`, `lent` or `not_lendable`.
    #[schema(example = "available")]
    state: &'static str,
    /// When a lent copy is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    /// The number of requests that wait for it; null if nobody asked for it.
    waiting: Option<u32>,
    /// Whether a patron of another library can request it through the hub now.
    requestable: bool,
    /// Why not; null if it can be requested.
    reason: Option<ReasonView>,
}

/// Returns which copies of a title can be requested now. The hub asks the institutions all at once, with one call for each
/// record, and answers at a deadline with what is there and who is missing. Answers are remembered for a minute.
#[utoipa::path(
    get,
    path = "/api/v1/catalogue/titles/{code}/availability",
    operation_id = "get_title_availability",
    tag = "catalogue",
    params(PathCode, AvailabilityInput),
    responses((status = 200, description = "The copies of the title.", body = TitleAvailability))
)]
async fn get_title_availability(
    State(state): State<WebState>,
    PathCode(id): PathCode,
    Query(input): Query<AvailabilityInput>,
) -> Result<Json<TitleAvailability>, Problem> {
    let input = input.checked()?;
    let (availability, catalogue) = both(&state)?;
    let title = catalogue.title(&id).await.map_err(|error| failed(&error))?;
    let title = title.ok_or_else(|| Problem::not_found("title", &id))?;
    let found = availability.of(&records(&title), asking(&availability, &input)).await;
    let records = views(&state, &found.records).await?;
    let available = records.iter().flat_map(|record| &record.copies).filter(|copy| copy.requestable).count();
    let missing = found.records.iter().filter_map(missing).collect();
    Ok(Json(TitleAvailability { title: title.id, available, records, missing }))
}

/// Returns which copies of one institution's record can be requested now.
#[utoipa::path(
    get,
    path = "/api/v1/institutions/{code}/records/{record}/availability",
    operation_id = "get_record_availability",
    tag = "catalogue",
    params(PathRecord, AvailabilityInput),
    responses((status = 200, description = "The copies of the record.", body = RecordAvailabilityView))
)]
async fn get_record_availability(
    State(state): State<WebState>,
    PathRecord { code, record }: PathRecord,
    Query(input): Query<AvailabilityInput>,
) -> Result<Json<RecordAvailabilityView>, Problem> {
    let input = input.checked()?;
    let (availability, catalogue) = both(&state)?;
    // A record that the catalogue doesn't show isn't asked for: a library may have suppressed it.
    let title = catalogue.title_of_record(&code, &record).await.map_err(|error| failed(&error))?;
    let asked =
        title.iter().flat_map(records).find(|one| one.institution.as_str() == code && one.bib.as_str() == record);
    let asked = asked.ok_or_else(|| Problem::not_found("record", &record))?;
    let found = availability.of(&[asked], asking(&availability, &input)).await;
    let view = views(&state, &found.records).await?.into_iter().next();
    view.map(Json).ok_or_else(Problem::internal)
}

fn both(state: &WebState) -> Result<(Arc<Availability>, &::catalogue::Catalogue), Problem> {
    match (&state.availability, &state.catalogue) {
        (Some(availability), Some(catalogue)) => Ok((Arc::clone(availability), catalogue)),
        _ => Err(no_catalogue()),
    }
}

fn asking(availability: &Availability, input: &AvailabilityInput) -> Asking {
    let ordinary = availability.ordinary();
    let deadline = input.deadline_ms.map(|wanted| Duration::from_millis(wanted.0.into()));
    let detail = if input.waiting { CopiesDetail::Waiting } else { CopiesDetail::States };
    Asking { detail, deadline: deadline.unwrap_or(ordinary.deadline), ..ordinary }
}

fn records(title: &CataloguedTitle) -> Vec<Record> {
    let record = |one: &::catalogue::TitleRecord| Record {
        institution: one.institution.as_str().into(),
        bib: one.local_id.as_str().into(),
    };
    title.records.iter().map(record).collect()
}

fn missing(found: &RecordAvailability) -> Option<MissingView> {
    let reason = missing_reason(found)?;
    let (institution, record) = (found.record.institution.to_string(), found.record.bib.to_string());
    Some(MissingView { institution, record, reason })
}

fn missing_reason(found: &RecordAvailability) -> Option<ReasonView> {
    let missing = found.missing.as_ref()?;
    Some(ReasonView { code: missing.name().to_owned(), explanation: missing.sentence() })
}

async fn views(state: &WebState, found: &[RecordAvailability]) -> Result<Vec<RecordAvailabilityView>, Problem> {
    let agencies = state.engine.agencies().await?;
    let now = state.engine.clock().now();
    Ok(found.iter().map(|record| view(record, &agencies, now)).collect())
}

fn view(found: &RecordAvailability, agencies: &[Agency], now: Timestamp) -> RecordAvailabilityView {
    let answer = found.answer.as_ref();
    let copy = |answer: &BibCopies, copy: &HeldCopy| {
        let here = runtime::agencies_of_library(agencies, &found.record.institution, Some(&copy.library));
        let rules: Vec<&Rules> = here.iter().map(|agency| &agency.rules).collect();
        copy_view(answer, copy, copy.against_request(&rules, now))
    };
    let copies = answer.map(|answer| answer.copies.copies.iter().map(|each| copy(&answer.copies, each)).collect());
    let incomplete = answer.and_then(|answer| answer.copies.missing);
    RecordAvailabilityView {
        institution: found.record.institution.to_string(),
        record: found.record.bib.to_string(),
        copies: copies.unwrap_or_default(),
        age_seconds: answer.map(|answer| answer.age.as_secs()),
        incomplete: incomplete
            .map(|reason| ReasonView { code: reason.name().to_owned(), explanation: reason.sentence().to_owned() }),
        missing: missing_reason(found),
    }
}

fn copy_view(answer: &BibCopies, copy: &HeldCopy, against: Option<Refusal>) -> CopyView {
    let place = answer.places.iter().find(|at| at.library == copy.library && at.location == copy.location);
    let (state, due) = match &copy.state {
        CopyState::Available => ("available", None),
        CopyState::Lent { due } => ("lent", *due),
        CopyState::NotLendable(_) => ("not_lendable", None),
    };
    CopyView {
        holding: copy.holding.to_string(),
        item: copy.item.to_string(),
        barcode: copy.barcode.as_ref().map(ToString::to_string),
        library: copy.library.to_string(),
        library_name: place.and_then(|place| place.library_name.clone()),
        location: copy.location.to_string(),
        location_name: place.and_then(|place| place.location_name.clone()),
        item_type: copy.item_type.as_ref().map(|kind| kind.0.clone()),
        volume: copy.volume.label(),
        state,
        due,
        waiting: copy.waiting,
        requestable: against.is_none(),
        reason: against.map(|reason| ReasonView { code: reason.code, explanation: reason.explanation }),
    }
}

fn failed(failure: &::catalogue::Error) -> Problem {
    error!(error = %failure, "the catalogue failed");
    Problem::internal()
}
