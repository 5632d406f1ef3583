//! The shared catalogue: searches for titles, one title, and completions of what a patron types.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use search::{Advice, Answer, Error, FacetValue, Filters, Index, Query as SearchQuery, QueryError, Search};
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::field::Number;
use crate::input::{Query, input};
use crate::path::PathCode;
use crate::problem::{FieldError, Problem};
use crate::state::WebState;

/// The most values of one filter.
const MOST_VALUES: usize = 50;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(search_catalogue)).routes(routes!(get_title)).routes(routes!(complete_search))
}

input! {
    /// A search. `q` or `cql`; neither finds every title.
    struct SearchInput {
        /// What a patron types: words, `"phrases"`, `-not`, `field:word`, `word*`.
        q: Option<String>,
        /// A query in CQL, instead of `q`.
        cql: Option<String>,
        /// Formats, separated by commas.
        format: Option<String>,
        /// Languages as MARC codes, separated by commas.
        language: Option<String>,
        /// Codes of agencies that hold the title, separated by commas.
        agency: Option<String>,
        /// The first year of publication.
        from_year: Option<Number<0, 9999, 0>>,
        /// The last year of publication.
        to_year: Option<Number<0, 9999, 0>>,
        /// The order; `relevance`, or the one that the CQL names, if it is left out.
        sort: Option<search::Sort>,
        /// The number of titles to skip.
        offset: Number<0, 9999, 0>,
        /// The number of titles to return.
        limit: Number<0, 100, 20>,
        /// Whether the values of all results are counted.
        facets: bool,
    }
    example: {"q": "hemingway \"old man\"", "format": "book,ebook", "facets": "true"}
}

input! {
    /// The beginning of a search.
    struct CompletionInput {
        /// What was typed so far.
        q: String,
        /// The number of completions to return.
        limit: Number<1, 20, 8>,
    }
    example: {"q": "old man and the s"}
}

/// The results of a search.
#[derive(Debug, Serialize, ToSchema)]
struct SearchResult {
    /// The exact number of titles that match.
    #[schema(example = 1)]
    total: u64,
    /// The query as CQL, as the hub has understood it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cql: Option<String>,
    /// The titles of the page, in the order that was asked for.
    titles: Vec<TitleView>,
    /// The values of all results with their exact numbers. Each facet counts the results as if its own filter weren't set.
    #[serde(skip_serializing_if = "Option::is_none")]
    facets: Option<FacetsView>,
    /// For a search without results: the reason, and what would find more.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<AdviceView>,
}

/// A title in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Title)]
struct TitleView {
    /// The id of the title in this catalogue.
    id: String,
    /// The title.
    title: String,
    /// The title in its original script.
    original_title: Option<String>,
    /// The main author.
    author: Option<String>,
    /// The edition.
    edition: Option<String>,
    /// The publisher.
    publisher: Option<String>,
    /// The year of publication.
    year: Option<u16>,
    /// The format, such as `book`.
    format: String,
    /// Languages as MARC codes.
    languages: Vec<String>,
    /// ISBNs of 13 digits.
    isbns: Vec<String>,
    /// ISSNs.
    issns: Vec<String>,
    /// Codes of the institutions whose records describe the title.
    institutions: Vec<String>,
    /// Codes of the agencies that hold it.
    agencies: Vec<String>,
}

/// A title with its record.
#[derive(Debug, Serialize, ToSchema)]
struct FullTitle {
    /// The title as lists show it.
    #[serde(flatten)]
    title: TitleView,
    /// The record that describes it best, as MARCXML.
    marcxml: String,
}

/// The values of results.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Facets)]
struct FacetsView {
    /// Formats, the most frequent first.
    formats: Vec<FacetValueView>,
    /// Languages, the most frequent first.
    languages: Vec<FacetValueView>,
    /// Agencies, the most frequent first.
    agencies: Vec<FacetValueView>,
    /// Decades by their first year, the latest first.
    decades: Vec<FacetValueView>,
}

/// A value of a facet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FacetValue)]
struct FacetValueView {
    /// The value.
    value: String,
    /// The number of titles with it.
    titles: u64,
}

