//! The rule of docs/grouping.md, part by part.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test helpers stop at the first surprise")]

use std::collections::BTreeMap;

use grouping::{Keys, LARGEST_BLOCK, LARGEST_COMPONENT, Regrouping, Verdict, group, judge};
use marc::{CompactRecord, Record};

/// A record with what is usual for it, of which a test changes what matters.
#[derive(Clone)]
struct Book {
    leader: &'static str,
    fields: BTreeMap<&'static str, Vec<(char, String)>>,
}

fn book() -> Book {
    let usual = [
        ("100", vec![('a', "Mann, Thomas,")]),
        ("245", vec![('a', "The magic mountain :"), ('b', "a novel /"), ('c', "Thomas Mann.")]),
        ("260", vec![('b', "A.A. Knopf,"), ('c', "1927.")]),
        ("300", vec![('a', "vi, 716 p. ;"), ('c', "22 cm.")]),
    ];
    let mut book = Book { leader: "00000nam a2200000 a 4500", fields: BTreeMap::new() };
    for (tag, subfields) in usual {
        book = book.with(tag, &subfields);
    }
    book
}

impl Book {
    fn with(mut self, tag: &'static str, subfields: &[(char, &str)]) -> Self {
        self.fields.insert(tag, subfields.iter().map(|(code, value)| (*code, (*value).to_owned())).collect());
        self
    }

    fn without(mut self, tag: &str) -> Self {
        self.fields.remove(tag);
        self
    }

    fn isbn(self, isbn: &str) -> Self {
        self.with("020", &[('a', isbn)])
    }

    fn leader(mut self, leader: &'static str) -> Self {
        self.leader = leader;
        self
    }

    fn keys(&self) -> Keys {
        let mut record = Record::builder().leader(self.leader.parse().unwrap());
        for (tag, subfields) in &self.fields {
            record = record.data(tag, '1', '0', subfields.clone());
        }
        Keys::of(&CompactRecord::from(&record.build()))
    }
}

const ISBN: &str = "0141439580";
const OTHER_ISBN: &str = "020161622X";

fn is_same(a: &Book, b: &Book) -> bool {
    judge(&a.keys(), &b.keys()).is_same()
}

fn reasons(a: &Book, b: &Book) -> String {
    judge(&a.keys(), &b.keys()).to_string()
}

#[test]
fn description_that_agrees_is_enough_without_identifiers() {
    let other = book()
        .with("245", &[('a', "Magic mountain; a novel"), ('c', "[by] Thomas Mann.")])
        .with("260", &[('b', "Alfred A. Knopf,"), ('c', "c1927.")])
        .with("300", &[('a', "716 p."), ('c', "23 cm")]);
    assert!(is_same(&book(), &other), "{}", reasons(&book(), &other));
}

#[test]
fn small_difference_counts_where_no_identifier_vouches() {
    for other in [
        book().with("260", &[('b', "A.A. Knopf,"), ('c', "1928.")]),
        book().with("260", &[('b', "Martin Secker,"), ('c', "1927.")]),
        book().with("300", &[('a', "730 p. ;")]),
        book().with("250", &[('a', "2nd ed.")]),
        book().without("300"),
    ] {
        assert!(!is_same(&book(), &other), "{}", reasons(&book(), &other));
        let (one, two) = (book().isbn(ISBN), other.isbn(ISBN));
        assert!(is_same(&one, &two), "{}", reasons(&one, &two));
    }
}

#[test]
fn identifier_excuses_one_small_difference_and_not_two() {
    let other = book().with("260", &[('b', "Martin Secker,"), ('c', "1928.")]).isbn(ISBN);
    assert_eq!(judge(&book().isbn(ISBN).keys(), &other.keys()).verdict, Verdict::Unproven);
}

#[test]
fn contradictions_outweigh_a_shared_isbn() {
    for (other, reason) in [
        (book().leader("00000nim a2200000 a 4500"), "formats differ"),
        (book().with("245", &[('a', "The magic mountain"), ('h', "[electronic resource]")]), "formats differ"),
        (book().with("260", &[('b', "A.A. Knopf,"), ('c', "1952.")]), "dates differ"),
        (book().with("300", &[('a', "900 p.")]), "extents differ"),
        (book().with("300", &[('a', "2 v.")]), "volumes differ"),
        (book().with("245", &[('a', "Buddenbrooks :"), ('b', "decline of a family /")]), "titles differ"),
        (
            book()
                .with("100", &[('a', "Hesse, Hermann")])
                .with("245", &[('a', "The magic mountain :"), ('b', "a novel")]),
            "authors differ",
        ),
    ] {
        let found = reasons(&book().isbn(ISBN), &other.isbn(ISBN));
        assert!(found.starts_with("different publications: ") && found.contains(reason), "{reason}: {found}");
    }
}

