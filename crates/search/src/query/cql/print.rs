//! Writes CQL.

use super::super::{Clause, Field, Operator, Query, Relation, Sort};
use super::lexer::is_plain;
use super::names;

/// Writes a query in CQL. [`parse`](super::parse) reads it as the same query.
#[must_use]
pub fn print(query: &Query, sort: Sort) -> String {
    let mut text = String::new();
    write(query, &mut text);
    text.push_str(match sort {
        Sort::Relevance => "",
        Sort::Newest => " sortby date/sort.descending",
        Sort::Oldest => " sortby date/sort.ascending",
        Sort::Title => " sortby title/sort.ascending",
        Sort::TitleDescending => " sortby title/sort.descending",
    });
    text
}

fn write(query: &Query, text: &mut String) {
    match query {
        Query::Clause(clause) => write_clause(clause, text),
        Query::Joined(operator, left, right) => {
            // Operators have equal rank. Parentheses around a mixture are for people.
            operand(left, !matches!(&**left, Query::Joined(own, ..) if own != operator), text);
            text.push_str(match operator {
                Operator::And => " and ",
                Operator::Or => " or ",
                Operator::Not => " not ",
            });
            operand(right, matches!(**right, Query::Clause(_)), text);
        }
    }
}

fn operand(query: &Query, bare: bool, text: &mut String) {
    if bare {
        write(query, text);
    } else {
        text.push('(');
        write(query, text);
        text.push(')');
    }
}

fn write_clause(clause: &Clause, text: &mut String) {
    if clause.field != Field::Any || clause.relation != Relation::Phrase {
        text.push_str(names::name(clause.field));
        text.push(' ');
        text.push_str(names::relation_name(clause.relation));
        text.push(' ');
    }
    if !clause.term.is_empty() && clause.term.chars().all(is_plain) && !names::is_reserved(&clause.term) {
        text.push_str(&clause.term);
        return;
    }
    text.push('"');
    let mut escaped = false;
    for c in clause.term.chars() {
        if c == '"' {
            text.push('\\');
        }
        escaped = c == '\\' && !escaped;
        text.push(c);
    }
    // A backslash at the end would take the meaning of the closing mark.
    if escaped {
        text.push('\\');
    }
    text.push('"');
}
