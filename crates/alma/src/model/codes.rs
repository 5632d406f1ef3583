//! Coded values, and the closed lists of codes that this crate knows by name.

use std::fmt;

use serde_json::Value;

use crate::lenient::{Lenient, is_unreadable, scalar};

/// A code with the text that Alma displays for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Coded {
    /// The code.
    pub value: String,
    /// The text that staff see, in the institution's language.
    pub desc: Option<String>,
}

impl Coded {
    /// Returns the code as text.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// Returns the code as an identifier, such as a `LibraryCode`.
    pub fn id<T: for<'a> From<&'a str>>(&self) -> T {
        T::from(&self.value)
    }
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

impl Lenient for Coded {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        // In loans the text is called `name` (location) or `description` (policy).
        let desc = ["desc", "description", "name"].into_iter().find_map(|key| value.get(key).and_then(scalar));
        Ok(scalar(value).map(|value| Self { value, desc }))
    }
}

/// Text about a person. `Debug` doesn't print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted(String);

impl Redacted {
    /// Returns the text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Lenient for Redacted {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        Ok(scalar(value).map(Self))
    }
}

/// Whether an item is in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BaseStatus {
    /// `1`: in its place. It may still have a request waiting.
    InPlace,
    /// `0`: elsewhere. A missing or unknown value counts as this too, so that no such item is promised to anyone.
    #[default]
    NotInPlace,
}

impl Lenient for BaseStatus {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        Ok(scalar(value).map(|text| match canonical(&text).as_str() {
            "1" | "ITEM_IN_PLACE" => Self::InPlace,
            _ => Self::NotInPlace,
        }))
    }
}

/// Returns the canonical form of a code. Alma writes codes as such or as the text that staff see: `In Process` is
/// `IN_PROCESS`.
fn canonical(text: &str) -> String {
    text.trim().to_uppercase().replace([' ', '-'], "_")
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $code:literal $(| $also:literal)*,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$note])* $variant,)+
            /// A code without a name here, as Alma wrote it.
            Other(String),
            /// A value that isn't a code.
            Unreadable,
        }

        impl $name {
            /// Returns the code as Alma writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $code,)+
                    Self::Other(code) => code,
                    Self::Unreadable => "unreadable",
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match canonical(text).as_str() {
                    $($code $(| $also)* => Self::$variant,)+
                    _ => Self::Other(text.trim().to_owned()),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Lenient for $name {
            fn read(value: &Value) -> Result<Option<Self>, &'static str> {
                Ok(match scalar(value) {
                    Some(text) => Some(Self::from(text.as_str())),
                    None if is_unreadable(value) => Some(Self::Unreadable),
                    None => None,
                })
            }
        }
    };
}

codes! {
    /// The reason why an item isn't in its place (code table PROCESSTYPE). An item in place has none, or `Requested`.
    ProcessType {
        /// Being acquired.
        Acquisition = "ACQ",
        /// A patron claims to have returned it; the library doesn't have it.
        ClaimedReturned = "CLAIM_RETURNED_LOAN",
        /// On the hold shelf, for a patron to collect.
        HoldShelf = "HOLDSHELF" | "HOLD_SHELF",
        /// Away by interlibrary loan.
        InterlibraryLoan = "ILL",
        /// On loan.
        Loan = "LOAN",
        /// Lost in interlibrary loan.
        LostInterlibraryLoan = "LOST_ILL",
        /// Lost by a borrower.
        Lost = "LOST_LOAN",
        /// Lost by a borrower, who paid for it.
        LostAndPaid = "LOST_LOAN_AND_PAID",
        /// Missing.
        Missing = "MISSING",
        /// A request waits for it; it is still in its place.
        Requested = "REQUESTED",
        /// In technical services.
        Technical = "TECHNICAL",
        /// On its way to a pickup library or back to its own. Its request shows which of the two.
        Transit = "TRANSIT",
        /// On its way to remote storage.
        TransitToRemoteStorage = "TRANSIT_TO_REMOTE_STORAGE",
        /// With a department, for a work order.
        WorkOrder = "WORK_ORDER_DEPARTMENT",
    }
}

