//! Every event in every status, with and without conditions: what it leads to is declared, in the snapshot beside this
//! file. A change of the workflow shows there, row by row.

use std::fmt::Write as _;

use lending::{
    Action, Attention, CancelledBy, Closure, Command, Deadline, Effect, EffectResult, Event, HoldState, ItemState,
    LoanState, Observation, Observed, PatronRefusal, PickupLocation, Refusal, Request, Settlement, Side, StaffCase,
    StaffCaseCause, Status, WaitingOn, decide, example,
};

use crate::others::lent_to_another;
use crate::walk::{
    Walk, after_days, hold_closed, item, item_and_hold, on_loan, on_loan_at_lender, on_loan_until, returned, willing,
};

/// A request in each status, and in some with a condition.
fn requests() -> Vec<(String, Request)> {
    let mut found: Vec<(String, Request)> = Vec::new();
    let mut special: Vec<(String, Request)> = Vec::new();
    let mut keep = |walk: &Walk| {
        let conditions: Vec<&str> = walk.request.conditions.iter().map(|condition| condition.name()).collect();
        let name = if conditions.is_empty() {
            walk.status().name().to_owned()
        } else {
            format!("{} + {}", walk.status(), conditions.join(", "))
        };
        let elsewhere = walk.request.pickup_side.is_some();
        let name = if elsewhere { format!("{name} at a third library") } else { name };
        if !found.iter().any(|(known, _)| *known == name) {
            found.push((name, Request { undo: None, ..walk.request.clone() }));
        }
    };
    let two_lenders = || {
        let mut walk = Walk::new();
        walk.request.candidates.push(example::candidate_elsewhere("32000"));
        walk
    };
    let title = decide(&example::placed_for_a_title(), &Command::Place.into(), example::noon()).next;
    let verified = decide(&title, &willing(Effect::VerifyPatron).into(), example::noon()).next;
    special.push(("PATRON_VERIFIED, for a title".to_owned(), verified));
    let mut walk = two_lenders();
    while let Some(effect) = walk.request.in_flight {
        keep(&walk);
        walk.apply(willing(effect));
    }
    keep(&walk);
    let mut pickup = two_lenders();
    pickup.request.pickup.institution = "01PICKUP".into();
    keep(pickup.run());
    let mut refused = two_lenders();
    refused.run().apply(hold_closed(Side::Lender, Closure::Canceled));
    keep(&refused);
    let mut none_left = Walk::new();
    none_left.run().apply(hold_closed(Side::Lender, Closure::Canceled));
    keep(&none_left);
    let mut cancelled = two_lenders();
    cancelled.run().apply(Command::Cancel { by: CancelledBy::Patron, reason: None });
    keep(&cancelled);
    let mut local = Walk::new();
    local.request.candidates[0].institution = "01BORROW".into();
    keep(local.run());
    for seen in [
        (Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess)),
        (Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf)),
        (Side::Borrower, on_loan()),
    ] {
        walk.see(seen.0, seen.1);
        keep(&walk);
        if walk.status() == Status::ReadyForPickup {
            let mut lent = copy_of(&walk);
            lent.apply(Observed::Seen {
                side: Side::Borrower,
                observation: lent_to_another(),
                source: lending::ObservationSource::Poll,
            });
            special.push(("READY_FOR_PICKUP, lent to another".to_owned(), lent.request));
        }
        if walk.status() == Status::PickupTransit {
            let mut missing = copy_of(&walk);
            missing.apply(Observed::DeadlinePassed { deadline: Deadline::ItemArrives });
            keep(&missing);
            let mut out_of_sequence = copy_of(&walk);
            out_of_sequence.apply(hold_closed(Side::Lender, Closure::Canceled));
            keep(&out_of_sequence);
        }
    }
    for seen in [
        (Side::Borrower, on_loan_until(after_days(-1))),
        (Side::Borrower, item(ItemState::Lost)),
        (Side::Borrower, item(ItemState::ClaimedReturned)),
        (Side::Lender, Observation { wanted_back: Some(true), ..on_loan_at_lender(after_days(28)) }),
        (Side::Borrower, on_loan_until(after_days(60))),
    ] {
        let mut out = copy_of(&walk);
        out.apply(Observed::Seen { side: seen.0, observation: seen.1, source: lending::ObservationSource::Poll });
        if let Some(effect @ Effect::Renew(_)) = out.request.in_flight {
            out.apply(EffectResult::EffectRefused { effect, refusal: Refusal::new("401822", "No.") });
        }
        keep(out.run());
    }
    walk.see(Side::Borrower, returned(ItemState::InTransit));
    keep(&walk);
    let mut missing = copy_of(&walk);
    missing.apply(Observed::DeadlinePassed { deadline: Deadline::ItemReturns });
    keep(&missing);
    at_three_libraries(&mut keep);
    walk.apply(Observed::Seen {
        side: Side::Lender,
        observation: returned(ItemState::InPlace),
        source: lending::ObservationSource::Poll,
    });
    keep(&walk);
    walk.run();
    keep(&walk);
    passed_through(&mut found);
    found.extend(special);
    found
}

