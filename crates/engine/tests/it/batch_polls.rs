//! Batch polls: lists that report many requests in one call.

use alma_sim::presets;
use lending::{Request, RequestId, Rules, Status};
use serde_json::json;

use crate::webhooks::with_webhook;
use crate::world::{BORROWER, DESK, LENDER, PATRON, World, both, copy, key};

const LIST: &str = "GET /task-lists/requested-resources";
const RECORDS: &str = "GET /bibs";
const ITEM: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const HOLDS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests";
const LOANS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/loans";

/// Places requests for copies of the lender, which then wait at its desk.
pub(crate) async fn waiting(world: &mut World, count: usize) -> Vec<RequestId> {
    let mut ids = Vec::new();
    for number in 1..=count {
        let mut placing = world.placing();
        placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'M', number))];
        assert_eq!(world.place_as(placing).await.status, Status::RequestPlacedAtBorrowingAgency);
        ids.push(world.id);
    }
    ids
}

/// Advances the hub's clock, and lets the hub do the work that is due then.
pub(crate) async fn pass(world: &World, hours: i64) {
    world.clock.by_hours(hours);
    world.settle().await;
}

/// Advances the clock and returns the request, which must have this status.
async fn by_lists(world: &World, hours: i64, status: Status) -> Request {
    pass(world, hours).await;
    let request = world.request().await;
    assert_eq!(request.status, status, "{:?}", request.attention);
    request
}

/// Sets the two saved searches for virtual items.
pub(crate) async fn with_saved_searches(world: &World) {
    world.change_settings(BORROWER, "on_shelf_set", json!(presets::ON_SHELF_SET)).await;
    world.change_more(BORROWER, "in_transit_set", json!(presets::IN_TRANSIT_SET)).await;
}

/// Returns the minutes between two reads of the borrower's lists, where its Alma allows so many calls in a day and the
/// institution lets lists use so many percent of them.
async fn minutes_between_reads(world: &mut World, calls_per_day: u64, percent: u32) -> i64 {
    world.sim.set_limits(BORROWER, None, Some(calls_per_day), 0).unwrap();
    for (key, value) in
        [("on_shelf_set", json!(presets::ON_SHELF_SET)), ("in_transit_set", json!(presets::IN_TRANSIT_SET))]
    {
        world.change_more(BORROWER, key, value).await;
    }
    world.change_more(BORROWER, "batch_poll_percent", json!(percent)).await;
    with_webhook(world, BORROWER).await;
    world.place().await;
    world.dispatch().await;
    // The next reads lie on the institution's grid.
    pass(world, 24).await;
    let next = async |world: &World| world.engine.store().next_batch_poll(&BORROWER.into()).await.unwrap().unwrap();
    let first = next(world).await;
    world.clock.advance(first.duration_since(world.now()));
    world.settle().await;
    next(world).await.duration_since(first).as_mins()
}

fn reads(world: &World, institution: &str) -> u64 {
    [ITEM, HOLDS, LOANS].iter().map(|endpoint| world.calls(institution, endpoint)).sum()
}

// If nothing happens, hourly reads become reads every third hour at most, and the others are four times as rare.
const SOON: i64 = 4;
const LATER: i64 = 13;

