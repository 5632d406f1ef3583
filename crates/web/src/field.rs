//! The kinds of values that a field of an input can have. One implementation of [`Field`] defines how a kind of value
//! is read and how the OpenAPI document describes it, so that the two can't differ.

use std::mem;

use jiff::civil::Date;
use lending::{
    AgencyCode, Barcode, BibId, CancelledBy, Case, DeskCode, HoldingId, InstitutionCode, ItemId, LONGEST_IDENTIFIER,
    LibraryCode, PatronId, PickupLocationCode, Queue, Settlement, Side, Status, Wait,
};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use store::{AnyOr, Cursor, Sort};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, RefOr};

use crate::path::{CODE_PATTERN, LONGEST_CODE, NO_CODE, is_code};
use crate::problem::FieldError;

/// The longest text, in characters.
pub(crate) const LONGEST_TEXT: usize = 500;

/// The schemas that a field refers to, by name.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

/// A kind of value that a field of a body or a query parameter can have.
pub(crate) trait Field: Sized {
    /// Whether the field is mandatory.
    const REQUIRED: bool = true;

    /// Reads an existing value. Records its fault without quoting it: it may be a key or a patron's number.
    fn read(value: Value, reader: &mut Reader) -> Option<Self>;

    /// Returns a value that takes the place of a wrong or missing one until the faults are answered.
    fn placeholder() -> Self;

    /// Returns the value of a field that is left out.
    fn left_out(reader: &mut Reader) -> Self {
        reader.fault("MISSING", "It is missing.");
        Self::placeholder()
    }

    /// Returns the description of the value in the OpenAPI document.
    fn schema() -> RefOr<Schema>;

    /// Adds the schemas that [`schema`](Self::schema) refers to.
    fn refers_to(_: &mut Schemas) {}
}

/// The source of an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// A JSON body.
    Body,
    /// The query of an address, where every value is a text.
    Query,
}

/// The position in the input, and all faults so far.
#[derive(Debug)]
pub(crate) struct Reader {
    source: Source,
    path: String,
    faults: Vec<FieldError>,
}

impl Reader {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, path: String::new(), faults: Vec::new() }
    }

    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// Records a fault of the field that is being read.
    pub(crate) fn fault(&mut self, code: &'static str, message: impl Into<String>) {
        self.faults.push(FieldError::new(self.path.clone(), code, message));
    }

    /// Records a fault of a field inside the one that is being read.
    pub(crate) fn fault_of(&mut self, key: &str, code: &'static str, message: impl Into<String>) {
        self.inside(key, |reader| reader.fault(code, message));
    }

    /// Reads the field `key` of the present object.
    pub(crate) fn inside<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let step = if self.path.is_empty() { key.to_owned() } else { format!(".{key}") };
        self.at(&step, read)
    }

    /// Reads an entry of the present list.
    fn entry<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        self.at(&format!("[{index}]"), read)
    }

    fn at<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(step);
        let done = read(self);
        self.path.truncate(length);
        done
    }

    pub(crate) fn wrong_type(&mut self, wanted: &str, found: &Value) {
        // Query parameters are texts. A list means that a parameter was given several times.
        if self.source == Source::Query && found.is_array() {
            self.fault("REPEATED", "It is given more than once.");
        } else {
            self.fault("WRONG_TYPE", wrong_type(wanted, found));
        }
    }

    pub(crate) fn into_faults(self) -> Vec<FieldError> {
        self.faults
    }

    /// Reads a text that every library system and database accepts, without blanks around it.
    fn text(&mut self, value: &Value) -> Option<String> {
        let Value::String(text) = value else {
            self.wrong_type("text", value);
            return None;
        };
        let text = text.trim();
        if text.is_empty() {
            self.fault("EMPTY", "It is empty.");
        } else if text.chars().count() > LONGEST_TEXT {
            self.fault("TOO_LONG", format!("It has more than {LONGEST_TEXT} characters."));
        } else if text.chars().any(char::is_control) {
            self.fault("CONTROL_CHARACTER", "It holds a control character, such as a line break.");
        } else {
            return Some(text.to_owned());
        }
        None
    }
}

pub(crate) fn wrong_type(wanted: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("It must be {wanted}, but is {found}.")
}

/// [`Reader::text`] as a regular expression, for the OpenAPI document: no control character, and not blank.
const TEXT_PATTERN: &str =
    r"^[^\u0000-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F][^\u0000-\u001F\u007F-\u009F]*$";

fn text_schema(longest: usize) -> ObjectBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(longest));
    schema.pattern(Some(TEXT_PATTERN))
}

