//! The order of results by relevance.
//!
//! All results match the query anyway. They come in three tiers:
//!
//! 1. titles that consist of exactly the words of the query;
//! 2. titles in which all words are found that the query wants anywhere;
//! 3. all others. Words in titles weigh more than words in names, and these more than all others.
//!
//! Within a tier the order is by BM25. A later tier is searched only if the earlier ones don't fill the page. So a query of
//! frequent words reads the short lists of words in titles, and the long lists of all words are read for the count alone.

use std::collections::HashSet;

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query as Compiled, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, Searcher};

use super::compile::{self, sequence};
use super::{Search, facets};
use crate::analysis::{Choice, folded};
use crate::error::Error;
use crate::index::{Fields, Key};
use crate::query::{Clause, Field, Operator, Part, Query, Relation, parts, without_escapes};

const TITLE_WEIGHT: f32 = 2.0;
const AUTHOR_WEIGHT: f32 = 1.2;

/// Returns the page of a search in the order of relevance. `matching` is the query with its filters.
pub(super) fn page(
    fields: &Fields,
    searcher: &Searcher,
    matching: &dyn Compiled,
    search: &Search,
    limit: usize,
) -> Result<Vec<DocAddress>, Error> {
    let end = search.offset + limit;
    let mut seen = HashSet::new();
    let mut ordered = Vec::with_capacity(end);
    let tiers: [&dyn Fn() -> Option<Box<dyn Compiled>>; 3] =
        [&|| exact_titles(fields, matching, search), &|| in_titles(fields, search), &|| {
            Some(weighed(fields, matching, search))
        }];
    for tier in tiers {
        if ordered.len() >= end {
            break;
        }
        let Some(query) = tier() else { continue };
        // Those seen already may be among them, so as many as the page needs in all are fetched.
        let found = searcher.search(&*query, &TopDocs::with_limit(end).order_by_score())?;
        ordered.extend(found.into_iter().map(|(_, address)| address).filter(|address| seen.insert(*address)));
    }
    ordered.truncate(end);
    Ok(ordered.split_off(search.offset.min(ordered.len())))
}

/// Returns a query for the results whose whole title is what the query wants.
fn exact_titles(fields: &Fields, matching: &dyn Compiled, search: &Search) -> Option<Box<dyn Compiled>> {
    let wanted = search.query.as_ref()?.wanted();
    let titled = wanted.iter().filter(|clause| matches!(clause.field, Field::Any | Field::Title));
    let title = titled.map(|clause| without_escapes(&clause.term)).collect::<Vec<_>>().join(" ");
    let title = folded(&title);
    if title.is_empty() {
        return None;
    }
    let exact = TermQuery::new(fields.key_term(Key::Title, &title), IndexRecordOption::Basic);
    let exact = ConstScoreQuery::new(Box::new(exact), 0.0);
    Some(Box::new(BooleanQuery::intersection(vec![Box::new(exact), matching.box_clone()])))
}

/// Returns a query for the results that have in their titles what the query wants anywhere. All of them match the query too,
/// since the words of titles are among the words of all fields.
fn in_titles(fields: &Fields, search: &Search) -> Option<Box<dyn Compiled>> {
    let query = search.query.as_ref()?;
    if !query.wanted().into_iter().any(is_anywhere) {
        return None;
    }
    let titled = compile::query(fields, Some(&titled(query)));
    Some(facets::filtered(fields, titled, &search.filters))
}

/// Returns whether a clause wants words in any field.
fn is_anywhere(clause: &Clause) -> bool {
    clause.field == Field::Any && clause.relation != Relation::Whole
}

/// Returns the query with words in titles in the place of words anywhere. What it excludes stays excluded anywhere.
fn titled(query: &Query) -> Query {
    match query {
        Query::Clause(clause) if is_anywhere(clause) => Query::Clause(Clause { field: Field::Title, ..clause.clone() }),
        Query::Clause(clause) => Query::Clause(clause.clone()),
        Query::Joined(operator, left, right) => {
            let right = if *operator == Operator::Not { (**right).clone() } else { titled(right) };
            titled(left).joined(*operator, right)
        }
    }
}

/// Adds to a query what decides the order of its results.
fn weighed(fields: &Fields, matching: &dyn Compiled, search: &Search) -> Box<dyn Compiled> {
    let Some(query) = search.query.as_ref() else { return matching.box_clone() };
    if let Some(word) = single_word(query).filter(|_| search.filters.is_empty()) {
        // The words of titles and names are among all words, so this finds the same titles. Tantivy skips most of them in a
        // plain union of words.
        let fields = [(fields.any, 1.0), (fields.title, TITLE_WEIGHT), (fields.author, AUTHOR_WEIGHT)];
        let words = fields
            .map(|(field, weight)| -> Box<dyn Compiled> { Box::new(BoostQuery::new(sequence(field, &word), weight)) });
        return Box::new(BooleanQuery::union(words.into()));
    }
    let mut weighed = matching.box_clone();
    for clause in query.wanted().into_iter().filter(|clause| is_anywhere(clause)) {
        for (field, weight) in [(fields.title, TITLE_WEIGHT), (fields.author, AUTHOR_WEIGHT)] {
            for choice in words(clause) {
                let weight = BoostQuery::new(sequence(field, &choice), weight);
                // One at a time: in a union, each result would cost a window of 4,096 titles of every word.
                weighed = Box::new(BooleanQuery::new(vec![(Occur::Must, weighed), (Occur::Should, Box::new(weight))]));
            }
        }
    }
    weighed
}

/// Returns the word of a query that is one word in any field, and can't be an identifier.
fn single_word(query: &Query) -> Option<Choice> {
    let Query::Clause(clause) = query else { return None };
    let parts = parts(clause);
    let ([Part::Text(text, choices)], true) = (parts.as_slice(), is_anywhere(clause)) else { return None };
    let [choice] = choices.as_slice() else { return None };
    (choice.len() == 1 && !text.bytes().any(|byte| byte.is_ascii_digit())).then(|| choice.clone())
}

/// Returns the first way to find each text of a clause.
fn words(clause: &Clause) -> impl Iterator<Item = Choice> + use<> {
    parts(clause).into_iter().filter_map(|part| match part {
        Part::Text(_, choices) => choices.into_iter().next(),
        Part::Masked(_) => None,
    })
}
