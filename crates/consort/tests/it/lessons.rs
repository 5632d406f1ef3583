//! Checks that the tests which docs/lessons.md and docs/reliability.md name exist.

use std::collections::BTreeSet;
use std::path::Path;

fn sources(dir: &Path, into: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn lessons_name_tests_that_exist() {
    check("docs/lessons.md", 60);
}

#[test]
fn matrix_of_failures_names_tests_that_exist() {
    check("docs/reliability.md", 40);
}

fn check(page: &str, least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(page)).unwrap();
    let mut all = String::new();
    sources(&root.join("crates"), &mut all);
    sources(&root.join("bench/src"), &mut all);
    let rows = text.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let named: BTreeSet<&str> = rows
        .flat_map(|row| row.rsplit_once(" | ").map_or("", |(_, tests)| tests).split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() > least, "the table is read");
    let is_there = |name: &&str| match name.strip_prefix("bench ") {
        Some(bench) => all.contains(&format!("name: \"{bench}\"")),
        // Scenarios are named with hyphens, tests with underscores.
        None if name.contains('-') => all.contains(&format!("\"{name}\"")),
        None => all.contains(&format!("fn {name}(")) || all.contains(&format!("\n    {name}: ")),
    };
    let missing: Vec<_> = named.into_iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{page} names tests that are not there: {missing:?}");
}
