//! Reads CQL.

use super::super::{Clause, Field, Limits, Operator, Problem, Query, QueryError, Relation, Sort};
use super::lexer::{Kind, Token, position, tokens};
use super::names;

/// A query with the order that it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The query.
    pub query: Query,
    /// The order of results; relevance if the query names none.
    pub sort: Sort,
}

/// Reads a query.
pub fn parse(text: &str) -> Result<Parsed, QueryError> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, clauses: 0 };
    if parser.tokens.is_empty() {
        return Err(QueryError { position: 1, problem: Problem::Empty });
    }
    let query = parser.query(0)?;
    let sort = parser.sort()?;
    match parser.peek() {
        None => Ok(Parsed { query, sort }),
        Some(Kind::Close) => Err(parser.expected("an operator or the end", "this parenthesis closes none: remove it")),
        Some(_) => Err(parser
            .expected("and, or, not or the end", "put several words in quotation marks, or an operator between them")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    clauses: usize,
}

impl Parser<'_> {
    /// Reads clauses and operators from left to right.
    fn query(&mut self, depth: usize) -> Result<Query, QueryError> {
        if depth > Limits::DEPTH {
            return Err(self.error(Problem::TooDeep));
        }
        let mut query = self.operand(depth)?;
        while let Some(operator) = self.operator()? {
            let right = self.operand(depth)?;
            query = query.joined(operator, right);
        }
        Ok(query)
    }

    fn operand(&mut self, depth: usize) -> Result<Query, QueryError> {
        if self.peek() != Some(&Kind::Open) {
            return self.clause().map(Query::Clause);
        }
        self.next += 1;
        let query = self.query(depth + 1)?;
        match self.peek() {
            Some(Kind::Close) => {
                self.next += 1;
                Ok(query)
            }
            _ => Err(self.expected("a closing parenthesis", "add one, or remove the opening one")),
        }
    }

    fn operator(&mut self) -> Result<Option<Operator>, QueryError> {
        let Some(Kind::Word(word)) = self.peek() else { return Ok(None) };
        let operator = match word.to_ascii_lowercase().as_str() {
            "and" => Operator::And,
            "or" => Operator::Or,
            "not" => Operator::Not,
            "prox" => return Err(self.error(Problem::Proximity)),
            _ => return Ok(None),
        };
        self.next += 1;
        if let Some(modifier) = self.modifiers()?.into_iter().next() {
            return Err(self.error_before(Problem::BooleanModifier(modifier)));
        }
        Ok(Some(operator))
    }

    /// Reads the modifiers after a relation or an operator: `/name` or `/name=value`.
    fn modifiers(&mut self) -> Result<Vec<String>, QueryError> {
        let mut modifiers = Vec::new();
        while self.peek() == Some(&Kind::Slash) {
            self.next += 1;
            let Some(Kind::Word(name)) = self.peek().cloned() else {
                return Err(self.expected("the name of a modifier", "write one after the slash, or quote the term"));
            };
            self.next += 1;
            modifiers.push(name);
            if let Some(Kind::Sign(_)) = self.peek()
                && let Some(Token { kind: Kind::Word(_) | Kind::Quoted(_), .. }) = self.tokens.get(self.next + 1)
            {
                self.next += 2;
            }
        }
        Ok(modifiers)
    }

    fn clause(&mut self) -> Result<Clause, QueryError> {
        self.clauses += 1;
        if self.clauses > Limits::CLAUSES {
            return Err(self.error(Problem::TooManyClauses));
        }
        let first = self.next;
        let Some(term) = self.term() else {
            return Err(self.expected("a word or an index", "write what is searched for"));
        };
        let Some(relation) = self.relation()? else {
            return self.checked(first, Clause { field: Field::Any, relation: Relation::Phrase, term });
        };
        if matches!(self.tokens[first].kind, Kind::Quoted(_)) {
            return Err(QueryError { position: self.place(first), problem: Problem::UnknownIndex(term) });
        }
        let field = names::field(&term).map_err(|problem| QueryError { position: self.place(first), problem })?;
        let place = self.next;
        let Some(term) = self.term() else {
            return Err(self.expected("a term", "write what the index is compared with"));
        };
        self.checked(place, Clause { field, relation, term })
    }

    fn checked(&self, place: usize, clause: Clause) -> Result<Clause, QueryError> {
        match clause.check() {
            Ok(()) => Ok(clause),
            Err(problem) => Err(QueryError { position: self.place(place), problem }),
        }
    }

    /// Takes a term: a quoted text, or a word that is no operator.
    fn term(&mut self) -> Option<String> {
        let term = match self.peek()? {
            Kind::Quoted(text) => text.clone(),
            Kind::Word(word) if !is_operator(word) => word.clone(),
            _ => return None,
        };
        self.next += 1;
        Some(term)
    }

    /// Takes a relation, if one stands here: signs, or a word that another term follows.
    fn relation(&mut self) -> Result<Option<Relation>, QueryError> {
        let name = match self.peek() {
            Some(Kind::Sign(sign)) => (*sign).to_owned(),
            Some(Kind::Word(word)) if !is_operator(word) && self.is_relation_word(word) => word.clone(),
            _ => return Ok(None),
        };
        let relation = names::relation(&name).map_err(|problem| self.error(problem))?;
        self.next += 1;
        for modifier in self.modifiers()? {
            let name = modifier.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
            if !["relevant", "ignorecase", "ignoreaccents", "word"].contains(&name.as_str()) {
                return Err(self.error_before(Problem::RelationModifier(modifier)));
            }
        }
        Ok(Some(relation))
    }

    fn is_relation_word(&self, word: &str) -> bool {
        let term_follows = match self.tokens.get(self.next + 1).map(|token| &token.kind) {
            Some(Kind::Quoted(_) | Kind::Slash) => true,
            Some(Kind::Word(word)) => !is_operator(word),
            _ => false,
        };
        term_follows && names::relation(word).is_ok()
    }

    fn sort(&mut self) -> Result<Sort, QueryError> {
        match self.peek() {
            Some(Kind::Word(word)) if word.eq_ignore_ascii_case("sortby") => self.next += 1,
            _ => return Ok(Sort::Relevance),
        }
        let Some(Kind::Word(key)) = self.peek().cloned() else {
            return Err(self.expected("an index", "name the index by which results are sorted"));
        };
        let field = names::field(&key).ok();
        self.next += 1;
        let modifiers = self.modifiers()?;
        let descending = modifiers.iter().any(|modifier| modifier.to_ascii_lowercase().ends_with("descending"));
        match (field, descending) {
            (Some(Field::Year), true) => Ok(Sort::Newest),
            (Some(Field::Year), false) => Ok(Sort::Oldest),
            (Some(Field::Title), true) => Ok(Sort::TitleDescending),
            (Some(Field::Title), false) => Ok(Sort::Title),
            _ => Err(self.error_before(Problem::UnknownSort(key))),
        }
    }

    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn place(&self, token: usize) -> usize {
        position(self.text, self.tokens.get(token).map_or(self.text.len(), |token| token.start))
    }

    fn error(&self, problem: Problem) -> QueryError {
        QueryError { position: self.place(self.next), problem }
    }

    fn error_before(&self, problem: Problem) -> QueryError {
        QueryError { position: self.place(self.next.saturating_sub(1)), problem }
    }

    fn expected(&self, expected: &'static str, advice: &'static str) -> QueryError {
        self.error(Problem::Expected { expected, advice })
    }
}

fn is_operator(word: &str) -> bool {
    ["and", "or", "not", "prox", "sortby"].iter().any(|operator| operator.eq_ignore_ascii_case(word))
}
