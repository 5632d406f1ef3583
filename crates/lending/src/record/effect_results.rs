//! Records the results of effects.

use jiff::Timestamp;

use super::{observations, reject_supplier};
use crate::attention::{StaffCase, StaffCaseCause};
use crate::copy::{Copy, CopyRef};
use crate::effect::{Effect, Side};
use crate::effect_result::EffectResult;
use crate::ids::{Barcode, ItemId, PatronId, PickupLocationCode};
use crate::observation::{ItemState, Observation};
use crate::refusal::{PatronRefusal, Refusal};
use crate::request::{AgencyEvidence, Request, ShownPatron, VerifiedPatron};
use crate::sides::{Hold, Loan, Progress, Supply, Tracked, VirtualSide};
use crate::status::Workflow;

/// Records the result's facts in the request. Returns a note for staff.
pub(super) fn record_effect_result(request: &mut Request, result: &EffectResult, now: Timestamp) -> Option<String> {
    match result {
        EffectResult::EffectDelayed { .. } => None,
        EffectResult::EffectDropped { effect } => {
            record_effect_done(request, *effect);
            None
        }
        EffectResult::EffectRefused { effect, refusal } => effect_refused(request, *effect, refusal),
        EffectResult::PatronVerified(verified) => {
            record_effect_done(request, Effect::VerifyPatron);
            request.patron.verified = Some(needed_data(request, verified));
            agency_note(verified.agency)
        }
        EffectResult::PatronRefused(cause) => patron_refused(request, cause),
        EffectResult::CopiesFound { copies, summary } => copies_found(request, copies, summary),
        EffectResult::SupplierChosen(copy) => supplier_chosen(request, copy),
        EffectResult::CandidateUnfit(refusal) => {
            record_effect_done(request, Effect::ChooseSupplier);
            candidate_unfit(request, refusal.clone())
        }
        EffectResult::VirtualPatronReady { side, id } => {
            virtual_patron_ready(request, *side, id);
            None
        }
        EffectResult::HoldPlaced { side, hold, pickup } => {
            hold_placed(request, *side, hold, pickup.as_ref());
            None
        }
        EffectResult::VirtualBibCreated { side, bib } => {
            record_effect_done(request, Effect::CreateVirtualBib(*side));
            at(request, *side, |here| here.bib = Tracked::Open(bib.clone()));
            None
        }
        EffectResult::VirtualHoldingCreated { side, holding } => {
            record_effect_done(request, Effect::CreateVirtualHolding(*side));
            at(request, *side, |here| here.holding = Tracked::Open(holding.clone()));
            None
        }
        EffectResult::VirtualItemReady { side, item, barcode } => {
            virtual_item_ready(request, *side, item, barcode);
            None
        }
        EffectResult::PickupChanged { side, hold, pickup } => {
            pickup_changed(request, *side, hold, pickup.as_ref());
            None
        }
        EffectResult::SentIntoTransit { side, skipped } => {
            record_effect_done(request, Effect::SendIntoTransit(*side));
            at(request, *side, |here| here.in_transit = true);
            skipped.clone()
        }
        EffectResult::Lent { side, loan } => {
            lent(request, *side, loan);
            None
        }
        EffectResult::Renewed { side: _, loan } => {
            renewed(request, loan);
            None
        }
        EffectResult::DueDateLimited { side, loan } => {
            due_date_limited(request, *side, loan);
            None
        }
        EffectResult::DueDateRaised { side, loan, until } => {
            due_date_raised(request, *side, loan, *until);
            None
        }
        EffectResult::RenewalDenied { side } => {
            record_effect_done(request, Effect::DenyRenewal(*side));
            at(request, *side, |here| here.due_dates.renewal_blocked = true);
            None
        }
        EffectResult::HoldCancelled { side } => {
            hold_cancelled(request, *side);
            None
        }
        EffectResult::HoldCancelledAfterDispatch { observation } => {
            hold_cancelled_after_dispatch(request, observation, now)
        }
        EffectResult::CheckedIn { side } => {
            record_effect_done(request, Effect::CheckIn(*side));
            at(request, *side, |here| here.loan.close());
            None
        }
        EffectResult::VirtualItemDeleted { side, with_record } => {
            virtual_item_deleted(request, *side, *with_record);
            None
        }
        EffectResult::VirtualBibDeleted { side } => {
            record_effect_done(request, Effect::DeleteVirtualBib(*side));
            at(request, *side, |here| here.bib.close());
            None
        }
    }
}

