//! The shared catalogue: the records of all institutions, harvested, judged by rules, grouped and indexed.

mod copies;
mod database;
mod digest;
mod error;
mod harvest;
mod keys;
mod packing;
mod prepare;
mod records;
mod report;
mod rules;
mod settings;
mod sources;
mod stored;

pub use copies::{Copies, Copy, CopyField, CopyFields, HoldingField, ItemField};
pub use database::Catalogue;
pub use error::Error;
pub use harvest::{Harvest, HarvestError};
pub use prepare::{Preparer, Raw};
pub use records::{Content, Incoming, Page, RecordState, SetAside};
pub use report::Report;
pub use rules::{Condition, LEADER, Level, NO_COPIES, Property, Rule, Test, VIRTUAL, judge};
pub use settings::{HarvestSettings, SettingFault};
pub use sources::{Kind, Run, RunState, SourceLease, SourceState};
pub use stored::{Counts, Member, Stored};
