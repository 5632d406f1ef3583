//! The reasons why a patron may not borrow: a code for programs and a sentence for librarians.

use serde::{Deserialize, Serialize};

use crate::ids::{AgencyCode, RequestId};

/// The reason why a request failed: a stable code and a sentence that a librarian understands.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable, such as `PATRON_EXPIRED`.
    pub code: String,
    /// One or two sentences: the problem, and how to solve it.
    pub explanation: String,
    /// The agency to which the patron belongs, if the request named another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<Box<AgencyCode>>,
    /// Further reasons, each with its own code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_refusals: Vec<Self>,
}

impl Refusal {
    /// No library can lend the wanted title now.
    pub const NO_COPY_OF_TITLE: &'static str = "NO_COPY_OF_TITLE";
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
        Self { code: code.into(), explanation: explanation.into(), agency: None, other_refusals: Vec::new() }
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
    /// The patron's record is a contact (Alma's record type CONTACT), which can't borrow.
    Contact,
    /// The patron belongs to another agency of the same institution than the request names.
    OtherAgency {
        /// The patron's agency.
        agency: AgencyCode,
    },
    /// No agency is named for the campus in the patron's record.
    UnmappedCampus {
        /// The campus as the library's system calls it.
        campus: Option<String>,
    },
    /// The patron has as many loans as their library allows.
    LoanLimit {
        /// The number of loans.
        loans: u32,
        /// The limit.
        most: u32,
    },
    /// The patron has as many requests at their own library as it allows.
    RequestLimit {
        /// The number of requests.
        requests: u32,
        /// The limit.
        most: u32,
    },
    /// The patron has more overdue items than their library tolerates.
    Overdue {
        /// The number of overdue items.
        items: u32,
        /// The limit.
        most: u32,
    },
    /// The patron owes more than their library tolerates.
    Fees {
        /// The limit, in whole units of the library's currency.
        most: u32,
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
    /// No item can wait for the patron at the pickup location.
    NoHoldShelf {
        /// The name of the pickup location.
        pickup: String,
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
            Self::Contact => "PATRON_IS_CONTACT",
            Self::OtherAgency { .. } => "PATRON_OF_OTHER_AGENCY",
            Self::UnmappedCampus { .. } => "PATRON_CAMPUS_UNMAPPED",
            Self::LoanLimit { .. } => "PATRON_LOAN_LIMIT",
            Self::RequestLimit { .. } => "PATRON_REQUEST_LIMIT",
            Self::Overdue { .. } => "PATRON_OVERDUE",
            Self::Fees { .. } => "PATRON_FEES",
            Self::UnmappedType { .. } => "PATRON_TYPE_UNMAPPED",
            Self::TooManyRequests { .. } => "TOO_MANY_REQUESTS",
            Self::AlreadyRequested { .. } => "DUPLICATE_REQUEST",
            Self::NoHoldShelf { .. } => "PICKUP_WITHOUT_HOLD_SHELF",
            Self::Several { causes } => causes.first().map_or("PATRON_REFUSED", Self::code),
        }
    }

    /// Returns the refusal with its sentence for staff.
    pub fn refusal(&self) -> Refusal {
        if let Self::Several { causes } = self {
            let mut each = causes.iter().map(Self::refusal);
            let first = each.next().unwrap_or_else(|| Refusal::new(self.code(), "The patron may not borrow."));
            return Refusal { other_refusals: each.collect(), ..first };
        }
        let explanation = self.account_explanation().unwrap_or_else(|| self.record_explanation());
        let agency = match self {
            Self::OtherAgency { agency } => Some(Box::new(agency.clone())),
            _ => None,
        };
        Refusal { agency, ..Refusal::new(self.code(), explanation) }
    }

    /// Returns the sentence for a librarian if the reason is a limit of the patron's account.
    fn account_explanation(&self) -> Option<String> {
        let explanation = match self {
            Self::LoanLimit { loans, most } => format!(
                "The patron's library allows {most} loans (rule max_loans); the patron has {loans}. One must be returned first."
            ),
            Self::RequestLimit { requests, most } => format!(
                "The patron's library allows {most} requests (rule max_library_requests); the patron has {requests} there. \
                 One must end first."
            ),
            Self::Overdue { items, most } => format!(
                "Overdue items of the patron: {items}; their library tolerates {most} (rule max_overdue). They must be \
                 returned or renewed first."
            ),
            Self::Fees { most } => format!(
                "The patron owes more than {most}, the most that their library tolerates (rule max_fees). The fees must \
                 be paid first."
            ),
            _ => return None,
        };
        Some(explanation)
    }

    /// Returns the sentence for a librarian if the reason is the patron's record, or another request.
    fn record_explanation(&self) -> String {
        match self {
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
            Self::Contact => "The patron's record at their library is a contact (record type CONTACT), which can't borrow. The \
                 library must create a patron record first."
                .to_owned(),
            Self::OtherAgency { agency } => format!(
                "By the campus in the record, the patron belongs to the agency {agency}. Place the request for that agency."
            ),
            Self::UnmappedCampus { campus } => format!(
                "No agency is named for the campus {} of the patron's record. Correct the record, or add the campus to the \
                 institution's campus_agencies.",
                campus.as_deref().unwrap_or("(none)")
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
            Self::NoHoldShelf { pickup } => format!(
                "Nothing can wait for the patron at the pickup location {pickup}: its library or desk has no hold shelf in \
                 the library's system. Name another pickup location, or let a desk of that library have a hold shelf."
            ),
            Self::LoanLimit { .. }
            | Self::RequestLimit { .. }
            | Self::Overdue { .. }
            | Self::Fees { .. }
            | Self::Several { .. } => "The patron may not borrow.".to_owned(),
        }
    }
}
