//! Bibliographic and holdings records.
//!
//! Alma accepts these records as XML only and returns them as JSON or XML. In JSON the MARC record is one XML text that
//! wrongly declares itself as UTF-16. The declaration is removed here.

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ids::{HoldingId, MmsId};
use crate::lenient::{self, Lenient as _};
use crate::model::Coded;
use crate::page::{Row, readable};
use crate::xml;

/// A bibliographic record.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Bib {
    /// Its MMS id.
    #[serde(deserialize_with = "lenient::required")]
    pub mms_id: MmsId,
    /// The title.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub title: Option<String>,
    /// The author.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub author: Option<String>,
    /// The ISBN.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub isbn: Option<String>,
    /// The ISSN.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub issn: Option<String>,
    /// Numbers of other systems (MARC 035).
    #[serde(rename = "network_number", default, deserialize_with = "lenient::values")]
    pub network_numbers: Vec<String>,
    /// Whether it is hidden from discovery; unknown if Alma doesn't report it.
    #[serde(rename = "suppress_from_publishing", default, deserialize_with = "lenient::opt")]
    pub suppressed: Option<bool>,
    /// The day of the last change.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub last_modified_date: Option<Date>,
    /// How many holds there are on its items, if the call asked for it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub requests: Option<u64>,
    /// The MARC record: a `<record>` element without an XML declaration.
    #[serde(rename = "anies", default, deserialize_with = "marc")]
    pub marcxml: Option<String>,
}

/// A holdings record.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Holding {
    /// Its id.
    #[serde(deserialize_with = "lenient::required")]
    pub holding_id: HoldingId,
    /// Whether the holding itself is hidden from discovery.
    #[serde(rename = "suppress_from_publishing", default, deserialize_with = "lenient::opt")]
    pub suppressed: Option<bool>,
    /// Whether the holding or its location is hidden from discovery.
    #[serde(rename = "calculated_suppress_from_publishing", default, deserialize_with = "lenient::opt")]
    pub suppressed_in_effect: Option<bool>,
    /// The MARC record: a `<record>` element without an XML declaration. Library, location and call number are in 852.
    #[serde(rename = "anies", default, deserialize_with = "marc")]
    pub marcxml: Option<String>,
}

/// A row of the list of a title's holdings.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct HoldingSummary {
    /// The holding's id.
    #[serde(deserialize_with = "lenient::required")]
    pub holding_id: HoldingId,
    /// The library.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub library: Option<Coded>,
    /// The location.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub location: Option<Coded>,
    /// The call number.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub call_number: Option<String>,
    /// Whether it is hidden from discovery.
    #[serde(rename = "suppress_from_publishing", default, deserialize_with = "lenient::opt")]
    pub suppressed: Option<bool>,
}

fn marc<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let record: Option<String> = lenient::opt(from)?;
    Ok(record.map(|record| xml::without_declaration(&record).to_owned()))
}

/// Reads a bib from an answer in JSON or XML.
pub(crate) fn bib_from_reply(body: &str) -> Result<Bib, String> {
    lenient::record(record_from_reply(body, "bib")?)
}

/// Reads a holding from an answer in JSON or XML.
pub(crate) fn holding_from_reply(body: &str) -> Result<Holding, String> {
    lenient::record(record_from_reply(body, "holding")?)
}

/// Reads several bibs from an answer in JSON or XML. Returns them with a message for each one that can't be read.
pub(crate) fn bibs_from_reply(body: &str) -> Result<(Vec<Bib>, Vec<String>), String> {
    let mut missing = Vec::new();
    let rows: Vec<Value> = if body.trim_start().starts_with('<') {
        let root = xml::read(body)?;
        let bibs = root.children.iter().filter(|child| child.name == "bib");
        let read =
            bibs.filter_map(|child| record_from_reply(child.outer, "bib").map_err(|what| missing.push(what)).ok());
        read.collect()
    } else {
        let mut envelope: Map<String, Value> = json(body)?;
        let rows = lenient::every_row(envelope.remove("bib").unwrap_or_default());
        let count = envelope.get("total_record_count").and_then(|count| u64::read(count).unwrap_or_default());
        if count.is_some_and(|count| count > rows.len() as u64) {
            missing.push("fewer rows than it counts".to_owned());
        }
        rows
    };
    Ok((readable(&rows, &mut missing), missing))
}

fn record_from_reply(body: &str, element: &str) -> Result<Value, String> {
    if !body.trim_start().starts_with('<') {
        return json(body);
    }
    let root = xml::read(body)?;
    if root.name != element {
        return Err(format!("XML without a {element}"));
    }
    let mut fields = Map::new();
    for child in &root.children {
        match child.name.as_str() {
            "record" => fields.insert("anies".to_owned(), child.outer.into()),
            "network_numbers" => {
                let numbers = xml::read(child.outer)?.children.into_iter().map(|number| Value::from(number.text));
                fields.insert("network_number".to_owned(), numbers.collect())
            }
            name => fields.insert(name.to_owned(), child.text.as_str().into()),
        };
    }
    Ok(Value::Object(fields))
}

fn json<T: DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|error| format!("JSON that can't be read (line {})", error.line()))
}

/// Checks that a MARC record can be part of a body: a single well-formed `<record>` without a declaration.
pub(crate) fn marc_record(xml: &str) -> Result<&str, &'static str> {
    let record = xml::without_declaration(xml);
    match xml::read(record)?.name.as_str() {
        "record" => Ok(record),
        _ => Err("the MARC record isn't a single <record> element"),
    }
}

impl Row for Bib {}

impl Row for HoldingSummary {}
