//! Turns a query into one of the index.

use std::ops::Bound;

use marc::Isbn;
use marc::identifiers::Issn;
use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, PhraseQuery, Query as Compiled, RangeQuery, RegexQuery,
    TermQuery,
};
use tantivy::schema::{Field as IndexField, IndexRecordOption};

use crate::analysis::{Choice, folded};
use crate::document::{normal_forms, number};
use crate::index::{Fields, Key};
use crate::query::{Clause, Field, Mask, Operator, Part, Query, Relation, parts, without_escapes};

/// Turns a query into one that finds the same titles; no query finds all.
pub(super) fn query(fields: &Fields, query: Option<&Query>) -> Box<dyn Compiled> {
    match query {
        None => Box::new(AllQuery),
        Some(Query::Clause(clause)) => self::clause(fields, clause),
        Some(Query::Joined(operator, ..)) => {
            let mut sides = Vec::new();
            if let Some(joined) = query {
                flatten(joined, *operator, &mut sides);
            }
            let compiled = sides.into_iter().enumerate().map(|(number, side)| {
                let occur = match operator {
                    Operator::And => Occur::Must,
                    Operator::Or => Occur::Should,
                    Operator::Not if number == 0 => Occur::Must,
                    Operator::Not => Occur::MustNot,
                };
                (occur, self::query(fields, Some(side)))
            });
            Box::new(BooleanQuery::new(compiled.collect()))
        }
    }
}

/// Collects the sides of a chain of one operator, so that it becomes one flat query. `a not b not c` is a chain of `a`, `b`, `c`.
fn flatten<'q>(query: &'q Query, operator: Operator, sides: &mut Vec<&'q Query>) {
    match query {
        Query::Joined(own, left, right) if *own == operator => {
            flatten(left, operator, sides);
            sides.push(right);
        }
        other => sides.push(other),
    }
}

/// Turns a clause into a query.
pub(super) fn clause(fields: &Fields, clause: &Clause) -> Box<dyn Compiled> {
    match clause.field {
        Field::All => Box::new(AllQuery),
        Field::Year => years(fields, clause),
        Field::Id => id(fields, &without_escapes(&clause.term)),
        field => match word_field(fields, field) {
            Some(_) if clause.relation == Relation::Whole => whole(fields, clause),
            Some(index) => words(fields, index, clause),
            None => keys(fields, clause),
        },
    }
}

/// Returns a query for the title with an id, or for the one that has taken its records.
fn id(fields: &Fields, id: &str) -> Box<dyn Compiled> {
    let own = TermQuery::new(fields.id_term(id), IndexRecordOption::Basic);
    any_of(vec![Box::new(own), key(fields, Key::FormerId, &[id.to_owned()])])
}

/// Returns the index field of a field with words.
fn word_field(fields: &Fields, field: Field) -> Option<IndexField> {
    Some(match field {
        Field::Any => fields.any,
        Field::Title => fields.title,
        Field::Author => fields.author,
        Field::Subject => fields.subject,
        Field::Publisher => fields.publisher,
        Field::Series => fields.series,
        Field::Note => fields.note,
        _ => return None,
    })
}

fn words(fields: &Fields, index: IndexField, clause: &Clause) -> Box<dyn Compiled> {
    let identifiers = clause.field == Field::Any;
    let parts = parts(clause).into_iter().map(|part| match part {
        Part::Text(text, choices) => {
            let mut ways: Vec<Box<dyn Compiled>> = choices.iter().map(|choice| sequence(index, choice)).collect();
            if identifiers {
                ways.extend(identifier(fields, &text));
            }
            any_of(ways)
        }
        Part::Masked(masks) => masked(index, &masks),
    });
    let parts: Vec<_> = parts.collect();
    if clause.relation == Relation::Any { any_of(parts) } else { all_of(parts) }
}

/// Returns a query for words at their places.
pub(super) fn sequence(index: IndexField, choice: &Choice) -> Box<dyn Compiled> {
    let terms = choice.iter().map(|(position, word)| (*position, Term::from_field_text(index, word)));
    let mut terms: Vec<_> = terms.collect();
    match terms.len() {
        0 => Box::new(EmptyQuery),
        1 => Box::new(TermQuery::new(terms.remove(0).1, IndexRecordOption::WithFreqs)),
        _ => Box::new(PhraseQuery::new_with_offset(terms)),
    }
}