/// A request that is collected at a third library, in each status of its own.
fn at_three_libraries(keep: &mut impl FnMut(&Walk)) {
    let mut walk = Walk::new();
    walk.request.pickup.institution = "01PICKUP".into();
    walk.run();
    for (side, seen) in [
        (Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess)),
        (Side::Pickup, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf)),
        (Side::Pickup, on_loan()),
        (Side::Pickup, returned(ItemState::InTransit)),
    ] {
        walk.see(side, seen);
        keep(&walk);
    }
}

/// Statuses that a request passes within one decision; stored ones could stand there all the same.
fn passed_through(found: &mut Vec<(String, Request)>) {
    for (status, like) in
        [(Status::RequestPlacedAtSupplyingAgency, Status::Confirmed), (Status::ReceivedAtPickup, Status::PickupTransit)]
    {
        let (_, request) = found.iter().find(|(name, _)| name == like.name()).unwrap();
        let request = Request { status, in_flight: None, ..request.clone() };
        found.push((status.name().to_owned(), request));
    }
}

fn copy_of(walk: &Walk) -> Walk {
    Walk { request: walk.request.clone(), path: walk.path.clone(), effects: walk.effects.clone() }
}

fn events() -> Vec<(String, Event)> {
    let seen = |side, seen| {
        Event::Observed(Observed::Seen { side, observation: seen, source: lending::ObservationSource::Poll })
    };
    let reported = |side, seen| {
        Event::Observed(Observed::Seen { side, observation: seen, source: lending::ObservationSource::Notification })
    };
    let mut events: Vec<(String, Event)> = [
        ("patron may borrow", Event::EffectResult(EffectResult::PatronVerified(example::verified()))),
        ("patron may not", Event::EffectResult(EffectResult::PatronRefused(PatronRefusal::Inactive))),
        ("copy chosen", Event::EffectResult(EffectResult::SupplierChosen(Box::new(example::copy("31999"))))),
        ("lender: in place, hold waits", seen(Side::Lender, item_and_hold(ItemState::InPlace, HoldState::NotStarted))),
        ("lender: in transit", seen(Side::Lender, item_and_hold(ItemState::InTransit, HoldState::InProcess))),
        ("lender: hold gone, once", seen(Side::Lender, item_and_hold(ItemState::InPlace, HoldState::Gone))),
        ("lender: item gone", seen(Side::Lender, item(ItemState::Absent))),
        ("lender: lent to us", seen(Side::Lender, on_loan_at_lender(after_days(28)))),
        ("lender: home, loan closed", seen(Side::Lender, returned(ItemState::InPlace))),
        ("borrower: in transit", seen(Side::Borrower, item_and_hold(ItemState::InTransit, HoldState::InProcess))),
        ("borrower: on the shelf", seen(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf))),
        ("borrower: on loan", seen(Side::Borrower, on_loan())),
        ("borrower: renewed", seen(Side::Borrower, on_loan_until(after_days(60)))),
        ("borrower: returned", seen(Side::Borrower, returned(ItemState::InTransit))),
        ("borrower: item gone", seen(Side::Borrower, item(ItemState::Absent))),
        ("borrower: lost", seen(Side::Borrower, item(ItemState::Lost))),
        ("borrower: lent and lost", seen(Side::Borrower, Observation { item: Some(ItemState::Lost), ..on_loan() })),
        ("borrower: lent to another", seen(Side::Borrower, lent_to_another())),
        ("lender: lent to another", seen(Side::Lender, Observation { hold: None, ..lent_to_another() })),
        ("pickup: lent to another", seen(Side::Pickup, lent_to_another())),
        ("pickup: on the shelf", seen(Side::Pickup, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf))),
        ("pickup: on loan", seen(Side::Pickup, on_loan())),
        ("pickup: returned", seen(Side::Pickup, returned(ItemState::InTransit))),
        ("pickup: item gone", seen(Side::Pickup, item(ItemState::Absent))),
        ("reported by the lender: loan closed", reported(Side::Lender, loan_closed())),
        (
            "reported by the borrower: on the shelf",
            reported(Side::Borrower, item_and_hold(ItemState::OnHoldShelf, HoldState::OnHoldShelf)),
        ),
        ("reported by the borrower: on loan", reported(Side::Borrower, on_loan())),
        ("reported by the borrower: loan closed", reported(Side::Borrower, loan_closed())),
        ("reported by the borrower: cancelled", reported(Side::Borrower, cancelled())),
        (
            "done too late: cancel_hold_at_lender",
            Event::EffectResult(EffectResult::HoldCancelledAfterDispatch { observation: item(ItemState::InTransit) }),
        ),
        ("copy unfit", Event::EffectResult(EffectResult::CandidateUnfit(Refusal::new("X", "No.")))),
        (
            "asked: choose supplier",
            Event::Command(Command::NextSupplier { reason: None, copy: Some(example::candidate("33000")) }),
        ),
        ("asked: collect at the branch", Event::Command(Command::ChangePickup { pickup: branch() })),
        ("asked: cancel", Event::Command(Command::Cancel { by: CancelledBy::Patron, reason: None })),
        ("asked: next supplier", Event::Command(Command::NextSupplier { reason: None, copy: None })),
        ("asked: resume", Event::Command(Command::Resume)),
        ("asked: found", Event::Command(Command::ItemFound)),
        ("asked: damage", Event::Command(Command::ReportDamage { description: "torn".to_owned() })),
        ("asked: settle loss", Event::Command(Command::SettleLoss { how: Settlement::Paid })),
        ("asked: end", Event::Command(Command::End { reason: None })),
        ("asked: undo", Event::Command(Command::Undo)),
    ]
    .map(|(name, event)| (name.to_owned(), event))
    .into();
    for side in Side::ALL {
        let (reason, since) = ("No answer.".to_owned(), example::noon());
        events.push((
            format!("poll failed at {}", side.name()),
            Event::Observed(Observed::PollFailed { side, reason, since }),
        ));
    }
    for deadline in Deadline::ALL {
        events.push((format!("deadline: {}", deadline.name()), Observed::DeadlinePassed { deadline }.into()));
    }
    for effect in Effect::ALL {
        events.push((format!("done: {}", effect.name()), willing(effect).into()));
        let refusal = Refusal::new("X", "No.");
        events.push((
            format!("refused: {}", effect.name()),
            Event::EffectResult(EffectResult::EffectRefused { effect, refusal }),
        ));
        events.push((format!("dropped: {}", effect.name()), EffectResult::EffectDropped { effect }.into()));
        let (on, reason) = (WaitingOn::LenderSystem, "No answer.".to_owned());
        let delayed = Event::EffectResult(EffectResult::EffectDelayed {
            effect,
            on,
            reason,
            next_try: after_days(1),
            needs_staff: false,
        });
        events.push((format!("delayed: {}", effect.name()), delayed));
    }
    events
}