both! {
    async fn holds_that_wait_at_a_desk_are_followed_by_one_call_for_all_of_them(world) {
        let ids = waiting(&mut world, 6).await;
        let (lists, items) = (world.calls(LENDER, LIST), world.calls(LENDER, ITEM));
        pass(&world, SOON).await;
        assert!(world.calls(LENDER, LIST) > lists);
        assert_eq!(world.calls(LENDER, ITEM), items, "none was read");

        world.id = ids[3];
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        by_lists(&world, SOON, Status::PickupTransit).await;
        assert_eq!(world.calls(LENDER, ITEM), items + 1, "the other five were not read");
    }

    async fn lender_without_a_list_is_polled_item_by_item(world) {
        let refuse = alma_sim::FaultKind::Refuse { code: "40166414".to_owned(), message: "Not allowed.".to_owned() };
        world.sim.arm(LENDER, alma_sim::Fault::always(LIST, refuse)).unwrap();
        waiting(&mut world, 2).await;
        let (items, lists) = (world.calls(LENDER, ITEM), world.calls(LENDER, LIST));
        pass(&world, SOON).await;
        assert_eq!((world.calls(LENDER, LIST), world.calls(LENDER, ITEM)), (lists + 1, items), "one refusal may pass");
        pass(&world, SOON).await;
        pass(&world, SOON).await;
        assert_eq!((world.calls(LENDER, LIST), world.calls(LENDER, ITEM)), (lists + 2, items + 2));
        pass(&world, SOON).await;
        assert_eq!(world.calls(LENDER, ITEM), items + 4);
        assert_eq!(world.calls(LENDER, LIST), lists + 2, "the hub doesn't read a list that was refused twice");
    }

    async fn key_that_is_refused_makes_no_list_disappear(world) {
        waiting(&mut world, 3).await;
        world.sim.revoke_key(&key(LENDER));
        let items = world.calls(LENDER, ITEM);
        for _ in 0..3 {
            pass(&world, SOON).await;
        }
        let tried = world.calls(LENDER, ITEM) - items;
        assert!(tried <= 1, "one poll shows whether the key is refused for all: {tried}");
        assert!(!world.engine.systems().down().is_empty());

        world.sim.add_key(LENDER, alma_sim::ApiKey::new(&key(LENDER))).unwrap();
        let (items, lists) = (world.calls(LENDER, ITEM), world.calls(LENDER, LIST));
        for _ in 0..3 {
            pass(&world, SOON).await;
        }
        assert!(world.engine.systems().down().is_empty());
        assert!(world.calls(LENDER, LIST) > lists);
        assert!(world.calls(LENDER, ITEM) - items <= 3, "the others are still on their list");
    }

    async fn saved_searches_show_items_on_the_shelf_and_returned_items(world) {
        with_saved_searches(&world).await;
        world.place().await;
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        by_lists(&world, SOON, Status::PickupTransit).await;
        let here = reads(&world, BORROWER);
        world.at(BORROWER).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
        by_lists(&world, SOON, Status::ReadyForPickup).await;
        assert_eq!(reads(&world, BORROWER), here, "the search shows it");

        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", DESK).unwrap();
        let lent = by_lists(&world, SOON, Status::Loaned).await;
        assert!(lent.borrower.loan.open().is_some_and(|loan| loan.due.is_some()));
        assert_eq!(reads(&world, BORROWER), here + 1, "the loan is read, for its due date");

        pass(&world, 30).await;
        assert_eq!(reads(&world, BORROWER), here + 1, "it is in no transit");
        world.at(BORROWER).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
        by_lists(&world, LATER, Status::ReturnTransit).await;
        assert_eq!(reads(&world, BORROWER), here + 1, "the search shows it");

        let (records, there) = (world.calls(LENDER, RECORDS), reads(&world, LENDER));
        pass(&world, LATER).await;
        assert!(world.calls(LENDER, RECORDS) > records);
        assert_eq!(reads(&world, LENDER), there, "it is away, as its record shows");
        staff.scan_in(&barcode, &library, DESK).unwrap();
        by_lists(&world, LATER, Status::Finalised).await;
        assert_eq!(reads(&world, LENDER), there + 1, "the hub reads that the item is home");
        world.assert_clean();
    }

    async fn return_soon_after_the_loan_is_read_since_a_search_may_lag(world) {
        with_saved_searches(&world).await;
        world.bring_to(Status::Loaned).await;
        pass(&world, 0).await;
        let here = reads(&world, BORROWER);
        world.at(BORROWER).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
        by_lists(&world, LATER, Status::ReturnTransit).await;
        assert_eq!(reads(&world, BORROWER), here + 1);
    }

    async fn copy_of_a_record_with_others_is_polled_alone(world) {
        let mut placing = world.placing();
        // Each third title has a copy at the branch too.
        placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'M', 3))];
        world.place_as(placing).await;
        world.dispatch().await;
        world.receive().await;
        world.lend().await;
        world.end_batch_poll().await;
        pass(&world, 0).await;
        let (records, there) = (world.calls(LENDER, RECORDS), reads(&world, LENDER));
        pass(&world, LATER).await;
        assert!(world.calls(LENDER, RECORDS) > records);
        pass(&world, SOON).await;
        assert!(reads(&world, LENDER) > there);
        let (staff, barcode, library) = world.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        by_lists(&world, SOON, Status::Finalised).await;
    }

    async fn hold_on_a_list_is_polled_neither_the_next_week_nor_the_week_after(world) {
        world.set_rules(LENDER, "LEND", Rules { days_to_supply: 60, ..Rules::default() }).await;
        world.place().await;
        let both_sides = async |world: &World| reads(world, LENDER) + reads(world, BORROWER);
        let (lists, polls) = (world.calls(LENDER, LIST), both_sides(&world).await);
        for _ in 0..16 {
            pass(&world, 24).await;
        }
        assert!(world.calls(LENDER, LIST) > lists + 8);
        assert_eq!(both_sides(&world).await, polls);
        pass(&world, 30 * 24).await;
        assert!(both_sides(&world).await > polls, "after six weeks the hub polls them all the same");
    }

    async fn loan_without_webhook_is_polled_the_day_before_it_is_due(world) {
        with_saved_searches(&world).await;
        world.at(BORROWER).set_behaviour(|behaviour| behaviour.rules.default_loan_days = 9);
        world.place().await;
        world.dispatch().await;
        world.receive().await;
        world.lend().await;
        pass(&world, 0).await;
        let polls = reads(&world, BORROWER);
        for _ in 0..7 {
            pass(&world, 24).await;
        }
        assert_eq!(reads(&world, BORROWER), polls);
        pass(&world, 60).await;
        assert!(reads(&world, BORROWER) > polls);
    }

    async fn lists_of_a_library_with_webhook_are_read_less_often(world) {
        with_webhook(&world, BORROWER).await;
        with_saved_searches(&world).await;
        world.place().await;
        world.dispatch().await;
        pass(&world, 0).await;
        let reading = async |world: &World| world.engine.store().next_poll(world.id).await.unwrap().unwrap();
        let hours = reading(&world).await.duration_since(world.now()).as_hours();
        assert!((0..36).contains(&hours), "{hours}");
        // The reads are on a grid of half a day, neither of an hour nor of three, at the library's own offset within
        // the hour.
        let rest = reading(&world).await.as_second() % (12 * 3_600);
        assert!(rest < 3_600, "{rest}");
    }

    async fn lists_of_a_library_with_webhook_are_read_as_often_as_it_has_calls_to_spare(world) {
        // The shortest interval of these tests is an hour, and no list is read more often.
        assert_eq!(minutes_between_reads(&mut world, 1_000_000, 4).await, 60);
    }

    async fn library_with_few_calls_has_its_lists_read_less_often(world) {
        // 4 % of 200 calls are 8: the only list is read eight times in 24 hours.
        assert_eq!(minutes_between_reads(&mut world, 200, 4).await, 180);
    }

    async fn library_that_spares_no_calls_has_its_lists_read_at_the_ordinary_interval(world) {
        assert_eq!(minutes_between_reads(&mut world, 1_000_000, 0).await, 36 * 60);
    }

    async fn detection_time_that_is_set_counts_more_than_the_calls_to_spare(world) {
        world.change_more(BORROWER, "lost_message_detection_minutes", json!(120)).await;
        assert_eq!(minutes_between_reads(&mut world, 1_000_000, 4).await, 120);
    }

    async fn change_that_no_message_covers_is_no_missed_message(world) {
        with_webhook(&world, BORROWER).await;
        world.place().await;
        world.dispatch().await;
        // The hub's own scan has started the hold's work order. Alma sends no message about it, so only a poll shows
        // it.
        let (holds, before) = (world.calls(BORROWER, HOLDS), world.calls(BORROWER, ITEM));
        pass(&world, 25).await;
        assert!(world.calls(BORROWER, HOLDS) + world.calls(BORROWER, ITEM) > holds + before, "it was polled");
        let metrics = world.engine.metrics().await.unwrap();
        assert!(!metrics.lines().any(|line| line.starts_with("consort_webhook_messages_missed_total")), "{metrics}");
    }

    async fn lists_of_a_library_that_missed_a_message_are_read_as_if_it_had_no_webhook(world) {
        with_webhook(&world, BORROWER).await;
        with_saved_searches(&world).await;
        world.place().await;
        world.dispatch().await;
        pass(&world, 0).await;
        world.at(BORROWER).scan_in(&world.virtual_barcode().await, "MAIN", DESK).unwrap();
        // Such lists are read at noon, so this is before that.
        by_lists(&world, 1, Status::PickupTransit).await;
        by_lists(&world, 36, Status::ReadyForPickup).await;
        let next = world.engine.store().next_poll(world.id).await.unwrap().unwrap();
        assert!(next.duration_since(world.now()).as_hours() < 12, "the webhook is still trusted: {next}");

        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", DESK).unwrap();
        by_lists(&world, SOON, Status::Loaned).await;
    }

    async fn records_that_are_deleted_on_one_day_are_read_in_one_call(world) {
        let mut ids = Vec::new();
        for number in [1, 2, 4] {
            let mut placing = world.placing();
            placing.copies = vec![copy(LENDER, &presets::barcode(LENDER, 'M', number))];
            world.place_as(placing).await;
            world.dispatch().await;
            world.receive().await;
            world.lend().await;
            world.end_batch_poll().await;
            ids.push(world.id);
        }
        // A record that was created within the hour is deleted without a read.
        pass(&world, 2).await;
        let before = world.calls(BORROWER, RECORDS);
        for id in ids {
            world.id = id;
            assert_eq!(world.bring_home().await.status, Status::Finalised);
        }
        assert_eq!(world.calls(BORROWER, RECORDS), before + 1);
        world.assert_clean();
    }
}
