//! Authentication: API keys, of which the hub knows only digests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use access::{Caller, Role};
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cache::Cache;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use store::{ApiKey, Store};
use subtle::ConstantTimeEq;
use tracing::warn;
use uuid::Uuid;

use crate::client::ClientAddress;
use crate::problem::Problem;
use crate::state::WebState;
use crate::wrong_keys::WrongKeys;

/// How long the keys of the store are remembered. A node learns of a key that another one revoked within this time.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(2);
/// How often the use of a key is written down.
const USE_NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The keys of the API that the configuration names, each with its caller. Only digests are kept.
#[derive(Default)]
pub struct ApiKeys {
    keys: Vec<(Arc<Caller>, [u8; 32])>,
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(caller, _)| caller.name())).finish()
    }
}

impl ApiKeys {
    /// Creates the set from keys by name, with the role of the consortium admin. Timelines show the name as the actor.
    pub fn new(keys: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        let admin = |name: String| Caller::new(name, Role::ConsortiumAdmin, []);
        keys.into_iter().fold(Self::default(), |keys, (name, key)| keys.with(admin(name), &key))
    }

    /// Adds a key of a caller.
    #[must_use]
    pub fn with(mut self, caller: Caller, key: &SecretString) -> Self {
        self.keys.push((Arc::new(caller), digest(key.expose_secret().trim())));
        self
    }

    /// Returns whether a key has this name.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.keys.iter().any(|(caller, _)| caller.name() == name)
    }

    /// Returns the caller of a key. Takes the same time for every known or unknown key.
    fn caller(&self, key: &str) -> Option<Arc<Caller>> {
        let presented = digest(key);
        let mut found = None;
        for (caller, known) in &self.keys {
            if bool::from(known.ct_eq(&presented)) {
                found = Some(Arc::clone(caller));
            }
        }
        found
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// A key of the store.
#[derive(Debug)]
struct StoredKey {
    id: Uuid,
    caller: Arc<Caller>,
    expires_at: Option<Timestamp>,
}

type StoredKeys = HashMap<String, StoredKey>;

/// All keys: those of the configuration, and those of the store as last read.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) configured: ApiKeys,
    stored: Cache<(), Arc<StoredKeys>>,
    /// When the use of each key was written down last.
    uses: Mutex<HashMap<Uuid, Timestamp>>,
    wrong: WrongKeys,
}

impl Keys {
    pub(crate) fn new(configured: ApiKeys) -> Self {
        let (stored, uses, wrong) = (Cache::new(REMEMBERED), Mutex::default(), WrongKeys::default());
        Self { configured, stored, uses, wrong }
    }

    /// Forgets the keys of the store, since they have changed.
    pub(crate) fn forget(&self) {
        self.stored.clear();
    }

    async fn stored(&self, store: &Store, now: Timestamp) -> Result<Arc<StoredKeys>, Problem> {
        if let Some(known) = self.stored.get(&(), now) {
            return Ok(known);
        }
        let generation = self.stored.generation();
        let read = store.api_keys().await?.into_iter().map(|key| {
            let ApiKey { id, name, digest, role, agencies, expires_at, .. } = key;
            (digest, StoredKey { id, caller: Arc::new(Caller::new(name, role, agencies)), expires_at })
        });
        let read: Arc<StoredKeys> = Arc::new(read.collect());
        self.stored.insert_read(generation, (), Arc::clone(&read), now);
        Ok(read)
    }

    /// Returns the caller of a key, if the key is known and valid.
    async fn caller(&self, store: &Store, key: &str, now: Timestamp) -> Result<Option<Arc<Caller>>, Problem> {
        if let Some(caller) = self.configured.caller(key) {
            return Ok(Some(caller));
        }
        let stored = self.stored(store, now).await?;
        let Some(found) = stored.get(&store::api_key_digest(key)) else { return Ok(None) };
        if found.expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        self.note_use(store, found.id, now);
        Ok(Some(Arc::clone(&found.caller)))
    }

