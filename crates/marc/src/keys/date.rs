//! The dates of a publication.

use serde::{Deserialize, Serialize};

use crate::CompactRecord;
use crate::format::at;

/// The dates of a record. Those of field 008 are coded, those of 264 and 260 are in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dates {
    /// 008/06: `s` single date, `r` reprint and original, `t` publication and copyright, `m` several years, `c` serial
    /// that appears still, … Blank if there is no 008.
    pub kind: char,
    /// Date 1 (008/07-10), if it is a whole year.
    pub first: Option<u16>,
    /// Date 2 (008/11-14), if it is a whole year.
    pub second: Option<u16>,
    /// The first year in 264 `c` or 260 `c` that is not a copyright year.
    pub imprint: Option<u16>,
    /// The first copyright year there.
    pub copyright: Option<u16>,
}

impl Dates {
    pub(super) fn of(record: &CompactRecord) -> Self {
        let fixed = record.control("008").unwrap_or_default();
        let mut dates = Self { kind: at(fixed, 6), ..Self::default() };
        dates.first = fixed.get(7..11).and_then(year);
        dates.second = fixed.get(11..15).and_then(year);
        for field in record.fields() {
            let copyright_only = match field.tag().as_str() {
                "264" if field.ind2() == '1' || field.ind2() == ' ' => false,
                "264" if field.ind2() == '4' => true,
                "260" => false,
                _ => continue,
            };
            for subfield in field.subfields().filter(|subfield| subfield.code == 'c') {
                dates.add_words(subfield.value, copyright_only);
            }
        }
        dates
    }

    /// Returns the year of publication: the one in words, since it describes this printing, or else the coded one.
    #[must_use]
    pub fn year(&self) -> Option<u16> {
        let coded = if self.kind == 'b' { None } else { self.first };
        self.imprint.or(coded).or(self.copyright)
    }

    /// Returns whether the years are a span, as those of serials and of sets that appeared over several years.
    #[must_use]
    pub fn is_span(&self) -> bool {
        matches!(self.kind, 'c' | 'd' | 'u' | 'm' | 'i' | 'k' | 'q')
    }

    fn add_words(&mut self, text: &str, copyright_only: bool) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if !bytes[at].is_ascii_digit() {
                at += 1;
                continue;
            }
            // Brackets may stand inside a year: 19[84].
            let mut digits = [0; 4];
            let (mut count, mut end) = (0, at);
            while end < bytes.len() && (bytes[end].is_ascii_digit() || matches!(bytes[end], b'[' | b']') && count < 4) {
                if bytes[end].is_ascii_digit() {
                    if count < 4 {
                        digits[count] = bytes[end];
                    }
                    count += 1;
                }
                end += 1;
            }
            let found = std::str::from_utf8(&digits).ok().and_then(year).filter(|_| count == 4);
            if let Some(found) = found {
                let before = text[..at].trim_end_matches([' ', '[']);
                let is_copyright =
                    copyright_only || before.ends_with(['c', '©', 'p', '℗']) || before.ends_with("copyright");
                let place = if is_copyright { &mut self.copyright } else { &mut self.imprint };
                place.get_or_insert(found);
            }
            at = end;
        }
    }
}

/// Reads four digits as a year of the printing press or later, up to a few years ahead of ours.
fn year(text: &str) -> Option<u16> {
    let all_digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|year| all_digits && (1000..2100).contains(year))
}

#[cfg(test)]
mod tests {
    use super::Dates;
    use crate::{CompactRecord, Record};

    fn dates(fixed: &str, words: &str) -> Dates {
        let fixed = format!("990802{fixed}");
        let record = Record::builder().control("008", fixed).data("260", ' ', ' ', [('c', words)]).build();
        Dates::of(&CompactRecord::from(&record))
    }

    #[test]
    fn dates_are_read_from_008_and_from_words() {
        let found = dates("r20051990", "2005, c1990.");
        assert_eq!((found.kind, found.first, found.second), ('r', Some(2005), Some(1990)));
        assert_eq!((found.imprint, found.copyright, found.year()), (Some(2005), Some(1990), Some(2005)));
    }

    #[test]
    fn years_in_brackets_and_after_signs_are_found() {
        for (words, imprint, copyright) in [
            ("[19]84.", Some(1984), None),
            ("19[84]", Some(1984), None),
            ("©2010", None, Some(2010)),
            ("[2010?]", Some(2010), None),
            ("c1978 [i.e. 1979]", Some(1979), Some(1978)),
            ("198-?", None, None),
            ("MDCCXC [1790]", Some(1790), None),
            ("12345", None, None),
        ] {
            let found = dates("nuuuuuuuu", words);
            assert_eq!((found.imprint, found.copyright), (imprint, copyright), "{words}");
        }
    }

    #[test]
    fn unknown_digits_are_no_year() {
        let found = dates("m19uu9999", "");
        assert_eq!((found.first, found.second, found.year(), found.is_span()), (None, None, None, true));
    }
}
