//! The words and masks in the term of a clause.

use super::{Clause, Limits, Problem, Relation};
use crate::analysis::{Choice, choices};

/// Fewest letters before the first mask of a word. Fewer would match too much of the vocabulary.
const LETTERS_BEFORE_MASK: usize = 2;

/// One part of a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// A text, with the ways in which it can be found.
    Text(String, Vec<Choice>),
    /// A word with masks.
    Masked(Vec<Mask>),
}

/// A piece of a masked word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mask {
    /// Folded letters.
    Letters(String),
    /// Any number of letters.
    Many,
    /// One letter.
    One,
}

/// Returns the parts of a clause's term: the whole term for a phrase, its words otherwise. Texts without words are left out.
pub(crate) fn parts(clause: &Clause) -> Vec<Part> {
    let words: Vec<&str> = clause.term.split_whitespace().collect();
    let whole = matches!(clause.relation, Relation::Phrase | Relation::Whole) && words.len() != 1;
    if whole {
        return text(&clause.term).into_iter().collect();
    }
    words
        .into_iter()
        .filter_map(|word| if is_masked(word) { Some(Part::Masked(masks(word))) } else { text(word) })
        .collect()
}

fn text(term: &str) -> Option<Part> {
    let text = without_escapes(term);
    let choices = choices(&text);
    (!choices.is_empty()).then_some(Part::Text(text, choices))
}

/// Returns whether a term has a mask that isn't escaped.
fn is_masked(term: &str) -> bool {
    unescaped(term).any(|(_, c, escaped)| !escaped && matches!(c, '*' | '?'))
}

/// Returns a term as it is meant, without backslashes. Masks become blanks.
pub(crate) fn without_escapes(term: &str) -> String {
    unescaped(term).map(|(_, c, escaped)| if !escaped && matches!(c, '*' | '?') { ' ' } else { c }).collect()
}

/// Yields the characters of a term with their places, and whether a backslash stands before them.
fn unescaped(term: &str) -> impl Iterator<Item = (usize, char, bool)> + '_ {
    let mut characters = term.char_indices();
    std::iter::from_fn(move || match characters.next()? {
        (_, '\\') => characters.next().map(|(place, c)| (place, c, true)),
        (place, c) => Some((place, c, false)),
    })
}

fn masks(word: &str) -> Vec<Mask> {
    let mut masks = Vec::new();
    let mut letters = String::new();
    let end = |letters: &mut String, masks: &mut Vec<Mask>| {
        let folded = crate::analysis::folded(letters).replace(' ', "");
        if !folded.is_empty() {
            masks.push(Mask::Letters(folded));
        }
        letters.clear();
    };
    for (_, c, escaped) in unescaped(word) {
        match c {
            '*' if !escaped => {
                end(&mut letters, &mut masks);
                if masks.last() != Some(&Mask::Many) {
                    masks.push(Mask::Many);
                }
            }
            '?' if !escaped => {
                end(&mut letters, &mut masks);
                masks.push(Mask::One);
            }
            c => letters.push(c),
        }
    }
    end(&mut letters, &mut masks);
    masks
}

/// Checks the term of a clause on a field with words.
pub(super) fn check(clause: &Clause) -> Result<(), Problem> {
    let words = clause.term.split_whitespace().count();
    if words > Limits::WORDS {
        return Err(Problem::TooManyWords);
    }
    if unescaped(&clause.term).any(|(_, c, escaped)| c == '^' && !escaped) {
        return Err(Problem::Anchor);
    }
    let phrase = clause.relation == Relation::Whole || (clause.relation == Relation::Phrase && words > 1);
    if phrase && is_masked(&clause.term) {
        return Err(Problem::MaskInPhrase);
    }
    let parts = parts(clause);
    for part in &parts {
        if let Part::Masked(masks) = part {
            match masks.first() {
                Some(Mask::Letters(letters)) if letters.chars().count() >= LETTERS_BEFORE_MASK => {}
                _ => return Err(Problem::MaskTooEarly),
            }
        }
    }
    let positions: usize =
        parts.iter().map(|part| if let Part::Text(_, choices) = part { choices[0].len() } else { 1 }).sum();
    match positions {
        0 => Err(Problem::NoWord),
        1..=Limits::WORDS => Ok(()),
        _ => Err(Problem::TooManyWords),
    }
}