#[test]
fn volumes_of_a_set_stay_apart() {
    let part = |number| book().with("245", &[('a', "Joseph and his brothers."), ('n', number)]).isbn(ISBN);
    assert!(is_same(&part("Vol. 2"), &part("II")));
    assert!(!is_same(&part("Vol. 1"), &part("Vol. 2")));
    let set = book().with("245", &[('a', "Joseph and his brothers.")]).with("300", &[('a', "4 v.")]).isbn(ISBN);
    assert!(!is_same(&part("Vol. 1"), &set));
}

#[test]
fn edition_numbers_in_two_languages_are_compared() {
    let edition = |text| book().with("250", &[('a', text)]).isbn(ISBN);
    assert!(is_same(&edition("2nd rev. ed."), &edition("2., überarb. Aufl.")));
    assert!(!is_same(&edition("2nd rev. ed."), &edition("3., überarb. Aufl.")));
}

#[test]
fn isbns_of_two_bindings_keep_descriptions_apart_but_not_an_oclc_number() {
    let (hardback, paperback) = (book().isbn(ISBN), book().isbn(OTHER_ISBN));
    assert!(!is_same(&hardback, &paperback));
    let oclc = [('a', "(OCoLC)ocm00012345")];
    assert!(is_same(&hardback.with("035", &oclc), &paperback.with("035", &oclc)));
}

#[test]
fn titles_agree_by_their_original_script() {
    let transcribed = |title, original| {
        book()
            .with("245", &[('6', "880-01"), ('a', title)])
            .with("880", &[('6', "245-01/$1"), ('a', original)])
            .isbn(ISBN)
    };
    let (one, two) = (transcribed("Sensō to heiwa", "戦争と平和"), transcribed("Sensoutoheiwa", "戦争と平和"));
    assert!(is_same(&one, &two), "{}", reasons(&one, &two));
}

#[test]
fn reasons_are_words_that_explain_shows() {
    let found = reasons(&book().isbn(ISBN), &book().isbn(ISBN));
    assert!(
        found.starts_with("one edition: same ISBN 9780141439587, formats agree, titles agree, authors agree"),
        "{found}"
    );
}

#[test]
fn record_between_two_contradicting_ones_joins_the_closer() {
    // The record in the middle has no date; the others have two.
    let middle = book().with("260", &[('b', "A.A. Knopf,")]).isbn(ISBN).with("035", &[('a', "(OCoLC)7")]);
    let first = book().isbn(ISBN);
    let second =
        book().with("260", &[('b', "A.A. Knopf,"), ('c', "1955.")]).isbn(ISBN).with("035", &[('a', "(OCoLC)7")]);
    assert!(is_same(&middle, &first) && is_same(&middle, &second));
    let records = BTreeMap::from([(1, first.keys()), (2, middle.keys()), (3, second.keys())]);
    assert_eq!(group(&records), [[1].into(), [2, 3].into()]);
}

#[test]
fn lookup_that_too_many_records_share_is_ignored() {
    let count = u32::try_from(LARGEST_BLOCK).unwrap();
    let records: BTreeMap<u32, Keys> = (0..count).map(|id| (id, book().keys())).collect();
    assert_eq!(group(&records).len(), 1);
    let records: BTreeMap<u32, Keys> = (0..=count).map(|id| (id, book().keys())).collect();
    assert_eq!(group(&records).len(), records.len());
}

#[test]
fn regrouping_of_too_many_records_is_cut_and_says_so() {
    let mut regrouping = Regrouping::default();
    for id in 0..=LARGEST_COMPONENT {
        regrouping.add(id, book().with("245", &[('a', &format!("Title {id}"))]).keys());
    }
    let regrouped = regrouping.finish();
    assert!(regrouped.is_cut);
    assert_eq!(regrouped.groups.len(), LARGEST_COMPONENT);
}
