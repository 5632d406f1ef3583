//! Patrons whose record allows a loan and whose account doesn't: limits that Alma works out at the desk and stores in no
//! record.

use alma_sim::{Mark, User, presets};
use jiff::SignedDuration;
use lending::{AccountLimits, PatronLimits, Request, Rules, Status};
use serde_json::json;

use crate::world::{BORROWER, DESK, LENDER, PATRON, World, both};

const READ_PATRON: &str = "GET /users/{user_id}";
const READ_LOANS: &str = "GET /users/{user_id}/loans";

/// Sets limits for the patron's type.
async fn limit(world: &World, limits: AccountLimits) {
    let patron_limits = PatronLimits([("undergraduate".to_owned(), limits)].into());
    world.set_rules(BORROWER, "BORROW", Rules { patron_limits, ..Rules::default() }).await;
}

fn own(number: usize) -> String {
    presets::barcode(BORROWER, 'M', number)
}

/// Lends a book of the patron's own library to the patron.
fn lend_own(world: &World, number: usize) {
    world.at(BORROWER).lend(&own(number), PATRON, "MAIN", DESK).unwrap();
}

/// Lends a book of the patron's own library, and lets its due date pass.
fn lend_until_overdue(world: &World, number: usize) {
    lend_own(world, number);
    world.at(BORROWER).set_due(&own(number), world.now() + SignedDuration::from_hours(1)).unwrap();
    world.clock.by_hours(2);
}

/// Returns the code of the refusal and of each further one, in their order.
fn codes(request: &Request) -> Vec<String> {
    let refusal = request.refusal.as_ref().unwrap();
    assert_eq!(request.status, Status::Finalised);
    assert!(refusal.explanation.ends_with('.'), "{}", refusal.explanation);
    [refusal].into_iter().chain(&refusal.other_refusals).map(|refusal| refusal.code.clone()).collect()
}

fn calls_for_patron(world: &World) -> (u64, u64) {
    (world.calls(BORROWER, READ_PATRON), world.calls(BORROWER, READ_LOANS))
}

