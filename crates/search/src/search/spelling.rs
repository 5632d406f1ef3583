//! Words of the index that are similar to a misspelt one, or that complete one.

use std::collections::BTreeMap;

use tantivy::collector::Count;
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::Field as IndexField;
use tantivy::{Searcher, Term};

use super::Completion;
use super::compile;
use crate::analysis::choices;
use crate::error::Error;
use crate::index::Fields;
use crate::query::{Clause, Query, plain, without_escapes};

/// The fewest letters of a word that is corrected.
const SHORTEST_CORRECTED: usize = 4;
/// From this number of letters on, two mistakes are corrected.
const LONG_WORD: usize = 8;
/// The fewest letters that are completed.
const SHORTEST_COMPLETED: usize = 2;
/// The most words of the index that one completion goes through.
const MOST_WORDS: usize = 20_000;

/// Returns the query with each unknown word replaced by the most frequent similar one, if that finds anything.
pub(super) fn corrected(fields: &Fields, searcher: &Searcher, query: &Query) -> Result<Option<Query>, Error> {
    let mut replacements: BTreeMap<String, String> = BTreeMap::new();
    for clause in query.wanted().into_iter().filter(|clause| clause.field.has_words()) {
        for word in without_escapes(&clause.term).split_whitespace() {
            if let Some(similar) = similar_word(fields, searcher, word)? {
                replacements.insert(word.to_owned(), similar);
            }
        }
    }
    if replacements.is_empty() {
        return Ok(None);
    }
    let replaced = query.with_terms(&|clause: &Clause| {
        if !clause.field.has_words() {
            return clause.term.clone();
        }
        let words = clause.term.split_whitespace().map(|word| replacements.get(word).map_or(word, String::as_str));
        words.collect::<Vec<_>>().join(" ")
    });
    let found = searcher.search(&compile::query(fields, Some(&replaced)), &Count)?;
    Ok((found > 0 && replaced != *query).then_some(replaced))
}

/// Returns the most frequent word at the smallest distance from a word that the index doesn't have.
fn similar_word(fields: &Fields, searcher: &Searcher, word: &str) -> Result<Option<String>, Error> {
    let choices = choices(word);
    let [(_, folded)] = choices.first().map(Vec::as_slice).unwrap_or_default() else { return Ok(None) };
    let letters = folded.chars().count();
    let number = folded.bytes().any(|byte| byte.is_ascii_digit());
    let known = choices.iter().flatten().map(|(_, word)| searcher.doc_freq(&Term::from_field_text(fields.any, word)));
    let known = known.collect::<Result<Vec<_>, _>>()?.into_iter().any(|titles| titles > 0);
    if known || number || letters < SHORTEST_CORRECTED {
        return Ok(None);
    }
    let term = Term::from_field_text(fields.any, folded);
    for distance in 1..=if letters >= LONG_WORD { 2 } else { 1 } {
        let automaton = FuzzyTermQuery::new(term.clone(), distance, true).automaton()?;
        let mut similar: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for segment in searcher.segment_readers() {
            let inverted = segment.inverted_index(fields.any)?;
            let mut stream = inverted.terms().search(&automaton).into_stream().map_err(tantivy::TantivyError::from)?;
            while let Some((word, info)) = stream.next() {
                *similar.entry(word.to_vec()).or_default() += u64::from(info.doc_freq);
            }
        }
        // The same first letter wins over the frequency: people rarely miss that one.
        let first = folded.as_bytes().first();
        let best = similar.into_iter().max_by_key(|(word, titles)| (word.first() == first, *titles));
        if let Some((word, _)) = best {
            return Ok(String::from_utf8(word).ok());
        }
    }
    Ok(None)
}

/// Returns completions of the last word of a text, the most frequent first. With words before it, a completion has to occur
/// together with them.
pub(super) fn completions(
    fields: &Fields,
    searcher: &Searcher,
    text: &str,
    limit: usize,
) -> Result<Vec<Completion>, Error> {
    let (before, last) = text.rsplit_once(char::is_whitespace).unwrap_or(("", text));
    let choices = choices(last);
    let [(_, folded)] = choices.first().map(Vec::as_slice).unwrap_or_default() else { return Ok(Vec::new()) };
    if folded.chars().count() < SHORTEST_COMPLETED || limit == 0 {
        return Ok(Vec::new());
    }
    let mut words: BTreeMap<String, u64> = BTreeMap::new();
    for field in [fields.title, fields.author, fields.subject] {
        for (word, titles) in words_with_prefix(searcher, field, folded)? {
            let most = words.entry(word).or_default();
            *most = titles.max(*most);
        }
    }
    let mut words: Vec<_> = words.into_iter().collect();
    words.sort_by_key(|(_, titles)| std::cmp::Reverse(*titles));
    let context = plain::parse(before).ok();
    let mut completions = Vec::new();
    for (word, titles) in words.into_iter().take(if context.is_some() { limit * 4 } else { limit }) {
        let completed = if before.is_empty() { word.clone() } else { format!("{} {word}", before.trim()) };
        let titles = match &context {
            None => titles,
            Some(_) => match plain::parse(&completed) {
                Ok(query) => searcher.search(&compile::query(fields, Some(&query)), &Count)? as u64,
                Err(_) => 0,
            },
        };
        if titles > 0 {
            completions.push(Completion { text: completed, titles });
        }
    }
    completions.sort_by_key(|completion| std::cmp::Reverse(completion.titles));
    completions.truncate(limit);
    Ok(completions)
}

fn words_with_prefix(searcher: &Searcher, field: IndexField, prefix: &str) -> Result<BTreeMap<String, u64>, Error> {
    let mut words: BTreeMap<String, u64> = BTreeMap::new();
    for segment in searcher.segment_readers() {
        let inverted = segment.inverted_index(field)?;
        let mut stream = inverted.terms().range().ge(prefix).into_stream().map_err(tantivy::TantivyError::from)?;
        let mut seen = 0;
        while let Some((word, info)) = stream.next() {
            seen += 1;
            if !word.starts_with(prefix.as_bytes()) || seen > MOST_WORDS {
                break;
            }
            if let Ok(word) = std::str::from_utf8(word) {
                *words.entry(word.to_owned()).or_default() += u64::from(info.doc_freq);
            }
        }
    }
    Ok(words)
}
