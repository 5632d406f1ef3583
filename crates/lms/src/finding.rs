//! Findings of a check of an institution's set-up, and the data that it compares with the library's system.

use std::collections::{BTreeMap, BTreeSet};

use lending::{AgencyCode, DeskCode, InstitutionCode, ItemType, LibraryCode, PatronType, PickupLocationCode};

/// The verdict of one check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// All is well.
    Ok,
    /// Something that the hub needs doesn't exist, or differs from the settings.
    Missing,
    /// The library's system gave no usable answer, so the check proves nothing.
    Unknown,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Missing, Self::Unknown];

    /// Returns its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the verdict with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// The result of one check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The subject of the check, such as `sharing_library`.
    pub subject: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The result if all is well; otherwise the problem and its solution.
    pub text: String,
}

impl Finding {
    /// Creates a finding without a problem.
    pub fn ok(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), verdict: Verdict::Ok, text: detail.into() }
    }

    /// Creates a finding of something that is missing or wrong.
    pub fn missing(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), verdict: Verdict::Missing, text: problem.into() }
    }

    /// Creates a finding for something that could not be read.
    pub fn unknown(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { subject: subject.into(), verdict: Verdict::Unknown, text: reason.into() }
    }
}

/// Counts the findings with this verdict.
pub fn count(findings: &[Finding], verdict: Verdict) -> usize {
    findings.iter().filter(|finding| finding.verdict == verdict).count()
}

/// The data about an institution that the hub keeps apart from its settings. A check compares them with the library's
/// system.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registration {
    /// The institution's agencies, each with its library if it has one.
    pub agencies: BTreeMap<AgencyCode, Option<LibraryCode>>,
    /// The patron types for which the agencies' rules set limits of accounts.
    pub limited_patron_types: BTreeMap<AgencyCode, BTreeSet<PatronType>>,
    /// The places in the institution where patrons collect.
    pub pickup_locations: Vec<RegisteredPickup>,
    /// The patron types of the other institutions' patrons, each with the institutions that have it.
    pub patron_types: BTreeMap<PatronType, BTreeSet<InstitutionCode>>,
    /// The item types of the other institutions' items, each with the institutions that have it.
    pub item_types: BTreeMap<ItemType, BTreeSet<InstitutionCode>>,
}

/// A pickup location as the hub keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisteredPickup {
    /// The hub's code for it.
    pub code: PickupLocationCode,
    /// The agency it belongs to.
    pub agency: AgencyCode,
    /// The library in the institution's system.
    pub library: LibraryCode,
    /// The desk, where a library has several hold shelves.
    pub desk: Option<DeskCode>,
}