fn loan_closed() -> Observation {
    Observation { loan: Some(LoanState::None), ..Observation::default() }
}

fn cancelled() -> Observation {
    Observation { hold: Some(HoldState::Gone), closure: Some(Closure::Canceled), ..Observation::default() }
}

fn branch() -> PickupLocation {
    let walk = Walk::new();
    PickupLocation { code: "BORROW-BRANCH".into(), library: "BRANCH".into(), ..walk.request.pickup }
}

fn led_to(request: &Request, event: &Event) -> String {
    let decision = decide(request, event, example::noon());
    if decision.is_unchanged(request) {
        return "nothing".to_owned();
    }
    let mut text = String::new();
    if decision.transitions.is_empty() {
        text.push_str("stays");
    }
    for step in &decision.transitions {
        let _ = write!(text, "{}{}", if text.is_empty() { "" } else { " > " }, step.to);
    }
    if let Some(effect) = decision.effect {
        let _ = write!(text, "; {}", effect.name());
    }
    if decision.next.conditions != request.conditions {
        let names: Vec<&str> = decision.next.conditions.iter().map(|condition| condition.name()).collect();
        let _ = write!(text, "; conditions: {}", names.join(", "));
    }
    if let Attention::NeedsStaff { code, .. } = &decision.next.attention {
        let _ = write!(text, "; staff: {code}");
    }
    text
}