    /// Writes down that a key was used, once a minute at most. No call waits for it.
    fn note_use(&self, store: &Store, id: Uuid, now: Timestamp) {
        let mut uses = self.uses.lock();
        if uses.get(&id).is_some_and(|at| cache::is_fresh(*at, USE_NOTED_EVERY, now)) {
            return;
        }
        uses.insert(id, now);
        drop(uses);
        let store = store.clone();
        tokio::spawn(async move {
            let mut unit = store.unit();
            unit.note_api_key_use(id, now);
            if let Err(error) = store.commit(unit).await {
                warn!(%error, "the last use of an API key can't be written down");
            }
        });
    }
}

/// A user who has signed in, as the extension of a call that the hub's own pages make in process. No client can send it.
#[derive(Clone, Debug)]
pub struct SignedIn(pub Arc<Caller>);

/// The name of the key with which a call was made.
#[derive(Clone, Debug)]
pub(crate) struct Actor(Arc<Caller>);

impl Actor {
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self(Arc::new(Caller::new(name, Role::ConsortiumAdmin, [])))
    }

    pub(crate) fn new(caller: Arc<Caller>) -> Self {
        Self(caller)
    }

    pub(crate) fn name(&self) -> &str {
        self.0.name()
    }
}

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::no_key)
    }
}

/// Returns the caller of a call, or `None` if it has no key. A wrong key is answered after a delay that grows with each
/// one from the same address; other callers don't wait for it.
///
/// # Errors
///
/// Fails if the key is unknown, or the store can't be read.
pub(crate) async fn authenticate(
    state: &WebState,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Option<Arc<Caller>>, Problem> {
    if let Some(SignedIn(caller)) = extensions.get() {
        return Ok(Some(Arc::clone(caller)));
    }
    match bearer(headers) {
        Some(key) => authenticate_key(state, key, extensions).await.map(Some),
        None => Ok(None),
    }
}

/// Returns the caller of a key, or refuses a wrong one after its delay.
async fn authenticate_key(state: &WebState, key: &str, extensions: &Extensions) -> Result<Arc<Caller>, Problem> {
    let now = state.engine.clock().now();
    if let Some(caller) = state.keys.caller(state.engine.store(), key, now).await? {
        return Ok(caller);
    }
    state.engine.count_wrong_key();
    state.keys.wrong.delay(address(extensions), now).await;
    Err(Problem::unknown_key())
}

/// Returns the caller of a call whose key is a bearer token or the password of HTTP Basic; otherwise as [`authenticate`].
///
/// # Errors
///
/// As [`authenticate`].
pub(crate) async fn authenticate_basic(
    state: &WebState,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Option<Arc<Caller>>, Problem> {
    match basic_password(headers) {
        None => authenticate(state, headers, extensions).await,
        Some(key) => authenticate_key(state, &key, extensions).await.map(Some),
    }
}

/// Returns the password of HTTP Basic. An empty one counts as none.
fn basic_password(headers: &HeaderMap) -> Option<String> {
    let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64.decode(credentials.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(_, password)| password.trim().to_owned()).filter(|password| !password.is_empty())
}

/// Returns the address of the client that made a call, if the server noted it.
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ClientAddress>().map(|client| client.0)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_known_by_its_holder_and_debug_shows_names_alone() {
        let keys =
            ApiKeys::new([("discovery".to_owned(), "correct horse".into()), ("desk".to_owned(), "battery".into())]);
        let holder = |key: &str| keys.caller(key).map(|caller| caller.name().to_owned());
        assert_eq!(holder("correct horse").as_deref(), Some("discovery"));
        assert_eq!(holder("battery").as_deref(), Some("desk"));
        assert_eq!(holder("correct hors"), None);
        assert_eq!(holder(""), None);
        assert_eq!(format!("{keys:?}"), r#"["discovery", "desk"]"#);
    }
}
