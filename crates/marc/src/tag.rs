//! The three characters that name a field.

use std::{fmt, str::FromStr};

/// A field's tag: three ASCII letters or digits, such as `245` or `FMT`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag([u8; 3]);

/// The error for a text that is not three ASCII letters or digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a tag is three ASCII letters or digits, not {0:?}")]
pub struct InvalidTag(pub String);

impl Tag {
    #[inline]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let tag: [u8; 3] = bytes.try_into().ok()?;
        tag.iter().all(u8::is_ascii_alphanumeric).then_some(Self(tag))
    }

    /// Returns the tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns whether MARC 21 defines the field as a control field (`00X`).
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.0.starts_with(b"00")
    }

    pub(crate) fn is_numeric(self) -> bool {
        self.0.iter().all(u8::is_ascii_digit)
    }
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, InvalidTag> {
        Self::from_bytes(text.as_bytes()).ok_or_else(|| InvalidTag(text.to_owned()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<str> for Tag {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Tag {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}
