//! The work at the libraries' desks: the queue in which a request waits for somebody's hands, and the list that shows
//! that it waits too long.

use jiff::{SignedDuration, Timestamp};

use crate::attention::Attention;
use crate::copy_problem::CopyProblem;
use crate::effect::Side;
use crate::observation::{HoldState, ItemState};
use crate::request::Request;
use crate::sides::Progress;
use crate::status::{Condition, Status};

/// The pile of work in which a request waits. A request is in at most one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Queue {
    /// The lender takes the item from its shelf.
    Pick,
    /// The lender sends the item, which its staff have in hand or on the library's own hold shelf.
    Send,
    /// The lender can't send the copy now: it is lost, missing, out of service, or on loan to somebody else.
    CopyUnavailable,
    /// The pickup library scans the item in when it arrives.
    Receive,
    /// The pickup library puts the item on the hold shelf.
    Shelve,
    /// The patron collects the item from the hold shelf.
    OnHoldShelf,
    /// The patron has the item.
    OnLoan,
    /// The pickup library takes an item that nobody will collect from the hold shelf.
    ClearHoldShelf,
    /// The pickup library sends the item home.
    SendBack,
    /// The lender scans the item in when it comes home.
    CheckIn,
}

impl Queue {
    /// Every queue, in the order of a request's life.
    pub const ALL: [Self; 10] = [
        Self::Pick,
        Self::Send,
        Self::CopyUnavailable,
        Self::Receive,
        Self::Shelve,
        Self::OnHoldShelf,
        Self::OnLoan,
        Self::ClearHoldShelf,
        Self::SendBack,
        Self::CheckIn,
    ];

    /// Returns its name, such as `clear_hold_shelf`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pick => "pick",
            Self::Send => "send",
            Self::CopyUnavailable => "copy_unavailable",
            Self::Receive => "receive",
            Self::Shelve => "shelve",
            Self::OnHoldShelf => "on_hold_shelf",
            Self::OnLoan => "on_loan",
            Self::ClearHoldShelf => "clear_hold_shelf",
            Self::SendBack => "send_back",
            Self::CheckIn => "check_in",
        }
    }

    /// Returns the side whose staff work on it, or whose patron has the next move.
    pub const fn side(self) -> Side {
        match self {
            Self::Pick | Self::Send | Self::CopyUnavailable | Self::CheckIn => Side::Lender,
            Self::Receive | Self::Shelve | Self::OnHoldShelf | Self::OnLoan | Self::ClearHoldShelf | Self::SendBack => {
                Side::Pickup
            }
        }
    }

    /// Returns the wait of which it is a part.
    pub const fn wait(self) -> Wait {
        match self {
            Self::Pick | Self::Send | Self::CopyUnavailable => Wait::AtLender,
            Self::Receive => Wait::InTransit,
            Self::Shelve | Self::OnHoldShelf => Wait::OnShelf,
            Self::OnLoan => Wait::Overdue,
            Self::ClearHoldShelf | Self::SendBack | Self::CheckIn => Wait::Returning,
        }
    }
}

/// A wait that can take too long.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wait {
    /// The lender was asked and has not sent the item.
    AtLender,
    /// The item is on its way to the pickup library.
    InTransit,
    /// The item is at the pickup library and was not collected.
    OnShelf,
    /// The patron has the item. This wait runs from the due date.
    Overdue,
    /// The item is on its way home.
    Returning,
}

impl Wait {
    /// Every wait, in the order of a request's life.
    pub const ALL: [Self; 5] = [Self::AtLender, Self::InTransit, Self::OnShelf, Self::Overdue, Self::Returning];

    /// Returns its name, such as `in_transit`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtLender => "at_lender",
            Self::InTransit => "in_transit",
            Self::OnShelf => "on_shelf",
            Self::Overdue => "overdue",
            Self::Returning => "returning",
        }
    }
}

