//! Fill rate and turnaround of the caller's agencies, from the daily numbers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use lending::{AgencyCode, Measure, Side};
use serde::Serialize;
use store::{DayNumber, OfAgencies};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::field::Per;
use crate::guard::Access;
use crate::input::{Query, Read, input};
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_statistics))
}

/// How many days a call may span.
const MOST_DAYS: i32 = 800;
/// How many days are shown if the call names none: twelve weeks.
const USUAL_DAYS: i32 = 84;

input! {
    /// Which numbers are wanted.
    struct StatisticsQuery {
        /// Only those of this agency, at all its sides; otherwise those of all agencies of the caller.
        agency: Option<AgencyCode>,
        /// The first day (UTC); 83 days before the last one if it is left out.
        from: Option<Date>,
        /// The last day (UTC); today if it is left out. At most 800 days.
        to: Option<Date>,
        /// Whether the numbers are for each day, or for each week from Monday.
        per: Option<Per>,
    }
    example: {"agency": "NORTH", "from": "2026-01-01", "to": "2026-03-31", "per": "week"}
}

/// The numbers of some days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Statistics)]
struct StatisticsView {
    /// The first day, in UTC.
    #[schema(value_type = String, format = Date)]
    from: String,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: String,
    /// What the agencies have done as the patron's agency.
    borrower: SideView,
    /// As the lender.
    lender: SideView,
    /// As the agency of the pickup location.
    pickup: SideView,
}

/// The numbers of one side.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SideStatistics)]
struct SideView {
    /// All days together.
    total: NumbersView,
    /// The days or weeks with a number, in order.
    periods: Vec<PeriodView>,
}

/// The numbers of a day or week.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Period)]
struct PeriodView {
    /// The day, or the week's Monday.
    #[schema(value_type = String, format = Date)]
    day: String,
    #[serde(flatten)]
    numbers: NumbersView,
}

/// How many requests were placed, filled and not filled, and how long they took. Each counts on the day on which it happened. A
/// change that is taken back, such as an undone cancellation, lowers the number of the day on which that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Numbers)]
struct NumbersView {
    /// Requests that were placed; as the lender, those for which a hold was placed at it.
    placed: i64,
    /// Requests that were filled: lent to the patron or handed off to the patron's own library; as the lender, sent.
    filled: i64,
    /// Requests that were not supplied, by the code of the reason.
    unfilled: BTreeMap<String, i64>,
    /// Requests that were cancelled, by who did it: `patron`, `staff`, `at_borrower`, `deadline`, or the code of the reason for
    /// which the patron may not borrow.
    cancelled: BTreeMap<String, i64>,
    /// Items that were not collected from the hold shelf.
    not_collected: i64,
    /// The part of the filled requests among those that were filled or not supplied, from 0 to 1; null if there is none.
    fill_rate: Option<f64>,
    /// The days from placing a request to the loan, of the items lent in this time; null if there is none.
    days_to_loan: Option<TurnaroundView>,
}

/// The days from placing a request to the loan. A loan within 24 hours took 0 days; more than 365 days count as 365 here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Turnaround)]
struct TurnaroundView {
    /// How many items were lent.
    loans: i64,
    /// Half of them took no longer.
    median: i64,
    /// Nine in ten took no longer.
    p90: i64,
    /// The mean.
    mean: f64,
}

/// Returns how many requests of the caller's agencies were filled, and how long they took, for each day or week. The consortium
/// admin sees the numbers of all.
#[utoipa::path(
    get,
    path = "/api/v1/statistics",
    operation_id = "get_statistics",
    tag = "requests",
    params(StatisticsQuery),
    responses((status = 200, description = "The numbers.", body = StatisticsView))
)]
async fn get_statistics(
    State(state): State<WebState>,
    access: Access,
    Query(mut query): Query<StatisticsQuery>,
) -> Result<Json<StatisticsView>, Problem> {
    access.may_list(false)?;
    let today = TimeZone::UTC.to_datetime(state.engine.clock().now()).date();
    let (from, to) = days(&mut query, today);
    let named = query.value.agency.clone().filter(|_| query.is_sound("agency"));
    let of = agencies(&state, &access, named, &mut query).await?;
    let per = query.checked()?.per.unwrap_or(Per::Day);
    let numbers = state.engine.store().daily_numbers(from, to, of.as_ref()).await?;
    let side = |side| SideView::new(numbers.iter().filter(|one| one.side == side), side, per);
    Ok(Json(StatisticsView {
        from: from.to_string(),
        to: to.to_string(),
        borrower: side(Side::Borrower),
        lender: side(Side::Lender),
        pickup: side(Side::Pickup),
    }))
}

/// Returns the first and the last day, and notes a fault if they are out of order or too far apart.
fn days(query: &mut Read<StatisticsQuery>, today: Date) -> (Date, Date) {
    let to = query.value.to.unwrap_or(today);
    let from = query.value.from.unwrap_or_else(|| to.saturating_sub((USUAL_DAYS - 1).days()));
    if from > to {
        query.fault("to", "OUT_OF_RANGE", "The last day is before the first.");
    } else if to.since(from).is_ok_and(|span| span.get_days() >= MOST_DAYS) {
        query.fault("from", "OUT_OF_RANGE", format!("A call may span {MOST_DAYS} days at most."));
    }
    (from, to)
}

