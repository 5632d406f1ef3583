//! What an event tells, kept as facts. Facts grow and don't go back, so that evidence may come
//! late, twice or in another order.

use crate::attention::{Action, Attention};
use crate::effect::{Effect, Side};
use crate::event::{CancelledBy, Event, HoldState, ItemState, LoanState, Observation};
use crate::refusal::Refusal;
use crate::request::{Cancellation, Hold, Loan, Part, Progress, Request, Supply};
use crate::steps::{MISSED_HOLD_COUNTS, note_cancellation_at_borrower};

/// Takes the event's facts into the request; answers what staff should read about it.
pub(crate) fn facts(request: &mut Request, event: &Event) -> Option<String> {
    match event {
        Event::Placed | Event::EffectDelayed { .. } => None,
        Event::PatronVerified(verified) => {
            done(request, Effect::VerifyPatron);
            request.patron.verified = Some(verified.clone());
            None
        }
        Event::PatronRefused(cause) => {
            done(request, Effect::VerifyPatron);
            let refusal = cause.refusal();
            let note = refusal.explanation.clone();
            request.refusal = Some(refusal);
            Some(note)
        }
        Event::SupplierChosen(copy) => {
            done(request, Effect::ChooseSupplier);
            let candidate = take_candidate(request)?;
            request.title = Some(copy.title.clone());
            request.refusal = None;
            request.supply = Some(Supply::new(candidate, (**copy).clone()));
            None
        }
        Event::CandidateUnfit(refusal) => {
            done(request, Effect::ChooseSupplier);
            take_candidate(request);
            request.refusal = Some(refusal.clone());
            Some(refusal.explanation.clone())
        }
        Event::VirtualPatronReady { id } => {
            done(request, Effect::EnsureVirtualPatron);
            if let Some(supply) = &mut request.supply {
                supply.virtual_patron = Some(id.clone());
            }
            None
        }
        Event::HoldPlaced { side, hold } => hold_placed(request, *side, hold),
        Event::VirtualBibCreated { bib } => {
            done(request, Effect::CreateVirtualBib);
            request.borrowing.bib = Part::Open(bib.clone());
            None
        }
        Event::VirtualHoldingCreated { holding } => {
            done(request, Effect::CreateVirtualHolding);
            request.borrowing.holding = Part::Open(holding.clone());
            None
        }
        Event::VirtualItemReady { item, barcode } => {
            done(request, Effect::CreateVirtualItem);
            done(request, Effect::UpdateVirtualItem);
            request.borrowing.item = Part::Open(item.clone());
            request.borrowing.barcode = Some(barcode.clone());
            request.borrowing.stands_for = request.supply.as_ref().map(|supply| supply.copy.barcode.clone());
            None
        }
        Event::SentIntoTransit { skipped } => {
            done(request, Effect::SendIntoTransit);
            request.borrowing.in_transit = true;
            skipped.clone()
        }
        Event::LentToVirtualPatron { loan } => {
            done(request, Effect::LendToVirtualPatron);
            if let Some(supply) = &mut request.supply {
                supply.loan = Part::Open(loan.clone());
                supply.item = ItemState::OnLoan;
                supply.dispatched = true;
                // Lending to the holder fulfils the hold.
                supply.hold.end();
            }
            None
        }
        Event::HoldCancelled { side } => hold_cancelled(request, *side),
        Event::VirtualItemDeleted => {
            done(request, Effect::DeleteVirtualItem);
            request.borrowing.item.end();
            request.borrowing.holding.end();
            None
        }
        Event::VirtualBibDeleted => {
            done(request, Effect::DeleteVirtualBib);
            request.borrowing.bib.end();
            None
        }
        Event::EffectDropped { effect } => {
            done(request, *effect);
            None
        }
        Event::EffectRefused { effect, refusal } => effect_refused(request, *effect, refusal),
        Event::Observed { side: Side::Lender, seen } => {
            observed_at_lender(request, seen);
            None
        }
        Event::Observed { side: Side::Borrower, seen } => {
            observed_at_borrower(request, seen);
            None
        }
        Event::CancelAsked { by, reason } => cancel_asked(request, *by, reason.as_deref()),
        Event::ResumeAsked => {
            if matches!(request.attention, Attention::NeedsStaff { .. }) {
                request.attention = Attention::None;
            }
            None
        }
    }
}

/// The effect is over; another that may have been begun since is not.
fn done(request: &mut Request, effect: Effect) {
    if request.in_flight == Some(effect) {
        request.in_flight = None;
    }
}

fn take_candidate(request: &mut Request) -> Option<crate::InstitutionCode> {
    (!request.candidates.is_empty()).then(|| request.candidates.remove(0).institution)
}

