//! Which copies a record has, and whether each can be lent.

use alma_sim::{Bib, Holding, Item, Mark};
use lending::{CopyRef, CopyState, HeldCopy};
use lms::NotAllCopies;
use serde_json::json;

use crate::world::{DESK, NORTH, World, record};

/// Adds a record with these barcodes, each a book in the stacks of the main library.
fn add(world: &World, barcodes: &[&str]) -> String {
    let holding = barcodes.iter().fold(Holding::new("MAIN", "stacks"), |holding, code| holding.item(Item::new(code)));
    world.at(NORTH).add_bib(Bib::new("Cats").holding(holding)).unwrap()
}

async fn copies(world: &World, bib: &str) -> Vec<HeldCopy> {
    let asked = record(NORTH, bib);
    world.availability.forget(&asked);
    let report = world.availability.of(&[asked], world.counting()).await;
    report.records[0].answer.clone().unwrap_or_else(|| panic!("{report:?}")).copies.copies.clone()
}

fn named(bib: &str, copy: &HeldCopy, queued: bool) -> CopyRef {
    CopyRef {
        institution: NORTH.into(),
        bib: Some(bib.into()),
        holding: Some(copy.holding.clone()),
        item: Some(copy.item.clone()),
        barcode: copy.barcode.clone(),
        volume: None,
        queued,
        chosen_by_staff: false,
        tried_items: Vec::new(),
    }
}

/// Returns what the state of each copy is called, in their order.
fn states(copies: &[HeldCopy]) -> Vec<String> {
    let name = |copy: &HeldCopy| match &copy.state {
        CopyState::Available => "available".to_owned(),
        CopyState::Lent { due } => format!("lent, due {}", if due.is_some() { "known" } else { "unknown" }),
        CopyState::NotLendable(refusal) => refusal.code.clone(),
    };
    copies.iter().map(name).collect()
}

#[tokio::test]
async fn state_of_a_copy_agrees_with_the_later_read_of_it() {
    let world = World::start().await;
    world.set(NORTH, json!({"non_lendable_item_policies": ["REF"]})).await;
    let staff = world.at(NORTH);
    let holding = Holding::new("MAIN", "stacks")
        .item(Item::new("C-SHELF"))
        .item(Item::new("C-LOAN"))
        .item(Item::new("C-LOST"))
        .item(Item::new("C-MISSING"))
        .item(Item::new("C-WANTED"))
        .item(Item::new("C-REF").policy("REF"))
        .item(Item::new("C-MAP").material("MAP"));
    let bib = staff.add_bib(Bib::new("Cats").holding(holding)).unwrap();
    for barcode in ["C-LOAN", "C-LOST"] {
        staff.lend(barcode, "jo.reader", "MAIN", DESK).unwrap();
    }
    staff.mark("C-LOST", Mark::Lost).unwrap();
    staff.mark("C-MISSING", Mark::Missing).unwrap();
    staff.place_hold("jo.reader", "C-WANTED", "MAIN").unwrap();
    let found = copies(&world, &bib).await;
    assert_eq!(
        states(&found),
        [
            "available",
            "lent, due known",
            "COPY_NOT_AVAILABLE",
            "COPY_NOT_AVAILABLE",
            "COPY_REQUESTED",
            "COPY_NOT_LENT",
            "ITEM_TYPE_UNMAPPED"
        ]
    );
    let lms = world.systems.adapter(&NORTH.into()).await.unwrap();
    for copy in &found {
        for queued in [false, true] {
            let resolved = lms.resolve_copy(&named(&bib, copy, queued)).await.unwrap();
            match &copy.state {
                CopyState::Available => assert_eq!(resolved.unwrap().item, copy.item),
                CopyState::Lent { .. } if queued => assert_eq!(resolved.unwrap().item, copy.item),
                CopyState::Lent { .. } => assert_eq!(resolved.unwrap_err().code, "COPY_NOT_AVAILABLE"),
                CopyState::NotLendable(refusal) => assert_eq!(resolved.unwrap_err(), *refusal),
            }
        }
    }
}

#[tokio::test]
async fn lent_copy_that_is_never_lent_to_others_is_no_copy_to_wait_for() {
    let world = World::start().await;
    world.set(NORTH, json!({"non_lendable_locations": ["MAIN/stacks"]})).await;
    let bib = add(&world, &["C-1"]);
    world.at(NORTH).lend("C-1", "jo.reader", "MAIN", DESK).unwrap();
    assert_eq!(states(&copies(&world, &bib).await), ["COPY_NOT_LENT"]);
}

