//! The requests that wait at the libraries' desks: a narrow row each, kept with the request, and the counts of the queues.
//!
//! The table of requests would be too wide for the counts: its rows hold whole documents. A row here is written in the
//! commit of the request's change, and only if the request moved to another queue, needs staff or doesn't any more.

use std::collections::HashMap;

use jiff::Timestamp;
use lending::{
    AgencyCode, Attention, InstitutionCode, LibraryCode, PickupLocationCode, Queue, Request, RequestId, WaitLimits,
};

use crate::database::Store;
use crate::error::Error;
use crate::request_list::{OfAgencies, RequestFilter};
use crate::requests::place;
use crate::sql::{Query, Row, Value, values};
use crate::time::micros;
use crate::unit::Unit;

/// The setting that says that the rows of all open requests are there.
const FILLED: &str = "open_work_filled";
/// The number of requests that are read at once to fill the table.
const FILLED_AT_ONCE: u32 = 500;

/// Keeps the beginning of a wait that goes on at the same lender, of a decision, and of a case.
const KEEP: &str = "INSERT INTO open_work (request, queue, wait, waits_since, needs_decision, decision_since, cases, \
         cases_since, asked_at, at_agency, at_lender, at_place, at_pickup) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
     ON CONFLICT (request) DO UPDATE SET queue = excluded.queue, wait = excluded.wait, \
         waits_since = CASE WHEN open_work.wait = excluded.wait AND excluded.wait <> 'overdue' \
             AND open_work.at_place = excluded.at_place THEN open_work.waits_since ELSE excluded.waits_since END, \
         needs_decision = excluded.needs_decision, \
         decision_since = CASE WHEN open_work.needs_decision = 1 AND excluded.needs_decision = 1 \
             THEN open_work.decision_since ELSE excluded.decision_since END, \
         cases = excluded.cases, \
         cases_since = CASE WHEN open_work.cases <> '' AND excluded.cases <> '' \
             THEN open_work.cases_since ELSE excluded.cases_since END, \
         at_agency = excluded.at_agency, at_lender = excluded.at_lender, at_place = excluded.at_place, \
         at_pickup = excluded.at_pickup";

/// The counts of each queue. `$1` to `$5` are the moments before which a wait must have begun to be too long.
macro_rules! counts {
    ($of:literal) => {
        concat!(
            "SELECT queue, COUNT(*) AS requests, MIN(waits_since) AS oldest, \
                 COUNT(CASE WHEN waits_since < CASE wait WHEN 'at_lender' THEN CAST($1 AS BIGINT) \
                     WHEN 'in_transit' THEN CAST($2 AS BIGINT) WHEN 'on_shelf' THEN CAST($3 AS BIGINT) \
                     WHEN 'overdue' THEN CAST($4 AS BIGINT) WHEN 'returning' THEN CAST($5 AS BIGINT) END THEN 1 END) AS late, \
                 COUNT(CASE WHEN needs_decision = 1 THEN 1 END) AS decisions, \
                 MIN(CASE WHEN needs_decision = 1 THEN decision_since END) AS decision_oldest, \
                 COUNT(CASE WHEN cases <> '' THEN 1 END) AS cases, \
                 MIN(CASE WHEN cases <> '' THEN cases_since END) AS case_oldest \
             FROM open_work",
            $of,
            " GROUP BY queue"
        )
    };
}

const OF_ALL: &str = counts!("");
const OF_AGENCY: &str = counts!(" WHERE at_agency = $6");
const OF_PICKUP: &str = counts!(" WHERE at_pickup = $6");
/// The libraries of an institution: these (`$7`), and if `$8` is 1 also those that are not among others (`$9`).
const OF_LENDER: &str = counts!(
    " WHERE at_lender = $6 AND (REPLACE($7, '\n' || at_place || '\n', '') <> $7 \
         OR ($8 = 1 AND REPLACE($9, '\n' || at_place || '\n', '') = $9))"
);

/// Numbers of requests in one queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueCount {
    /// The queue; `None` for requests that are listed for another reason.
    pub queue: Option<Queue>,
    /// How many there are.
    pub requests: u64,
    /// Since when the one waits that waits longest; on loan, the earliest due date.
    pub oldest: Option<Timestamp>,
    /// How many of them wait too long.
    pub late: u64,
    /// How many of them staff must decide on.
    pub decisions: u64,
    /// Since when the first of those decisions is needed.
    pub decision_oldest: Option<Timestamp>,
    /// How many of them are cases, such as lost ones.
    pub cases: u64,
    /// Since when the first of those cases is one.
    pub case_oldest: Option<Timestamp>,
}

