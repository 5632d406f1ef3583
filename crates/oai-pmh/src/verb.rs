//! The six requests of OAI-PMH.

use serde::{Deserialize, Serialize};

/// A request of OAI-PMH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the standard's own names")]
pub enum Verb {
    Identify,
    ListMetadataFormats,
    ListSets,
    ListIdentifiers,
    ListRecords,
    GetRecord,
}

impl Verb {
    /// The name in requests and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identify => "Identify",
            Self::ListMetadataFormats => "ListMetadataFormats",
            Self::ListSets => "ListSets",
            Self::ListIdentifiers => "ListIdentifiers",
            Self::ListRecords => "ListRecords",
            Self::GetRecord => "GetRecord",
        }
    }

    pub(crate) fn of_name(name: &[u8]) -> Option<Self> {
        [
            Self::Identify,
            Self::ListMetadataFormats,
            Self::ListSets,
            Self::ListIdentifiers,
            Self::ListRecords,
            Self::GetRecord,
        ]
        .into_iter()
        .find(|verb| verb.name().as_bytes() == name)
    }
}