fn masked(index: IndexField, masks: &[Mask]) -> Box<dyn Compiled> {
    let mut pattern = String::new();
    for mask in masks {
        match mask {
            // Folded letters are letters, digits and marks: none has a meaning in patterns.
            Mask::Letters(letters) => pattern.push_str(letters),
            Mask::Many => pattern.push_str(".*"),
            Mask::One => pattern.push('.'),
        }
    }
    match RegexQuery::from_pattern(&pattern, index) {
        Ok(query) => Box::new(query),
        Err(_) => Box::new(EmptyQuery),
    }
}

/// Returns a query for an identifier in any usual form, if the text can be one: it has a digit and enough characters.
fn identifier(fields: &Fields, text: &str) -> Option<Box<dyn Compiled>> {
    let number = number(text);
    let possible = number.len() >= 6 && number.bytes().any(|byte| byte.is_ascii_digit());
    possible.then(|| key(fields, Key::Identifier, &normal_forms(text)))
}

fn key(fields: &Fields, key: Key, values: &[String]) -> Box<dyn Compiled> {
    let queries = values.iter().map(|value| -> Box<dyn Compiled> {
        Box::new(TermQuery::new(fields.key_term(key, value), IndexRecordOption::Basic))
    });
    any_of(queries.collect())
}

/// Returns a query for a value that is a whole field.
fn whole(fields: &Fields, clause: &Clause) -> Box<dyn Compiled> {
    let value = vec![folded(&without_escapes(&clause.term))];
    let kinds: &[Key] = match clause.field {
        Field::Title => &[Key::Title],
        Field::Author => &[Key::Author],
        Field::Subject => &[Key::Subject],
        Field::Publisher => &[Key::Publisher],
        Field::Series => &[Key::Series],
        Field::Any => &[Key::Title, Key::Author, Key::Subject, Key::Publisher, Key::Series],
        _ => &[],
    };
    any_of(kinds.iter().map(|kind| key(fields, *kind, &value)).collect())
}

/// Returns a query for a field whose values are compared as a whole.
fn keys(fields: &Fields, clause: &Clause) -> Box<dyn Compiled> {
    let term = without_escapes(&clause.term);
    let values: Vec<&str> = match clause.relation {
        Relation::All | Relation::Any => term.split_whitespace().collect(),
        _ => vec![term.trim()],
    };
    let queries = values.into_iter().map(|value| match clause.field {
        Field::Isbn => {
            let isbn = Isbn::find(value).map_or_else(|| number(value), |isbn| isbn.to_13().as_str().to_owned());
            key(fields, Key::Isbn, &[isbn])
        }
        Field::Issn => {
            key(fields, Key::Issn, &[Issn::find(value).map_or_else(|| number(value), |issn| number(&issn.to_string()))])
        }
        Field::Format => key(fields, Key::Format, &[value.to_lowercase()]),
        Field::Language => key(fields, Key::Language, &[value.to_lowercase()]),
        Field::Agency => key(fields, Key::Agency, &[value.to_lowercase()]),
        Field::Institution => key(fields, Key::Institution, &[value.to_lowercase()]),
        _ => key(fields, Key::Identifier, &normal_forms(value)),
    });
    let queries: Vec<_> = queries.collect();
    if clause.relation == Relation::All { all_of(queries) } else { any_of(queries) }
}

fn years(fields: &Fields, clause: &Clause) -> Box<dyn Compiled> {
    match clause.years() {
        Ok((first, last)) => year_range(fields, first, last),
        Err(_) => Box::new(EmptyQuery),
    }
}

/// Returns a query for the years from `first` to `last`.
pub(super) fn year_range(fields: &Fields, first: u64, last: u64) -> Box<dyn Compiled> {
    let bound = |year| Bound::Included(Term::from_field_u64(fields.year, year));
    Box::new(ConstScoreQuery::new(Box::new(RangeQuery::new(bound(first), bound(last))), 0.0))
}

pub(super) fn any_of(mut queries: Vec<Box<dyn Compiled>>) -> Box<dyn Compiled> {
    match queries.len() {
        0 => Box::new(EmptyQuery),
        1 => queries.remove(0),
        _ => Box::new(BooleanQuery::union(queries)),
    }
}

fn all_of(mut queries: Vec<Box<dyn Compiled>>) -> Box<dyn Compiled> {
    match queries.len() {
        0 => Box::new(EmptyQuery),
        1 => queries.remove(0),
        _ => Box::new(BooleanQuery::intersection(queries)),
    }
}