fn hold_placed(request: &mut Request, side: Side, hold: &Hold) -> Option<String> {
    match side {
        Side::Lender => {
            done(request, Effect::PlaceHoldAtLender);
            if let Some(supply) = &mut request.supply {
                supply.hold = Part::Open(hold.clone());
                supply.hold_missed = 0;
            }
        }
        Side::Borrower => {
            done(request, Effect::PlaceHoldAtBorrower);
            request.borrowing.hold = Part::Open(hold.clone());
            request.borrowing.hold_missed = 0;
        }
    }
    None
}

fn hold_cancelled(request: &mut Request, side: Side) -> Option<String> {
    match side {
        Side::Lender => {
            done(request, Effect::CancelHoldAtLender);
            if let Some(supply) = &mut request.supply {
                supply.hold.end();
            }
        }
        Side::Borrower => {
            done(request, Effect::CancelHoldAtBorrower);
            request.borrowing.hold.end();
        }
    }
    None
}

/// A refusal at the lender sends the request on to the next; elsewhere a person must look.
fn effect_refused(request: &mut Request, effect: Effect, refusal: &Refusal) -> Option<String> {
    done(request, effect);
    let note = format!("{} ({})", refusal.explanation, refusal.code);
    if request.status.is_ending() && !effect.is_clean_up() {
        // It isn't wanted any more, so nobody need care that it was refused.
        return Some(note);
    }
    match effect {
        Effect::EnsureVirtualPatron | Effect::PlaceHoldAtLender => {
            if let Some(supply) = &mut request.supply {
                supply.refusal = Some(refusal.clone());
            }
            request.refusal = Some(refusal.clone());
        }
        _ => {
            request.attention = Attention::NeedsStaff {
                code: format!("{}_REFUSED", effect.name().to_uppercase()),
                explanation: note.clone(),
                actions: vec![Action::Resume, Action::Cancel],
            };
        }
    }
    Some(note)
}

fn observed_at_lender(request: &mut Request, seen: &Observation) {
    let Some(supply) = &mut request.supply else { return };
    if let Some(item) = &seen.item {
        supply.item = item.clone();
        // In transit while our hold hasn't started: it travels for somebody else.
        let ours = matches!(seen.hold, None | Some(HoldState::InProcess));
        if supply.hold != Part::NotMade && *item == ItemState::InTransit && ours {
            supply.dispatched = true;
        }
    }
    match seen.loan.as_ref() {
        Some(LoanState::Active { id, due }) => {
            supply.loan = Part::Open(Loan { id: id.clone(), due: *due });
            supply.dispatched = true;
            supply.hold.end();
        }
        Some(LoanState::None) if supply.item != ItemState::OnLoan => supply.loan.end(),
        _ => {}
    }
    note_hold(&mut supply.hold, &mut supply.hold_missed, seen.hold);
}

fn observed_at_borrower(request: &mut Request, seen: &Observation) {
    let here = &mut request.borrowing;
    match seen.loan.as_ref() {
        Some(LoanState::Active { id, due }) => here.loan = Part::Open(Loan { id: id.clone(), due: *due }),
        Some(LoanState::None) if seen.item != Some(ItemState::OnLoan) => here.loan.end(),
        _ => {}
    }
    if let Some(item) = &seen.item {
        here.seen = Some(item.clone());
        here.progress = here.progress.max(progress(here.progress, item));
        if matches!(item, ItemState::InTransit | ItemState::OnHoldShelf | ItemState::OnLoan) {
            here.in_transit = true;
        }
    }
    if here.progress >= Progress::OnLoan {
        // The loan fulfilled the hold; that it is gone says nothing more.
        here.hold.end();
        return;
    }
    note_hold(&mut here.hold, &mut here.hold_missed, seen.hold);
    if here.hold.is_ended() {
        note_cancellation_at_borrower(request);
    }
}

/// How far an item in this state has come, given how far it was before.
fn progress(before: Progress, item: &ItemState) -> Progress {
    match item {
        ItemState::OnHoldShelf => Progress::OnHoldShelf,
        ItemState::OnLoan => Progress::OnLoan,
        ItemState::InPlace | ItemState::Requested | ItemState::InTransit if before >= Progress::OnLoan => {
            Progress::Returned
        }
        _ => before,
    }
}

fn note_hold(hold: &mut Part<Hold>, missed: &mut u8, seen: Option<HoldState>) {
    match (seen, &mut *hold) {
        (Some(HoldState::Gone), Part::Open(_)) => {
            *missed = missed.saturating_add(1);
            if *missed >= MISSED_HOLD_COUNTS {
                hold.end();
            }
        }
        (Some(state), Part::Open(open)) => {
            open.state = state;
            *missed = 0;
        }
        _ => {}
    }
}

/// A patron's own cancellation wins as long as the item isn't lent.
fn cancel_asked(request: &mut Request, by: CancelledBy, reason: Option<&str>) -> Option<String> {
    if let Err(why) = request.may_cancel() {
        return Some(why.to_owned());
    }
    request.cancellation = Some(Cancellation { by, reason: reason.map(str::to_owned) });
    if matches!(request.attention, Attention::NeedsStaff { .. }) {
        request.attention = Attention::None;
    }
    None
}
