//! docs/lessons.md names tests; they must be there.

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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/lessons.md")).unwrap();
    let mut all = String::new();
    sources(&root.join("crates"), &mut all);
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let named: BTreeSet<&str> = rows
        .flat_map(|row| row.rsplit_once(" | ").map_or("", |(_, tests)| tests).split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() > 60, "the table is read");
    let is_there = |name: &&str| all.contains(&format!("fn {name}(")) || all.contains(&format!("\n    {name}: "));
    let missing: Vec<_> = named.into_iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "docs/lessons.md names tests that are not there: {missing:?}");
}
