//! Sets up the libraries, two lenders and a borrower, and lets their staff and patrons act by chance.

use alma_sim::{Bib, Holding, Item, Mark, Sim, SimClock, SimOptions, Staff, User, presets};
use jiff::SignedDuration;
use lending::{Patron, PickupLocation, Request, Side};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

pub(crate) const LENDERS: [&str; 2] = ["01LEND_INST", "02LEND_INST"];
pub(crate) const BORROWER: &str = "01BORROW_INST";
pub(crate) const DESK: &str = "DEFAULT_CIRC_DESK";
const PATRONS: usize = 6;

pub(crate) fn key(institution: &str) -> String {
    format!("key-of-{institution}")
}

pub(crate) fn barcode(institution: &str, lifecycle: usize) -> String {
    format!("{institution}-{lifecycle}")
}

pub(crate) fn patron(number: usize) -> String {
    one_of_many(number % PATRONS)
}

/// Returns a patron of an institution that was built for many.
pub(crate) fn one_of_many(number: usize) -> String {
    format!("patron-{number}")
}

pub(crate) fn settings() -> Value {
    json!({
        "base_url": "http://127.0.0.1:1", "sharing_library": "SHARING", "virtual_library": "DCB_LIB",
        "virtual_location": "dcbvirtual", "virtual_item_policy": "DCB", "virtual_item_policy_no_renewal": "DCB_NR",
        "on_shelf_set": presets::ON_SHELF_SET, "in_transit_set": presets::IN_TRANSIT_SET,
        "circulation_desks": {"MAIN": DESK, "BRANCH": DESK, "DCB_LIB": DESK, "SHARING": DESK},
        "patron_types": {"UNDRGRD": "undergraduate"}, "user_groups": {"undergraduate": "DCB"},
        "item_types": {"BOOK": "book"}, "material_types": {"book": "BOOK"},
    })
}

/// Returns the patron who requests books.
pub(crate) fn asking(given: &str) -> Patron {
    Patron { institution: BORROWER.into(), agency: "BORROW".into(), identifier: given.into(), verified: None }
}

/// Returns the place where patrons collect books.
pub(crate) fn pickup() -> PickupLocation {
    PickupLocation {
        code: "BORROW-MAIN".into(),
        name: "Main Library".to_owned(),
        institution: BORROWER.into(),
        library: "MAIN".into(),
        desk: None,
        route_code: None,
    }
}

/// Creates three Almas, with a title for each lifecycle at each lender.
pub(crate) fn build(clock: SimClock, lifecycles: usize) -> Result<Sim, String> {
    build_for(clock, lifecycles, PATRONS)
}

/// Creates the same Almas with a given number of patrons.
pub(crate) fn build_for(clock: SimClock, lifecycles: usize, patrons: usize) -> Result<Sim, String> {
    let sim = Sim::new(&SimOptions { clock, ..SimOptions::default() });
    for code in [LENDERS[0], LENDERS[1], BORROWER] {
        let mut institution = presets::empty_university(code, &key(code));
        for number in 0..patrons {
            institution = institution.user(User::new(&one_of_many(number)).group("UNDRGRD").expires("2039-12-31"));
        }
        if code != BORROWER {
            for lifecycle in 0..lifecycles {
                let copy = Holding::new("MAIN", "stacks").item(Item::new(&barcode(code, lifecycle)).material("BOOK"));
                institution = institution.bib(Bib::new(&format!("Title {lifecycle}")).holding(copy));
            }
        }
        sim.add_institution(institution).map_err(|error| error.to_string())?;
    }
    Ok(sim)
}

/// Performs an action on a request at a library. Returns its description, or `None` if Alma refuses it.
pub(crate) fn act(sim: &Sim, request: &Request, rng: &mut StdRng) -> Option<&'static str> {
    if rng.random_bool(0.75) { expected(sim, request) } else { odd(sim, request, rng) }
}

