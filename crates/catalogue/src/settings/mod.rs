//! The harvest settings of an institution: the table `harvest` of its settings, read with all faults at once.

mod read;

use std::cell::RefCell;
use std::fmt;

use serde_json::{Map, Value};

use crate::copies::{CopyField, CopyFields, HoldingField, ItemField};
use crate::rules::{Condition, Level, Rule, Test};
use read::Reader;

/// The most conditions and rules, so that a record is judged in bounded time.
const MOST: usize = 200;

/// One fault in the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingFault {
    /// The setting, such as `harvest.items.tag`.
    pub key: String,
    /// The fault and its solution.
    pub message: String,
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// How the records of one institution are harvested and which of them the catalogue shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HarvestSettings {
    /// The address of the OAI-PMH server, such as `https://library.example.org/view/oai/01INST/request`.
    pub url: String,
    /// Whether the address may be `http://` on another machine.
    pub allow_unencrypted_http: bool,
    /// The format to ask for.
    pub metadata_prefix: String,
    /// The set of the publishing profile; none if the server has one set alone.
    pub set: Option<String>,
    /// Minutes between two scheduled harvests; none if only commands start them.
    pub interval_minutes: Option<u32>,
    /// Days after which a scheduled harvest is a full one; none if only commands start full ones.
    pub full_interval_days: Option<u32>,
    /// Minutes by which each harvest goes back behind the last record of the one before. Alma shows records of a
    /// publishing job later than their datestamps say.
    pub overlap_minutes: u32,
    /// The fields of the publishing profile that carry holdings and items.
    pub copies: CopyFields,
    /// Whether a record that has no copy left after the rules is suppressed.
    pub suppress_records_without_copies: bool,
    /// The rules, in their order.
    pub rules: Vec<Rule>,
}

impl HarvestSettings {
    /// Reads the table `harvest` of an institution's settings. Without such a table the institution isn't harvested.
    ///
    /// # Errors
    ///
    /// Returns every fault found, not only the first.
    pub fn read(settings: &Map<String, Value>) -> Result<Option<Self>, Vec<SettingFault>> {
        let table = match settings.get("harvest") {
            None | Some(Value::Null) => return Ok(None),
            Some(table) => table,
        };
        let faults = RefCell::new(Vec::new());
        let Some(mut from) = Reader::new("harvest".to_owned(), table, &faults) else { return Err(faults.into_inner()) };
        let url = from.text("url").unwrap_or_default();
        let allow_unencrypted_http = from.flag("allow_unencrypted_http");
        check_url(&mut from, &url, allow_unencrypted_http);
        let read = Self {
            url,
            allow_unencrypted_http,
            metadata_prefix: from.optional_text("metadata_prefix").unwrap_or_else(|| "marc21".to_owned()),
            set: from.optional_text("set"),
            interval_minutes: from.number("interval_minutes", 1, 525_600),
            full_interval_days: from.number("full_interval_days", 1, 3_650),
            overlap_minutes: from.number("overlap_minutes", 0, 44_640).unwrap_or(60),
            copies: CopyFields { holdings: holdings(&mut from), items: items(&mut from) },
            suppress_records_without_copies: from.flag("suppress_records_without_copies"),
            rules: rules(&mut from),
        };
        if read.suppress_records_without_copies && read.copies == CopyFields::default() {
            from.fault(
                "suppress_records_without_copies",
                "needs `holdings` or `items`: without them no record has a copy.",
            );
        }
        from.finish();
        let faults = faults.into_inner();
        if faults.is_empty() { Ok(Some(read)) } else { Err(faults) }
    }
}

impl HarvestSettings {
    /// Returns a text that differs where records would be judged otherwise. A harvest of changes doesn't see records that
    /// only the rules change, so a full one follows.
    pub(crate) fn judgement(&self) -> String {
        let text = format!("{PREPARED} {:?} {:?} {}", self.copies, self.rules, self.suppress_records_without_copies);
        format!("{:016x}", crate::digest::digest([text.as_bytes()]))
    }
}

/// Grows where this program prepares records otherwise than its earlier versions.
const PREPARED: u32 = 1;

fn check_url(from: &mut Reader<'_>, url: &str, allow_unencrypted_http: bool) {
    if url.is_empty() {
        return;
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if rest.contains('@') && host.contains('@') {
        from.fault("url", "must not contain a user name or password.");
        return;
    }
    let local = ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|name| host == *name || host.strip_prefix(name).is_some_and(|port| port.starts_with(':')));
    match scheme {
        _ if host.is_empty() => {
            from.fault("url", "must be an address such as https://library.example.org/view/oai/01INST/request.");
        }
        "https" => {}
        "http" if local || allow_unencrypted_http => {}
        "http" => {
            from.fault("url", "must begin with https://; `allow_unencrypted_http` permits http:// to another machine.");
        }
        _ => from.fault("url", "must begin with https://."),
    }
    if url.contains(['?', '#']) {
        from.fault("url", "must end before the `?`: the hub adds the arguments.");
    }
}

