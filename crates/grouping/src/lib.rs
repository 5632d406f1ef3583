//! Decides which bibliographic records describe one edition in one format. Pure: no IO, no clock, no randomness.
//!
//! 1. [`Keys::of`] takes from a record what is compared: identifiers, match keys, format.
//! 2. [`Keys::lookups`] gives the values by which a database finds the records that may belong to it.
//! 3. [`judge`] compares two records and says why they are one edition or not.
//! 4. [`Regrouping`] collects the records that a change affects and puts them into groups. No two records in a group
//!    contradict each other, and the groups don't depend on the order in which records came.
//! 5. [`assign_ids`] keeps the ids of groups as they merge and split.
//! 6. [`quality`] helps to choose the record that is shown for a group.
//!
//! docs/grouping.md explains the rule to cataloguers.
//!
//! ```
//! use grouping::{Keys, judge};
//! use marc::{CompactRecord, Record};
//!
//! let record = |isbn, date| {
//!     let record = Record::builder()
//!         .data("020", ' ', ' ', [('a', isbn)])
//!         .data("245", '1', '0', [('a', "Emma /"), ('c', "Jane Austen.")])
//!         .data("260", ' ', ' ', [('b', "Penguin Books,"), ('c', date)]);
//!     Keys::of(&CompactRecord::from(&record.build()))
//! };
//! let one = judge(&record("0141439580", "2003."), &record("9780141439587", "c2003."));
//! assert!(one.is_same());
//! assert!(one.to_string().starts_with("one edition: same ISBN 9780141439587, "), "{one}");
//! let other = judge(&record("0141439580", "2003."), &record("9780141439587", "2015."));
//! assert_eq!(other.to_string(), "different publications: dates differ");
//! ```

mod compare;
mod groups;
mod ids;
mod judge;
mod keys;
mod lookup;
mod quality;
mod regroup;
mod text;

pub use compare::{Agreement, Aspect};
pub use groups::group;
pub use ids::{Assignment, assign_ids};
pub use judge::{Judgement, Reason, Verdict, judge};
pub use keys::{Keys, Numbers};
pub use lookup::{LARGEST_BLOCK, Lookup, LookupKind};
pub use quality::quality;
pub use regroup::{LARGEST_COMPONENT, Regrouped, Regrouping};