/// The days after which each wait takes too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitLimits {
    /// Days from the hold until the lender sends the item; default 3.
    pub at_lender: u16,
    /// Days on the way to the pickup library; default 7.
    pub in_transit: u16,
    /// Days at the pickup library; default 7.
    pub on_shelf: u16,
    /// Days after the due date; default 0.
    pub overdue: u16,
    /// Days on the way home; default 7.
    pub returning: u16,
    /// Days until a case should be settled; default 28.
    pub case: u16,
}

impl Default for WaitLimits {
    /// The limits of the "too long" reports that libraries of INN-Reach consortia know.
    fn default() -> Self {
        Self { at_lender: 3, in_transit: 7, on_shelf: 7, overdue: 0, returning: 7, case: 28 }
    }
}

impl WaitLimits {
    /// Returns the days of a wait.
    pub const fn days(self, wait: Wait) -> u16 {
        match wait {
            Wait::AtLender => self.at_lender,
            Wait::InTransit => self.in_transit,
            Wait::OnShelf => self.on_shelf,
            Wait::Overdue => self.overdue,
            Wait::Returning => self.returning,
        }
    }

    /// Returns the moment before which a wait must have begun to be too long now.
    pub fn before(self, wait: Wait, now: Timestamp) -> Timestamp {
        now.checked_sub(days(self.days(wait))).unwrap_or(Timestamp::MIN)
    }

    /// Returns until when a case that began at a time should be settled.
    pub fn case_deadline(self, since: Timestamp) -> Timestamp {
        since.checked_add(days(self.case)).unwrap_or(Timestamp::MAX)
    }
}

fn days(number: u16) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(number))
}

/// A trouble with the item that the libraries settle between them. A request can have several.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Case {
    /// Marked as lost at either side.
    Lost,
    /// The patron says that the item was returned, and the library hasn't got it.
    ClaimedReturned,
    /// Under way for too long.
    MissingInTransit,
    /// Missing at the pickup library, where it had arrived.
    MissingAtPickup,
    /// Came back damaged.
    Damaged,
}

impl Case {
    /// Every kind of case.
    pub const ALL: [Self; 5] =
        [Self::Lost, Self::ClaimedReturned, Self::MissingInTransit, Self::MissingAtPickup, Self::Damaged];

    /// Returns its name, such as `claimed_returned`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::ClaimedReturned => "claimed_returned",
            Self::MissingInTransit => "missing_in_transit",
            Self::MissingAtPickup => "missing_at_pickup",
            Self::Damaged => "damaged",
        }
    }

    /// Returns the side that has the next move: the one that must search, judge the damage or settle the loss.
    pub const fn acts(self) -> Side {
        match self {
            Self::Lost | Self::MissingInTransit | Self::Damaged => Side::Lender,
            Self::ClaimedReturned | Self::MissingAtPickup => Side::Pickup,
        }
    }

    fn is_of(self, request: &Request) -> bool {
        let has = |condition| request.conditions.contains(&condition);
        match self {
            Self::Lost => has(Condition::Lost),
            Self::ClaimedReturned => has(Condition::ClaimedReturned),
            Self::MissingInTransit => has(Condition::MissingInTransit),
            Self::MissingAtPickup => has(Condition::MissingAtPickup),
            Self::Damaged => request.damage.is_some(),
        }
    }
}

/// The step that a request waits for: who does what, and until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NextStep {
    /// What is to be done: the name of a queue, or `decide`.
    pub step: &'static str,
    /// Until when, where a date is agreed: the end of the time on the hold shelf, the due date.
    pub by: Option<Timestamp>,
}

impl Request {
    /// Returns the queue in which it waits; `None` while the hub or a patron's library prepares it, and after its end.
    pub fn queue(&self) -> Option<Queue> {
        match self.status {
            Status::RequestPlacedAtSupplyingAgency
            | Status::Confirmed
            | Status::RequestPlacedAtBorrowingAgency
            | Status::RequestPlacedAtPickupAgency => self.queue_at_lender(),
            Status::PickupTransit => Some(Queue::Receive),
            Status::ReceivedAtPickup => Some(Queue::Shelve),
            Status::ReadyForPickup => Some(self.queue_on_shelf()),
            Status::Loaned => Some(Queue::OnLoan),
            Status::ReturnTransit => Some(self.queue_on_the_way_home()),
            Status::SubmittedToDcb
            | Status::PatronVerified
            | Status::Resolved
            | Status::NotSuppliedCurrentSupplier
            | Status::NoItemsSelectableAtAnyAgency
            | Status::Completed
            | Status::Cancelled
            | Status::HandedOffAsLocal
            | Status::Finalised => None,
        }
    }

