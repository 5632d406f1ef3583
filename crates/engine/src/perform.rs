//! Executes one effect through one library system and returns its result.

use jiff::{SignedDuration, Timestamp};
use lending::{
    BibId, Effect, EffectResult, Hold, InstitutionCode, ItemType, Loan, LoanState, PatronId, PickupCode,
    PickupLocationCode, PollTarget, Request, RequestId, Rules, Side, Status, Supply, Workflow,
};
use lms::{
    Attempt, HostLms, ItemRef, LenderHold, PatronCheck, PatronHold, VirtualItem, VirtualItemDeletion, VirtualPatron,
    Withdrawn, missing, real_item, virtual_agency, virtual_item, virtual_patron_of, virtual_side,
};
use polling::poll_query;
use store::{KnownVirtualPatron, RequestFilter};

use crate::engine::Engine;
use crate::error::Error;

/// The number of further records that are read in the same call.
const MAX_PREFETCH: u32 = 99;
/// The time for which a virtual record counts as unchanged: nobody merges or overlays a record so soon.
const JUST_MADE: SignedDuration = SignedDuration::from_hours(1);

/// The context in which an effect is executed.
#[derive(Debug)]
pub struct EffectExecution<'a> {
    /// The library system.
    pub lms: &'a dyn HostLms,
    /// The request.
    pub request: &'a Request,
    /// Whether an earlier attempt may have been done.
    pub attempt: Attempt,
    /// The number of earlier attempts.
    pub attempts: u32,
    /// The current time.
    pub now: Timestamp,
    /// The rules of the agency at the effect's side.
    pub rules: &'a Rules,
    /// Records that are likely to be deleted within the day, for an effect that deletes one.
    pub prefetch: &'a [(RequestId, BibId)],
    /// The known user record of the virtual patron, for the effect that finds or creates it.
    pub virtual_patron: KnownVirtualPatron,
}

impl Engine {
    /// Returns the known user record of the virtual patron that `effect` finds or creates.
    pub(crate) async fn known_virtual_patron(
        &self,
        institution: &InstitutionCode,
        request: &Request,
        effect: Effect,
    ) -> Result<KnownVirtualPatron, Error> {
        let (Effect::EnsureVirtualPatron(side), Some(patron)) = (effect, &request.patron.verified) else {
            return Ok(KnownVirtualPatron::default());
        };
        Ok(self.runtime.store().virtual_patron(&request.patron.institution, &patron.id, institution, side).await?)
    }

    /// Returns other records at the same institution that are likely to be deleted within the day, if `effect` deletes
    /// a record that must be read first. One call reads them together.
    pub(crate) async fn records_to_prefetch(
        &self,
        lms: &dyn HostLms,
        request: &Request,
        effect: Effect,
    ) -> Result<Vec<(RequestId, BibId)>, Error> {
        let Effect::DeleteVirtualItem(side) = effect else { return Ok(Vec::new()) };
        let bib = request.virtual_side(side).and_then(|here| here.bib.any());
        if is_new(request, self.runtime.now()) || bib.is_none_or(|bib| lms.is_record_verified(bib, self.runtime.now()))
        {
            return Ok(Vec::new());
        }
        let filter = RequestFilter {
            statuses: vec![Status::ReturnTransit],
            institution: Some(lms.institution().clone()),
            open_only: true,
            limit: MAX_PREFETCH,
            ..RequestFilter::default()
        };
        let returning = self.runtime.store().requests(&filter).await?.requests.into_iter().map(|stored| stored.request);
        let here = returning.filter(|other| other.institution(Side::Borrower) == Some(lms.institution()));
        Ok(here.filter_map(|other| Some((other.id, other.borrower.bib.open()?.clone()))).collect())
    }
}

