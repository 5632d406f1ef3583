//! The consortium's policy for the choice of the supplier. It is data: an administrator changes it while the hub runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::AgencyCode;

/// The rules by which the hub chooses among copies that several libraries hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupplierPolicy {
    /// The criteria, the weightiest first. A criterion decides only between copies that are equal by all before it.
    pub criteria: Vec<Criterion>,
    /// Whether a request may wait for a copy that is on loan if no other copy is available. The lender's own rules must
    /// allow it too (`longest_queue`).
    pub queue_on_lent_copies: bool,
    /// Whether the hub asks for copies whose availability it doesn't know, and when.
    pub unknown_copies: UnknownCopies,
    /// The age in minutes from which an answer about availability counts as unknown.
    pub oldest_answer_minutes: u32,
    /// The largest number of copies that a request gets at a time.
    pub most_copies: u32,
    /// The largest number of these copies that are of one lender.
    pub most_copies_per_lender: u32,
    /// The terms that the consortium sets for its lenders, by agency.
    pub lenders: BTreeMap<AgencyCode, LenderTerms>,
}

impl Default for SupplierPolicy {
    fn default() -> Self {
        Self {
            criteria: vec![
                Criterion::OwnLibrary {},
                Criterion::Availability { days_per_waiting_request: default_days_per_waiting_request() },
                Criterion::Distance { step_km: default_step_km() },
                Criterion::Load { step: default_load_step() },
            ],
            queue_on_lent_copies: true,
            unknown_copies: UnknownCopies::BeforeLent,
            oldest_answer_minutes: 24 * 60,
            most_copies: 10,
            most_copies_per_lender: 3,
            lenders: BTreeMap::new(),
        }
    }
}

impl SupplierPolicy {
    /// Returns the period in days over which loans are counted for the balance; `None` if the policy doesn't use it.
    pub fn balance_days(&self) -> Option<u32> {
        self.criteria.iter().find_map(|criterion| match criterion {
            Criterion::Balance { days, .. } => Some(*days),
            _ => None,
        })
    }
}

/// The hub's treatment of copies whose availability it doesn't know: the library's system didn't answer in time, its
/// last answer is old, or the hub can't reach it now.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownCopies {
    /// The hub doesn't ask for them.
    Never,
    /// The hub asks for them after the copies that are available, and before it waits for a copy on loan.
    BeforeLent,
    /// The hub asks for them last.
    Last,
}

/// The terms that the consortium sets for a lender.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LenderTerms {
    /// The cost of one loan, in a unit of the consortium's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<u32>,
    /// The name of its preference group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// A criterion with its settings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Criterion {
    /// A copy that can be sent sooner comes first: by its due date, and by the number of requests that wait for it.
    Availability {
        /// The days that each waiting request is expected to take.
        #[serde(default = "default_days_per_waiting_request")]
        days_per_waiting_request: u32,
    },
    /// The patron's own library comes first, where its rules let its patrons request its own items.
    OwnLibrary {},
    /// The nearest lender to the pickup location comes first.
    Distance {
        /// Distances within one step count as equal, in kilometres.
        #[serde(default = "default_step_km")]
        step_km: u32,
    },
    /// A lender in the region of the pickup location comes first.
    Region {},
    /// The lender that has lent least in comparison with what its patrons have borrowed comes first.
    Balance {
        /// The period in days, up to now, in which loans count.
        #[serde(default = "default_balance_days")]
        days: u32,
        /// Differences within one step count as equal, in loans.
        #[serde(default = "default_balance_step")]
        step: u32,
    },
    /// The cheapest lender comes first, by the policy's `lenders`.
    Cost {},
    /// Lenders of the group that is named first come first.
    Preference {
        /// The names of the groups, the preferred one first.
        groups: Vec<String>,
    },
    /// The lender with the fewest requests that its staff still have to send comes first.
    Load {
        /// Numbers within one step count as equal, in requests.
        #[serde(default = "default_load_step")]
        step: u32,
    },
    /// The lender that opens soonest comes first.
    Calendar {},
}

impl Criterion {
    /// Returns its name.
    pub fn name(&self) -> CriterionName {
        match self {
            Self::Availability { .. } => CriterionName::Availability,
            Self::OwnLibrary {} => CriterionName::OwnLibrary,
            Self::Distance { .. } => CriterionName::Distance,
            Self::Region {} => CriterionName::Region,
            Self::Balance { .. } => CriterionName::Balance,
            Self::Cost {} => CriterionName::Cost,
            Self::Preference { .. } => CriterionName::Preference,
            Self::Load { .. } => CriterionName::Load,
            Self::Calendar {} => CriterionName::Calendar,
        }
    }
}

/// The name of a criterion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "`Criterion` says what they mean")]
pub enum CriterionName {
    Availability,
    OwnLibrary,
    Distance,
    Region,
    Balance,
    Cost,
    Preference,
    Load,
    Calendar,
}

impl CriterionName {
    /// Returns the name as a policy has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::OwnLibrary => "own_library",
            Self::Distance => "distance",
            Self::Region => "region",
            Self::Balance => "balance",
            Self::Cost => "cost",
            Self::Preference => "preference",
            Self::Load => "load",
            Self::Calendar => "calendar",
        }
    }
}

fn default_days_per_waiting_request() -> u32 {
    28
}

fn default_step_km() -> u32 {
    25
}

fn default_balance_days() -> u32 {
    90
}

fn default_balance_step() -> u32 {
    10
}

fn default_load_step() -> u32 {
    5
}
