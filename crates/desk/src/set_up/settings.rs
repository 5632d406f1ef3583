//! The settings of an institution as fields of a form.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::forms::{Card, Choice, Control, FormPage, Input};
use crate::texts::Texts;

/// The form of a setting's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Text,
    Flag,
    Number(u32, u32),
    /// A list of texts, one on a line.
    List,
    /// A table of text to text.
    Map,
    /// What is shown of a patron.
    Shown,
    /// JSON.
    Json,
}

/// A setting: its key, its form, and the lists of suggestions for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) shape: Shape,
    list: Option<&'static str>,
    second_list: Option<&'static str>,
    is_required: bool,
}

const fn text(key: &'static str) -> Setting {
    Setting { key, shape: Shape::Text, list: None, second_list: None, is_required: false }
}

const fn of(key: &'static str, shape: Shape) -> Setting {
    Setting { shape, ..text(key) }
}

const fn chosen(key: &'static str, list: &'static str) -> Setting {
    Setting { list: Some(list), ..text(key) }
}

const fn needed(setting: Setting) -> Setting {
    Setting { is_required: true, ..setting }
}

const fn map(key: &'static str, list: Option<&'static str>, second_list: Option<&'static str>) -> Setting {
    Setting { list, second_list, ..of(key, Shape::Map) }
}

/// The parts of the form, each with the settings in it. `part-NAME` is its heading.
pub(crate) const PARTS: [(&str, &[Setting]); 8] = [
    ("connection", &[needed(text("base_url")), of("allow_unencrypted_http", Shape::Flag)]),
    (
        "lending",
        &[
            needed(chosen("sharing_library", "libraries")),
            chosen("sharing_desk", "desks"),
            of("non_lendable_item_policies", Shape::List),
            of("non_lendable_locations", Shape::List),
            of("keeps_closed_requests", Shape::Flag),
        ],
    ),
    (
        "borrowing",
        &[
            needed(chosen("virtual_library", "libraries")),
            needed(chosen("virtual_location", "locations")),
            map("virtual_libraries", None, Some("places")),
            needed(chosen("virtual_item_policy", "item-policies")),
            chosen("virtual_item_policy_no_renewal", "item-policies"),
            text("barcode_prefix"),
            text("on_shelf_set"),
            text("in_transit_set"),
        ],
    ),
    ("desks", &[map("circulation_desks", Some("libraries"), Some("desks"))]),
    (
        "mappings",
        &[
            map("patron_types", Some("user-groups"), Some("patron-types")),
            map("user_groups", Some("patron-types"), Some("user-groups")),
            map("item_types", Some("material-types"), Some("item-types")),
            map("material_types", Some("item-types"), Some("material-types")),
            map("campus_agencies", None, None),
        ],
    ),
    (
        "patrons",
        &[
            of("patron_shown_to_lender", Shape::Shown),
            of("patron_shown_at_pickup", Shape::Shown),
            chosen("identifier_type", "identifier-types"),
            text("external_system"),
            text("card_barcode_prefix"),
            chosen("cancel_reason_patron", "cancellation-reasons"),
            chosen("cancel_reason_other", "cancellation-reasons"),
        ],
    ),
    (
        "calls",
        &[
            of("calls_per_second", Shape::Number(1, 1_000)),
            of("institution_calls_per_second", Shape::Number(1, 10_000)),
            of("background_percent", Shape::Number(1, 100)),
            of("calls_per_day", Shape::Number(1, u32::MAX)),
            of("reserve_calls_per_day", Shape::Number(0, u32::MAX)),
            of("availability_percent", Shape::Number(0, 90)),
            of("batch_poll_percent", Shape::Number(0, 50)),
            of("lost_message_detection_minutes", Shape::Number(1, 1_440)),
            of("timeout_seconds", Shape::Number(1, 600)),
            of("retry_wait_ms", Shape::Number(1, 20_000)),
        ],
    ),
    ("catalogue", &[of("harvest", Shape::Json)]),
];

/// What may be shown of a patron, as the settings name it.
const SHOWN: [&str; 3] = ["card_barcode", "initials", "name"];

/// Returns all settings.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    PARTS.iter().flat_map(|(_, settings)| settings.iter())
}

/// Returns the parts of the form with the values of these settings.
pub(crate) fn cards(texts: Texts, settings: &Map<String, Value>) -> Vec<Card> {
    let card = |(name, of_part): &(&str, &[Setting])| Card {
        title: texts.say(&format!("part-{name}")),
        inputs: of_part.iter().map(|setting| input(texts, setting, settings.get(setting.key))).collect(),
    };
    PARTS.iter().map(card).collect()
}

