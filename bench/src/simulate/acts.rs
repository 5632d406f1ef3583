//! Unusual actions of staff and patrons: actions that nobody plans, and actions that happen twice between two polls.
//! Alma's circulation desks allow all of them.

use alma_sim::{Bib, Holding, Item, Mark, Sim, Staff};
use lending::{Barcode, CancelledBy, Command, CopyRef, InstitutionCode, PickupLocation, Request, Settlement};
use rand::Rng;
use rand::rngs::StdRng;

use super::sim_setup::{self, BORROWER, DESK, LENDERS, done};

/// A user at each library who is the patron of no request.
const STRANGER: &str = "jo.reader";
/// A copy that the patrons' own library owns.
const OWN: &str = "01BORROW-own";

/// The only action after which no Alma shows that the patron had the item.
pub(super) const RETURNED_AT_ONCE: &str = "the patron gets the item and returns it at once";
/// The number of actions that are tried before none is done.
const TRIES: usize = 4;

/// Gives the borrower a copy of its own.
pub(super) fn prepare(sim: &Sim) -> Result<(), String> {
    let staff = sim.staff(BORROWER).map_err(|error| error.to_string())?;
    let copy = Holding::new("MAIN", "stacks").item(Item::new(OWN).material("BOOK"));
    staff.add_bib(Bib::new("A title at home").holding(copy)).map(drop).map_err(|error| error.to_string())
}

/// The staff who act, and the items they act on.
struct Scene {
    borrower: Staff,
    lender: Staff,
    /// The barcode of the lender's item.
    real: String,
    /// The barcode of the virtual item.
    virtual_one: String,
    patron: String,
    /// The library at which the patron's hold is collected.
    pickup: String,
}

impl Scene {
    fn of(sim: &Sim, request: &Request) -> Option<Self> {
        let supply = request.supply.as_ref()?;
        let virtual_one = request.borrower.barcode.as_ref().map(|code| code.as_str().to_owned()).unwrap_or_default();
        let borrower = sim.staff(BORROWER).ok()?;
        let held = borrower.requests().into_iter().find(|hold| hold.barcode.as_deref() == Some(virtual_one.as_str()));
        Some(Self {
            lender: sim.staff(supply.institution.as_str()).ok()?,
            real: supply.copy.barcode.as_str().to_owned(),
            patron: request.patron.identifier.as_str().to_owned(),
            pickup: held.map_or_else(|| "MAIN".to_owned(), |hold| hold.pickup_library),
            virtual_one,
            borrower,
        })
    }

    fn lend_to_patron(&self) -> bool {
        self.borrower.lend(&self.virtual_one, &self.patron, &self.pickup, DESK).is_ok()
    }

    fn lend_to_patron_and(&self, mark: Mark) -> bool {
        self.lend_to_patron() && self.borrower.mark(&self.virtual_one, mark).is_ok()
    }

    fn lend_to_stranger(&self) -> bool {
        self.borrower.lend_overriding_hold(&self.virtual_one, STRANGER, &self.pickup, DESK).is_ok()
    }

    fn return_at_pickup(&self) -> bool {
        self.borrower.scan_in(&self.virtual_one, &self.pickup, DESK).is_ok()
    }

    fn scan_at_lender(&self) -> bool {
        self.lender.scan_in(&self.real, "MAIN", DESK).is_ok()
    }

    fn lend_at_lender(&self) -> bool {
        self.lender.lend_overriding_hold(&self.real, STRANGER, "MAIN", DESK).is_ok()
    }

    fn cancel_at(&self, staff: &Staff, barcode: &str) -> bool {
        let hold = staff.requests().into_iter().find(|hold| hold.barcode.as_deref() == Some(barcode));
        hold.is_some_and(|hold| staff.cancel(&hold.id, "CannotBeFulfilled").is_ok())
    }

    fn waits_at_lender(&self) -> bool {
        self.lender.item(&self.real).is_ok_and(|item| item.process_type.is_empty() && !item.queue.is_empty())
    }
}

/// Performs one of these actions that is possible now. Returns its description.
pub(super) fn unusual(sim: &Sim, request: &Request, rng: &mut StdRng) -> Option<&'static str> {
    let scene = Scene::of(sim, request)?;
    (0..TRIES).find_map(|_| try_one(&scene, rng))
}

