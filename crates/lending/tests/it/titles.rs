//! Requests for a title: the hub finds the copies, tries them in turn, and looks again when the list is used up.

use lending::{
    Closure, Command, CopyRef, Deadline, Effect, EffectResult, HoldState, ItemState, LoanState, Observation, Observed,
    Outcome, Refusal, Request, Side, Status, check_limits, deadlines, decide, example,
};

use crate::walk::{Walk, hold_closed, item, item_and_hold};

/// A request for a title, just placed.
fn placed() -> Walk {
    let request = example::placed_for_a_title();
    let mut walk = Walk { path: vec![request.status], request, effects: vec![] };
    walk.apply(Command::Place);
    walk
}

fn found(copies: Vec<CopyRef>) -> EffectResult {
    EffectResult::CopiesFound { copies, summary: "These can be lent.".to_owned() }
}

fn refuse_the_hold(walk: &mut Walk) {
    walk.run_until(Effect::PlaceHold(Side::Lender));
    let refusal = Refusal::new("401129", "No.");
    walk.apply(EffectResult::EffectRefused { effect: Effect::PlaceHold(Side::Lender), refusal });
}

#[test]
fn copies_of_the_title_are_tried_in_their_order() {
    let mut walk = placed();
    walk.run_until(Effect::FindCopies);
    assert_eq!(walk.status(), Status::PatronVerified);
    walk.apply(found(vec![example::candidate("31999"), example::candidate_elsewhere("32000")]));
    assert_eq!(walk.request.in_flight, Some(Effect::ChooseSupplier));
    refuse_the_hold(&mut walk);
    assert_eq!(walk.request.in_flight, Some(Effect::ChooseSupplier), "the second copy goes before a new search");
    walk.run();
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}

#[test]
fn hub_searches_for_further_copies_when_the_list_is_used_up_and_knows_what_it_has_tried() {
    let mut walk = placed();
    walk.run_until(Effect::FindCopies);
    walk.apply(found(vec![example::candidate("31999")]));
    refuse_the_hold(&mut walk);
    assert_eq!((walk.status(), walk.request.in_flight), (Status::NotSuppliedCurrentSupplier, Some(Effect::FindCopies)));
    let wanted = walk.request.wanted.as_ref().unwrap();
    assert_eq!((wanted.rankings, wanted.tried.len()), (1, 1));
    assert_eq!(wanted.tried[0].item, Some("231".into()));
    walk.apply(found(vec![example::candidate_elsewhere("32000")]));
    walk.run();
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}

#[test]
fn request_ends_unsupplied_when_no_library_can_lend_the_title() {
    let mut walk = placed();
    walk.run_until(Effect::FindCopies);
    walk.apply(found(Vec::new()));
    assert_eq!((walk.status(), walk.request.outcome), (Status::Finalised, Some(Outcome::NotSupplied)));
    assert_eq!(walk.request.refusal.as_ref().unwrap().code, Refusal::NO_COPY_OF_TITLE);
}

#[test]
fn hub_stops_searching_after_many_rankings() {
    let mut walk = placed();
    let mut searches = 0;
    while walk.status() != Status::Finalised {
        walk.run_until(Effect::FindCopies);
        searches += 1;
        walk.apply(found(vec![example::candidate("31999")]));
        walk.run_until(Effect::ChooseSupplier);
        walk.apply(EffectResult::CandidateUnfit(Refusal::new("X", "No.")));
        assert!(searches < 100, "it never ends");
    }
    assert_eq!(searches, 12);
}

#[test]
fn cancelled_request_searches_for_no_copies() {
    let mut walk = placed();
    walk.run_until(Effect::FindCopies);
    walk.apply(Command::Cancel { by: lending::CancelledBy::Patron, reason: None });
    walk.apply(found(vec![example::candidate("31999")]));
    assert_eq!(walk.status(), Status::Finalised);
    assert!(!walk.effects.contains(&Effect::ChooseSupplier));
}

#[test]
fn lender_that_had_the_hold_is_left_out_of_the_next_search() {
    let mut walk = placed();
    walk.run();
    walk.apply(hold_closed(Side::Lender, Closure::Canceled));
    assert_eq!(walk.request.in_flight, Some(Effect::FindCopies));
    let lenders: Vec<&str> = walk.request.lenders_that_did_not_supply().map(|lender| lender.as_str()).collect();
    assert_eq!(lenders, ["01LEND"]);
    let mut refused = placed();
    refuse_the_hold(&mut refused);
    assert_eq!(refused.request.lenders_that_did_not_supply().count(), 0, "it only refused this copy");
}

/// A request whose hold is on a copy that is on loan to somebody else.
fn queued() -> Walk {
    let mut walk = placed();
    walk.run_until(Effect::FindCopies);
    walk.apply(found(vec![CopyRef { queued: true, ..example::candidate("31999") }]));
    walk.run();
    walk
}

#[test]
fn hold_on_a_lent_copy_waits_for_its_return_without_a_deadline_for_the_lender() {
    let mut walk = queued();
    let another =
        Observation { loan: Some(LoanState::Another), ..item_and_hold(ItemState::OnLoan, HoldState::NotStarted) };
    walk.see(Side::Lender, another);
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
    assert!(walk.request.is_in_queue());
    assert_eq!(walk.request.copy_problem(), None, "the hub chose it so");
    assert_eq!(deadlines(&walk.request), []);
    assert!(matches!(walk.request.attention, lending::Attention::Waiting { .. }), "{:?}", walk.request.attention);
    walk.see(Side::Lender, item_and_hold(ItemState::InPlace, HoldState::NotStarted));
    assert_eq!(deadlines(&walk.request), [Deadline::LenderAnswers], "its days begin with the return");
    walk.see(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess));
    assert_eq!(walk.status(), Status::PickupTransit);
}

#[test]
fn queued_copy_that_is_lost_is_given_up_like_any_other() {
    let mut walk = queued();
    walk.see(Side::Lender, item(ItemState::Lost));
    assert!(deadlines(&walk.request).contains(&Deadline::CopyReappears));
    walk.apply(Observed::DeadlinePassed { deadline: Deadline::CopyReappears });
    walk.run_until(Effect::FindCopies);
}

#[test]
fn second_request_for_the_same_title_and_volume_is_a_duplicate() {
    let first = decide(&example::placed_for_a_title(), &Command::Place.into(), example::noon()).next;
    let mut second = example::placed_for_a_title();
    second.id = lending::RequestId(uuid::Uuid::from_u128(2));
    assert!(check_limits(&second, [&first], None).is_err());
    let mut volume: Request = second.clone();
    volume.wanted.as_mut().unwrap().volume = Some("v.2".to_owned());
    assert!(check_limits(&volume, [&first], None).is_ok(), "another volume is another wish");
    let other = second.wanted.as_mut().unwrap();
    (other.title, other.named) = ("t2".to_owned(), lending::TitleRef::Title("t2".to_owned()));
    assert!(check_limits(&second, [&first], None).is_ok());
}
