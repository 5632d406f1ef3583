//! Performs all actions of staff that are needed until the request has ended and nothing is left.

use alma_sim::Mark;
use lending::{Side, Status};

use super::{Actor, Stage};
use crate::failure::{Failure, Result};
use crate::view::RequestView;

/// The limit on the number of staff actions. No request takes so many.
const MOST_ACTS: usize = 24;

/// The next action of staff.
enum Next {
    Send,
    Receive,
    Lend,
    Return,
    TakeBack,
    CancelAtHub,
    ResumeAtHub,
    /// None: the hub has yet to notice a change, or to act.
    Wait,
}

impl Stage {
    /// Plays the request out. Staff do their part for the status, decide where the hub asks them, and put the items
    /// back on their shelves. Then both sides must be clean. Returns the ended request.
    ///
    /// # Errors
    /// Something is left, or the actions of staff have no effect.
    pub async fn play_out(&mut self) -> Result<RequestView> {
        self.release().await?;
        let mut resumed = Vec::new();
        for _ in 0..MOST_ACTS {
            let request = self.settled_or_staff().await?;
            if request.is(Status::Finalised) {
                self.put_back(&request).await?;
                self.clean_on_both_sides().await?;
                return Ok(request);
            }
            match self.next_act(&request, &mut resumed).await? {
                Next::Send => self.lender_sends().await?,
                Next::Receive => self.pickup_receives().await?,
                Next::Lend => self.pickup_lends().await?,
                Next::Return => self.patron_returns().await?,
                Next::TakeBack => self.lender_takes_back().await?,
                Next::CancelAtHub => {
                    self.narrate(Actor::HubStaff, "cancels the request");
                    self.hub.cancel(self.id()?, "staff", "can't be supplied").await?;
                }
                Next::ResumeAtHub => {
                    self.narrate(Actor::HubStaff, "has the hub try again");
                    self.hub.resume(self.id()?).await?;
                }
                Next::Wait => {}
            }
            let version = request.version;
            self.until_that(&format!("go on from {}", request.status), |now| now.version > version).await?;
        }
        Err(Failure::new(format!("The request didn't end: it is {}.", self.request().await?.stand())))
    }

    async fn settled_or_staff(&mut self) -> Result<RequestView> {
        self.until_that("come to rest", |request| !request.is_busy() || request.needs_staff()).await
    }

    /// Returns the next action of staff. At the hub they fix the cause and retry, and cancel if that has not helped. In
    /// the libraries they do what the status waits for.
    async fn next_act(&self, request: &RequestView, resumed: &mut Vec<String>) -> Result<Next> {
        if request.needs_staff() {
            let may = |action: &str| request.attention.actions.iter().any(|offered| offered == action);
            let code = request.attention.code.clone().unwrap_or_default();
            if may("resume") && !resumed.contains(&code) {
                self.find_missing(request).await?;
                resumed.push(code);
                return Ok(Next::ResumeAtHub);
            }
            return if may("cancel") {
                Ok(Next::CancelAtHub)
            } else {
                Err(Failure::new(format!("Staff can't help: it is {}.", request.stand())))
            };
        }
        let id = self.id()?;
        let held_at_lender = match self.lender_of(request) {
            Ok(alma) => alma.hold_of(id).await?.is_some(),
            Err(_) => false,
        };
        let held_at_borrower = self.borrower.hold_of(id).await?.is_some();
        let status = |wanted: Status| request.is(wanted);
        if status(Status::RequestPlacedAtBorrowingAgency) {
            return Ok(if held_at_lender && held_at_borrower { Next::Send } else { Next::Wait });
        }
        if status(Status::PickupTransit) || status(Status::ReceivedAtPickup) {
            return Ok(if held_at_borrower { Next::Receive } else { Next::Wait });
        }
        if status(Status::ReadyForPickup) {
            return Ok(if held_at_borrower { Next::Lend } else { Next::Wait });
        }
        if status(Status::Loaned) {
            let lent = match &request.borrower.barcode {
                Some(barcode) => self.borrower.loan_of(barcode).await?.is_some(),
                None => false,
            };
            return Ok(if lent { Next::Return } else { Next::Wait });
        }
        if status(Status::ReturnTransit) {
            return Ok(if self.is_away(request).await? { Next::TakeBack } else { Next::Wait });
        }
        Ok(Next::Wait)
    }

    /// Lets an item that was missing at the lender turn up.
    async fn find_missing(&self, request: &RequestView) -> Result<()> {
        let Some(copy) = &request.lender else { return Ok(()) };
        let alma = self.lender_of(request)?;
        match alma.find_item(&copy.barcode).await? {
            Some(item) if item.process_type == "MISSING" => {
                self.narrate(Actor::LendingLibrary, "finds that the item isn't missing");
                alma.mark(&copy.barcode, Mark::Found).await
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the lender's item isn't on its shelf.
    async fn is_away(&self, request: &RequestView) -> Result<bool> {
        let alma = self.alma_of(Side::Lender, request)?;
        let Some(copy) = &request.lender else { return Ok(false) };
        let item = alma.find_item(&copy.barcode).await?;
        Ok(item.is_some_and(|item| !item.process_type.is_empty()))
    }

    /// Brings home items that no longer concern the hub: staff scan them in there.
    async fn put_back(&self, request: &RequestView) -> Result<()> {
        let copies = self.wish.iter().flat_map(|wish| &wish.copies);
        for (lender, barcode) in copies {
            let Some(alma) = self.lenders.get(*lender) else { continue };
            let Some(item) = alma.find_item(barcode).await? else { continue };
            if !item.process_type.is_empty() {
                self.narrate(
                    Actor::LendingLibrary,
                    format!("puts {barcode} back on its shelf after {}", request.status),
                );
                alma.scan_in(barcode, &item.library).await?;
            }
        }
        Ok(())
    }
}
