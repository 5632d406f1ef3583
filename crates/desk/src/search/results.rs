//! The search page: titles of all libraries, with facets.

use askama::Template;
use axum::extract::RawQuery;

use crate::failure::Failure;
use crate::form::Fields;
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::search::model::{Advice, FacetValue, Found, Title};
use crate::visitor::Visitor;

/// Titles of a page.
const ROWS: u64 = 20;

/// A facet: its name in the query, the id of its heading, and its values.
#[derive(Debug)]
struct Facet {
    name: &'static str,
    title: &'static str,
    values: Vec<Value>,
}

#[derive(Debug)]
struct Value {
    value: String,
    words: String,
    titles: u64,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    q: String,
    total: u64,
    titles: Vec<Title>,
    facets: Vec<Facet>,
    advice: Option<Advice>,
    /// The query of the pages before and after this one.
    previous: Option<String>,
    next: Option<String>,
    first: u64,
    last: u64,
}

/// The facets: their names in the query of the API, and the ids of their headings.
const FACETS: [(&str, &str); 3] =
    [("format", "facet-format"), ("language", "facet-language"), ("agency", "facet-library")];

pub(crate) async fn search(visitor: Visitor, RawQuery(query): RawQuery) -> Page {
    let fields = Fields::read(query.unwrap_or_default().as_bytes())?;
    let q = fields.text("q").to_owned();
    let offset: u64 = fields.text("offset").parse().unwrap_or_default();
    let chosen = chosen(&fields);
    let found = if q.is_empty() && chosen.is_empty() { None } else { Some(read(&visitor, &q, &chosen, offset).await?) };
    let frame = Frame::new(&visitor, "/search");
    let Found { total, titles, facets, advice } =
        found.unwrap_or(Found { total: 0, titles: Vec::new(), facets: None, advice: None });
    let shown = u64::try_from(titles.len()).unwrap_or_default();
    let at = |offset: u64| format!("q={}{chosen}&offset={offset}", encoded(&q));
    let facets = facets.unwrap_or_default();
    let values = [facets.formats, facets.languages, facets.agencies];
    let facets = FACETS.into_iter().zip(values).map(|((name, title), values)| Facet {
        name,
        title,
        values: values.into_iter().map(|value| facet_value(&visitor, &fields, name, value)).collect(),
    });
    show(&SearchPage {
        facets: facets.filter(|facet| !facet.values.is_empty()).collect(),
        previous: (offset > 0).then(|| at(offset.saturating_sub(ROWS))),
        next: (offset.saturating_add(shown) < total).then(|| at(offset.saturating_add(ROWS))),
        first: offset.saturating_add(1),
        last: offset.saturating_add(shown),
        q,
        total,
        titles,
        advice,
        frame,
    })
}

/// Returns the chosen values of the facets as a part of a query.
fn chosen(fields: &Fields) -> String {
    let all = FACETS.iter().flat_map(|(name, _)| fields.all(name).map(move |value| (name, value)));
    all.filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("&{name}={}", encoded(value))).collect()
}

async fn read(visitor: &Visitor, q: &str, chosen: &str, offset: u64) -> Result<Found, Failure> {
    // The API takes the values of a facet with commas.
    let fields = Fields::read(chosen.trim_start_matches('&').as_bytes())?;
    let mut query = format!("facets=true&limit={ROWS}&offset={offset}");
    if !q.is_empty() {
        query.push_str(&format!("&q={}", encoded(q)));
    }
    for (name, _) in FACETS {
        let values: Vec<&str> = fields.all(name).collect();
        if !values.is_empty() {
            query.push_str(&format!("&{name}={}", encoded(&values.join(","))));
        }
    }
    Ok(visitor.api.get(&format!("/api/v1/catalogue/search?{query}")).await?)
}

fn facet_value(visitor: &Visitor, fields: &Fields, facet: &'static str, value: FacetValue) -> Value {
    let words =
        if facet == "agency" { visitor.libraries.of_agency(&value.value).to_owned() } else { value.value.clone() };
    Value {
        is_chosen: fields.all(facet).any(|chosen| chosen == value.value),
        titles: value.titles,
        words,
        value: value.value,
    }
}
