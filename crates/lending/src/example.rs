//! Example requests for documentation and tests.

use jiff::Timestamp;
use uuid::Uuid;

use crate::copy::{Copy, CopyRef, ItemType, Title};
use crate::ids::RequestId;
use crate::request::{AgencyEvidence, Patron, PatronType, PickupLocation, Request, ShownPatron, VerifiedPatron};
use crate::volume::Volume;
use crate::wanted_title::{TitleRef, WantedTitle};

/// Returns noon of a day in 2026.
pub fn noon() -> Timestamp {
    Timestamp::constant(1_772_625_600, 0)
}

/// Returns a request of a patron of `01BORROW` for one copy of `01LEND`.
pub fn placed() -> Request {
    let patron =
        Patron { institution: "01BORROW".into(), agency: "BORROW".into(), identifier: "reader".into(), verified: None };
    let pickup = PickupLocation {
        code: "BORROW-MAIN".into(),
        name: "Main Library".to_owned(),
        institution: "01BORROW".into(),
        library: "MAIN".into(),
        desk: None,
        route_code: None,
    };
    Request::new(RequestId(Uuid::from_u128(1)), noon(), patron, pickup, vec![candidate("31999")])
}

/// Returns a request of the same patron for a title, before the hub has looked for copies.
pub fn placed_for_a_title() -> Request {
    let named = TitleRef::Title("t1".to_owned());
    Request { candidates: Vec::new(), wanted: Some(Box::new(WantedTitle::new(named, "t1", None))), ..placed() }
}

/// Returns a candidate copy of `01LEND`.
pub fn candidate(barcode: &str) -> CopyRef {
    CopyRef {
        institution: "01LEND".into(),
        bib: None,
        holding: None,
        item: None,
        barcode: Some(barcode.into()),
        volume: None,
        queued: false,
        chosen_by_staff: false,
        tried_items: Vec::new(),
    }
}

/// Returns a candidate copy of another lender, `01OTHER`.
pub fn candidate_elsewhere(barcode: &str) -> CopyRef {
    CopyRef { institution: "01OTHER".into(), ..candidate(barcode) }
}

/// Returns the copy that [`candidate`] names, as the lender describes it.
pub fn copy(barcode: &str) -> Copy {
    Copy {
        bib: "991".into(),
        holding: "221".into(),
        item: "231".into(),
        barcode: barcode.into(),
        library: "MAIN".into(),
        location: "stacks".into(),
        location_name: None,
        call_number: None,
        item_type: ItemType("book".to_owned()),
        title: Title { title: "Cats & dogs".to_owned(), author: Some("Sampleauthor, A.".to_owned()) },
        volume: Volume::default(),
    }
}

/// Returns a patron who may borrow.
pub fn verified() -> VerifiedPatron {
    VerifiedPatron {
        id: "reader@example.org".into(),
        patron_type: PatronType("undergraduate".to_owned()),
        agency: AgencyEvidence::default(),
        pickup_code: None,
        shown_to_lender: ShownPatron::default(),
        shown_at_pickup: ShownPatron::default(),
    }
}
