//! Texts for spreadsheets.

/// Returns a text that no spreadsheet takes for a formula: one that looks like it begins with an apostrophe.
pub(crate) fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
