//! The invariants, which must hold whatever fails. They are read at the simulated Almas, not from the hub's own state.

use std::collections::BTreeMap;

use alma_sim::{ApiCall, Sim};
use lending::{Attention, Outcome, Progress, Request, Status, WaitingOn};
use serde_json::Value;

use super::books::{Books, MARK};
use super::hub::{Hub, Stored};
use super::ledger::Ledger;
use super::sim_setup::{BORROWER, LENDERS, key};

/// Checks after every step that a request has at most one hold at each library, holds at one lender only, and one set
/// of virtual records.
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

/// Returns the number of virtual records of a request.
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

/// Returns the requests with two holds at a library, or with holds at two lenders.
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

/// Checks after every step that each item that has left a lender for one of the request's holds is the copy that the
/// request follows.
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
            // Staff ended the request although the hub had shown where the item is.
            _ if known && request.ended_manually => {}
            Some(Outcome::Lost) if known && is_the_patrons_loss(books, ledger, request) => {
                return Err("I11: the patron's loss was settled, and the lender has no loan for it".to_owned());
            }
            Some(Outcome::Lost) if known => {}
            _ => return Err("I11: the item is away for a hold of ours, and no open request follows it".to_owned()),
        }
    }
    Ok(())
}

/// Returns whether the patron lost the item without a loan at the lender. Such a loss must be a loan there, so that the
/// lender's staff can settle it.
fn is_the_patrons_loss(books: &Books, ledger: &Ledger, request: &Request) -> bool {
    let is_lent = request
        .supply
        .as_ref()
        .is_some_and(|supply| books.loan(supply.institution.as_str(), supply.copy.barcode.as_str()).is_some());
    ledger.had_it(request.id) && !is_lent
}

