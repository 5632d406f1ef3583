//! The choice of the supplier: which copies of a title the hub asks for, and in which order.
//!
//! [`choose`] takes the consortium's [`SupplierPolicy`], the [`Wish`], the [`Candidate`] copies and the facts of their
//! [`Lender`]s. It works in three steps:
//!
//! 1. `filters` leave out the copies that can't supply the wish, each with the first reason that applies.
//! 2. `ranking` orders the others by their standing and by the policy's criteria.
//! 3. `choose` cuts the list to the policy's lengths. Each copy has one reason, in words for staff (`explanation`).

mod candidate;
mod choose;
mod explanation;
mod filters;
mod policy;
mod policy_check;
mod ranking;
mod record;
mod trial;

pub use candidate::{Balance, Candidate, Coordinates, Lender, Place, UnmappedType, Wish};
pub use choose::{Choice, LeftOutCopy, RankedCopy, choose};
pub use explanation::{DecidedBy, Reason, ReasonCode};
pub use policy::{Criterion, CriterionName, LenderTerms, SupplierPolicy, UnknownCopies};
pub use policy_check::PolicyProblem;
pub use ranking::{CriterionValue, Standing};
pub use record::ChoiceRecord;
pub use trial::{BeforeAndAfter, ChangedChoice, LenderName, PolicyTrial};