/// Why a search found nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchAdvice)]
struct AdviceView {
    /// The reason and the way out, in a sentence.
    explanation: String,
    /// The search with misspelt words corrected.
    did_you_mean: Option<String>,
    /// The number of titles without the filters, if filters are set.
    without_filters: Option<u64>,
    /// Each condition of the search with the number of titles that meet it.
    conditions: Vec<FacetValueView>,
}

/// Completions of a search.
#[derive(Debug, Serialize, ToSchema)]
struct CompletionList {
    /// The text with its last word completed, the most frequent first.
    completions: Vec<FacetValueView>,
}

impl TitleView {
    fn new(found: search::Found) -> Self {
        let brief = found.brief;
        Self {
            id: found.id,
            title: brief.title,
            original_title: brief.original_title,
            author: brief.author,
            edition: brief.edition,
            publisher: brief.publisher,
            year: brief.year,
            format: brief.format,
            languages: brief.languages,
            isbns: brief.isbns,
            issns: brief.issns,
            institutions: brief.institutions.into_iter().collect(),
            agencies: brief.agencies.into_iter().collect(),
        }
    }
}

fn values(values: Vec<FacetValue>) -> Vec<FacetValueView> {
    values.into_iter().map(|FacetValue { value, titles }| FacetValueView { value, titles }).collect()
}

impl From<Advice> for AdviceView {
    fn from(advice: Advice) -> Self {
        let conditions = advice.conditions.into_iter();
        Self {
            explanation: advice.explanation,
            did_you_mean: advice.did_you_mean,
            without_filters: advice.without_filters,
            conditions: conditions.map(|one| FacetValueView { value: one.text, titles: one.titles }).collect(),
        }
    }
}

impl SearchResult {
    fn new(search: &Search, answer: Answer) -> Self {
        let facets = answer.facets.map(|facets| FacetsView {
            formats: values(facets.formats),
            languages: values(facets.languages),
            agencies: values(facets.agencies),
            decades: values(facets.decades),
        });
        Self {
            total: answer.total,
            cql: search.query.as_ref().map(|query| search::cql::print(query, search.sort)),
            titles: answer.hits.into_iter().map(TitleView::new).collect(),
            facets,
            advice: answer.advice.map(Into::into),
        }
    }
}

/// Searches the shared catalogue.
///
/// Counts are exact. Of a search with many results, the first 10,000 can be had; narrow it by filters.
#[utoipa::path(
    get,
    path = "/api/v1/catalogue/search",
    operation_id = "search_catalogue",
    tag = "catalogue",
    params(SearchInput),
    responses((status = 200, description = "A page of titles.", body = SearchResult))
)]
async fn search_catalogue(
    State(state): State<WebState>,
    Query(input): Query<SearchInput>,
) -> Result<Json<SearchResult>, Problem> {
    let index = index(&state)?;
    let search = read(&input.checked()?)?;
    on_thread(move || {
        let answer = index.search(&search).map_err(problem)?;
        Ok(Json(SearchResult::new(&search, answer)))
    })
    .await
}

/// Returns one title with its record. The id of a title whose records another title has taken leads to that one.
#[utoipa::path(
    get,
    path = "/api/v1/catalogue/titles/{code}",
    operation_id = "get_title",
    tag = "catalogue",
    params(PathCode),
    responses(
        (status = 200, description = "The title.", body = FullTitle),
        (status = 308, description = "The title has another id now. `Location` has its path.",
            headers(("Location" = String, description = "The path of the title."))),
    )
)]
async fn get_title(State(state): State<WebState>, PathCode(id): PathCode) -> Result<Response, Problem> {
    let index = index(&state)?;
    on_thread(move || {
        let found = index.title(&id, true).map_err(problem)?.ok_or_else(|| Problem::not_found("title", &id))?;
        if found.id != id {
            let path = format!("/api/v1/catalogue/titles/{}", found.id);
            return Ok((StatusCode::PERMANENT_REDIRECT, [(LOCATION, path)]).into_response());
        }
        let marcxml = found.record.as_ref().map(search::marcxml).unwrap_or_default();
        Ok(Json(FullTitle { title: TitleView::new(found), marcxml }).into_response())
    })
    .await
}

