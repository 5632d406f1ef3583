//! Counts the values of results, and limits results by them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::Serialize;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::query::{BooleanQuery, ConstScoreQuery, Occur, Query as Compiled, TermSetQuery};
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use super::compile::year_range;
use crate::index::{Fields, Key};

/// The most values that are listed of one facet. All others are counted in the total only.
const MOST_VALUES: usize = 100;

/// Limits of a search. Values of one kind are alternatives; all kinds have to be met.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// Formats.
    pub formats: Vec<String>,
    /// Languages, as MARC codes.
    pub languages: Vec<String>,
    /// Agencies that hold the title.
    pub agencies: Vec<String>,
    /// Years of publication.
    pub years: Option<RangeInclusive<u16>>,
}

/// The values of results with their numbers. A facet counts the results as if its own filter weren't set, so that the other
/// values of the facet stay visible.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Facets {
    /// Formats, the most frequent first.
    pub formats: Vec<FacetValue>,
    /// Languages, the most frequent first.
    pub languages: Vec<FacetValue>,
    /// Agencies, the most frequent first.
    pub agencies: Vec<FacetValue>,
    /// Decades by their first year, the latest first.
    pub decades: Vec<FacetValue>,
}

/// One value of a facet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// The number of titles with it.
    pub titles: u64,
}

impl Filters {
    /// Returns whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Limits a query by filters. They have no influence on the order.
pub(super) fn filtered(fields: &Fields, query: Box<dyn Compiled>, filters: &Filters) -> Box<dyn Compiled> {
    if filters.is_empty() {
        return query;
    }
    let mut all = vec![(Occur::Must, query)];
    for (key, values) in
        [(Key::Format, &filters.formats), (Key::Language, &filters.languages), (Key::Agency, &filters.agencies)]
    {
        if !values.is_empty() {
            let terms = values.iter().map(|value| fields.key_term(key, &value.to_lowercase()));
            let set = ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0);
            all.push((Occur::Must, Box::new(set)));
        }
    }
    if let Some(years) = &filters.years {
        all.push((Occur::Must, year_range(fields, u64::from(*years.start()), u64::from(*years.end()))));
    }
    Box::new(BooleanQuery::new(all))
}

/// The number of columns with words.
const COLUMNS: usize = 3;
const NAMES: [&str; COLUMNS] = ["format", "language", "agency"];
/// The place of the years among the filters.
const YEARS: usize = COLUMNS;
/// The years that have a count of their own.
const COUNTED_YEARS: usize = 2200;

/// Counts all results of an unfiltered query, and checks the filters itself.
pub(super) struct Counting {
    wanted: [Vec<String>; COLUMNS],
    years: Option<RangeInclusive<u16>>,
}

impl Counting {
    pub(super) fn new(filters: &Filters) -> Self {
        let wanted = [&filters.formats, &filters.languages, &filters.agencies]
            .map(|values| values.iter().map(|value| value.to_lowercase()).collect());
        Self { wanted, years: filters.years.clone() }
    }
}

/// The counts of one part of the index.
pub(super) struct Counts {
    columns: [Option<ColumnCounts>; COLUMNS],
    years: Column<u64>,
    year_filter: Option<RangeInclusive<u64>>,
    by_year: Vec<u64>,
    total: u64,
}

struct ColumnCounts {
    column: StrColumn,
    /// For each value of the column, how many results have it.
    counts: Vec<u64>,
    /// For each value of the column, whether the filter takes it; no filter takes all.
    taken: Option<Vec<bool>>,
    /// The values of the result in hand.
    in_hand: Vec<u64>,
}

impl ColumnCounts {
    fn open(segment: &SegmentReader, name: &str, wanted: &[String]) -> tantivy::Result<Option<Self>> {
        let Some(column) = segment.fast_fields().str(name)? else { return Ok(None) };
        let mut taken = None;
        if !wanted.is_empty() {
            let mut all = vec![false; column.num_terms()];
            let mut value = String::new();
            for (ord, taken) in (0..).zip(all.iter_mut()) {
                value.clear();
                column.ord_to_str(ord, &mut value)?;
                *taken = wanted.contains(&value.to_lowercase());
            }
            taken = Some(all);
        }
        let counts = vec![0; column.num_terms()];
        Ok(Some(Self { column, counts, taken, in_hand: Vec::new() }))
    }

