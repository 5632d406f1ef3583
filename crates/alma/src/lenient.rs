//! Reads Alma's JSON in all the shapes in which it has been seen.
//!
//! A field may come as `null`, `""`, `{}`, `{"value":null}` or not at all. Numbers and booleans come as text, and text
//! comes as numbers. A list of one comes as an object, and an empty list is left out. Messages here never quote a
//! value, since it could be personal data.
//!
//! A field that can't be read never makes a record unreadable, unless the record is useless without it ([`required`]).
//! Each field that decides something has a meaning for that case: a flag that keeps an item from being lent counts as
//! set ([`or_true`]), a code is `Unreadable`, an unknown base status is "not in place". Any other field is then
//! unknown, as if it were blank.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A type that can be read from any of the shapes in which Alma writes it. The result is `None` for a blank value, and
/// an error for a value that can't be one.
pub(crate) trait Lenient: Sized {
    fn read(value: &Value) -> Result<Option<Self>, &'static str>;
}

/// Returns the text of a plain or coded value, trimmed; `None` if there is none. Control characters are blanks: a line
/// break would end a log line or a MARC field, and an escape sequence would reach a terminal.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    let text = exact(value)?;
    if text.chars().any(char::is_control) {
        return Some(text.replace(char::is_control, " ").trim().to_owned()).filter(|text| !text.is_empty());
    }
    Some(text.trim().to_owned())
}

/// Returns the text of a plain or coded value as it is; `None` if there is none or it has blanks only.
pub(crate) fn exact(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text).filter(|text| !text.trim().is_empty()).cloned(),
        Value::Array(values) => values.first().and_then(exact),
        Value::Object(fields) => fields.get("value").and_then(exact),
    }
}

/// Returns whether the value is neither blank nor a plain or coded value.
pub(crate) fn is_unreadable(value: &Value) -> bool {
    scalar(value).is_none() && !is_blank_throughout(value)
}

fn is_blank_throughout(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(is_blank_throughout),
        Value::Object(fields) => fields.values().all(is_blank_throughout),
        other => is_blank(other),
    }
}

impl Lenient for String {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        Ok(scalar(value))
    }
}

impl Lenient for bool {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        match scalar(value).map(|text| text.to_ascii_lowercase()).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes" | "y") => Ok(Some(true)),
            Some("false" | "0" | "no" | "n") => Ok(Some(false)),
            Some(_) => Err("a field that should be true or false is neither"),
        }
    }
}

impl Lenient for u64 {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        scalar(value).map(|text| text.parse().map_err(|_| "a field that should be a whole number is not")).transpose()
    }
}

/// A calendar date: `2025-01-31`, `2025-01-31Z` (the `Z` has no meaning), the date part of a longer text, or epoch
/// milliseconds (UTC). It is never moved by a time zone.
impl Lenient for Date {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        let Some(text) = scalar(value) else { return Ok(None) };
        let written = text.get(..10).and_then(|day| day.parse::<Date>().ok());
        written
            .or_else(|| epoch_millis(&text).map(|at| TimeZone::UTC.to_datetime(at).date()))
            .map(Some)
            .ok_or("a field that should be a date is not")
    }
}

/// A moment: RFC 3339 with or without milliseconds, a date (then midnight UTC), or epoch milliseconds.
impl Lenient for Timestamp {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        let Some(text) = scalar(value) else { return Ok(None) };
        text.parse::<Timestamp>()
            .ok()
            .or_else(|| format!("{text}Z").parse().ok())
            .or_else(|| epoch_millis(&text))
            .or_else(|| {
                let day = text.strip_suffix('Z').unwrap_or(&text).parse::<Date>().ok()?;
                TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
            })
            .map(Some)
            .ok_or("a field that should be a date and time is not")
    }
}

