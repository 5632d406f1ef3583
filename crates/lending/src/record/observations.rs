//! Records observations of polls, messages and the clock as facts.

use jiff::Timestamp;

use super::on_the_way::{record_missing, record_pickup_library, record_whether_sent};
use super::reject_supplier;
use crate::attention::{StaffCase, StaffCaseCause};
use crate::closure::{ClosureResponse, HoldEnd, MissingHold, infer, response_to_closure};
use crate::command::CancelledBy;
use crate::deadline::{Deadline, deadlines};
use crate::effect::{Effect, Side};
use crate::ids::LoanId;
use crate::observation::{HoldState, ItemState, LoanState, Observation};
use crate::observed::Observed;
use crate::refusal::Refusal;
use crate::request::{Cancellation, Request};
use crate::sides::{Hold, Loan, Progress, Supply, Tracked, VirtualSide};
use crate::status::Status;

/// How many polls in a row must miss a hold before it counts as gone. Alma closes hold and loan at nearly, not exactly,
/// the same moment, so the first poll may fall between the two.
const MISSING_POLLS_TO_CLOSE: u8 = 2;
/// How often the hub places the patron's hold before staff must decide.
const MAX_HOLD_ATTEMPTS: u8 = 2;

/// Records an observation in the request. Returns a note for staff.
pub(super) fn record_observed(request: &mut Request, observed: &Observed, now: Timestamp) -> Option<String> {
    match observed {
        Observed::Seen { side: Side::Lender, observation, source: _ } => {
            let note = apply_at_lender(request, observation, now);
            record_whether_sent(request, observation).or(note)
        }
        Observed::Seen { side: side @ (Side::Borrower | Side::Pickup), observation, source: _ } => {
            let corrected = contradict(request, *side, observation);
            apply_at_virtual_side(request, *side, observation, now).or(corrected)
        }
        // `decide` records the failure, since a failed poll changes no facts.
        Observed::PollFailed { .. } => None,
        Observed::DeadlinePassed { deadline } => deadline_passed(request, *deadline, now),
    }
}

pub(super) fn apply_at_lender(request: &mut Request, observation: &Observation, now: Timestamp) -> Option<String> {
    let status = request.status;
    let renewing = is_being_renewed(request);
    let mut extension = None;
    let supply = request.supply.as_mut()?;
    if let Some(item) = &observation.item {
        supply.item = item.clone();
        // An item in transit before the hub's hold has started travels for somebody else.
        let ours = matches!(observation.hold, None | Some(HoldState::InProcess));
        if supply.hold != Tracked::NotCreated && *item == ItemState::InTransit && ours {
            supply.dispatched = true;
        }
    }
    match observation.loan.as_ref() {
        Some(LoanState::Active { id, due }) => {
            extension = note_extension(supply, renewing, id, *due);
            supply.loan = Tracked::Open(Loan { id: id.clone(), due: *due });
            supply.dispatched = true;
            supply.hold.close();
        }
        // An item is on one loan at a time.
        Some(LoanState::Another) => supply.loan.close(),
        // A message reported the return and nothing else.
        Some(LoanState::None) if observation.item.is_none() && supply.loan.is_open() => {
            supply.loan.close();
            supply.item = ItemState::InPlace;
        }
        Some(LoanState::None) if !is_out(&supply.item) => supply.loan.close(),
        _ => {}
    }
    note_another(&mut supply.lent_to_another, observation);
    if let Some(wanted_back) = observation.wanted_back {
        supply.wanted_back = wanted_back && supply.loan.is_open();
    }
    if let Some(barcode) = &observation.barcode {
        supply.copy.barcode = barcode.clone();
    }
    if let Some(bib) = &observation.bib {
        supply.copy.bib = bib.clone();
    }
    if let Some(holding) = &observation.holding {
        supply.copy.holding = holding.clone();
    }
    if supply.loan.is_open() {
        return extension;
    }
    let last = supply.hold.open().cloned();
    if !record_hold(&mut supply.hold, &mut supply.hold_missing_polls, observation) {
        return None;
    }
    let lent = supply.loan != Tracked::NotCreated;
    let end = hold_end(last.as_ref(), observation, lent, now);
    supply.hold_end = Some(end);
    if status.is_ending() || status.is_final() {
        return None;
    }
    let sent = supply.dispatched;
    keep_lender_end(request, end, sent)
}

/// Returns whether the hub renews the lender's loan, or is about to: a later due date is then its own doing.
fn is_being_renewed(request: &Request) -> bool {
    let due = |loan: &Tracked<Loan>| loan.open().and_then(|loan| loan.due);
    let ceiling = request.supply.as_ref().and_then(|supply| due(&supply.loan));
    let renewing = request.in_flight == Some(Effect::Renew(Side::Lender));
    renewing || matches!((due(&request.at_pickup().loan), ceiling), (Some(due), Some(ceiling)) if due > ceiling)
}

