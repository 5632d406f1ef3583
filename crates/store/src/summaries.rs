//! The daily numbers of the libraries: placed, filled and unfilled requests, and the days until the loan.
//!
//! What a change of a request adds is written with the change, as rows of its own: a counter that all commits of a library
//! changed would make them wait for each other. A job adds the rows up, and reads add what it has not reached. See
//! docs/decisions/0055-daily-summaries.md.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lending::{Measure, Request, Side, tallies};

use crate::database::Store;
use crate::error::Error;
use crate::request_list::OfAgencies;
use crate::sql::{Row, values};
use crate::unit::Unit;

/// Marks the rows that a run of the job adds up. Rows that are committed later are left for the next run.
const MARK: &str = "UPDATE summary_change SET fold = 1 WHERE fold = 0";
const FOLD: &str = "INSERT INTO daily_summary (day, side, place, institution, measure, detail, number, days) \
                    SELECT day, side, place, institution, measure, detail, CAST(SUM(number) AS BIGINT), CAST(SUM(days) AS BIGINT) \
                    FROM summary_change WHERE fold = 1 GROUP BY day, side, place, institution, measure, detail \
                    ON CONFLICT (day, side, place, measure, detail) DO UPDATE SET \
                        number = daily_summary.number + excluded.number, days = daily_summary.days + excluded.days";

/// The numbers of some days, of all places or of some. Sets are of lines, as in lists of requests.
const READ: &str = "SELECT day, side, measure, detail, CAST(SUM(number) AS BIGINT) AS number, CAST(SUM(days) AS BIGINT) AS days FROM ( \
         SELECT day, side, place, institution, measure, detail, number, days FROM daily_summary WHERE day >= $1 AND day <= $2 \
         UNION ALL \
         SELECT day, side, place, institution, measure, detail, number, days FROM summary_change WHERE day >= $1 AND day <= $2 \
     ) AS all_numbers \
     WHERE $3 = '*' OR (side = 'borrower' AND REPLACE($3, '\n' || place || '\n', '') <> $3) \
         OR (side = 'lender' AND (REPLACE($4, '\n' || place || '\n', '') <> $4 \
             OR (REPLACE($5, '\n' || institution || '\n', '') <> $5 AND REPLACE($6, '\n' || place || '\n', '') = $6))) \
         OR (side = 'pickup' AND REPLACE($7, '\n' || place || '\n', '') <> $7) \
     GROUP BY day, side, measure, detail ORDER BY day, side, measure, detail";

/// A number of a day, summed up over places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayNumber {
    /// The day, in UTC.
    pub day: Date,
    /// The side that counts it.
    pub side: Side,
    /// The number.
    pub measure: Measure,
    /// A reason's code, or the days from placing to the loan; blank for most.
    pub detail: String,
    /// How many requests.
    pub number: i64,
    /// The days from placing to the loan, of all of them together.
    pub days: i64,
}

impl Unit {
    /// Adds what a change of a request means for the daily numbers. `version` is that of the request after it.
    pub(crate) fn add_to_summary(&mut self, before: Option<&Request>, next: &Request, version: i64, now: Timestamp) {
        let day = TimeZone::UTC.to_datetime(now).date().to_string();
        for (seq, tally) in (1_i64..).zip(tallies(before, next, now)) {
            self.run(
                "INSERT INTO summary_change (request, version, seq, day, side, place, institution, measure, detail, number, days) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                values![
                    next.id,
                    version,
                    seq,
                    &day,
                    tally.side,
                    tally.place,
                    tally.institution,
                    tally.measure.name(),
                    tally.detail,
                    tally.number,
                    tally.days,
                ],
            );
        }
    }
}

impl Store {
    /// Adds up what changes of requests have added to the daily numbers. It can be repeated, and run on several nodes.
    pub async fn fold_summaries(&self) -> Result<(), Error> {
        let mut unit = self.unit();
        unit.lock("summaries");
        unit.run(MARK, values![]);
        unit.run(FOLD, values![]);
        unit.run("DELETE FROM summary_change WHERE fold = 1", values![]);
        self.commit(unit).await.map(drop)
    }

    /// Returns the numbers of the days from `from` to `to`, of some agencies or of all.
    pub async fn daily_numbers(&self, from: Date, to: Date, of: Option<&OfAgencies>) -> Result<Vec<DayNumber>, Error> {
        let [borrowers, libraries, lenders, others, pickup] = OfAgencies::parameters(of);
        let values = values![from.to_string(), to.to_string(), borrowers, libraries, lenders, others, pickup];
        self.read(READ, values).await?.iter().map(number).collect()
    }
}

fn number(row: &Row) -> Result<DayNumber, Error> {
    let name = row.text("measure")?;
    let measure = Measure::ALL.into_iter().find(|measure| measure.name() == name);
    let unknown = || Error::Corrupt { table: "daily_summary", what: "a measure is unknown".to_owned() };
    Ok(DayNumber {
        day: row.parse("day")?,
        side: row.side("side")?,
        measure: measure.ok_or_else(unknown)?,
        detail: row.text("detail")?,
        number: row.int("number")?,
        days: row.int("days")?,
    })
}
