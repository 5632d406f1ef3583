//! A repository's description of itself, its sets and its metadata formats.

use jiff::Timestamp;

use crate::datestamp::{Granularity, parse_datestamp};

/// The elements of an entry.
pub(crate) struct Entry(pub(crate) Vec<(String, String)>);

impl Entry {
    fn text(&self, name: &str) -> String {
        self.texts(name).next().unwrap_or_default()
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = String> {
        self.0.iter().filter(move |(each, _)| each == name).map(|(_, text)| text.clone())
    }
}

/// A repository's description of itself (`Identify`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// Its address by its own account.
    pub base_url: String,
    /// The version of the protocol, `2.0`.
    pub protocol_version: String,
    /// The addresses of its administrators.
    pub admin_emails: Vec<String>,
    /// A datestamp that none of its records is older than.
    pub earliest_datestamp: Option<Timestamp>,
    /// Whether it keeps deleted records.
    pub deleted_records: DeletedRecords,
    /// The precision of its datestamps.
    pub granularity: Granularity,
}

/// Whether a repository reports deletions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedRecords {
    /// Never. Only a full harvest shows what was deleted.
    No,
    /// For a time.
    Transient,
    /// For ever.
    Persistent,
}

impl Repository {
    pub(crate) fn read(entry: &Entry) -> Self {
        Self {
            name: entry.text("repositoryName"),
            base_url: entry.text("baseURL"),
            protocol_version: entry.text("protocolVersion"),
            admin_emails: entry.texts("adminEmail").collect(),
            earliest_datestamp: parse_datestamp(&entry.text("earliestDatestamp")),
            deleted_records: match entry.text("deletedRecord").as_str() {
                "persistent" => DeletedRecords::Persistent,
                "transient" => DeletedRecords::Transient,
                _ => DeletedRecords::No,
            },
            granularity: Granularity::of_text(&entry.text("granularity")),
        }
    }
}

/// A set of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The name in requests.
    pub spec: String,
    /// The name for people.
    pub name: String,
}

impl Set {
    pub(crate) fn read(entry: &Entry) -> Self {
        Self { spec: entry.text("setSpec"), name: entry.text("setName") }
    }
}

/// A metadata format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataFormat {
    /// The name in requests, for example `marc21`.
    pub prefix: String,
    /// The address of its schema.
    pub schema: String,
    /// Its namespace.
    pub namespace: String,
}

impl MetadataFormat {
    pub(crate) fn read(entry: &Entry) -> Self {
        Self {
            prefix: entry.text("metadataPrefix"),
            schema: entry.text("schema"),
            namespace: entry.text("metadataNamespace"),
        }
    }
}
