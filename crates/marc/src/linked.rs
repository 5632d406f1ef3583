//! Fields in the original script of a publication (880), and the languages of a record.
//!
//! Source: MARC 21 bibliographic format, appendix A (control subfields, `$6`) and field 880.

use crate::{CompactRecord, FieldRef, Tag};

/// A field 880: another field of the record in its original script.
#[derive(Debug, Clone, Copy)]
pub struct OriginalScript<'a> {
    /// The tag of the field that it repeats, such as `245`.
    pub tag: Tag,
    /// The number that links both fields; 0 if the record has no such other field.
    pub occurrence: u8,
    /// The code of the script as `$6` has it, such as `$1` for Chinese, Japanese and Korean or `Arab`; empty if absent.
    pub script: &'a str,
    /// Whether the text runs from right to left.
    pub right_to_left: bool,
    /// The field 880 itself. Its indicators and subfields are those of the field that it repeats.
    pub field: FieldRef<'a>,
}

impl CompactRecord {
    /// Returns the fields in original script, in the order of the record.
    pub fn original_scripts(&self) -> impl Iterator<Item = OriginalScript<'_>> {
        self.fields_tagged("880").filter_map(|field| {
            let (tag, occurrence, script, right_to_left) = link(field.subfield('6')?)?;
            Some(OriginalScript { tag, occurrence, script, right_to_left, field })
        })
    }

    /// Returns the field 880 that gives this field in original script.
    #[must_use]
    pub fn original_script_of(&self, field: FieldRef<'_>) -> Option<FieldRef<'_>> {
        let (to, occurrence, ..) = link(field.subfield('6')?)?;
        if to != *"880" || occurrence == 0 {
            return None;
        }
        let tag = field.tag();
        self.original_scripts()
            .find(|other| other.tag == tag && other.occurrence == occurrence)
            .map(|other| other.field)
    }

    /// Returns the codes of the languages of the text or sound (008/35-37, 041 `a` and `d`), each once.
    #[must_use]
    pub fn languages(&self) -> Vec<&str> {
        let mut codes: Vec<&str> = Vec::new();
        if let Some(code) = self.control("008").and_then(|fixed| fixed.get(35..38)).filter(|code| is_language(code)) {
            codes.push(code);
        }
        for subfield in self.fields_tagged("041").flat_map(|field| field.subfields()) {
            if !matches!(subfield.code, 'a' | 'd') {
                continue;
            }
            // Older records have several codes in one subfield: engfre.
            let text = subfield.value.trim();
            for start in (0..text.len()).step_by(3) {
                if let Some(code) = text.get(start..start + 3)
                    && is_language(code)
                    && !codes.contains(&code)
                    && codes.len() < 20
                {
                    codes.push(code);
                }
            }
        }
        codes
    }
}

/// Returns whether this is the code of one language. `mul`, `und` and `zxx` mean several, an unknown one and none.
fn is_language(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_lowercase()) && !matches!(code, "mul" | "und" | "zxx")
}

/// Reads a link such as `245-01/(3/r`.
fn link(text: &str) -> Option<(Tag, u8, &str, bool)> {
    let mut parts = text.trim().split('/');
    let (tag, occurrence) = parts.next()?.split_once('-')?;
    let script = parts.next().unwrap_or_default();
    let right_to_left = parts.next().is_some_and(|direction| direction.trim() == "r");
    Some((tag.parse().ok()?, occurrence.trim().parse().ok()?, script, right_to_left))
}

#[cfg(test)]
mod tests {
    use crate::{CompactRecord, Record};

    #[test]
    fn title_leads_to_its_original_script() {
        let record = Record::builder()
            .control("008", "990802s1997    ja            000 0 jpn  ")
            .data("041", ' ', ' ', [('a', "jpneng"), ('d', "fre"), ('h', "ger")])
            .data("245", '1', '0', [('6', "880-01"), ('a', "Sensō to heiwa")])
            .data("500", ' ', ' ', [('6', "880-00"), ('a', "A note")])
            .data("880", '1', '0', [('6', "245-01/$1"), ('a', "戦争と平和")])
            .data("880", ' ', ' ', [('6', "500-00/(3/r"), ('a', "ملاحظة")])
            .data("880", ' ', ' ', [('6', "damaged"), ('a', "?")])
            .build();
        let record = CompactRecord::from(&record);
        let title = record.fields_tagged("245").next().unwrap();
        assert_eq!(record.original_script_of(title).unwrap().subfield('a'), Some("戦争と平和"));
        let note = record.fields_tagged("500").next().unwrap();
        assert!(record.original_script_of(note).is_none());
        let found: Vec<_> =
            record.original_scripts().map(|found| (found.occurrence, found.script, found.right_to_left)).collect();
        assert_eq!(found, [(1, "$1", false), (0, "(3", true)]);
        assert_eq!(record.languages(), ["jpn", "eng", "fre"]);
    }
}
