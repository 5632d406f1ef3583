//! Staff link an item to another record, or move it to another holding. Its pid and barcode stay.

use alma_sim::presets;
use lending::{CancelledBy, CopyRef, Outcome, Request, Status};

use crate::world::{BORROWER, LENDER, World, both};

/// Returns the id of another title at an institution.
fn another_title(world: &World, code: &str) -> String {
    world.at(code).item(&presets::barcode(code, 'M', 5)).unwrap().mms_id
}

fn address(request: &Request) -> (String, String) {
    let copy = &request.supply.as_ref().unwrap().copy;
    (copy.bib.to_string(), copy.holding.to_string())
}

async fn assert_copy_is_followed(world: &World, mms_id: &str) {
    world.at(LENDER).relink(&world.barcode, mms_id).unwrap();
    let item = world.at(LENDER).item(&world.barcode).unwrap();
    let request = world.dispatch().await;
    assert_eq!(address(&request), (item.mms_id, item.holding_id), "the hub stores the new address");
    world.receive().await;
    world.lend().await;
    world.end_batch_poll().await;
    assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
    world.assert_clean();
}

both! {
    async fn copy_that_is_linked_to_another_record_is_followed_to_the_end(world) {
        world.place().await;
        let other = another_title(&world, LENDER);
        assert_copy_is_followed(&world, &other).await;
    }

    async fn copy_that_is_moved_to_another_holding_is_followed_to_the_end(world) {
        world.place().await;
        let own = world.at(LENDER).item(&world.barcode).unwrap().mms_id;
        assert_copy_is_followed(&world, &own).await;
    }

    async fn hold_on_a_copy_that_was_linked_to_another_record_is_cancelled(world) {
        world.place().await;
        world.at(LENDER).relink(&world.barcode, &another_title(&world, LENDER)).unwrap();
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
    }

    async fn copy_that_is_linked_to_another_record_while_it_is_out_is_seen_coming_home(world) {
        world.bring_to(Status::ReturnTransit).await;
        world.at(LENDER).relink(&world.barcode, &another_title(&world, LENDER)).unwrap();
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn virtual_item_that_is_linked_to_a_record_of_the_library_is_followed_and_that_record_stays(world) {
        world.place().await;
        let (theirs, barcode) = (another_title(&world, BORROWER), world.virtual_barcode().await);
        world.at(BORROWER).relink(&barcode, &theirs).unwrap();
        let request = world.supply().await;
        assert_eq!(request.outcome, Some(Outcome::Supplied));
        assert!(world.at(BORROWER).item(&barcode).is_err(), "the virtual item is deleted");
        assert_eq!(another_title(&world, BORROWER), theirs, "the library's own title and item stay");
        world.assert_clean();
    }

    async fn virtual_item_that_is_linked_to_another_record_at_the_end_is_deleted_there(world) {
        world.bring_to(Status::ReturnTransit).await;
        let barcode = world.virtual_barcode().await;
        world.at(BORROWER).relink(&barcode, &another_title(&world, BORROWER)).unwrap();
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        assert!(world.at(BORROWER).item(&barcode).is_err(), "the virtual item is deleted");
        world.assert_clean();
    }

    async fn title_of_the_record_asked_for_is_shown_for_a_volume_with_several_titles(world) {
        let item = world.at(LENDER).item(&world.barcode).unwrap();
        let asked = another_title(&world, LENDER);
        let title = world.at(LENDER).item(&presets::barcode(LENDER, 'M', 5)).unwrap().title;
        world.at(LENDER).bind(&world.barcode, &asked).unwrap();
        let mut placing = world.placing();
        placing.copies = vec![CopyRef {
            bib: Some(asked.as_str().into()),
            item: Some(item.pid.as_str().into()),
            barcode: None,
            ..placing.copies.remove(0)
        }];
        let request = world.place_as(placing).await;
        assert_eq!(request.status, Status::RequestPlacedAtBorrowingAgency);
        assert!(title.starts_with(&request.title.as_ref().unwrap().title), "{:?} of {title:?}", request.title);
        assert_eq!(address(&request), (item.mms_id, item.holding_id), "calls go to the volume's own record");
        assert_eq!(world.supply().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }
}
