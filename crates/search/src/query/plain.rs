//! The language of search boxes: words, `"phrases"`, `-not`, `field:word` and `word*`.
//!
//! Everything that people type is understood in some way; only an empty query, one that is too long, and one that only
//! excludes are refused.

use super::{Clause, Field, Limits, Operator, Problem, Query, QueryError, Relation};

/// The names of fields in this language.
const FIELDS: [(&str, Field); 17] = [
    ("title", Field::Title),
    ("author", Field::Author),
    ("name", Field::Author),
    ("subject", Field::Subject),
    ("publisher", Field::Publisher),
    ("series", Field::Series),
    ("note", Field::Note),
    ("isbn", Field::Isbn),
    ("issn", Field::Issn),
    ("identifier", Field::Identifier),
    ("number", Field::Identifier),
    ("id", Field::Id),
    ("format", Field::Format),
    ("language", Field::Language),
    ("year", Field::Year),
    ("agency", Field::Agency),
    ("institution", Field::Institution),
];

/// One item of the text, as it was typed.
struct Item<'a> {
    excluded: bool,
    field: Option<Field>,
    text: &'a str,
    quoted: bool,
}

/// Reads a query as people type it.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    let at = |position: usize, problem| QueryError { position, problem };
    if text.len() > Limits::BYTES {
        return Err(at(1, Problem::TooLong));
    }
    let mut wanted: Option<Query> = None;
    let mut excluded: Vec<Query> = Vec::new();
    let mut clauses = 0;
    let mut rest = text;
    while let Some((item, after)) = next_item(rest) {
        rest = after;
        let Some(clause) = clause(&item) else { continue };
        clauses += 1;
        if clauses > Limits::CLAUSES {
            return Err(at(text.chars().count() - rest.chars().count(), Problem::TooManyClauses));
        }
        let query = Query::Clause(clause);
        match wanted.take() {
            found if item.excluded => {
                wanted = found;
                excluded.push(query);
            }
            Some(found) => wanted = Some(found.joined(Operator::And, query)),
            None => wanted = Some(query),
        }
    }
    match wanted {
        Some(wanted) => Ok(excluded.into_iter().fold(wanted, |query, without| query.joined(Operator::Not, without))),
        None if excluded.is_empty() => Err(at(1, Problem::Empty)),
        None => Err(at(1, Problem::NothingWanted)),
    }
}

/// Takes the next item from a text. Returns it and the text after it.
fn next_item(text: &str) -> Option<(Item<'_>, &str)> {
    let text = text.trim_start();
    let mut rest = text;
    // A hyphen inside a word, or alone, excludes nothing.
    let excluded = rest.strip_prefix('-').filter(|after| after.starts_with(|c: char| !c.is_whitespace() && c != '-'));
    rest = excluded.unwrap_or(rest);
    let mut field = None;
    if let Some((name, after)) = rest.split_once(':')
        && let Some((_, known)) = FIELDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
        && after.starts_with(|c: char| !c.is_whitespace())
    {
        field = Some(*known);
        rest = after;
    }
    let first = rest.chars().next()?;
    let (text, quoted, rest) = match closing(first) {
        Some(closing) => {
            let inner = &rest[first.len_utf8()..];
            let (inner, after) = inner.split_once(closing).unwrap_or((inner, ""));
            (inner, true, after)
        }
        None => {
            let end = rest.find(|c: char| c.is_whitespace() || closing(c).is_some()).unwrap_or(rest.len());
            (&rest[..end], false, &rest[end..])
        }
    };
    Some((Item { excluded: excluded.is_some(), field, text, quoted }, rest))
}

/// Returns the mark that ends a phrase which begins with this one.
fn closing(mark: char) -> Option<&'static [char]> {
    match mark {
        '"' | '“' | '”' | '„' => Some(&['"', '“', '”']),
        '«' => Some(&['»']),
        _ => None,
    }
}

fn clause(item: &Item<'_>) -> Option<Clause> {
    let field = item.field.unwrap_or(Field::Any);
    let term = if field.has_words() && !item.quoted { masked(item.text) } else { literal(item.text) };
    let clause = Clause { field, relation: Relation::Phrase, term };
    if clause.check().is_ok() {
        return Some(clause);
    }
    // A year that is none, a mask that stands too early: the words themselves are searched.
    let clause =
        Clause { field: if field.has_words() { field } else { Field::Any }, term: literal(item.text), ..clause };
    clause.check().is_ok().then_some(clause)
}

