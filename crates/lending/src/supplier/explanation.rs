//! The reasons for and against copies, as a stable code and in words for staff.

use serde::{Deserialize, Serialize};

use super::policy::CriterionName;

/// Why a copy has its place in the list, or none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// The code for programs.
    pub code: ReasonCode,
    /// One or two sentences for staff.
    pub explanation: String,
}

impl Reason {
    pub(super) fn new(code: ReasonCode, explanation: impl Into<String>) -> Self {
        Self { code, explanation: explanation.into() }
    }
}

/// The code of a reason.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCode {
    /// The hub asks for this copy first.
    BestCopy,
    /// The hub asks for this copy if the copies before it aren't supplied.
    LaterInOrder,
    /// Staff chose this copy.
    StaffChoice,
    /// Staff chose another copy.
    StaffChoseAnother,
    /// The request leaves this copy out, as a rule because its lender refused it.
    LeftOutByRequest,
    /// The lender had a hold for this request before and didn't supply.
    LenderTried,
    /// The copy has no barcode.
    CopyWithoutBarcode,
    /// The institution doesn't map the copy's item type.
    ItemTypeUnmapped,
    /// The library system doesn't allow the loan of the copy.
    CopyNotLendable,
    /// An institution that takes part has no counterpart for the copy's item type or the patron's type.
    TypeUnmapped,
    /// The copy's library is where the patron would collect it, and lends it there itself.
    PickupAtLender,
    /// The copy is another volume than the wanted one.
    VolumeDiffers,
    /// The record has no such volume.
    VolumeNotFound,
    /// Several volumes of the record may be the wanted one.
    VolumeAmbiguous,
    /// The hub knows no lender for the copy.
    LenderNotKnown,
    /// The lender doesn't lend to others.
    NotLending,
    /// The copy belongs to the patron's own library, whose patrons request its items there.
    OwnCopy,
    /// The lender has suspended its lending.
    LenderSuspended,
    /// The lender supplies as many requests as it allows.
    LenderAtLimit,
    /// The lender opens only after the copy is needed.
    LenderClosed,
    /// Whether the copy is available is unknown, and the policy doesn't ask for such copies.
    AvailabilityUnknown,
    /// The copy is on loan, and another copy is available.
    OthersAvailable,
    /// The copy is on loan, and the lender or the policy lets nobody wait for it.
    QueueNotAllowed,
    /// The copy is on loan, and as many requests wait for it as the lender allows.
    QueueTooLong,
    /// The copy is on loan, and due only after it is needed.
    ReturnsTooLate,
    /// The list has as many copies of this lender as the policy allows.
    EnoughOfLender,
    /// The list has as many copies as the policy allows.
    ListFull,
}

/// The step of the order that separates a copy from the one before it in the list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// One is available, and the other one may be or is on loan.
    Standing,
    /// A criterion of the policy.
    Criterion(CriterionName),
    /// A number made from the request and the copy, since both are equal by all criteria.
    Chance,
}
