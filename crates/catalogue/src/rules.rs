//! Rules by which records, holdings and items are suppressed, and the judgement of a harvested record.

use std::collections::BTreeSet;

use marc::{CompactRecord, FieldRef};

use crate::copies::{Copies, Copy};
use crate::settings::HarvestSettings;

/// The reason for a record with leader/05 = d: Alma publishes suppressed records so.
pub const LEADER: &str = "leader/05 = d";
/// The reason for a record that the hub made itself for a loan.
pub const VIRTUAL: &str = "virtual record of the hub";
/// The reason for a record without a copy that is shown.
pub const NO_COPIES: &str = "no copy left";

/// The object that a rule suppresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The bibliographic record.
    Record,
    /// A holding, with its items.
    Holding,
    /// An item.
    Item,
    /// A location: all holdings and items there.
    Location,
}

/// A property of a holding or item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Property {
    /// The library's code.
    Library,
    /// The location's code.
    Location,
    /// The item policy.
    Policy,
    /// The material type.
    MaterialType,
    /// The call number.
    CallNumber,
    /// The description.
    Description,
    /// The barcode.
    Barcode,
}

impl Property {
    const ALL: [(Self, &str); 7] = [
        (Self::Library, "library"),
        (Self::Location, "location"),
        (Self::Policy, "policy"),
        (Self::MaterialType, "material_type"),
        (Self::CallNumber, "call_number"),
        (Self::Description, "description"),
        (Self::Barcode, "barcode"),
    ];

    fn of(self, copy: &Copy) -> Option<&str> {
        match self {
            Self::Library => copy.library.as_deref(),
            Self::Location => copy.location.as_deref(),
            Self::Policy => copy.policy.as_deref(),
            Self::MaterialType => copy.material_type.as_deref(),
            Self::CallNumber => copy.call_number.as_deref(),
            Self::Description => copy.description.as_deref(),
            Self::Barcode => copy.barcode.as_deref(),
        }
    }
}

impl Level {
    fn properties(self) -> &'static [Property] {
        match self {
            Self::Record => &[],
            Self::Holding => &[Property::Library, Property::Location, Property::CallNumber],
            Self::Item => &[
                Property::Library,
                Property::Location,
                Property::Policy,
                Property::MaterialType,
                Property::Description,
                Property::Barcode,
            ],
            Self::Location => &[Property::Library, Property::Location],
        }
    }

    /// Returns the property of this name, if the objects of this level have it.
    pub(crate) fn property(self, name: &str) -> Option<Property> {
        let (property, _) = Property::ALL.into_iter().find(|(_, each)| *each == name)?;
        self.properties().contains(&property).then_some(property)
    }

    /// Returns the names of the properties, for a message.
    pub(crate) fn property_names(self) -> String {
        let names = Property::ALL.into_iter().filter(|(property, _)| self.properties().contains(property));
        names.map(|(_, name)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

/// A test of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Test {
    /// It is there.
    Present,
    /// It is one of these.
    Equals(BTreeSet<String>),
    /// It begins with one of these.
    BeginsWith(Vec<String>),
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Equals(values) => values.contains(text.trim()),
            Self::BeginsWith(prefixes) => prefixes.iter().any(|prefix| text.trim_start().starts_with(prefix.as_str())),
        }
    }
}

/// One condition of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// A field of the record.
    Field {
        /// Its tag.
        tag: String,
        /// The subfield; any if none is named.
        subfield: Option<char>,
        /// The test that one of the fields must pass.
        test: Test,
        /// Whether none of them may pass it.
        negated: bool,
    },
    /// A property of a holding or item.
    Property {
        /// Which.
        property: Property,
        /// The test that it must pass.
        test: Test,
        /// Whether it must not pass it.
        negated: bool,
    },
}

/// A rule: what meets all its conditions is suppressed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Its name, which reports and explanations show.
    pub name: String,
    /// What it suppresses.
    pub level: Level,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

impl Rule {
    fn suppresses_record(&self, record: &CompactRecord) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Field { tag, subfield, test, negated } => {
                record.fields_tagged(tag).any(|field| field_passes(&field, *subfield, test)) != *negated
            }
            Condition::Property { .. } => false,
        })
    }

    fn suppresses_copy(&self, copy: &Copy) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Property { property, test, negated } => {
                property.of(copy).is_some_and(|text| test.holds(text)) != *negated
            }
            Condition::Field { .. } => false,
        })
    }
}

fn field_passes(field: &FieldRef<'_>, subfield: Option<char>, test: &Test) -> bool {
    if field.is_control() {
        return subfield.is_none() && test.holds(field.text());
    }
    field.subfields().filter(|each| subfield.is_none_or(|code| each.code == code)).any(|each| test.holds(each.value))
}

/// Decides which part of a record the catalogue shows. Returns the rule that suppresses the whole record, if one does,
/// and notes at each copy the rule that suppresses it. `copies` were taken from the record already.
pub fn judge(settings: &HarvestSettings, record: &CompactRecord, copies: &mut Copies) -> Option<String> {
    judge_copies(&settings.rules, copies);
    if record.leader_at(5) == 'd' {
        return Some(LEADER.to_owned());
    }
    if is_virtual(record) {
        return Some(VIRTUAL.to_owned());
    }
    let of_record = settings.rules.iter().filter(|rule| rule.level == Level::Record);
    if let Some(rule) = of_record.into_iter().find(|rule| rule.suppresses_record(record)) {
        return Some(rule.name.clone());
    }
    (settings.suppress_records_without_copies && !copies.any_shown()).then(|| NO_COPIES.to_owned())
}

fn judge_copies(rules: &[Rule], copies: &mut Copies) {
    let first = |levels: [Level; 2], copy: &Copy| {
        let rule = rules.iter().find(|rule| levels.contains(&rule.level) && rule.suppresses_copy(copy))?;
        Some(rule.name.clone())
    };
    for holding in &mut copies.holdings {
        holding.suppressed_by = first([Level::Holding, Level::Location], holding);
    }
    for item in &mut copies.items {
        item.suppressed_by = first([Level::Item, Level::Location], item).or_else(|| {
            let id = item.holding.as_deref()?;
            copies.holdings.iter().find(|holding| holding.id == id)?.suppressed_by.clone()
        });
    }
}

/// Returns whether the hub made the record for a loan: its 035 has the hub's marker, `(DCB)` and a request's id.
fn is_virtual(record: &CompactRecord) -> bool {
    record.subfields("035", 'a').any(|number| {
        let id = number.trim().strip_prefix("(DCB)").unwrap_or_default();
        id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    })
}

#[cfg(test)]
mod tests;