    /// Takes the values of a result in hand, and returns whether the filter takes the result.
    fn take(&mut self, doc: DocId) -> bool {
        self.in_hand.clear();
        self.in_hand.extend(self.column.term_ords(doc));
        match &self.taken {
            None => true,
            Some(taken) => self.in_hand.iter().any(|ord| index(*ord).is_some_and(|ord| taken.get(ord) == Some(&true))),
        }
    }

    fn count(&mut self) {
        for ord in &self.in_hand {
            if let Some(count) = index(*ord).and_then(|ord| self.counts.get_mut(ord)) {
                *count += 1;
            }
        }
    }
}

fn index(ord: u64) -> Option<usize> {
    usize::try_from(ord).ok()
}

impl Collector for Counting {
    type Fruit = (u64, Facets);
    type Child = Counts;

    fn for_segment(&self, _segment: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<Counts> {
        let open = |number: usize| ColumnCounts::open(reader, NAMES[number], &self.wanted[number]);
        Ok(Counts {
            columns: [open(0)?, open(1)?, open(2)?],
            years: reader.fast_fields().u64("year")?,
            year_filter: self.years.as_ref().map(|years| u64::from(*years.start())..=u64::from(*years.end())),
            by_year: vec![0; COUNTED_YEARS],
            total: 0,
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, counts: Vec<tantivy::Result<PartCounts>>) -> tantivy::Result<Self::Fruit> {
        let mut total = 0;
        let mut columns: [BTreeMap<String, u64>; COLUMNS] = Default::default();
        let mut decades: BTreeMap<usize, u64> = BTreeMap::new();
        for part in counts {
            let part = part?;
            total += part.total;
            for (sum, counts) in columns.iter_mut().zip(part.columns) {
                for (value, count) in counts {
                    *sum.entry(value).or_default() += count;
                }
            }
            for (year, count) in part.by_year.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                *decades.entry(year / 10 * 10).or_default() += count;
            }
        }
        let [formats, languages, agencies] = columns.map(most_frequent);
        let decades =
            decades.into_iter().rev().map(|(decade, titles)| FacetValue { value: decade.to_string(), titles });
        let decades = decades.take(MOST_VALUES).collect();
        Ok((total, Facets { formats, languages, agencies, decades }))
    }
}

fn most_frequent(counts: BTreeMap<String, u64>) -> Vec<FacetValue> {
    let mut values: Vec<_> = counts.into_iter().map(|(value, titles)| FacetValue { value, titles }).collect();
    // Stable: equal numbers stay in the order of their values.
    values.sort_by_key(|value| std::cmp::Reverse(value.titles));
    values.truncate(MOST_VALUES);
    values
}

/// The counts of one part of the index, with their values as text.
pub(super) struct PartCounts {
    total: u64,
    columns: [Vec<(String, u64)>; COLUMNS],
    by_year: Vec<u64>,
}

impl SegmentCollector for Counts {
    type Fruit = tantivy::Result<PartCounts>;

    fn collect(&mut self, doc: DocId, _score: Score) {
        let mut passed = [true; COLUMNS + 1];
        for (column, passed) in self.columns.iter_mut().zip(&mut passed) {
            // A part of the index without a single value of a column fails every filter on it.
            if let Some(column) = column {
                *passed = column.take(doc);
            }
        }
        let year = self.years.first(doc);
        if let Some(wanted) = &self.year_filter {
            passed[YEARS] = year.is_some_and(|year| wanted.contains(&year));
        }
        let failed = passed.iter().filter(|passed| !**passed).count();
        if failed == 0 {
            self.total += 1;
        }
        let counts_for = |number: usize| failed == 0 || (failed == 1 && !passed[number]);
        for (number, column) in self.columns.iter_mut().enumerate() {
            if let Some(column) = column.as_mut().filter(|_| counts_for(number)) {
                column.count();
            }
        }
        if let Some(count) =
            year.filter(|_| counts_for(YEARS)).and_then(index).and_then(|year| self.by_year.get_mut(year))
        {
            *count += 1;
        }
    }

    fn harvest(self) -> Self::Fruit {
        let mut columns: [Vec<(String, u64)>; COLUMNS] = Default::default();
        for (values, column) in columns.iter_mut().zip(self.columns) {
            let Some(column) = column else { continue };
            for (ord, count) in (0..).zip(column.counts).filter(|(_, count)| *count > 0) {
                let mut value = String::new();
                column.column.ord_to_str(ord, &mut value)?;
                values.push((value, count));
            }
        }
        Ok(PartCounts { total: self.total, columns, by_year: self.by_year })
    }
}
