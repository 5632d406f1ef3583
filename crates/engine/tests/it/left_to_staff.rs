//! Virtual records that are gone, or that the library's staff use, when the hub cleans up.

use lending::{Condition, Outcome, Request, Status};

use crate::world::{BORROWER, World, both};

fn virtual_bib(request: &Request) -> String {
    request.borrower.bib.open().unwrap().to_string()
}

async fn assert_left_to_staff(world: &World, bib: &str) {
    let ended = world.bring_home().await;
    assert_eq!((ended.status, ended.outcome), (Status::Finalised, Some(Outcome::Supplied)));
    assert!(ended.conditions.contains(&Condition::LeftToStaff), "{:?}", ended.conditions);
    let rows = world.engine.store().timeline(world.id).await.unwrap();
    let is_noted = rows.iter().filter_map(|row| row.entry.note.as_deref()).any(|note| note.contains(bib));
    assert!(is_noted, "the audit names the record");
    let kept = world.at(BORROWER).suppress_bib(bib, true);
    assert!(kept.is_ok(), "the record is still there: {kept:?}");
}

both! {
    async fn virtual_records_that_staff_deleted_hold_up_no_clean_up(world) {
        let request = { world.bring_to(Status::ReturnTransit).await; world.request().await };
        world.at(BORROWER).withdraw(&world.virtual_barcode().await).unwrap();
        world.at(BORROWER).delete_bib(&virtual_bib(&request)).unwrap();
        let ended = world.bring_home().await;
        assert_eq!(ended.outcome, Some(Outcome::Supplied));
        assert!(ended.conditions.is_empty(), "{:?}", ended.conditions);
        world.assert_clean();
    }

    async fn virtual_records_that_staff_deleted_before_a_cancellation_hold_up_no_clean_up(world) {
        let request = world.place().await;
        let hold = request.borrower.hold.open().unwrap().id.to_string();
        world.at(BORROWER).cancel(&hold, "CannotBeFulfilled").unwrap();
        world.at(BORROWER).withdraw(&world.virtual_barcode().await).unwrap();
        world.at(BORROWER).delete_bib(&virtual_bib(&request)).unwrap();
        world.engine.cancel(world.id, lending::CancelledBy::Patron, None, "test").await.unwrap();
        assert_eq!(world.until_ended().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
    }

    async fn virtual_record_that_staff_unsuppressed_is_left_to_them(world) {
        world.bring_to(Status::ReturnTransit).await;
        let bib = virtual_bib(&world.request().await);
        world.at(BORROWER).suppress_bib(&bib, false).unwrap();
        assert_left_to_staff(&world, &bib).await;
    }

    async fn virtual_record_with_an_item_of_the_library_is_left_to_its_staff(world) {
        world.bring_to(Status::ReturnTransit).await;
        let bib = virtual_bib(&world.request().await);
        world.at(BORROWER).add_sibling_item(&world.virtual_barcode().await, "OF-THE-LIBRARY").unwrap();
        assert_left_to_staff(&world, &bib).await;
        assert!(world.at(BORROWER).item("OF-THE-LIBRARY").is_ok());
    }

    async fn virtual_item_for_which_another_reader_waits_is_left_to_staff(world) {
        world.bring_to(Status::ReturnTransit).await;
        let bib = virtual_bib(&world.request().await);
        world.at(BORROWER).place_hold("sam.student", &world.virtual_barcode().await, "MAIN").unwrap();
        assert_left_to_staff(&world, &bib).await;
    }
}
