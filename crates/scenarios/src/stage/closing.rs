//! The ways in which a hold ends at a library, made to look as Alma shows them.
//!
//! Alma's closure words are none that its API shows (alma-api.md 9): the hold is gone from the active list, and item,
//! loan and webhook tell the rest. So each is brought about by what causes it.

use alma_sim::Mark;
use lending::Side;

use super::{Actor, Stage};
use crate::alma::{Hold, SHARING_LIBRARY, SimAlma};
use crate::failure::{Failure, Result};
use crate::view::RequestView;

/// How a hold ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// Fulfilled: the item is lent to whom the hold is for.
    Completed,
    /// Fulfilled, and the item is back before anybody looked: in place, no loan.
    CompletedAndReturned,
    /// Cancelled by the patron or for them.
    Canceled,
    /// Nobody was interested any more: Alma's nightly job.
    Expired,
    /// Staff don't fulfil it.
    Rejected,
    /// No copy can fulfil it any more: the item is missing.
    Failed,
    /// It wasn't collected in time: the shelf is worked off, the item stays there until it is scanned.
    HoldShelfExpired,
}

impl Closure {
    /// Every way; the six closure words of Alma, Completed in two.
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

/// What came of ending a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It has ended.
    Done,
    /// It can't end so here, since…
    Impossible(&'static str),
}

impl Stage {
    /// Ends the request's hold on one side as `closure`. The hub isn't reported; it has to notice.
    ///
    /// At the lender a shelf can expire only after a scan at the sharing library by mistake, so that is done first.
    ///
    /// # Errors
    /// Alma refuses what should bring it about.
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

/// The item of a side, and where staff handle it.
struct Copy {
    barcode: String,
    /// Where a scan puts it in place.
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

/// Lends the item where a desk may: the hold's pickup library while it is on the shelf there, else at home.
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