/// A text for people.
impl Field for String {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        reader.text(&value)
    }

    fn placeholder() -> Self {
        Self::new()
    }

    fn schema() -> RefOr<Schema> {
        text_schema(LONGEST_TEXT).into()
    }
}

/// A key or password. No answer contains it.
impl Field for SecretString {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        reader.text(&value).map(Into::into)
    }

    fn placeholder() -> Self {
        String::new().into()
    }

    fn schema() -> RefOr<Schema> {
        text_schema(LONGEST_TEXT).write_only(true).into()
    }
}

/// Codes that the hub's own staff choose.
macro_rules! codes {
    ($($code:ty),+) => {$(
        impl Field for $code {
            fn read(value: Value, reader: &mut Reader) -> Option<Self> {
                let text = reader.text(&value)?;
                if !is_code(&text) {
                    reader.fault("INVALID_CODE", NO_CODE);
                    return None;
                }
                Some(text.into())
            }

            fn placeholder() -> Self {
                String::new().into()
            }

            fn schema() -> RefOr<Schema> {
                text_schema(LONGEST_CODE).pattern(Some(CODE_PATTERN)).into()
            }
        }
    )+};
}

codes!(AgencyCode, InstitutionCode, PickupLocationCode);

/// Identifiers that a library's system assigned.
macro_rules! identifiers {
    ($($identifier:ty),+) => {$(
        impl Field for $identifier {
            fn read(value: Value, reader: &mut Reader) -> Option<Self> {
                let text = reader.text(&value)?;
                if let Err(reason) = lending::check_identifier(&text) {
                    reader.fault(reason.code(), reason.to_string());
                    return None;
                }
                Some(text.into())
            }

            fn placeholder() -> Self {
                String::new().into()
            }

            fn schema() -> RefOr<Schema> {
                text_schema(LONGEST_IDENTIFIER).into()
            }
        }
    )+};
}

identifiers!(Barcode, BibId, DeskCode, HoldingId, ItemId, LibraryCode, PatronId);

/// Choices between a few words.
macro_rules! words {
    ($($choice:ty, $code:literal, $first:literal => $value:expr $(, $more:literal => $other:expr)*;)+) => {$(
        impl Field for $choice {
            fn read(value: Value, reader: &mut Reader) -> Option<Self> {
                match reader.text(&value)?.as_str() {
                    $first => Some($value),
                    $($more => Some($other),)*
                    _ => {
                        reader.fault($code, concat!("It must be ", $first $(, " or ", $more)*, "."));
                        None
                    }
                }
            }

            fn placeholder() -> Self {
                $value
            }

            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some([$first $(, $more)*])).into()
            }
        }
    )+};
}

words! {
    CancelledBy, "UNKNOWN_CANCELLER", "patron" => Self::Patron, "staff" => Self::Staff;
    Settlement, "UNKNOWN_SETTLEMENT", "paid" => Self::Paid, "written_off" => Self::WrittenOff;
    search::Sort, "UNKNOWN_ORDER", "relevance" => Self::Relevance, "newest" => Self::Newest, "oldest" => Self::Oldest,
        "title" => Self::Title, "-title" => Self::TitleDescending;
    PreviousSecret, "INVALID", "previous" => Self;
    Sort, "UNKNOWN_ORDER", "-placed_at" => Self::NewestFirst, "placed_at" => Self::OldestFirst,
        "-updated_at" => Self::ChangedLast, "updated_at" => Self::ChangedFirst, "title" => Self::Title;
}

words! {
    Queue, "UNKNOWN_QUEUE", "pick" => Self::Pick, "send" => Self::Send, "copy_unavailable" => Self::CopyUnavailable,
        "receive" => Self::Receive, "shelve" => Self::Shelve, "on_hold_shelf" => Self::OnHoldShelf,
        "on_loan" => Self::OnLoan, "clear_hold_shelf" => Self::ClearHoldShelf, "send_back" => Self::SendBack,
        "check_in" => Self::CheckIn;
    Wait, "UNKNOWN_WAIT", "at_lender" => Self::AtLender, "in_transit" => Self::InTransit, "on_shelf" => Self::OnShelf,
        "overdue" => Self::Overdue, "returning" => Self::Returning;
    AtSide, "UNKNOWN_SIDE", "any" => Self::Any, "borrower" => Self::One(Side::Borrower),
        "lender" => Self::One(Side::Lender), "pickup" => Self::One(Side::Pickup);
    CaseFilter, "UNKNOWN_CASE", "any" => Self(AnyOr::Any), "lost" => Self(AnyOr::One(Case::Lost)),
        "claimed_returned" => Self(AnyOr::One(Case::ClaimedReturned)),
        "missing_in_transit" => Self(AnyOr::One(Case::MissingInTransit)),
        "missing_at_pickup" => Self(AnyOr::One(Case::MissingAtPickup)),
        "damaged" => Self(AnyOr::One(Case::Damaged));
}

