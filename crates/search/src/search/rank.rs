//! The order of results by relevance.
//!
//! All results match the query anyway. Words in titles weigh more than words in names, and these more than all others. A title
//! that consists of exactly the words of the query comes first.

use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query as Compiled, TermQuery};
use tantivy::schema::IndexRecordOption;

use super::Search;
use super::compile::sequence;
use crate::analysis::folded;
use crate::index::{Fields, Key};
use crate::query::{Clause, Field, Part, Relation, Sort, parts, without_escapes};

const TITLE_WEIGHT: f32 = 2.0;
const AUTHOR_WEIGHT: f32 = 1.2;
/// More than any sum of weights of words.
const EXACT_TITLE_WEIGHT: f32 = 1000.0;

/// Adds to a query what decides the order.
pub(super) fn ranked(fields: &Fields, matching: Box<dyn Compiled>, search: &Search) -> Box<dyn Compiled> {
    let Some(query) = search.query.as_ref().filter(|_| search.sort == Sort::Relevance) else { return matching };
    let mut parts: Vec<(Occur, Box<dyn Compiled>)> = vec![(Occur::Must, matching)];
    let wanted = query.wanted();
    for clause in wanted.iter().filter(|clause| clause.field == Field::Any && clause.relation != Relation::Whole) {
        for (field, weight) in [(fields.title, TITLE_WEIGHT), (fields.author, AUTHOR_WEIGHT)] {
            parts.extend(words(clause).map(|choice| -> (Occur, Box<dyn Compiled>) {
                (Occur::Should, Box::new(BoostQuery::new(sequence(field, &choice), weight)))
            }));
        }
    }
    let titled = wanted.iter().filter(|clause| matches!(clause.field, Field::Any | Field::Title));
    let title = titled.map(|clause| without_escapes(&clause.term)).collect::<Vec<_>>().join(" ");
    let title = folded(&title);
    if !title.is_empty() {
        let exact = TermQuery::new(fields.key_term(Key::Title, &title), IndexRecordOption::Basic);
        parts.push((Occur::Should, Box::new(ConstScoreQuery::new(Box::new(exact), EXACT_TITLE_WEIGHT))));
    }
    Box::new(BooleanQuery::new(parts))
}

/// Returns the first way to find each text of a clause.
fn words(clause: &Clause) -> impl Iterator<Item = crate::analysis::Choice> + use<> {
    parts(clause).into_iter().filter_map(|part| match part {
        Part::Text(_, choices) => choices.into_iter().next(),
        Part::Masked(_) => None,
    })
}
