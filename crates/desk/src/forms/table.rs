//! A page with a table.

use askama::Template;

use crate::forms::form_page::{Action, Note};
use crate::frame::Frame;
use crate::status::Pill;

/// A cell of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) sub: String,
    pub(crate) link: Option<String>,
    pub(crate) is_code: bool,
    pub(crate) is_number: bool,
    pub(crate) pill: Option<Pill>,
    pub(crate) actions: Vec<Action>,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn code(text: impl Into<String>) -> Self {
        Self { is_code: true, ..Self::text(text) }
    }

    pub(crate) fn link(text: impl Into<String>, path: impl Into<String>) -> Self {
        Self { link: Some(path.into()), ..Self::text(text) }
    }

    pub(crate) fn number(number: &impl ToString) -> Self {
        Self { is_number: true, ..Self::text(number.to_string()) }
    }

    pub(crate) fn pill(pill: Pill) -> Self {
        Self { pill: Some(pill), ..Self::default() }
    }

    pub(crate) fn sub(self, sub: impl Into<String>) -> Self {
        Self { sub: sub.into(), ..self }
    }
}

/// A page with a table.
#[derive(Template)]
#[template(path = "table.html")]
pub(crate) struct TablePage {
    pub(crate) frame: Frame,
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) crumbs: Vec<(String, String)>,
    /// The parts of the object: path, name, whether it is the present one.
    pub(crate) views: Vec<(String, String, bool)>,
    pub(crate) actions: Vec<Action>,
    pub(crate) note: Option<Note>,
    /// The fields of the filter: name, label, value.
    pub(crate) filters: Vec<(&'static str, String, String)>,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    pub(crate) empty: String,
    /// The address of the next page.
    pub(crate) next: Option<String>,
}

impl TablePage {
    pub(crate) fn new(frame: Frame, title: String, about: String, columns: &[&str], empty: &str) -> Self {
        Self {
            columns: columns.iter().map(|id| if id.is_empty() { String::new() } else { frame.texts.say(id) }).collect(),
            empty: frame.texts.say(empty),
            title,
            about,
            crumbs: Vec::new(),
            views: Vec::new(),
            actions: Vec::new(),
            note: None,
            filters: Vec::new(),
            rows: Vec::new(),
            next: None,
            frame,
        }
    }

    /// Returns the name of a column.
    pub(crate) fn column(&self, index: &usize) -> &str {
        self.columns.get(index.saturating_sub(1)).map_or("", String::as_str)
    }
}
