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

/// The longest identifier, in characters, that the hub sends to a library's system. Alma's longest have 255.
pub const LONGEST_IDENTIFIER: usize = 255;

/// The reason why a text from outside can't be an identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoIdentifier {
    /// The text is empty, or has blanks only.
    Empty,
    /// The text has more than 255 characters.
    TooLong,
    /// The text has a control character, such as a line break.
    ControlCharacter,
    /// The text is `.` or `..`, or has one of them between slashes: in the path of a URL it would address another
    /// object.
    Dots,
}

impl NoIdentifier {
    /// Returns a stable code for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::TooLong => "TOO_LONG",
            Self::ControlCharacter => "CONTROL_CHARACTER",
            Self::Dots => "INVALID_IDENTIFIER",
        }
    }
}

impl fmt::Display for NoIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("It is empty."),
            Self::TooLong => write!(f, "It has more than {LONGEST_IDENTIFIER} characters."),
            Self::ControlCharacter => f.write_str("It holds a control character, such as a line break."),
            Self::Dots => f.write_str("It is \".\" or \"..\", or has one of them between slashes. No identifier does."),
        }
    }
}

/// Checks a text from outside as an identifier in a library's system: of a patron, an item, a library, a desk.
///
/// # Errors
///
/// The first reason against it. The error never quotes the text.
pub fn check_identifier(text: &str) -> Result<(), NoIdentifier> {
    let text = text.trim();
    if text.is_empty() {
        Err(NoIdentifier::Empty)
    } else if text.chars().count() > LONGEST_IDENTIFIER {
        Err(NoIdentifier::TooLong)
    } else if text.chars().any(char::is_control) {
        Err(NoIdentifier::ControlCharacter)
    } else if text.split(['/', '\\']).any(|piece| matches!(piece.trim(), "." | "..")) {
        Err(NoIdentifier::Dots)
    } else {
        Ok(())
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
    // No log shows an identifier that can name a person: `Debug` shows only that there is one.
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
            /// Returns the identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
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
identifier!(
    personal
    /// A name of a patron, or its initials. Personal data: redacted in `Debug`.
    PersonName
);
identifier!(
    personal
    /// The short code by which a patron and a pickup library of another institution know whose item waits. It names
    /// nobody; `Debug` redacts it like other data of patrons.
    PickupCode
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_as_libraries_use_them_are_accepted() {
        let longest = "x".repeat(LONGEST_IDENTIFIER);
        for text in ["99123", " 31999-7 ", "jo.reader@example.org", "a/b", "100_42+02", "...", "Bücher 12", &longest] {
            assert_eq!(check_identifier(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn texts_that_cannot_be_identifiers_are_refused_with_the_reason() {
        let too_long = "é".repeat(LONGEST_IDENTIFIER + 1);
        for (text, reason) in [
            ("", NoIdentifier::Empty),
            (" \t ", NoIdentifier::Empty),
            (&*too_long, NoIdentifier::TooLong),
            ("a\nb", NoIdentifier::ControlCharacter),
            ("a\u{0}b", NoIdentifier::ControlCharacter),
            (".", NoIdentifier::Dots),
            ("..", NoIdentifier::Dots),
            (" .. ", NoIdentifier::Dots),
            ("../users/1", NoIdentifier::Dots),
            ("1/../2", NoIdentifier::Dots),
            ("1\\..", NoIdentifier::Dots),
        ] {
            assert_eq!(check_identifier(text), Err(reason), "{text:?}");
        }
    }
}
