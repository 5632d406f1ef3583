//! The meaning of a scan: what a library's staff should do with the item that they have just scanned.
//!
//! The meaning depends on the request as the hub knows it, and on the side at which the item is scanned. The hub never
//! concludes from such a scan alone that anything has happened: the library's own system shows that.

use crate::effect::Side;
use crate::queue::Queue;
use crate::request::{Request, Settlement};

/// The act that a scan stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ScanAct {
    /// The lender sends the item to the pickup library.
    Ship,
    /// The pickup library receives the item and puts it on the hold shelf.
    Receive,
    /// The item is on the hold shelf already; it goes back there.
    KeepOnHoldShelf,
    /// The patron brings the item back, and it goes home.
    Return,
    /// The item goes home without a loan.
    SendHome,
    /// The lender has the item back.
    CheckIn,
    /// The item belongs elsewhere; it goes on to the pickup library.
    SendOn,
    /// The library has nothing to do for this request.
    Nothing,
}

impl ScanAct {
    /// Every act.
    pub const ALL: [Self; 8] = [
        Self::Ship,
        Self::Receive,
        Self::KeepOnHoldShelf,
        Self::Return,
        Self::SendHome,
        Self::CheckIn,
        Self::SendOn,
        Self::Nothing,
    ];

    /// Returns its name, such as `keep_on_hold_shelf`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ship => "ship",
            Self::Receive => "receive",
            Self::KeepOnHoldShelf => "keep_on_hold_shelf",
            Self::Return => "return",
            Self::SendHome => "send_home",
            Self::CheckIn => "check_in",
            Self::SendOn => "send_on",
            Self::Nothing => "nothing",
        }
    }
}

/// The meaning of a scan: the act, and the sentence about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScanMeaning {
    /// What staff should do.
    pub act: ScanAct,
    /// The id of the sentence that explains it.
    pub message: &'static str,
}

/// The ids of all sentences about scans, with those about barcodes that belong to no request of the library.
pub const SCAN_MESSAGES: [&str; 18] = [
    "scan-ship",
    "scan-ship-turned-up",
    "scan-ship-again",
    "scan-wanted-at-pickup",
    "scan-home-from-loan",
    "scan-check-in",
    "scan-not-asked-yet",
    "scan-receive-unannounced",
    "scan-receive",
    "scan-shelve",
    "scan-keep-on-hold-shelf",
    "scan-return",
    "scan-clear-hold-shelf",
    "scan-send-home",
    "scan-found-after-settlement",
    "scan-ended-at-home",
    "scan-ended",
    "scan-ended-send-home",
];

const fn meaning(act: ScanAct, message: &'static str) -> ScanMeaning {
    ScanMeaning { act, message }
}

impl Request {
    /// Returns the meaning of a scan of its item at a library on this side.
    pub fn scan_meaning(&self, side: Side) -> ScanMeaning {
        if self.status.is_final() || self.status.is_ending() {
            return self.scan_of_an_ended_request(side);
        }
        match side {
            Side::Lender => self.scan_at_lender(),
            Side::Borrower if self.pickup_side.is_some() => self.scan_at_the_patrons_library(),
            Side::Borrower | Side::Pickup => self.scan_at_pickup(),
        }
    }

    fn scan_at_lender(&self) -> ScanMeaning {
        match self.queue() {
            Some(Queue::Pick | Queue::Send) => meaning(ScanAct::Ship, "scan-ship"),
            Some(Queue::CopyUnavailable) => meaning(ScanAct::Ship, "scan-ship-turned-up"),
            // Scanned a second time, or it has come back before anybody scanned it at the pickup library.
            Some(Queue::Receive) => meaning(ScanAct::Ship, "scan-ship-again"),
            Some(Queue::Shelve | Queue::OnHoldShelf) => meaning(ScanAct::SendOn, "scan-wanted-at-pickup"),
            Some(Queue::OnLoan) => meaning(ScanAct::CheckIn, "scan-home-from-loan"),
            Some(Queue::ClearHoldShelf | Queue::SendBack | Queue::CheckIn) => {
                meaning(ScanAct::CheckIn, "scan-check-in")
            }
            None => meaning(ScanAct::Nothing, "scan-not-asked-yet"),
        }
    }

    fn scan_at_pickup(&self) -> ScanMeaning {
        match self.queue() {
            Some(Queue::Pick | Queue::Send | Queue::CopyUnavailable) => {
                meaning(ScanAct::Receive, "scan-receive-unannounced")
            }
            Some(Queue::Receive) => meaning(ScanAct::Receive, "scan-receive"),
            Some(Queue::Shelve) => meaning(ScanAct::Receive, "scan-shelve"),
            Some(Queue::OnHoldShelf) => meaning(ScanAct::KeepOnHoldShelf, "scan-keep-on-hold-shelf"),
            Some(Queue::OnLoan) => meaning(ScanAct::Return, "scan-return"),
            Some(Queue::ClearHoldShelf) => meaning(ScanAct::SendHome, "scan-clear-hold-shelf"),
            Some(Queue::SendBack | Queue::CheckIn) => meaning(ScanAct::SendHome, "scan-send-home"),
            None => meaning(ScanAct::Nothing, "scan-not-asked-yet"),
        }
    }

    /// The patron's library isn't where the patron collects.
    fn scan_at_the_patrons_library(&self) -> ScanMeaning {
        match self.queue() {
            Some(Queue::OnLoan) => meaning(ScanAct::Return, "scan-return"),
            Some(Queue::ClearHoldShelf | Queue::SendBack | Queue::CheckIn) => {
                meaning(ScanAct::SendHome, "scan-send-home")
            }
            Some(_) => meaning(ScanAct::SendOn, "scan-wanted-at-pickup"),
            None => meaning(ScanAct::Nothing, "scan-not-asked-yet"),
        }
    }

    fn scan_of_an_ended_request(&self, side: Side) -> ScanMeaning {
        let was_sent = self.supply.as_ref().is_some_and(|supply| supply.dispatched);
        match (side, self.settlement) {
            (Side::Lender, Some(Settlement::Paid | Settlement::WrittenOff)) => {
                meaning(ScanAct::CheckIn, "scan-found-after-settlement")
            }
            (Side::Lender, None) if was_sent => meaning(ScanAct::CheckIn, "scan-ended-at-home"),
            (Side::Lender, None) => meaning(ScanAct::Nothing, "scan-ended"),
            (Side::Borrower | Side::Pickup, _) => meaning(ScanAct::SendHome, "scan-ended-send-home"),
        }
    }
}
