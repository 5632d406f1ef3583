//! The input of an operation: one declaration defines the type, its reader, its description in the OpenAPI document and
//! a worked example.
//!
//! [`input!`] declares it. [`Body`] reads it from a JSON body, [`Query`] from the query of the address. Both find all
//! faults at once, and a handler can add its own before it answers them.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde_json::{Map, Value};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr, Required};

use crate::body::json_object;
use crate::field::{Field, Reader, Schemas, Source};
use crate::problem::{FieldError, Problem};

/// The input of an operation, or an object inside one. Declared with [`input!`].
pub(crate) trait Input: Sized {
    /// The type's name in the OpenAPI document.
    const NAME: &'static str;

    /// Reads every field.
    fn read(fields: &mut Fields<'_>) -> Self;

    /// Returns the lines of its documentation.
    fn about() -> Vec<&'static str>;

    /// Returns its fields, in order.
    fn fields() -> Vec<FieldDescription>;

    /// Adds the schemas that its fields refer to.
    fn refers_to(schemas: &mut Schemas);

    /// Returns an example that the hub accepts.
    fn example() -> Value;
}

/// The description of one field, for the OpenAPI document.
pub(crate) struct FieldDescription {
    name: &'static str,
    about: String,
    required: bool,
    schema: RefOr<Schema>,
}

impl FieldDescription {
    pub(crate) fn of<F: Field>(name: &'static str, about: &[&str]) -> Self {
        Self { name, about: paragraphs(about), required: F::REQUIRED, schema: F::schema() }
    }
}

/// Declares the input of an operation.
///
/// The OpenAPI document contains the documentation of the type and of its fields. The type of a field decides how it is
/// read and what its schema is ([`Field`]). The hub must accept the example; a test sends it.
macro_rules! input {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $name:ident {
            $($(#[doc = $doc:literal])+ $seen:vis $field:ident: $kind:ty,)+
        }
        example: $example:tt
    ) => {
        $(#[doc = $about])+
        #[derive(Debug)]
        $vis struct $name {
            $($(#[doc = $doc])+ $seen $field: $kind,)+
        }

        impl $crate::input::Input for $name {
            const NAME: &'static str = stringify!($name);

            fn read(fields: &mut $crate::input::Fields<'_>) -> Self {
                Self { $($field: fields.take(stringify!($field)),)+ }
            }

            fn about() -> Vec<&'static str> {
                vec![$($about),+]
            }

            fn fields() -> Vec<$crate::input::FieldDescription> {
                vec![$($crate::input::FieldDescription::of::<$kind>(stringify!($field), &[$($doc),+])),+]
            }

            fn refers_to(schemas: &mut $crate::field::Schemas) {
                $(<$kind as $crate::field::Field>::refers_to(schemas);)+
            }

            fn example() -> serde_json::Value {
                serde_json::json!($example)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $crate::input::schema::<Self>()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schemas(schemas: &mut $crate::field::Schemas) {
                <Self as $crate::input::Input>::refers_to(schemas);
            }
        }

        impl utoipa::IntoParams for $name {
            fn into_params(
                _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                $crate::input::query_parameters::<Self>()
            }
        }
    };
}
pub(crate) use input;

/// Returns the schema of an input.
pub(crate) fn schema<T: Input>() -> RefOr<Schema> {
    let schema = ObjectBuilder::new().description(Some(paragraphs(&T::about()))).examples([T::example()]);
    // An unknown field is a fault.
    let schema = schema.additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let fields = T::fields().into_iter();
    let schema = fields.fold(schema, |schema, field| {
        let schema = if field.required { schema.required(field.name) } else { schema };
        schema.property(field.name, described(field.schema, field.about))
    });
    schema.into()
}

fn described(schema: RefOr<Schema>, about: String) -> RefOr<Schema> {
    match schema {
        RefOr::Ref(mut reference) => {
            reference.description = about;
            RefOr::Ref(reference)
        }
        RefOr::T(mut schema) => {
            match &mut schema {
                Schema::Array(array) => array.description = Some(about),
                Schema::Object(object) => object.description = Some(about),
                Schema::OneOf(one_of) => one_of.description = Some(about),
                _ => {}
            }
            RefOr::T(schema)
        }
    }
}

/// Returns the query parameters of an input.
pub(crate) fn query_parameters<T: Input>() -> Vec<Parameter> {
    let parameter = |field: FieldDescription| {
        let required = if field.required { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new().name(field.name).parameter_in(ParameterIn::Query).required(required);
        parameter.description(Some(field.about)).schema(Some(field.schema)).build()
    };
    T::fields().into_iter().map(parameter).collect()
}

/// Joins the lines of a doc comment into paragraphs.
fn paragraphs(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines.iter().map(|line| line.trim()) {
        match line {
            "" => text.push_str("\n\n"),
            _ if text.is_empty() || text.ends_with('\n') => text.push_str(line),
            _ => {
                text.push(' ');
                text.push_str(line);
            }
        }
    }
    text
}

/// An object inside an input.
impl<T: Input> Field for T {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::Object(table) => Some(read(table, reader)),
            other => {
                reader.wrong_type("an object", &other);
                None
            }
        }
    }

    fn placeholder() -> Self {
        read(Map::new(), &mut Reader::new(Source::Body))
    }

    fn schema() -> RefOr<Schema> {
        Ref::from_schema_name(T::NAME).into()
    }

    fn refers_to(schemas: &mut Schemas) {
        schemas.push((T::NAME.to_owned(), schema::<T>()));
        <T as Input>::refers_to(schemas);
    }
}

/// The fields of an object that have not been read yet.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    table: Map<String, Value>,
    reader: &'a mut Reader,
}

impl Fields<'_> {
    /// Reads a field. The fault of a faulty or missing one is recorded, and a placeholder takes its place.
    pub(crate) fn take<F: Field>(&mut self, key: &'static str) -> F {
        let value = self.table.remove(key).filter(|value| !value.is_null());
        self.reader.inside(key, |reader| match value {
            Some(value) => F::read(value, reader).unwrap_or_else(F::placeholder),
            None => F::left_out(reader),
        })
    }
}

/// Reads an input. An unknown field is a fault, most likely of spelling.
fn read<T: Input>(table: Map<String, Value>, reader: &mut Reader) -> T {
    let mut fields = Fields { table, reader };
    let input = T::read(&mut fields);
    let Fields { table, reader } = fields;
    if !table.is_empty() {
        let known = T::fields().iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
        let (code, message) = match reader.source() {
            Source::Body => ("UNKNOWN_FIELD", format!("There is no such field here. Fields are: {known}.")),
            Source::Query => {
                ("UNKNOWN_PARAMETER", format!("There is no such parameter here. Parameters are: {known}."))
            }
        };
        for key in table.keys() {
            let key: String = key.chars().take(64).collect();
            reader.fault_of(&key, code, message.clone());
        }
    }
    input
}

/// An input as it was read, with all its faults. Placeholders take the place of faulty values. So a handler uses only
/// the values of [`checked`](Self::checked), or first checks that a field [is sound](Self::is_sound).
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) value: T,
    faults: Vec<FieldError>,
}

