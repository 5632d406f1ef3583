//! What must hold, whatever fails: read at the simulated Almas, not from what the hub believes.

use std::collections::BTreeMap;

use alma_sim::{ApiCall, Sim};
use lending::{Outcome, Request, RequestId, Status};
use serde_json::Value;

use super::house::{BORROWER, LENDERS, key};
use super::hub::{Hub, Stored};

/// Begins our mark in the comment of a hold.
const MARK: &str = "[DCB-REQUEST:";

fn mark(id: RequestId) -> String {
    format!("{MARK}{id}]")
}

/// After every step: at most one hold at each library, one lender with a hold, one set of virtual records, one loan on
/// each side; and no call without an intent.
pub(super) fn check(sim: &Sim, request: &Request) -> Result<(), String> {
    let mark = mark(request.id);
    let mut lenders = 0;
    for code in LENDERS {
        let staff = sim.staff(code).map_err(|error| error.to_string())?;
        let ours = |comment: &Option<String>| comment.as_deref().is_some_and(|comment| comment.contains(&mark));
        let holds = staff.requests().iter().filter(|hold| ours(&hold.comment)).count();
        if holds > 1 {
            return Err(format!("{holds} holds of one request at {code}"));
        }
        lenders += holds;
    }
    if lenders > 1 {
        return Err("holds of one request at both lenders".to_owned());
    }
    let borrower = sim.staff(BORROWER).map_err(|error| error.to_string())?;
    let holds = borrower.requests();
    let ours = holds.iter().filter(|hold| hold.comment.as_deref().is_some_and(|comment| comment.contains(&mark)));
    if ours.count() > 1 {
        return Err("two of the patron's holds for one request".to_owned());
    }
    let records = records_of(sim, request.id)?;
    if records > 1 {
        return Err(format!("{records} virtual records of one request"));
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

/// At the end: nothing of the request is left, and the patron's word was kept.
pub(super) fn ended(sim: &Sim, hub: &Hub, stored: &Stored) -> Result<(), String> {
    let request = &stored.request;
    let mark = mark(request.id);
    let mut left = Vec::new();
    for code in [LENDERS[0], LENDERS[1], BORROWER] {
        let staff = sim.staff(code).map_err(|error| error.to_string())?;
        let holds = staff.requests();
        let ours = holds.iter().filter(|hold| hold.comment.as_deref().is_some_and(|comment| comment.contains(&mark)));
        left.extend(ours.map(|hold| format!("hold {} at {code}", hold.id)));
        let barcodes: Vec<&str> =
            request.candidates.iter().filter_map(|copy| Some(copy.barcode.as_ref()?.as_str())).collect();
        let loans = staff.loans().into_iter().filter(|loan| loan.user.starts_with("dcb-"));
        let ours = loans.filter(|loan| barcodes.contains(&loan.barcode.as_str()));
        // A loss that is settled leaves the lender's loan to its own staff, as an end by hand may.
        let allowed = matches!(request.outcome, Some(Outcome::Lost | Outcome::Unknown));
        left.extend(ours.filter(|_| !allowed).map(|loan| format!("loan of {} at {code}", loan.barcode)));
    }
    let records = records_of(sim, request.id)?;
    if records > 0 {
        left.push(format!("{records} virtual records"));
    }
    if !left.is_empty() {
        return Err(format!("something is left: {}", left.join("; ")));
    }
    if hub.is_busy(request.id) {
        return Err("an effect is under way after the end".to_owned());
    }
    // Unless the desk lent the item to the patron before it heard.
    let lent = stored.passed.contains(&Status::Loaned);
    if stored.cancelled && !lent && matches!(request.outcome, Some(Outcome::Supplied)) {
        return Err("the patron had cancelled, and it ended as supplied".to_owned());
    }
    Ok(())
}
