//! A field of a form: its label, its value, its choices, and what is wrong with it.

use crate::form::Fields;
use crate::texts::Texts;

/// How a field is filled in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Control {
    /// One line.
    Text,
    /// A line that nobody may read over the shoulder. Its value is never sent to the browser.
    Secret,
    /// A whole number.
    Number,
    /// Yes or no.
    Flag,
    /// Several lines.
    Area,
    /// One of some choices.
    Select,
    /// Any number of choices.
    Many,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A table with two columns.
    Pairs,
}

/// A choice of a field.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
}

impl Choice {
    pub(crate) fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

/// What a check found about a field.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// The tone: a class of the style sheet.
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) words: String,
}

/// A field of a form.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The name in the form, and its id on the page.
    pub(crate) name: String,
    /// The path in the input of the API's operation.
    pub(crate) path: String,
    pub(crate) label: String,
    pub(crate) help: Option<String>,
    pub(crate) control: Control,
    pub(crate) value: String,
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) choices: Vec<Choice>,
    /// The id of the list of suggestions; for pairs that of the first column.
    pub(crate) list: Option<&'static str>,
    /// The id of the list of suggestions of the second column.
    pub(crate) second_list: Option<&'static str>,
    pub(crate) range: Option<(u32, u32)>,
    pub(crate) is_required: bool,
    pub(crate) fault: Option<String>,
    pub(crate) checks: Vec<Check>,
}

impl Input {
    /// Creates a field whose label and help are the texts `field-ID` and `field-ID-help`. A field without help has no such
    /// text.
    pub(crate) fn new(texts: Texts, id: &str, control: Control) -> Self {
        let help = format!("field-{id}-help");
        Self {
            name: id.to_owned(),
            path: id.to_owned(),
            label: texts.say(&format!("field-{id}")),
            help: texts.has(&help).then(|| texts.say(&help)),
            control,
            value: String::new(),
            pairs: Vec::new(),
            choices: Vec::new(),
            list: None,
            second_list: None,
            range: None,
            is_required: false,
            fault: None,
            checks: Vec::new(),
        }
    }

    pub(crate) fn at(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    pub(crate) fn with(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    pub(crate) fn choosing(self, choices: Vec<Choice>) -> Self {
        Self { choices, ..self }
    }

    pub(crate) fn listing(self, list: &'static str) -> Self {
        Self { list: Some(list), ..self }
    }

    pub(crate) fn within(self, least: u32, most: u32) -> Self {
        Self { range: Some((least, most)), ..self }
    }

    pub(crate) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    pub(crate) fn is(&self, control: &str) -> bool {
        let name = match self.control {
            Control::Text => "text",
            Control::Secret => "password",
            Control::Number => "number",
            Control::Flag => "flag",
            Control::Area => "area",
            Control::Select => "select",
            Control::Many => "many",
            Control::Date => "date",
            Control::Time => "time",
            Control::Pairs => "pairs",
        };
        name == control
    }

    /// Returns the type of an `input` element.
    pub(crate) fn element(&self) -> &'static str {
        match self.control {
            Control::Secret => "password",
            Control::Number => "number",
            Control::Date => "date",
            Control::Time => "time",
            _ => "text",
        }
    }

    /// Returns whether a choice is made.
    pub(crate) fn has(&self, value: &str) -> bool {
        match self.control {
            Control::Many => self.value.lines().any(|line| line == value),
            _ => self.value == value,
        }
    }

    /// Returns the rows of a table of pairs, with two empty ones to add to.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (String, String)> {
        self.pairs.clone().into_iter().chain([(String::new(), String::new()), (String::new(), String::new())])
    }

    /// Returns the value as a reader sees it who may not change it.
    pub(crate) fn shown(&self, texts: &Texts) -> String {
        match self.control {
            Control::Flag => texts.say(if self.value == "on" { "yes" } else { "no" }),
            Control::Pairs => {
                let rows: Vec<String> = self.pairs.iter().map(|(key, value)| format!("{key} → {value}")).collect();
                rows.join("; ")
            }
            Control::Select | Control::Many => {
                let chosen = self.choices.iter().filter(|choice| self.has(&choice.value));
                chosen.map(|choice| choice.label.as_str()).collect::<Vec<_>>().join(", ")
            }
            Control::Secret => "••••".to_owned(),
            _ => self.value.clone(),
        }
    }

    /// Takes what somebody typed. A secret is taken too, and never shown.
    pub(crate) fn take(&mut self, fields: &Fields) {
        match self.control {
            Control::Pairs => {
                let (keys, values) = (format!("{}.key", self.name), format!("{}.value", self.name));
                let rows = fields.all(&keys).zip(fields.all(&values));
                let filled = rows.filter(|(key, value)| !key.is_empty() || !value.is_empty());
                self.pairs = filled.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            }
            Control::Many => self.value = fields.all(&self.name).collect::<Vec<_>>().join("\n"),
            Control::Secret => {}
            _ => self.value = fields.text(&self.name).replace("\r\n", "\n"),
        }
    }

    /// Returns the lines that aren't blank.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.value.lines().map(str::trim).filter(|line| !line.is_empty())
    }

    pub(crate) fn wrong(&mut self, message: impl Into<String>) {
        let message = message.into();
        self.fault = Some(match self.fault.take() {
            Some(before) => format!("{before} {message}"),
            None => message,
        });
    }
}