fn at(request: &mut Request, side: Side, keep: impl FnOnce(&mut VirtualSide)) {
    if let Some(here) = request.virtual_side_mut(side) {
        keep(here);
    }
}

/// Marks the effect as done, unless another one is open by now. From here on staff can't take their last action back,
/// since something was sent.
fn record_effect_done(request: &mut Request, effect: Effect) {
    if request.in_flight == Some(effect) {
        request.in_flight = None;
        request.undo = None;
    }
}

/// Returns the note for staff if nothing but the caller's word says which agency the patron belongs to.
fn agency_note(evidence: AgencyEvidence) -> Option<String> {
    let note = "The institution has several agencies and no table of campuses (campus_agencies), so the patron's agency is \
                the one that the caller named.";
    (evidence == AgencyEvidence::Caller).then(|| note.to_owned())
}

/// Returns the patron without the data for a pickup library of another institution, if there is none.
fn needed_data(request: &Request, verified: &VerifiedPatron) -> VerifiedPatron {
    if request.is_collected_elsewhere() {
        return verified.clone();
    }
    VerifiedPatron { pickup_code: None, shown_at_pickup: ShownPatron::default(), ..verified.clone() }
}

fn patron_refused(request: &mut Request, cause: &PatronRefusal) -> Option<String> {
    record_effect_done(request, Effect::VerifyPatron);
    let refusal = cause.refusal();
    let note = refusal.explanation.clone();
    request.refusal = Some(refusal);
    Some(note)
}

fn copies_found(request: &mut Request, copies: &[CopyRef], summary: &str) -> Option<String> {
    record_effect_done(request, Effect::FindCopies);
    request.wanted.as_mut()?.note_ranking(copies.len());
    // Staff may have named a copy in the meantime, which goes before these.
    request.candidates.extend(copies.iter().cloned());
    if request.candidates.is_empty() {
        add_refusal(request, Refusal::new(Refusal::NO_COPY_OF_TITLE, summary));
    }
    Some(summary.to_owned())
}

fn supplier_chosen(request: &mut Request, copy: &Copy) -> Option<String> {
    record_effect_done(request, Effect::ChooseSupplier);
    let institution = request.candidates.first()?.institution.clone();
    if let Err(refusal) = request.may_be_supplied_by(&institution) {
        return candidate_unfit(request, refusal);
    }
    let workflow = workflow(request, &institution);
    note_tried(request, Some(&copy.item));
    let queued = request.candidates.first().is_some_and(|candidate| candidate.queued);
    match request.candidates.first_mut() {
        // If the lender refuses this copy, another copy of the record may do.
        Some(any) if any.item.is_none() && any.barcode.is_none() => any.tried_items.push(copy.item.clone()),
        _ => drop(request.candidates.remove(0)),
    }
    request.title = Some(copy.title.clone());
    request.refusal = None;
    request.workflow = workflow;
    if request.pickup_side.is_none() && workflow.virtual_sides().contains(&Side::Pickup) {
        request.pickup_side = Some(Box::default());
    }
    let mut supply = Supply::new(institution, copy.clone());
    if queued {
        (supply.queued, supply.lent_to_another, supply.item) = (true, true, ItemState::OnLoan);
    }
    request.supply = Some(supply);
    None
}

impl Request {
    /// Checks whether `lender` can supply the request, as far as that doesn't depend on the copy.
    ///
    /// # Errors
    ///
    /// The reason why it can't.
    pub fn may_be_supplied_by(&self, lender: &crate::InstitutionCode) -> Result<(), Refusal> {
        if is_at_lenders_own_desk(self, lender) {
            let explanation = "The patron would collect the copy at its own library, which lends it there itself. Choose \
                               another pickup location, or let the patron take it at the desk (expedited).";
            return Err(Refusal::new("PICKUP_AT_LENDER", explanation));
        }
        let begun = self.borrower.bib != Tracked::NotCreated || self.pickup_side.is_some();
        if begun && workflow(self, lender) != self.workflow {
            let explanation = "The copy can't take over from the earlier one: other libraries would be involved.";
            return Err(Refusal::new("OTHER_WORKFLOW", explanation));
        }
        Ok(())
    }
}

/// Returns whether a patron of another institution would collect the copy at the library that owns it, without being
/// there already.
fn is_at_lenders_own_desk(request: &Request, lender: &crate::InstitutionCode) -> bool {
    !request.expedited && request.pickup.institution == *lender && request.patron.institution != *lender
}

