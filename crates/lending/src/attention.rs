//! What a request waits for. It is shown beside the status; there is no error status.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::closure::Closure;
use crate::effect::{Effect, Side};

/// The party that the request waits for, or the decision that staff must make.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Attention {
    /// Nothing: the hub itself is at work, or the request has ended.
    #[default]
    None,
    /// Somebody or something else has the next move.
    Waiting {
        /// Who has the next move.
        on: WaitingOn,
        /// Since when.
        since: Timestamp,
        /// When the hub tries again, if the request waits for a retry.
        next_try: Option<Timestamp>,
        /// One sentence, for staff.
        reason: String,
    },
    /// A person must decide or act. The hub keeps polling both sides meanwhile.
    NeedsStaff {
        /// A stable code, such as `PLACE_HOLD_AT_BORROWER_REFUSED`.
        code: String,
        /// What happened and what it means, for staff.
        explanation: String,
        /// The actions that staff may take.
        actions: Vec<Action>,
        /// The open effect whose answers prove nothing, if that is the problem. The hub keeps retrying it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unexplained: Option<Effect>,
    },
}

/// A problem that only staff can solve.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct StaffCase {
    /// Why staff are asked.
    pub cause: StaffCaseCause,
    /// What happened and what it means, for staff.
    pub explanation: String,
}

impl StaffCase {
    /// Returns the case of a patron's hold that ended in the library's own system while the request needs it.
    pub(crate) fn of_ended_hold(side: Side, closure: Closure) -> Self {
        let word = closure.name();
        let explanation = format!(
            "The patron's hold ended in the library's own system ({word}). Place it again with \"resume\", or cancel the \
             request."
        );
        Self { cause: StaffCaseCause::HoldEnded(side, closure), explanation }
    }
}

/// The reason why staff must act.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StaffCaseCause {
    /// A library's system refused the effect.
    EffectRefused(Effect),
    /// The virtual item on this side was deleted in the library's own system while it was needed.
    VirtualItemDeleted(Side),
    /// The patron's hold on this side ended in the library's own system.
    HoldEnded(Side, Closure),
    /// The lender has not sent the item after all, and no other library is left to ask.
    NotSent,
}

impl StaffCaseCause {
    /// Returns a stable code, such as `PLACE_HOLD_AT_BORROWER_REFUSED`.
    pub fn code(self) -> String {
        match self {
            Self::EffectRefused(effect) => format!("{}_REFUSED", effect.name().to_uppercase()),
            Self::VirtualItemDeleted(side) => format!("VIRTUAL_ITEM_DELETED_AT_{}", side.name().to_uppercase()),
            Self::HoldEnded(side, closure) => {
                format!("HOLD_{}_AT_{}", closure.name().to_uppercase(), side.name().to_uppercase())
            }
            Self::NotSent => "NOT_SENT_BY_LENDER".to_owned(),
        }
    }

    /// Returns whether a library's system refused to stop the patron's renewals.
    pub(crate) fn is_refused_denial(self) -> bool {
        matches!(self, Self::EffectRefused(Effect::DenyRenewal(_)))
    }

    /// Returns the effect that isn't repeated until staff resume the request, where there is one.
    pub fn blocked_effect(self) -> Option<Effect> {
        match self {
            Self::EffectRefused(effect) => Some(effect),
            Self::VirtualItemDeleted(side) => Some(Effect::CreateVirtualItem(side)),
            Self::HoldEnded(..) | Self::NotSent => None,
        }
    }
}

/// A series of failed polls of one side.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct FailingPoll {
    /// Since when.
    pub since: Timestamp,
    /// Why, for staff.
    pub reason: String,
}

/// The party that has the next move.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingOn {
    /// Staff of the lending library, to send the item or to take it back.
    LendingLibrary,
    /// Staff of the pickup library, to receive the item.
    PickupLibrary,
    /// The patron, to collect or to return.
    Patron,
    /// The lender's library system, which doesn't answer now.
    LenderSystem,
    /// The borrower's library system, which doesn't answer now.
    BorrowerSystem,
    /// The pickup library's system, which doesn't answer now.
    PickupSystem,
}

impl WaitingOn {
    /// Returns the system on `side`.
    pub fn system(side: Side) -> Self {
        match side {
            Side::Lender => Self::LenderSystem,
            Side::Borrower => Self::BorrowerSystem,
            Side::Pickup => Self::PickupSystem,
        }
    }

    /// Returns its name, such as `lending_library`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LendingLibrary => "lending_library",
            Self::PickupLibrary => "pickup_library",
            Self::Patron => "patron",
            Self::LenderSystem => "lender_system",
            Self::BorrowerSystem => "borrower_system",
            Self::PickupSystem => "pickup_system",
        }
    }
}

/// An action of staff on a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Retry the refused effect, now that its cause is fixed.
    Resume,
    /// Cancel the request.
    Cancel,
    /// Ask the next lender.
    NextSupplier,
    /// Ask a lender that staff choose.
    ChooseSupplier,
    /// Let the patron collect elsewhere.
    ChangePickup,
    /// The item has been found.
    ReportFound,
    /// The item came back damaged.
    ReportDamage,
    /// The loss is settled: paid for, or written off.
    SettleLoss,
    /// End the request by hand.
    End,
    /// Take the last action back.
    Undo,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 10] = [
        Self::Resume,
        Self::Cancel,
        Self::NextSupplier,
        Self::ChooseSupplier,
        Self::ChangePickup,
        Self::ReportFound,
        Self::ReportDamage,
        Self::SettleLoss,
        Self::End,
        Self::Undo,
    ];

    /// Returns its name, such as `next_supplier`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::NextSupplier => "next_supplier",
            Self::ChooseSupplier => "choose_supplier",
            Self::ChangePickup => "change_pickup",
            Self::ReportFound => "report_found",
            Self::ReportDamage => "report_damage",
            Self::SettleLoss => "settle_loss",
            Self::End => "end",
            Self::Undo => "undo",
        }
    }
}
