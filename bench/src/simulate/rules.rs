//! What must hold, whatever fails: read at the simulated Almas, not from what the hub believes.

use std::collections::BTreeMap;

use alma_sim::{ApiCall, Sim};
use lending::{Attention, Outcome, Request, RequestId, Status, WaitingOn};
use serde_json::Value;

use super::books::{Books, MARK};
use super::house::{BORROWER, LENDERS, key};
use super::hub::{Hub, Stored};
use super::ledger::Ledger;

/// After every step: at most one hold at each library, one lender with a hold, one set of virtual records, one loan on
/// each side; and no call without an intent.
pub(super) fn check(sim: &Sim, books: &Books, request: &Request) -> Result<(), String> {
    let mut lenders = 0;
    for code in LENDERS {
        let holds = books.holds_of(request.id, code).count();
        if holds > 1 {
            return Err(format!("I1: {holds} holds of one request at {code}"));
        }
        lenders += holds;
    }
    if lenders > 1 {
        return Err("I1: holds of one request at both lenders".to_owned());
    }
    if books.holds_of(request.id, BORROWER).count() > 1 {
        return Err("I1: two of the patron's holds for one request".to_owned());
    }
    let records = records_of(sim, request.id)?;
    if records > 1 {
        return Err(format!("I2: {records} virtual records of one request"));
    }
    Ok(())
}

/// Virtual records of a request.
pub(crate) fn records_of(sim: &Sim, id: impl std::fmt::Display) -> Result<u64, String> {
    let call = ApiCall {
        method: "GET".to_owned(),
        path: "/almaws/v1/bibs".to_owned(),
        query: format!("other_system_id=(DCB){id}&view=brief"),
        key: Some(key(BORROWER)),
        accept: Some("application/json".to_owned()),
        ..ApiCall::default()
    };
    let answer = sim.call(&call).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
    value["total_record_count"].as_u64().ok_or_else(|| answer.body.clone())
}

