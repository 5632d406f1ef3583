//! Measures grouping on labelled pairs: `cargo run --release -p grouping --example measure -- PATH [--list tuning|test]`.

#![allow(clippy::print_stdout, reason = "a measurement prints its figures")]

mod labelled;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

use grouping::judge;
use labelled::{Counts, Labelled, Pair, is_test};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = arguments.first() else {
        eprintln!("error: name the directory with pairs.tsv and records/");
        return ExitCode::from(2);
    };
    let labelled = match Labelled::read(Path::new(path)) {
        Ok(labelled) => labelled,
        Err(reason) => {
            eprintln!("error: {reason}");
            return ExitCode::from(2);
        }
    };
    let groups = labelled.groups();
    println!("{} records in {} groups", labelled.records.len(), groups.values().max().map_or(0, |last| last + 1));
    let part = |test: bool| labelled.pairs.iter().filter(move |pair| is_test(pair) == test);
    report("tuning part", part(false), &groups);
    if arguments.iter().any(|argument| argument == "--test") {
        report("test part", part(true), &groups);
        report("all pairs", labelled.pairs.iter(), &groups);
    }
    if arguments.iter().any(|argument| argument == "--groups") {
        print_groups(&labelled, &groups);
    }
    let listed = arguments.iter().position(|argument| argument == "--list").and_then(|at| arguments.get(at + 1));
    if let Some(listed) = listed {
        list(&labelled, part(listed == "test"), &groups);
    }
    ExitCode::SUCCESS
}

fn report<'a>(name: &str, pairs: impl Iterator<Item = &'a Pair>, groups: &HashMap<String, usize>) {
    let mut counts = Counts::default();
    for pair in pairs {
        counts.add(pair, together(pair, groups));
    }
    let ((precision, recall), (all_precision, all_recall)) = (counts.hard(), counts.all());
    println!("\n{name}");
    println!(
        "  without copies: precision {precision:.3}, recall {recall:.3} ({} of {})",
        counts.hard_found, counts.hard_positives
    );
    println!(
        "  with copies:    precision {all_precision:.3}, recall {all_recall:.3} ({} of {})",
        counts.found, counts.positives
    );
    for (label, (all, wrong)) in &counts.negatives {
        println!("  wrongly grouped {label}: {wrong} of {all}");
    }
}

fn together(pair: &Pair, groups: &HashMap<String, usize>) -> bool {
    groups.get(&pair.a).is_some_and(|group| groups.get(&pair.b) == Some(group))
}

/// Prints the groups of more than one record.
fn print_groups(labelled: &Labelled, groups: &HashMap<String, usize>) {
    let mut members: Vec<(usize, &str, &grouping::Keys)> =
        labelled.records.iter().filter_map(|(id, keys)| Some((*groups.get(id)?, id.as_str(), keys))).collect();
    members.sort_by_key(|(group, id, _)| (*group, *id));
    for group in members.chunk_by(|one, two| one.0 == two.0).filter(|group| group.len() > 1) {
        println!();
        for (_, id, keys) in group {
            let described = &keys.described;
            println!(
                "{id} | {} | {} | {} | {:?} | {:?} | {:?}",
                keys.format,
                described.title.whole(),
                described.author.main,
                described.publisher,
                described.dates.year(),
                described.extent
            );
        }
    }
}

/// Prints each pair that is judged otherwise than its label.
fn list<'a>(labelled: &Labelled, pairs: impl Iterator<Item = &'a Pair>, groups: &HashMap<String, usize>) {
    let keys: HashMap<&str, &grouping::Keys> = labelled.records.iter().map(|(id, keys)| (id.as_str(), keys)).collect();
    for pair in pairs {
        let grouped = together(pair, groups);
        if pair.label == "unsure" || grouped == (pair.label == "same_edition") {
            continue;
        }
        println!("\n{} {} {}: {}", pair.a, pair.b, pair.label, pair.reason);
        if let (Some(a), Some(b)) = (keys.get(pair.a.as_str()), keys.get(pair.b.as_str())) {
            println!("  grouped: {grouped}; {}", judge(a, b));
            println!("  {a:?}\n  {b:?}");
        }
    }
}