impl<T: Input> Read<T> {
    fn new(table: Map<String, Value>, source: Source) -> Self {
        let mut reader = Reader::new(source);
        let value = read(table, &mut reader);
        Self { value, faults: reader.into_faults() }
    }
}

impl<T> Read<T> {
    /// Adds a fault that only the handler can find.
    pub(crate) fn fault(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.faults.push(FieldError::new(field, code, message));
    }

    /// Adds faults that another part found.
    pub(crate) fn faults(&mut self, faults: impl IntoIterator<Item = FieldError>) {
        self.faults.extend(faults);
    }

    /// Returns whether a field, and everything inside it, has no fault so far.
    pub(crate) fn is_sound(&self, field: &str) -> bool {
        !self.faults.iter().any(|fault| {
            fault.field.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Returns the input.
    ///
    /// # Errors
    ///
    /// Fails with all faults.
    pub(crate) fn checked(self) -> Result<T, Problem> {
        Problem::check(self.faults)?;
        Ok(self.value)
    }

    /// Returns both inputs.
    ///
    /// # Errors
    ///
    /// Fails with all faults of both.
    pub(crate) fn and<U>(mut self, other: Read<U>) -> Result<(T, U), Problem> {
        self.faults.extend(other.faults);
        Problem::check(self.faults)?;
        Ok((self.value, other.value))
    }
}

/// An input from a JSON body. If all its fields are optional, so is the body.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) Read<T>);

impl<T: Input, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(call: Request, state: &S) -> Result<Self, Problem> {
        let table = match json_object(call, state).await? {
            Some(table) => table,
            None if T::fields().iter().all(|field| !field.required) => Map::new(),
            None => {
                let known = T::fields().iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
                let detail = format!("The body is missing. Send a JSON object with the fields {known}.");
                return Err(Problem::bad_request("BODY_MISSING", detail));
            }
        };
        Ok(Self(Read::new(table, Source::Body)))
    }
}

/// An input from the query of the address.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) Read<T>);

impl<T: Input, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let pairs = read.map_err(|_| Problem::bad_request("INVALID_QUERY", "The query can't be read."))?;
        Ok(Self(Read::new(table(pairs.0), Source::Query)))
    }
}