    fn queue_at_lender(&self) -> Option<Queue> {
        let supply = self.supply.as_ref()?;
        // A patron at the lender's desk has the item in hand; nobody picks or sends it.
        if self.expedited {
            return None;
        }
        if self.is_in_queue() {
            return Some(Queue::CopyUnavailable);
        }
        Some(match self.copy_problem() {
            Some(CopyProblem::OnOwnHoldShelf) => Queue::Send,
            Some(CopyProblem::Lost | CopyProblem::Missing | CopyProblem::Lent | CopyProblem::OutOfService) => {
                Queue::CopyUnavailable
            }
            None if supply.hold.open().is_some_and(|hold| hold.state == HoldState::InProcess) => Queue::Send,
            None => Queue::Pick,
        })
    }

    /// Only an item on the shelf waits for the patron: staff have yet to bring any other one there.
    fn queue_on_shelf(&self) -> Queue {
        let here = self.at_pickup();
        let hold = here.hold.open().map(|hold| hold.state);
        match (&here.item_state, hold) {
            (Some(ItemState::InTransit), _) | (None, Some(HoldState::InProcess)) => Queue::Receive,
            (Some(ItemState::OnHoldShelf), Some(HoldState::NotStarted))
            | (Some(ItemState::InPlace | ItemState::Requested), _)
            | (None, Some(HoldState::NotStarted)) => Queue::Shelve,
            _ => Queue::OnHoldShelf,
        }
    }

    fn queue_on_the_way_home(&self) -> Queue {
        let here = self.at_pickup();
        match here.item_state {
            Some(ItemState::OnHoldShelf) => Queue::ClearHoldShelf,
            // Scanned in at the pickup library, and not sent on yet.
            Some(ItemState::InPlace | ItemState::Requested) if here.progress >= Progress::Received => Queue::SendBack,
            _ => Queue::CheckIn,
        }
    }

    /// Returns the kinds of cases that it is; none after its end.
    pub fn cases(&self) -> Vec<Case> {
        if self.status.is_final() || self.status.is_ending() {
            return Vec::new();
        }
        Case::ALL.into_iter().filter(|case| case.is_of(self)).collect()
    }

    /// Returns since when it waits in its queue, by the facts of the request alone; on loan, when it is due.
    pub fn waits_since(&self) -> Option<Timestamp> {
        if self.queue()? == Queue::OnLoan { self.due() } else { Some(self.status_since) }
    }

    /// Returns when the patron must bring the item back, or the lender wants it back if that is known alone.
    pub fn due(&self) -> Option<Timestamp> {
        let at_lender = || self.supply.as_ref().and_then(|supply| supply.loan.open()).and_then(|loan| loan.due);
        self.at_pickup().loan.open().and_then(|loan| loan.due).or_else(at_lender)
    }

    /// Returns the step that it waits for; `None` while the hub works on it, and after its end.
    pub fn next_step(&self) -> Option<NextStep> {
        if matches!(self.attention, Attention::NeedsStaff { .. }) {
            return Some(NextStep { step: "decide", by: None });
        }
        let queue = self.queue()?;
        let by = match queue {
            Queue::OnHoldShelf => self.at_pickup().hold.open().and_then(|hold| hold.shelf_until),
            Queue::OnLoan => self.due(),
            Queue::Pick
            | Queue::Send
            | Queue::CopyUnavailable
            | Queue::Receive
            | Queue::Shelve
            | Queue::ClearHoldShelf
            | Queue::SendBack
            | Queue::CheckIn => None,
        };
        Some(NextStep { step: queue.name(), by })
    }
}
