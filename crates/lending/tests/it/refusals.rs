//! Refusals: of the patron, of a copy, of a hold, and of steps that only staff can fix.

use lending::{
    Attention, Command, Effect, EffectResult, Event, HoldState, ItemState, Observed, Outcome, PatronRefusal, Refusal,
    Side, Status, example,
};

use crate::walk::{Walk, item_and_hold, willing};

fn refusal() -> Refusal {
    Refusal::new("401129", "No items can fulfil the request.")
}

#[test]
fn each_cause_of_ineligibility_has_its_own_code_and_sentence() {
    let causes = [
        PatronRefusal::Unknown,
        PatronRefusal::Inactive,
        PatronRefusal::Deleted,
        PatronRefusal::Expired { on: Some("2025-01-31".to_owned()) },
        PatronRefusal::Blocked { blocks: vec!["Unpaid bill".to_owned()] },
        PatronRefusal::Contact,
        PatronRefusal::OtherAgency { agency: "BRANCH".into() },
        PatronRefusal::UnmappedCampus { campus: Some("NORTH".to_owned()) },
        PatronRefusal::LoanLimit { loans: 9, most: 9 },
        PatronRefusal::RequestLimit { requests: 5, most: 5 },
        PatronRefusal::Overdue { items: 1, most: 0 },
        PatronRefusal::Fees { most: 20 },
        PatronRefusal::UnmappedType { group: Some("ALUM".to_owned()) },
    ];
    let mut codes = std::collections::BTreeSet::new();
    for cause in causes {
        let mut walk = Walk::new();
        let decision = walk.apply(EffectResult::PatronRefused(cause.clone()));
        assert_eq!(walk.path, [Status::SubmittedToDcb, Status::Cancelled, Status::Finalised]);
        assert!(decision.note.unwrap().ends_with('.'));
        assert_eq!(walk.request.refusal.as_ref().unwrap().code, cause.code());
        assert!(codes.insert(cause.code()), "{} stands for two causes", cause.code());
    }
}

#[test]
fn refused_hold_goes_to_the_next_copy() {
    let mut walk = Walk::new();
    walk.request.candidates.push(example::candidate("32000"));
    walk.run_until(Effect::PlaceHold(Side::Lender));
    walk.apply(EffectResult::EffectRefused { effect: Effect::PlaceHold(Side::Lender), refusal: refusal() });
    assert_eq!(walk.status(), Status::NotSuppliedCurrentSupplier);
    assert_eq!(walk.request.in_flight, Some(Effect::ChooseSupplier));
    walk.apply(EffectResult::SupplierChosen(Box::new(example::copy("32000"))));
    walk.run();
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}

#[test]
fn request_without_another_copy_ends_unsupplied() {
    let mut walk = Walk::new();
    walk.run_until(Effect::PlaceHold(Side::Lender));
    walk.apply(EffectResult::EffectRefused { effect: Effect::PlaceHold(Side::Lender), refusal: refusal() });
    let tail = [Status::NotSuppliedCurrentSupplier, Status::NoItemsSelectableAtAnyAgency, Status::Finalised];
    assert!(walk.path.ends_with(&tail), "{:?}", walk.path);
    assert_eq!(walk.request.outcome, Some(Outcome::NotSupplied));
}

#[test]
fn copy_that_cannot_be_lent_is_passed_over() {
    let mut walk = Walk::new();
    walk.request.candidates.push(example::candidate("32000"));
    walk.run_until(Effect::ChooseSupplier);
    walk.apply(EffectResult::CandidateUnfit(refusal()));
    assert_eq!(walk.status(), Status::PatronVerified);
    assert_eq!(walk.request.in_flight, Some(Effect::ChooseSupplier));
    walk.apply(EffectResult::CandidateUnfit(refusal()));
    assert_eq!(walk.status(), Status::Finalised);
}

