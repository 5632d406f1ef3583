//! A query as both languages give it: clauses joined by `and`, `or` and `not`.

pub mod cql;
mod error;
pub mod plain;
mod terms;

pub use error::{Problem, QueryError};
pub(crate) use terms::{Mask, Part, parts, without_escapes};

use serde::{Deserialize, Serialize};

/// Limits of a query, in both languages.
#[derive(Debug, Clone, Copy)]
pub struct Limits;

impl Limits {
    /// The longest query in bytes.
    pub const BYTES: usize = 4000;
    /// The most clauses of a query.
    pub const CLAUSES: usize = 64;
    /// The most parentheses inside each other.
    pub const DEPTH: usize = 16;
    /// The most words of one clause.
    pub const WORDS: usize = 64;
}

/// The query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// One condition.
    Clause(Clause),
    /// Two queries joined by a boolean operator.
    Joined(Operator, Box<Query>, Box<Query>),
}

/// A boolean operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Both queries match.
    And,
    /// At least one of the queries matches.
    Or,
    /// The left query matches, and the right one doesn't.
    Not,
}

/// One condition: a field compared with a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Where the term is searched.
    pub field: Field,
    /// How it is compared.
    pub relation: Relation,
    /// The term. `*` stands for any letters and `?` for one; a backslash takes this meaning from the character after it.
    pub term: String,
}

/// A part of a title's data that can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// All words, and identifiers in any usual form.
    Any,
    /// Titles in all their forms and scripts.
    Title,
    /// Persons, bodies and meetings.
    Author,
    /// Subject headings.
    Subject,
    /// Publishers and their places.
    Publisher,
    /// Series.
    Series,
    /// Notes, contents, summaries.
    Note,
    /// ISBN, of 10 or 13 characters.
    Isbn,
    /// ISSN.
    Issn,
    /// Any number that identifies a title or one of its records.
    Identifier,
    /// The id of the title in this catalogue.
    Id,
    /// The format.
    Format,
    /// The language, as MARC code.
    Language,
    /// The year of publication.
    Year,
    /// An agency that holds the title.
    Agency,
    /// An institution whose record describes the title.
    Institution,
    /// Every title, whatever the term.
    All,
}

impl Field {
    /// Returns whether the field has words, which can be compared one by one.
    #[must_use]
    pub fn has_words(self) -> bool {
        matches!(
            self,
            Self::Any | Self::Title | Self::Author | Self::Subject | Self::Publisher | Self::Series | Self::Note
        )
    }
}

/// How a term is compared with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The words of the term stand one after the other.
    Phrase,
    /// All words of the term occur.
    All,
    /// One of the words of the term occurs.
    Any,
    /// The term is the whole field.
    Whole,
    /// The year is before the term.
    Less,
    /// The year is that of the term or before it.
    LessOrEqual,
    /// The year is after the term.
    Greater,
    /// The year is that of the term or after it.
    GreaterOrEqual,
    /// The year lies between the two years of the term, or is one of them.
    Within,
}

/// The order of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The best match first.
    #[default]
    Relevance,
    /// The latest year first, titles without a year last.
    Newest,
    /// The earliest year first, titles without a year last.
    Oldest,
    /// By title, without the article at its beginning.
    Title,
    /// By title, backwards.
    TitleDescending,
}

impl Query {
    /// Creates a query of one clause.
    pub fn clause(field: Field, relation: Relation, term: impl Into<String>) -> Self {
        Self::Clause(Clause { field, relation, term: term.into() })
    }

    /// Joins two queries.
    #[must_use]
    pub fn joined(self, operator: Operator, right: Self) -> Self {
        Self::Joined(operator, Box::new(self), Box::new(right))
    }

    /// Returns the clauses that a result has to or may match, in their order.
    #[must_use]
    pub fn wanted(&self) -> Vec<&Clause> {
        let mut clauses = Vec::new();
        self.collect_wanted(&mut clauses);
        clauses
    }

    fn collect_wanted<'a>(&'a self, clauses: &mut Vec<&'a Clause>) {
        match self {
            Self::Clause(clause) => clauses.push(clause),
            Self::Joined(operator, left, right) => {
                left.collect_wanted(clauses);
                if *operator != Operator::Not {
                    right.collect_wanted(clauses);
                }
            }
        }
    }

    /// Returns the query with its terms replaced.
    #[must_use]
    pub fn with_terms(&self, replace: &impl Fn(&Clause) -> String) -> Self {
        match self {
            Self::Clause(clause) => Self::Clause(Clause { term: replace(clause), ..clause.clone() }),
            Self::Joined(operator, left, right) => {
                left.with_terms(replace).joined(*operator, right.with_terms(replace))
            }
        }
    }
}

impl Clause {
    /// Returns the years of the clause, as first and last year that match.
    pub(crate) fn years(&self) -> Result<(u64, u64), Problem> {
        let mut years = Vec::new();
        for word in self.term.split([' ', '-', '.', '/']).filter(|word| !word.is_empty()) {
            years.push(word.parse::<u16>().map_err(|_| Problem::NoYear(word.chars().take(40).collect()))?);
        }
        let end = u64::from(u16::MAX);
        let (first, last) = match years.as_slice() {
            [year] => (u64::from(*year), u64::from(*year)),
            [first, last] => (u64::from(*first), u64::from(*last)),
            _ => return Err(Problem::NoYear(self.term.chars().take(40).collect())),
        };
        Ok(match self.relation {
            Relation::Less => (0, first.saturating_sub(1)),
            Relation::LessOrEqual => (0, last),
            Relation::Greater => (last + 1, end),
            Relation::GreaterOrEqual => (first, end),
            _ => (first, last),
        })
    }

    /// Checks what a parser can't see: whether the relation and the term fit the field.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match self.field {
            Field::All => Ok(()),
            Field::Year => self.years().map(drop),
            _ if matches!(
                self.relation,
                Relation::Less
                    | Relation::LessOrEqual
                    | Relation::Greater
                    | Relation::GreaterOrEqual
                    | Relation::Within
            ) =>
            {
                Err(Problem::NoOrder)
            }
            field if field.has_words() => terms::check(self),
            _ if self.term.chars().any(char::is_alphanumeric) => Ok(()),
            _ => Err(Problem::NoWord),
        }
    }
}