words! {
    Per, "UNKNOWN_PERIOD", "day" => Self::Day, "week" => Self::Week;
}

words! {
    ListKind, "UNKNOWN_LIST", "lending" => Self::Lending, "borrowing" => Self::Borrowing, "requests" => Self::Requests;
}

/// A list of requests that has views.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ListKind {
    /// The items that other libraries want.
    Lending,
    /// The items that the agency's patrons want.
    Borrowing,
    /// All requests.
    Requests,
}

impl ListKind {
    /// Returns its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lending => "lending",
            Self::Borrowing => "borrowing",
            Self::Requests => "requests",
        }
    }
}

/// A text of several lines, which people write to each other.
#[derive(Clone)]
pub(crate) struct MessageText(pub(crate) String);

/// Without the text, which may name a person.
impl std::fmt::Debug for MessageText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageText([redacted])")
    }
}

/// The longest message, in characters.
const LONGEST_MESSAGE: usize = 2_000;
/// The form of a message, for the OpenAPI document: no control character but line breaks, and not blank.
const MESSAGE_PATTERN: &str = r"^[^\u0000-\u0009\u000B-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F][^\u0000-\u0009\u000B-\u001F\u007F-\u009F]*$";

impl Field for MessageText {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let Value::String(text) = &value else {
            reader.wrong_type("text", &value);
            return None;
        };
        let text = text.replace("\r\n", "\n");
        let text = text.trim();
        if text.is_empty() {
            reader.fault("EMPTY", "It is empty.");
        } else if text.chars().count() > LONGEST_MESSAGE {
            reader.fault("TOO_LONG", format!("It has more than {LONGEST_MESSAGE} characters."));
        } else if text.chars().any(|character| character.is_control() && character != '\n') {
            reader.fault("CONTROL_CHARACTER", "It holds a control character other than a line break.");
        } else {
            return Some(Self(text.to_owned()));
        }
        None
    }

    fn placeholder() -> Self {
        Self(String::new())
    }

    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        schema.max_length(Some(LONGEST_MESSAGE)).pattern(Some(MESSAGE_PATTERN)).into()
    }
}

/// The time that a number is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Per {
    /// A day.
    Day,
    /// A week from Monday.
    Week,
}

/// The side of a request at which an agency stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AtSide {
    /// Any side.
    Any,
    /// This side.
    One(Side),
}

/// A kind of case, or any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CaseFilter(pub(crate) AnyOr<Case>);

/// The secret before the newest one of a webhook.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreviousSecret;

/// A Boolean; false if it is left out.
impl Field for bool {
    const REQUIRED: bool = false;

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        match &value {
            Value::Bool(yes) => return Some(*yes),
            Value::String(text) if reader.source == Source::Query && text == "true" => return Some(true),
            Value::String(text) if reader.source == Source::Query && text == "false" => return Some(false),
            Value::String(_) if reader.source == Source::Query => {
                reader.fault("WRONG_TYPE", "It must be true or false.");
            }
            other => reader.wrong_type("true or false", other),
        }
        None
    }

    fn placeholder() -> Self {
        false
    }

    fn left_out(_: &mut Reader) -> Self {
        false
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Boolean).default(Some(json!(false))).into()
    }
}

/// A whole number from `LEAST` to `MOST`; `USUAL` if it is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Number<const LEAST: u32, const MOST: u32, const USUAL: u32>(pub(crate) u32);

impl<const LEAST: u32, const MOST: u32, const USUAL: u32> Field for Number<LEAST, MOST, USUAL> {
    const REQUIRED: bool = false;

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let number = match &value {
            Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
            Value::String(text) if reader.source == Source::Query => text.parse().ok(),
            other => {
                reader.wrong_type("a number", other);
                return None;
            }
        };
        let number = number.filter(|number| (LEAST..=MOST).contains(number));
        if number.is_none() {
            reader.fault("OUT_OF_RANGE", format!("It must be a whole number from {LEAST} to {MOST}."));
        }
        number.map(Self)
    }

    fn placeholder() -> Self {
        Self(USUAL)
    }

    fn left_out(_: &mut Reader) -> Self {
        Self(USUAL)
    }

    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(LEAST)).maximum(Some(MOST));
        schema.default(Some(json!(USUAL))).into()
    }
}

