//! Identifiers, each a type of its own, so that a holding can't be passed where an item is meant.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A patron request, by its UUID (version 7: ordered by time of placing).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub Uuid);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl std::str::FromStr for RequestId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(Self)
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);
        identifier!(@common $name);
    };
    // What can name a person shows in no log: Debug tells only that it is there.
    (personal $(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);
        identifier!(@common $name);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
    (@common $name:ident) => {
        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.trim().to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// An institution: one installation of a library system, such as one Alma.
    InstitutionCode
);
identifier!(
    /// An agency: a library that lends or borrows.
    AgencyCode
);
identifier!(
    /// A place where patrons collect, as the hub names it.
    PickupLocationCode
);
identifier!(
    /// A library inside an institution, by the institution's own code.
    LibraryCode
);
identifier!(
    /// A shelving location inside a library; unique only together with the library.
    LocationCode
);
identifier!(
    /// A circulation desk of a library.
    DeskCode
);
identifier!(
    /// A bibliographic record at an institution (Alma: MMS id).
    BibId
);
identifier!(
    /// A holding at an institution.
    HoldingId
);
identifier!(
    /// An item at an institution (Alma: item pid).
    ItemId
);
identifier!(
    /// An item's barcode.
    Barcode
);
identifier!(
    /// A hold at an institution (Alma: a user request of type HOLD).
    HoldId
);
identifier!(
    /// A loan at an institution.
    LoanId
);
identifier!(
    personal
    /// A patron at an institution. Personal data: redacted in `Debug`.
    PatronId
);
