//! A resource in the API's shape, borrowed from the state as far as possible, so that read calls write it without
//! copying the state.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use crate::state::model::Id;

/// A value of a resource.
#[derive(Debug)]
pub(crate) enum Shape<'a> {
    Null,
    Flag(bool),
    Count(usize),
    /// Written as text, as Alma writes ids.
    Id(Id),
    Text(Cow<'a, str>),
    /// A coded value: the code, and its text in the table.
    Code(&'a str, Option<&'a str>),
    Rows(Vec<Shape<'a>>),
    Fields(Vec<(&'a str, Shape<'a>)>),
    /// A value as it was sent.
    Stored(&'a Value),
    Made(Value),
}

/// A resource of named fields, in this order.
macro_rules! fields {
    ($($key:literal: $value:expr),* $(,)?) => {
        $crate::shape::Shape::Fields(vec![$(($key, $crate::shape::Shape::from($value))),*])
    };
}
pub(crate) use fields;

impl<'a> Shape<'a> {
    /// The same as a value of its own.
    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// A field of this resource.
    pub(crate) fn field(&mut self, key: &str) -> Option<&mut Shape<'a>> {
        let Shape::Fields(fields) = self else { return None };
        fields.iter_mut().find(|(each, _)| *each == key).map(|(_, value)| value)
    }

    /// Adds a field, or replaces its value.
    pub(crate) fn set(&mut self, key: &'a str, value: impl Into<Shape<'a>>) {
        let value = value.into();
        match self.field(key) {
            Some(field) => *field = value,
            None => {
                if let Shape::Fields(fields) = self {
                    fields.push((key, value));
                }
            }
        }
    }

    /// Leaves fields out.
    pub(crate) fn leave_out(&mut self, keys: &[&str]) {
        if let Shape::Fields(fields) = self {
            fields.retain(|(key, _)| !keys.contains(key));
        }
    }
}

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Shape::Null => serializer.serialize_unit(),
            Shape::Flag(flag) => serializer.serialize_bool(*flag),
            Shape::Count(count) => serializer.serialize_u64(*count as u64),
            Shape::Id(id) => serializer.collect_str(id),
            Shape::Text(text) => serializer.serialize_str(text),
            Shape::Code(code, text) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("value", code)?;
                map.serialize_entry("desc", text)?;
                map.end()
            }
            Shape::Rows(rows) => {
                let mut list = serializer.serialize_seq(Some(rows.len()))?;
                for row in rows {
                    list.serialize_element(row)?;
                }
                list.end()
            }
            Shape::Fields(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Shape::Stored(value) => value.serialize(serializer),
            Shape::Made(value) => value.serialize(serializer),
        }
    }
}

impl From<bool> for Shape<'_> {
    fn from(flag: bool) -> Self {
        Shape::Flag(flag)
    }
}

impl From<usize> for Shape<'_> {
    fn from(count: usize) -> Self {
        Shape::Count(count)
    }
}

impl From<Id> for Shape<'_> {
    fn from(id: Id) -> Self {
        Shape::Id(id)
    }
}

impl<'a> From<&'a str> for Shape<'a> {
    fn from(text: &'a str) -> Self {
        Shape::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Shape<'a> {
    fn from(text: &'a String) -> Self {
        Shape::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Shape<'_> {
    fn from(text: String) -> Self {
        Shape::Text(Cow::Owned(text))
    }
}

impl From<Value> for Shape<'_> {
    fn from(value: Value) -> Self {
        Shape::Made(value)
    }
}

impl<'a> From<&'a Value> for Shape<'a> {
    fn from(value: &'a Value) -> Self {
        Shape::Stored(value)
    }
}

impl<'a> From<&'a Vec<String>> for Shape<'a> {
    fn from(texts: &'a Vec<String>) -> Self {
        Shape::Rows(texts.iter().map(Shape::from).collect())
    }
}

impl<'a> From<Vec<Shape<'a>>> for Shape<'a> {
    fn from(rows: Vec<Shape<'a>>) -> Self {
        Shape::Rows(rows)
    }
}

impl<'a, T: Into<Shape<'a>>> From<Option<T>> for Shape<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Shape::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_is_written_as_its_value_is() {
        let stored = json!({"kept": [1, 2]});
        let title = String::from("Cats & \"dogs\"");
        let mut shape = fields! {
            "id": 22_000_u64, "title": &title, "none": None::<&str>, "count": 3_usize, "flag": true,
            "library": fields! {"value": "MAIN", "desc": Shape::Null}, "stored": &stored, "policy": Shape::Code("LOAN", None),
        };
        shape.set("count", 4_usize);
        shape.set("later", "x");
        if let Some(library) = shape.field("library") {
            library.set("desc", "Main");
        }
        shape.leave_out(&["flag"]);
        let expected = json!({
            "id": "22000", "title": "Cats & \"dogs\"", "none": null, "count": 4,
            "library": {"value": "MAIN", "desc": "Main"}, "stored": {"kept": [1, 2]},
            "policy": {"value": "LOAN", "desc": null}, "later": "x",
        });
        assert_eq!(shape.to_value(), expected);
        assert_eq!(serde_json::from_str::<Value>(&serde_json::to_string(&shape).unwrap()).unwrap(), expected);
    }
}
