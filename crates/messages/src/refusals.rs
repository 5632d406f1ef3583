//! The sentences for the reasons why a patron may not borrow.

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
}
