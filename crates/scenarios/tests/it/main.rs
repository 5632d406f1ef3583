//! Every scenario, played from beginning to end with a hub and three simulated Almas on loopback ports.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use scenarios::{Host, StageEvent};

/// Plays a scenario. If it fails, prints every step that led there.
async fn play(name: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scenario = scenarios::find(name).unwrap();
    let steps = Arc::new(Mutex::new(String::new()));
    let notes = Arc::clone(&steps);
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(dir.path(), Arc::new(move |event| note(&notes, event))).await.unwrap();
    if let Err(failure) = (scenario.play)(&mut host.stage).await {
        panic!("{}\n{}\n{failure}", scenario.title, steps.lock().unwrap());
    }
}

fn note(notes: &Mutex<String>, event: &StageEvent) {
    let mut notes = notes.lock().unwrap();
    match event {
        StageEvent::Act { who, what } => writeln!(notes, "  {who} {what}").unwrap(),
        StageEvent::Passed { status, reason } => {
            writeln!(notes, "      -> {status}: {}", reason.as_deref().unwrap_or("-")).unwrap();
        }
    }
}

/// One test per scenario, named after the behaviour that it checks.
macro_rules! cases {
    ($($test:ident: $name:literal,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            play($name).await;
        })+

        const TESTED: &[&str] = &[$($name),+];
    };
}

#[test]
fn every_scenario_has_a_test() {
    let all: Vec<&str> = scenarios::all().iter().map(|scenario| scenario.name).collect();
    assert_eq!(all, TESTED);
}

