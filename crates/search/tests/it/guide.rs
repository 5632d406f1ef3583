//! The examples of docs/search.md.

use search::{cql, plain};

const GUIDE: &str = include_str!("../../../../docs/search.md");

#[test]
fn every_example_of_cql_in_the_guide_is_understood() {
    let (_, after) = GUIDE.split_once("```cql\n").unwrap();
    let (examples, _) = after.split_once("```").unwrap();
    assert!(examples.lines().count() >= 8);
    for example in examples.lines() {
        cql::parse(example).unwrap_or_else(|error| panic!("{example}: {error}"));
    }
}

#[test]
fn every_example_of_typed_text_in_the_guide_is_understood_as_written() {
    let (_, after) = GUIDE.split_once("| Text | Finds |\n|---|---|\n").unwrap();
    let rows = after.lines().take_while(|line| line.starts_with('|'));
    let examples: Vec<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    assert!(examples.len() >= 7);
    for example in examples {
        let query = plain::parse(example).unwrap_or_else(|error| panic!("{example}: {error}"));
        assert_eq!(plain::print(&query), wanted_first(example), "{example}");
    }
}

/// The query as it is printed: what is excluded comes last.
fn wanted_first(example: &str) -> String {
    let (excluded, wanted): (Vec<&str>, Vec<&str>) = example.split(' ').partition(|word| word.starts_with('-'));
    [wanted, excluded].concat().join(" ")
}
