//! Identifiers. Each kind has a type of its own, so that an item's id can't be used in place of a holding's.
//!
//! Alma's identifiers are text, even if they look like numbers: they exceed the range of a 64-bit float and have
//! leading zeros. They go back to Alma byte for byte: a primary id may begin or end with a blank, and Alma knows no user
//! without it. Codes, which people type into settings, have no blanks around them.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! id {
    (code $(#[$doc:meta])* $name:ident) => {
        id!(@shown $(#[$doc])* $name, str::trim);
    };
    (personal $(#[$doc:meta])* $name:ident) => {
        id!(@type $(#[$doc])* $name, str::as_ref);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
    ($(#[$doc:meta])* $name:ident) => {
        id!(@shown $(#[$doc])* $name, str::as_ref);
    };
    (@shown $(#[$doc:meta])* $name:ident, $kept:path) => {
        id!(@type $(#[$doc])* $name, $kept);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
    (@type $(#[$doc:meta])* $name:ident, $kept:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                let kept: &str = $kept(text);
                Self(kept.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok(Self::from(text))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl crate::lenient::Lenient for $name {
            fn read(value: &serde_json::Value) -> Result<Option<Self>, &'static str> {
                Ok(crate::lenient::exact(value).map(Self::from))
            }
        }
    };
}

id!(
    /// A bibliographic record's MMS id, such as `990000123450007777`.
    MmsId
);
id!(
    /// A holdings record's id, such as `220000223450007777`.
    HoldingId
);
id!(
    /// A physical item's id, such as `230000323450007777`.
    ItemPid
);
id!(
    /// A barcode of an item (or of a user's card).
    Barcode
);
id!(
    /// The id of a request (a hold, a booking, a work order ...).
    RequestId
);
id!(
    /// The id of a loan.
    LoanId
);
id!(
    /// The id of a set of records.
    SetId
);
id!(code
    /// The code of a library, such as `MAIN`. It isn't the library's name.
    LibraryCode
);
id!(code
    /// The code of a shelving location. Libraries of one institution may use the same code.
    LocationCode
);
id!(code
    /// The code of a circulation desk. Libraries of one institution may use the same code.
    DeskCode
);
id!(personal
    /// Any identifier that is unique for a user: the primary id, a barcode, an e-mail address ...
    ///
    /// It can be personal data, so `Debug` doesn't show it.
    UserId
);

impl From<&Barcode> for UserId {
    fn from(barcode: &Barcode) -> Self {
        Self(barcode.0.clone())
    }
}

/// The three ids that address an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemPath {
    /// The bibliographic record.
    pub mms: MmsId,
    /// The holdings record. Any value works for reading an item; its requests, loans and scans need the true one.
    pub holding: HoldingId,
    /// The item.
    pub pid: ItemPid,
}

impl ItemPath {
    /// Creates the address of the item `pid`.
    pub fn new(mms: impl Into<MmsId>, holding: impl Into<HoldingId>, pid: impl Into<ItemPid>) -> Self {
        Self { mms: mms.into(), holding: holding.into(), pid: pid.into() }
    }

    /// Creates the address of an item whose holding isn't known. Reading the item works with it and returns the true
    /// holding.
    pub fn in_any_holding(mms: impl Into<MmsId>, pid: impl Into<ItemPid>) -> Self {
        Self::new(mms, "ALL", pid)
    }
}

/// One holdings record of a title, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldingSelector {
    /// Every holdings record of the title.
    All,
    /// This one only.
    One(HoldingId),
}

impl HoldingSelector {
    pub(crate) fn segment(&self) -> &str {
        match self {
            Self::All => "ALL",
            Self::One(holding) => holding.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_keeps_its_blanks_and_a_code_has_none() {
        assert_eq!(UserId::from(" 4711x").as_str(), " 4711x");
        let read: Barcode = serde_json::from_str("\" 31999 \"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\" 31999 \"");
        assert_eq!(LibraryCode::from(" MAIN \n").as_str(), "MAIN");
    }

    #[test]
    fn a_user_id_is_not_shown_by_debug() {
        assert!(!format!("{:?}", UserId::from("sample.reader@example.org")).contains("reader"));
    }
}
