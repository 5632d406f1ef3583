//! Ends holds at a library in all ways that Alma knows.
//!
//! Alma's API doesn't show its closure words (alma-api.md 9): the hold is gone from the active list, and item, loan and
//! webhook show the rest. So each closure is brought about by its cause.

use alma_sim::Mark;
use lending::Side;

use super::{Actor, Stage};
use crate::alma::{Hold, SHARING_LIBRARY, SimAlma};
use crate::failure::{Failure, Result};
use crate::view::RequestView;

/// A way in which a hold ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// Fulfilled: the item is lent to the holder.
    Completed,
    /// Fulfilled, and the item is back before anybody polls: in place, no loan.
    CompletedAndReturned,
    /// Cancelled by the patron or for them.
    Canceled,
    /// Expired: Alma's nightly job ends a hold past its last day of interest.
    Expired,
    /// Rejected: staff don't fulfil it.
    Rejected,
    /// No copy can fulfil it any more: the item is missing.
    Failed,
    /// Not collected in time: staff process the expired shelf, and the item stays there until it is scanned.
    HoldShelfExpired,
}

impl Closure {
    /// All ways: the six closure words of Alma, with Completed in two forms.
    pub const ALL: [Self; 7] = [
        Self::Completed,
        Self::CompletedAndReturned,
        Self::Canceled,
        Self::Expired,
        Self::Rejected,
        Self::Failed,
        Self::HoldShelfExpired,
    ];
}

/// The result of ending a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It has ended.
    Done,
    /// The hold can't end in this way here; the text gives the reason.
    Impossible(&'static str),
}

impl Stage {
    /// Ends the request's hold on one side as `closure`. The hub receives no message and has to notice it.
    ///
    /// At the lender a shelf can expire only after a scan at the sharing library by mistake, so that is done first.
    ///
    /// # Errors
    /// Alma refuses the action that should end it.
    pub async fn close(&self, side: Side, closure: Closure) -> Result<Closed> {
        let request = self.request().await?;
        let alma = self.alma_of(side, &request)?;
        let Some(hold) = alma.hold_of(self.id()?).await? else {
            return Ok(Closed::Impossible("the hold isn't there: it was never placed, or has ended"));
        };
        let copy = Copy::of(side, &request)?;
        self.narrate(
            if side == Side::Borrower { Actor::PickupLibrary } else { Actor::LendingLibrary },
            closure.description(),
        );
        match closure {
            Closure::Completed => fulfil(alma, &hold, &copy).await,
            Closure::CompletedAndReturned => match fulfil(alma, &hold, &copy).await? {
                Closed::Done => alma.take_back(&copy.barcode, &copy.home).await.map(|_| Closed::Done),
                impossible @ Closed::Impossible(_) => Ok(impossible),
            },
            Closure::Canceled => alma.cancel_hold(&hold.id, "CancelledAtPatronRequest").await.map(|()| Closed::Done),
            Closure::Rejected => alma.cancel_hold(&hold.id, "CannotBeFulfilled").await.map(|()| Closed::Done),
            Closure::Expired if hold.status == "ON_HOLD_SHELF" => {
                Ok(Closed::Impossible("a hold on the shelf ends by the shelf's own expiry"))
            }
            Closure::Expired => alma.lose_interest(&hold).await.map(|()| Closed::Done),
            Closure::Failed => alma.mark(&copy.barcode, Mark::Missing).await.map(|()| Closed::Done),
            Closure::HoldShelfExpired => expire_on_shelf(alma, &hold, &copy, side).await,
        }
    }
}

impl Closure {
    fn description(self) -> &'static str {
        match self {
            Self::Completed => "lends the item to whom the hold is for",
            Self::CompletedAndReturned => "lends the item to whom the hold is for and takes it back",
            Self::Canceled => "cancels the hold for the patron",
            Self::Expired => "lets the hold expire",
            Self::Rejected => "doesn't fulfil the hold",
            Self::Failed => "can't find the item",
            Self::HoldShelfExpired => "works off the expired hold shelf",
        }
    }
}

/// The item of a side, and the place where staff handle it.
struct Copy {
    barcode: String,
    /// The place at which a scan puts it in place.
    home: String,
}

impl Copy {
    fn of(side: Side, request: &RequestView) -> Result<Self> {
        let missing =
            || Failure::new(format!("There is no item at the {} yet: it is {}.", side.name(), request.stand()));
        match side {
            Side::Borrower => {
                let barcode = request.borrower.barcode.clone().ok_or_else(missing)?;
                Ok(Self { barcode, home: crate::alma::VIRTUAL_LIBRARY.to_owned() })
            }
            _ => {
                let copy = request.lender.as_ref().ok_or_else(missing)?;
                Ok(Self { barcode: copy.barcode.clone(), home: copy.library.clone() })
            }
        }
    }
}

/// Lends the item where a desk may do so: at the hold's pickup library while it is on the shelf there, else at home.
async fn fulfil(alma: &SimAlma, hold: &Hold, copy: &Copy) -> Result<Closed> {
    let library = if hold.status == "ON_HOLD_SHELF" { &hold.pickup_library } else { &copy.home };
    alma.lend(&copy.barcode, &hold.user, library).await.map(|_| Closed::Done)
}

async fn expire_on_shelf(alma: &SimAlma, hold: &Hold, copy: &Copy, side: Side) -> Result<Closed> {
    if hold.status != "ON_HOLD_SHELF" {
        if side == Side::Borrower {
            return Ok(Closed::Impossible("the item isn't on the hold shelf"));
        }
        alma.scan_in(&copy.barcode, SHARING_LIBRARY).await?;
    }
    alma.expire_on_shelf(&hold.id).await?;
    match alma.work_off_shelf().await? {
        0 => Err(Failure::new("The job found no hold whose time on the shelf is over.")),
        _ => Ok(Closed::Done),
    }
}
