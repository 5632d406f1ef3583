//! The choices of copies for a request: which copies were chosen, and why. No choice names a patron.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lending::CopyState;
use lending::supplier::{Candidate, ChoiceRecord, CriterionValue, Reason, ReasonCode};
use serde::Serialize;
use serde_json::{Value, json};
use store::StoredChoice;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard::Access;
use crate::path::PathId;
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_choices))
}

/// A copy of a choice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChoiceCopy)]
struct CopyView {
    /// Its number in the choice.
    number: u32,
    /// The institution that owns it.
    institution: String,
    /// The agency of its library, if that is known.
    agency: Option<String>,
    /// Its record there.
    record: String,
    /// Its item; null if the institution did not answer.
    item: Option<String>,
    /// Its barcode.
    barcode: Option<String>,
    /// The library where it was.
    library: Option<String>,
    /// The location where it was.
    location: Option<String>,
    /// Its volume.
    volume: Option<String>,
    /// `available`, `lent`, `not_lendable`, or `unknown` if the institution did not answer.
    state: &'static str,
    /// When it was due, if it was on loan.
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    /// The number of requests that waited for it, if it was asked for.
    waiting: Option<u32>,
    /// When the institution's system said so.
    #[schema(value_type = Option<String>, format = DateTime)]
    answered_at: Option<Timestamp>,
    /// A stable code of the reason, such as `BEST_COPY` or `LENDER_SUSPENDED`.
    #[schema(value_type = String, example = "BEST_COPY")]
    code: ReasonCode,
    /// The reason in words for staff.
    reason: String,
    /// The values of the policy's criteria, in their order; empty for a copy that was left out.
    values: Vec<ValueView>,
}

/// The value of a criterion for a copy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CriterionValue)]
struct ValueView {
    /// The criterion.
    #[schema(example = "distance")]
    criterion: &'static str,
    /// The number by which copies are ordered, the smallest first; null, which comes last, if the value is unknown.
    rank: Option<i64>,
    /// The value in words.
    #[schema(example = "56 km")]
    words: String,
}

/// A choice of copies for a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Choice)]
struct ChoiceView {
    /// Its number among the choices for this request, from 1.
    number: i64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The version of the policy; 0 for the policy that a hub begins with.
    policy_version: i64,
    /// Whether the best copy was on loan, so that the request waits for it.
    queued: bool,
    /// The copies to ask for, the best one first.
    ranked: Vec<CopyView>,
    /// The other copies.
    left_out: Vec<CopyView>,
    /// The facts about the lenders as they were.
    #[schema(value_type = Vec<Object>)]
    lenders: Value,
}

/// The choices for a request.
#[derive(Debug, Serialize, ToSchema)]
struct ChoiceList {
    /// In the order in which they were made; empty for a request that names its copies.
    choices: Vec<ChoiceView>,
}

/// Lists the choices of copies for a request, with one reason for each copy: why this one, and why not that one. A choice
/// is made when the request names a title, and once more when its list of copies is used up.
#[utoipa::path(
    get,
    path = "/api/v1/requests/{id}/choices",
    operation_id = "list_choices",
    tag = "choice of the supplier",
    params(PathId),
    responses(
        (status = 200, description = "The choices.", body = ChoiceList),
        (status = 404, description = "There is no such request."),
    )
)]
async fn list_choices(
    State(state): State<WebState>,
    access: Access,
    PathId(id): PathId,
) -> Result<Json<ChoiceList>, Problem> {
    access.request(&state, id).await?;
    let choices = state.engine.store().choices_of(id).await?;
    Ok(Json(ChoiceList { choices: choices.into_iter().map(Into::into).collect() }))
}

impl From<StoredChoice> for ChoiceView {
    fn from(stored: StoredChoice) -> Self {
        let StoredChoice { number, at, policy, record, .. } = stored;
        let ranked = record.choice.ranked.iter().map(|copy| (copy.index, &copy.reason, &copy.values[..]));
        let left_out = record.choice.left_out.iter().map(|copy| (copy.index, &copy.reason, &[][..]));
        Self {
            number,
            time: at,
            policy_version: policy,
            queued: record.choice.queued,
            ranked: ranked.filter_map(|copy| copy_view(&record, copy)).collect(),
            left_out: left_out.filter_map(|copy| copy_view(&record, copy)).collect(),
            lenders: json!(record.lenders),
        }
    }
}

fn copy_view(record: &ChoiceRecord, (index, reason, values): (u32, &Reason, &[CriterionValue])) -> Option<CopyView> {
    let Candidate { institution, agency, bib, copy, answered_at, .. } = record.candidate(index)?;
    let copy = copy.as_ref();
    let (state, due) = match copy.map(|copy| &copy.state) {
        Some(CopyState::Available) => ("available", None),
        Some(CopyState::Lent { due }) => ("lent", *due),
        Some(CopyState::NotLendable(_)) => ("not_lendable", None),
        None => ("unknown", None),
    };
    let value = |value: &CriterionValue| ValueView {
        criterion: value.criterion.as_str(),
        rank: value.rank,
        words: value.words.clone(),
    };
    Some(CopyView {
        number: index,
        institution: institution.to_string(),
        agency: agency.as_ref().map(ToString::to_string),
        record: bib.to_string(),
        item: copy.map(|copy| copy.item.to_string()),
        barcode: copy.and_then(|copy| copy.barcode.as_ref()).map(ToString::to_string),
        library: copy.map(|copy| copy.library.to_string()),
        location: copy.map(|copy| copy.location.to_string()),
        volume: copy.and_then(|copy| copy.volume.label()),
        state,
        due,
        waiting: copy.and_then(|copy| copy.waiting),
        answered_at: *answered_at,
        code: reason.code,
        reason: reason.explanation.clone(),
        values: values.iter().map(value).collect(),
    })
}
