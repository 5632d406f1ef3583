//! The 24 fixed positions at the head of every record.

use std::{fmt, str::FromStr};

/// A record's leader: 24 printable ASCII characters.
///
/// Positions are numbered from 0 as in the MARC 21 documentation. Length (00-04) and base address (12-16) stay as they
/// were read and carry no meaning here; [`crate::iso2709::write`] computes them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Leader(String);

/// The error for a text that is not 24 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a leader is 24 printable ASCII characters, not {0:?}")]
pub struct InvalidLeader(pub String);

impl Leader {
    /// The number of characters in a leader.
    pub const LENGTH: usize = 24;
    /// The position of the character coding.
    pub(crate) const CODING: usize = 9;

    /// Returns the leader as text of 24 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns position 05: `n` new, `c` corrected, `d` deleted, …
    #[must_use]
    pub fn status(&self) -> char {
        self.at(5)
    }

    /// Returns position 06: `a` text, `g` projected medium, `j` music recording, …
    #[must_use]
    pub fn record_type(&self) -> char {
        self.at(6)
    }

    /// Returns position 07: `m` monograph, `s` serial, …
    #[must_use]
    pub fn bibliographic_level(&self) -> char {
        self.at(7)
    }

    /// Returns the character at a position, blank outside the leader.
    #[must_use]
    pub fn at(&self, position: usize) -> char {
        self.0.as_bytes().get(position).map_or(' ', |byte| char::from(*byte))
    }

    /// Makes a leader from any text in its place: unprintable characters become blanks, the length is corrected, and
    /// position 09 declares Unicode.
    pub(crate) fn repaired(text: &str) -> Self {
        let printable = |c: char| if matches!(c, ' '..='~') { c } else { ' ' };
        let mut leader: String = text.chars().map(printable).chain(std::iter::repeat(' ')).take(Self::LENGTH).collect();
        leader.replace_range(Self::CODING..=Self::CODING, "a");
        Self(leader)
    }

    /// Returns the leader for ISO 2709 with its computed numbers. The fixed positions get their only legal values.
    pub(crate) fn for_exchange(&self, length: usize, base_address: usize) -> String {
        format!("{length:05}{}22{base_address:05}{}4500", &self.0[5..10], &self.0[17..20])
    }
}

impl Default for Leader {
    /// Returns the leader of a new printed monograph with ISBD punctuation.
    fn default() -> Self {
        Self("00000nam a2200000 i 4500".to_owned())
    }
}

impl FromStr for Leader {
    type Err = InvalidLeader;

    /// Reads 24 printable ASCII characters. Position 09 becomes `a`, since the text of a record is Unicode.
    fn from_str(text: &str) -> Result<Self, InvalidLeader> {
        if text.len() == Self::LENGTH && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            Ok(Self::repaired(text))
        } else {
            Err(InvalidLeader(text.to_owned()))
        }
    }
}

impl fmt::Display for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