/// Checks the status and attention of a request whose sides have just been polled and that has no open effect. They
/// must state nothing that is not so.
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
                return contradicts("somebody else has the item, which nobody is reported");
            }
        }
        // Until the item was lent, both sides are polled.
        Status::ReturnTransit if has_it && request.at_pickup().progress < Progress::OnLoan => {
            return contradicts("the patron has the item");
        }
        Status::Loaned => {
            if !has_it {
                return contradicts("the patron hasn't got the item");
            }
            if lent.is_some_and(|loan| loan.process_status == "LOST") && !is_a_case {
                return contradicts("the item is lost, which nobody is reported");
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

/// Returns whether the lender's item is in transit for the request's hold.
fn has_left(sim: &Sim, request: &Request) -> Result<bool, String> {
    let Some(supply) = request.supply.as_ref() else { return Ok(false) };
    let staff = sim.staff(supply.institution.as_str()).map_err(|error| error.to_string())?;
    let Ok(item) = staff.item(supply.copy.barcode.as_str()) else { return Ok(false) };
    let ours = supply.hold.open().map(|hold| hold.id.as_str().to_owned());
    Ok(item.process_type == "TRANSIT" && item.request_id.is_some() && item.request_id == ours)
}

/// Checks at the end that nothing of the request is left, and that a cancellation by the patron was honoured.
pub(super) fn ended(sim: &Sim, books: &Books, hub: &Hub, ledger: &Ledger, stored: &Stored) -> Result<(), String> {
    let request = &stored.request;
    let mut left = Vec::new();
    for code in [LENDERS[0], LENDERS[1], BORROWER] {
        left.extend(books.holds_of(request.id, code).map(|hold| format!("hold {} at {code}", hold.id)));
    }
    // After a settled loss the lender's loan is left to the lender's own staff; so may an end by hand leave it.
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
    // An exception: the circulation desk lent the item to the patron before it received it.
    let lent = stored.passed.contains(&Status::Loaned);
    if stored.cancelled && !lent && matches!(request.outcome, Some(Outcome::Supplied)) {
        return Err("I10: the patron had cancelled, and it ended as supplied".to_owned());
    }
    if matches!(request.outcome, Some(Outcome::Supplied)) && !ledger.had_it(request.id) {
        return Err("I15: it ended as supplied, and the patron never had the item".to_owned());
    }
    Ok(())
}

/// Tests that each of these rules can be broken.
#[cfg(test)]
mod tests {
    use alma_sim::{Item, SimClock, Staff};
    use jiff::Timestamp;
    use lending::{Barcode, Copy, ItemType, RequestId, Supply, Title};
    use serde_json::json;

    use super::super::books::mark;
    use super::super::ledger::By;
    use super::super::sim_setup::{self, DESK};
    use super::*;

    const LENDER: &str = LENDERS[0];

    fn almas() -> Sim {
        sim_setup::build(SimClock::Stepped(Timestamp::from_second(1_800_000_000).unwrap()), 1).unwrap()
    }

    fn request(sim: &Sim) -> Request {
        let barcode = sim_setup::barcode(LENDER, 0);
        let item = sim.staff(LENDER).unwrap().item(&barcode).unwrap();
        let copy = Copy {
            bib: item.mms_id.as_str().into(),
            holding: item.holding_id.as_str().into(),
            item: item.pid.as_str().into(),
            barcode: Barcode::from(barcode.as_str()),
            library: "MAIN".into(),
            location: "stacks".into(),
            location_name: None,
            call_number: None,
            item_type: ItemType("book".to_owned()),
            title: Title::default(),
            volume: lending::Volume::default(),
        };
        let patron = sim_setup::asking(&sim_setup::patron(0));
        let id = RequestId(uuid::Uuid::from_u128(1));
        let mut request = Request::new(id, sim.now(), patron, sim_setup::pickup(), Vec::new());
        request.supply = Some(Supply::new(LENDER.into(), copy));
        request
    }

    /// Places a hold with the request's marker on an item.
    fn hold(sim: &Sim, request: &Request, institution: &str, barcode: &str, user: &str, library: &str) {
        let item = sim.staff(institution).unwrap().item(barcode).unwrap();
        let call = ApiCall {
            method: "POST".to_owned(),
            path: format!("/almaws/v1/bibs/{}/holdings/{}/items/{}/requests", item.mms_id, item.holding_id, item.pid),
            query: format!("user_id={user}"),
            key: Some(key(institution)),
            accept: Some("application/json".to_owned()),
            content_type: Some("application/json".to_owned()),
            body: json!({
                "request_type": "HOLD", "pickup_location_type": "LIBRARY", "pickup_location_library": library,
                "comment": mark(request.id),
            })
            .to_string()
            .into_bytes(),
            ..ApiCall::default()
        };
        assert_eq!(sim.call(&call).unwrap().status, 200);
    }

    fn followed_after(sim: &Sim, ledger: &mut Ledger, request: &Request, by: By) -> Result<(), String> {
        let books = Books::read(sim)?;
        ledger.note(sim, &books, request, &[(LENDER.to_owned(), sim_setup::barcode(LENDER, 0))], by)?;
        followed(&books, ledger, request)
    }

    fn cancel_at(staff: &Staff) {
        staff.cancel(&staff.requests()[0].id, "CannotBeFulfilled").unwrap();
    }

    #[test]
    fn item_that_is_away_while_its_request_has_ended_is_found() {
        let (sim, mut ledger) = (almas(), Ledger::default());
        let mut request = request(&sim);
        let (lender, barcode) = (sim.staff(LENDER).unwrap(), sim_setup::barcode(LENDER, 0));
        hold(&sim, &request, LENDER, &barcode, "patron-1", "SHARING");
        lender.scan_in(&barcode, "MAIN", DESK).unwrap();
        request.status = Status::PickupTransit;
        followed_after(&sim, &mut ledger, &request, By::Staff).unwrap();

        request.status = Status::Finalised;
        request.outcome = Some(Outcome::Cancelled);
        cancel_at(&lender);
        let found = followed_after(&sim, &mut ledger, &request, By::Hub).unwrap_err();
        assert!(found.starts_with("I11"), "{found}");

        lender.scan_in(&barcode, "MAIN", DESK).unwrap();
        followed_after(&sim, &mut ledger, &request, By::Staff).unwrap();
    }

    #[test]
    fn item_that_is_away_while_another_lender_is_asked_is_found() {
        let (sim, mut ledger) = (almas(), Ledger::default());
        let mut request = request(&sim);
        let barcode = sim_setup::barcode(LENDER, 0);
        hold(&sim, &request, LENDER, &barcode, "patron-1", "SHARING");
        sim.staff(LENDER).unwrap().scan_in(&barcode, "MAIN", DESK).unwrap();
        followed_after(&sim, &mut ledger, &request, By::Staff).unwrap();
        if let Some(supply) = &mut request.supply {
            supply.institution = LENDERS[1].into();
        }
        let found = followed_after(&sim, &mut ledger, &request, By::Hub).unwrap_err();
        assert!(found.contains("another lender"), "{found}");
    }

    #[test]
    fn status_that_contradicts_a_poll_is_found() {
        let sim = almas();
        let borrower = sim.staff(BORROWER).unwrap();
        let shelf = alma_sim::Holding::new("MAIN", "stacks").item(Item::new("virtual").material("BOOK"));
        borrower.add_bib(alma_sim::Bib::new("A virtual title").holding(shelf)).unwrap();
        let mut request = request(&sim);
        let pid = borrower.item("virtual").unwrap().pid;
        request.borrower.item = lending::Tracked::Open(pid.as_str().into());
        hold(&sim, &request, BORROWER, "virtual", "patron-0", "MAIN");
        borrower.scan_in("virtual", "MAIN", DESK).unwrap();
        request.status = Status::ReadyForPickup;
        let agree = |request: &Request| agrees(&sim, &Books::read(&sim).unwrap(), request);
        agree(&request).unwrap();

        borrower.lend_overriding_hold("virtual", "jo.reader", "MAIN", DESK).unwrap();
        assert!(agree(&request).unwrap_err().contains("somebody else"));
        request.status = Status::Loaned;
        assert!(agree(&request).unwrap_err().contains("hasn't got"));

        borrower.scan_in("virtual", "MAIN", DESK).unwrap();
        borrower.lend("virtual", "patron-0", "MAIN", DESK).unwrap();
        agree(&request).unwrap();
        request.status = Status::ReadyForPickup;
        assert!(agree(&request).unwrap_err().contains("the patron has"));
    }

    #[test]
    fn stranger_whose_loan_is_closed_is_noticed() {
        let sim = almas();
        let (lender, barcode) = (sim.staff(LENDER).unwrap(), sim_setup::barcode(LENDER, 0));
        lender.lend(&barcode, "jo.reader", "MAIN", DESK).unwrap();
        let before = Books::read(&sim).unwrap().strangers();
        lender.scan_in(&barcode, "MAIN", DESK).unwrap();
        assert_ne!(before, Books::read(&sim).unwrap().strangers());
    }
}
