//! What every handler shares.

use std::sync::Arc;

use engine::Engine;

use crate::auth::ApiKeys;
use crate::exclusive::Exclusive;

/// The engine behind the API, and who may use it.
#[derive(Clone, Debug)]
pub struct WebState {
    pub(crate) engine: Arc<Engine>,
    pub(crate) keys: Arc<ApiKeys>,
    pub(crate) exclusive: Exclusive,
}

impl WebState {
    /// An API to `engine` for the holders of `keys`.
    pub fn new(engine: Arc<Engine>, keys: ApiKeys) -> Self {
        Self { engine, keys: Arc::new(keys), exclusive: Exclusive::default() }
    }
}