/// Returns the parameters by name: a text for each, or a list of texts if one is given several times. An empty
/// parameter counts as left out.
fn table(pairs: Vec<(String, String)>) -> Map<String, Value> {
    let mut table = Map::new();
    for (key, text) in pairs {
        let text = text.trim();
        match table.get_mut(&key) {
            _ if text.is_empty() => {}
            None => {
                table.insert(key, text.into());
            }
            Some(Value::Array(texts)) => texts.push(text.into()),
            Some(first) => *first = Value::Array(vec![first.take(), text.into()]),
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use lending::{AgencyCode, Barcode, PatronId, PickupLocationCode};
    use serde_json::json;

    use super::*;
    use crate::field::{List, Number};

    input! {
        /// A copy.
        struct TestCopy {
            /// Its barcode.
            barcode: Option<Barcode>,
        }
        example: {"barcode": "1"}
    }

    input! {
        /// Two
        /// lines.
        ///
        /// A paragraph.
        struct TestInput {
            /// The patron.
            patron: PatronId,
            /// The agency.
            agency: AgencyCode,
            /// Where.
            pickup_location: PickupLocationCode,
            /// Copies.
            copies: List<TestCopy, 3>,
            /// Long.
            name: Option<String>,
            /// How long.
            wait: Number<0, 30, 10>,
        }
        example: {"patron": "1", "agency": "A", "pickup_location": "P", "copies": [{"barcode": "1"}]}
    }

    fn faults(value: Value) -> Vec<(String, String)> {
        let Value::Object(table) = value else { panic!("an object") };
        let faults = Read::<TestInput>::new(table, Source::Body).faults;
        let messages: String = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert!(!messages.contains("secret") && !messages.contains("4711"), "{messages}");
        faults.into_iter().map(|fault| (fault.field, fault.code.into_owned())).collect()
    }

    fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
    }

    #[test]
    fn all_errors_are_reported_at_once_and_no_value_is_quoted() {
        let found = faults(json!({
            "patron": 4_711, "agency": " ", "wait": 31,
            "copies": [{"barcode": ["secret-1"], "colour": "secret-2"}, "secret-3"],
        }));
        let wanted = pairs([
            ("patron", "WRONG_TYPE"),
            ("agency", "EMPTY"),
            ("pickup_location", "MISSING"),
            ("copies[0].barcode", "WRONG_TYPE"),
            ("copies[0].colour", "UNKNOWN_FIELD"),
            ("copies[1]", "WRONG_TYPE"),
            ("wait", "OUT_OF_RANGE"),
        ]);
        assert_eq!(found, wanted);
    }

    #[test]
    fn text_that_no_database_would_take_is_refused() {
        let mut input = TestInput::example();
        for (text, code) in [("a\u{0}b".to_owned(), "CONTROL_CHARACTER"), ("x".repeat(501), "TOO_LONG")] {
            input["name"] = text.into();
            assert_eq!(faults(input.clone()), pairs([("name", code)]));
        }
        input["copies"] = json!([{}, {}, {}, {}]);
        input["name"] = Value::Null;
        assert_eq!(faults(input), pairs([("copies", "TOO_MANY")]));
    }

    #[test]
    fn input_without_faults_is_read_whole() {
        let Value::Object(table) = TestInput::example() else { panic!("an object") };
        let read = Read::<TestInput>::new(table, Source::Body).checked().unwrap();
        let TestInput { patron, agency, pickup_location, copies, name, wait } = read;
        assert_eq!((patron.as_str(), agency.as_str(), pickup_location.as_str()), ("1", "A", "P"));
        let barcodes: Vec<_> = copies.0.into_iter().map(|copy| copy.barcode).collect();
        assert_eq!((barcodes, name, wait), (vec![Some("1".into())], None, Number(10)));
    }

    #[test]
    fn field_is_sound_unless_it_or_a_part_of_it_has_a_fault() {
        let Value::Object(table) = json!({"agency": "A", "copies": [{"barcode": 1}]}) else { panic!("an object") };
        let read = Read::<TestInput>::new(table, Source::Body);
        assert!(read.is_sound("agency") && read.is_sound("copies[1]"));
        assert!(!read.is_sound("copies") && !read.is_sound("copies[0]") && !read.is_sound("patron"));
    }

    #[test]
    fn schema_says_what_the_reader_demands() {
        let schema = serde_json::to_value(schema::<TestInput>()).unwrap();
        assert_eq!(schema["description"], "Two lines.\n\nA paragraph.");
        assert_eq!(schema["required"], json!(["patron", "agency", "pickup_location", "copies"]));
        let wait = json!({"type": "integer", "description": "How long.", "minimum": 0, "maximum": 30, "default": 10});
        assert_eq!(schema["properties"]["wait"], wait);
        assert_eq!(schema["properties"]["name"]["type"], json!(["string", "null"]));
        assert_eq!(schema["properties"]["copies"]["items"]["$ref"], "#/components/schemas/TestCopy");
        assert_eq!(schema["examples"], json!([TestInput::example()]));
    }

    #[test]
    fn repeated_parameter_is_a_fault_and_an_empty_one_is_left_out() {
        let table = table(pairs([("wait", "1"), ("name", " "), ("wait", "2"), ("patron", "4711")]));
        let faults = Read::<TestInput>::new(table, Source::Query).faults;
        assert_eq!((faults[faults.len() - 1].field.as_str(), &*faults[faults.len() - 1].code), ("wait", "REPEATED"));
        assert!(!faults.iter().any(|fault| fault.field == "name" || fault.field == "patron"));
    }
}
