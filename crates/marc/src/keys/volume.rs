//! The place of a publication in a set.

use serde::{Deserialize, Serialize};

use super::{Extent, append, cut};
use crate::CompactRecord;
use crate::fold::fold;

/// Whether a record describes a set, a part of one, or a publication of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VolumeKey {
    /// The numbers of the part (245 `n`), such as `2` for `Vol. 2` and `II`; empty for a whole.
    pub numbers: Vec<u16>,
    /// The name of the part (245 `p`), folded; empty for a whole.
    pub name: String,
    /// The record says that it describes one part of a set (leader/19 `b` or `c`, or 245 `n` or `p`).
    pub is_part: bool,
    /// The record says that it describes a set of several volumes (leader/19 `a`, or 300 with more than one volume).
    pub is_set: bool,
}

impl VolumeKey {
    pub(super) fn of(record: &CompactRecord, extent: &Extent) -> Self {
        let mut key = Self::default();
        if let Some(title) = record.fields_tagged("245").next() {
            for subfield in title.subfields() {
                match subfield.code {
                    'n' => key.numbers.extend(numbers(&fold(cut(subfield.value)))),
                    'p' => append(&mut key.name, subfield.value),
                    _ => {}
                }
            }
        }
        key.numbers.truncate(5);
        let level = record.leader_at(19);
        key.is_part = matches!(level, 'b' | 'c') || !key.numbers.is_empty() || !key.name.is_empty();
        key.is_set = level == 'a' || extent.volumes.is_some_and(|volumes| volumes > 1) || extent.open;
        key
    }
}

/// Returns the numbers in a designation of a part: `vol 2`, `2 teil`, `book iv`, `part two`.
pub(crate) fn numbers(folded: &str) -> Vec<u16> {
    folded.split(' ').filter_map(number).collect()
}

fn number(word: &str) -> Option<u16> {
    const WORDS: [&str; 10] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let digits = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if end > 0 {
        return digits[..end].parse().ok();
    }
    let named = WORDS.iter().position(|known| *known == word).and_then(|place| u16::try_from(place + 1).ok());
    named.or_else(|| roman(word))
}

/// Reads a Roman numeral below 400.
fn roman(word: &str) -> Option<u16> {
    let value = |byte| match byte {
        b'i' => Some(1),
        b'v' => Some(5),
        b'x' => Some(10),
        b'l' => Some(50),
        b'c' => Some(100),
        _ => None,
    };
    if word.is_empty() || word.len() > 9 {
        return None;
    }
    let values: Vec<u16> = word.bytes().map(value).collect::<Option<_>>()?;
    let mut sum = 0;
    for (at, value) in values.iter().enumerate() {
        match values.get(at + 1) {
            Some(next) if next > value => sum -= i32::from(*value),
            _ => sum += i32::from(*value),
        }
    }
    u16::try_from(sum).ok().filter(|sum| *sum > 0)
}

#[cfg(test)]
mod tests {
    use super::numbers;
    use crate::{CompactRecord, Record};

    #[test]
    fn numbers_of_a_part_are_read_in_several_forms() {
        for (text, number) in [("vol 2", 2), ("2 teil", 2), ("book iv", 4), ("part two", 2), ("bd xix", 19), ("v3", 3)]
        {
            assert_eq!(numbers(text), [number], "{text}");
        }
        assert!(numbers("supplement").is_empty());
    }

    #[test]
    fn sets_and_parts_are_distinguished() {
        let part = Record::builder().data("245", '0', '0', [('a', "Faust."), ('n', "2. Teil")]).build();
        let set = Record::builder().data("300", ' ', ' ', [('a', "3 v. :")]).build();
        let book = Record::builder().data("300", ' ', ' ', [('a', "1 v. (300 p.) :")]).build();
        let keys = [part, set, book].map(|record| CompactRecord::from(&record).match_keys().volume);
        assert_eq!(
            keys.each_ref().map(|key| (key.is_part, key.is_set)),
            [(true, false), (false, true), (false, false)]
        );
        assert_eq!(keys[0].numbers, [2]);
    }
}
