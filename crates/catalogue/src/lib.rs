//! The shared catalogue: the records of all institutions, harvested, judged by rules, grouped and indexed.

mod copies;
mod rules;
mod settings;

pub use copies::{Copies, Copy, CopyField, CopyFields, HoldingField, ItemField};
pub use rules::{Condition, LEADER, Level, NO_COPIES, Property, Rule, Test, VIRTUAL, judge};
pub use settings::{HarvestSettings, SettingFault};