both! {
    async fn patron_at_the_loan_limit_is_refused_before_the_lender_is_asked(world) {
        limit(&world, AccountLimits { max_loans: Some(2), ..AccountLimits::default() }).await;
        world.at(BORROWER).set_behaviour(|behaviour| behaviour.max_loans = Some(2));
        lend_own(&world, 1);
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency);
        world.engine.cancel(world.id, lending::CancelledBy::Patron, None, "test").await.unwrap();
        world.until_ended().await;
        world.sim.reset_calls(LENDER).unwrap();

        lend_own(&world, 2);
        let refused = world.at(BORROWER).lend(&own(3), PATRON, "MAIN", DESK).unwrap_err();
        assert_eq!(refused.code, "401161", "the desk would refuse the book that has travelled");
        assert_eq!(codes(&world.place().await), ["PATRON_LOAN_LIMIT"]);
        assert!(world.sim.calls(LENDER).unwrap().is_empty(), "no lender is asked");
    }

    async fn patron_with_an_overdue_item_is_refused(world) {
        lend_until_overdue(&world, 1);
        assert_eq!(codes(&world.place().await), ["PATRON_OVERDUE"]);
        assert_eq!(calls_for_patron(&world), (1, 1));
    }

    async fn overdue_items_that_the_library_tolerates_are_no_reason_and_cost_no_call(world) {
        limit(&world, AccountLimits { max_overdue: Some(1), ..AccountLimits::default() }).await;
        lend_until_overdue(&world, 1);
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(calls_for_patron(&world), (1, 0));
    }

    async fn item_claimed_returned_is_not_overdue(world) {
        lend_until_overdue(&world, 1);
        world.at(BORROWER).mark(&own(1), Mark::ClaimedReturned).unwrap();
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency);
    }

    async fn loans_are_read_only_for_patrons_who_have_some(world) {
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(calls_for_patron(&world), (1, 0));
        lend_own(&world, 1);
        let mut placing = world.placing();
        placing.copies = vec![crate::world::copy(LENDER, &presets::barcode(LENDER, 'M', 3))];
        assert_eq!(world.place_as(placing).await.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(calls_for_patron(&world), (2, 1));
    }

    async fn patron_with_as_many_requests_as_the_library_allows_is_refused(world) {
        limit(&world, AccountLimits { max_library_requests: Some(1), ..AccountLimits::default() }).await;
        world.at(BORROWER).place_hold(PATRON, &own(1), "MAIN").unwrap();
        assert_eq!(codes(&world.place().await), ["PATRON_REQUEST_LIMIT"]);
    }

    async fn fees_decide_where_alma_reports_them_and_are_unknown_where_it_refuses(world) {
        lend_own(&world, 1);
        world.at(BORROWER).mark(&own(1), Mark::Lost).unwrap();
        limit(&world, AccountLimits { max_fees: Some(49), ..AccountLimits::default() }).await;
        assert_eq!(codes(&world.place().await), ["PATRON_FEES"]);
        assert_eq!(calls_for_patron(&world), (1, 0));
        limit(&world, AccountLimits { max_fees: Some(50), ..AccountLimits::default() }).await;
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency);
        world.engine.cancel(world.id, lending::CancelledBy::Patron, None, "test").await.unwrap();
        world.until_ended().await;

        world.at(BORROWER).set_behaviour(|behaviour| behaviour.fees_fail = true);
        limit(&world, AccountLimits { max_fees: Some(49), ..AccountLimits::default() }).await;
        world.sim.reset_calls(BORROWER).unwrap();
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(calls_for_patron(&world), (2, 1), "the record is read without fees");
    }

    async fn limits_of_one_patron_type_are_not_those_of_another(world) {
        let none = AccountLimits { max_loans: Some(0), ..AccountLimits::default() };
        let patron_limits = PatronLimits([("*".to_owned(), none), ("staff".to_owned(), AccountLimits::default())].into());
        world.set_rules(BORROWER, "BORROW", Rules { patron_limits, ..Rules::default() }).await;
        assert_eq!(codes(&world.place().await), ["PATRON_LOAN_LIMIT"]);
        let mut placing = world.placing();
        placing.patron = "staff.member".into();
        assert_eq!(world.place_as(placing).await.status, Status::RequestPlacedAtBorrowingAgency);
    }

    async fn reasons_of_record_and_account_are_reported_together(world) {
        let limits = AccountLimits { max_loans: Some(1), max_library_requests: Some(0), ..AccountLimits::default() };
        limit(&world, limits).await;
        lend_own(&world, 1);
        world.at(BORROWER).block(PATRON, "02-GLOBAL").unwrap();
        let request = world.place().await;
        assert_eq!(codes(&request), ["PATRON_BLOCKED", "PATRON_LOAN_LIMIT", "PATRON_REQUEST_LIMIT"]);
    }

    async fn contact_cannot_borrow(world) {
        let contact = User::new("ivan.contact").expires("2039-12-31").record_type("CONTACT");
        world.at(BORROWER).add_user(&contact).unwrap();
        let mut placing = world.placing();
        placing.patron = "ivan.contact".into();
        assert_eq!(codes(&world.place_as(placing).await), ["PATRON_IS_CONTACT"]);
        assert!(world.sim.calls(LENDER).unwrap().is_empty(), "no lender is asked");
    }

    async fn count_that_alma_leaves_out_is_no_reason_and_costs_no_call(world) {
        limit(&world, AccountLimits { max_loans: Some(1), ..AccountLimits::default() }).await;
        lend_until_overdue(&world, 1);
        let fault = alma_sim::FaultKind::EditAnswer { at: "/loans".to_owned(), value: json!(null) };
        world.sim.arm(BORROWER, alma_sim::Fault::once(READ_PATRON, fault)).unwrap();
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency);
        assert_eq!(calls_for_patron(&world), (1, 0));
    }
}
