//! Authentication: API keys, of which the hub knows only digests.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::Problem;
use crate::state::WebState;

/// The keys of the API, each with a name. Only digests are kept.
#[derive(Default)]
pub struct ApiKeys {
    keys: Vec<(Arc<str>, [u8; 32])>,
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(name, _)| name)).finish()
    }
}

impl ApiKeys {
    /// Creates the set from keys by name. Timelines show the name as the actor.
    pub fn new(keys: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        let keys = keys.into_iter().map(|(name, key)| (Arc::from(name), digest(key.expose_secret())));
        Self { keys: keys.collect() }
    }

    /// Returns the name of a key. Takes the same time for every known or unknown key.
    fn holder(&self, key: &str) -> Option<Arc<str>> {
        let presented = digest(key);
        let mut holder = None;
        for (name, known) in &self.keys {
            if bool::from(known.ct_eq(&presented)) {
                holder = Some(Arc::clone(name));
            }
        }
        holder
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// The name of the key with which a call was made.
#[derive(Clone, Debug)]
pub(crate) struct Actor(Arc<str>);

impl Actor {
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self(name.into())
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::no_key)
    }
}

/// Lets a call pass if it has a valid key.
pub(crate) async fn guard(State(state): State<WebState>, mut call: Request, next: Next) -> Result<Response, Problem> {
    let holder = bearer(&call).map(|key| state.keys.holder(key));
    match holder {
        None => Err(Problem::no_key()),
        Some(None) => Err(Problem::unknown_key()),
        Some(Some(name)) => {
            call.extensions_mut().insert(Actor(name));
            // The handlers don't need the key.
            call.headers_mut().remove(AUTHORIZATION);
            Ok(next.run(call).await)
        }
    }
}

fn bearer(call: &Request) -> Option<&str> {
    let (scheme, key) = call.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_known_by_its_holder_and_debug_shows_names_alone() {
        let keys =
            ApiKeys::new([("discovery".to_owned(), "correct horse".into()), ("desk".to_owned(), "battery".into())]);
        assert_eq!(keys.holder("correct horse").as_deref(), Some("discovery"));
        assert_eq!(keys.holder("battery").as_deref(), Some("desk"));
        assert_eq!(keys.holder("correct hors"), None);
        assert_eq!(keys.holder(""), None);
        assert_eq!(format!("{keys:?}"), r#"["discovery", "desk"]"#);
    }
}
