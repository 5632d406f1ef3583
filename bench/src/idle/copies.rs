//! Creates thousands of requests as if the hub had placed them: their records at the simulated Almas, and copies of one
//! placed request in the hub's store.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use alma_sim::{Bib, Holding, Item, ItemView, Staff};
use jiff::Timestamp;
use lending::{Loan, Request, RequestId};
use rusqlite::{Connection, params};
use serde_json::Value;
use uuid::Uuid;

use super::day::{BY_THE_HUB, ONE_WAITS_OF};
use crate::simulate::sim_setup::{self, DESK};
use crate::world::{Member, World};

/// The lender and the borrower of a pair.
pub(super) struct Pair<'a> {
    pub(super) lender: Member<'a>,
    pub(super) borrower: Member<'a>,
}

/// The ids of a request at one library: record, holding, item, and hold or loan; and the barcode.
type Side = [String; 5];

/// The records of one request at the Almas.
pub(super) struct Made {
    waits: bool,
    real: Side,
    virtual_side: Side,
}

/// Creates the records of `count` more requests of the pair at the Almas, like those of one placed request.
pub(super) async fn make(world: &World, pair: &Pair<'_>, like: RequestId, count: usize) -> Result<Vec<Made>, String> {
    let request = world.request(like).await?;
    let supply = request.supply.as_ref().ok_or("the request has no supply")?;
    let virtual_patron = supply.virtual_patron.as_ref().ok_or("there is no virtual patron")?.as_str();
    let staff = |code: &str| world.sim.staff(code).map_err(|error| error.to_string());
    let (lender, borrower) = (staff(pair.lender.0)?, staff(pair.borrower.0)?);
    let mut made = Vec::with_capacity(count);
    for number in 0..count {
        let waits = number % ONE_WAITS_OF == 0;
        let barcode = sim_setup::barcode(pair.lender.0, BY_THE_HUB + number);
        let copy = Holding::new("DCB_LIB", "dcbvirtual").item(Item::new(&barcode).material("BOOK"));
        borrower.add_bib(Bib::new(&format!("Title {number}")).suppressed().holding(copy)).map_err(text)?;
        let (theirs, ours) = (supply.loan.open(), request.borrower.loan.open());
        let real = side(&lender, "MAIN", &barcode, virtual_patron, theirs.filter(|_| !waits))?;
        let virtual_side =
            side(&borrower, "DCB_LIB", &barcode, request.patron.identifier.as_str(), ours.filter(|_| !waits))?;
        made.push(Made { waits, real, virtual_side });
    }
    Ok(made)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Places a hold on the item for the user, or lends it to them at its library if there is a loan to copy.
fn side(staff: &Staff, library: &str, barcode: &str, user: &str, like: Option<&Loan>) -> Result<Side, String> {
    let item: ItemView = staff.item(barcode).map_err(text)?;
    let bond = match like {
        None => staff.place_hold(user, barcode, "MAIN"),
        Some(_) => staff.lend(barcode, user, library, DESK),
    };
    if let Some(due) = like.and_then(|loan| loan.due) {
        staff.set_due(barcode, due).map_err(text)?;
    }
    Ok([item.mms_id, item.holding_id, item.pid, bond.map_err(text)?, barcode.to_owned()])
}

/// A request that the hub has placed, with its polls and deadlines.
pub(super) struct Template {
    document: Value,
    real: Side,
    virtual_side: Side,
    intents: Vec<Row>,
}

/// A poll or a deadline.
struct Row {
    id: String,
    is_poll: bool,
    institution: String,
    due_at: i64,
    queued_at: i64,
    /// A poll's entry on the list of a batch poll.
    list_key: String,
}

impl Template {
    pub(super) async fn read(world: &World, file: &Connection, id: RequestId) -> Result<Self, String> {
        let request = world.request(id).await?;
        let mut statement = file
            .prepare(
                "SELECT id, 1 AS is_poll, institution, due_at, updated_at, list_key FROM poll WHERE request = ?1 \
                 UNION ALL \
                 SELECT id, 0, institution, due_at, updated_at, '' FROM work WHERE request = ?1 AND state = 'open'",
            )
            .map_err(text)?;
        let rows = statement.query_map([id.to_string()], |row| {
            Ok(Row {
                id: row.get(0)?,
                is_poll: row.get(1)?,
                institution: row.get(2)?,
                due_at: row.get(3)?,
                queued_at: row.get(4)?,
                list_key: row.get(5)?,
            })
        });
        let intents = rows.and_then(Iterator::collect).map_err(text)?;
        let (real, virtual_side) = sides(&request).ok_or("the request lacks something")?;
        Ok(Self { document: serde_json::to_value(&request).map_err(text)?, real, virtual_side, intents })
    }

    fn copy(&self, id: RequestId, made: &Made) -> Result<Request, String> {
        let mut document = self.document.clone();
        document["id"] = Value::String(id.to_string());
        exchange(&mut document["supply"], &self.real, &made.real);
        exchange(&mut document["borrower"], &self.virtual_side, &made.virtual_side);
        serde_json::from_value(document).map_err(text)
    }
}

fn sides(request: &Request) -> Option<(Side, Side)> {
    let (supply, borrower) = (request.supply.as_ref()?, &request.borrower);
    let bond = |hold: Option<&lending::Hold>, loan: Option<&Loan>| {
        let loan = loan.map(|loan| loan.id.as_str());
        loan.or(hold.map(|hold| hold.id.as_str())).map(str::to_owned)
    };
    let copy = &supply.copy;
    let real = [
        copy.bib.as_str().to_owned(),
        copy.holding.as_str().to_owned(),
        copy.item.as_str().to_owned(),
        bond(supply.hold.open(), supply.loan.open())?,
        copy.barcode.as_str().to_owned(),
    ];
    let virtual_side = [
        borrower.bib.any()?.as_str().to_owned(),
        borrower.holding.any()?.as_str().to_owned(),
        borrower.item.any()?.as_str().to_owned(),
        bond(borrower.hold.open(), borrower.loan.open())?,
        borrower.barcode.as_ref()?.as_str().to_owned(),
    ];
    Some((real, virtual_side))
}

/// Replaces the old ids by new ones.
fn exchange(value: &mut Value, old: &Side, new: &Side) {
    match value {
        Value::String(text) => {
            if let Some(at) = old.iter().position(|old| old == text) {
                text.clone_from(&new[at]);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| exchange(value, old, new)),
        Value::Object(values) => values.values_mut().for_each(|value| exchange(value, old, new)),
        _ => {}
    }
}

pub(super) fn open(file: &Path) -> Result<Connection, String> {
    let connection = Connection::open(file).map_err(text)?;
    connection.busy_timeout(std::time::Duration::from_secs(30)).map_err(text)?;
    Ok(connection)
}

/// Returns an id that nothing else has.
fn fresh() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Uuid::from_u128((1 << 100) + u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Writes a request for each set of records. Polls are spread over the interval within which each is made once.
pub(super) async fn write(
    world: &World,
    file: &mut Connection,
    made: &[Made],
    lent: &Template,
    waiting: &Template,
) -> Result<(), String> {
    let now = world.now();
    let ids: Vec<RequestId> = made.iter().map(|_| RequestId(fresh())).collect();
    let mut unit = world.engine.store().unit();
    for (one, id) in made.iter().zip(&ids) {
        let template = if one.waits { waiting } else { lent };
        unit.insert_request(&template.copy(*id, one)?, &[], now).map_err(text)?;
    }
    world.engine.store().commit(unit).await.map_err(text)?;
    let transaction = file.transaction().map_err(text)?;
    for (number, (one, id)) in made.iter().zip(&ids).enumerate() {
        let template = if one.waits { waiting } else { lent };
        for row in &template.intents {
            let interval = row.due_at - row.queued_at;
            let due = if row.is_poll { spread(now, interval, number, made.len())? } else { row.due_at };
            let mut key = Value::String(row.list_key.clone());
            let at_lender = template.document["supply"]["institution"] == Value::String(row.institution.clone());
            match at_lender {
                true => exchange(&mut key, &template.real, &one.real),
                false => exchange(&mut key, &template.virtual_side, &one.virtual_side),
            }
            copy_row(&transaction, row, *id, due, key.as_str().unwrap_or_default()).map_err(text)?;
        }
    }
    transaction.commit().map_err(text)
}

/// Returns when a poll is due, so that all polls are spread evenly over the interval.
fn spread(now: Timestamp, interval: i64, number: usize, of: usize) -> Result<i64, String> {
    let (number, of) = (i64::try_from(number).map_err(text)?, i64::try_from(of).map_err(text)?);
    // The order is scattered, so that waiting requests aren't polled one right after another.
    Ok(now.as_microsecond() + interval / of * (number * 7_919 % of + 1))
}

fn copy_row(file: &Connection, row: &Row, request: RequestId, due: i64, key: &str) -> rusqlite::Result<()> {
    let (new, request) = (fresh().to_string(), request.to_string());
    if row.is_poll {
        let copy = "INSERT INTO poll (id, request, due_at, list_key, side, institution, attempts, list, list_expected, \
                        last_polled_at, created_at, updated_at) \
                    SELECT ?1, ?2, ?3, ?4, side, institution, attempts, list, list_expected, last_polled_at, created_at, \
                        updated_at \
                    FROM poll WHERE id = ?5";
        file.execute(copy, params![new, request, due, key, row.id]).map(drop)
    } else {
        let copy = "INSERT INTO work (id, request, due_at, kind, target, institution, state, created_at, updated_at) \
                    SELECT ?1, ?2, ?3, kind, target, institution, state, created_at, updated_at FROM work WHERE id = ?4";
        file.execute(copy, params![new, request, due, row.id]).map(drop)
    }
}
