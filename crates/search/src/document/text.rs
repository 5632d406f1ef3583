//! Makes a document from the records of a group.

use std::collections::HashSet;

use marc::identifiers::{Issn, Lccn, OclcNumber, Standing};
use marc::{CompactRecord, FieldRef, Format, Isbn, Tag};

use super::{Brief, Document, Identifier, IdentifierKind};
use crate::analysis::folded;

/// The largest amount of text of one document in bytes. What a group has beyond it is not searched.
pub const MOST_TEXT: usize = 256 * 1024;
/// The most values that one list of a document can have.
const MOST_VALUES: usize = 2000;
/// The most numbers of one kind that a brief form shows.
const MOST_SHOWN: usize = 50;

/// A record of a group with its holders.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The record.
    pub record: &'a CompactRecord,
    /// The code of the institution whose record this is.
    pub institution: &'a str,
    /// Codes of the agencies that hold copies by this record.
    pub agencies: &'a [String],
}

impl Document {
    /// Makes the document of a group. The first member is the display record.
    ///
    /// A group without members gives a document that only its id finds.
    #[must_use]
    pub fn of_group(id: &str, format: Format, members: &[Member<'_>]) -> Self {
        let mut document = Self { id: id.to_owned(), ..Self::default() };
        if let Some(display) = members.first() {
            document.record = display.record.clone();
            document.brief = brief(display.record);
        }
        document.brief.format = format.code().to_owned();
        let mut collected = Collected::default();
        let mut languages = document.brief.languages.iter().cloned().collect::<HashSet<_>>();
        for member in members {
            collected.record(member.record);
            identifiers(member.record, &mut document);
            for language in member.record.languages() {
                if languages.insert(language.to_owned()) {
                    document.brief.languages.push(language.to_owned());
                }
            }
            document.brief.institutions.insert(member.institution.to_owned());
            document.brief.agencies.extend(member.agencies.iter().cloned());
        }
        document.brief.languages.truncate(MOST_VALUES);
        let [titles, authors, subjects, publishers, series, notes] = collected.lists;
        Self { titles, authors, subjects, publishers, series, notes, ..document }
    }
}

/// Texts by the list they belong to, each once.
#[derive(Debug, Default)]
struct Collected {
    lists: [Vec<String>; 6],
    seen: HashSet<(usize, String)>,
    bytes: usize,
}

const TITLES: usize = 0;
const AUTHORS: usize = 1;
const SUBJECTS: usize = 2;
const PUBLISHERS: usize = 3;
const SERIES: usize = 4;
const NOTES: usize = 5;

impl Collected {
    fn record(&mut self, record: &CompactRecord) {
        // The title proper comes first, whatever order the fields have.
        if let Some(title) = record.title() {
            self.add(TITLES, title);
        }
        for field in record.fields() {
            self.field(field);
        }
    }

    fn field(&mut self, field: FieldRef<'_>) {
        let tag = described_tag(field);
        match tag.as_str() {
            "245" => {
                self.add(TITLES, joined(field, "a"));
                self.add(TITLES, joined(field, "abnpsfgk"));
                self.add(AUTHORS, joined(field, "c"));
            }
            "130" | "240" | "730" => self.add(TITLES, joined(field, "abnpsmorfk")),
            "210" | "222" | "242" | "243" | "246" | "247" | "740" => self.add(TITLES, joined(field, "abnp")),
            "100" | "110" | "111" | "720" => self.add(AUTHORS, joined(field, "abcdnq")),
            "700" | "710" | "711" => {
                self.add(AUTHORS, joined(field, "abcdq"));
                if field.subfield('t').is_some() {
                    self.add(TITLES, joined(field, "tnp"));
                }
            }
            "600" | "610" | "611" | "630" | "647" | "648" | "650" | "651" | "653" | "654" | "655" | "656" | "657" => {
                self.add(SUBJECTS, joined_letters(field));
            }
            "260" | "264" => self.add(PUBLISHERS, joined(field, "ab")),
            "440" | "490" | "800" | "810" | "811" | "830" => self.add(SERIES, joined(field, "abcdnptv")),
            "250" => self.add(NOTES, joined(field, "ab")),
            "505" => {
                self.add(NOTES, joined_letters(field));
            }
            tag if tag.starts_with('5') => self.add(NOTES, joined_letters(field)),
            "765" | "767" | "770" | "772" | "773" | "775" | "776" | "777" | "780" | "785" | "787" => {
                self.add(NOTES, joined(field, "ast"));
            }
            _ => {}
        }
    }