impl EffectExecution<'_> {
    /// Returns the pickup location that a hold of this execution names. Staff may change it before the result is stored.
    fn pickup(&self) -> Option<PickupLocationCode> {
        Some(self.request.pickup.code.clone())
    }

    /// Executes `effect`.
    pub async fn run(&self, effect: Effect) -> lms::Result<EffectResult> {
        let (lms, request) = (self.lms, self.request);
        if matches!(effect, Effect::Lend(_)) && self.attempt == Attempt::AfterUnclear && !request.is_next_effect(effect)
        {
            return self.find_loan(effect).await;
        }
        match effect {
            Effect::VerifyPatron => match lms.verify_patron(&self.patron_check()).await? {
                Ok(verified) => Ok(EffectResult::PatronVerified(verified)),
                Err(cause) => Ok(EffectResult::PatronRefused(cause)),
            },
            // `Engine::find_copies` executes it, since it asks several systems.
            Effect::FindCopies => Err(lms::Error::retryable("copies aren't found in one library's system")),
            Effect::ChooseSupplier => {
                let candidate = request.candidates.first().ok_or_else(|| missing("a candidate copy"))?;
                match lms.resolve_copy(candidate).await? {
                    Ok(copy) => Ok(EffectResult::SupplierChosen(Box::new(copy))),
                    Err(refusal) => Ok(EffectResult::CandidateUnfit(refusal)),
                }
            }
            Effect::EnsureVirtualPatron(side) => {
                let known_id = self.virtual_patron.id.clone();
                let may_have_former_id = self.virtual_patron.unkeyed_until.is_some();
                let wanted = VirtualPatron { known_id, may_have_former_id, ..virtual_patron_of(request, side)? };
                let id = lms.ensure_virtual_patron(&wanted, self.now).await?;
                Ok(EffectResult::VirtualPatronReady { side, id })
            }
            Effect::PlaceHold(Side::Lender) => {
                let hold = lms.place_lender_hold(&self.lender_hold()?, self.attempt).await?;
                Ok(EffectResult::HoldPlaced { side: Side::Lender, hold, pickup: self.pickup() })
            }
            Effect::PlaceHold(side) => {
                let hold = lms.place_patron_hold(&self.patron_hold(side)?, self.attempt).await?;
                Ok(EffectResult::HoldPlaced { side, hold, pickup: self.pickup() })
            }
            Effect::CreateVirtualBib(side) => {
                let title = request.title.clone().unwrap_or_default();
                let bib = lms.create_virtual_bib(request.id, &title, self.attempt).await?;
                Ok(EffectResult::VirtualBibCreated { side, bib })
            }
            Effect::CreateVirtualHolding(side) => {
                let bib = virtual_side(request, side)?.bib.open().ok_or_else(|| missing("the virtual record"))?;
                let holding = lms.create_virtual_holding(bib, virtual_agency(request, side), self.attempt).await?;
                Ok(EffectResult::VirtualHoldingCreated { side, holding })
            }
            Effect::CreateVirtualItem(side) => {
                let (item, barcode) = lms.create_virtual_item(&self.wanted_item(side)?, self.attempt).await?;
                Ok(EffectResult::VirtualItemReady { side, item, barcode })
            }
            Effect::UpdateVirtualItem(side) => {
                let at = virtual_item(request, side)?;
                let barcode = lms.update_virtual_item(&at, &self.wanted_item(side)?).await?;
                Ok(EffectResult::VirtualItemReady { side, item: at.item, barcode })
            }
            Effect::ChangePickup(Side::Lender) => {
                let hold = supply(request)?.hold.open().ok_or_else(|| missing("the lender's hold"))?;
                lms.update_lender_hold(&self.lender_hold()?, &hold.id).await?;
                Ok(EffectResult::PickupChanged { side: Side::Lender, hold: hold.clone(), pickup: self.pickup() })
            }
            Effect::ChangePickup(side) => {
                let hold = virtual_side(request, side)?.hold.open().ok_or_else(|| missing("the patron's hold"))?;
                let hold = lms.move_hold(&self.patron_hold(side)?, &hold.id, self.attempt).await?;
                Ok(EffectResult::PickupChanged { side, hold, pickup: self.pickup() })
            }
            Effect::SendIntoTransit(side) => {
                let pickup = (side == request.pickup_role()).then_some(&request.pickup);
                let skipped = lms.send_into_transit(&virtual_item(request, side)?, pickup).await?;
                Ok(EffectResult::SentIntoTransit { side, skipped })
            }
            Effect::Lend(Side::Lender) => self.lend_copy().await,
            Effect::Lend(side) => {
                let item = virtual_item(request, side)?;
                let loan = lms.lend_virtual_item(&item, self.holder(side)?, self.attempt).await?;
                Ok(EffectResult::Lent { side, loan })
            }
            Effect::Renew(side) => {
                let loan = supply(request)?.loan.open().ok_or_else(|| missing("the lender's loan"))?;
                let loan = lms.renew(loan, self.holder(Side::Lender)?, self.attempt).await?;
                Ok(EffectResult::Renewed { side, loan })
            }
            Effect::LimitDueDate(side) => self.limit_due_date(side).await,
            Effect::RaiseDueDate(side) => {
                let loan = virtual_side(request, side)?.loan.open().ok_or_else(|| missing("the patron's loan"))?;
                let until = supply(request)?.extended_to.ok_or_else(|| missing("the lender's later due date"))?;
                let loan = lms.set_due_date(loan, self.holder(side)?, until).await?;
                Ok(EffectResult::DueDateRaised { side, loan, until: supply(request)?.extended_to })
            }
            Effect::DenyRenewal(side) => {
                lms.deny_renewal(&virtual_item(request, side)?).await?;
                Ok(EffectResult::RenewalDenied { side })
            }
            Effect::CancelHold(Side::Lender) => self.cancel_lender_hold().await,
            Effect::CancelHold(side) => {
                if let Some(hold) = virtual_side(request, side)?.hold.open() {
                    self.cancel(&virtual_item(request, side)?, hold).await?;
                }
                Ok(EffectResult::HoldCancelled { side })
            }
            Effect::CheckIn(side) => {
                lms.check_in(&virtual_item(request, side)?, self.holder(side)?).await?;
                Ok(EffectResult::CheckedIn { side })
            }
            Effect::DeleteVirtualItem(side) => self.delete_virtual_item(side).await,
            Effect::DeleteVirtualBib(side) => {
                if let Some(bib) = virtual_side(request, side)?.bib.open() {
                    lms.delete_virtual_bib(request.id, bib).await?;
                }
                Ok(EffectResult::VirtualBibDeleted { side })
            }
        }
    }

    fn patron_check(&self) -> PatronCheck<'_> {
        PatronCheck {
            id: &self.request.patron.identifier,
            agency: &self.request.patron.agency,
            limits: &self.rules.patron_limits,
            now: self.now,
            today: self.rules.calendar.zone().to_datetime(self.now).date(),
        }
    }

    /// Finds out whether an earlier attempt made a loan that isn't wanted any more, because the item has come back in
    /// the meantime. It makes no loan.
    async fn find_loan(&self, effect: Effect) -> lms::Result<EffectResult> {
        let (request, side) = (self.request, effect.side());
        let (hold, loan) = (false, true);
        let seen = match poll_query(request, PollTarget { side, hold, loan })? {
            Some(what) => self.lms.poll(&what).await?,
            None => return Ok(EffectResult::EffectDropped { effect }),
        };
        Ok(match seen.loan {
            Some(LoanState::Active { id, due }) => EffectResult::Lent { side, loan: Loan { id, due } },
            Some(LoanState::None | LoanState::Another) | None => EffectResult::EffectDropped { effect },
        })
    }

    async fn lend_copy(&self) -> lms::Result<EffectResult> {
        let (supply, side) = (supply(self.request)?, Side::Lender);
        let (item, library) = (real_item(supply), &supply.copy.library);
        let hold = supply.hold.open().map(|hold| &hold.id);
        let loan = self.lms.lend(&item, library, self.holder(side)?, hold, self.attempt).await?;
        Ok(EffectResult::Lent { side, loan })
    }

    async fn limit_due_date(&self, side: Side) -> lms::Result<EffectResult> {
        let request = self.request;
        let loan = virtual_side(request, side)?.loan.open().ok_or_else(|| missing("the patron's loan"))?;
        let ceiling = supply(request)?.loan.open().and_then(|loan: &Loan| loan.due);
        let ceiling = ceiling.ok_or_else(|| missing("the lender's due date"))?;
        let loan = self.lms.set_due_date(loan, self.holder(side)?, ceiling).await?;
        Ok(EffectResult::DueDateLimited { side, loan })
    }

    async fn cancel_lender_hold(&self) -> lms::Result<EffectResult> {
        let (request, side) = (self.request, Side::Lender);
        let supply = supply(request)?;
        let Some(hold) = supply.hold.open() else { return Ok(EffectResult::HoldCancelled { side }) };
        // A scan at the pickup library after the end of the request doesn't prove yet that the lender has sent its
        // item.
        if supply.dispatched {
            self.cancel(&real_item(supply), hold).await?;
            return Ok(EffectResult::HoldCancelled { side });
        }
        let by = request.cancellation.as_ref().map(|cancellation| cancellation.by);
        let (item, holder) = (real_item(supply), request.holder(side));
        let what = Withdrawn { request: request.id, item: &item, hold: &hold.id, holder, by };
        Ok(match self.lms.withdraw_hold(&what).await? {
            Some(observation) => EffectResult::HoldCancelledAfterDispatch { observation },
            None => EffectResult::HoldCancelled { side },
        })
    }

    async fn delete_virtual_item(&self, side: Side) -> lms::Result<EffectResult> {
        let request = self.request;
        let here = virtual_side(request, side)?;
        let with_record = match (here.bib.any(), here.holding.open()) {
            (Some(bib), Some(holding)) => {
                let what = VirtualItemDeletion {
                    request: request.id,
                    bib,
                    holding,
                    agency: virtual_agency(request, side),
                    item: here.item.open(),
                    barcode: here.barcode.as_ref(),
                    item_bib: here.item_bib.as_ref(),
                    is_new: self.is_new(),
                    holder: request.holder(side),
                    prefetch: self.prefetch,
                    now: self.now,
                };
                self.lms.delete_virtual_item(&what).await?
            }
            (None, _) | (_, None) => false,
        };
        Ok(EffectResult::VirtualItemDeleted { side, with_record })
    }

    /// Returns whether the request's records are new and still exist as far as the hub knows. An attempt whose answer
    /// was lost may have deleted them.
    fn is_new(&self) -> bool {
        self.attempt == Attempt::Fresh && is_new(self.request, self.now)
    }

    async fn cancel(&self, item: &ItemRef, hold: &Hold) -> lms::Result<()> {
        let by = self.request.cancellation.as_ref().map(|cancellation| cancellation.by);
        self.lms.cancel_hold(item, &hold.id, by).await
    }

    fn holder(&self, side: Side) -> lms::Result<&PatronId> {
        self.request.holder(side).ok_or_else(|| missing("who borrows it"))
    }

    fn lender_hold(&self) -> lms::Result<LenderHold> {
        let supply = supply(self.request)?;
        let local = self.request.workflow == Workflow::Local;
        Ok(LenderHold {
            request: self.request.id,
            item: real_item(supply),
            holder: self.holder(Side::Lender)?.clone(),
            library: supply.copy.library.clone(),
            item_type: supply.copy.item_type.clone(),
            needed_until: self.request.needed_until,
            pickup: local.then(|| self.request.pickup.clone()),
            volume: supply.copy.volume.label(),
            destination: (!local).then(|| self.request.pickup.name.clone()),
        })
    }

    /// Returns the patron's hold. If the patron collects elsewhere, the hold on the virtual item at home sends the item
    /// outside.
    fn patron_hold(&self, side: Side) -> lms::Result<PatronHold> {
        Ok(PatronHold {
            request: self.request.id,
            item: virtual_item(self.request, side)?,
            patron: self.holder(side)?.clone(),
            item_type: supply(self.request)?.copy.item_type.clone(),
            pickup: (side == self.request.pickup_role()).then(|| self.request.pickup.clone()),
            volume: self.request.supply.as_ref().and_then(|supply| supply.copy.volume.label()),
            pickup_code: self.pickup_code(side),
            attempts: self.attempts,
        })
    }

    /// Returns the patron's pickup code for a hold of a virtual patron. At home the hold is the patron's own.
    fn pickup_code(&self, side: Side) -> Option<PickupCode> {
        let patron = self.request.patron.verified.as_ref().filter(|_| side == Side::Pickup);
        patron.and_then(|patron| patron.pickup_code.clone())
    }

    fn wanted_item(&self, side: Side) -> lms::Result<VirtualItem> {
        let supply = supply(self.request)?;
        let here = virtual_side(self.request, side)?;
        Ok(VirtualItem {
            request: self.request.id,
            bib: here.bib.open().cloned().ok_or_else(|| missing("the virtual record"))?,
            holding: here.holding.open().cloned().ok_or_else(|| missing("the virtual holding"))?,
            agency: virtual_agency(self.request, side).cloned(),
            barcode: supply.copy.barcode.clone(),
            item_type: ItemType(supply.copy.item_type.0.clone()),
            volume: supply.copy.volume.clone(),
        })
    }
}

fn supply(request: &Request) -> lms::Result<&Supply> {
    request.supply.as_ref().ok_or_else(|| missing("the lender's copy"))
}

/// Returns whether the request's records were created within the last hour for an item that hasn't left its shelf.
fn is_new(request: &Request, now: Timestamp) -> bool {
    !request.is_dispatched() && now.duration_since(request.placed_at).abs() < JUST_MADE
}
