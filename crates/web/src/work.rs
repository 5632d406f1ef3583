//! What there is to do at the libraries' desks now: the queues with their counts, and what waits too long.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lending::{AgencyCode, Queue, Side, Wait};
use serde::Serialize;
use store::{AnyOr, OfAgencies, QueueCount, RequestFilter, WorkCounts};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard::Access;
use crate::input::{Query, Read, input};
use crate::problem::Problem;
use crate::state::WebState;
use crate::words;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_work))
}

input! {
    /// Whose work is wanted.
    struct WorkQuery {
        /// Only that of this agency, at all its sides; otherwise that of all agencies of the caller.
        agency: Option<AgencyCode>,
    }
    example: {"agency": "NORTH"}
}

/// The work at the desks of some agencies.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Work)]
struct WorkView {
    /// When it was counted.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// The queues, in the order of a request's life. Each is the work of one side.
    queues: Vec<QueueView>,
    /// The requests that staff must decide on, whatever their queue.
    decisions: ListedView,
    /// The cases, such as lost items.
    cases: ListedView,
    /// The requests that wait too long: for each wait one entry, or one for each side of the caller's agencies.
    too_long: Vec<TooLongView>,
}

/// A queue of requests that wait for somebody's hands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
struct QueueView {
    /// Its name, such as `pick`.
    #[schema(schema_with = words::queue)]
    queue: &'static str,
    /// The side whose work it is.
    #[schema(schema_with = words::side)]
    side: &'static str,
    /// How many requests wait.
    count: u64,
    /// Since when the one waits that waits longest; on loan, the earliest due date.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
    /// The query of `list_requests` that shows exactly these.
    filter: String,
}

/// Requests that are listed for one reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkList)]
struct ListedView {
    /// How many there are.
    count: u64,
    /// Since when the first of them is.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
    /// The query of `list_requests` that shows exactly these.
    filter: String,
}

/// Requests that wait too long.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TooLong)]
struct TooLongView {
    /// The wait, such as `in_transit`.
    #[schema(schema_with = words::wait)]
    wait: &'static str,
    /// The side at which the agencies stand; null if all requests are counted.
    #[schema(schema_with = words::optional_side)]
    side: Option<&'static str>,
    /// After how many days the wait is too long, by the hub's settings.
    limit_days: u16,
    /// How many requests wait longer.
    count: u64,
    /// Since when the one waits that waits longest; if overdue, the earliest due date.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
    /// The query of `list_requests` that shows exactly these.
    filter: String,
}

/// Counts the work that there is to do now for the caller's agencies: the queues, the decisions, the cases, and what waits too
/// long. The consortium admin sees the work of all.
#[utoipa::path(
    get,
    path = "/api/v1/work",
    operation_id = "get_work",
    tag = "requests",
    params(WorkQuery),
    responses((status = 200, description = "The counts.", body = WorkView))
)]
async fn get_work(
    State(state): State<WebState>,
    access: Access,
    Query(mut query): Query<WorkQuery>,
) -> Result<Json<WorkView>, Problem> {
    access.may_list(false)?;
    let of = agencies(&state, &access, &mut query).await?;
    let agency = query.checked()?.agency;
    let now = state.engine.clock().now();
    let counts = state.engine.store().work_counts(of.as_ref(), &state.wait_limits, now).await?;
    let filters = Filters { agency, has_side: of.is_some() };
    let decisions = RequestFilter { needs_staff: true, of_agencies: of.clone(), ..RequestFilter::default() };
    let cases = RequestFilter { case: Some(AnyOr::Any), of_agencies: of, ..RequestFilter::default() };
    let store = state.engine.store();
    Ok(Json(WorkView {
        as_of: now,
        queues: Queue::ALL.map(|queue| filters.queue(queue, &counts)).into(),
        decisions: ListedView {
            count: store.count_requests(&decisions).await?,
            oldest: all(&counts).filter_map(|count| count.decision_oldest).min(),
            filter: filters.at_any_side("needs_staff=true"),
        },
        cases: ListedView {
            count: store.count_requests(&cases).await?,
            oldest: all(&counts).filter_map(|count| count.case_oldest).min(),
            filter: filters.at_any_side("case=any"),
        },
        too_long: Wait::ALL.into_iter().flat_map(|wait| filters.too_long(wait, &state, &counts)).collect(),
    }))
}

/// Returns the requests of the agency that the call names, or of all agencies of the caller; `None` for all requests.
async fn agencies(
    state: &WebState,
    access: &Access,
    query: &mut Read<WorkQuery>,
) -> Result<Option<OfAgencies>, Problem> {
    let Some(agency) = query.value.agency.clone().filter(|_| query.is_sound("agency")) else {
        return access.listed_requests(state, false).await;
    };
    // An agency that isn't the caller's is one that it doesn't know.
    if !access.knows_agency(state, &agency).await? {
        query.fault("agency", "UNKNOWN_AGENCY", format!("There is no agency {agency}."));
    }
    Ok(Some(deliveries::requests_of(&state.engine, &|code| *code == agency).await?))
}

/// Returns the counts of a side.
fn at(counts: &WorkCounts, side: Side) -> &[QueueCount] {
    match side {
        Side::Borrower => &counts.borrower,
        Side::Lender => &counts.lender,
        Side::Pickup => &counts.pickup,
    }
}

fn all(counts: &WorkCounts) -> impl Iterator<Item = &QueueCount> {
    [Side::Borrower, Side::Lender, Side::Pickup].into_iter().flat_map(|side| at(counts, side))
}

/// The queries of `list_requests` that show what was counted.
struct Filters {
    agency: Option<AgencyCode>,
    /// Whether the requests of some agencies were counted, and not all.
    has_side: bool,
}

impl Filters {
    /// Returns a query, at a side of the agencies if not all requests were counted.
    fn with_side(&self, query: &str, side: &str) -> String {
        let side = if self.has_side { format!("&side={side}") } else { String::new() };
        let agency = self.agency.as_ref().map(|agency| format!("&agency={agency}")).unwrap_or_default();
        format!("{query}{side}{agency}")
    }

    fn at_any_side(&self, query: &str) -> String {
        self.with_side(query, "any")
    }

    fn queue(&self, queue: Queue, counts: &WorkCounts) -> QueueView {
        let found = at(counts, queue.side()).iter().find(|count| count.queue == Some(queue));
        QueueView {
            queue: queue.name(),
            side: queue.side().name(),
            count: found.map_or(0, |count| count.requests),
            oldest: found.and_then(|count| count.oldest),
            filter: self.with_side(&format!("queue={}", queue.name()), queue.side().name()),
        }
    }

    fn too_long(&self, wait: Wait, state: &WebState, counts: &WorkCounts) -> Vec<TooLongView> {
        let sides: &[Side] =
            if self.has_side { &[Side::Lender, Side::Borrower, Side::Pickup] } else { &[Side::Lender] };
        let entry = |side: &Side| {
            let late = at(counts, *side)
                .iter()
                .filter(|count| count.late > 0 && count.queue.is_some_and(|queue| queue.wait() == wait));
            TooLongView {
                wait: wait.name(),
                side: self.has_side.then(|| side.name()),
                limit_days: state.wait_limits.days(wait),
                count: late.clone().map(|count| count.late).sum(),
                oldest: late.filter_map(|count| count.oldest).min(),
                filter: self.with_side(&format!("too_long={}", wait.name()), side.name()),
            }
        };
        sides.iter().map(entry).collect()
    }
}
