//! The heart of Consort: domain types and the pure workflow of a patron request.
//!
//! Nothing here does IO, reads a clock or draws randomness. [`decide()`] takes a [`Request`] and an [`Event`], and
//! returns the new request and the [`Effect`] that follows. The engine executes the effect, and its [`EffectResult`] is
//! the next event. The other events are [`Observed`], for the findings of polls, messages and the clock, and
//! [`Command`], for the commands of people.
//!
//! Inside, a decision is three small steps. Each is a file to read from top to bottom:
//!
//! 1. `record`: the event becomes facts of the request (a hold was placed, the virtual item is on loan). Facts only
//!    grow, so evidence may come late, twice or out of order. It has a file for each kind of event: `effect_results`,
//!    `observations` and `commands`.
//! 2. `transitions`: the status moves along the table of `docs/workflow.md` as far as the facts allow. A
//!    late observation implies the earlier ones, so one event may cause several transitions.
//! 3. `effects`: status and facts determine the one effect that is wanted next. A request has at most one open effect,
//!    so two can never contradict each other.
//!
//! ```
//! use lending::{EffectResult, PatronRefusal, Status, decide, example};
//!
//! let request = example::placed();
//! let refused = EffectResult::PatronRefused(PatronRefusal::Expired { on: Some("2025-01-31".into()) });
//! let decision = decide(&request, &refused.into(), example::noon());
//! let path: Vec<Status> = decision.transitions.iter().map(|t| t.to).collect();
//! assert_eq!(path, [Status::Cancelled, Status::Finalised], "nothing was made, so nothing is to be cleaned");
//! assert_eq!(decision.next.refusal.as_ref().unwrap().code, "PATRON_EXPIRED");
//! ```
//!
//! # How to add an effect
//!
//! 1. A variant in [`Effect`], with the side it acts on.
//! 2. The [`EffectResult`]s of its outcomes, and the facts that `record::effect_results` keeps of them.
//! 3. The place in `effects::next_effect` where facts and status call for it.
//! 4. A method of `lms::HostLms` that executes it, and its line in the engine's `perform`.
//!
//! The compiler then names every other place that must decide about it: no `match` over effects or events has a
//! wildcard arm.

mod account;
mod actions;
mod attention;
mod closure;
mod command;
mod copy;
mod copy_problem;
mod deadline;
mod decide;
mod derived;
mod effect;
mod effect_result;
mod effects;
mod event;
pub mod example;
mod expected_change;
mod held_copy;
mod hint;
mod hint_rules;
mod ids;
mod item_place;
mod lender_extension;
mod limits;
mod observation;
mod observed;
mod past_supply;
mod poll;
mod poll_interval;
mod priority;
mod queue;
mod record;
mod refusal;
mod request;
mod retention;
mod rules;
mod scan;
mod sides;
mod status;
pub mod supplier;
mod tally;
mod transitions;
mod volume;
mod volume_choice;
mod volume_label;
mod waiting;
mod wanted_title;

pub use account::{AccountLimits, PatronAccount, PatronLimits};
pub use attention::{Action, Attention, FailingPoll, StaffCase, StaffCaseCause, WaitingOn};
pub use closure::{Closure, ClosureBasis, ClosureResponse, ClosureSource, HoldEnd, response_to_closure};
pub use command::{CancelledBy, Command};
pub use copy::{Copy, CopyRef, ItemType, LONGEST_TITLE, Title};
pub use copy_problem::CopyProblem;
pub use deadline::{Deadline, deadlines};
pub use decide::{Decision, Transition, decide};
pub use effect::{Effect, Side};
pub use effect_result::EffectResult;
pub use event::Event;
pub use expected_change::{ChangeKind, expected_change};
pub use held_copy::{CopyState, HeldCopy};
pub use hint::{Hint, HoldChange, ItemSnapshot, LoanChange};
pub use hint_rules::{HintResult, interpret_hints};
pub use ids::{
    AgencyCode, Barcode, BibId, DeskCode, HoldId, HoldingId, InstitutionCode, ItemId, LONGEST_IDENTIFIER, LibraryCode,
    LoanId, LocationCode, NoIdentifier, PatronId, PersonName, PickupCode, PickupLocationCode, RequestId,
    check_identifier,
};
pub use lender_extension::LenderExtension;
pub use limits::{check_limits, is_duplicate, is_same_title_wanted};
pub use observation::{HoldState, ItemState, LoanState, Observation, ObservationSource};
pub use observed::Observed;
pub use past_supply::{ExpectedTerms, PastSupply};
pub use poll::{PollTarget, has_same_records, poll_target, poll_targets};
pub use poll_interval::{
    Coverage, ListBudget, ListContext, PollCase, PollContext, PollInterval, PollSettings, RARE_FACTOR, calls_to_read,
    large_list, list_factors, list_interval, poll_interval,
};
pub use priority::Priority;
pub use queue::{Case, NextStep, Queue, Wait, WaitLimits};
pub use refusal::{PatronRefusal, Refusal};
pub use request::{
    AgencyEvidence, Cancellation, Patron, PatronType, PickupLocation, Request, Settlement, ShownPatron, VerifiedPatron,
};
pub use retention::{ANONYMOUS, Erasure, KeptFor, erasure, scheduled_erasure};
pub use rules::{Calendar, Day, Rules};
pub use scan::{SCAN_MESSAGES, ScanAct, ScanMeaning};
pub use sides::{DueDates, EarlierSupply, Hold, Loan, Progress, Supply, Tracked, VirtualSide};
pub use status::{Condition, Outcome, Status, Workflow};
pub use tally::{Measure, Tally, tallies};
pub use transitions::transitions;
pub use volume::Volume;
pub use volume_choice::{check_volume, choose_volume};
pub use wanted_title::{TitleRef, TriedCopy, WantedTitle};