/// Returns the agencies whose numbers are wanted; `None` for all.
async fn agencies(
    state: &WebState,
    access: &Access,
    named: Option<AgencyCode>,
    query: &mut Read<StatisticsQuery>,
) -> Result<Option<OfAgencies>, Problem> {
    let Some(agency) = named else { return access.listed_requests(state, false).await };
    // An agency that isn't the caller's is one that it doesn't know.
    if !access.knows_agency(state, &agency).await? {
        query.fault("agency", "UNKNOWN_AGENCY", format!("There is no agency {agency}."));
    }
    Ok(Some(deliveries::requests_of(&state.engine, &|code| *code == agency).await?))
}

impl SideView {
    fn new<'a>(numbers: impl Iterator<Item = &'a DayNumber> + Clone, side: Side, per: Per) -> Self {
        let mut periods: BTreeMap<Date, Vec<&DayNumber>> = BTreeMap::new();
        for number in numbers.clone() {
            periods.entry(period(number.day, per)).or_default().push(number);
        }
        let of = |(day, numbers): (Date, Vec<&DayNumber>)| PeriodView {
            day: day.to_string(),
            numbers: NumbersView::new(numbers.into_iter(), side),
        };
        Self { total: NumbersView::new(numbers, side), periods: periods.into_iter().map(of).collect() }
    }
}

/// Returns the day, or the Monday of its week.
fn period(day: Date, per: Per) -> Date {
    match per {
        Per::Day => day,
        Per::Week => day.saturating_sub(i64::from(day.weekday().since(Weekday::Monday)).days()),
    }
}

impl NumbersView {
    fn new<'a>(numbers: impl Iterator<Item = &'a DayNumber>, side: Side) -> Self {
        let (mut placed, mut filled, mut not_collected) = (0, 0, 0);
        let (mut unfilled, mut cancelled) = (BTreeMap::<String, i64>::new(), BTreeMap::<String, i64>::new());
        let (mut histogram, mut days) = (BTreeMap::<i64, i64>::new(), 0);
        for one in numbers {
            match one.measure {
                Measure::Placed => placed += one.number,
                Measure::Sent | Measure::HandedOff => filled += one.number,
                Measure::Unfilled => *unfilled.entry(one.detail.clone()).or_default() += one.number,
                Measure::Cancelled => *cancelled.entry(one.detail.clone()).or_default() += one.number,
                Measure::NotCollected => not_collected += one.number,
                Measure::Lent => {
                    // A lender has filled a request when it sends the item.
                    filled += if side == Side::Lender { 0 } else { one.number };
                    *histogram.entry(one.detail.parse().unwrap_or_default()).or_default() += one.number;
                    days += one.days;
                }
            }
        }
        unfilled.retain(|_, number| *number != 0);
        cancelled.retain(|_, number| *number != 0);
        let fill_rate = rate(filled, unfilled.values().sum());
        let days_to_loan = TurnaroundView::of(&histogram, days);
        Self { placed, filled, unfilled, cancelled, not_collected, fill_rate, days_to_loan }
    }
}

#[allow(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^52")]
fn rate(part: i64, rest: i64) -> Option<f64> {
    (part > 0 || rest > 0).then(|| (part.max(0) as f64) / ((part.max(0) + rest.max(0)) as f64))
}

impl TurnaroundView {
    #[allow(clippy::cast_precision_loss, reason = "numbers of days are far below 2^52")]
    fn of(histogram: &BTreeMap<i64, i64>, days: i64) -> Option<Self> {
        let loans: i64 = histogram.values().sum();
        (loans > 0).then(|| Self {
            loans,
            median: quantile(histogram, loans, 50),
            p90: quantile(histogram, loans, 90),
            mean: days as f64 / loans as f64,
        })
    }
}

/// Returns the number of days that this part of the loans, in percent, didn't exceed.
fn quantile(histogram: &BTreeMap<i64, i64>, loans: i64, percent: i64) -> i64 {
    let wanted = (loans * percent).div_euclid(100) + i64::from(loans * percent % 100 != 0);
    let mut seen = 0;
    let reached = histogram.iter().find(|(_, number)| {
        seen += **number;
        seen >= wanted
    });
    reached.map_or(0, |(days, _)| *days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_ninth_decile_are_days_that_so_many_loans_did_not_exceed() {
        let histogram = BTreeMap::from([(1, 4), (3, 1), (9, 4), (30, 1)]);
        assert_eq!((quantile(&histogram, 10, 50), quantile(&histogram, 10, 90)), (3, 9));
        let one = BTreeMap::from([(5, 1)]);
        assert_eq!((quantile(&one, 1, 50), quantile(&one, 1, 90)), (5, 5));
    }

    #[test]
    fn week_begins_on_monday() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(period(day("2026-03-04"), Per::Week), day("2026-03-02"));
        assert_eq!(period(day("2026-03-02"), Per::Week), day("2026-03-02"));
        assert_eq!(period(day("2026-03-08"), Per::Week), day("2026-03-02"));
        assert_eq!(period(day("2026-03-08"), Per::Day), day("2026-03-08"));
    }
}
