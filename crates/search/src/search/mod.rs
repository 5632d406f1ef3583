//! A search: from a query to a page of titles with counts, facets and advice.

mod advice;
mod compile;
mod facets;
mod rank;
mod spelling;

use serde::Serialize;
use tantivy::collector::{Collector, Count, TopDocs};
use tantivy::{DocAddress, Order, Searcher};

pub use advice::Advice;
pub use facets::{FacetValue, Facets, Filters};

use crate::error::Error;
use crate::index::{Fields, Found, Generation, Index};
use crate::query::{Query, Sort};

/// The most titles of one page.
pub const MOST_HITS: usize = 100;
/// The last title of a result that can be had, counted from 1. A search with more results is narrowed, not paged through.
pub const LAST_HIT: usize = 10_000;

/// A search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// The query; every title if there is none.
    pub query: Option<Query>,
    /// Limits by format, language, agency and year.
    pub filters: Filters,
    /// The order of results.
    pub sort: Sort,
    /// How many results are skipped.
    pub offset: usize,
    /// How many results are wanted, at most [`MOST_HITS`].
    pub limit: usize,
    /// Whether facets are counted.
    pub facets: bool,
    /// Whether the display records are read.
    pub records: bool,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The exact number of titles that match query and filters.
    pub total: u64,
    /// The titles of the page.
    pub hits: Vec<Found>,
    /// The values of the results with their exact numbers, if they were asked for.
    pub facets: Option<Facets>,
    /// For a search without results: the reason, and what would find more.
    pub advice: Option<Advice>,
}

/// A completion of what was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Completion {
    /// The text with its last word completed.
    pub text: String,
    /// The number of titles with the completed word.
    pub titles: u64,
}

impl Index {
    /// Searches. Counts are exact; a page that ends beyond [`LAST_HIT`] is refused.
    pub fn search(&self, search: &Search) -> Result<Answer, Error> {
        let limit = search.limit.min(MOST_HITS);
        let end = search.offset.saturating_add(limit);
        if limit > 0 && end > LAST_HIT {
            return Err(Error::TooFar { end, most: LAST_HIT });
        }
        let generation = self.generation();
        let searcher = generation.searcher();
        let fields = &generation.fields;
        let matching = compile::query(fields, search.query.as_ref());
        let filtered = facets::filtered(fields, matching.box_clone(), &search.filters);
        let (total, facets) = if search.facets {
            let (total, facets) = searcher.search(&matching, &facets::Counting::new(&search.filters))?;
            (total, Some(facets))
        } else {
            (searcher.search(&filtered, &Count)? as u64, None)
        };
        let mut answer = Answer { total, facets, ..Answer::default() };
        if limit > 0 && (search.offset as u64) < total {
            for address in page_of(fields, &searcher, &*filtered, search, limit)? {
                answer.hits.push(generation.found(&searcher, address, search.records)?);
            }
        }
        if total == 0
            && let Some(query) = &search.query
        {
            answer.advice = Some(advice::advice(&generation, &searcher, query, &search.filters)?);
        }
        Ok(answer)
    }

    /// Returns a query with misspelt words replaced by words of the index, if it finds more than the query itself.
    pub fn did_you_mean(&self, query: &Query) -> Result<Option<Query>, Error> {
        let generation = self.generation();
        spelling::corrected(&generation.fields, &generation.searcher(), query)
    }

    /// Completes the last word of a text with words of titles, names and subjects, the most frequent first.
    pub fn complete(&self, text: &str, limit: usize) -> Result<Vec<Completion>, Error> {
        let generation = self.generation();
        spelling::completions(&generation.fields, &generation.searcher(), text, limit.min(MOST_HITS))
    }
}

/// Returns the titles of a page in their order.
fn page_of(
    fields: &Fields,
    searcher: &Searcher,
    query: &dyn tantivy::query::Query,
    search: &Search,
    limit: usize,
) -> Result<Vec<DocAddress>, Error> {
    fn addresses<T>(found: Vec<(T, DocAddress)>) -> Vec<DocAddress> {
        found.into_iter().map(|(_, address)| address).collect()
    }
    fn run<T, C>(searcher: &Searcher, query: &dyn tantivy::query::Query, page: &C) -> Result<Vec<DocAddress>, Error>
    where
        C: Collector<Fruit = Vec<(T, DocAddress)>>,
    {
        Ok(addresses(searcher.search(query, page)?))
    }
    let page = TopDocs::with_limit(limit).and_offset(search.offset);
    match search.sort {
        Sort::Relevance => rank::page(fields, searcher, query, search, limit),
        Sort::Newest => run(searcher, query, &page.order_by_fast_field::<u64>("year", Order::Desc)),
        Sort::Oldest => run(searcher, query, &page.order_by_fast_field::<u64>("year", Order::Asc)),
        Sort::Title => run(searcher, query, &page.order_by_string_fast_field("sort_title", Order::Asc)),
        Sort::TitleDescending => run(searcher, query, &page.order_by_string_fast_field("sort_title", Order::Desc)),
    }
}

impl Generation {
    /// Returns the number of titles that match a query and filters.
    fn count(&self, searcher: &Searcher, query: Option<&Query>, filters: &Filters) -> Result<u64, Error> {
        let query = facets::filtered(&self.fields, compile::query(&self.fields, query), filters);
        Ok(searcher.search(&query, &Count)? as u64)
    }
}
