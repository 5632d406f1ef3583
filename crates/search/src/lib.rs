//! The search index of the shared catalogue.
//!
//! A [`Document`] is one title: a group of records of one edition and format. The [`Index`] is a projection of the
//! catalogue in one directory. It can be rebuilt at any time, and each commit holds the position of the catalogue's change
//! feed that it reflects, so index and position can't disagree.
//!
//! - [`Index::open`], [`Index::apply`], [`Index::rebuild`]: keep the index up to date.
//! - [`Index::search`]: a page of titles with exact counts, facets and advice, for a [`Search`].
//! - [`plain::parse`], [`cql::parse`]: the two query languages. Both give a [`Query`].
//! - [`sru::answer`]: SRU 1.2, from the parameters of a request to XML.
//!
//! Input from outside is limited: the length and depth of queries ([`query::Limits`]), pages ([`MOST_HITS`]), and the
//! text of one document ([`MOST_TEXT`]).

mod analysis;
mod document;
mod error;
mod index;
pub mod query;
mod search;
pub mod sru;

/// Writes a record as MARCXML in its namespace.
#[must_use]
pub fn marcxml(record: &marc::CompactRecord) -> String {
    marc::marcxml::write(&record.to_record(), marc::marcxml::Namespace::Slim).content
}

pub use document::{Brief, Document, Identifier, IdentifierKind, MOST_TEXT, Member};
pub use error::Error;
pub use index::{Change, Found, Index, Rebuild};
pub use query::{Clause, Field, Operator, Query, QueryError, Relation, Sort, cql, plain};
pub use search::{Advice, Answer, Completion, FacetValue, Facets, Filters, LAST_HIT, MOST_HITS, Search};
