//! Users.

use serde_json::{Map, Value, json};

use super::{coded, encode};
use crate::shape::{Shape, fields};
use crate::state::Alma;
use crate::state::model::UserEntry;
use crate::state::users::{code_of, text_of};

/// `Last, First`.
pub(crate) fn sort_name(user: &Map<String, Value>) -> String {
    format!("{}, {}", text_of(user, "last_name"), text_of(user, "first_name"))
}

/// The value of a field that a user doesn't have.
#[derive(Clone, Copy)]
enum Empty {
    Text,
    Code,
    /// A code that this table describes.
    Table(&'static str),
    Rows,
    Flag,
    Null,
}

/// The fields every user object has, in Alma's order.
const FIELDS: &[(&str, Empty)] = &[
    ("record_type", Empty::Table("RecordType")),
    ("primary_id", Empty::Text),
    ("first_name", Empty::Text),
    ("middle_name", Empty::Text),
    ("last_name", Empty::Text),
    ("full_name", Empty::Text),
    ("pin_number", Empty::Text),
    ("user_title", Empty::Code),
    ("job_category", Empty::Code),
    ("job_description", Empty::Text),
    ("gender", Empty::Code),
    ("user_group", Empty::Table("UserGroups")),
    ("campus_code", Empty::Code),
    ("web_site_url", Empty::Text),
    ("cataloger_level", Empty::Code),
    ("preferred_language", Empty::Table("Languages")),
    ("account_type", Empty::Table("AccountType")),
    ("external_id", Empty::Text),
    ("password", Empty::Text),
    ("force_password_change", Empty::Text),
    ("status", Empty::Table("ContentStructureStatus")),
    ("requests", Empty::Null),
    ("loans", Empty::Null),
    ("fees", Empty::Null),
    ("contact_info", Empty::Null),
    ("pref_first_name", Empty::Text),
    ("pref_middle_name", Empty::Text),
    ("pref_last_name", Empty::Text),
    ("pref_name_suffix", Empty::Text),
    ("user_identifier", Empty::Rows),
    ("user_role", Empty::Rows),
    ("user_block", Empty::Rows),
    ("user_note", Empty::Rows),
    ("user_statistic", Empty::Rows),
    ("proxy_for_user", Empty::Rows),
    ("rs_library", Empty::Rows),
    ("library_notice", Empty::Rows),
    ("is_researcher", Empty::Flag),
    ("link", Empty::Null),
];

/// A user. `expand` names the counters to fill.
pub(crate) fn user<'a>(alma: &'a Alma, user: &'a UserEntry, base: &str, expand: &str) -> Shape<'a> {
    let stored = |key: &str| user.data.get(key).filter(|value| !value.is_null());
    let mut out = Vec::with_capacity(FIELDS.len() + 4);
    for (key, empty) in FIELDS {
        let value = match (*key, *empty) {
            ("full_name", _) => full_name(&user.data).into(),
            ("password", _) => "".into(),
            ("loans" | "requests" | "fees", _) => counter(alma, user, base, expand, key),
            ("contact_info", _) => contact_info(stored(key)),
            ("cataloger_level", _) if stored(key).is_none() => Shape::Code("00", Some("[00] Default Level (00)")),
            (_, Empty::Table(table)) => coded(alma, table, code_of(&user.data, key)),
            ("user_identifier", _) => rows(alma, stored(key), &[("id_type", "UserIdentifierTypes")]),
            ("user_block", _) => {
                let tables = [("block_type", "UserBlockTypes"), ("block_description", "UserBlockDescription")];
                rows(alma, stored(key), &tables)
            }
            _ => stored(key).map_or_else(|| nothing(*empty), plainly),
        };
        out.push((*key, value));
    }
    let further =
        user.data.iter().filter(|(key, value)| !value.is_null() && !FIELDS.iter().any(|(each, _)| each == key));
    out.extend(further.map(|(key, value)| (key.as_str(), plainly(value))));
    Shape::Fields(out)
}

fn nothing<'a>(empty: Empty) -> Shape<'a> {
    match empty {
        Empty::Text => "".into(),
        Empty::Code | Empty::Table(_) => Shape::Code("", Some("")),
        Empty::Rows => Shape::Rows(Vec::new()),
        Empty::Flag => false.into(),
        Empty::Null => Shape::Null,
    }
}

fn full_name(data: &Map<String, Value>) -> String {
    format!("{} {}", text_of(data, "first_name"), text_of(data, "last_name")).trim().to_owned()
}

/// Returns a count of a user's records, if the caller requests it.
fn counter<'a>(alma: &Alma, user: &UserEntry, base: &str, expand: &str, key: &str) -> Shape<'a> {
    if !expand.split(',').any(|each| each.trim() == key) {
        return Shape::Null;
    }
    let count: Shape<'_> = match key {
        "loans" => user.loans.len().into(),
        "requests" => user.requests.len().into(),
        _ => money(alma.owed(user.key)).into(),
    };
    fields! {"value": count, "link": format!("{base}/almaws/v1/users/{}/{key}", encode(user.primary_id()))}
}

