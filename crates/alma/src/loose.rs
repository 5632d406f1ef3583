//! Reading Alma's JSON in all the shapes it is seen in.
//!
//! The same field comes as `null`, `""`, `{}`, `{"value":null}` or not at all; numbers and booleans come as text and
//! text as numbers; a list of one comes as an object and an empty list is left out. Messages here never quote a value:
//! it could be personal data.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A type that can be read from any of the shapes in which Alma writes it; `None` when it is blank.
pub(crate) trait Loose: Sized {
    fn read(value: &Value) -> Result<Option<Self>, &'static str>;
}

/// The text of a plain or coded value, trimmed; `None` when there is none.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
        Value::Array(values) => values.first().and_then(scalar),
        Value::Object(fields) => fields.get("value").and_then(scalar),
    }
}

impl Loose for String {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        Ok(scalar(value))
    }
}

impl Loose for bool {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        match scalar(value).map(|text| text.to_ascii_lowercase()).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes" | "y") => Ok(Some(true)),
            Some("false" | "0" | "no" | "n") => Ok(Some(false)),
            Some(_) => Err("a field that should be true or false is neither"),
        }
    }
}

impl Loose for u64 {
    fn read(value: &Value) -> Result<Option<Self>, &'static str> {
        scalar(value).map(|text| text.parse().map_err(|_| "a field that should be a whole number is not")).transpose()
    }
}

/// A calendar date: `2025-01-31`, `2025-01-31Z` (the `Z` says nothing), the date part of a longer text, or epoch
/// milliseconds (UTC). It is never moved by a time zone.
impl Loose for Date {
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
impl Loose for Timestamp {
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

/// For `deserialize_with`: a field that may be blank.
pub(crate) fn opt<'de, D: Deserializer<'de>, T: Loose>(from: D) -> Result<Option<T>, D::Error> {
    T::read(&Value::deserialize(from)?).map_err(D::Error::custom)
}

/// For `deserialize_with`: a field without which the record makes no sense.
pub(crate) fn must<'de, D: Deserializer<'de>, T: Loose>(from: D) -> Result<T, D::Error> {
    opt(from)?.ok_or_else(|| D::Error::custom(format!("a blank {}", kind::<T>())))
}

/// For `deserialize_with`: a field whose type has a value for "blank".
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Loose + Default>(from: D) -> Result<T, D::Error> {
    Ok(opt(from)?.unwrap_or_default())
}

/// For `deserialize_with`: a list of records.
pub(crate) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    rows(Value::deserialize(from)?).into_iter().map(record).collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// For `deserialize_with`: a list of plain values; blank ones are left out.
pub(crate) fn values<'de, D: Deserializer<'de>, T: Loose>(from: D) -> Result<Vec<T>, D::Error> {
    let read = |value: &Value| T::read(value).map_err(D::Error::custom).transpose();
    match Value::deserialize(from)? {
        Value::Array(values) => values.iter().filter_map(read).collect(),
        single => read(&single).into_iter().collect(),
    }
}

/// For `deserialize_with`: a nested record, which is as if empty when blank.
pub(crate) fn nested<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    match rows(Value::deserialize(from)?).into_iter().next() {
        Some(value) => record(value).map_err(D::Error::custom),
        None => Ok(T::default()),
    }
}

/// The records of a value that should be a list.
pub(crate) fn rows(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(rows) => rows.into_iter().filter(|row| !is_blank(row)).collect(),
        single if is_blank(&single) => Vec::new(),
        single => vec![single],
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

/// Decodes one record, with a message that quotes no value.
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
    fn numbers_texts_and_flags_are_read_from_each_other() {
        assert_eq!(u64::read(&json!("12")), Ok(Some(12)));
        assert_eq!(u64::read(&json!({"value": 12})), Ok(Some(12)));
        assert_eq!(String::read(&json!(12)), Ok(Some("12".to_owned())));
        assert_eq!(bool::read(&json!("True")), Ok(Some(true)));
        assert_eq!(bool::read(&json!(false)), Ok(Some(false)));
        assert!(bool::read(&json!("perhaps")).is_err());
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
