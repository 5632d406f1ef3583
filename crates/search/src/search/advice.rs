//! Why a search found nothing, and what would find more.

use serde::Serialize;
use tantivy::Searcher;

use super::Filters;
use super::spelling;
use crate::error::Error;
use crate::index::Generation;
use crate::query::{Query, plain, without_escapes};

/// The most conditions that are counted one by one.
const MOST_COUNTED: usize = 16;

/// An explanation for a search without results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The conditions of the query, each with the number of titles that meet it alone.
    pub conditions: Vec<Condition>,
    /// The number of titles without the filters, if filters are set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_filters: Option<u64>,
    /// The query with misspelt words corrected, as it is typed into a search box.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
    /// What that means, in a sentence or two.
    pub explanation: String,
}

/// One condition of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The condition, as it is typed into a search box.
    pub text: String,
    /// The number of titles that meet it.
    pub titles: u64,
}

/// Explains a search that found nothing.
pub(super) fn advice(
    generation: &Generation,
    searcher: &Searcher,
    query: &Query,
    filters: &Filters,
) -> Result<Advice, Error> {
    let without_filters =
        if filters.is_empty() { None } else { Some(generation.count(searcher, Some(query), &Filters::default())?) };
    let mut conditions = Vec::new();
    for clause in query.wanted().into_iter().take(MOST_COUNTED) {
        let query = Query::Clause(clause.clone());
        conditions.push(Condition {
            text: without_escapes(&plain::print(&query)),
            titles: generation.count(searcher, Some(&query), &Filters::default())?,
        });
    }
    let corrected = spelling::corrected(&generation.fields, searcher, query)?;
    let did_you_mean = corrected.map(|query| plain::print(&query));
    let explanation = explanation(generation.searcher().num_docs(), &conditions, without_filters);
    Ok(Advice { conditions, without_filters, did_you_mean, explanation })
}

fn explanation(titles: u64, conditions: &[Condition], without_filters: Option<u64>) -> String {
    if titles == 0 {
        return "The catalogue is empty: no record has been harvested yet.".to_owned();
    }
    if let Some(found) = without_filters.filter(|found| *found > 0) {
        return format!("Without the filters, {} found.", titles_are(found));
    }
    let missing: Vec<&str> =
        conditions.iter().filter(|condition| condition.titles == 0).map(|condition| condition.text.as_str()).collect();
    match (missing.as_slice(), conditions) {
        ([], [_]) => "No title is left after the excluded words: leave them out.".to_owned(),
        ([], _) => "Each condition is met by some titles, but no title meets all of them: leave one out.".to_owned(),
        ([missing], [_]) => format!("No title has {missing}: check the spelling, or use a more general word."),
        (missing, _) => format!("No title has {}: check the spelling, or leave it out.", missing.join(" or ")),
    }
}

fn titles_are(number: u64) -> String {
    if number == 1 { "1 title is".to_owned() } else { format!("{number} titles are") }
}
