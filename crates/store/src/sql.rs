//! Values and rows as both databases have them: text, 64-bit integers and, in bulk databases, bytes.

use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use lending::{AgencyCode, InstitutionCode, ItemId, LibraryCode, PickupLocationCode, RequestId, Side};
use uuid::Uuid;

use crate::error::Error;
use crate::time::micros;

/// A value of a column or of a statement's parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes, such as a compressed record.
    Bytes(Vec<u8>),
    /// A list, as a parameter only: `= ANY($1)` on PostgreSQL, `IN rarray($1)` on SQLite.
    List(Vec<Self>),
}

/// A statement that reads, and its parameters.
pub(crate) type Query = (&'static str, Vec<Value>);

/// The parameters of a statement, in the order `$1`, `$2` and so on.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Value::from($value)),*] };
}
pub(crate) use values;

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl FromIterator<Self> for Value {
    fn from_iter<T: IntoIterator<Item = Self>>(values: T) -> Self {
        Self::List(values.into_iter().collect())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Int(yes.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Int(micros(at))
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Text(id.to_string())
    }
}

impl From<RequestId> for Value {
    fn from(id: RequestId) -> Self {
        Self::Text(id.to_string())
    }
}

impl From<Side> for Value {
    fn from(side: Side) -> Self {
        Self::Text(side.name().to_owned())
    }
}

macro_rules! from_code {
    ($($code:ty),*) => {
        $(impl From<&$code> for Value {
            fn from(code: &$code) -> Self {
                Self::Text(code.as_str().to_owned())
            }
        })*
    };
}
from_code!(InstitutionCode, AgencyCode, PickupLocationCode, LibraryCode, ItemId);

impl<T> From<Option<T>> for Value
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

/// A row, read by the names of its columns.
#[derive(Clone, Debug)]
pub struct Row {
    pub(crate) names: Arc<[String]>,
    pub(crate) cells: Vec<Value>,
}

impl Row {
    fn cell(&self, column: &'static str) -> Result<&Value, Error> {
        let place = self.names.iter().position(|name| name == column);
        place.and_then(|place| self.cells.get(place)).ok_or_else(|| corrupt(column, "there is no such column"))
    }

    /// Returns the text of a column.
    pub fn text(&self, column: &'static str) -> Result<String, Error> {
        self.str(column).map(str::to_owned)
    }

    /// Returns the text of a column; none where it is NULL.
    pub fn optional_text(&self, column: &'static str) -> Result<Option<String>, Error> {
        Ok(self.optional_str(column)?.map(str::to_owned))
    }

    pub(crate) fn str(&self, column: &'static str) -> Result<&str, Error> {
        self.optional_str(column)?.ok_or_else(|| corrupt(column, "it is empty"))
    }

    pub(crate) fn optional_str(&self, column: &'static str) -> Result<Option<&str>, Error> {
        match self.cell(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            _ => Err(corrupt(column, "no text")),
        }
    }

    /// Returns the number of a column.
    pub fn int(&self, column: &'static str) -> Result<i64, Error> {
        self.optional_int(column)?.ok_or_else(|| corrupt(column, "it is empty"))
    }

    /// Returns the number of a column; none where it is NULL.
    pub fn optional_int(&self, column: &'static str) -> Result<Option<i64>, Error> {
        match self.cell(column)? {
            Value::Null => Ok(None),
            Value::Int(number) => Ok(Some(*number)),
            _ => Err(corrupt(column, "no number")),
        }
    }

    /// Returns the bytes of a column; none where it is NULL.
    pub fn optional_bytes(&self, column: &'static str) -> Result<Option<&[u8]>, Error> {
        match self.cell(column)? {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes)),
            _ => Err(corrupt(column, "no bytes")),
        }
    }

    /// Returns whether a column's number is another than 0.
    pub fn yes(&self, column: &'static str) -> Result<bool, Error> {
        Ok(self.int(column)? != 0)
    }

    /// Returns the number of a column that is never negative.
    pub fn count(&self, column: &'static str) -> Result<u64, Error> {
        Ok(u64::try_from(self.int(column)?).unwrap_or_default())
    }

    pub(crate) fn small(&self, column: &'static str) -> Result<u32, Error> {
        Ok(u32::try_from(self.int(column)?).unwrap_or(u32::MAX))
    }

    /// Returns the time of a column.
    pub fn time(&self, column: &'static str) -> Result<Timestamp, Error> {
        Timestamp::from_microsecond(self.int(column)?).map_err(|_| corrupt(column, "a time out of range"))
    }

    /// A time; none where it is NULL.
    pub(crate) fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, Error> {
        self.optional_int(column)?.map(|_| self.time(column)).transpose()
    }

    /// A time; none where it is 0.
    pub(crate) fn time_unless_zero(&self, column: &'static str) -> Result<Option<Timestamp>, Error> {
        if self.int(column)? == 0 { Ok(None) } else { self.time(column).map(Some) }
    }

    /// Text that stands for something else, such as an id or a status.
    pub(crate) fn parse<T: FromStr>(&self, column: &'static str) -> Result<T, Error> {
        self.str(column)?.parse().map_err(|_| corrupt(column, "an unknown value"))
    }

    pub(crate) fn side(&self, column: &'static str) -> Result<Side, Error> {
        let name = serde_json::Value::String(self.text(column)?);
        serde_json::from_value(name).map_err(|_| corrupt(column, "an unknown side"))
    }

    /// Returns the JSON of a column.
    pub fn json(&self, column: &'static str) -> Result<serde_json::Value, Error> {
        serde_json::from_str(self.str(column)?).map_err(|error| corrupt(column, &error.to_string()))
    }
}

fn corrupt(column: &'static str, what: &str) -> Error {
    Error::Corrupt { table: column, what: what.to_owned() }
}

/// A set of words for `$n LIKE '%,' || column || ',%'`: both databases lack a parameter that holds a list.
pub(crate) fn word_set<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.fold(",".to_owned(), |set, word| set + word + ",")
}
