//! The numbers by which catalogues identify a publication, each normalised so that equal numbers are equal values.

mod isbn;
mod issn;
mod lccn;
mod national;
mod oclc;

pub use isbn::Isbn;
pub use issn::Issn;
pub use lccn::Lccn;
pub use national::NationalNumber;
pub use oclc::OclcNumber;

use crate::{CompactRecord, FieldRef};

/// A number and whether the record says that it identifies this publication.
///
/// Numbers that are cancelled, wrong, or of a related publication stand in subfields of their own (020 `z`, 022 `y` and
/// `z`, 035 `z`). They help to find a record, but don't prove that two records describe one publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The number of this publication.
    Valid,
    /// A number that is cancelled, wrong or of another publication.
    Cancelled,
}

/// An ISBN of a record with its qualifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordIsbn {
    /// The number, in 13 digits.
    pub isbn: Isbn,
    /// Whether it identifies this publication.
    pub standing: Standing,
    /// The text that says what the number belongs to, such as `v. 1` or `pbk.`; empty if there is none.
    pub qualifier: String,
}

/// All identifiers of a record, each once, in the order of the record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identifiers {
    /// ISBNs (020 `a` and `z`).
    pub isbns: Vec<RecordIsbn>,
    /// ISSNs (022 `a`; cancelled ones from `y` and `z`).
    pub issns: Vec<(Issn, Standing)>,
    /// Library of Congress Control Numbers (010 `a` and `z`).
    pub lccns: Vec<(Lccn, Standing)>,
    /// OCLC numbers (035 `a`, or 001 where 003 is `OCoLC`; cancelled ones from 019 `a` and 035 `z`).
    pub oclc_numbers: Vec<(OclcNumber, Standing)>,
    /// Numbers of national libraries and bibliographies (015 `a`, 016 `a`; cancelled ones from `z`).
    pub national_numbers: Vec<(NationalNumber, Standing)>,
}

/// The largest number of identifiers of one kind that are read from a record. Records of large sets have some hundred
/// ISBNs; more is damage.
const MOST: usize = 500;

impl CompactRecord {
    /// Returns the identifiers of the record.
    #[must_use]
    pub fn identifiers(&self) -> Identifiers {
        let mut found = Identifiers::default();
        let mut control_number = None;
        for field in self.fields() {
            match field.tag().as_str() {
                "001" => control_number = Some(field.text()),
                "003" if field.text().trim() == "OCoLC" => {
                    push(&mut found.oclc_numbers, control_number.and_then(OclcNumber::from_digits), Standing::Valid);
                }
                "010" => each(field, "a", "z", |text, standing| {
                    push(&mut found.lccns, Lccn::normalise(text), standing);
                }),
                "015" | "016" => {
                    // In 016, a first indicator other than 7 means Library and Archives Canada.
                    let canada = field.tag() == *"016" && field.ind1() != '7';
                    let agency = if canada { "CaOONL" } else { field.subfield('2').unwrap_or_default() };
                    each(field, "a", "z", |text, standing| {
                        push(&mut found.national_numbers, NationalNumber::normalise(agency, text), standing);
                    });
                }
                "019" => each(field, "", "a", |text, standing| {
                    push(&mut found.oclc_numbers, OclcNumber::from_digits(text), standing);
                }),
                "020" => push_isbns(&mut found.isbns, field),
                "022" => each(field, "a", "yz", |text, standing| push(&mut found.issns, Issn::find(text), standing)),
                "035" => each(field, "a", "z", |text, standing| {
                    push(&mut found.oclc_numbers, OclcNumber::find(text), standing);
                }),
                _ => {}
            }
        }
        found
    }
}

fn each<'a>(field: FieldRef<'a>, valid: &str, cancelled: &str, mut with: impl FnMut(&'a str, Standing)) {
    for subfield in field.subfields() {
        if valid.contains(subfield.code) {
            with(subfield.value, Standing::Valid);
        } else if cancelled.contains(subfield.code) {
            with(subfield.value, Standing::Cancelled);
        }
    }
}

