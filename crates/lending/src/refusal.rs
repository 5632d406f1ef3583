//! The reasons why a patron may not borrow: a code for programs and a sentence for librarians.

use serde::{Deserialize, Serialize};

use crate::ids::RequestId;

/// The reason why a request failed: a stable code and a sentence that a librarian understands.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable, such as `PATRON_EXPIRED`.
    pub code: String,
    /// One or two sentences: the problem, and how to solve it.
    pub explanation: String,
    /// The sentence for the patron, if the problem is the patron's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patron_message: Option<String>,
    /// Further reasons, each with its own code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_refusals: Vec<Self>,
}

impl Refusal {
    /// No other lender is left to ask.
    pub const NO_CANDIDATE_LEFT: &'static str = "NO_CANDIDATE_LEFT";
    /// The object of the effect doesn't exist any more.
    pub const GONE: &'static str = "GONE";
    /// The patron or virtual patron doesn't exist any more.
    pub const NO_SUCH_PATRON: &'static str = "NO_SUCH_PATRON";
    /// The virtual item is on somebody else's loan, which the hub doesn't end.
    pub const LENT_TO_ANOTHER: &'static str = "LENT_TO_ANOTHER";

    /// The virtual record isn't the hub's alone any more, so the hub leaves it to the library's staff.
    pub const LEFT_TO_STAFF: &'static str = "LEFT_TO_STAFF";

    /// Creates a refusal that staff read.
    pub fn new(code: impl Into<String>, explanation: impl Into<String>) -> Self {
        Self { code: code.into(), explanation: explanation.into(), patron_message: None, other_refusals: Vec::new() }
    }
}

/// The reason why the patron's own library doesn't let them borrow.
///
/// Source: the requirements page, "Patron verification" (record active, no active block of any of
/// the three kinds), and the Alma document `rest_user` for the fields behind it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum PatronRefusal {
    /// No such patron at the institution.
    Unknown,
    /// The patron's record is inactive.
    Inactive,
    /// The patron's record is deleted.
    Deleted,
    /// The patron's card has expired.
    Expired {
        /// The last day of validity, as the library's system gives it.
        on: Option<String>,
    },
    /// The patron has at least one active block.
    Blocked {
        /// What the library calls the blocks, such as "Unpaid bill".
        blocks: Vec<String>,
    },
    /// The hub knows no patron type for the patron's user group.
    UnmappedType {
        /// The user group as the library's system calls it.
        group: Option<String>,
    },
    /// The patron has as many open requests as the agency allows.
    TooManyRequests {
        /// How many it allows.
        most: u32,
    },
    /// The patron has an open request for the same copy.
    AlreadyRequested {
        /// Which.
        request: RequestId,
    },
    /// Several reasons at once.
    Several {
        /// Which, the weightiest first.
        causes: Vec<Self>,
    },
}

impl PatronRefusal {
    /// Combines the reasons; `None` if there are none.
    pub fn all(mut causes: Vec<Self>) -> Option<Self> {
        if causes.len() > 1 { Some(Self::Several { causes }) } else { causes.pop() }
    }

    /// Returns each reason separately.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::Several { causes } => causes,
            one => std::slice::from_ref(one),
        }
    }

    /// Returns the stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "PATRON_NOT_FOUND",
            Self::Inactive => "PATRON_INACTIVE",
            Self::Deleted => "PATRON_DELETED",
            Self::Expired { .. } => "PATRON_EXPIRED",
            Self::Blocked { .. } => "PATRON_BLOCKED",
            Self::UnmappedType { .. } => "PATRON_TYPE_UNMAPPED",
            Self::TooManyRequests { .. } => "TOO_MANY_REQUESTS",
            Self::AlreadyRequested { .. } => "DUPLICATE_REQUEST",
            Self::Several { causes } => causes.first().map_or("PATRON_REFUSED", Self::code),
        }
    }

    /// Returns the sentence for the patron.
    pub fn patron_message(&self) -> &'static str {
        match self {
            Self::Unknown | Self::Deleted => "Your library does not know this card. Please ask its staff.",
            Self::Inactive => "Your library account is not active. Please ask your library's staff.",
            Self::Expired { .. } => "Your library card has expired. Please have it renewed at your library.",
            Self::Blocked { .. } => "Your library account is blocked. Please ask your library's staff.",
            Self::UnmappedType { .. } => "Your library can't take the request for you yet. Please ask its staff.",
            Self::TooManyRequests { .. } => {
                "You have as many requests under way as your library allows. Please try again when one has ended."
            }
            Self::AlreadyRequested { .. } => "You have requested this item already.",
            Self::Several { causes } => causes.first().map_or("Please ask your library's staff.", Self::patron_message),
        }
    }

    /// Returns the refusal with its sentence.
    pub fn refusal(&self) -> Refusal {
        let explanation = match self {
            Self::Unknown => "The patron's library has no patron with this identifier. Check the identifier, and that it \
                 belongs to this library."
                .to_owned(),
            Self::Inactive => {
                "The patron's record at their library is inactive. The library must make it active before the patron can \
                 borrow."
                    .to_owned()
            }
            Self::Deleted => "The patron's record at their library has been deleted.".to_owned(),
            Self::Expired { on: Some(day) } => {
                format!("The patron's card expired on {day}. The patron's library must renew it first.")
            }
            Self::Expired { on: None } => "The patron's card has expired. The patron's library must renew it first.".to_owned(),
            Self::Blocked { blocks } if blocks.is_empty() => {
                "The patron is blocked at their library. The block must be lifted there first.".to_owned()
            }
            Self::Blocked { blocks } => format!(
                "The patron is blocked at their library: {}. The block must be lifted there first.",
                blocks.join("; ")
            ),
            Self::UnmappedType { group } => format!(
                "The hub has no patron type for the user group {} of the patron's library. Add the group to the \
                 institution's patron types.",
                group.as_deref().unwrap_or("(none)")
            ),
            Self::TooManyRequests { most } => format!(
                "The patron has {most} requests under way already, as many as the agency allows. One must end first."
            ),
            Self::AlreadyRequested { request } => {
                format!("The patron has an open request for this copy already: {request}.")
            }
            Self::Several { causes } => {
                let mut each = causes.iter().map(Self::refusal);
                let first = each.next().unwrap_or_else(|| Refusal::new(self.code(), "The patron may not borrow."));
                return Refusal { other_refusals: each.collect(), ..first };
            }
        };
        Refusal { patron_message: Some(self.patron_message().to_owned()), ..Refusal::new(self.code(), explanation) }
    }
}