/// Adds addresses, e-mails and telephones. Each list is present, even if empty.
fn contact_info(stored: Option<&Value>) -> Shape<'_> {
    let given = stored.and_then(Value::as_object);
    let mut out: Vec<(&str, Shape<'_>)> = Vec::with_capacity(4);
    for key in ["address", "email", "phone"] {
        let rows = given.and_then(|given| given.get(key));
        out.push((key, rows.map_or_else(|| Shape::Rows(Vec::new()), plainly)));
    }
    let further = given.into_iter().flatten().filter(|(key, _)| !matches!(key.as_str(), "address" | "email" | "phone"));
    out.extend(further.map(|(key, value)| (key.as_str(), plainly(value))));
    Shape::Fields(out)
}

/// Rows of which some fields are codes of a table.
fn rows<'a>(alma: &'a Alma, stored: Option<&'a Value>, tables: &[(&'static str, &str)]) -> Shape<'a> {
    let row = |row: &'a Map<String, Value>| {
        let table_of = |key: &str| tables.iter().find(|(each, _)| *each == key).map(|(_, table)| *table);
        let mut out: Vec<(&str, Shape<'_>)> = Vec::with_capacity(row.len() + 1);
        out.extend(
            row.iter().filter(|(key, _)| table_of(key).is_none()).map(|(key, value)| (key.as_str(), plainly(value))),
        );
        out.extend(tables.iter().map(|(key, table)| (*key, coded(alma, table, code_of(row, key)))));
        Shape::Fields(out)
    };
    let all = stored.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Shape::Rows(all.iter().filter_map(Value::as_object).map(row).collect())
}

/// Adds texts to coded values that none of the simulator's tables explains: the code itself, and the name of the patron
/// role.
fn plainly(value: &Value) -> Shape<'_> {
    match value {
        Value::Array(rows) => Shape::Rows(rows.iter().map(plainly).collect()),
        Value::Object(given) => {
            if let (1, Some(code)) = (given.len(), given.get("value")) {
                let text = if code == "200" { Shape::from("Patron") } else { Shape::from(code) };
                return fields! {"value": code, "desc": text};
            }
            Shape::Fields(given.iter().map(|(key, value)| (key.as_str(), plainly(value))).collect())
        }
        other => Shape::from(other),
    }
}

/// Cents as Alma writes money: a number with two places at most.
#[expect(clippy::cast_precision_loss, reason = "52 bits hold any fee")]
pub(crate) fn money(cents: i64) -> Value {
    json!(cents as f64 / 100.0)
}

/// A row of the user list.
pub(crate) fn user_row<'a>(alma: &'a Alma, user: &'a UserEntry, base: &str) -> Shape<'a> {
    let data = &user.data;
    fields! {
        "primary_id": user.primary_id(), "first_name": text_of(data, "first_name"),
        "last_name": text_of(data, "last_name"), "gender": Shape::Code("", Some("")), "password": "",
        "status": coded(alma, "ContentStructureStatus", code_of(data, "status")),
        "requests": Shape::Null, "loans": Shape::Null, "fees": Shape::Null,
        "link": format!("{base}/almaws/v1/users/{}", encode(user.primary_id())),
    }
}