fn input(texts: Texts, setting: &Setting, value: Option<&Value>) -> Input {
    let control = match setting.shape {
        Shape::Text => Control::Text,
        Shape::Flag => Control::Flag,
        Shape::Number(..) => Control::Number,
        Shape::List | Shape::Json => Control::Area,
        Shape::Map => Control::Pairs,
        Shape::Shown => Control::Many,
    };
    let mut input = Input::new(texts, setting.key, control).at(format!("settings.{}", setting.key));
    (input.list, input.second_list, input.is_required) = (setting.list, setting.second_list, setting.is_required);
    if let Shape::Number(least, most) = setting.shape {
        input.range = Some((least, most));
    }
    if setting.shape == Shape::Shown {
        input.choices = SHOWN.iter().map(|shown| Choice::new(*shown, texts.say(&format!("shown-{shown}")))).collect();
    }
    fill(&mut input, setting.shape, value);
    input
}

fn fill(input: &mut Input, shape: Shape, value: Option<&Value>) {
    let texts = |value: &Value| {
        let all = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        all.collect::<Vec<_>>().join("\n")
    };
    match (shape, value) {
        (_, None | Some(Value::Null)) => {}
        (Shape::Map, Some(Value::Object(table))) => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            input.pairs = table.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        }
        (Shape::Flag, Some(value)) => input.value = if value == &json!(true) { "on" } else { "" }.to_owned(),
        (Shape::List | Shape::Shown, Some(value)) => input.value = texts(value),
        (Shape::Json, Some(value)) => input.value = serde_json::to_string_pretty(value).unwrap_or_default(),
        (_, Some(Value::String(text))) => input.value.clone_from(text),
        (_, Some(other)) => input.value = other.to_string(),
    }
}

/// Returns the settings with what the form says. Settings that the form doesn't have stay. Lines that can't be read become
/// faults of their fields.
pub(crate) fn read(page: &mut FormPage, stored: &Map<String, Value>) -> Map<String, Value> {
    let texts = page.frame.texts;
    let mut settings = stored.clone();
    for setting in all() {
        let Some(input) = page.inputs().find(|input| input.path == format!("settings.{}", setting.key)) else {
            continue;
        };
        match value(texts, setting, input, stored.get(setting.key)) {
            Some(value) => drop(settings.insert(setting.key.to_owned(), value)),
            None => drop(settings.remove(setting.key)),
        }
    }
    settings
}

fn value(texts: Texts, setting: &Setting, input: &mut Input, stored: Option<&Value>) -> Option<Value> {
    match setting.shape {
        Shape::Text => Some(input.value.clone()).filter(|text| !text.is_empty()).map(Value::from),
        // One that was never set stays out, so that the settings don't grow with each save.
        Shape::Flag if input.value == "on" => Some(json!(true)),
        Shape::Flag => stored.map(|_| json!(false)),
        Shape::Number(..) => input.value.parse::<u32>().ok().map(Value::from),
        Shape::List => {
            let lines: Vec<&str> = input.lines().collect();
            (stored.is_some() || !lines.is_empty()).then(|| json!(lines))
        }
        Shape::Shown => {
            let chosen: Vec<&str> = input.lines().collect();
            let shows_nothing = stored == Some(&json!(["nothing"]));
            match chosen.is_empty() {
                true => shows_nothing.then(|| json!(["nothing"])),
                false => Some(json!(chosen)),
            }
        }
        Shape::Map => table(texts, input, stored),
        Shape::Json if input.value.is_empty() => None,
        Shape::Json => match serde_json::from_str::<Value>(&input.value) {
            Ok(value) => Some(value),
            Err(error) => {
                let place = format!("{}:{}", error.line(), error.column());
                input.wrong(texts.say1("fault-json", "place", place));
                stored.cloned()
            }
        },
    }
}

fn table(texts: Texts, input: &mut Input, stored: Option<&Value>) -> Option<Value> {
    let (mut table, mut seen) = (Map::new(), BTreeSet::new());
    let mut faults = Vec::new();
    for (key, value) in &input.pairs {
        if key.is_empty() || value.is_empty() {
            faults.push(texts.say1("fault-half-pair", "code", if key.is_empty() { value } else { key }));
        } else if !seen.insert(key.clone()) {
            faults.push(texts.say1("fault-repeated", "code", key));
        }
        table.insert(key.clone(), value.clone().into());
    }
    for fault in faults {
        input.wrong(fault);
    }
    let is_empty = table.is_empty();
    // An empty table that may be left out is left out: the API takes an empty one for a mistake.
    (!is_empty
        || stored.is_some()
            && matches!(
                input.name.as_str(),
                "patron_types" | "user_groups" | "item_types" | "material_types" | "circulation_desks"
            ))
    .then_some(Value::Object(table))
}

#[cfg(test)]
mod tests {
    use messages::Language;

    use super::*;

    #[test]
    fn every_setting_and_part_has_its_words_in_each_language() {
        for language in Language::ALL {
            let texts = Texts { language };
            for (part, _) in PARTS {
                assert!(texts.has(&format!("part-{part}")), "{part}");
            }
            for setting in all() {
                for id in [format!("field-{}", setting.key), format!("field-{}-help", setting.key)] {
                    assert!(texts.has(&id), "{id}");
                }
            }
            for shown in SHOWN {
                assert!(texts.has(&format!("shown-{shown}")), "{shown}");
            }
        }
    }
}