/// An action that Alma refuses is not done.
fn try_one(scene: &Scene, rng: &mut StdRng) -> Option<&'static str> {
    match rng.random_range(0..13_u8) {
        0 => done(scene.lend_to_stranger(), "the desk lends the item to somebody else, in spite of the hold"),
        1 => done(
            scene.lend_to_stranger() && scene.return_at_pickup(),
            "the desk lends the item to somebody else, who returns it at once",
        ),
        2 => done(scene.lend_to_patron_and(Mark::Lost), "the patron gets the item, and it is lost at once"),
        3 => done(
            scene.lend_to_patron_and(Mark::ClaimedReturned),
            "the patron gets the item, and claims at once to have returned it",
        ),
        4 => done(scene.lend_to_patron() && scene.return_at_pickup(), RETURNED_AT_ONCE),
        5 => done(
            scene.return_at_pickup() && scene.lend_to_stranger(),
            "the item is scanned in and lent to somebody else at once",
        ),
        6 => done(scene.lend_at_lender(), "the lender lends the item to somebody else"),
        7 => done(
            scene.scan_at_lender() && scene.lend_at_lender(),
            "the lender scans the item in and lends it to somebody else at once",
        ),
        8 => done(
            scene.cancel_at(&scene.lender, &scene.real) && scene.scan_at_lender(),
            "the lender cancels the hold and puts the item back on its shelf",
        ),
        9 => done(
            scene.waits_at_lender() && scene.scan_at_lender() && scene.cancel_at(&scene.borrower, &scene.virtual_one),
            "the lender sends the item, and the patron cancels at home at once",
        ),
        10 => done(scene.waits_at_lender() && scene.scan_at_lender(), "the lender sends the item"),
        11 => done(scene.lender.scan_in(&scene.real, "BRANCH", DESK).is_ok(), "the lender's branch scans the item in"),
        _ => done(scene.cancel_at(&scene.borrower, &scene.virtual_one), "the patron cancels at home"),
    }
}

/// Returns a command that people may give the hub.
pub(super) fn ask(request: &Request, lifecycle: usize, rng: &mut StdRng) -> Command {
    let next = |copy| Command::NextSupplier { reason: None, copy };
    match rng.random_range(0..100_u8) {
        0..20 => {
            let by = if rng.random_bool(0.5) { CancelledBy::Patron } else { CancelledBy::Staff };
            Command::Cancel { by, reason: None }
        }
        20..35 => next(Some(another_lenders_copy(request, lifecycle))),
        35..42 => next(Some(copy(LENDERS[0], "01LEND-mistyped"))),
        42..47 => next(Some(copy(BORROWER, OWN))),
        47..55 => next(None),
        55..62 => Command::ChangePickup { pickup: request.pickup.clone() },
        62..70 => Command::ChangePickup { pickup: pickup_at(if rng.random_bool(0.5) { "MAIN" } else { "BRANCH" }) },
        70..76 => Command::End { reason: None },
        76..84 => Command::SettleLoss { how: Settlement::Paid },
        84..88 => Command::ItemFound,
        88..96 => Command::Undo,
        _ => Command::Resume,
    }
}

fn another_lenders_copy(request: &Request, lifecycle: usize) -> CopyRef {
    let now = request.supply.as_ref().map(|supply| supply.institution.as_str());
    let other = if now == Some(LENDERS[0]) { LENDERS[1] } else { LENDERS[0] };
    copy(other, &sim_setup::barcode(other, lifecycle))
}

fn copy(institution: &str, barcode: &str) -> CopyRef {
    CopyRef {
        institution: InstitutionCode::from(institution),
        bib: None,
        holding: None,
        item: None,
        barcode: Some(Barcode::from(barcode)),
        volume: None,
        queued: false,
        chosen_by_staff: true,
        tried_items: Vec::new(),
    }
}

fn pickup_at(library: &str) -> PickupLocation {
    let code = format!("BORROW-{library}");
    PickupLocation { code: code.as_str().into(), library: library.into(), ..sim_setup::pickup() }
}
