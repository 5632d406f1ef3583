//! The sentences for the reasons why a patron may not borrow, and for the faults of a new request.

use crate::message::Message;

impl Message {
    /// Returns the sentence for a refusal by its code, such as `PATRON_EXPIRED`; `None` if the reason isn't the patron's own.
    pub fn of_refusal(code: &str) -> Option<Self> {
        Some(Self::plain(match code {
            "PATRON_NOT_FOUND" | "PATRON_DELETED" => "account-unknown",
            "PATRON_INACTIVE" => "account-inactive",
            "PATRON_EXPIRED" => "account-expired",
            "PATRON_BLOCKED" => "account-blocked",
            "PATRON_IS_CONTACT" => "account-cannot-borrow",
            "PATRON_OF_OTHER_AGENCY" => "account-of-other-library",
            "PATRON_CAMPUS_UNMAPPED" => "account-without-library",
            "PATRON_LOAN_LIMIT" => "account-loan-limit",
            "PATRON_REQUEST_LIMIT" => "account-request-limit",
            "PATRON_OVERDUE" => "account-overdue",
            "PATRON_FEES" => "account-fees",
            "PATRON_TYPE_UNMAPPED" => "account-type-unknown",
            "TOO_MANY_REQUESTS" => "too-many-requests",
            "DUPLICATE_REQUEST" => "requested-already",
            "PICKUP_WITHOUT_HOLD_SHELF" => "choose-another-place",
            _ => return None,
        }))
    }

    /// Returns the sentence for a fault of a new request by its code, such as `UNKNOWN_PICKUP_LOCATION`. A patron can't correct
    /// the hub's set-up, so all other faults have the sentence that the library's staff can help.
    pub fn of_fault(code: &str) -> Self {
        Self::of_refusal(code).unwrap_or_else(|| {
            Self::plain(match code {
                "PATRON_NOT_NAMED" => "give-your-card",
                "UNKNOWN_PICKUP_LOCATION" | "PICKUP_ELSEWHERE" | "PICKUP_NOT_AT_LENDER" | "PICKUP_AT_LENDER" => {
                    "choose-another-place"
                }
                "NO_COPY"
                | "NO_CATALOGUE"
                | "TITLE_NOT_HELD"
                | "COPY_NOT_NAMED"
                | "UNKNOWN_INSTITUTION"
                | "NOT_LENDING" => "item-not-lent",
                "UNKNOWN_TITLE" => "title-not-in-catalogue",
                "OWN_COPY" => "item-at-your-library",
                "NOT_BORROWING" => "library-does-not-borrow",
                "NEEDED_UNTIL_PAST" => "choose-a-later-date",
                "SYSTEM_GIVES_NO_ANSWER" => "account-not-checked",
                _ => "ask-staff",
            })
        })
    }

    /// Returns the sentence for the refusal of a copy by its code: the patron's own reason, or that the item isn't lent now.
    pub fn of_refused_copy(code: &str) -> Self {
        Self::of_refusal(code).unwrap_or_else(|| Self::plain("item-not-lent"))
    }
}
