//! Collects the text of an element of the envelope.

use std::borrow::Cow;

/// The text of an element that is still open.
#[derive(Debug)]
pub(crate) struct Capture<F> {
    pub(crate) field: F,
    /// The number of open elements while its text arrives.
    pub(crate) depth: usize,
    pub(crate) text: String,
    /// The first reason why the text is not what the server meant.
    pub(crate) fault: Option<&'static str>,
}

impl<F> Capture<F> {
    pub(crate) fn new(field: F, depth: usize) -> Self {
        Self { field, depth, text: String::new(), fault: None }
    }

    /// Adds text with its references resolved; an unknown entity stays as it is written.
    pub(crate) fn push_text(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, Cow::Owned(_)) {
            self.fault.get_or_insert("it isn't UTF-8");
        }
        match quick_xml::escape::unescape(&text) {
            Ok(unescaped) => self.text.push_str(&unescaped),
            Err(_) => {
                self.fault.get_or_insert("it has an unknown entity");
                self.text.push_str(&text);
            }
        }
    }

    /// Adds the content of a CDATA section.
    pub(crate) fn push_cdata(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, Cow::Owned(_)) {
            self.fault.get_or_insert("it isn't UTF-8");
        }
        self.text.push_str(&text);
    }
}
