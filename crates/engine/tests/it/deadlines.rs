//! Deadlines in the open days of the libraries, on a clock that the tests turn.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use lending::{Calendar, Condition, Day, Outcome, Rules, Side, Status};

use crate::world::{BORROWER, LENDER, OTHER, both};

/// The machine's clock, moved by hand.
#[derive(Debug, Default)]
pub(crate) struct Turned {
    machine: engine::SystemClock,
    hours: AtomicI64,
}

impl Turned {
    pub(crate) fn by_hours(&self, hours: i64) {
        self.hours.fetch_add(hours, Ordering::SeqCst);
    }
}

impl engine::Clock for Turned {
    fn now(&self) -> Timestamp {
        self.machine.now() + SignedDuration::from_hours(self.hours.load(Ordering::SeqCst))
    }
}

both! {
    async fn lender_that_does_not_send_in_its_open_days_is_passed_over(world) {
        world.set_rules(LENDER, "LEND", Rules { days_to_answer: 3, ..Rules::default() }).await;
        world.place().await;
        world.clock.by_hours(24 * 2);
        assert_eq!(world.settled().await.institution(Side::Lender).unwrap().as_str(), LENDER, "there is time yet");
        world.clock.by_hours(24 * 2);
        let next = world.until_it("the next lender", |request| {
            request.status == Status::RequestPlacedAtBorrowingAgency && !request.earlier.is_empty()
        }).await;
        assert_eq!(next.institution(Side::Lender).unwrap().as_str(), OTHER);
        assert_eq!(next.earlier[0].refusal.code, "LENDER_SILENT");
        assert!(world.at(LENDER).requests().is_empty(), "its hold is cancelled");
    }

    async fn clock_stands_still_while_the_lender_is_closed(world) {
        let all_week = [
            Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday,
        ];
        let closed = Calendar { closed_weekdays: all_week.into(), ..Calendar::default() };
        world.set_rules(LENDER, "LEND", Rules { days_to_answer: 1, calendar: closed, ..Rules::default() }).await;
        world.place().await;
        world.clock.by_hours(24 * 60);
        world.engine.look_now(world.id).await.unwrap();
        assert_eq!(world.settled().await.institution(Side::Lender).unwrap().as_str(), LENDER);
        assert!(world.request().await.earlier.is_empty());
    }

    async fn item_that_does_not_arrive_is_looked_for_and_still_followed(world) {
        world.set_rules(BORROWER, "BORROW", Rules { days_in_transit: 5, ..Rules::default() }).await;
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
        world.give_back().await;
        world.clock.by_hours(24 * 400);
        assert_eq!(world.bring_home().await.outcome, Some(Outcome::Supplied));
        world.assert_clean();
    }
}
