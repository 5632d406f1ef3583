//! A reader for tables of JSON that collects all faults.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::SettingFault;

/// Reads the keys of one table, and notes each fault with the path of its key.
pub(super) struct Reader<'a> {
    path: String,
    table: &'a Map<String, Value>,
    known: BTreeSet<&'static str>,
    /// The faults of the whole reading: tables within tables note theirs here too.
    faults: &'a RefCell<Vec<SettingFault>>,
}

impl<'a> Reader<'a> {
    /// Begins to read `value`, which must be a table.
    pub(super) fn new(path: String, value: &'a Value, faults: &'a RefCell<Vec<SettingFault>>) -> Option<Self> {
        match value {
            Value::Object(table) => Some(Self { path, table, known: BTreeSet::new(), faults }),
            _ => {
                faults.borrow_mut().push(SettingFault { key: path, message: "must be a table.".to_owned() });
                None
            }
        }
    }

    /// Notes a fault of a key.
    pub(super) fn fault(&mut self, key: &str, message: &str) {
        let key = format!("{}.{key}", self.path);
        self.faults.borrow_mut().push(SettingFault { key, message: message.to_owned() });
    }

    /// Returns whether this table or one within it has a fault.
    pub(super) fn has_faults(&self) -> bool {
        self.faults.borrow().iter().any(|fault| fault.key.starts_with(&self.path))
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.table.get(key).filter(|value| !value.is_null())
    }

    /// Reads a mandatory text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        if self.value(key).is_none() {
            self.fault(key, "is missing.");
            return None;
        }
        let text = self.optional_text(key);
        if text.is_none() && self.table.get(key).is_some_and(Value::is_string) {
            self.fault(key, "must not be empty.");
        }
        text
    }

    /// Reads an optional text without the blanks around it.
    pub(super) fn optional_text(&mut self, key: &'static str) -> Option<String> {
        self.optional_raw_text(key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Reads an optional text as it is.
    pub(super) fn optional_raw_text(&mut self, key: &'static str) -> Option<String> {
        match self.value(key)? {
            Value::String(text) if text.len() <= 2_000 => Some(text.clone()),
            Value::String(_) => {
                self.fault(key, "is too long.");
                None
            }
            _ => {
                self.fault(key, "must be text.");
                None
            }
        }
    }

    /// Reads a truth value; a missing one is false.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        match self.value(key) {
            None => false,
            Some(Value::Bool(yes)) => *yes,
            Some(_) => {
                self.fault(key, "must be true or false.");
                false
            }
        }
    }

    /// Reads an optional number within a range.
    pub(super) fn number(&mut self, key: &'static str, least: u32, most: u32) -> Option<u32> {
        let number = self.value(key)?.as_u64().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => {
                self.fault(key, &format!("must be a whole number from {least} to {most}."));
                None
            }
        }
    }

    /// Reads the code of a subfield.
    pub(super) fn code(&mut self, key: &'static str, mandatory: bool) -> Option<char> {
        if self.value(key).is_none() {
            if mandatory {
                self.fault(key, "is missing. It names the subfield with the id.");
            }
            return None;
        }
        let code = self.peek_code(key);
        if code.is_none() {
            self.fault(key, "must be the code of a subfield: one character, such as a.");
        }
        code
    }

    /// Returns the code of a subfield, if there is one; notes no fault.
    pub(super) fn peek_code(&self, key: &str) -> Option<char> {
        let text = self.table.get(key).and_then(Value::as_str)?;
        let mut chars = text.chars();
        chars.next().filter(|code| chars.next().is_none() && code.is_ascii_graphic())
    }

    /// Reads an optional list of texts, or one text.
    pub(super) fn texts(&mut self, key: &'static str, most: usize) -> Option<Vec<String>> {
        let texts = match self.value(key)? {
            Value::String(text) => Some(vec![text.trim().to_owned()]),
            Value::Array(all) if !all.is_empty() && all.len() <= most => {
                all.iter().map(|each| each.as_str().map(|text| text.trim().to_owned())).collect()
            }
            _ => None,
        };
        let texts = texts.filter(|texts: &Vec<String>| texts.iter().all(|text| !text.is_empty()));
        if texts.is_none() {
            self.fault(key, &format!("must be a text, or a list of 1 to {most} texts."));
        }
        texts
    }

    /// Begins to read an optional table within this one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        Self::new(format!("{}.{key}", self.path), value, self.faults)
    }

    /// Begins to read the tables of an optional list.
    pub(super) fn tables(&mut self, key: &'static str, most: usize) -> Vec<Self> {
        let all = match self.value(key) {
            None => return Vec::new(),
            Some(Value::Array(all)) if all.len() <= most => all,
            Some(_) => {
                self.fault(key, &format!("must be a list of at most {most} tables."));
                return Vec::new();
            }
        };
        let table =
            |(at, value): (usize, &'a Value)| Self::new(format!("{}.{key}[{at}]", self.path), value, self.faults);
        all.iter().enumerate().filter_map(table).collect()
    }

    /// Notes the keys that aren't settings.
    pub(super) fn finish(&mut self) {
        let unknown: Vec<&String> = self.table.keys().filter(|key| !self.known.contains(key.as_str())).collect();
        let known = self.known.iter().copied().collect::<Vec<_>>().join(", ");
        for key in unknown {
            self.fault(key, &format!("is no setting. Settings here are: {known}."));
        }
    }
}