fn holdings(from: &mut Reader<'_>) -> Option<HoldingField> {
    let mut table = from.table("holdings")?;
    let field = HoldingField {
        field: copy_field(&mut table, "id"),
        id: table.code("id", true).unwrap_or_default(),
        library: table.code("library", false),
        location: table.code("location", false),
        call_number: table.code("call_number", false),
    };
    table.finish();
    Some(field)
}

fn items(from: &mut Reader<'_>) -> Option<ItemField> {
    let mut table = from.table("items")?;
    let field = ItemField {
        field: copy_field(&mut table, "id"),
        id: table.code("id", true).unwrap_or_default(),
        holding: table.code("holding", false),
        barcode: table.code("barcode", false),
        library: table.code("library", false),
        location: table.code("location", false),
        policy: table.code("policy", false),
        material_type: table.code("material_type", false),
        description: table.code("description", false),
    };
    table.finish();
    Some(field)
}

/// Reads how an enriched field is distinguished from the record's own fields of the same tag: by default by the subfield
/// with the id, which only enriched fields have.
fn copy_field(table: &mut Reader<'_>, id: &'static str) -> CopyField {
    let tag = table.text("tag").unwrap_or_default();
    if !tag.is_empty() && tag.parse::<marc::Tag>().map_or(true, |tag| tag.is_control()) {
        table.fault("tag", "must be the tag of a field with subfields: three characters such as 852 or ITM.");
    }
    let indicators = table.optional_raw_text("indicators").and_then(|text| {
        let read: Vec<char> = text.chars().map(|each| if each == '#' { ' ' } else { each }).collect();
        match read[..] {
            [first, second] => Some([first, second]),
            _ => {
                table.fault("indicators", "must be two characters; # stands for a blank.");
                None
            }
        }
    });
    let marker = table.code("marker", false);
    let marker = marker.or_else(|| table.peek_code(id));
    CopyField { tag, indicators, marker }
}

fn rules(from: &mut Reader<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for mut table in from.tables("suppress", MOST) {
        let name = table.text("name").unwrap_or_default();
        if name.chars().count() > 80 {
            table.fault("name", "must have 80 characters at most.");
        }
        let level = match table.text("level").as_deref() {
            Some("record") => Some(Level::Record),
            Some("holding") => Some(Level::Holding),
            Some("item") => Some(Level::Item),
            Some("location") => Some(Level::Location),
            Some(_) => {
                table.fault("level", "must be `record`, `holding`, `item` or `location`.");
                None
            }
            None => None,
        };
        let mut conditions = Vec::new();
        for mut condition in table.tables("when", MOST) {
            if let Some(level) = level {
                conditions.extend(self::condition(&mut condition, level));
            }
            condition.finish();
        }
        if conditions.is_empty() && !table.has_faults() {
            table.fault("when", "must have a condition at least: a rule without one would suppress everything.");
        }
        table.finish();
        if let Some(level) = level {
            rules.push(Rule { name, level, conditions });
        }
    }
    for (at, rule) in rules.iter().enumerate() {
        if rules.iter().take(at).any(|other| other.name == rule.name) {
            from.fault(
                "suppress",
                &format!("has two rules with the name {:?}; reports could not tell them apart.", rule.name),
            );
        }
    }
    rules
}

fn condition(table: &mut Reader<'_>, level: Level) -> Option<Condition> {
    let negated = table.flag("not");
    let values = table.texts("equals", 10_000);
    let prefixes = table.texts("begins_with", 1_000);
    let test = match (values, prefixes) {
        (None, None) => Test::Present,
        (Some(values), None) => Test::Equals(values.into_iter().collect()),
        (None, Some(prefixes)) => Test::BeginsWith(prefixes),
        (Some(_), Some(_)) => {
            table.fault("begins_with", "can't stand next to `equals`; write two conditions or two rules.");
            return None;
        }
    };
    if level == Level::Record {
        let tag = table.text("tag")?;
        if tag.parse::<marc::Tag>().is_err() {
            table.fault("tag", "must be three characters such as 999.");
            return None;
        }
        let subfield = table.code("subfield", false);
        return Some(Condition::Field { tag, subfield, test, negated });
    }
    let property = table.text("property")?;
    let Some(property) = level.property(&property) else {
        table.fault("property", &format!("must be one of {}.", level.property_names()));
        return None;
    };
    Some(Condition::Property { property, test, negated })
}

#[cfg(test)]
mod tests;