fn epoch_millis(text: &str) -> Option<Timestamp> {
    (text.len() > 10).then(|| text.parse().ok()).flatten().and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

/// For `deserialize_with`: a field that may be blank, and is unknown when it can't be read.
pub(crate) fn opt<'de, D: Deserializer<'de>, T: Lenient>(from: D) -> Result<Option<T>, D::Error> {
    Ok(T::read(&Value::deserialize(from)?).unwrap_or_default())
}

/// For `deserialize_with`: a field without which the record is useless.
pub(crate) fn required<'de, D: Deserializer<'de>, T: Lenient>(from: D) -> Result<T, D::Error> {
    let read = T::read(&Value::deserialize(from)?).map_err(D::Error::custom)?;
    read.ok_or_else(|| D::Error::custom(format!("a blank {}", kind::<T>())))
}

/// For `deserialize_with`: a field whose type has a value for "blank". The same value means "unreadable".
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Lenient + Default>(from: D) -> Result<T, D::Error> {
    Ok(opt(from)?.unwrap_or_default())
}

/// For `deserialize_with`: a flag that counts as set when it can't be read, and not when it is blank.
pub(crate) fn or_true<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(opt_or_true(from)?.unwrap_or_default())
}

/// For `deserialize_with`: a flag that counts as set if it can't be read, and is unknown if it is blank.
pub(crate) fn opt_or_true<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(if is_unreadable(&value) { Some(true) } else { bool::read(&value).unwrap_or(Some(true)) })
}

/// The records in a record, and the number of those that can't be read.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) unreadable: u32,
}

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), unreadable: 0 }
    }
}

/// For `deserialize_with`: a list of records, with the number of those that can't be read.
pub(crate) fn counted<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Counted<T>, D::Error> {
    let mut counted = Counted::default();
    for row in every_row(Value::deserialize(from)?) {
        match record(row) {
            Ok(row) => counted.rows.push(row),
            Err(_) => counted.unreadable = counted.unreadable.saturating_add(1),
        }
    }
    Ok(counted)
}

/// For `deserialize_with`: a list of records. Those that can't be read are left out.
pub(crate) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(counted(from)?.rows)
}

/// For `deserialize_with`: a list of plain values. Blank and unreadable values are left out.
pub(crate) fn values<'de, D: Deserializer<'de>, T: Lenient>(from: D) -> Result<Vec<T>, D::Error> {
    let read = |value: &Value| T::read(value).unwrap_or_default();
    Ok(match Value::deserialize(from)? {
        Value::Array(values) => values.iter().filter_map(read).collect(),
        single => read(&single).into_iter().collect(),
    })
}

/// For `deserialize_with`: a nested record. A blank or unreadable one is read as empty.
pub(crate) fn nested<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    Ok(rows(Value::deserialize(from)?).into_iter().next().and_then(|value| record(value).ok()).unwrap_or_default())
}

/// Returns the records of a value that should be a list.
pub(crate) fn rows(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(rows) => rows.into_iter().filter(|row| !is_blank(row)).collect(),
        single if is_blank(&single) => Vec::new(),
        single => vec![single],
    }
}