/// Performs the next action of the ordinary course.
pub(crate) fn expected(sim: &Sim, request: &Request) -> Option<&'static str> {
    let borrower = sim.staff(BORROWER).ok()?;
    if let Some(barcode) = &request.borrower.barcode
        && let Ok(item) = borrower.item(barcode.as_str())
    {
        let barcode = barcode.as_str();
        let held = borrower.requests().into_iter().find(|hold| hold.barcode.as_deref() == Some(barcode));
        let library = held.as_ref().map_or("MAIN", |hold| hold.pickup_library.as_str());
        let state = match item.process_type.as_str() {
            // Staff scan each item that the van brings, whatever state Alma shows.
            "TRANSIT" | "" if held.is_some() && under_way(request) => {
                done(borrower.scan_in(barcode, library, DESK).is_ok(), "the pickup library scans the item in")
            }
            "HOLDSHELF" => {
                let hold = held.as_ref();
                let lent = hold.is_some_and(|hold| borrower.lend(barcode, &hold.user, library, DESK).is_ok());
                // The item is on the shelf of a library other than the present pickup library.
                let brought = || held.is_some() && borrower.scan_in(barcode, library, DESK).is_ok();
                done(lent, "the patron gets the item")
                    .or_else(|| done(brought(), "the pickup library scans the item in"))
            }
            "LOAN" => done(borrower.scan_in(barcode, library, DESK).is_ok(), "the patron returns the item"),
            // Nobody settles a loss that another reader has caused.
            "CLAIM_RETURNED_LOAN" | "LOST_LOAN" if request.is_lent_to_another(Side::Borrower) => done(
                borrower.scan_in(barcode, library, DESK).is_ok(),
                "what another reader had is found and scanned in",
            ),
            _ => None,
        };
        if state.is_some() {
            return state;
        }
    }
    let supply = request.supply.as_ref()?;
    let lender = sim.staff(supply.institution.as_str()).ok()?;
    let barcode = supply.copy.barcode.as_str();
    let item = lender.item(barcode).ok()?;
    let held = lender.requests().iter().any(|hold| hold.barcode.as_deref() == Some(barcode));
    let away = !matches!(item.process_type.as_str(), "" | "MISSING");
    let over = request.borrower.item.any().is_none() || request.status.is_ending() || returning(request);
    if (item.process_type.is_empty() && held) || (away && over) {
        return done(lender.scan_in(barcode, "MAIN", DESK).is_ok(), "the lending library scans the item in");
    }
    None
}

/// Returns whether the lender's copy is on its shelf.
pub(super) fn is_home(sim: &Sim, request: &Request) -> bool {
    request.supply.as_ref().is_some_and(|supply| {
        let item = sim.staff(supply.institution.as_str()).and_then(|lender| lender.item(supply.copy.barcode.as_str()));
        item.is_ok_and(|item| item.process_type.is_empty())
    })
}

fn under_way(request: &Request) -> bool {
    use lending::Status::{PickupTransit, ReadyForPickup, ReceivedAtPickup};
    matches!(request.status, PickupTransit | ReceivedAtPickup | ReadyForPickup)
}

fn returning(request: &Request) -> bool {
    matches!(request.status, lending::Status::ReturnTransit | lending::Status::Finalised)
}

/// Performs an action that happens now and then.
fn odd(sim: &Sim, request: &Request, rng: &mut StdRng) -> Option<&'static str> {
    let borrower = sim.staff(BORROWER).ok()?;
    let supply = request.supply.as_ref();
    let lender = sim.staff(supply.map_or(LENDERS[0], |supply| supply.institution.as_str())).ok()?;
    let real = supply.map(|supply| supply.copy.barcode.as_str().to_owned()).unwrap_or_default();
    let virtual_one = request.borrower.barcode.as_ref().map(|code| code.as_str().to_owned()).unwrap_or_default();
    let cancel = |staff: &Staff, barcode: &str| {
        let hold = staff.requests().into_iter().find(|hold| hold.barcode.as_deref() == Some(barcode));
        hold.is_some_and(|hold| staff.cancel(&hold.id, "CannotBeFulfilled").is_ok())
    };
    match rng.random_range(0..14_u8) {
        0 => done(cancel(&lender, &real), "the lender cancels the hold"),
        1 => done(cancel(&borrower, &virtual_one), "the borrower's staff cancel the hold"),
        2 => done(lender.mark(&real, Mark::Missing).is_ok(), "the lender misses the item"),
        3 => done(lender.scan_in(&real, "MAIN", DESK).is_ok(), "the lender scans the item in, whatever for"),
        4 => done(borrower.scan_in(&virtual_one, "BRANCH", DESK).is_ok(), "the branch scans the item in"),
        5 => {
            let lent = borrower.lend(&virtual_one, request.patron.identifier.as_str(), "DCB_LIB", DESK).is_ok();
            done(lent, "the item is lent without any scan")
        }
        6 => {
            let hold = borrower.requests().into_iter().find(|hold| hold.barcode.as_deref() == Some(&virtual_one));
            let expired = hold.is_some_and(|hold| borrower.expire_hold(&hold.id).is_ok());
            done(expired && borrower.run_hold_shelf_expiry() > 0, "the hold shelf expires")
        }
        7 => done(borrower.mark(&virtual_one, Mark::Lost).is_ok(), "the item is declared lost"),
        8 => done(borrower.mark(&virtual_one, Mark::ClaimedReturned).is_ok(), "the patron claims to have returned it"),
        9 => done(borrower.mark(&virtual_one, Mark::Found).is_ok(), "the item is found"),
        10 => done(borrower.renew(&virtual_one).is_ok(), "the patron renews"),
        11 => {
            let due = sim.now() + SignedDuration::from_hours(24 * rng.random_range(1..90));
            done(borrower.set_due(&virtual_one, due).is_ok(), "the due date is changed")
        }
        12 => done(lender.place_hold("patron-0", &real, "MAIN").is_ok(), "somebody at the lender wants the item"),
        _ => done(lender.scan_in(&real, "SHARING", DESK).is_ok(), "the item is scanned at the sharing library"),
    }
}

pub(super) fn done(done: bool, what: &'static str) -> Option<&'static str> {
    done.then_some(what)
}