    fn add(&mut self, list: usize, text: String) {
        if text.is_empty() || self.bytes + text.len() > MOST_TEXT || self.lists[list].len() >= MOST_VALUES {
            return;
        }
        if self.seen.insert((list, folded(&text))) {
            self.bytes += text.len();
            self.lists[list].push(text);
        }
    }
}

/// Returns the tag of the field that a field describes: for 880 the tag in its `$6`, such as `245-01/$1`.
fn described_tag(field: FieldRef<'_>) -> Tag {
    let tag = field.tag();
    if tag != *"880" {
        return tag;
    }
    field.subfield('6').and_then(|link| link.get(..3)).and_then(|tag| tag.parse().ok()).unwrap_or(tag)
}

fn joined(field: FieldRef<'_>, codes: &str) -> String {
    join(field, |code| codes.contains(code))
}

/// Joins the subfields with a letter other than `w` and `u`, which hold numbers and addresses.
fn joined_letters(field: FieldRef<'_>) -> String {
    join(field, |code| code.is_ascii_alphabetic() && !matches!(code, 'w' | 'u'))
}

fn join(field: FieldRef<'_>, wanted: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    for subfield in field.subfields().filter(|subfield| wanted(subfield.code)) {
        let value = subfield.value.trim();
        if value.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        // U+0098 and U+009C enclose an article that is ignored in sorting.
        text.extend(value.chars().filter(|c| !matches!(c, '\u{98}' | '\u{9C}')));
    }
    text
}

fn brief(record: &CompactRecord) -> Brief {
    Brief {
        title: record.title().unwrap_or_default(),
        original_title: original_title(record),
        author: record.author(),
        edition: record.subfield("250", 'a').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        publisher: publisher(record),
        year: year(record),
        languages: record.languages().into_iter().map(str::to_owned).collect(),
        ..Brief::default()
    }
}

/// Returns the title in the 880 field that is paired with 245.
fn original_title(record: &CompactRecord) -> Option<String> {
    record.original_scripts().find(|original| original.tag == *"245")?.field.title()
}

fn publisher(record: &CompactRecord) -> Option<String> {
    let name = record.subfield("264", 'b').or_else(|| record.subfield("260", 'b'))?;
    let name = name.trim().trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | ';')).to_owned();
    (!name.is_empty()).then_some(name)
}

/// Returns the year of publication: the first date of 008, or else the first year in the publication statement.
fn year(record: &CompactRecord) -> Option<u16> {
    let fixed = record.control("008").and_then(|data| data.get(7..11)).and_then(|text| text.parse().ok());
    fixed.filter(|year| is_year(*year)).or_else(|| {
        let statement = record.subfield("264", 'c').or_else(|| record.subfield("260", 'c'))?;
        let digits = statement.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 4)?;
        digits.parse().ok().filter(|year| is_year(*year))
    })
}

fn is_year(year: u16) -> bool {
    (1000..2100).contains(&year)
}

/// Adds the identifiers of a record. Cancelled ones find the title too, but aren't shown.
fn identifiers(record: &CompactRecord, document: &mut Document) {
    if document.identifiers.len() >= MOST_VALUES {
        return;
    }
    let mut add = |kind, value: String| {
        if !value.is_empty() {
            document.identifiers.insert(Identifier { kind, value });
        }
    };
    let of_record = record.identifiers();
    for isbn in &of_record.isbns {
        add(IdentifierKind::Isbn, isbn.isbn.as_str().to_owned());
    }
    for (issn, _) in &of_record.issns {
        add(IdentifierKind::Issn, number(&issn.to_string()));
    }
    for (lccn, _) in &of_record.lccns {
        add(IdentifierKind::Lccn, number(lccn.as_str()));
    }
    for (oclc, _) in &of_record.oclc_numbers {
        add(IdentifierKind::Oclc, oclc.to_string());
    }
    for (national, _) in &of_record.national_numbers {
        add(IdentifierKind::Other, number(national.number()));
    }
    for text in record.subfields("035", 'a').filter(|text| OclcNumber::find(text).is_none()) {
        add(IdentifierKind::Other, number(text));
    }
    for tag in ["024", "027", "028", "074", "086"] {
        record.subfields(tag, 'a').for_each(|text| add(IdentifierKind::Other, number(text)));
    }
    // Publishers print ISBNs as article numbers too, and catalogues take them over as such.
    for isbn in record.subfields("024", 'a').filter_map(Isbn::find) {
        add(IdentifierKind::Isbn, isbn.to_13().as_str().to_owned());
    }
    if let Some(text) = record.control_number() {
        add(IdentifierKind::Record, number(text));
    }
    let valid = of_record.isbns.iter().filter(|isbn| isbn.standing == Standing::Valid);
    show(valid.map(|isbn| isbn.isbn.as_str().to_owned()), &mut document.brief.isbns);
    let valid = of_record.issns.iter().filter(|(_, standing)| *standing == Standing::Valid);
    show(valid.map(|(issn, _)| issn.to_string()), &mut document.brief.issns);
}

/// Adds values to a list, each once.
fn show(values: impl Iterator<Item = String>, list: &mut Vec<String>) {
    for value in values {
        if !list.contains(&value) && list.len() < MOST_SHOWN {
            list.push(value);
        }
    }
}