/// Adds a number. If the record has it twice, once as valid, then it is valid.
fn push<T: PartialEq>(list: &mut Vec<(T, Standing)>, number: Option<T>, standing: Standing) {
    let Some(number) = number else { return };
    if let Some((_, known)) = list.iter_mut().find(|(known, _)| *known == number) {
        *known = standing.min(*known);
    } else if list.len() < MOST {
        list.push((number, standing));
    }
}

fn push_isbns(list: &mut Vec<RecordIsbn>, field: FieldRef<'_>) {
    // The number in the list to which a qualifier in `q` belongs: the one before it.
    let mut qualified = None;
    for subfield in field.subfields() {
        let standing = match subfield.code {
            'a' => Standing::Valid,
            'z' => Standing::Cancelled,
            'q' => {
                if let Some(found) = qualified.and_then(|at: usize| list.get_mut(at)) {
                    add_qualifier(&mut found.qualifier, subfield.value);
                }
                continue;
            }
            _ => continue,
        };
        qualified = None;
        let Some((isbn, rest)) = Isbn::find_with_rest(subfield.value) else { continue };
        let isbn = isbn.to_13();
        if let Some(known) = list.iter_mut().find(|known| known.isbn == isbn) {
            known.standing = standing.min(known.standing);
        } else if list.len() < MOST {
            let mut qualifier = String::new();
            add_qualifier(&mut qualifier, rest);
            qualified = Some(list.len());
            list.push(RecordIsbn { isbn, standing, qualifier });
        }
    }
}

fn add_qualifier(qualifier: &mut String, text: &str) {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ':' | ';' | '.' | ','));
    if !text.is_empty() {
        if !qualifier.is_empty() {
            qualifier.push_str(", ");
        }
        qualifier.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Cancelled, Valid};
    use crate::{CompactRecord, Record};

    #[test]
    fn identifiers_are_normalised_and_listed_once() {
        let record = Record::builder()
            .control("001", "ocm00042")
            .control("003", "OCoLC")
            .data("010", ' ', ' ', [('a', "   85-2 "), ('z', "   84000001 ")])
            .data("015", ' ', ' ', [('a', "GBA812345"), ('2', "bnb")])
            .data("016", '7', ' ', [('a', "850505123"), ('2', "DE-101")])
            .data("016", ' ', ' ', [('a', "85-1234")])
            .data("020", ' ', ' ', [('a', "020161622X (pbk.) :")])
            .data("020", ' ', ' ', [('a', "9780201616224"), ('q', "paperback"), ('z', "0914378287 (v. 1)")])
            .data("022", '0', ' ', [('a', "0362-4331"), ('y', "2434-561X")])
            .data("035", ' ', ' ', [('a', "(OCoLC)42"), ('z', "(OCoLC)43")])
            .data("035", ' ', ' ', [('a', "(DE-599)42")])
            .build();
        let found = CompactRecord::from(&record).identifiers();
        let isbns: Vec<_> =
            found.isbns.iter().map(|found| (found.isbn.as_str(), found.standing, found.qualifier.as_str())).collect();
        assert_eq!(isbns, [("9780201616224", Valid, "pbk"), ("9780914378280", Cancelled, "v. 1")]);
        assert_eq!(
            found.lccns.iter().map(|(number, standing)| (number.as_str(), *standing)).collect::<Vec<_>>(),
            [("85000002", Valid), ("84000001", Cancelled)]
        );
        assert_eq!(
            found.oclc_numbers.iter().map(|(number, standing)| (number.get(), *standing)).collect::<Vec<_>>(),
            [(42, Valid), (43, Cancelled)]
        );
        assert_eq!(
            found.issns.iter().map(|(number, standing)| (number.to_string(), *standing)).collect::<Vec<_>>(),
            [("0362-4331".to_owned(), Valid), ("2434-561X".to_owned(), Cancelled)]
        );
        let national: Vec<_> = found.national_numbers.iter().map(|(number, _)| number.to_string()).collect();
        assert_eq!(national, ["bnb:GBA812345", "de-101:850505123", "caoonl:851234"]);
    }
}