#[test]
fn lender_that_cancels_before_dispatch_is_replaced_and_the_virtual_item_kept() {
    let mut walk = Walk::new();
    walk.request.candidates.push(example::candidate("31998"));
    walk.request.candidates.push(example::candidate_elsewhere("32000"));
    walk.run();
    let gone = item_and_hold(ItemState::InPlace, HoldState::Gone);
    walk.apply(Observed::Seen {
        side: Side::Lender,
        observation: gone.clone(),
        source: lending::ObservationSource::Poll,
    });
    walk.apply(Observed::Seen { side: Side::Lender, observation: gone, source: lending::ObservationSource::Poll });
    assert_eq!(walk.status(), Status::NotSuppliedCurrentSupplier);
    assert_eq!(walk.request.candidates, [example::candidate_elsewhere("32000")], "that lender is not asked again");
    walk.apply(EffectResult::SupplierChosen(Box::new(example::copy("32000"))));
    assert_eq!(walk.request.earlier_suppliers.len(), 1);
    walk.run_until(Effect::UpdateVirtualItem(Side::Borrower));
    assert_eq!(walk.effects.iter().filter(|effect| **effect == Effect::CreateVirtualBib(Side::Borrower)).count(), 1);
    walk.run();
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}

#[test]
fn step_refused_at_the_borrower_waits_visibly_for_staff_and_resumes() {
    let mut walk = Walk::new();
    walk.run_until(Effect::CreateVirtualItem(Side::Borrower));
    walk.apply(EffectResult::EffectRefused { effect: Effect::CreateVirtualItem(Side::Borrower), refusal: refusal() });
    let Attention::NeedsStaff { code, actions, .. } = &walk.request.attention else { panic!("nobody is asked") };
    assert_eq!(code, "CREATE_VIRTUAL_ITEM_AT_BORROWER_REFUSED");
    assert!(actions.contains(&lending::Action::Resume) && actions.contains(&lending::Action::Cancel));
    assert_eq!(walk.request.in_flight, None);
    walk.apply(Command::Resume);
    assert_eq!(walk.request.in_flight, Some(Effect::CreateVirtualItem(Side::Borrower)));
    walk.apply(willing(Effect::CreateVirtualItem(Side::Borrower)));
    walk.run();
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}

#[test]
fn delay_keeps_the_status_and_shows_the_next_attempt() {
    let mut walk = Walk::new();
    walk.run_until(Effect::PlaceHold(Side::Lender));
    let next_try = example::noon();
    walk.apply(EffectResult::EffectDelayed {
        effect: Effect::PlaceHold(Side::Lender),
        on: lending::WaitingOn::LenderSystem,
        reason: "the lender's system does not answer".to_owned(),
        next_try,
        needs_staff: false,
    });
    assert_eq!(walk.status(), Status::Resolved);
    assert_eq!(walk.request.in_flight, Some(Effect::PlaceHold(Side::Lender)));
    assert!(matches!(walk.request.attention, Attention::Waiting { next_try: Some(at), .. } if at == next_try));
    walk.run();
    assert!(!matches!(walk.request.attention, Attention::Waiting { next_try: Some(_), .. }));
}

#[test]
fn effect_that_nothing_but_unexplained_answers_came_to_is_a_case_for_staff_until_it_is_done() {
    let mut walk = Walk::new();
    let effect = Effect::PlaceHold(Side::Lender);
    walk.run_until(effect);
    let delayed = |needs_staff| {
        Event::EffectResult(EffectResult::EffectDelayed {
            effect,
            on: lending::WaitingOn::LenderSystem,
            reason: "HTTP status 404 without Alma's error code".to_owned(),
            next_try: example::noon(),
            needs_staff,
        })
    };
    let asked = |walk: &Walk| {
        matches!(&walk.request.attention, Attention::NeedsStaff { code, actions, .. }
        if code == "PLACE_HOLD_AT_LENDER_UNEXPLAINED" && actions.contains(&lending::Action::Cancel))
    };
    walk.apply(delayed(false));
    assert!(!asked(&walk));
    walk.apply(delayed(true));
    assert!(asked(&walk), "{:?}", walk.request.attention);
    assert_eq!(walk.request.in_flight, Some(effect), "it is retried all the same");
    assert_eq!(walk.status(), Status::Resolved, "and the lender isn't passed over");
    walk.apply(Observed::Seen {
        side: Side::Lender,
        observation: lending::Observation::default(),
        source: lending::ObservationSource::Poll,
    });
    assert!(asked(&walk), "a poll of something else doesn't end it");
    walk.run();
    assert!(!matches!(walk.request.attention, Attention::NeedsStaff { .. }));
    assert_eq!(walk.status(), Status::RequestPlacedAtBorrowingAgency);
}
