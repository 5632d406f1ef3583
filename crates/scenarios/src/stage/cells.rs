//! The table of ends: every way in which a hold can end, on either side, in every live status.

use lending::{Side, Status};

use super::{Closed, Closure, LIVE, Stage};
use crate::failure::Result;
use crate::view::RequestView;

/// One cell of the table: a hold on `side` ends as `closure` while the request is `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Where the request stands.
    pub status: Status,
    /// Where the hold ends.
    pub side: Side,
    /// How.
    pub closure: Closure,
}

impl Cell {
    /// The whole table, status by status.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for status in LIVE {
            for side in [Side::Lender, Side::Borrower] {
                all.extend(Closure::ALL.map(|closure| Self { status, side, closure }));
            }
        }
        all
    }
}

/// What the hub made of a cell.
#[derive(Clone, Debug)]
pub struct Played {
    /// Statuses that followed before any more was done by staff; empty where it stayed.
    pub passed: Vec<String>,
    /// The request then.
    pub then: RequestView,
}

impl Stage {
    /// Brings a fresh request to the cell's status and ends the hold there; then lets the hub notice. What follows is to
    /// be played by [`Self::play_out`].
    ///
    /// # Errors
    /// As each step. A hold that can't end so is the inner error, with the reason.
    pub async fn play_cell(&mut self, cell: Cell) -> Result<Result<Played, &'static str>> {
        self.drive_to(cell.status).await?;
        let before = self.request().await?.passed().len();
        if let Closed::Impossible(why) = self.close(cell.side, cell.closure).await? {
            return Ok(Err(why));
        }
        let then = self.noticed().await?;
        let passed = then.passed().into_iter().skip(before).map(str::to_owned).collect();
        Ok(Ok(Played { passed, then }))
    }
}
