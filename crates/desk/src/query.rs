//! Parts of addresses.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Returns a text as a part of a path or a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