codes! {
    /// The kind of a request.
    RequestType {
        /// A patron is to get the item.
        Hold = "HOLD",
        /// A copy is to be made.
        Digitization = "DIGITIZATION",
        /// An item is reserved for a time.
        Booking = "BOOKING",
        /// Items are to move.
        Move = "MOVE",
        /// Internal work, such as transit for reshelving. It is not a patron's.
        WorkOrder = "WORK_ORDER",
    }
}

codes! {
    /// The status of a request. A cancelled, fulfilled or expired request isn't in the active list, and no status says
    /// so.
    RequestStatus {
        /// Waiting.
        NotStarted = "NOT_STARTED",
        /// Being picked, or on the way. It doesn't mean that the item was dispatched: only the item's own state shows
        /// that.
        InProcess = "IN_PROCESS",
        /// Waiting for the patron on the hold shelf.
        OnHoldShelf = "ON_HOLD_SHELF",
        /// Closed; in lists of past requests only.
        History = "HISTORY",
    }
}

codes! {
    /// Whether a loan is open.
    LoanStatus {
        /// The item is with the borrower.
        Active = "ACTIVE",
        /// The item was returned.
        Complete = "COMPLETE",
    }
}

codes! {
    /// What happened to a loan.
    LoanProcess {
        /// Nothing out of the ordinary.
        Normal = "NORMAL",
        /// Renewed.
        Renewed = "RENEW",
        /// Recalled.
        Recalled = "RECALL",
        /// Lost.
        Lost = "LOST",
        /// The borrower claims to have returned it.
        ClaimedReturned = "CLAIMED_RETURN",
        /// Returned.
        Returned = "RETURNED",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_is_read_as_a_code_and_as_the_text_staff_see() {
        for text in ["NOT_STARTED", "Not Started", " not started "] {
            assert_eq!(RequestStatus::from(text), RequestStatus::NotStarted);
        }
        assert_eq!(RequestStatus::read(&json!({"value": "ON_HOLD_SHELF"})), Ok(Some(RequestStatus::OnHoldShelf)));
        assert_eq!(RequestStatus::from("Brand new"), RequestStatus::Other("Brand new".to_owned()));
        assert_eq!(LoanStatus::from("Active"), LoanStatus::Active);
    }

    #[test]
    fn anything_that_is_no_code_is_unreadable_and_not_as_if_nothing_were_there() {
        for no_code in [json!({"x": 1}), json!({"value": {"x": 1}}), json!({"value": null, "desc": "Loan"})] {
            assert_eq!(ProcessType::read(&no_code), Ok(Some(ProcessType::Unreadable)), "{no_code}");
        }
        assert_eq!(ProcessType::read(&json!({"value": "", "desc": null})), Ok(None));
    }

    #[test]
    fn an_unknown_base_status_is_not_in_place() {
        assert_eq!(BaseStatus::read(&json!({"value": 1, "desc": "Item in place"})), Ok(Some(BaseStatus::InPlace)));
        assert_eq!(BaseStatus::read(&json!({"value": "7"})), Ok(Some(BaseStatus::NotInPlace)));
        assert_eq!(BaseStatus::default(), BaseStatus::NotInPlace);
    }

    #[test]
    fn a_coded_value_finds_its_text_under_each_of_its_names() {
        for key in ["desc", "name", "description"] {
            let coded = Coded::read(&json!({"value": "stacks", key: "Stacks"})).unwrap().unwrap();
            assert_eq!((coded.value.as_str(), coded.desc.as_deref()), ("stacks", Some("Stacks")));
        }
        assert_eq!(Coded::read(&json!("stacks")).unwrap().unwrap().desc, None);
    }
}
