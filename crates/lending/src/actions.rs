//! The actions that staff and patrons may take on a request, and when each is possible.

use crate::attention::Action;
use crate::effect::Effect;
use crate::request::Request;
use crate::sides::Progress;
use crate::status::{Condition, Status};
use crate::{effects, transitions};

impl Request {
    /// Checks whether `action` is possible now.
    ///
    /// # Errors
    ///
    /// The reason, as a sentence for people.
    pub fn may(&self, action: Action) -> Result<(), &'static str> {
        if self.status.is_final() || (self.status.is_ending() && !matches!(action, Action::Resume | Action::Undo)) {
            return Err("The request has ended already.");
        }
        match action {
            Action::Resume if self.staff_case.is_none() && self.undecided_extension().is_none() => {
                Err("Nothing stands in the way of the request.")
            }
            Action::Undo if self.undo.is_none() => Err("Nothing can be taken back: what followed from it was sent."),
            Action::Cancel => self.may_cancel(),
            Action::NextSupplier if self.status == Status::NotSuppliedCurrentSupplier => {
                Err("Another library is being asked already. Name a copy to have that one asked first.")
            }
            Action::NextSupplier | Action::ChooseSupplier => self.may_change_supplier(),
            Action::ChangePickup => self.may_change_pickup(),
            Action::ReportFound if self.missing_since.is_none() => Err("The item isn't missing."),
            Action::ReportDamage if self.at_pickup().progress < Progress::OnLoan => {
                Err("The patron hasn't had the item yet. Damage that it had before is the lender's to record.")
            }
            Action::SettleLoss if !self.is_lost() => {
                Err("The item is neither lost, nor claimed returned, nor missing.")
            }
            Action::Resume
            | Action::Undo
            | Action::ReportFound
            | Action::ReportDamage
            | Action::SettleLoss
            | Action::End => Ok(()),
        }
    }

    /// Returns all actions that are possible now.
    pub fn actions(&self) -> Vec<Action> {
        Action::ALL.into_iter().filter(|action| self.may(*action).is_ok()).collect()
    }

    /// Checks whether the request may still be cancelled.
    fn may_cancel(&self) -> Result<(), &'static str> {
        if self.cancellation.is_some() {
            Err("The request is being cancelled already; the item is on its way home.")
        } else if self.status == Status::ReturnTransit && self.at_pickup().progress < Progress::OnLoan {
            Err("The item won't be lent; it is on its way home already.")
        } else if self.at_pickup().progress >= Progress::OnLoan || self.status == Status::ReturnTransit {
            Err("The patron has the item, or has just returned it. It ends by being returned, not by being cancelled.")
        } else {
            Ok(())
        }
    }

    fn may_change_supplier(&self) -> Result<(), &'static str> {
        if self.cancellation.is_some() {
            Err("The request is being cancelled.")
        } else if self.is_dispatched() {
            Err("The lender has sent the item already.")
        } else if self.supply.is_none() || self.workflow.lender_is_patrons_library() {
            Err("No other library has been asked yet.")
        } else {
            Ok(())
        }
    }

    fn may_change_pickup(&self) -> Result<(), &'static str> {
        if self.cancellation.is_some() {
            Err("The request is being cancelled.")
        } else if self.at_pickup().progress >= Progress::OnLoan || self.status == Status::ReturnTransit {
            Err("The patron has had the item already.")
        } else {
            Ok(())
        }
    }

    /// Returns whether the item may never come back.
    pub(crate) fn is_lost(&self) -> bool {
        self.missing_since.is_some()
            || self.conditions.contains(&Condition::Lost)
            || self.conditions.contains(&Condition::ClaimedReturned)
    }

    /// Returns the effects that ending the request by hand would have at the libraries now, in order. The request
    /// doesn't change.
    pub fn if_ended(&self) -> Vec<Effect> {
        let mut trial = Request { undo: None, ended_manually: true, in_flight: None, staff_case: None, ..self.clone() };
        transitions::advance(&mut trial, self.status_since);
        let mut plan = Vec::new();
        while let Some(effect) = effects::next_effect(&trial) {
            if plan.contains(&effect) {
                break;
            }
            plan.push(effect);
            effects::assume_done(&mut trial, effect);
        }
        plan
    }
}
