//! Tests of reading and writing CQL.

use proptest::prelude::*;

use super::super::{Clause, Field, Operator, Problem, Query, Relation, Sort};
use super::{parse, print};

fn understood(text: &str) -> String {
    let parsed = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    print(&parsed.query, parsed.sort)
}

fn refused(text: &str) -> (usize, Problem) {
    let error = parse(text).expect_err(text);
    (error.position, error.problem)
}

#[test]
fn term_alone_is_searched_anywhere() {
    assert_eq!(parse("fish").unwrap().query, Query::clause(Field::Any, Relation::Phrase, "fish"));
    assert_eq!(understood("\"old man\""), "\"old man\"");
}

#[test]
fn index_names_of_all_context_sets_are_known() {
    assert_eq!(understood("dc.title = fish"), "title = fish");
    assert_eq!(understood("DC.Creator=austen"), "author = austen");
    assert_eq!(understood("bath.isbn = 9780201616224"), "isbn = 9780201616224");
    assert_eq!(understood("rec.identifier == abc"), "id == abc");
    assert_eq!(understood("cql.serverChoice all \"a b\""), "anywhere all \"a b\"");
    assert_eq!(understood("cql.allRecords = 1"), "allRecords = 1");
}

#[test]
fn relations_in_words_and_signs_are_known() {
    assert_eq!(understood("title exact \"war and peace\""), "title == \"war and peace\"");
    assert_eq!(understood("title adj \"war and\""), "title = \"war and\"");
    assert_eq!(understood("title any \"war peace\""), "title any \"war peace\"");
    assert_eq!(understood("date>=1990 and date < 2000"), "date >= 1990 and date < 2000");
    assert_eq!(understood("date within \"1990 2000\""), "date within \"1990 2000\"");
    assert_eq!(understood("title =/relevant/cql.ignoreCase fish"), "title = fish");
}

#[test]
fn operators_have_equal_rank_from_left_to_right() {
    assert_eq!(understood("a1 or b2 AND c3"), "(a1 or b2) and c3");
    assert_eq!(understood("a1 and (b2 or c3) not d4"), "(a1 and (b2 or c3)) not d4");
    assert_eq!(understood("a1 and b2 and c3"), "a1 and b2 and c3");
}

#[test]
fn sortby_gives_the_order() {
    assert_eq!(parse("fish sortby dc.date/sort.descending").unwrap().sort, Sort::Newest);
    assert_eq!(parse("fish sortBy title").unwrap().sort, Sort::Title);
    assert_eq!(refused("fish sortby publisher"), (13, Problem::UnknownSort("publisher".to_owned())));
}

#[test]
fn errors_name_the_place_and_the_remedy() {
    assert_eq!(refused(""), (1, Problem::Empty));
    assert_eq!(
        refused("fish and"),
        (9, Problem::Expected { expected: "a word or an index", advice: "write what is searched for" })
    );
    assert_eq!(refused("title = \"fish"), (9, Problem::OpenQuote));
    assert_eq!(refused("colour = red"), (1, Problem::UnknownIndex("colour".to_owned())));
    assert_eq!(refused("ma.title = red"), (1, Problem::UnknownContextSet("ma".to_owned())));
    assert_eq!(refused("title <> red"), (7, Problem::UnknownRelation("<>".to_owned())));
    assert_eq!(refused("date = soon"), (8, Problem::NoYear("soon".to_owned())));
    assert_eq!(refused("title < m"), (9, Problem::NoOrder));
    assert_eq!(refused("a1 and *x"), (8, Problem::MaskTooEarly));
    assert_eq!(refused("\"old ma*\""), (1, Problem::MaskInPhrase));
    assert_eq!(refused("title = ^war"), (9, Problem::Anchor));
    assert_eq!(refused("title = \"...\""), (9, Problem::NoWord));
    assert_eq!(refused("a1 prox b2"), (4, Problem::Proximity));
    assert!(parse("äö and").unwrap_err().to_string().starts_with("at character 7: "));
    for text in ["old man", "(fish", "fish)", "title =", "= fish", "title fancy fish", "fish sortby"] {
        assert!(matches!(parse(text).unwrap_err().problem, Problem::Expected { .. }), "{text}");
    }
}

