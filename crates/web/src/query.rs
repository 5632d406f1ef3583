//! Reading query parameters, with all faults at once.

use std::ops::RangeInclusive;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use crate::input::checked_text;
use crate::path::is_code;
use crate::problem::{FieldError, Problem};

/// Query parameters, read one by one. What is never asked for is a fault.
#[derive(Debug)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    faults: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = read.map_err(|_| Problem::bad_request("INVALID_QUERY", "The query can't be read."))?;
        Ok(Self { pairs, known: Vec::new(), faults: Vec::new() })
    }
}

impl Params {
    pub(crate) fn error(&mut self, key: &str, code: &'static str, message: impl Into<String>) {
        self.faults.push(FieldError::new(key, code, message));
    }

    /// Every value of a parameter that may be given several times, or as a list with commas.
    pub(crate) fn all(&mut self, key: &'static str) -> Vec<String> {
        self.known.push(key);
        let mut values = Vec::new();
        self.pairs.retain(|(name, value)| {
            if name != key {
                return true;
            }
            values.extend(value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
            false
        });
        values
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one(&mut self, key: &'static str) -> Option<String> {
        self.known.push(key);
        let (mine, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pairs).into_iter().partition(|(name, _)| name == key);
        self.pairs = others;
        if mine.len() > 1 {
            self.error(key, "REPEATED", "It is given more than once.");
        }
        mine.into_iter().next().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// `true` or `false`; false where it is left out.
    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        match self.one(key).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.error(key, "WRONG_TYPE", "It must be true or false.");
                false
            }
        }
    }

    /// A whole number of a range.
    pub(crate) fn number(&mut self, key: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let Some(text) = self.one(key) else { return default };
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let message = format!("It must be a whole number from {} to {}.", range.start(), range.end());
                self.error(key, "OUT_OF_RANGE", message);
                default
            }
        }
    }

    /// A text of people.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        match checked_text(&self.one(key)?) {
            Ok(text) => Some(text),
            Err((code, message)) => {
                self.error(key, code, message);
                None
            }
        }
    }

    /// A code as the hub gives to institutions and the like.
    pub(crate) fn code(&mut self, key: &'static str) -> Option<String> {
        let code = self.one(key)?;
        if is_code(&code) {
            Some(code)
        } else {
            self.error(key, "INVALID_CODE", "This is no code.");
            None
        }
    }

    /// All faults; what was not asked for is one.
    pub(crate) fn finish(mut self) -> Vec<FieldError> {
        let known = if self.known.is_empty() { "none".to_owned() } else { self.known.join(", ") };
        let unknown: Vec<String> = self.pairs.iter().map(|(key, _)| key.chars().take(64).collect()).collect();
        for key in unknown {
            self.error(&key, "UNKNOWN_PARAMETER", format!("There is no such parameter here. Parameters are: {known}."));
        }
        self.faults
    }
}
