//! Renewals that can't be denied, renewals of the patron, and later due dates of the lender.

use alma_sim::{Fault, FaultKind, Staff};
use jiff::{SignedDuration, Timestamp};
use lending::{Attention, Command, Condition, LenderExtension, Request, Rules, Status};
use serde_json::json;

use crate::workflows::{allows_visiting_pickup, bring_to};
use crate::world::{BORROWER, LENDER, PICKUP, World, both};

const CHANGE_ITEM: &str = "PUT /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";
const RENEW: &str = "POST /users/{user_id}/loans/{loan_id}";
const CHANGE_DUE_DATE: &str = "PUT /users/{user_id}/loans/{loan_id}";

fn code(request: &Request) -> Option<&str> {
    match &request.attention {
        Attention::NeedsStaff { code, .. } => Some(code),
        Attention::None | Attention::Waiting { .. } => None,
    }
}

fn due(staff: &Staff, barcode: &str) -> Timestamp {
    staff.loans().into_iter().find(|loan| loan.barcode == barcode).unwrap().due.parse().unwrap()
}

fn due_of_lender(request: &Request) -> Timestamp {
    request.supply.as_ref().unwrap().loan.open().unwrap().due.unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// Lets a reader of the lender wait for the item until the hub knows.
async fn wanted_back(world: &World) -> Request {
    world.at(LENDER).place_hold("sam.student", &world.barcode, "MAIN").unwrap();
    world.until_it("the recall", |request| request.conditions.contains(&Condition::Recalled)).await
}

async fn extend(world: &World) -> Timestamp {
    let later = due(&world.at(LENDER), &world.barcode) + days(14);
    world.at(LENDER).set_due(&world.barcode, later).unwrap();
    later
}

async fn is_noticed(world: &World, later: Timestamp) {
    world.until_it("the later date", |request| due_of_lender(request) == later).await;
    world.settled().await;
}

both! {
    async fn renewal_that_no_policy_denies_is_a_case_for_staff_at_once(world) {
        world.change_more(BORROWER, "virtual_item_policy_no_renewal", json!(null)).await;
        world.bring_to(Status::Loaned).await;
        let request = wanted_back(&world).await;
        assert_eq!(code(&request), Some("DENY_RENEWAL_AT_BORROWER_REFUSED"));
        assert!(!request.borrower.due_dates.renewal_blocked);
        let Attention::NeedsStaff { explanation, actions, .. } = request.attention else { unreachable!() };
        assert!(explanation.contains("can still renew") && explanation.contains("virtual_item_policy_no_renewal"), "{explanation}");
        assert!(actions.contains(&lending::Action::Resume));

        world.change_more(BORROWER, "virtual_item_policy_no_renewal", json!("DCB_NR")).await;
        let request = world.ask(Command::Resume).await;
        assert_eq!((code(&request), request.borrower.due_dates.renewal_blocked), (None, true));
        assert_eq!(world.at(BORROWER).item(&world.virtual_barcode().await).unwrap().policy, "DCB_NR");
    }

    async fn refused_denial_ends_as_a_case_when_nobody_waits_for_the_item_any_more(world) {
        world.bring_to(Status::Loaned).await;
        let refuse = FaultKind::Refuse { code: "401652".to_owned(), message: "General error.".to_owned() };
        world.sim.arm(BORROWER, Fault::once(CHANGE_ITEM, refuse)).unwrap();
        let request = wanted_back(&world).await;
        assert_eq!(code(&request), Some("DENY_RENEWAL_AT_BORROWER_REFUSED"));
        let hold = world.at(LENDER).requests().into_iter().find(|hold| hold.user == "sam.student").unwrap();
        world.at(LENDER).cancel(&hold.id, "CannotBeFulfilled").unwrap();
        let request = world.until_it("the end of the recall", |request| {
            !request.conditions.contains(&Condition::Recalled)
        }).await;
        assert_eq!(code(&request), None);
    }

    async fn renewal_of_the_patron_shows_on_the_request(world) {
        world.at(LENDER).set_behaviour(|behaviour| behaviour.rules.default_loan_days = 90);
        world.bring_to(Status::Loaned).await;
        let barcode = world.virtual_barcode().await;
        world.at(BORROWER).set_due(&barcode, due(&world.at(BORROWER), &barcode) + days(3)).unwrap();
        let request = world.until_it("the renewal", |request| request.conditions.contains(&Condition::Renewed)).await;
        assert!(!request.conditions.contains(&Condition::RenewalRefused));
        let rows = world.engine.store().timeline(world.id).await.unwrap();
        let noted = |note: &str| note.starts_with("The patron has renewed the loan until 2026-");
        assert!(rows.iter().filter_map(|row| row.entry.note.as_deref()).any(noted));
    }

    async fn later_due_date_of_the_lender_is_passed_on_to_the_patron(world) {
        world.bring_to(Status::Loaned).await;
        let later = extend(&world).await;
        is_noticed(&world, later).await;
        let request = world.request().await;
        assert_eq!(due(&world.at(BORROWER), &world.virtual_barcode().await), later);
        assert_eq!((world.calls(BORROWER, CHANGE_DUE_DATE), world.calls(LENDER, RENEW)), (1, 0));
        assert!(!request.conditions.contains(&Condition::Renewed), "the patron has done nothing");
        let second = extend(&world).await;
        is_noticed(&world, second).await;
        assert_eq!(due(&world.at(BORROWER), &world.virtual_barcode().await), second);
        world.end_batch_poll().await;
        world.bring_home().await;
        world.assert_clean();
    }

    async fn later_due_date_of_the_lender_waits_for_staff_where_the_agency_wants_that(world) {
        let rules = Rules { lender_extension: LenderExtension::AskStaff, ..Rules::default() };
        world.set_rules(BORROWER, "BORROW", rules).await;
        world.bring_to(Status::Loaned).await;
        let barcode = world.virtual_barcode().await;
        let before = due(&world.at(BORROWER), &barcode);
        let later = extend(&world).await;
        is_noticed(&world, later).await;
        assert_eq!(code(&world.request().await), Some("LENDER_EXTENDED"));
        assert_eq!(due(&world.at(BORROWER), &barcode), before);
        let request = world.ask(Command::Resume).await;
        assert_eq!((code(&request), due(&world.at(BORROWER), &barcode)), (None, later));
        // A further extension is a decision of its own.
        let second = extend(&world).await;
        is_noticed(&world, second).await;
        assert_eq!(code(&world.request().await), Some("LENDER_EXTENDED"));
        let request = world.end_batch_poll().await;
        assert_eq!(code(&request), None, "the item is back");
    }

    async fn later_due_date_reaches_both_loans_of_a_patron_who_collected_elsewhere(world) {
        allows_visiting_pickup(&world).await;
        bring_to(&mut world, Status::Loaned).await;
        world.settled().await;
        let later = extend(&world).await;
        is_noticed(&world, later).await;
        let request = world.request().await;
        assert_eq!(due(&world.at(PICKUP), request.at_pickup().barcode.as_ref().unwrap().as_str()), later);
        assert_eq!(due(&world.at(BORROWER), request.borrower.barcode.as_ref().unwrap().as_str()), later);
    }

    async fn longer_loan_at_the_lender_from_the_beginning_is_no_extension(world) {
        world.at(LENDER).set_behaviour(|behaviour| behaviour.rules.default_loan_days = 90);
        world.bring_to(Status::Loaned).await;
        let barcode = world.virtual_barcode().await;
        let before = due(&world.at(BORROWER), &barcode);
        for _ in 0..3 {
            world.engine.poll_now(world.id).await.unwrap();
            world.settle().await;
        }
        assert!(before < due(&world.at(LENDER), &world.barcode));
        assert_eq!(due(&world.at(BORROWER), &barcode), before);
    }

    async fn renewal_that_the_lender_agrees_to_is_no_extension(world) {
        world.bring_to(Status::Loaned).await;
        let barcode = world.virtual_barcode().await;
        world.clock.advance(days(5));
        world.sim.advance(days(5));
        let renewed = due(&world.at(LENDER), &world.barcode) + days(2);
        world.at(BORROWER).set_due(&barcode, renewed).unwrap();
        world.until_it("a renewal", |request| request.borrower.due_dates.renewal_requested_for.is_some()).await;
        for _ in 0..3 {
            world.engine.poll_now(world.id).await.unwrap();
            world.settle().await;
        }
        assert_eq!(world.calls(LENDER, RENEW), 1);
        assert_eq!(world.request().await.supply.unwrap().extended_to, None);
        assert!(due(&world.at(BORROWER), &barcode) <= renewed);
    }
}