#[test]
fn deep_and_long_queries_are_refused() {
    let deep = format!("{}fish{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(refused(&deep).1, Problem::TooDeep);
    assert_eq!(refused(&vec!["ab"; 70].join(" or ")).1, Problem::TooManyClauses);
    assert_eq!(refused(&"a".repeat(5000)).1, Problem::TooLong);
    assert_eq!(refused(&format!("title all \"{}\"", "ab ".repeat(80))).1, Problem::TooManyWords);
}

fn clauses() -> impl Strategy<Value = Query> {
    let word = "[a-zA-Z0-9äß書]{2,8}";
    let masked = "[a-z]{2,4}[*?][a-z*]{0,3}";
    let text = prop_oneof![word.prop_map(|word| word), "[a-z ()=<>/\"é]{0,6}[a-z][a-z ()\"/]{0,6}"];
    let worded = prop_oneof![
        Just(Field::Any),
        Just(Field::Title),
        Just(Field::Author),
        Just(Field::Subject),
        Just(Field::Publisher),
        Just(Field::Series),
        Just(Field::Note)
    ];
    let keyed = prop_oneof![Just(Field::Isbn), Just(Field::Id), Just(Field::Language), Just(Field::Agency)];
    let relation = prop_oneof![Just(Relation::Phrase), Just(Relation::All), Just(Relation::Any), Just(Relation::Whole)];
    let order = prop_oneof![Just(Relation::Less), Just(Relation::GreaterOrEqual), Just(Relation::Phrase)];
    prop_oneof![
        (worded.clone(), relation.clone(), text)
            .prop_map(|(field, relation, term)| Query::clause(field, relation, term)),
        (worded, masked).prop_map(|(field, term)| Query::clause(field, Relation::All, term)),
        (keyed, relation, word).prop_map(|(field, relation, term)| Query::clause(field, relation, term)),
        (order, 1000..2100_u16).prop_map(|(relation, year)| Query::clause(Field::Year, relation, year.to_string())),
    ]
}

fn queries() -> impl Strategy<Value = Query> {
    clauses().prop_recursive(5, 24, 2, |inner| {
        let operator = prop_oneof![Just(Operator::And), Just(Operator::Or), Just(Operator::Not)];
        (operator, inner.clone(), inner).prop_map(|(operator, left, right)| left.joined(operator, right))
    })
}

fn sorts() -> impl Strategy<Value = Sort> {
    prop_oneof![
        Just(Sort::Relevance),
        Just(Sort::Newest),
        Just(Sort::Oldest),
        Just(Sort::Title),
        Just(Sort::TitleDescending)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn printed_query_reads_the_same(query in queries(), sort in sorts()) {
        let text = print(&query, sort);
        let parsed = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(parsed.query, query);
        prop_assert_eq!(parsed.sort, sort);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        if let Ok(parsed) = parse(&text) {
            prop_assert_eq!(parse(&print(&parsed.query, parsed.sort)).unwrap(), parsed);
        }
    }

    #[test]
    fn text_of_cql_signs_is_read_or_refused(text in "([a-z]{1,3}|[()=<>/\"\\\\*? ]|and|or|not|title|any|all|sortby){0,14}") {
        if let Ok(parsed) = parse(&text) {
            prop_assert_eq!(parse(&print(&parsed.query, parsed.sort)).unwrap(), parsed, "{}", text);
        }
    }
}

#[test]
fn term_that_ends_in_a_backslash_is_closed() {
    let query = Query::Clause(Clause { field: Field::Any, relation: Relation::All, term: "a b\\".to_owned() });
    assert!(parse(&print(&query, Sort::Relevance)).is_ok());
}