/// A date as `YYYY-MM-DD`.
impl Field for Date {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let date = reader.text(&value)?.parse().ok();
        if date.is_none() {
            reader.fault("INVALID_DATE", "It must be a date such as 2026-12-31.");
        }
        date
    }

    fn placeholder() -> Self {
        Self::ZERO
    }

    fn schema() -> RefOr<Schema> {
        let format = Some(SchemaFormat::KnownFormat(KnownFormat::Date));
        ObjectBuilder::new().schema_type(Type::String).format(format).into()
    }
}

/// An optional value.
impl<T: Field> Field for Option<T> {
    const REQUIRED: bool = false;

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        T::read(value, reader).map(Some)
    }

    fn placeholder() -> Self {
        None
    }

    fn left_out(_: &mut Reader) -> Self {
        None
    }

    fn schema() -> RefOr<Schema> {
        match T::schema() {
            RefOr::T(Schema::Object(object)) => RefOr::T(Schema::Object(or_null(object))),
            other => {
                let null = ObjectBuilder::new().schema_type(Type::Null);
                OneOfBuilder::new().item(null).item(other).into()
            }
        }
    }

    fn refers_to(schemas: &mut Schemas) {
        T::refers_to(schemas);
    }
}

fn or_null(mut object: Object) -> Object {
    if let SchemaType::Type(kind) = mem::replace(&mut object.schema_type, SchemaType::AnyValue) {
        object.schema_type = SchemaType::from_iter([kind, Type::Null]);
    }
    if let Some(values) = &mut object.enum_values {
        values.push(Value::Null);
    }
    object
}

/// A list of one to `MOST` values.
#[derive(Clone, Debug)]
pub(crate) struct List<T, const MOST: usize>(pub(crate) Vec<T>);

impl<T: Field, const MOST: usize> Field for List<T, MOST> {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let values = match value {
            Value::Array(values) => values,
            other => {
                reader.wrong_type("a list", &other);
                return None;
            }
        };
        if values.len() > MOST {
            reader.fault("TOO_MANY", format!("It has more than {MOST} entries."));
            return None;
        }
        let entries = values.into_iter().enumerate();
        Some(Self(entries.filter_map(|(index, value)| reader.entry(index, |at| T::read(value, at))).collect()))
    }

    fn placeholder() -> Self {
        Self(Vec::new())
    }

    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(T::schema()).min_items(Some(1)).max_items(Some(MOST)).into()
    }

    fn refers_to(schemas: &mut Schemas) {
        T::refers_to(schemas);
    }
}

/// Statuses of requests, given as several parameters or as one with commas.
#[derive(Clone, Debug)]
pub(crate) struct Statuses(pub(crate) Vec<Status>);

impl Field for Statuses {
    const REQUIRED: bool = false;

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let texts = match value {
            Value::Array(values) => values,
            one => vec![one],
        };
        let names = texts.iter().filter_map(Value::as_str).flat_map(|text| text.split(',')).map(str::trim);
        let mut statuses = Vec::new();
        for name in names.filter(|name| !name.is_empty()) {
            match name.parse() {
                Ok(status) => statuses.push(status),
                Err(_) => {
                    let known = Status::ALL.map(|status| status.name()).join(", ");
                    reader.fault("UNKNOWN_STATUS", format!("This is no status. Statuses are: {known}."));
                }
            }
        }
        Some(Self(statuses))
    }

    fn placeholder() -> Self {
        Self(Vec::new())
    }

    fn left_out(_: &mut Reader) -> Self {
        Self::placeholder()
    }

    fn schema() -> RefOr<Schema> {
        let names = Status::ALL.map(|status| status.name());
        ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names))).into()
    }
}

/// The position at which a list continues; its beginning if this is left out.
#[derive(Clone, Debug)]
pub(crate) struct After(pub(crate) Option<Cursor>);

impl Field for After {
    const REQUIRED: bool = false;

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let cursor = reader.text(&value)?.parse().ok();
        if cursor.is_none() {
            reader.fault("INVALID_CURSOR", "No list gave this cursor. Begin again without one.");
        }
        Some(Self(cursor))
    }

    fn placeholder() -> Self {
        Self(None)
    }

    fn left_out(_: &mut Reader) -> Self {
        Self(None)
    }

    fn schema() -> RefOr<Schema> {
        text_schema(LONGEST_TEXT).into()
    }
}

/// An object whose keys another part checks.
impl Field for Map<String, Value> {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::Object(table) => Some(table),
            other => {
                reader.wrong_type("an object", &other);
                None
            }
        }
    }

    fn placeholder() -> Self {
        Self::new()
    }

    fn schema() -> RefOr<Schema> {
        let any = Some(AdditionalProperties::FreeForm(true));
        ObjectBuilder::new().schema_type(Type::Object).additional_properties(any).into()
    }
}