cases! {
    request_goes_past_every_desk_and_leaves_nothing: "completed",
    title_of_any_script_reaches_the_borrower_unchanged: "awkward-titles",
    foreign_item_with_the_barcode_is_left_alone: "barcode-taken",
    patron_cancels_before_dispatch_and_the_item_stays: "patron-cancels-before-dispatch",
    patron_cancels_after_dispatch_and_the_item_goes_home: "patron-cancels-after-dispatch",
    patron_cancels_on_the_hold_shelf_and_the_item_goes_home: "patron-cancels-on-hold-shelf",
    cancellation_in_the_borrowers_alma_is_noticed: "staff-cancel-at-borrower",
    patron_cancels_while_the_borrowers_system_is_out: "patron-cancels-in-the-middle",
    cancellation_by_staff_at_the_hub_takes_everything_away: "staff-cancel-at-hub",
    item_sent_before_the_patron_cancels_is_followed_home: "sent-before-cancelling",
    item_sent_while_the_lenders_system_is_out_is_followed_home: "sent-while-cancelling",
    item_sent_before_staff_end_the_request_is_followed_home: "sent-before-ending",
    item_whose_patrons_hold_was_refused_goes_home_when_cancelled: "cancelled-with-refused-hold",
    item_that_is_not_collected_goes_home: "hold-shelf-expired",
    next_lender_supplies_when_the_hold_expires: "expired",
    next_lender_supplies_when_staff_turn_the_hold_down: "rejected",
    next_lender_supplies_when_the_item_is_missing: "failed",
    damaged_item_goes_home_without_a_loan: "damaged",
    item_under_way_arrives_though_the_lenders_hold_ended: "lender-cancels-after-dispatch",
    virtual_item_marked_missing_leaves_nothing_behind: "virtual-item-marked-missing",
    silent_lender_is_passed_over: "lender-silent",
    item_missing_on_its_way_is_searched_and_comes: "missing-in-transit",
    renewal_is_asked_of_the_lender_first: "renewal",
    refused_renewal_puts_the_date_back: "renewal-refused",
    due_date_of_the_lender_counts_every_time: "due-date-overwritten",
    item_that_others_wait_for_is_recalled: "recall",
    renewal_that_is_not_denied_is_a_case_for_staff: "renewal-not-denied",
    later_date_of_the_lender_is_the_patrons_too: "lender-extends",
    overdue_item_is_followed_to_its_shelf: "overdue",
    lost_item_may_be_found: "lost",
    lost_item_that_is_paid_for_ends_the_request: "lost-and-paid",
    claimed_return_ends_when_the_item_is_found: "claimed-returned",
    item_brought_straight_to_the_lender_ends_both_loans: "returned-at-the-lender",
    item_returned_at_another_library_goes_home: "returned-elsewhere",
    loan_first_seen_as_lost_is_made_at_both_sides: "lent-and-lost",
    loan_first_seen_as_claimed_returned_is_followed: "lent-and-claimed-returned",
    book_lent_to_another_waits_for_its_patron_afterwards: "lent-to-another",
    loan_of_another_is_left_alone_by_an_end_by_hand: "lent-to-another-and-ended",
    item_linked_to_another_record_is_followed: "item-linked-to-another-record",
    virtual_records_that_staff_deleted_are_gone: "virtual-record-deleted-by-staff",
    virtual_record_that_staff_took_over_is_left_to_them: "virtual-record-taken-over-by-staff",
    next_lender_supplies_at_once_where_the_held_copy_is_missing: "held-copy-missing",
    next_lender_supplies_where_the_held_copy_was_lent: "held-copy-lent-to-another",
    item_missing_from_the_hold_shelf_is_found: "missing-from-the-hold-shelf",
    patron_is_called_in_when_the_item_is_at_the_branch: "sent-on-to-a-branch",
    item_lost_at_the_lender_and_returned_goes_home: "lost-at-the-lender-and-returned",
    item_of_an_ended_request_is_found_by_its_barcode: "book-of-an-ended-request",
    next_lender_supplies_where_the_first_took_the_item_back: "taken-back-by-the-lender",
    present_pickup_location_changes_nothing: "same-pickup-location",
    cancelled_item_is_sent_home_from_the_hold_shelf: "cancelled-on-the-shelf",
    item_at_a_wrong_branch_does_not_wait_for_the_patron: "scanned-at-a-wrong-branch",
    own_copy_is_handed_off_without_virtual_records: "local",
    two_agencies_of_one_alma_need_no_virtual_records: "shared-alma",
    own_book_is_lent_at_a_third_library: "own-item-elsewhere",
    item_is_collected_at_a_third_library: "pickup-anywhere",
    patrons_at_a_third_library_are_known_by_codes: "pickup-codes",
    virtual_item_is_made_when_the_lender_sends_the_book: "virtual-item-at-dispatch",
    patron_at_the_lenders_desk_gets_the_item_at_once: "expedited",
    staff_have_the_next_lender_asked: "next-supplier",
    pickup_location_is_changed_in_the_borrowers_alma: "pickup-location-changed",
    book_on_the_hold_shelf_goes_to_the_branch: "pickup-location-on-shelf",
    deleted_virtual_item_is_recreated: "virtual-item-deleted",
    missing_book_is_reported_found_and_not_found_after_all: "found-and-undone",
    request_ended_by_hand_leaves_nothing: "ended-by-hand",
    what_staff_are_offered_is_allowed: "offered-actions-are-allowed",
    next_lender_supplies_and_the_patron_keeps_the_hold: "lender-cancels-next-supplies",
    request_without_a_lender_left_ends: "no-lender-left",
    next_lender_supplies_where_the_hold_is_refused: "lender-refuses-hold",
    next_copy_is_taken_where_the_first_is_missing: "copy-not-on-shelf",
    nothing_is_made_where_no_copy_is_on_its_shelf: "no-copy-on-shelf",
    mistyped_copy_is_refused_when_it_is_placed: "copy-unknown",
    lender_is_kept_until_another_copy_is_known_to_do: "copy-checked-before-lender-is-dropped",
    last_lender_is_kept: "last-lender-kept",
    volume_that_was_asked_for_is_seen_at_both_libraries: "volume",
    ambiguous_volume_is_asked_for_nowhere: "volume-ambiguous",
    farther_lender_supplies_where_the_nearer_one_refuses: "title-nearer-lender-refuses",
    lender_that_has_lent_less_supplies: "title-balance-decides",
    lender_at_its_limit_is_skipped: "title-lender-at-its-limit",
    library_that_has_the_volume_supplies_it: "title-volume-at-one-library",
    request_waits_for_a_copy_on_loan_if_nothing_is_available: "title-queued",
    preview_and_request_name_the_same_lender: "title-preview-agrees",
    blocked_patron_is_refused: "patron-blocked",
    expired_patron_is_refused: "patron-expired",
    inactive_patron_is_refused: "patron-inactive",
    unknown_patron_is_refused: "patron-unknown",
    patron_at_the_loan_limit_is_refused: "patron-at-loan-limit",
    patron_with_an_overdue_item_is_refused: "patron-with-overdue-item",
    loan_without_the_patron_role_waits_for_staff: "patron-role-missing",
    unblocked_patron_may_place_another_request: "patron-unblocked",
    second_patron_gets_another_copy: "copy-is-waited-for",
    second_click_is_refused: "asked-for-twice",
    loan_before_any_poll_implies_the_receipt: "lent-at-once",
    loan_without_receipt_implies_it: "lent-without-receipt",
    hold_shelf_implies_the_dispatch: "sent-without-scan",
    loan_implies_dispatch_and_receipt: "sent-and-lent-without-scan",
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
    call_refused_for_the_second_is_retried: "limit-per-second",
    request_waits_for_the_next_day_without_calling: "limit-per-day",
    request_waits_for_a_new_key: "key-revoked",
    poll_is_retried_once_the_key_is_back: "key-revoked-while-waiting",
    new_key_is_used_at_once: "new-key",
    nothing_is_taken_for_absent_when_a_gateway_answers_404: "gateway-not-found",
    hold_that_a_gateway_hides_is_a_case_for_staff_and_is_cancelled: "gateway-not-found-at-cancellation",
    item_sent_to_remote_storage_is_not_dispatched: "item-to-remote-storage",
    what_cannot_be_read_is_unknown_or_waited_for: "unreadable-answers",
}
