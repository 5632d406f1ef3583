//! Consort's side: the index, searched by a process of its own.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use search::{Index, Search, plain};
use serde_json::{Value, json};

use super::figures::{Answers, size_of};
use super::records::Made;
use super::{AS_SEARCHER, PAGE, ROUNDS};
use crate::memory;

/// The file that asks the searcher for facets.
const WITH_FACETS: &str = "with-facets";

/// Searches with all queries.
pub(super) fn measure(made: &Made, facets: bool) -> Result<Answers, String> {
    if facets {
        std::fs::write(made.directory.join(WITH_FACETS), "").map_err(|error| error.to_string())?;
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program).arg(AS_SEARCHER).arg(&made.directory).output();
    let output = output.map_err(|error| format!("the searcher can't be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("the searcher failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let value: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
    Ok(Answers {
        counts: list("counts").iter().filter_map(Value::as_u64).collect(),
        millis: list("millis").iter().filter_map(Value::as_f64).collect(),
        bytes: size_of(&made.index())?,
        memory_mb: value["memory_mb"].as_u64().unwrap_or_default(),
    })
}

/// Answers the queries in a directory from the index there.
pub(super) fn search_all(directory: &Path) -> Result<Value, String> {
    let index = Index::open(&directory.join("index")).map_err(|error| error.to_string())?;
    let queries = std::fs::read_to_string(directory.join("queries")).map_err(|error| error.to_string())?;
    let facets = directory.join(WITH_FACETS).exists();
    let mut answers = one_round(&index, &queries, facets)?;
    for _ in 1..ROUNDS {
        answers.shorten(&one_round(&index, &queries, facets)?);
    }
    Ok(json!({"counts": answers.counts, "millis": answers.millis, "memory_mb": memory::of_this_process()}))
}

fn one_round(index: &Index, queries: &str, facets: bool) -> Result<Answers, String> {
    let mut answers = Answers::default();
    for text in queries.lines() {
        let begun = Instant::now();
        let query = plain::parse(text).map_err(|error| error.to_string())?;
        let search = Search { query: Some(query), limit: PAGE, facets, ..Search::default() };
        let answer = index.search(&search).map_err(|error| error.to_string())?;
        answers.millis.push(begun.elapsed().as_secs_f64() * 1e3);
        let page = answer.total.min(PAGE as u64);
        if answer.hits.len() as u64 != page {
            return Err(format!("{text:?}: {} results on the first page of {}", answer.hits.len(), answer.total));
        }
        answers.counts.push(answer.total);
    }
    Ok(answers)
}
