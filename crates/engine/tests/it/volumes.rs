//! Titles in several volumes: which copy is chosen, and who sees which volume it is.

use std::collections::BTreeMap;

use alma_sim::{Bib, Holding, Item};
use engine::NewRequest;
use lending::{CopyRef, Status};

use crate::world::{BORROWER, DESK, LENDER, OTHER, World, both, copy};

fn volume(barcode: &str, description: &str, levels: &[(&str, &str)]) -> Item {
    let item = Item::new(barcode).material("BOOK").description(description);
    levels.iter().fold(item, |item, (field, text)| item.level(field, text))
}

fn fields(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    fields.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned())).collect()
}

/// Adds a title in volumes to an institution and returns a wish for one of them.
fn wish(world: &World, institution: &str, items: Vec<Item>, wanted: Option<&str>) -> CopyRef {
    let holding = items.into_iter().fold(Holding::new("MAIN", "stacks"), Holding::item);
    let bib = world.at(institution).add_bib(Bib::new("In volumes").holding(holding)).unwrap();
    let volume = wanted.map(str::to_owned);
    CopyRef { bib: Some(bib.as_str().into()), barcode: None, volume, ..copy(institution, "-") }
}

fn two_volumes() -> Vec<Item> {
    vec![
        volume("V1", "v.1", &[("enumeration_a", "1"), ("chronology_i", "1984")]),
        volume("V2", "v.2", &[("enumeration_a", "2"), ("enumeration_c", "x"), ("chronology_i", "1985")]),
    ]
}

fn comments(world: &World, institution: &str) -> Vec<String> {
    world.at(institution).requests().into_iter().filter_map(|hold| hold.comment).collect()
}

both! {
    async fn volume_of_the_chosen_copy_is_on_the_virtual_item_and_on_both_holds(world) {
        let copies = vec![wish(&world, LENDER, two_volumes(), Some("Bd. 2"))];
        let placed = world.place_as(NewRequest { copies, ..world.placing() }).await;
        assert_eq!(placed.status, Status::RequestPlacedAtBorrowingAgency, "{:?}", placed.refusal);
        let copy = placed.supply.unwrap().copy;
        assert_eq!((copy.barcode.as_str(), copy.volume.label().as_deref()), ("V2", Some("v.2 (1985)")));
        let wanted =
            fields(&[("description", "v.2"), ("enumeration_a", "2"), ("enumeration_c", "x"), ("chronology_i", "1985")]);
        assert_eq!(world.at(BORROWER).item(&world.virtual_barcode().await).unwrap().volume, wanted);
        for institution in [LENDER, BORROWER] {
            let comments = comments(&world, institution);
            assert!(comments[0].contains("; volume: v.2 (1985)") && comments[0].contains("[DCB-REQUEST:"), "{comments:?}");
        }
    }

    async fn volume_of_another_lenders_copy_takes_the_place_of_the_first(world) {
        let second = vec![volume("OTHER-2", "Band II", &[("chronology_j", "05")])];
        let copies = vec![wish(&world, LENDER, two_volumes(), Some("v.2")), wish(&world, OTHER, second, Some("v.2"))];
        world.place_as(NewRequest { copies, ..world.placing() }).await;
        let hold = world.at(LENDER).requests().remove(0);
        world.at(LENDER).cancel(&hold.id, "CannotBeFulfilled").unwrap();
        world.until_it("the next lender", |request| {
            let lender = request.supply.as_ref().map(|supply| supply.institution.as_str());
            lender == Some(OTHER) && request.status == Status::RequestPlacedAtBorrowingAgency
        }).await;
        let item = world.at(BORROWER).item(&world.virtual_barcode().await).unwrap();
        assert_eq!(item.volume, fields(&[("description", "Band II"), ("chronology_j", "05")]));
        assert_eq!(item.barcode, "OTHER-2");
    }

    async fn denied_renewal_keeps_the_volume_and_the_marker_of_the_virtual_item(world) {
        let copies = vec![wish(&world, LENDER, two_volumes(), Some("v.2"))];
        world.place_as(NewRequest { copies, ..world.placing() }).await;
        for status in [Status::PickupTransit, Status::ReadyForPickup, Status::Loaned] {
            match status {
                Status::PickupTransit => world.dispatch().await,
                Status::ReadyForPickup => world.receive().await,
                _ => world.lend().await,
            };
        }
        let before = world.at(BORROWER).item(&world.virtual_barcode().await).unwrap();
        world.at(LENDER).place_hold("sam.student", "V2", "MAIN").unwrap();
        let blocked = |request: &lending::Request| request.at_pickup().due_dates.renewal_blocked;
        world.until_it("the end of renewals", blocked).await;
        let after = world.at(BORROWER).item(&before.barcode).unwrap();
        assert_ne!(after.policy, before.policy);
        assert_eq!((after.volume, after.internal_note), (before.volume, before.internal_note));
    }

    async fn ambiguous_volume_is_refused_with_the_candidates_and_the_next_copy_is_taken(world) {
        let items = || vec![volume("A", "v.2 (1985)", &[]), volume("B", "v.2 (1990)", &[])];
        let copies = vec![wish(&world, LENDER, items(), Some("V. 2"))];
        let refused = world.place_as(NewRequest { copies: copies.clone(), ..world.placing() }).await;
        assert_eq!(refused.status, Status::Finalised);
        let refusal = refused.refusal.unwrap();
        assert_eq!(refusal.code, "VOLUME_AMBIGUOUS");
        assert!(refusal.explanation.contains("v.2 (1985); v.2 (1990)"), "{}", refusal.explanation);
        assert_eq!(comments(&world, LENDER), Vec::<String>::new(), "nothing is asked for");

        let copies = vec![copies[0].clone(), wish(&world, OTHER, two_volumes(), Some("V. 2"))];
        let placed = world.place_as(NewRequest { copies, ..world.placing() }).await;
        assert_eq!(placed.supply.unwrap().copy.barcode.as_str(), "V2");
    }

    async fn named_copy_of_another_volume_is_not_asked_for(world) {
        wish(&world, LENDER, two_volumes(), None);
        let wanted = |volume: &str| CopyRef { volume: Some(volume.to_owned()), ..copy(LENDER, "V1") };
        let refused = world.place_as(NewRequest { copies: vec![wanted("v.2")], ..world.placing() }).await;
        assert_eq!(refused.refusal.unwrap().code, "VOLUME_DIFFERS");
        let placed = world.place_as(NewRequest { copies: vec![wanted("Vol. 1")], ..world.placing() }).await;
        assert_eq!(placed.supply.unwrap().copy.barcode.as_str(), "V1");
    }

    async fn volume_that_is_on_loan_is_not_replaced_by_another_volume(world) {
        let copies = vec![wish(&world, LENDER, two_volumes(), Some("v.2"))];
        world.at(LENDER).lend("V2", "sam.student", "MAIN", DESK).unwrap();
        let refused = world.place_as(NewRequest { copies, ..world.placing() }).await;
        assert_eq!(refused.refusal.unwrap().code, "COPY_NOT_AVAILABLE");
    }
}
