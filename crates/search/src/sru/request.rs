//! The parameters of a request.

use super::USUAL_RECORDS;
use super::diagnostic::Diagnostic;
use crate::query::{Sort, cql};
use crate::search::{MOST_HITS, Search};

/// A version of SRU that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1_1,
    V1_2,
}

impl Version {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }
}

/// A schema of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    Marcxml,
    DublinCore,
}

/// The schemas with their short names, identifiers and titles.
pub(super) const SCHEMAS: [(Schema, &str, &str, &str); 2] = [
    (Schema::Marcxml, "marcxml", "info:srw/schema/1/marcxml-v1.1", "MARCXML"),
    (Schema::DublinCore, "dc", "info:srw/schema/1/dc-v1.1", "Dublin Core"),
];

impl Schema {
    pub(super) fn identifier(self) -> &'static str {
        SCHEMAS.iter().find(|(schema, ..)| *schema == self).map_or("", |(_, _, identifier, _)| identifier)
    }
}

/// A request that can be answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) version: Version,
    pub(super) operation: Operation,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub(super) enum Operation {
    Explain,
    Search(SearchRetrieve),
}

/// The request of a search.
#[derive(Debug)]
pub(super) struct SearchRetrieve {
    pub(super) search: Search,
    pub(super) schema: Schema,
    /// Whether a record is escaped, so that it is a text of the answer instead of a part of its XML.
    pub(super) as_string: bool,
    /// The query and the other parameters, for the echo.
    pub(super) echoed: Vec<(&'static str, String)>,
}

type Refused = (Version, Diagnostic);

impl Request {
    /// Reads a request. Unknown parameters are ignored.
    pub(super) fn read(parameters: &[(String, String)]) -> Result<Self, Refused> {
        let get = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let version = match get("version") {
            None | Some("1.2" | "") => Version::V1_2,
            Some("1.1") => Version::V1_1,
            Some(other) => {
                let message = format!("Version {other} isn't supported: use 1.1 or 1.2.");
                return Err((Version::V1_2, Diagnostic::new(5, "1.2", message)));
            }
        };
        let refuse = |diagnostic| (version, diagnostic);
        let operation = match get("operation") {
            None if get("query").is_none() => Operation::Explain,
            Some("explain") => Operation::Explain,
            None | Some("searchRetrieve") => Operation::Search(SearchRetrieve::read(version, get).map_err(refuse)?),
            Some(other) => {
                let message = "This operation isn't supported: use explain or searchRetrieve.";
                return Err(refuse(Diagnostic::new(4, other, message)));
            }
        };
        Ok(Self { version, operation })
    }
}

impl SearchRetrieve {
    fn read<'a>(version: Version, get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Diagnostic> {
        let text = get("query").filter(|query| !query.trim().is_empty());
        let text = text.ok_or_else(|| Diagnostic::new(7, "query", "The parameter query is missing: add it."))?;
        let parsed = cql::parse(text).map_err(|error| Diagnostic::of_query(&error))?;
        let start = number(get("startRecord"), "startRecord", 1)?;
        if start == 0 {
            return Err(Diagnostic::new(6, "startRecord", "The first record has the number 1."));
        }
        let most = number(get("maximumRecords"), "maximumRecords", USUAL_RECORDS)?;
        let schema = match get("recordSchema").filter(|schema| !schema.is_empty()) {
            None => Schema::Marcxml,
            Some(wanted) => {
                let known = SCHEMAS.iter().find(|(_, name, identifier, _)| *name == wanted || *identifier == wanted);
                let message = "Records can't be had in this schema: use marcxml or dc.";
                known.map(|(schema, ..)| *schema).ok_or_else(|| Diagnostic::new(66, wanted, message))?
            }
        };
        let as_string = match get("recordPacking") {
            None | Some("xml" | "") => false,
            Some("string") => true,
            Some(other) => return Err(Diagnostic::new(71, other, "Records are packed as xml or string.")),
        };
        let sort = match get("sortKeys").filter(|keys| !keys.trim().is_empty()) {
            Some(keys) if version == Version::V1_1 => sort_of(keys)?,
            _ => parsed.sort,
        };
        let mut echoed = vec![("version", version.name().to_owned()), ("query", text.to_owned())];
        for name in ["startRecord", "maximumRecords", "recordPacking", "recordSchema"] {
            echoed.extend(get(name).map(|value| (name, value.to_owned())));
        }
        let search = Search {
            query: Some(parsed.query),
            sort,
            offset: start - 1,
            limit: most.min(MOST_HITS),
            records: true,
            ..Search::default()
        };
        Ok(Self { search, schema, as_string, echoed })
    }
}

fn number(value: Option<&str>, name: &'static str, usual: usize) -> Result<usize, Diagnostic> {
    match value.map(str::trim).filter(|value| !value.is_empty()) {
        None => Ok(usual),
        Some(value) => value.parse().map_err(|_| {
            Diagnostic::new(6, name, format!("{name} is a whole number of 0 or more, and not what was sent."))
        }),
    }
}

/// Reads the sort keys of SRU 1.1: paths with optional schema and direction, `title,,0`. One key is supported.
fn sort_of(keys: &str) -> Result<Sort, Diagnostic> {
    let unsupported =
        || Diagnostic::new(80, keys, "Results are sorted by one key, title or date: title,,1 or date,,0.");
    let mut parts = keys.trim().split(',');
    let path = parts.next().unwrap_or_default();
    let ascending = parts.nth(1).is_none_or(|direction| !matches!(direction, "0" | "false"));
    if keys.trim().contains(char::is_whitespace) {
        return Err(unsupported());
    }
    match (path.rsplit('.').next().unwrap_or_default(), ascending) {
        ("title", true) => Ok(Sort::Title),
        ("title", false) => Ok(Sort::TitleDescending),
        ("date", true) => Ok(Sort::Oldest),
        ("date", false) => Ok(Sort::Newest),
        _ => Err(unsupported()),
    }
}