/// Records a due date that the lender has changed. Returns a note if it is a later one.
fn note_extension(supply: &mut Supply, renewing: bool, id: &LoanId, due: Option<Timestamp>) -> Option<String> {
    let before = supply.loan.open().filter(|loan| loan.id == *id).and_then(|loan| loan.due)?;
    let due = due?;
    if due < before {
        supply.extended_to = None;
    }
    if due <= before || renewing {
        return None;
    }
    supply.extended_to = Some(due);
    Some(format!("The lender has set a later due date: {due}."))
}

fn apply_at_virtual_side(
    request: &mut Request,
    side: Side,
    observation: &Observation,
    now: Timestamp,
) -> Option<String> {
    let here = request.virtual_side_mut(side)?;
    let lent_before = here.progress >= Progress::OnLoan;
    let renewed = record_loan(here, observation);
    note_another(&mut here.lent_to_another, observation);
    record_hold_after_loan(here, observation, lent_before);
    record_move(here, observation);
    if let Some(deleted) = observation.holder_deleted {
        here.holder_deleted = deleted && here.loan.is_open();
    }
    let moved = record_pickup_library(request, side, observation);
    let missed = record_missing(request, side, observation, now);
    let here = request.virtual_side_mut(side)?;
    if observation.item.is_none() && observation.loan == Some(LoanState::None) && here.progress == Progress::OnLoan {
        here.progress = Progress::Returned;
        here.item_state = None;
    }
    // Only the hub's own hold can have brought the virtual item to the hold shelf.
    if observation.item == Some(ItemState::OnHoldShelf)
        && observation.hold.is_none()
        && let Tracked::Open(hold) = &mut here.hold
    {
        hold.state = HoldState::OnHoldShelf;
    }
    if let Some(item) = &observation.item {
        here.item_state = Some(item.clone());
        here.progress = here.progress.max(moved_to(here.progress, item));
        if here.progress == Progress::OnLoan && is_back_on_the_hold_shelf(here, observation) {
            here.progress = Progress::Returned;
        }
        if matches!(item, ItemState::InTransit | ItemState::OnHoldShelf) || is_out(item) {
            here.in_transit = true;
        }
        if here.progress == Progress::Returned && !is_out(item) {
            here.loan.close();
        }
    }
    if here.progress >= Progress::OnLoan {
        // The loan fulfilled the hold, so the missing hold has no further meaning.
        if observation.hold == Some(HoldState::Gone) {
            here.hold.close();
        }
        return renewed;
    }
    let last = here.hold.open().cloned();
    if record_hold(&mut here.hold, &mut here.hold_missing_polls, observation) {
        let end = hold_end(last.as_ref(), observation, false, now);
        return virtual_hold_ended(request, side, end);
    }
    virtual_item_gone(request, side, observation).or(missed).or(moved)
}

fn keep_lender_end(request: &mut Request, end: HoldEnd, sent: bool) -> Option<String> {
    let response = response_to_closure(Side::Lender, end.closure, request.status);
    if response == ClosureResponse::Continue || (response == ClosureResponse::NextSupplier && sent) {
        request.out_of_sequence = true;
        return Some(format!(
            "The lender's hold ended ({}) although the item has been sent; the request goes on.",
            end.closure.name()
        ));
    }
    None
}

/// Handles the end of the patron's hold. By the table, the request ends, the hub places the hold again, or staff
/// decide.
fn virtual_hold_ended(request: &mut Request, side: Side, end: HoldEnd) -> Option<String> {
    let response = response_to_closure(side, end.closure, request.status);
    let has_arrived = matches!(request.status, Status::ReceivedAtPickup | Status::ReadyForPickup);
    let here = request.virtual_side_mut(side)?;
    if here.item_state == Some(ItemState::Missing) && has_arrived {
        return Some("The patron's hold ended, since the item is missing.".to_owned());
    }
    here.hold_end = Some(end);
    // Nobody would put a lost item on the hold shelf.
    let is_lost =
        here.item_state.as_ref().is_some_and(|item| matches!(item, ItemState::Lost | ItemState::ClaimedReturned));
    let retry_hold = response == ClosureResponse::RetryHold && here.hold_attempts < MAX_HOLD_ATTEMPTS && !is_lost;
    if retry_hold {
        here.hold = Tracked::NotCreated;
        here.hold_end = None;
        return Some("The patron's hold failed in the library's own system; it is placed once more.".to_owned());
    }
    if matches!(response, ClosureResponse::AskStaff | ClosureResponse::RetryHold) {
        let case = StaffCase::of_ended_hold(side, end.closure);
        let explanation = case.explanation.clone();
        request.staff_case = Some(case);
        return Some(explanation);
    }
    Some(match end.basis {
        None => format!("The patron's hold ended: {}.", end.closure.name()),
        Some(basis) => {
            format!("The patron's hold is gone. The hub infers {}, because {}.", end.closure.name(), basis.fact())
        }
    })
}

