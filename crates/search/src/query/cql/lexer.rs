//! The tokens of CQL.

use winnow::ascii::multispace0;
use winnow::combinator::{alt, delimited, fail, preceded, repeat};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, none_of, one_of, take_while};

use super::super::{Limits, Problem, QueryError};

/// A token with the byte at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) kind: Kind,
}

/// A kind of token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Slash,
    /// A comparison written in signs.
    Sign(&'static str),
    /// A word without quotation marks.
    Word(String),
    /// A text in quotation marks.
    Quoted(String),
}

type Input<'a> = LocatingSlice<&'a str>;

/// Splits a query into its tokens.
pub(super) fn tokens(query: &str) -> Result<Vec<Token>, QueryError> {
    if query.len() > Limits::BYTES {
        return Err(QueryError { position: 1, problem: Problem::TooLong });
    }
    let mut input = LocatingSlice::new(query);
    let read: ModalResult<Vec<Token>> = repeat(0.., preceded(multispace0, token)).parse_next(&mut input);
    let tokens = read.unwrap_or_default();
    let _: ModalResult<&str> = multispace0.parse_next(&mut input);
    // All characters but an open quotation mark begin a token.
    match input.is_empty() {
        true => Ok(tokens),
        false => {
            Err(QueryError { position: position(query, input.current_token_start()), problem: Problem::OpenQuote })
        }
    }
}

/// Returns the number of the character at a byte, from 1.
pub(super) fn position(query: &str, byte: usize) -> usize {
    query.char_indices().take_while(|(start, _)| *start < byte).count() + 1
}

fn token(input: &mut Input<'_>) -> ModalResult<Token> {
    let start = input.current_token_start();
    let kind = alt((
        '('.value(Kind::Open),
        ')'.value(Kind::Close),
        '/'.value(Kind::Slash),
        sign.map(Kind::Sign),
        quoted.map(Kind::Quoted),
        word.map(Kind::Word),
    ))
    .parse_next(input)?;
    Ok(Token { start, kind })
}

fn sign(input: &mut Input<'_>) -> ModalResult<&'static str> {
    alt((
        "==".value("=="),
        "=".value("="),
        "<=".value("<="),
        ">=".value(">="),
        "<>".value("<>"),
        "<".value("<"),
        ">".value(">"),
        fail,
    ))
    .parse_next(input)
}

/// Reads a quoted text. A backslash before a quotation mark is removed; other backslashes belong to the term.
fn quoted(input: &mut Input<'_>) -> ModalResult<String> {
    let character = alt((
        preceded('\\', any).map(|c: char| if c == '"' { (None, c) } else { (Some('\\'), c) }),
        none_of('"').map(|c| (None, c)),
    ));
    let text = repeat(0.., character).fold(String::new, |mut text, (before, c)| {
        text.extend(before);
        text.push(c);
        text
    });
    delimited('"', text, one_of('"')).parse_next(input)
}

fn word(input: &mut Input<'_>) -> ModalResult<String> {
    take_while(1.., is_plain).map(str::to_owned).parse_next(input)
}

/// Returns whether a character can stand in a word without quotation marks.
pub(super) fn is_plain(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '(' | ')' | '=' | '<' | '>' | '"' | '/')
}