/// Keeps an asterisk at the end of a word as mask, and takes every other special meaning away.
fn masked(text: &str) -> String {
    match text.strip_suffix('*') {
        Some(word) => literal(word) + "*",
        None => literal(text),
    }
}

fn literal(text: &str) -> String {
    let mut term = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '"' => term.push(' '),
            '*' | '?' | '^' => term.extend(['\\', c]),
            c if c.is_whitespace() || c.is_control() => term.push(' '),
            c => term.push(c),
        }
    }
    term.trim().to_owned()
}

/// Writes a query that came from [`parse`] in its language.
#[must_use]
pub fn print(query: &Query) -> String {
    let mut text = String::new();
    write(query, false, &mut text);
    text
}

fn write(query: &Query, excluded: bool, text: &mut String) {
    match query {
        Query::Joined(operator, left, right) => {
            write(left, excluded, text);
            write(right, excluded || *operator == Operator::Not, text);
        }
        Query::Clause(clause) => {
            if !text.is_empty() {
                text.push(' ');
            }
            if excluded {
                text.push('-');
            }
            if clause.field != Field::Any
                && let Some((name, _)) = FIELDS.iter().find(|(_, field)| *field == clause.field)
            {
                text.push_str(name);
                text.push(':');
            }
            let mask = clause.term.ends_with('*') && !clause.term.ends_with("\\*");
            let plain: String = clause.term.chars().filter(|c| *c != '\\').collect();
            if plain.contains(char::is_whitespace) && !mask {
                text.push('"');
                text.push_str(&plain);
                text.push('"');
            } else {
                text.push_str(&plain);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, print};
    use crate::query::{Problem, cql};

    fn understood(text: &str) -> String {
        cql::print(&parse(text).unwrap(), crate::query::Sort::Relevance)
    }

    #[test]
    fn words_are_all_wanted() {
        assert_eq!(understood("old  man sea"), "old and man and sea");
    }

    #[test]
    fn quoted_words_are_a_phrase_whatever_the_quotation_marks() {
        assert_eq!(understood("\"old man\" sea"), "\"old man\" and sea");
        assert_eq!(understood("„alter Mann“ Meer"), "\"alter Mann\" and Meer");
        assert_eq!(understood("\"never closed"), "\"never closed\"");
    }

    #[test]
    fn hyphen_before_a_word_excludes_it_and_inside_joins() {
        assert_eq!(understood("jaguar -car"), "jaguar not car");
        assert_eq!(understood("e-mail - spam"), "e-mail and spam");
        assert_eq!(parse("-car").unwrap_err().problem, Problem::NothingWanted);
    }

    #[test]
    fn field_before_a_colon_limits_the_word() {
        assert_eq!(
            understood("author:austen TITLE:\"pride and\" -format:dvd"),
            "(author = austen and title = \"pride and\") not format = dvd"
        );
        assert_eq!(understood("year:1990-1999"), "date = 1990-1999");
    }

    #[test]
    fn unknown_field_is_searched_as_words() {
        assert_eq!(understood("Sula: a novel"), "Sula: and a and novel");
        assert_eq!(understood("http://example.org/x"), "\"http://example.org/x\"");
        assert_eq!(understood("year:soon"), "soon");
    }

    #[test]
    fn asterisk_at_the_end_of_a_word_is_a_mask_and_a_question_mark_is_none() {
        assert_eq!(understood("librar*"), "librar*");
        assert_eq!(understood("who?"), "who\\?");
        assert_eq!(understood("a*"), "\"a\\*\"".trim_matches('"'));
    }

    #[test]
    fn query_without_words_is_empty() {
        for text in ["", "  ", "...", "\"\"", "- -"] {
            assert_eq!(parse(text).unwrap_err().problem, Problem::Empty, "{text:?}");
        }
    }

    #[test]
    fn long_queries_are_refused() {
        assert_eq!(parse(&"a".repeat(5000)).unwrap_err().problem, Problem::TooLong);
        assert_eq!(parse(&"ab ".repeat(65)).unwrap_err().problem, Problem::TooManyClauses);
    }

    #[test]
    fn printed_query_reads_the_same() {
        for text in ["old man", "\"old man\" -sea author:hemingway", "librar* year:1999", "title:\"a b\" who?"] {
            let query = parse(text).unwrap();
            assert_eq!(parse(&print(&query)).unwrap(), query, "{text}");
        }
    }
}