/// Returns the records of a value that should be a list. Each element of an array counts as a record, even a blank one.
pub(crate) fn every_row(value: Value) -> Vec<Value> {
    match value {
        Value::Array(rows) => rows,
        single => rows(single),
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Decodes one record. The error message quotes no value.
pub(crate) fn record<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    if !value.is_object() {
        return Err("no JSON object where a record should be".to_owned());
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn kind<T>() -> &'static str {
    std::any::type_name::<T>().rsplit("::").next().unwrap_or("field")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_blank_reads_as_none() {
        for blank in
            [json!(null), json!(""), json!("  "), json!({}), json!({"value": null}), json!({"value": "", "desc": null})]
        {
            assert_eq!(String::read(&blank), Ok(None), "{blank}");
            assert_eq!(bool::read(&blank), Ok(None), "{blank}");
            assert_eq!(u64::read(&blank), Ok(None), "{blank}");
            assert_eq!(Date::read(&blank), Ok(None), "{blank}");
            assert_eq!(Timestamp::read(&blank), Ok(None), "{blank}");
        }
    }

    #[test]
    fn control_characters_of_a_text_are_blanks() {
        assert_eq!(String::read(&json!("Cats\u{1b}[31m\r\nand dogs\u{7}")), Ok(Some("Cats [31m  and dogs".to_owned())));
        assert_eq!(exact(&json!(" 4711x\t")), Some(" 4711x\t".to_owned()), "an identifier goes back as it is");
    }

    #[test]
    fn numbers_texts_and_flags_are_read_from_each_other() {
        assert_eq!(u64::read(&json!("12")), Ok(Some(12)));
        assert_eq!(u64::read(&json!({"value": 12})), Ok(Some(12)));
        assert_eq!(String::read(&json!(12)), Ok(Some("12".to_owned())));
        assert_eq!(bool::read(&json!("True")), Ok(Some(true)));
        assert_eq!(bool::read(&json!(false)), Ok(Some(false)));
        assert!(bool::read(&json!("perhaps")).is_err());
    }

    #[test]
    fn anything_that_is_there_and_is_no_value_is_distinguished_from_anything_that_is_blank() {
        for unreadable in
            [json!({"x": 1}), json!([{"x": 1}]), json!({"value": {"x": "y"}}), json!({"value": null, "desc": "D"})]
        {
            assert!(is_unreadable(&unreadable), "{unreadable}");
        }
        for readable in
            [json!(null), json!(" "), json!([]), json!({"value": "", "desc": null}), json!(0), json!({"value": "v"})]
        {
            assert!(!is_unreadable(&readable), "{readable}");
        }
    }

    #[test]
    fn a_field_that_cannot_be_read_is_unknown_or_counts_as_set_and_fails_only_where_all_hangs_on_it() {
        #[derive(Deserialize)]
        struct Fields {
            #[serde(deserialize_with = "opt")]
            day: Option<Date>,
            #[serde(deserialize_with = "or_default")]
            number: u64,
            #[serde(deserialize_with = "or_true")]
            hidden: bool,
            #[serde(deserialize_with = "opt_or_true")]
            wanted: Option<bool>,
        }
        #[derive(Deserialize, Debug)]
        struct Id {
            #[serde(rename = "id", deserialize_with = "required")]
            _id: String,
        }
        let damaged = json!({"day": "00-00-0000", "number": "many", "hidden": "perhaps", "wanted": [{"x": 1}]});
        let read: Fields = record(damaged).unwrap();
        assert_eq!((read.day, read.number, read.hidden, read.wanted), (None, 0, true, Some(true)));
        let blank: Fields = record(json!({"day": null, "number": "", "hidden": "", "wanted": null})).unwrap();
        assert_eq!((blank.hidden, blank.wanted), (false, None));
        for bad in [json!({"id": ""}), json!({"id": {"x": 1}}), json!({}), json!([1])] {
            assert!(record::<Id>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_date_is_never_shifted_whatever_follows_it() {
        let day = Date::constant(2025, 1, 31);
        for text in [
            "2025-01-31",
            "2025-01-31Z",
            " 2025-01-31Z ",
            "2025-01-31T23:30:00-08:00",
            "2025-01-31 11:22:45 Europe/Berlin",
        ] {
            assert_eq!(Date::read(&json!(text)), Ok(Some(day)), "{text}");
        }
        assert_eq!(Date::read(&json!(1_738_281_600_000_i64)), Ok(Some(day)));
        assert!(Date::read(&json!("soon")).is_err());
    }

    #[test]
    fn a_moment_is_read_with_and_without_milliseconds() {
        let at: Timestamp = "2026-04-01T20:00:00Z".parse().unwrap();
        for value in [
            json!("2026-04-01T20:00:00Z"),
            json!("2026-04-01T20:00:00.000Z"),
            json!("2026-04-01T20:00:00"),
            json!(1_775_073_600_000_i64),
        ] {
            assert_eq!(Timestamp::read(&value), Ok(Some(at)), "{value}");
        }
        let midnight: Timestamp = "2026-04-01T00:00:00Z".parse().unwrap();
        assert_eq!(Timestamp::read(&json!("2026-04-01Z")), Ok(Some(midnight)));
    }

    #[test]
    fn a_list_of_one_may_come_as_an_object_and_an_empty_one_as_anything_blank() {
        assert_eq!(rows(json!({"a": 1})).len(), 1);
        assert_eq!(rows(json!([{"a": 1}, null])).len(), 1);
        for blank in [json!(null), json!([]), json!({}), json!("")] {
            assert!(rows(blank).is_empty());
        }
    }
}
