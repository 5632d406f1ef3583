//! The choice of the supplier.

mod cases;
mod properties;

use jiff::Timestamp;
use lending::supplier::{Candidate, Coordinates, Lender, Place, Wish};
use lending::{CopyState, HeldCopy, ItemType, Rules, Volume, example};
use uuid::Uuid;

/// A wish of a patron of the agency HOME, who collects at a library in the north.
fn wish() -> Wish {
    Wish {
        seed: Uuid::from_u128(7),
        borrower: "HOME".into(),
        institution: "I_HOME".into(),
        pickup: "desk".into(),
        pickup_institution: "I_HOME".into(),
        pickup_place: place("north", 47.0),
        volume: None,
        needed_until: None,
        left_out: Vec::new(),
        staff_choice: None,
    }
}

fn place(region: &str, latitude: f64) -> Place {
    Place { region: Some(region.to_owned()), coordinates: Coordinates::new(latitude, 8.0) }
}

/// An available copy of the agency `name`.
fn candidate(index: u32, name: &str) -> Candidate {
    let copy = HeldCopy {
        holding: "H1".into(),
        item: format!("item-{index}").as_str().into(),
        barcode: Some(format!("B{index}").as_str().into()),
        library: "MAIN".into(),
        location: "STACKS".into(),
        item_type: Some(ItemType("book".to_owned())),
        volume: Volume::default(),
        state: CopyState::Available,
        waiting: None,
    };
    Candidate {
        index,
        institution: format!("I_{name}").as_str().into(),
        agency: Some(name.into()),
        bib: format!("bib-{name}").as_str().into(),
        copy: Some(copy),
        answered_at: Some(example::noon()),
        unmapped: None,
    }
}

fn in_state(state: CopyState, mut candidate: Candidate) -> Candidate {
    if let Some(copy) = &mut candidate.copy {
        copy.state = state;
    }
    candidate
}

fn of_volume(text: &str, mut candidate: Candidate) -> Candidate {
    if let Some(copy) = &mut candidate.copy {
        copy.volume = Volume::new(Some(text), &[], &[]);
    }
    candidate
}

/// A candidate whose library's system didn't answer.
fn unanswered(index: u32, name: &str) -> Candidate {
    Candidate { copy: None, answered_at: None, ..candidate(index, name) }
}

fn lender(name: &str) -> Lender {
    let institution = format!("I_{name}").as_str().into();
    Lender::with_rules(institution, Some(name.into()), &Rules::default(), example::noon())
}

fn days_later(days: i64) -> Timestamp {
    example::noon() + jiff::SignedDuration::from_hours(24 * days)
}
