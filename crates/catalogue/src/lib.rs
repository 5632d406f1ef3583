//! The shared catalogue: the records of all institutions, harvested, judged by rules, grouped and indexed.

mod copies;
mod database;
mod digest;
mod error;
mod explain;
mod harvest;
mod indexing;
mod keys;
mod load;
mod packing;
mod prepare;
mod records;
mod regroup;
mod report;
mod rules;
mod service;
mod settings;
mod sources;
mod stored;

pub use copies::{Copies, Copy, CopyField, CopyFields, HoldingField, ItemField};
pub use database::Catalogue;
pub use error::Error;
pub use explain::{Explanation, Mate};
pub use harvest::{Harvest, HarvestError};
pub use indexing::AgencyOf;
pub use load::LoadError;
pub use prepare::{Preparer, Raw};
pub use records::{Content, Incoming, Page, RecordState, SetAside};
pub use regroup::GroupingLease;
pub use report::Report;
pub use rules::{Condition, LEADER, Level, NO_COPIES, Property, Rule, Test, VIRTUAL, judge};
pub use service::{Opened, Running, Service, agencies};
pub use settings::{HarvestSettings, SettingFault};
pub use sources::{Kind, Run, RunState, SourceLease, SourceState};
pub use stored::{Counts, Member, Stored};
