//! Holdings and items that a publishing profile adds to its records.
//!
//! Each site chooses the tags and subfields in Alma, so they are settings. An added field can have the tag of a field that
//! the record has of its own, such as 852: its marker subfield or its indicators distinguish it.

use marc::{CompactRecord, FieldRef};
use serde::{Deserialize, Serialize};

/// The most holdings and items that are kept of one record; a journal can have thousands.
const MOST: usize = 5_000;

/// The fields that carry holdings and items.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CopyFields {
    /// The field of a holding.
    pub holdings: Option<HoldingField>,
    /// The field of an item.
    pub items: Option<ItemField>,
}

/// How an added field is recognised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyField {
    /// Its tag.
    pub tag: String,
    /// Its indicators, if they distinguish it.
    pub indicators: Option<[char; 2]>,
    /// The subfield that only added fields have.
    pub marker: Option<char>,
}

impl CopyField {
    fn matches(&self, field: &FieldRef<'_>) -> bool {
        field.tag() == *self.tag.as_str()
            && !field.is_control()
            && self.indicators.is_none_or(|indicators| indicators == [field.ind1(), field.ind2()])
            && self.marker.is_none_or(|code| field.subfield(code).is_some())
    }
}

/// The subfields of a holding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldingField {
    /// How its field is recognised.
    pub field: CopyField,
    /// The holding's id.
    pub id: char,
    /// The library's code.
    pub library: Option<char>,
    /// The location's code.
    pub location: Option<char>,
    /// The call number.
    pub call_number: Option<char>,
}

/// The subfields of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemField {
    /// How its field is recognised.
    pub field: CopyField,
    /// The item's id (Alma's pid).
    pub id: char,
    /// The id of its holding.
    pub holding: Option<char>,
    /// The barcode.
    pub barcode: Option<char>,
    /// The library's code.
    pub library: Option<char>,
    /// The location's code.
    pub location: Option<char>,
    /// The item policy.
    pub policy: Option<char>,
    /// The material type.
    pub material_type: Option<char>,
    /// The description, such as `v. 3`.
    pub description: Option<char>,
}

/// One holding or item.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Copy {
    /// Its id.
    pub id: String,
    /// The id of its holding; none for a holding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holding: Option<String>,
    /// The barcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    /// The library's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// The location's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The item policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The material type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub material_type: Option<String>,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The call number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_number: Option<String>,
    /// The rule that suppresses it; none if it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed_by: Option<String>,
}

/// The holdings and items of one record.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Copies {
    /// The holdings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holdings: Vec<Copy>,
    /// The items.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Copy>,
}

impl Copies {
    /// Returns whether there is neither a holding nor an item.
    pub fn is_empty(&self) -> bool {
        self.holdings.is_empty() && self.items.is_empty()
    }

    /// Returns whether a copy is left that no rule suppresses. Where items are known they decide, or else the holdings.
    pub fn any_shown(&self) -> bool {
        let decisive = if self.items.is_empty() { &self.holdings } else { &self.items };
        decisive.iter().any(|copy| copy.suppressed_by.is_none())
    }
}

impl CopyFields {
    /// Moves the added fields out of a record. The record is left as its cataloguers made it.
    pub fn take_from(&self, record: &mut CompactRecord) -> Copies {
        let mut copies = Copies::default();
        if self.holdings.is_none() && self.items.is_none() {
            return copies;
        }
        record.retain_fields(|field| {
            if let Some(of) = self.items.as_ref().filter(|of| of.field.matches(field)) {
                add(&mut copies.items, || of.read(field));
                return false;
            }
            if let Some(of) = self.holdings.as_ref().filter(|of| of.field.matches(field)) {
                add(&mut copies.holdings, || of.read(field));
                return false;
            }
            true
        });
        copies
    }
}

fn add(copies: &mut Vec<Copy>, copy: impl FnOnce() -> Copy) {
    if copies.len() < MOST {
        copies.push(copy());
    }
}

fn text(field: &FieldRef<'_>, code: Option<char>) -> Option<String> {
    field.subfield(code?).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl HoldingField {
    fn read(&self, field: &FieldRef<'_>) -> Copy {
        Copy {
            id: text(field, Some(self.id)).unwrap_or_default(),
            library: text(field, self.library),
            location: text(field, self.location),
            call_number: text(field, self.call_number),
            ..Copy::default()
        }
    }
}

impl ItemField {
    fn read(&self, field: &FieldRef<'_>) -> Copy {
        Copy {
            id: text(field, Some(self.id)).unwrap_or_default(),
            holding: text(field, self.holding),
            barcode: text(field, self.barcode),
            library: text(field, self.library),
            location: text(field, self.location),
            policy: text(field, self.policy),
            material_type: text(field, self.material_type),
            description: text(field, self.description),
            ..Copy::default()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can not go on fails")]
mod tests {
    use marc::Record;

    use super::*;

    fn fields() -> CopyFields {
        let item = ItemField {
            field: CopyField { tag: "852".to_owned(), indicators: None, marker: Some('i') },
            id: 'i',
            holding: Some('h'),
            barcode: Some('a'),
            library: Some('b'),
            location: Some('c'),
            policy: None,
            material_type: None,
            description: None,
        };
        CopyFields { holdings: None, items: Some(item) }
    }

    #[test]
    fn added_field_is_distinguished_from_the_records_own_field_of_the_same_tag() {
        let own = [('a', "Own shelf mark")];
        let added = [('i', "231"), ('h', "221"), ('b', "MAIN"), ('c', "stacks"), ('a', "B1")];
        let record = Record::builder()
            .data("852", ' ', ' ', own)
            .data("852", '8', ' ', added)
            .data("245", '0', '0', own)
            .build();
        let mut record = CompactRecord::from(&record);
        let copies = fields().take_from(&mut record);
        let item = copies.items.first().unwrap();
        assert_eq!((item.id.as_str(), item.barcode.as_deref()), ("231", Some("B1")));
        assert_eq!((item.library.as_deref(), item.location.as_deref()), (Some("MAIN"), Some("stacks")));
        assert_eq!(record.fields_tagged("852").count(), 1);
        assert_eq!(record.subfield("852", 'a'), Some("Own shelf mark"));
    }

    #[test]
    fn indicators_distinguish_an_added_field_where_the_setting_says_so() {
        let mut fields = fields();
        fields.items.as_mut().unwrap().field.indicators = Some(['8', ' ']);
        let with = |first| CompactRecord::from(&Record::builder().data("852", first, ' ', [('i', "231")]).build());
        assert_eq!(fields.take_from(&mut with('8')).items.len(), 1);
        assert!(fields.take_from(&mut with(' ')).is_empty());
    }
}
