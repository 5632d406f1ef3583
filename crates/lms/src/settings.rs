//! Reads an institution's settings and reports all faults at once, each with its solution.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

/// One fault in an institution's settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingError {
    /// The setting, such as `sharing_library`.
    pub key: String,
    /// The fault and its solution.
    pub message: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Returns serde's message about a value that it can't take, without the value, which may be a secret.
pub fn without_value(message: &str) -> String {
    // The names of fields and of the expected type come from the program. The part before them comes from the input.
    let names_fields_only = ["missing field `", "duplicate field `", "unknown field `"];
    if names_fields_only.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    let quotes_the_value = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `"];
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    match expected.filter(|_| quotes_the_value.iter().any(|start| message.starts_with(start))) {
        Some(expected) => format!("expected {expected}"),
        None => "a value that can't be used".to_owned(),
    }
}

/// Settings of an institution that other parts of the hub read and check: `harvest` is that of the catalogue.
const OTHERS: [&str; 1] = ["harvest"];

/// A reader for the keys of one settings table. It collects their faults.
pub(crate) struct Reader<'a> {
    table: &'a Map<String, Value>,
    known: BTreeSet<&'static str>,
    pub(crate) faults: Vec<SettingError>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(table: &'a Map<String, Value>) -> Self {
        Self { table, known: OTHERS.into(), faults: Vec::new() }
    }

    pub(crate) fn error(&mut self, key: &str, message: impl Into<String>) {
        self.faults.push(SettingError { key: key.to_owned(), message: message.into() });
    }

    /// Reads a mandatory text. `what` describes its purpose.
    pub(crate) fn text(&mut self, key: &'static str, what: &str) -> String {
        match self.optional_text(key) {
            Some(text) => text,
            None => {
                if !self.faults.iter().any(|fault| fault.key == key) {
                    self.error(key, format!("is missing. It names {what}."));
                }
                String::new()
            }
        }
    }

    /// Reads an optional text and removes the blanks around it.
    pub(crate) fn optional_text(&mut self, key: &'static str) -> Option<String> {
        self.known.insert(key);
        match self.table.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            Some(other) => {
                self.error(key, format!("must be text, but is {}.", kind(other)));
                None
            }
        }
    }

    /// Reads a mandatory identifier of the library's system. `what` describes its purpose.
    pub(crate) fn identifier(&mut self, key: &'static str, what: &str) -> String {
        let text = self.text(key, what);
        if !text.is_empty() {
            self.check_identifier(key, &text);
        }
        text
    }

    /// Reads an optional identifier of the library's system.
    pub(crate) fn optional_identifier(&mut self, key: &'static str) -> Option<String> {
        let text = self.optional_text(key)?;
        self.check_identifier(key, &text);
        Some(text)
    }

    pub(crate) fn check_identifier(&mut self, key: &str, text: &str) {
        if let Err(reason) = lending::check_identifier(text) {
            self.error(key, format!("can't be used. {reason}"));
        }
    }

    /// Reads a table of text to text. `what` describes its purpose.
    pub(crate) fn map(&mut self, key: &'static str, what: &str) -> BTreeMap<String, String> {
        self.known.insert(key);
        let Some(value) = self.table.get(key) else {
            self.error(key, format!("is missing. It is a table of {what}."));
            return BTreeMap::new();
        };
        let Value::Object(entries) = value else {
            self.error(key, format!("must be a table of {what}, but is {}.", kind(value)));
            return BTreeMap::new();
        };
        let mut map = BTreeMap::new();
        for (name, value) in entries {
            match value.as_str().map(str::trim) {
                Some(text) if !text.is_empty() => {
                    map.insert(name.trim().to_owned(), text.to_owned());
                }
                _ => self.error(&format!("{key}.{name}"), "must be a text that is not empty."),
            }
        }
        if map.is_empty() && entries.is_empty() {
            self.error(key, format!("is empty. It needs at least one of {what}."));
        }
        map
    }

    /// Reads an optional table of text to text. `what` describes its purpose. An absent table is empty.
    pub(crate) fn optional_map(&mut self, key: &'static str, what: &str) -> BTreeMap<String, String> {
        if matches!(self.table.get(key), None | Some(Value::Null)) {
            self.known.insert(key);
            return BTreeMap::new();
        }
        self.map(key, what)
    }

    /// Reads a list of texts; an absent list is empty.
    pub(crate) fn list(&mut self, key: &'static str) -> BTreeSet<String> {
        self.known.insert(key);
        let entries = match self.table.get(key) {
            None | Some(Value::Null) => return BTreeSet::new(),
            Some(Value::Array(entries)) => entries,
            Some(other) => {
                self.error(key, format!("must be a list of texts, but is {}.", kind(other)));
                return BTreeSet::new();
            }
        };
        let mut texts = BTreeSet::new();
        for entry in entries {
            match entry.as_str().map(str::trim) {
                Some(text) if !text.is_empty() => {
                    texts.insert(text.to_owned());
                }
                _ => self.error(key, "must be a list of texts that are not empty."),
            }
        }
        texts
    }

    /// Reads a switch. An absent one is off.
    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        self.known.insert(key);
        match self.table.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(on)) => *on,
            Some(_) => {
                self.error(key, "must be true or false");
                false
            }
        }
    }

    /// Reads an optional whole number between `least` and `most`.
    pub(crate) fn number(&mut self, key: &'static str, least: u32, most: u32) -> Option<u32> {
        self.known.insert(key);
        match self.table.get(key) {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
                Some(number) if (least..=most).contains(&number) => Some(number),
                _ => {
                    self.error(key, format!("must be a whole number from {least} to {most}."));
                    None
                }
            },
        }
    }

    /// Returns all faults. A key that no call has read is a fault, likely of spelling.
    pub(crate) fn finish(mut self) -> Vec<SettingError> {
        let unknown: Vec<String> =
            self.table.keys().filter(|key| !self.known.contains(key.as_str())).cloned().collect();
        for key in unknown {
            let known = self.known.iter().copied().collect::<Vec<_>>().join(", ");
            self.error(&key, format!("is no setting. Settings are: {known}."));
        }
        self.faults
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_serde_are_shown_without_the_value() {
        for (said, shown) in [
            ("invalid type: string \"canary, expected x\", expected u16", "expected u16"),
            ("invalid value: integer `7`, expected a nonzero u32", "expected a nonzero u32"),
            ("unknown variant `canary`, expected one of `monday`, `tuesday`", "expected one of `monday`, `tuesday`"),
            ("unknown field `colour`, expected `code` or `name`", "unknown field `colour`, expected `code` or `name`"),
            ("missing field `code`", "missing field `code`"),
            ("failed to parse \"canary\" as a time", "a value that can't be used"),
            ("canary, expected canary", "a value that can't be used"),
        ] {
            assert_eq!(without_value(said), shown);
        }
    }
}
