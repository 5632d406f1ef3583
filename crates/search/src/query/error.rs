//! The fault of a query, its place, and the way to correct it.

use super::Limits;

/// A query that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {problem}")]
pub struct QueryError {
    /// The number of the character at which the problem was found, from 1.
    pub position: usize,
    /// The problem.
    pub problem: Problem,
}

/// A reason why a query isn't understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is no query.
    #[error("the query is empty: write at least one word")]
    Empty,
    /// The query is too long.
    #[error("the query is longer than {} bytes: shorten it", Limits::BYTES)]
    TooLong,
    /// The query has too many clauses.
    #[error("the query has more than {} conditions: leave some out", Limits::CLAUSES)]
    TooManyClauses,
    /// The parentheses are nested too deeply.
    #[error("parentheses stand more than {} deep: make the query flatter", Limits::DEPTH)]
    TooDeep,
    /// A clause has too many words.
    #[error("a term has more than {} words: shorten it", Limits::WORDS)]
    TooManyWords,
    /// All parts of the query are excluded.
    #[error("the query only says what is not wanted: add a word that is")]
    NothingWanted,
    /// Something else was expected.
    #[error("{expected} is expected here: {advice}")]
    Expected {
        /// What was expected.
        expected: &'static str,
        /// How to go on.
        advice: &'static str,
    },
    /// A quotation mark is missing.
    #[error("the text that begins here has no closing quotation mark: add one")]
    OpenQuote,
    /// An index isn't known.
    #[error("there is no index {0:?}: use one of those that the SRU explain answer and docs/search.md list")]
    UnknownIndex(String),
    /// A context set isn't known.
    #[error("there is no context set {0:?}: use dc, cql, bath, rec or none")]
    UnknownContextSet(String),
    /// A relation isn't known.
    #[error("there is no relation {0:?}: use =, ==, exact, adj, all, any, <, <=, >, >= or within")]
    UnknownRelation(String),
    /// A relation modifier isn't supported.
    #[error("the modifier {0:?} of a relation isn't supported: leave it out")]
    RelationModifier(String),
    /// A boolean operator isn't supported.
    #[error("the operator `prox` isn't supported: write a phrase in quotation marks")]
    Proximity,
    /// A modifier of a boolean operator isn't supported.
    #[error("the modifier {0:?} of a boolean operator isn't supported: leave it out")]
    BooleanModifier(String),
    /// An index that results can't be sorted by.
    #[error("results can't be sorted by {0:?}: sort by title or date")]
    UnknownSort(String),
    /// A term without letters or digits.
    #[error("the term has no letter and no digit: write a word")]
    NoWord,
    /// A masked word with too few letters.
    #[error("a word with * or ? needs at least two letters before the first of them: write more of the word")]
    MaskTooEarly,
    /// A mask in a place where it isn't supported.
    #[error("* and ? can't stand in a phrase or a whole field: use the relation `all`, or leave them out")]
    MaskInPhrase,
    /// An anchor.
    #[error("the anchor ^ isn't supported: leave it out, or write \\^ for the character")]
    Anchor,
    /// A year that isn't one.
    #[error("{0:?} is no year: write four digits, such as 1999")]
    NoYear(String),
    /// An order relation for a field that has none.
    #[error("only years can be compared by <, <=, >, >= and within: use = here")]
    NoOrder,
}