/// Completes the last word of a search by words of the catalogue that occur together with the words before it.
#[utoipa::path(
    get,
    path = "/api/v1/catalogue/suggest",
    operation_id = "complete_search",
    tag = "catalogue",
    params(CompletionInput),
    responses((status = 200, description = "Completions.", body = CompletionList))
)]
async fn complete_search(
    State(state): State<WebState>,
    Query(input): Query<CompletionInput>,
) -> Result<Json<CompletionList>, Problem> {
    let index = index(&state)?;
    let input = input.checked()?;
    on_thread(move || {
        let limit = usize::try_from(input.limit.0).unwrap_or_default();
        let found = index.complete(&input.q, limit).map_err(problem)?.into_iter();
        let completions = found.map(|one| FacetValueView { value: one.text, titles: one.titles }).collect();
        Ok(Json(CompletionList { completions }))
    })
    .await
}

/// Returns the index, or the problem that this hub has none.
pub(crate) fn index(state: &WebState) -> Result<Arc<Index>, Problem> {
    state.index.clone().ok_or_else(no_catalogue)
}

pub(crate) fn no_catalogue() -> Problem {
    let missing = "This hub has no shared catalogue. Set it up and harvest an institution: see docs/catalogue.md.";
    Problem::new(StatusCode::CONFLICT, "NO_CATALOGUE", missing)
}

/// Runs a search on a thread that may block: it computes, and reads files.
pub(crate) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Problem::internal()))
}

fn problem(failure: Error) -> Problem {
    match failure {
        Error::TooFar { .. } => Problem::invalid(vec![FieldError::new("offset", "OUT_OF_RANGE", failure.to_string())]),
        failure => {
            error!(error = %failure, "the search index failed");
            Problem::internal()
        }
    }
}

fn read(input: &SearchInput) -> Result<Search, Problem> {
    let mut faults = Vec::new();
    let mut fault =
        |field: &str, code: &'static str, message: String| faults.push(FieldError::new(field, code, message));
    let mut sort = input.sort;
    let mut query: Option<SearchQuery> = None;
    let unread = |error: QueryError| format!("{error}.");
    match (&input.q, &input.cql) {
        (Some(_), Some(_)) => fault("cql", "NOT_WITH_Q", "Send q or cql, not both.".to_owned()),
        (Some(text), None) => match search::plain::parse(text) {
            Ok(parsed) => query = Some(parsed),
            Err(error) => fault("q", "INVALID_SEARCH", unread(error)),
        },
        (None, Some(text)) => match search::cql::parse(text) {
            Ok(parsed) => {
                sort = sort.or(Some(parsed.sort));
                query = Some(parsed.query);
            }
            Err(error) => fault("cql", "INVALID_SEARCH", unread(error)),
        },
        (None, None) => {}
    }
    let mut list = |name: &str, text: &Option<String>| -> Vec<String> {
        let values = text.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|value| !value.is_empty());
        let values: Vec<String> = values.map(str::to_owned).collect();
        if values.len() > MOST_VALUES {
            fault(name, "TOO_MANY", format!("It has more than {MOST_VALUES} values."));
        }
        values
    };
    let (formats, languages) = (list("format", &input.format), list("language", &input.language));
    let agencies = list("agency", &input.agency);
    let year = |number: Option<Number<0, 9999, 0>>| number.and_then(|number| u16::try_from(number.0).ok());
    let years = match (year(input.from_year), year(input.to_year)) {
        (None, None) => None,
        (from, to) => Some(from.unwrap_or(0)..=to.unwrap_or(9999)),
    };
    if years.as_ref().is_some_and(|years| years.is_empty()) {
        fault("to_year", "OUT_OF_RANGE", "The last year is before the first.".to_owned());
    }
    Problem::check(faults)?;
    Ok(Search {
        query,
        filters: Filters { formats, languages, agencies, years },
        sort: sort.unwrap_or_default(),
        offset: usize::try_from(input.offset.0).unwrap_or_default(),
        limit: usize::try_from(input.limit.0).unwrap_or_default(),
        facets: input.facets,
        records: false,
    })
}