/// Returns a number without blanks, hyphens and other marks, in lower case: the form in which numbers are compared.
pub(crate) fn number(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

/// Returns the forms under which an identifier may be stored.
pub(crate) fn normal_forms(text: &str) -> Vec<String> {
    let mut forms = vec![number(text)];
    forms.extend(Isbn::find(text).map(|isbn| isbn.to_13().as_str().to_owned()));
    forms.extend(Issn::find(text).map(|issn| number(&issn.to_string())));
    forms.extend(OclcNumber::find(text).map(|oclc| oclc.to_string()));
    forms.extend(Lccn::normalise(text).map(|lccn| number(lccn.as_str())));
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use marc::{CompactRecord, Format, Record};

    use super::{Document, Identifier, IdentifierKind, MOST_TEXT, Member};

    fn document(record: &Record) -> Document {
        let record = CompactRecord::from(record);
        let agencies = ["NORTH-MAIN".to_owned()];
        Document::of_group("g1", Format::Book, &[Member { record: &record, institution: "NORTH", agencies: &agencies }])
    }

    #[test]
    fn titles_are_those_of_all_title_fields_and_their_880_pairs() {
        let record = Record::builder()
            .data("245", '1', '0', [('6', "880-01"), ('a', "Hong lou meng /"), ('c', "Cao Xueqin.")])
            .data("246", '3', ' ', [('a', "Dream of the red chamber")])
            .data("880", '1', '0', [('6', "245-01/$1"), ('a', "紅樓夢 /"), ('c', "曹雪芹.")])
            .build();
        let document = document(&record);
        assert_eq!(document.titles, ["Hong lou meng", "Dream of the red chamber", "紅樓夢 /"]);
        assert_eq!(document.authors, ["Cao Xueqin.", "曹雪芹."]);
        assert_eq!(document.brief.original_title.as_deref(), Some("紅樓夢"));
    }

    #[test]
    fn identifiers_are_in_their_normal_forms() {
        let record = Record::builder()
            .control("001", "991234")
            .data("010", ' ', ' ', [('a', "   2001-000002 ")])
            .data("020", ' ', ' ', [('a', "0-201-61622-X (pbk.)")])
            .data("022", ' ', ' ', [('a', "0378-5955")])
            .data("035", ' ', ' ', [('a', "(OCoLC)ocm00012345")])
            .data("035", ' ', ' ', [('a', "(DE-599)BVB12")])
            .build();
        let of = |kind, value: &str| Identifier::new(kind, value);
        let identifiers: Vec<_> = document(&record).identifiers.into_iter().collect();
        assert_eq!(
            identifiers,
            [
                of(IdentifierKind::Isbn, "9780201616224"),
                of(IdentifierKind::Issn, "03785955"),
                of(IdentifierKind::Lccn, "2001000002"),
                of(IdentifierKind::Oclc, "12345"),
                of(IdentifierKind::Other, "de599bvb12"),
                of(IdentifierKind::Record, "991234"),
            ]
        );
    }

    #[test]
    fn year_is_that_of_008_or_of_the_publication_statement() {
        let of = |record: &Record| document(record).brief.year;
        assert_eq!(of(&Record::builder().control("008", "990802s1999    mau").build()), Some(1999));
        let statement =
            Record::builder().control("008", "990802s19uu    mau").data("264", ' ', '1', [('c', "[circa 1985]")]);
        assert_eq!(of(&statement.build()), Some(1985));
        assert_eq!(of(&Record::default()), None);
    }

    #[test]
    fn languages_are_each_listed_once() {
        let fixed = "990802s2000    mau      b    001 0 eng  ";
        let record = Record::builder().control("008", fixed).data(
            "041",
            '1',
            ' ',
            [('a', "engfre"), ('a', "ger"), ('h', "lat")],
        );
        assert_eq!(document(&record.build()).brief.languages, ["eng", "fre", "ger"]);
    }

    #[test]
    fn text_of_a_document_is_limited() {
        let long = "word ".repeat(60_000);
        let mut record = Record::builder().data("245", ' ', ' ', [('a', "Short")]);
        for _ in 0..3 {
            record = record.data("500", ' ', ' ', [('a', long.clone())]);
        }
        let document = document(&record.build());
        assert_eq!(document.titles, ["Short"]);
        assert!(document.notes.iter().map(String::len).sum::<usize>() <= MOST_TEXT);
    }

    #[test]
    fn holders_are_those_of_all_members() {
        let record = CompactRecord::default();
        let agencies = ["A".to_owned(), "B".to_owned()];
        let members = [
            Member { record: &record, institution: "NORTH", agencies: &agencies[..1] },
            Member { record: &record, institution: "SOUTH", agencies: &agencies },
        ];
        let brief = Document::of_group("g", Format::Book, &members).brief;
        assert_eq!(brief.institutions.into_iter().collect::<Vec<_>>(), ["NORTH", "SOUTH"]);
        assert_eq!(brief.agencies.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }
}