#[tokio::test]
async fn copies_of_a_suppressed_record_can_not_be_lent() {
    let world = World::start().await;
    let bib = add(&world, &["C-1", "C-2"]);
    world.at(NORTH).suppress_bib(&bib, true).unwrap();
    assert_eq!(states(&copies(&world, &bib).await), ["COPY_SUPPRESSED", "COPY_SUPPRESSED"]);
}

#[tokio::test]
async fn temporary_location_counts_in_place_of_the_permanent_one() {
    let world = World::start().await;
    world.set(NORTH, json!({"non_lendable_locations": ["MAIN/reserve"]})).await;
    let bib = add(&world, &["C-1", "C-2"]);
    world.move_for_a_time("C-1", "MAIN", "reserve");
    let found = copies(&world, &bib).await;
    assert_eq!(states(&found), ["COPY_NOT_LENT", "available"]);
    let places: Vec<&str> = found.iter().map(|copy| copy.location.as_str()).collect();
    assert_eq!(places, ["reserve", "stacks"]);
}

#[tokio::test]
async fn record_that_is_gone_has_no_copies_and_a_reason() {
    let world = World::start().await;
    let report = world.ask(&[record(NORTH, "990000000000000000")]).await;
    let answer = report.records[0].answer.clone().unwrap();
    assert_eq!((answer.copies.missing, answer.copies.copies.len()), (Some(NotAllCopies::NoRecord), 0));
    assert_eq!(report.records[0].missing, None, "the institution has answered");
}

#[tokio::test]
async fn record_without_items_says_so() {
    let world = World::start().await;
    let bib = add(&world, &[]);
    let report = world.ask(&[record(NORTH, &bib)]).await;
    assert_eq!(report.records[0].answer.clone().unwrap().copies.missing, Some(NotAllCopies::NoItems));
}

#[tokio::test]
async fn items_beyond_the_first_hundred_are_read_page_by_page_up_to_a_bound() {
    let world = World::start().await;
    let barcodes: Vec<String> = (0..1_050).map(|number| format!("C-{number:04}")).collect();
    let all: Vec<&str> = barcodes.iter().map(String::as_str).collect();
    let many = add(&world, &all[..250]);
    assert_eq!(copies(&world, &many).await.len(), 250);
    assert_eq!(world.reads(NORTH), 3);
    let too_many = world.at(NORTH).add_bib(Bib::new("Dogs").holding(
        (0..1_050).fold(Holding::new("MAIN", "stacks"), |holding, n| holding.item(Item::new(&format!("D-{n:04}")))),
    ));
    let report = world.ask(&[record(NORTH, &too_many.unwrap())]).await;
    let answer = report.records[0].answer.clone().unwrap();
    assert_eq!((answer.copies.copies.len(), answer.copies.missing), (1_000, Some(NotAllCopies::TooMany)));
    assert_eq!(world.reads(NORTH), 13);
}

#[tokio::test]
async fn requests_are_counted_only_when_that_is_asked_for() {
    let world = World::start().await;
    let bib = add(&world, &["C-1"]);
    let staff = world.at(NORTH);
    staff.lend("C-1", "jo.reader", "MAIN", DESK).unwrap();
    assert_eq!(copies(&world, &bib).await[0].waiting, Some(0), "the item's flag says so");
    let user = alma_sim::User::new("ann.other").name("Ann", "Other").group("UNDRGRD");
    staff.add_user(&user).unwrap();
    staff.place_hold("ann.other", "C-1", "MAIN").unwrap();
    let asked = record(NORTH, &bib);
    world.availability.forget(&asked);
    let plain = world.ask(&[asked]).await;
    assert_eq!(plain.records[0].answer.clone().unwrap().copies.copies[0].waiting, None);
    let reads = world.reads(NORTH);
    let counted = world.availability.of(&[record(NORTH, &bib)], world.counting()).await;
    assert_eq!(counted.records[0].answer.clone().unwrap().copies.copies[0].waiting, Some(1));
    assert_eq!(world.reads(NORTH), reads + 1, "the answer without the number doesn't do");
    assert_eq!(copies(&world, &bib).await[0].waiting, Some(1));
}

#[tokio::test]
async fn places_have_the_names_that_the_library_gives_them() {
    let world = World::start().await;
    let bib = add(&world, &["C-1", "C-2"]);
    let report = world.ask(&[record(NORTH, &bib)]).await;
    let places = report.records[0].answer.clone().unwrap().copies.places.clone();
    assert_eq!((places.len(), places[0].library.as_str()), (1, "MAIN"));
    assert!(places[0].library_name.is_some() && places[0].location_name.is_some(), "{places:?}");
}