/// Closes the case for staff that an earlier read opened and this observation contradicts: the virtual item, or the
/// patron's hold, exists after all.
fn contradict(request: &mut Request, side: Side, observation: &Observation) -> Option<String> {
    let cause = request.staff_case.as_ref()?.cause;
    let held = observation.hold.is_some_and(|hold| hold != HoldState::Gone);
    let there = held || observation.item.as_ref().is_some_and(|item| *item != ItemState::Absent);
    let item_is_back = match cause {
        StaffCaseCause::VirtualItemDeleted(at) if at == side && there => true,
        StaffCaseCause::HoldEnded(at, _) if at == side && held => false,
        StaffCaseCause::VirtualItemDeleted(_)
        | StaffCaseCause::HoldEnded(..)
        | StaffCaseCause::EffectRefused(_)
        | StaffCaseCause::NotSent => return None,
    };
    let here = request.virtual_side_mut(side)?;
    if item_is_back {
        here.item.reopen();
    }
    // A hold that the library had ended stays so, unless the observation shows it.
    if held || here.hold_end.is_none() {
        here.hold.reopen();
        (here.hold_missing_polls, here.hold_end) = (0, None);
    }
    request.staff_case = None;
    Some(if item_is_back {
        "The virtual item is there after all; nothing need be done about it.".to_owned()
    } else {
        "The patron's hold is there after all; nothing need be done about it.".to_owned()
    })
}

/// Handles a virtual item that staff deleted while it was needed.
fn virtual_item_gone(request: &mut Request, side: Side, observation: &Observation) -> Option<String> {
    let status = request.status;
    let needed = matches!(
        status,
        Status::RequestPlacedAtBorrowingAgency
            | Status::RequestPlacedAtPickupAgency
            | Status::PickupTransit
            | Status::ReceivedAtPickup
            | Status::ReadyForPickup
    );
    let here = request.virtual_side_mut(side)?;
    if observation.item != Some(ItemState::Absent) || !here.item.is_open() || !needed {
        return None;
    }
    here.item.close();
    here.hold.close();
    let explanation = "The virtual item was deleted in the library's own system. Make it again, with the patron's \
                       hold, by \"resume\"; or cancel the request."
        .to_owned();
    request.staff_case =
        Some(StaffCase { cause: StaffCaseCause::VirtualItemDeleted(side), explanation: explanation.clone() });
    Some(explanation)
}

fn deadline_passed(request: &mut Request, passed: Deadline, now: Timestamp) -> Option<String> {
    if !deadlines(request).contains(&passed) {
        return None;
    }
    match passed {
        Deadline::LenderAnswers => {
            let refusal = Refusal::new("LENDER_SILENT", "The lender did not send the item in time.");
            reject_supplier(request, &refusal);
            Some(refusal.explanation)
        }
        Deadline::NoLongerNeeded => {
            let reason = "The item was not sent before the last day on which the patron needs it.".to_owned();
            request.cancellation = Some(Cancellation { by: CancelledBy::Deadline, reason: Some(reason.clone()) });
            Some(reason)
        }
        Deadline::CopyReappears | Deadline::CopyReturns => {
            let refusal = request.copy_problem()?.refusal();
            reject_supplier(request, &refusal);
            Some(refusal.explanation)
        }
        Deadline::ItemArrives | Deadline::ItemReturns => {
            request.missing_since = Some(now);
            Some("The item has been under way for too long; both libraries should look for it.".to_owned())
        }
    }
}

fn hold_end(last: Option<&Hold>, observation: &Observation, lent: bool, now: Timestamp) -> HoldEnd {
    if let Some(closure) = observation.closure {
        return HoldEnd::reported(closure);
    }
    let vanished = MissingHold {
        // A closed request with a last day on the hold shelf was there, even if no poll saw it.
        on_shelf: observation.shelf_until.is_some() || last.is_some_and(|hold| hold.state == HoldState::OnHoldShelf),
        shelf_until: observation.shelf_until.or(last.and_then(|hold| hold.shelf_until)),
        interest_until: observation.interest_until,
        item: observation.item.as_ref(),
        lent,
    };
    infer(vanished, now)
}

