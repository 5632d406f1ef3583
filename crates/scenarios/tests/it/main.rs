//! Every scenario, played on both databases; and the stage's own tools.
//!
//! - `host`: three simulated Almas and a hub in this process, on loopback ports.
//! - `cells`: any live status, any end of a hold there, played out.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that can't go on has failed")]

mod cells;
mod host;

use host::Host;

/// One test per scenario and database, named by what it shows.
macro_rules! plays {
    ($($test:ident: $name:literal,)+) => {
        $(mod $test {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::Host::on_sqlite().await.play(&super::scenario($name)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(mut host) = super::Host::on_postgres().await {
                    host.play(&super::scenario($name)).await;
                }
            }
        })+

        const TESTED: &[&str] = &[$($name),+];
    };
}

fn scenario(name: &str) -> scenarios::Scenario {
    scenarios::find(name).unwrap()
}

#[test]
fn every_scenario_has_a_test() {
    let all: Vec<&str> = scenarios::all().iter().map(|scenario| scenario.name).collect();
    assert_eq!(all, TESTED);
}

plays! {
    request_goes_past_every_desk_and_leaves_nothing: "completed",
    title_of_any_script_reaches_the_borrower_unchanged: "awkward-titles",
    foreign_item_with_the_barcode_is_left_alone: "barcode-taken",
    patron_cancels_before_dispatch_and_the_item_stays: "patron-cancels-before-dispatch",
    patron_cancels_after_dispatch_and_the_item_goes_home: "patron-cancels-after-dispatch",
    patron_cancels_on_the_hold_shelf_and_the_item_goes_home: "patron-cancels-on-hold-shelf",
    cancellation_in_the_borrowers_alma_is_noticed: "staff-cancel-at-borrower",
    patron_cancels_while_the_borrowers_system_is_out: "patron-cancels-in-the-middle",
    cancellation_by_staff_at_the_hub_takes_everything_away: "staff-cancel-at-hub",
    next_lender_supplies_and_the_patron_keeps_the_hold: "lender-cancels-next-supplies",
    request_without_a_lender_left_ends: "no-lender-left",
    next_lender_supplies_where_the_hold_is_refused: "lender-refuses-hold",
    next_copy_is_taken_where_the_first_is_missing: "copy-not-on-shelf",
    nothing_is_made_where_no_copy_is_on_its_shelf: "no-copy-on-shelf",
    blocked_patron_is_refused: "patron-blocked",
    expired_patron_is_refused: "patron-expired",
    inactive_patron_is_refused: "patron-inactive",
    unknown_patron_is_refused: "patron-unknown",
    unblocked_patron_may_ask_again: "patron-unblocked",
    second_patron_gets_the_book_after_the_first: "two-patrons-in-a-queue",
    second_click_is_refused: "asked-for-twice",
    loan_before_any_look_implies_the_receipt: "lent-at-once",
    loan_without_receipt_implies_it: "lent-without-receipt",
    hold_shelf_implies_the_dispatch: "sent-without-scan",
    loan_implies_dispatch_and_receipt: "sent-and-lent-without-scan",
    return_scan_may_come_after_the_item_is_home: "home-before-return-scan",
    virtual_patron_is_adopted_when_the_reply_was_lost: "lost-reply-virtual-patron",
    lenders_hold_is_adopted_when_the_reply_was_lost: "lost-reply-lender-hold",
    loan_is_adopted_when_the_reply_was_lost: "lost-reply-loan",
    virtual_record_is_adopted_when_the_reply_was_lost: "lost-reply-virtual-record",
    virtual_holding_is_adopted_when_the_reply_was_lost: "lost-reply-virtual-holding",
    virtual_item_is_adopted_when_the_reply_was_lost: "lost-reply-virtual-item",
    patrons_hold_is_adopted_when_the_reply_was_lost: "lost-reply-patron-hold",
    scan_is_not_repeated_when_the_reply_was_lost: "lost-reply-scan",
    deleted_item_counts_as_deleted_when_the_reply_was_lost: "lost-reply-delete-item",
    deleted_record_counts_as_deleted_when_the_reply_was_lost: "lost-reply-delete-record",
    cancelled_hold_of_the_lender_counts_when_the_reply_was_lost: "lost-reply-cancel-at-lender",
    cancelled_hold_of_the_patron_counts_when_the_reply_was_lost: "lost-reply-cancel-at-borrower",
    changed_item_is_found_changed_when_the_reply_was_lost: "lost-reply-change-of-item",
    nothing_is_doubled_when_every_reply_is_lost: "lost-reply-to-every-write",
    nothing_is_missing_when_every_write_is_lost: "every-write-lost-on-the-way",
    nothing_is_missing_when_every_connection_is_reset: "every-write-reset",
    nothing_is_doubled_when_every_answer_breaks_off: "every-answer-broken-off",
    nothing_is_doubled_when_every_write_is_answered_badly: "every-write-done-and-answered-badly",
    request_waits_for_a_lender_that_is_out_of_order: "lender-out-of-order",
    request_waits_for_a_lender_that_is_unreachable: "lender-unreachable",
    loan_is_made_up_for_when_the_lender_is_back: "lender-out-at-loan",
    transit_is_made_up_for_when_the_borrower_is_back: "borrower-out-at-dispatch",
    slow_scan_is_not_taken_for_a_failure: "slow-scan",
    call_refused_for_the_second_is_made_again: "limit-per-second",
    request_waits_for_the_next_day_without_calling: "limit-per-day",
    request_waits_for_a_new_key: "key-revoked",
    look_is_made_again_once_the_key_is_back: "key-revoked-while-waiting",
}