#[test]
fn every_event_in_every_status_and_condition_has_a_declared_decision() {
    let requests = requests();
    for status in Status::ALL {
        assert!(requests.iter().any(|(name, _)| name.starts_with(status.name())), "no request in {status}");
    }
    let mut table = String::new();
    for (name, request) in &requests {
        let _ = writeln!(table, "## {name}");
        for (what, event) in events() {
            let _ = writeln!(table, "{what}: {}", led_to(request, &event));
        }
    }
    insta::assert_snapshot!("decisions", table);
}

/// What is under way, or was refused, where nothing else is wanted then: each effect in each status, as a stored request
/// could have it.
fn with_any_effect(request: &Request) -> Vec<(String, Request)> {
    let mut found = vec![("at rest".to_owned(), Request { in_flight: None, ..request.clone() })];
    for effect in Effect::ALL {
        let under_way = Request { in_flight: Some(effect), ..request.clone() };
        found.push((format!("with {} under way", effect.name()), under_way));
        let cause = StaffCaseCause::EffectRefused(effect);
        let staff_case = StaffCase { cause, explanation: "No.".to_owned() };
        let refused = Request { in_flight: None, staff_case: Some(staff_case), ..request.clone() };
        found.push((format!("with {} refused", effect.name()), refused));
    }
    found
}

/// Takes away, or follows what is out with a reader.
fn makes_nothing(effect: Effect, status: Status) -> bool {
    effect.is_clean_up() || status == Status::Loaned
}

#[test]
fn what_was_accepted_takes_effect_whatever_is_under_way_or_refused() {
    let acts = [
        Command::Cancel { by: CancelledBy::Staff, reason: None },
        Command::End { reason: None },
        Command::NextSupplier { reason: None, copy: None },
        Command::NextSupplier { reason: None, copy: Some(example::candidate("33000")) },
    ];
    for (name, request) in requests() {
        for (how, request) in with_any_effect(&request) {
            for act in &acts {
                let Some(action) = act.action() else { continue };
                if request.may(action).is_err() {
                    continue;
                }
                let case = format!("{} in {name} {how}", act.name());
                let next = decide(&request, &act.clone().into(), example::noon()).next;
                let under_way = next.in_flight.filter(|effect| request.in_flight != Some(*effect));
                let wanted = Effect::ALL.into_iter().find(|effect| next.is_next_effect(*effect));
                match action {
                    Action::Cancel | Action::End => {
                        let over = next.status.is_ending() || next.status.is_final();
                        assert!(over || next.status == Status::ReturnTransit, "{case}: it stands at {}", next.status);
                        for effect in under_way.into_iter().chain(wanted) {
                            assert!(makes_nothing(effect, next.status), "{case}: {} follows", effect.name());
                        }
                    }
                    _ => {
                        let left = next.supply.as_ref().is_none_or(|supply| supply.refusal.is_some());
                        assert!(left, "{case}: the lender is kept");
                        let asks = [Effect::CancelHold(Side::Lender), Effect::ChooseSupplier];
                        let is_given_up = wanted.is_none_or(|effect| asks.contains(&effect) || effect.is_clean_up());
                        assert!(is_given_up, "{case}: {wanted:?} follows");
                    }
                }
            }
        }
    }
}
