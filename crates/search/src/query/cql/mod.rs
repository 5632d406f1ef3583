//! CQL 1.2, the query language of SRU: as much of it as catalogues are asked for.
//!
//! Supported are index, relation and term, the operators `and`, `or` and `not` (of equal rank, from left to right), parentheses,
//! quoted terms, the relations `=`, `==`, `exact`, `adj`, `all`, `any`, `<`, `<=`, `>`, `>=` and `within`, the masks `*` and `?`, and
//! `sortby` with one key. Source: the CQL 1.2 grammar of the Library of Congress.

mod lexer;
mod names;
mod parser;
mod print;

pub use names::{CONTEXT_SETS, ContextSet, INDEXES, IndexName};
pub use parser::{Parsed, parse};
pub use print::print;

#[cfg(test)]
mod tests;
