//! The resources in the API's JSON shape. XML is written from the same shapes.

mod inventory;
mod request;
mod title;
mod user;

pub(crate) use inventory::{holding, holding_row, item};
pub(crate) use request::{loan, request};
pub(crate) use title::{BibExtras, bib, bib_data};
pub(crate) use user::{money, sort_name, user, user_row};

use crate::shape::Shape;
use crate::state::Alma;

/// A coded value with its text from a table.
pub(crate) fn coded<'a>(alma: &'a Alma, table: &str, code: &'a str) -> Shape<'a> {
    Shape::Code(code, (!code.is_empty()).then(|| alma.describe(table, code)))
}

/// A coded value without code.
fn no_code<'a>() -> Shape<'a> {
    Shape::Code("", None)
}

fn library<'a>(alma: &'a Alma, code: &'a str) -> Shape<'a> {
    Shape::Code(code, Some(alma.library_name(code)))
}

pub(crate) fn encode(segment: &str) -> String {
    percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