/// Returns the workflow, which follows once the lender is known.
fn workflow(request: &Request, lender: &crate::InstitutionCode) -> Workflow {
    let home = &request.patron.institution;
    let pickup = &request.pickup.institution;
    match (lender == home, pickup == home) {
        (true, true) => Workflow::Local,
        (true, false) => Workflow::OwnItemElsewhere,
        (false, _) if request.expedited => Workflow::Expedited,
        (false, true) => Workflow::Standard,
        (false, false) => Workflow::PickupAnywhere,
    }
}

fn candidate_unfit(request: &mut Request, refusal: Refusal) -> Option<String> {
    if !request.candidates.is_empty() {
        note_tried(request, None);
        request.candidates.remove(0);
    }
    let note = refusal.explanation.clone();
    add_refusal(request, refusal);
    Some(note)
}

/// Notes that the first candidate was tried for the wanted title, and with it the item that was chosen of its record.
fn note_tried(request: &mut Request, item: Option<&ItemId>) {
    let (Some(wanted), Some(candidate)) = (&mut request.wanted, request.candidates.first()) else { return };
    let item = item.cloned().or_else(|| candidate.item.clone());
    wanted.note_tried(&CopyRef { item, ..candidate.clone() });
}

fn add_refusal(request: &mut Request, refusal: Refusal) {
    // If every copy is refused, the caller learns why each was.
    let mut earlier: Vec<Refusal> = Vec::new();
    if let Some(mut before) = request.refusal.take() {
        earlier.append(&mut before.other_refusals);
        earlier.push(before);
    }
    request.refusal = Some(Refusal { other_refusals: earlier, ..refusal });
}

fn virtual_patron_ready(request: &mut Request, side: Side, id: &PatronId) {
    record_effect_done(request, Effect::EnsureVirtualPatron(side));
    match (side, &mut request.supply, &mut request.pickup_side) {
        (Side::Lender, Some(supply), _) => supply.virtual_patron = Some(id.clone()),
        (Side::Pickup, _, Some(here)) => here.virtual_patron = Some(id.clone()),
        _ => {}
    }
}

/// Returns whether the hold names another pickup location than the request, which has changed in the meantime.
fn names_earlier_pickup(request: &Request, named: Option<&PickupLocationCode>) -> bool {
    named.is_some_and(|named| *named != request.pickup.code)
}

fn hold_placed(request: &mut Request, side: Side, hold: &Hold, pickup: Option<&PickupLocationCode>) {
    record_effect_done(request, Effect::PlaceHold(side));
    let outdated = names_earlier_pickup(request, pickup);
    if side == Side::Lender {
        if let Some(supply) = &mut request.supply {
            supply.hold = Tracked::Open(hold.clone());
            supply.hold_missing_polls = 0;
            supply.pickup_outdated = outdated;
        }
        return;
    }
    at(request, side, |here| {
        here.hold = Tracked::Open(hold.clone());
        here.hold_end = None;
        here.hold_missing_polls = 0;
        here.hold_attempts = here.hold_attempts.saturating_add(1);
        here.pickup_outdated = outdated;
    });
}

fn virtual_item_ready(request: &mut Request, side: Side, item: &ItemId, barcode: &Barcode) {
    record_effect_done(request, Effect::CreateVirtualItem(side));
    record_effect_done(request, Effect::UpdateVirtualItem(side));
    let copied_barcode = request.supply.as_ref().map(|supply| supply.copy.barcode.clone());
    at(request, side, |here| {
        if here.item.any() != Some(item) {
            here.item_bib = None;
        }
        here.item = Tracked::Open(item.clone());
        here.barcode = Some(barcode.clone());
        here.copied_barcode = copied_barcode;
        here.item_state = Some(ItemState::InPlace);
    });
}

fn pickup_changed(request: &mut Request, side: Side, hold: &Hold, pickup: Option<&PickupLocationCode>) {
    record_effect_done(request, Effect::ChangePickup(side));
    let outdated = names_earlier_pickup(request, pickup);
    if side == Side::Lender {
        if let Some(supply) = &mut request.supply {
            supply.pickup_outdated = outdated;
        }
        return;
    }
    at(request, side, |here| {
        here.hold = Tracked::Open(hold.clone());
        here.hold_missing_polls = 0;
        here.pickup_outdated = outdated;
        here.hold_moved_to = None;
    });
}

