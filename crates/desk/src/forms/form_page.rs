//! A page with one form.

use askama::Template;
use serde::Deserialize;

use crate::api::Problem;
use crate::form::Fields;
use crate::forms::input::Input;
use crate::frame::Frame;
use crate::status::Pill;
use crate::texts::Texts;

/// A part of a form with a heading.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) title: String,
    pub(crate) inputs: Vec<Input>,
}

/// A line above a form.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) words: String,
}

impl Note {
    pub(crate) const fn bad(words: String) -> Self {
        Self { tone: "bad", icon: "case", words }
    }

    pub(crate) const fn good(words: String) -> Self {
        Self { tone: "good", icon: "check", words }
    }

    pub(crate) const fn warn(words: String) -> Self {
        Self { tone: "warn", icon: "info", words }
    }
}

/// What was done before the page was opened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Done {
    pub(crate) done: String,
}

impl Done {
    /// Returns the line that says so.
    pub(crate) fn note(&self, texts: Texts) -> Option<Note> {
        let id = format!("done-{}", self.done);
        (!self.done.is_empty() && texts.has(&id)).then(|| Note::good(texts.say(&id)))
    }
}

/// Something else that the page offers.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) path: String,
    pub(crate) label: String,
    pub(crate) icon: &'static str,
    /// Whether it sends a form; otherwise it leads to another page.
    pub(crate) is_post: bool,
    /// The value of the field `what` of that form.
    pub(crate) what: &'static str,
}

impl Action {
    pub(crate) fn link(path: impl Into<String>, label: String, icon: &'static str) -> Self {
        Self { path: path.into(), label, icon, is_post: false, what: "" }
    }

    pub(crate) fn post(path: impl Into<String>, label: String, icon: &'static str) -> Self {
        Self { path: path.into(), label, icon, is_post: true, what: "" }
    }
}

/// A page with one form.
#[derive(Template, Debug)]
#[template(path = "form.html")]
pub(crate) struct FormPage {
    pub(crate) frame: Frame,
    pub(crate) title: String,
    /// The pages above this one: path and name.
    pub(crate) crumbs: Vec<(String, String)>,
    /// A code under the title.
    pub(crate) code: Option<String>,
    pub(crate) pills: Vec<Pill>,
    /// The parts of the object: path, name, whether it is the present one.
    pub(crate) views: Vec<(String, String, bool)>,
    pub(crate) actions: Vec<Action>,
    pub(crate) note: Option<Note>,
    pub(crate) cards: Vec<Card>,
    /// Findings that belong to no field.
    pub(crate) findings: Vec<(String, crate::forms::Check)>,
    /// The address to which the form is sent.
    pub(crate) action: String,
    /// The version that the reader has seen.
    pub(crate) tag: String,
    pub(crate) submit: String,
    /// A second button: its value of the field `what`, and its label.
    pub(crate) second: Option<(&'static str, String)>,
    pub(crate) is_grave: bool,
    pub(crate) may_change: bool,
    /// The address of the lists of suggestions, which are read later.
    pub(crate) lists: Option<String>,
    /// Names among which a field chooses, whose list has the id `names`.
    pub(crate) names: Vec<String>,
}

impl FormPage {
    pub(crate) fn new(frame: Frame, title: String, action: impl Into<String>, submit: String) -> Self {
        Self {
            title,
            crumbs: Vec::new(),
            code: None,
            pills: Vec::new(),
            views: Vec::new(),
            actions: Vec::new(),
            note: None,
            cards: Vec::new(),
            findings: Vec::new(),
            action: action.into(),
            tag: String::new(),
            submit,
            second: None,
            is_grave: false,
            may_change: true,
            lists: None,
            names: Vec::new(),
            frame,
        }
    }

    pub(crate) fn card(&mut self, title: String, inputs: Vec<Input>) {
        self.cards.push(Card { title, inputs });
    }

    pub(crate) fn inputs(&mut self) -> impl Iterator<Item = &mut Input> {
        self.cards.iter_mut().flat_map(|card| card.inputs.iter_mut())
    }

    pub(crate) fn input(&self, name: &str) -> Option<&Input> {
        self.cards.iter().flat_map(|card| &card.inputs).find(|input| input.name == name)
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        self.input(name).map_or("", |input| input.value.as_str())
    }

    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.value(name)).filter(|value| !value.is_empty())
    }

    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.value(name) == "on"
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.value(name).parse().ok()
    }

    /// Takes what somebody typed. A number that is none is wrong.
    pub(crate) fn take(&mut self, fields: &Fields) {
        let texts = self.frame.texts;
        if let Some(tag) = fields.filled("tag") {
            self.tag = tag.to_owned();
        }
        for input in self.inputs() {
            input.take(fields);
            let is_number = input.value.is_empty() || input.value.parse::<u32>().is_ok();
            if input.is("number") && !is_number {
                input.wrong(texts.say("fault-number"));
            }
        }
    }

    pub(crate) fn has_faults(&self) -> bool {
        self.cards.iter().flat_map(|card| &card.inputs).any(|input| input.fault.is_some())
    }

    /// Shows the faults that the API found, each next to its field. Those of no field stand above the form.
    pub(crate) fn fail(&mut self, problem: &Problem) {
        let mut others = Vec::new();
        for fault in &problem.errors {
            let belongs = |path: &str| {
                let rest = fault.field.strip_prefix(path);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let found = self.inputs().filter(|input| belongs(&input.path)).max_by_key(|input| input.path.len());
            match found {
                Some(input) => {
                    let part = fault.field.strip_prefix(&input.path).and_then(|rest| rest.strip_prefix('.'));
                    match part {
                        Some(part) => input.wrong(format!("{part}: {}", fault.message)),
                        None => input.wrong(fault.message.clone()),
                    }
                }
                None => others.push(format!("{}: {}", fault.field, fault.message)),
            }
        }
        let words = match (problem.errors.is_empty(), others.is_empty()) {
            (true, _) => problem.detail.clone(),
            (false, true) => self.frame.texts.say("fault-in-fields"),
            (false, false) => others.join(" "),
        };
        self.note = Some(Note::bad(words));
    }
}