/// The counts of the queues, by the side at which the agencies stand. A request of which they have several sides is counted at
/// each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WorkCounts {
    /// As the patron's agency.
    pub borrower: Vec<QueueCount>,
    /// As the lender.
    pub lender: Vec<QueueCount>,
    /// As the agency of the pickup location.
    pub pickup: Vec<QueueCount>,
}

/// What the row of a request says.
#[derive(PartialEq)]
struct Entry {
    queue: &'static str,
    wait: &'static str,
    /// The due date, which moves a wait; no other beginning does.
    due: Option<Timestamp>,
    needs_decision: bool,
    cases: String,
    agency: AgencyCode,
    lender: String,
    place: String,
    pickup: PickupLocationCode,
}

impl Entry {
    /// Returns the entry of a request; `None` if nobody has anything to do for it.
    fn of(request: &Request) -> Option<Self> {
        let queue = request.queue();
        let needs_decision = matches!(request.attention, Attention::NeedsStaff { .. });
        let cases = request.cases();
        if queue.is_none() && !needs_decision && cases.is_empty() || request.status.is_final() {
            return None;
        }
        let supply = request.supply.as_ref();
        let names: Vec<&str> = cases.into_iter().map(lending::Case::name).collect();
        Some(Self {
            queue: queue.map_or("", Queue::name),
            wait: queue.map_or("", |queue| queue.wait().name()),
            due: request.waits_since().filter(|_| queue == Some(Queue::OnLoan)),
            needs_decision,
            cases: if names.is_empty() { String::new() } else { format!(",{},", names.join(",")) },
            agency: request.patron.agency.clone(),
            lender: supply.map(|supply| supply.institution.to_string()).unwrap_or_default(),
            place: supply.map(|supply| place(&supply.institution, &supply.copy.library)).unwrap_or_default(),
            pickup: request.pickup.code.clone(),
        })
    }
}

impl Unit {
    /// Keeps what the desks have to do for a request, if that has changed.
    pub(crate) fn save_open_work(&mut self, before: Option<&Request>, next: &Request, now: Timestamp) {
        let (was, is) = (before.and_then(Entry::of), Entry::of(next));
        if was == is {
            return;
        }
        match is {
            None => _ = self.run("DELETE FROM open_work WHERE request = $1", values![next.id]),
            Some(entry) => self.keep_open_work(next, &entry, now),
        }
    }

    fn keep_open_work(&mut self, request: &Request, entry: &Entry, now: Timestamp) {
        self.run(
            KEEP,
            values![
                request.id,
                entry.queue,
                entry.wait,
                if entry.queue == Queue::OnLoan.name() { entry.due } else { Some(now) },
                entry.needs_decision,
                Some(now).filter(|_| entry.needs_decision),
                &entry.cases,
                Some(now).filter(|_| !entry.cases.is_empty()),
                request.placed_at,
                &entry.agency,
                &entry.lender,
                &entry.place,
                &entry.pickup,
            ],
        );
    }
}

impl Store {
    /// Writes the rows of all open requests once, for a store of an earlier program. It can be repeated.
    pub(crate) async fn fill_open_work(&self) -> Result<(), Error> {
        let known = self.read("SELECT 1 AS one FROM setting WHERE name = $1", values![FILLED]).await?;
        if !known.is_empty() {
            return Ok(());
        }
        let mut filter = RequestFilter { open_only: true, limit: FILLED_AT_ONCE, ..RequestFilter::default() };
        loop {
            let page = self.requests(&filter).await?;
            let mut unit = self.unit();
            for stored in &page.requests {
                if let Some(entry) = Entry::of(&stored.request) {
                    unit.keep_open_work(&stored.request, &entry, stored.request.status_since);
                }
            }
            self.commit(unit).await?;
            let Some(next) = page.next else { break };
            filter.after = Some(next);
        }
        let mut unit = self.unit();
        unit.run("INSERT INTO setting (name, value) VALUES ($1, '1') ON CONFLICT (name) DO NOTHING", values![FILLED]);
        self.commit(unit).await.map(drop)
    }

    /// Returns since when requests are cases; those that are none are left out.
    pub async fn cases_since(
        &self,
        ids: impl Iterator<Item = RequestId>,
    ) -> Result<HashMap<RequestId, Timestamp>, Error> {
        let sql = "SELECT request, cases_since FROM open_work WHERE request = $1 AND cases <> ''";
        let found = self.read_all(ids.map(|id| (sql, values![id])).collect()).await?;
        found.iter().flatten().map(|row| Ok((row.parse("request")?, row.time("cases_since")?))).collect()
    }