fn lent(request: &mut Request, side: Side, loan: &Loan) {
    record_effect_done(request, Effect::Lend(side));
    if side == Side::Lender {
        if let Some(supply) = &mut request.supply {
            supply.loan = Tracked::Open(loan.clone());
            supply.item = ItemState::OnLoan;
            supply.dispatched = true;
            // A loan to the holder fulfils the hold.
            supply.hold.close();
        }
        return;
    }
    at(request, side, |here| {
        here.loan = Tracked::Open(loan.clone());
        here.due_dates.agreed = here.due_dates.agreed.or(loan.due);
        here.progress = here.progress.max(Progress::OnLoan);
        here.hold.close();
    });
}

fn renewed(request: &mut Request, loan: &Loan) {
    record_effect_done(request, Effect::Renew(Side::Lender));
    let due = request.at_pickup().loan.open().and_then(|loan| loan.due);
    if let Some(supply) = &mut request.supply {
        supply.loan = Tracked::Open(loan.clone());
    }
    let desk = request.pickup_role();
    at(request, desk, |here| {
        here.due_dates.renewal_requested_for = due;
        here.due_dates.renewal_refused = false;
    });
}

fn due_date_limited(request: &mut Request, side: Side, loan: &Loan) {
    record_effect_done(request, Effect::LimitDueDate(side));
    let beyond = beyond_ceiling(request, side, loan.due);
    at(request, side, |here| {
        here.loan = Tracked::Open(loan.clone());
        here.due_dates.uncapped = beyond;
        here.due_dates.agreed = if beyond.is_none() { loan.due } else { here.due_dates.agreed };
    });
}

fn due_date_raised(request: &mut Request, side: Side, loan: &Loan, until: Option<Timestamp>) {
    record_effect_done(request, Effect::RaiseDueDate(side));
    at(request, side, |here| {
        here.due_dates.raised_for = until;
        here.due_dates.agreed = loan.due.or(here.due_dates.agreed);
        here.loan = Tracked::Open(loan.clone());
    });
}

fn hold_cancelled(request: &mut Request, side: Side) {
    record_effect_done(request, Effect::CancelHold(side));
    match (side, &mut request.supply) {
        (Side::Lender, Some(supply)) => {
            supply.hold.close();
            forget_that_it_was_home(supply);
        }
        (Side::Lender, None) => {}
        (Side::Borrower | Side::Pickup, _) => at(request, side, |here| here.hold.close()),
    }
}

fn hold_cancelled_after_dispatch(request: &mut Request, seen: &Observation, now: Timestamp) -> Option<String> {
    record_effect_done(request, Effect::CancelHold(Side::Lender));
    let note = observations::apply_at_lender(request, seen, now);
    if let Some(supply) = &mut request.supply {
        supply.dispatched = true;
        supply.hold.close();
    }
    note
}

/// Forgets that the item was at home. While the hold was open, a scan could send the item off again, so only a later
/// poll shows where it is.
fn forget_that_it_was_home(supply: &mut Supply) {
    let was_home =
        matches!(supply.item, ItemState::InPlace | ItemState::Requested | ItemState::OnHoldShelf | ItemState::OnLoan);
    if supply.dispatched && supply.loan == Tracked::NotCreated && was_home {
        supply.item = ItemState::InTransit;
    }
}

fn virtual_item_deleted(request: &mut Request, side: Side, with_record: bool) {
    record_effect_done(request, Effect::DeleteVirtualItem(side));
    at(request, side, |here| {
        here.item.close();
        here.holding.close();
        if with_record {
            here.bib.close();
        }
    });
}

/// Returns the due dates of patron and lender if the patron's is later. The hub doesn't try to limit it again until one
/// of them changes.
fn beyond_ceiling(request: &Request, side: Side, due: Option<Timestamp>) -> Option<(Timestamp, Timestamp)> {
    let ceiling = request.supply.as_ref()?.loan.open()?.due?;
    request.virtual_side(side)?.loan.open()?;
    due.filter(|due| *due > ceiling).map(|due| (due, ceiling))
}

