//! Deadlines: the limits on how long a request may wait.

use serde::{Deserialize, Serialize};

use crate::request::Request;
use crate::status::{Status, Workflow};

/// A limit on one wait. The agency's rules set its length in open days.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deadline {
    /// The lender sends the item. After the deadline the hub asks the next lender.
    LenderAnswers,
    /// The item arrives at the pickup library. After the deadline staff search for it on both sides.
    ItemArrives,
    /// The item comes home. After the deadline staff search for it on both sides.
    ItemReturns,
    /// The lender's copy turns up that is lost or missing. After the deadline the hub asks the next lender.
    CopyReappears,
    /// The lender's copy comes back that is on loan to somebody else, or out of service. After the deadline the hub asks
    /// the next lender, if there is one.
    CopyReturns,
    /// The lender sends the item while the patron still has use for it. After the deadline the hub cancels the request.
    NoLongerNeeded,
}

impl Deadline {
    /// Every deadline.
    pub const ALL: [Self; 6] = [
        Self::LenderAnswers,
        Self::ItemArrives,
        Self::ItemReturns,
        Self::CopyReappears,
        Self::CopyReturns,
        Self::NoLongerNeeded,
    ];

    /// Returns its name, such as `lender_answers`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LenderAnswers => "lender_answers",
            Self::ItemArrives => "item_arrives",
            Self::ItemReturns => "item_returns",
            Self::CopyReappears => "copy_reappears",
            Self::CopyReturns => "copy_returns",
            Self::NoLongerNeeded => "no_longer_needed",
        }
    }
}

/// Returns the deadlines that run in the request's present status. They run from
/// [`Request::status_since`](crate::Request); a lender's deadline runs from the moment its hold was placed, that of a copy
/// from the moment the hub saw that it can't be sent.
pub fn deadlines(request: &Request) -> Vec<Deadline> {
    let mut running = Vec::new();
    if !request.is_dispatched() && !request.status.is_ending() && !request.status.is_final() {
        let held = request.supply.as_ref().is_some_and(|supply| supply.hold.is_open() && supply.refusal.is_none());
        // A lender can't send a copy for whose return the hub waits. Its days begin with the return.
        if held && request.workflow != Workflow::Local && !request.is_in_queue() {
            running.push(Deadline::LenderAnswers);
        }
        if request.needed_until.is_some() && request.cancellation.is_none() {
            running.push(Deadline::NoLongerNeeded);
        }
    }
    match request.copy_problem() {
        Some(problem) if problem.is_gone() => running.push(Deadline::CopyReappears),
        Some(_) if !request.candidates_without_supplier().is_empty() => running.push(Deadline::CopyReturns),
        Some(_) | None => {}
    }
    match request.status {
        Status::PickupTransit if request.missing_since.is_none() => running.push(Deadline::ItemArrives),
        Status::ReturnTransit if request.missing_since.is_none() => running.push(Deadline::ItemReturns),
        _ => {}
    }
    running
}