    /// Counts the requests in each queue, of some agencies or of all. It reads a narrow row for each open request of these
    /// agencies.
    pub async fn work_counts(
        &self,
        of: Option<&OfAgencies>,
        limits: &WaitLimits,
        now: Timestamp,
    ) -> Result<WorkCounts, Error> {
        let before: Vec<Value> =
            lending::Wait::ALL.map(|wait| Value::Int(micros(limits.before(wait, now)))).into_iter().collect();
        let Some(of) = of else {
            let all = counted(&self.read(OF_ALL, before).await?)?;
            return Ok(WorkCounts { borrower: all.clone(), lender: all.clone(), pickup: all });
        };
        let (agencies, lenders) = (of.borrowers.len(), of.lending_institutions().len());
        let found = self.read_all(queries(of, &before)).await?;
        let all = |rows: &[Vec<Row>]| {
            let each = rows.iter().map(|rows| counted(rows)).collect::<Result<Vec<_>, Error>>()?;
            Ok::<_, Error>(added(each.into_iter().flatten()))
        };
        let (borrower, rest) = found.split_at(agencies.min(found.len()));
        let (lender, pickup) = rest.split_at(lenders.min(rest.len()));
        Ok(WorkCounts { borrower: all(borrower)?, lender: all(lender)?, pickup: all(pickup)? })
    }
}

impl OfAgencies {
    /// Returns the institutions that have a library of the agencies.
    fn lending_institutions(&self) -> Vec<&InstitutionCode> {
        let mut all: Vec<_> = self.lenders.iter().chain(self.lender_libraries.iter().map(|(at, _)| at)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Returns a query for each agency, then for each lending institution, then for each pickup location.
fn queries(of: &OfAgencies, before: &[Value]) -> Vec<Query> {
    let with = |more: Vec<Value>| before.iter().cloned().chain(more).collect::<Vec<_>>();
    let places = |all: &[(InstitutionCode, LibraryCode)]| {
        all.iter().fold("\n".to_owned(), |set, (at, library)| set + &place(at, library) + "\n")
    };
    let (own, others) = (places(&of.lender_libraries), places(&of.other_libraries));
    let borrowers = of.borrowers.iter().map(|agency| (OF_AGENCY, with(values![agency])));
    let lenders = of
        .lending_institutions()
        .into_iter()
        .map(|institution| (OF_LENDER, with(values![institution, &own, of.lenders.contains(institution), &others])));
    let pickups = of.pickup_locations.iter().map(|location| (OF_PICKUP, with(values![location])));
    borrowers.chain(lenders).chain(pickups).collect()
}

fn counted(rows: &[Row]) -> Result<Vec<QueueCount>, Error> {
    rows.iter()
        .map(|row| {
            let name = row.text("queue")?;
            Ok(QueueCount {
                queue: Queue::ALL.into_iter().find(|queue| queue.name() == name),
                requests: row.count("requests")?,
                oldest: row.optional_time("oldest")?,
                late: row.count("late")?,
                decisions: row.count("decisions")?,
                decision_oldest: row.optional_time("decision_oldest")?,
                cases: row.count("cases")?,
                case_oldest: row.optional_time("case_oldest")?,
            })
        })
        .collect()
}

/// Adds up the counts of several agencies or places.
fn added(counts: impl Iterator<Item = QueueCount>) -> Vec<QueueCount> {
    let earlier = |one: Option<Timestamp>, other: Option<Timestamp>| one.into_iter().chain(other).min();
    let mut all: Vec<QueueCount> = Vec::new();
    for count in counts {
        match all.iter_mut().find(|known| known.queue == count.queue) {
            None => all.push(count),
            Some(known) => {
                known.requests += count.requests;
                known.late += count.late;
                known.decisions += count.decisions;
                known.cases += count.cases;
                known.oldest = earlier(known.oldest, count.oldest);
                known.decision_oldest = earlier(known.decision_oldest, count.decision_oldest);
                known.case_oldest = earlier(known.case_oldest, count.case_oldest);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan;

    #[test]
    fn counts_of_an_agency_read_its_own_rows_alone() {
        for (sql, index) in
            [(OF_AGENCY, "open_work_agency"), (OF_LENDER, "open_work_lender"), (OF_PICKUP, "open_work_pickup")]
        {
            let plan = plan(sql).join("; ");
            assert!(plan.contains(&format!("SEARCH open_work USING INDEX {index}")), "{plan}");
        }
    }
}
