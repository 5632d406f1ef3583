//! Deadlines in the open days of the libraries. The tests set the clock.

use lending::{Calendar, Condition, Day, Outcome, Rules, Side, Status};

use alma_sim::{Fault, FaultKind};

use crate::world::{BORROWER, DESK, LENDER, OTHER, both};

const HOLDS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const ITEM: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";

both! {
    async fn lender_that_does_not_send_in_its_open_days_is_passed_over(world) {
        world.set_rules(LENDER, "LEND", Rules { days_to_supply: 3, ..Rules::default() }).await;
        world.place().await;
        world.clock.by_hours(24 * 2);
        assert_eq!(world.settled().await.institution(Side::Lender).unwrap().as_str(), LENDER, "there is time yet");
        world.clock.by_hours(24 * 2);
        let next = world.until_it("the next lender", |request| {
            request.status == Status::RequestPlacedAtBorrowingAgency && !request.earlier_suppliers.is_empty()
        }).await;
        assert_eq!(next.institution(Side::Lender).unwrap().as_str(), OTHER);
        assert_eq!(next.earlier_suppliers[0].refusal.code, "LENDER_SILENT");
        assert!(world.at(LENDER).requests().is_empty(), "its hold is cancelled");
    }

    async fn clock_stands_still_while_the_lender_is_closed(world) {
        let all_week = [
            Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday,
        ];
        let closed = Calendar { closed_weekdays: all_week.into(), ..Calendar::default() };
        world.set_rules(LENDER, "LEND", Rules { days_to_supply: 1, calendar: closed, ..Rules::default() }).await;
        world.place().await;
        world.clock.by_hours(24 * 60);
        world.engine.poll_now(world.id).await.unwrap();
        assert_eq!(world.settled().await.institution(Side::Lender).unwrap().as_str(), LENDER);
        assert!(world.request().await.earlier_suppliers.is_empty());
    }

    async fn item_that_does_not_arrive_is_reported_missing_and_still_polled(world) {
        world.set_rules(BORROWER, "BORROW", Rules { max_days_in_transit: 5, ..Rules::default() }).await;
        world.bring_to(Status::PickupTransit).await;
        world.clock.by_hours(24 * 7);
        world.until_it("missing", |request| request.conditions.contains(&Condition::MissingInTransit)).await;
        world.receive().await;
        assert!(world.request().await.conditions.is_empty());
    }

    async fn request_that_came_too_late_for_the_patron_is_cancelled(world) {
        let mut placing = world.placing();
        let day = jiff::tz::TimeZone::UTC.to_datetime(world.now()).date();
        placing.needed_until = Some(day.tomorrow().unwrap());
        world.place_as(placing).await;
        world.clock.by_hours(24 * 3);
        let ended = world.until_ended().await;
        assert_eq!(ended.outcome, Some(Outcome::Cancelled));
        assert_eq!(ended.cancellation.unwrap().by, lending::CancelledBy::Deadline);
        world.assert_clean();
    }

    async fn nothing_is_dropped_from_being_followed_by_its_age(world) {
        world.bring_to(Status::Loaned).await;
        world.clock.by_hours(24 * 400);
        world.end_batch_poll().await;
        world.clock.by_hours(24 * 400);
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }

    async fn item_that_was_sent_at_the_last_moment_is_not_asked_of_another_lender(world) {
        world.set_rules(LENDER, "LEND", Rules { days_to_supply: 3, ..Rules::default() }).await;
        world.place().await;
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        world.clock.by_hours(24 * 5);
        let sent = world.settled().await;
        assert_eq!((sent.status, sent.earlier_suppliers.len()), (Status::PickupTransit, 0));
    }

    async fn deadline_waits_for_a_library_that_can_not_be_asked(world) {
        world.set_rules(LENDER, "LEND", Rules { days_to_supply: 3, ..Rules::default() }).await;
        world.place().await;
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        let down = FaultKind::Refuse { code: "INTERNAL_SERVER_ERROR".to_owned(), message: "Later.".to_owned() };
        for endpoint in [HOLDS, ITEM] {
            world.sim.arm(LENDER, Fault::always(endpoint, down.clone())).unwrap();
        }
        // It ends with the third day, less than a day before.
        let asked = world.calls(LENDER, HOLDS);
        world.clock.by_hours(24 * 4);
        world.settle().await;
        assert!(world.calls(LENDER, HOLDS) >= asked + 2, "the lender isn't asked");
        assert!(world.request().await.earlier_suppliers.is_empty(), "the lender is passed over");
        world.sim.disarm(LENDER).unwrap();
        world.reaches(world.id, |request| request.status == Status::PickupTransit).await;
    }

    async fn days_on_which_a_library_is_closed_count_even_when_they_are_entered_later(world) {
        world.set_rules(LENDER, "LEND", Rules { days_to_supply: 2, ..Rules::default() }).await;
        world.place().await;
        let today = jiff::tz::TimeZone::UTC.to_datetime(world.now()).date();
        let next = |days: i64| today.checked_add(jiff::Span::new().days(days)).unwrap();
        let calendar = Calendar { closed_dates: (1..=5).map(next).collect(), ..Calendar::default() };
        world.set_rules(LENDER, "LEND", Rules { days_to_supply: 2, calendar, ..Rules::default() }).await;
        world.clock.by_hours(24 * 4);
        world.settle().await;
        assert!(world.request().await.earlier_suppliers.is_empty(), "it has two open days");
        world.clock.by_hours(24 * 5);
        world.until_it("the next lender", |request| !request.earlier_suppliers.is_empty()).await;
    }

    async fn request_whose_item_has_just_been_sent_is_withdrawn_as_one_that_is_on_its_way(world) {
        world.place().await;
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        world.clock.by_hours(1);
        world.engine.cancel(world.id, lending::CancelledBy::Patron, None, "test").await.unwrap();
        world.until(Status::ReturnTransit).await;
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Cancelled));
        world.assert_clean();
    }

    async fn deadline_does_not_wait_for_ever_for_a_library_that_can_not_be_asked(world) {
        world.set_rules(LENDER, "LEND", Rules { days_to_supply: 3, ..Rules::default() }).await;
        world.place().await;
        let down = FaultKind::Refuse { code: "INTERNAL_SERVER_ERROR".to_owned(), message: "Later.".to_owned() };
        for endpoint in [HOLDS, ITEM] {
            world.sim.arm(LENDER, Fault::always(endpoint, down.clone())).unwrap();
        }
        world.clock.by_hours(24 * 7);
        world.reaches(world.id, |request| !request.earlier_suppliers.is_empty()).await;
    }
}