/// Records a refusal. A refusal at the lender sends the request on to the next lender. Elsewhere staff must act, unless
/// the hub can recreate what is missing.
fn effect_refused(request: &mut Request, effect: Effect, refusal: &Refusal) -> Option<String> {
    record_effect_done(request, effect);
    let note = format!("{} ({})", refusal.explanation, refusal.code);
    if request.status.is_ending() && !effect.is_clean_up() {
        // The effect isn't wanted any more, so its refusal doesn't matter.
        return Some(note);
    }
    match effect {
        Effect::FindCopies => {
            if let Some(wanted) = &mut request.wanted {
                wanted.exhausted = true;
            }
            add_refusal(request, refusal.clone());
            return Some(note);
        }
        Effect::ChooseSupplier => return candidate_unfit(request, refusal.clone()),
        Effect::PlaceHold(Side::Lender)
            if refusal.code == Refusal::NO_SUCH_PATRON && forget_virtual_patron(request) =>
        {
            return Some(note);
        }
        Effect::EnsureVirtualPatron(Side::Lender) | Effect::PlaceHold(Side::Lender) => {
            reject_supplier(request, refusal);
            return Some(note);
        }
        Effect::Lend(Side::Lender) if request.expedited => {
            reject_supplier(request, refusal);
            return Some(note);
        }
        Effect::Lend(Side::Lender) if refusal.code == Refusal::NO_SUCH_PATRON && forget_virtual_patron(request) => {
            return Some(note);
        }
        Effect::Renew(_) => {
            let due = request.at_pickup().loan.open().and_then(|loan| loan.due);
            let desk = request.pickup_role();
            at(request, desk, |here| {
                here.due_dates.renewal_requested_for = due;
                here.due_dates.renewal_refused = true;
                here.due_dates.renewed = false;
            });
            return Some(note);
        }
        Effect::LimitDueDate(side) => {
            let due = request.virtual_side(side).and_then(|here| here.loan.open()).and_then(|loan| loan.due);
            let beyond = beyond_ceiling(request, side, due);
            at(request, side, |here| here.due_dates.uncapped = beyond);
            return Some(note);
        }
        Effect::ChangePickup(Side::Lender) => {
            if let Some(supply) = &mut request.supply {
                supply.pickup_outdated = false;
            }
            return Some(format!(
                "The lender's hold still names the earlier pickup library; inform the lender. {note}"
            ));
        }
        Effect::CheckIn(side) | Effect::DeleteVirtualItem(side) if refusal.code == Refusal::LENT_TO_ANOTHER => {
            at(request, side, |here| {
                // An item is on one loan at a time.
                here.loan.close();
                here.lent_to_another = true;
            });
            return Some(note);
        }
        Effect::DeleteVirtualItem(side) | Effect::DeleteVirtualBib(side) if refusal.code == Refusal::LEFT_TO_STAFF => {
            at(request, side, |here| {
                here.item.close();
                here.holding.close();
                here.bib.close();
                here.left_to_staff = true;
            });
            return Some(note);
        }
        Effect::CreateVirtualItem(side) if refusal.code == Refusal::GONE => {
            at(request, side, |here| here.holding.close());
            return Some(note);
        }
        Effect::CreateVirtualHolding(side) if refusal.code == Refusal::GONE => {
            at(request, side, |here| here.bib.close());
            return Some(note);
        }
        Effect::VerifyPatron
        | Effect::EnsureVirtualPatron(_)
        | Effect::PlaceHold(_)
        | Effect::CreateVirtualBib(_)
        | Effect::CreateVirtualHolding(_)
        | Effect::CreateVirtualItem(_)
        | Effect::UpdateVirtualItem(_)
        | Effect::ChangePickup(_)
        | Effect::SendIntoTransit(_)
        | Effect::Lend(_)
        | Effect::RaiseDueDate(_)
        | Effect::DenyRenewal(_)
        | Effect::CancelHold(_)
        | Effect::CheckIn(_)
        | Effect::DeleteVirtualItem(_)
        | Effect::DeleteVirtualBib(_) => {}
    }
    let explanation = match effect {
        Effect::DenyRenewal(_) => format!(
            "The lender wants the item back, but the patron can still renew the loan: {note}. Ask the patron to return the \
             item. When the cause is removed, resume."
        ),
        _ => note.clone(),
    };
    request.staff_case = Some(StaffCase { cause: StaffCaseCause::EffectRefused(effect), explanation });
    Some(note)
}

/// Forgets a virtual patron that staff deleted, so that the hub creates it again.
fn forget_virtual_patron(request: &mut Request) -> bool {
    request.supply.as_mut().is_some_and(|supply| supply.virtual_patron.take().is_some())
}