/// Requests with two holds at a library, or with holds at two lenders.
pub(crate) fn doubled_holds(sim: &Sim) -> Result<Vec<String>, String> {
    let mut lenders: BTreeMap<String, usize> = BTreeMap::new();
    let mut borrower = BTreeMap::new();
    for code in [LENDERS[0], LENDERS[1], BORROWER] {
        let side = if code == BORROWER { &mut borrower } else { &mut lenders };
        for hold in sim.staff(code).map_err(|error| error.to_string())?.requests() {
            if let Some(mark) = hold.comment.as_deref().and_then(|comment| comment.find(MARK).map(|at| &comment[at..]))
            {
                *side.entry(mark.split(']').next().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
    }
    let sides = [(lenders, "lenders"), (borrower, "borrower")];
    let doubled = sides.into_iter().flat_map(|(holds, who)| {
        let doubled = holds.into_iter().filter(|(_, count)| *count > 1);
        doubled.map(move |(mark, count)| format!("{count} holds of {mark}] at the {who}"))
    });
    Ok(doubled.collect())
}

/// After every step: what has left a lender for a hold of ours is followed by the request, and by no other lender's copy.
pub(super) fn followed(books: &Books, ledger: &Ledger, request: &Request) -> Result<(), String> {
    for (institution, barcode) in ledger.away_for(request.id) {
        let supply = request.supply.as_ref();
        let is_its_copy = supply.is_some_and(|supply| {
            supply.institution.as_str() == institution && supply.copy.barcode.as_str() == barcode
        });
        if !is_its_copy {
            return Err(format!("I11: the item is away from {institution}, and another lender is asked"));
        }
        if !request.status.is_final() {
            continue;
        }
        let known = supply.is_some_and(|supply| supply.dispatched);
        match request.outcome {
            // Staff have ended it although the hub said where the item is.
            Some(Outcome::Unknown) if known => {}
            Some(Outcome::Lost) if known && !is_the_patrons_loss(books, ledger, request) => {}
            _ => return Err("I11: the item is away for a hold of ours, and no open request follows it".to_owned()),
        }
    }
    Ok(())
}

/// Whether the patron lost it, which must be a loss at the lender too: a loan, for its staff to settle.
fn is_the_patrons_loss(books: &Books, ledger: &Ledger, request: &Request) -> bool {
    let is_lent = request
        .supply
        .as_ref()
        .is_some_and(|supply| books.loan(supply.institution.as_str(), supply.copy.barcode.as_str()).is_some());
    ledger.had_it(request.id) && !is_lent
}

/// Where both sides have just been polled and nothing is under way: status and attention say nothing that isn't so.
pub(super) fn agrees(sim: &Sim, books: &Books, request: &Request) -> Result<(), String> {
    let (lent, has_it) = (books.loan_at_borrower(request), books.patron_has_it(request));
    let is_a_case = matches!(request.attention, Attention::NeedsStaff { .. });
    let contradicts = |what: &str| Err(format!("I13: {}, and {what}", request.status));
    match request.status {
        Status::PickupTransit | Status::ReceivedAtPickup | Status::ReadyForPickup => {
            if has_it {
                return contradicts("the patron has the item");
            }
            if lent.is_some() && !is_a_case {
                return contradicts("somebody else has the item, which nobody is told");
            }
        }
        Status::Loaned => {
            if !has_it {
                return contradicts("the patron hasn't got the item");
            }
            if lent.is_some_and(|loan| loan.process_status == "LOST") && !is_a_case {
                return contradicts("the item is lost, which nobody is told");
            }
        }
        _ => {}
    }
    if let Attention::Waiting { on: WaitingOn::LendingLibrary, .. } = &request.attention
        && !request.is_dispatched()
        && has_left(sim, request)?
    {
        return contradicts("the lender is waited for although it has sent the item");
    }
    Ok(())
}

/// Whether the lender's item is in transit for the request's hold.
fn has_left(sim: &Sim, request: &Request) -> Result<bool, String> {
    let Some(supply) = request.supply.as_ref() else { return Ok(false) };
    let staff = sim.staff(supply.institution.as_str()).map_err(|error| error.to_string())?;
    let Ok(item) = staff.item(supply.copy.barcode.as_str()) else { return Ok(false) };
    let ours = supply.hold.open().map(|hold| hold.id.as_str().to_owned());
    Ok(item.process_type == "TRANSIT" && item.request_id.is_some() && item.request_id == ours)
}

/// At the end: nothing of the request is left, and the patron's word was kept.
pub(super) fn ended(sim: &Sim, books: &Books, hub: &Hub, ledger: &Ledger, stored: &Stored) -> Result<(), String> {
    let request = &stored.request;
    let mut left = Vec::new();
    for code in [LENDERS[0], LENDERS[1], BORROWER] {
        left.extend(books.holds_of(request.id, code).map(|hold| format!("hold {} at {code}", hold.id)));
    }
    // A loss that is settled leaves the lender's loan to its own staff, as an end by hand may.
    if !matches!(request.outcome, Some(Outcome::Lost | Outcome::Unknown)) {
        let lent = stored.copies.iter().filter(|(code, barcode)| books.our_loan(code, barcode).is_some());
        left.extend(lent.map(|(code, barcode)| format!("loan of {barcode} at {code}")));
    }
    let records = records_of(sim, request.id)?;
    if records > 0 {
        left.push(format!("{records} virtual records"));
    }
    if !left.is_empty() {
        return Err(format!("I2: something is left ({})", left.join("; ")));
    }
    if hub.is_busy(request.id) {
        return Err("I4: an effect is under way after the end".to_owned());
    }
    // Unless the desk lent the item to the patron before it heard.
    let lent = stored.passed.contains(&Status::Loaned);
    if stored.cancelled && !lent && matches!(request.outcome, Some(Outcome::Supplied)) {
        return Err("I10: the patron had cancelled, and it ended as supplied".to_owned());
    }
    if matches!(request.outcome, Some(Outcome::Supplied)) && !ledger.had_it(request.id) {
        return Err("I15: it ended as supplied, and the patron never had the item".to_owned());
    }
    Ok(())
}
