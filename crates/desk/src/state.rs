//! The state that all pages share.

use std::sync::Arc;

use engine::{Clock, Engine, Ids};
use secrecy::SecretString;
use store::Store;

use crate::attempts::Attempts;
use crate::first_code::new_code;
use crate::seen::Seen;

/// The hub behind the pages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    engine: Arc<Engine>,
    api: axum::Router,
    attempts: Attempts,
    seen: Seen,
    first_code: SecretString,
    consortium: String,
    is_secure: bool,
}

impl Desk {
    /// Creates the state of pages that show what `api` answers. `consortium` is the name that the sign-in page shows.
    /// `is_secure` is whether browsers reach the hub by HTTPS alone: its cookies are marked so then.
    pub fn new(engine: Arc<Engine>, api: axum::Router, consortium: String, is_secure: bool) -> Self {
        let first_code = new_code(engine.ids());
        let (attempts, seen) = (Attempts::default(), Seen::default());
        Self(Arc::new(Parts { engine, api, attempts, seen, first_code, consortium, is_secure }))
    }

    pub(crate) fn store(&self) -> &Store {
        self.0.engine.store()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.0.engine.clock()
    }

    pub(crate) fn ids(&self) -> &Ids {
        self.0.engine.ids()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn api(&self) -> &axum::Router {
        &self.0.api
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.0.seen
    }

    pub(crate) fn consortium(&self) -> &str {
        &self.0.consortium
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.0.is_secure
    }

    /// Returns whether there is no user yet.
    pub(crate) async fn is_without_users(&self) -> Result<bool, store::Error> {
        Ok(self.store().users().await?.is_empty())
    }

    /// Returns the code with which the first user is made, for the hub's log.
    pub fn first_code(&self) -> &SecretString {
        &self.0.first_code
    }
}
