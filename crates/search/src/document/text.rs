//! Makes a document from the records of a group.

use std::collections::{BTreeSet, HashSet};

use marc::{Field, Isbn, Record, Subfield};

use super::{Brief, Document, Identifier, IdentifierKind};
use crate::analysis::folded;

/// The largest amount of text of one document in bytes. What a group has beyond it is not searched.
pub const MOST_TEXT: usize = 256 * 1024;
/// The most values that one list of a document can have.
const MOST_VALUES: usize = 2000;

/// A record of a group with its holders.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The record.
    pub record: &'a Record,
    /// The code of the institution whose record this is.
    pub institution: &'a str,
    /// Codes of the agencies that hold copies by this record.
    pub agencies: &'a [String],
}

impl Document {
    /// Makes the document of a group. The first member is the display record; `format` is the word for the group's format.
    ///
    /// A group without members gives a document that only its id finds.
    #[must_use]
    pub fn of_group(id: &str, format: &str, members: &[Member<'_>]) -> Self {
        let mut document = Self { id: id.to_owned(), ..Self::default() };
        if let Some(display) = members.first() {
            document.record = display.record.clone();
            document.brief = brief(display.record);
        }
        document.brief.format = format.to_owned();
        let mut collected = Collected::default();
        let mut languages = document.brief.languages.iter().cloned().collect::<HashSet<_>>();
        for member in members {
            collected.record(member.record);
            identifiers(member.record, &mut document.identifiers);
            for language in languages_of(member.record) {
                if languages.insert(language.clone()) {
                    document.brief.languages.push(language);
                }
            }
            document.brief.institutions.insert(member.institution.to_owned());
            document.brief.agencies.extend(member.agencies.iter().cloned());
        }
        document.brief.languages.truncate(MOST_VALUES);
        document.brief.isbns = numbers(&document.identifiers, IdentifierKind::Isbn);
        document.brief.issns = numbers(&document.identifiers, IdentifierKind::Issn);
        for issn in &mut document.brief.issns {
            issn.insert(4, '-');
        }
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
    fn record(&mut self, record: &Record) {
        // The title proper comes first, whatever order the fields have.
        if let Some(title) = record.title() {
            self.add(TITLES, title);
        }
        for field in &record.fields {
            self.field(field);
        }
    }

    fn field(&mut self, field: &Field) {
        let fields = field.subfields();
        match described_tag(field) {
            "245" => {
                self.add(TITLES, joined(fields, "a"));
                self.add(TITLES, joined(fields, "abnpsfgk"));
                self.add(AUTHORS, joined(fields, "c"));
            }
            "130" | "240" | "730" => self.add(TITLES, joined(fields, "abnpsmorfk")),
            "210" | "222" | "242" | "243" | "246" | "247" | "740" => self.add(TITLES, joined(fields, "abnp")),
            "100" | "110" | "111" | "720" => self.add(AUTHORS, joined(fields, "abcdnq")),
            "700" | "710" | "711" => {
                self.add(AUTHORS, joined(fields, "abcdq"));
                if fields.iter().any(|subfield| subfield.code == 't') {
                    self.add(TITLES, joined(fields, "tnp"));
                }
            }
            "600" | "610" | "611" | "630" | "647" | "648" | "650" | "651" | "653" | "654" | "655" | "656" | "657" => {
                self.add(SUBJECTS, joined_letters(fields));
            }
            "260" | "264" => self.add(PUBLISHERS, joined(fields, "ab")),
            "440" | "490" | "800" | "810" | "811" | "830" => self.add(SERIES, joined(fields, "abcdnptv")),
            "250" => self.add(NOTES, joined(fields, "ab")),
            "505" => {
                self.add(NOTES, joined_letters(fields));
            }
            tag if tag.starts_with('5') => self.add(NOTES, joined_letters(fields)),
            "765" | "767" | "770" | "772" | "773" | "775" | "776" | "777" | "780" | "785" | "787" => {
                self.add(NOTES, joined(fields, "ast"));
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
fn described_tag(field: &Field) -> &str {
    // A borrowed tag lives as long as its field.
    let tag = match field {
        Field::Control { tag, .. } | Field::Data { tag, .. } => tag.as_str(),
    };
    if tag != "880" {
        return tag;
    }
    field.subfield('6').and_then(|link| link.get(..3)).filter(|tag| *tag != "880").unwrap_or(tag)
}

fn joined(subfields: &[Subfield], codes: &str) -> String {
    join(subfields, |code| codes.contains(code))
}

/// Joins the subfields with a letter other than `w` and `u`, which hold numbers and addresses.
fn joined_letters(subfields: &[Subfield]) -> String {
    join(subfields, |code| code.is_ascii_alphabetic() && !matches!(code, 'w' | 'u'))
}

fn join(subfields: &[Subfield], wanted: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    for subfield in subfields.iter().filter(|subfield| wanted(subfield.code)) {
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

fn brief(record: &Record) -> Brief {
    Brief {
        title: record.title().unwrap_or_default(),
        original_title: original_title(record),
        author: record.author(),
        edition: record.subfield("250", 'a').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        publisher: publisher(record),
        year: year(record),
        languages: languages_of(record),
        ..Brief::default()
    }
}

/// Returns the title in the 880 field that is paired with 245.
fn original_title(record: &Record) -> Option<String> {
    let field = record.fields_tagged("880").find(|field| described_tag(field) == "245")?;
    let tag = "245".parse().ok()?;
    let subfields = field.subfields().to_vec();
    let paired = Record::builder().field(Field::Data { tag, ind1: ' ', ind2: ' ', subfields });
    paired.build().title()
}

fn publisher(record: &Record) -> Option<String> {
    let name = record.subfield("264", 'b').or_else(|| record.subfield("260", 'b'))?;
    let name = name.trim().trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | ';')).to_owned();
    (!name.is_empty()).then_some(name)
}

/// Returns the year of publication: the first date of 008, or else the first year in the publication statement.
fn year(record: &Record) -> Option<u16> {
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

/// Returns the languages of the text: 008 and 041 `a` and `d`, where older records have several codes without a blank.
fn languages_of(record: &Record) -> Vec<String> {
    let fixed = record.control("008").and_then(|data| data.get(35..38)).into_iter();
    let coded = record
        .fields_tagged("041")
        .flat_map(Field::subfields)
        .filter(|subfield| matches!(subfield.code, 'a' | 'd'))
        .map(|subfield| subfield.value.trim())
        .filter(|codes| codes.len().is_multiple_of(3) && codes.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .flat_map(|codes| (0..codes.len() / 3).filter_map(move |number| codes.get(number * 3..number * 3 + 3)));
    let mut languages = Vec::new();
    for code in fixed.chain(coded).map(str::to_ascii_lowercase) {
        let known =
            code.bytes().all(|byte| byte.is_ascii_lowercase()) && !matches!(code.as_str(), "und" | "zxx" | "mul");
        if known && !languages.contains(&code) && languages.len() < MOST_VALUES {
            languages.push(code);
        }
    }
    languages
}

fn numbers(identifiers: &BTreeSet<Identifier>, kind: IdentifierKind) -> Vec<String> {
    identifiers.iter().filter(|identifier| identifier.kind == kind).map(|identifier| identifier.value.clone()).collect()
}

fn identifiers(record: &Record, found: &mut BTreeSet<Identifier>) {
    if found.len() >= MOST_VALUES {
        return;
    }
    let isbns = record.isbns();
    found.extend(isbns.iter().map(|isbn| Identifier::new(IdentifierKind::Isbn, isbn.to_13().as_str())));
    // An ISBN in 024 with first indicator 3 is an article number of the book trade.
    let trade = record.subfields("024", 'a').filter_map(Isbn::find);
    found.extend(trade.map(|isbn| Identifier::new(IdentifierKind::Isbn, isbn.to_13().as_str())));
    found.extend(
        record.subfields("022", 'a').filter_map(issn).map(|value| Identifier::new(IdentifierKind::Issn, value)),
    );
    found.extend(record.subfields("010", 'a').map(number).map(|value| Identifier::new(IdentifierKind::Lccn, value)));
    for text in record.subfields("035", 'a') {
        found.insert(match oclc(text) {
            Some(value) => Identifier::new(IdentifierKind::Oclc, value),
            None => Identifier::new(IdentifierKind::Other, number(text)),
        });
    }
    for tag in ["015", "016", "024", "027", "028", "074", "086"] {
        found.extend(record.subfields(tag, 'a').map(number).map(|value| Identifier::new(IdentifierKind::Other, value)));
    }
    found.extend(record.control_number().map(|text| Identifier::new(IdentifierKind::Record, number(text))));
    found.retain(|identifier| !identifier.value.is_empty());
}

/// Returns a number without blanks, hyphens and other marks, in lower case: the form in which numbers are compared.
pub(crate) fn number(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

/// Returns the eight characters of an ISSN with a correct check digit.
pub(crate) fn issn(text: &str) -> Option<String> {
    let number: String =
        text.trim().chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let (body, check) = number.split_at_checked(7)?;
    let digits = body.chars().map(|c| c.to_digit(10)).collect::<Option<Vec<_>>>()?;
    let sum: u32 = digits.iter().zip((2..=8).rev()).map(|(digit, weight)| digit * weight).sum();
    let expected = match (11 - sum % 11) % 11 {
        10 => "X".to_owned(),
        digit => digit.to_string(),
    };
    (check == expected).then_some(number)
}

/// Returns the number after one of the prefixes with which records name OCLC, without leading zeros.
pub(crate) fn oclc(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text
        .strip_prefix("(OCoLC)")
        .or_else(|| text.strip_prefix("ocn"))
        .or_else(|| text.strip_prefix("ocm"))
        .or_else(|| text.strip_prefix("on"))?;
    let digits = rest.trim().trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim();
    let digits = digits.trim_start_matches('0');
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Document, Identifier, IdentifierKind, MOST_TEXT, Member, Record, issn};

    fn document(record: &Record) -> Document {
        Document::of_group(
            "g1",
            "book",
            &[Member { record, institution: "NORTH", agencies: &["NORTH-MAIN".to_owned()] }],
        )
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
        let record = Record::default();
        let agencies = ["A".to_owned(), "B".to_owned()];
        let members = [
            Member { record: &record, institution: "NORTH", agencies: &agencies[..1] },
            Member { record: &record, institution: "SOUTH", agencies: &agencies },
        ];
        let brief = Document::of_group("g", "book", &members).brief;
        assert_eq!(brief.institutions.into_iter().collect::<Vec<_>>(), ["NORTH", "SOUTH"]);
        assert_eq!(brief.agencies.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn issn_with_a_wrong_check_digit_is_none() {
        assert_eq!(issn("0378-5955").as_deref(), Some("03785955"));
        assert_eq!(issn("0378-5954"), None);
        assert_eq!(issn("0317847x").as_deref(), None);
        assert_eq!(issn("short"), None);
    }
}