/// Records the patron's loan. Returns a note if the patron has renewed it.
fn record_loan(here: &mut VirtualSide, observation: &Observation) -> Option<String> {
    let mut note = None;
    match observation.loan.as_ref() {
        Some(LoanState::Active { id, due }) => {
            let retry_hold = matches!(&here.loan, Tracked::Closed(before) if before.id != *id);
            if retry_hold && here.progress == Progress::Returned {
                // The item was returned and lent to the same patron again before the lender got it.
                here.progress = Progress::OnLoan;
            }
            let stale = matches!(&here.loan, Tracked::Closed(before) if before.id == *id);
            if !stale {
                let before = here.loan.open().and_then(|loan| loan.due);
                if let (Some(before), Some(agreed), Some(due)) = (before, here.due_dates.agreed, *due)
                    && due > before
                    && due > agreed
                {
                    here.due_dates.renewed = true;
                    note = Some(format!("The patron has renewed the loan until {due}."));
                }
                here.loan = Tracked::Open(Loan { id: id.clone(), due: *due });
                here.due_dates.agreed = here.due_dates.agreed.or(*due);
                // The loan counts, whatever became of the item since: lost, or claimed returned.
                here.progress = here.progress.max(Progress::OnLoan);
            }
        }
        // An item is on one loan at a time, so the patron, if they had it, has returned it.
        Some(LoanState::Another) => {
            here.loan.close();
            if here.progress == Progress::OnLoan {
                here.progress = Progress::Returned;
            }
        }
        Some(LoanState::None) if !observation.item.as_ref().is_some_and(is_out) => here.loan.close(),
        _ => {}
    }
    note
}

/// Records that staff moved the virtual item to another holding or record, or gave it another barcode.
fn record_move(here: &mut VirtualSide, observation: &Observation) {
    if let Some(bib) = &observation.bib {
        here.item_bib = (here.bib.any() != Some(bib)).then(|| bib.clone());
    }
    if let Some(holding) = observation.holding.as_ref().filter(|_| here.holding.is_open() && here.item.is_open()) {
        here.holding = Tracked::Open(holding.clone());
    }
    if let Some(barcode) = &observation.barcode {
        here.barcode = Some(barcode.clone());
    }
}

/// Returns whether the loan still exists: the item is on loan, or was lost while on loan.
fn is_out(item: &ItemState) -> bool {
    matches!(item, ItemState::OnLoan | ItemState::Lost | ItemState::ClaimedReturned)
}

/// Records a hold that was placed while the item was being lent, so that the loan did not fulfil it. Alma ends hold
/// and loan at nearly, not exactly, the same moment, so only a poll after the one that showed the loan can prove it.
fn record_hold_after_loan(here: &mut VirtualSide, observation: &Observation, lent_before: bool) {
    let still_there = observation.hold.is_some_and(|hold| hold != HoldState::Gone);
    if lent_before && still_there && here.hold.is_open() {
        here.hold_outlives_loan = true;
    }
}

/// Returns whether the item was returned and is back on the hold shelf, for a hold that outlived the loan or one that
/// is gone by now. If the hold is as it was before the loan, the poll may be older than the loan.
fn is_back_on_the_hold_shelf(here: &VirtualSide, observation: &Observation) -> bool {
    let since = here.hold_outlives_loan || matches!(observation.hold, None | Some(HoldState::Gone));
    observation.item == Some(ItemState::OnHoldShelf) && observation.loan == Some(LoanState::None) && since
}

/// Records whether somebody else has the item. If the item is out and the loan's holder is unknown, the earlier value
/// stays.
fn note_another(lent_to_another: &mut bool, observation: &Observation) {
    match &observation.loan {
        Some(LoanState::Another) => *lent_to_another = true,
        Some(LoanState::Active { .. }) => *lent_to_another = false,
        _ if observation.item.as_ref().is_some_and(|item| !is_out(item)) => *lent_to_another = false,
        _ => {}
    }
}

/// Returns the progress of an item in this state, given its progress before. An item that is out doesn't show who has
/// it; only the loan does.
fn moved_to(before: Progress, item: &ItemState) -> Progress {
    match item {
        ItemState::OnHoldShelf => Progress::OnHoldShelf,
        ItemState::InPlace | ItemState::Requested | ItemState::InTransit if before >= Progress::OnLoan => {
            Progress::Returned
        }
        _ => before,
    }
}

/// Records the hold's state. Returns whether the hold has just ended.
fn record_hold(hold: &mut Tracked<Hold>, missed: &mut u8, observation: &Observation) -> bool {
    match (observation.hold, &mut *hold) {
        (Some(HoldState::Gone), Tracked::Open(_)) => {
            *missed = missed.saturating_add(1);
            if *missed >= MISSING_POLLS_TO_CLOSE || observation.closure.is_some() {
                hold.close();
                return true;
            }
        }
        (Some(state), Tracked::Open(open)) => {
            open.state = state;
            open.shelf_until = observation.shelf_until.or(open.shelf_until);
            *missed = 0;
        }
        _ => {}
    }
    false
}
