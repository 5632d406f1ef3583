//! The volume of a title that a copy is, as its library's system describes it.

use serde::{Deserialize, Serialize};

/// The longest text of a volume that the hub keeps, in characters.
const LONGEST_TEXT: usize = 100;

/// The volume of a title that a copy is. It has no texts if the title has one volume only.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// The description, such as `v.3:no.2 (1999)`.
    pub description: Option<String>,
    /// The levels of its enumeration, such as volume and number. A level that isn't used is blank.
    pub enumeration: Vec<String>,
    /// The levels of its chronology, such as year and month. A level that isn't used is blank.
    pub chronology: Vec<String>,
}

impl Volume {
    /// Creates a volume from the texts of a library's system. Long texts are cut, which an ellipsis marks.
    pub fn new(description: Option<&str>, enumeration: &[Option<String>], chronology: &[Option<String>]) -> Self {
        let levels = |levels: &[Option<String>]| {
            let mut levels: Vec<String> =
                levels.iter().map(|level| cut(level.as_deref().unwrap_or_default())).collect();
            levels.truncate(levels.iter().rposition(|level| !level.is_empty()).map_or(0, |last| last + 1));
            levels
        };
        Self {
            description: description.map(cut).filter(|text| !text.is_empty()),
            enumeration: levels(enumeration),
            chronology: levels(chronology),
        }
    }

    /// Returns the volume in one text for people, such as `v.1 (1984)`; `None` if the copy has no volume.
    pub fn label(&self) -> Option<String> {
        let text = self.description.clone().unwrap_or_else(|| joined(&self.enumeration));
        let dates = joined(&self.chronology);
        let is_dated =
            self.chronology.iter().filter(|level| !level.is_empty()).any(|level| text.contains(level.as_str()));
        match (text.is_empty(), dates.is_empty() || is_dated) {
            (true, true) => None,
            (true, false) => Some(dates),
            (false, true) => Some(text),
            (false, false) => Some(format!("{text} ({dates})")),
        }
    }

    /// Returns enumeration and chronology in one text, as [`Volume::label`] does for a volume without a description.
    pub(crate) fn numbering(&self) -> Option<String> {
        Self { description: None, ..self.clone() }.label()
    }
}

fn joined(levels: &[String]) -> String {
    levels.iter().filter(|level| !level.is_empty()).map(String::as_str).collect::<Vec<_>>().join(":")
}

fn cut(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(LONGEST_TEXT) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST_TEXT - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned()).filter(|text| !text.is_empty())).collect()
    }

    #[test]
    fn label_has_description_and_the_chronology_that_it_lacks() {
        let label = |description: Option<&str>, enumeration: &[&str], chronology: &[&str]| {
            Volume::new(description, &levels(enumeration), &levels(chronology)).label()
        };
        assert_eq!(label(Some("v.1"), &["1"], &["1984"]).as_deref(), Some("v.1 (1984)"));
        assert_eq!(label(Some("v.1 (1984)"), &["1"], &["1984"]).as_deref(), Some("v.1 (1984)"));
        assert_eq!(label(None, &["3", "", "2"], &["1999", "05"]).as_deref(), Some("3:2 (1999:05)"));
        assert_eq!(label(None, &[], &["1999"]).as_deref(), Some("1999"));
        assert_eq!(label(Some(" "), &["", ""], &[""]), None);
    }

    #[test]
    fn text_that_is_too_long_is_cut_and_marked() {
        let label = Volume::new(Some(&"é".repeat(10_000)), &[], &[]).label().unwrap();
        assert_eq!((label.chars().count(), label.ends_with('…')), (LONGEST_TEXT, true));
    }
}
