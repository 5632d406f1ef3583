//! From what is stored of an institution to its library system.

use std::sync::Arc;

use lending::InstitutionCode;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::host::HostLms;
use crate::quota::CallObserver;
use crate::settings::SettingError;

/// What it takes to speak with an institution's library system.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Which institution.
    pub institution: InstitutionCode,
    /// The kind of system, one of [`kinds`].
    pub kind: String,
    /// The settings, a table whose keys depend on the kind.
    pub settings: Value,
    /// The key or password.
    pub credentials: SecretString,
}

/// One kind of library system that the hub knows.
pub(crate) struct Adapter {
    /// Its name in an institution's `kind`.
    pub(crate) kind: &'static str,
    /// Complete settings, as an example.
    pub(crate) example_settings: fn() -> Value,
    /// The origin (scheme, host and port) to which settings with this base URL send the key.
    pub(crate) origin: fn(&str) -> Option<String>,
    /// Makes the adapter from an institution's settings and key.
    pub(crate) connect: Connect,
}

type Connect = fn(
    InstitutionCode,
    &Map<String, Value>,
    SecretString,
    Option<CallObserver>,
) -> Result<Arc<dyn HostLms>, Vec<SettingError>>;

/// The kinds of library systems. Another system is a module of this crate and a line here.
const ADAPTERS: [Adapter; 1] = [crate::alma::ADAPTER];

/// Returns the names of the kinds of library systems that the hub knows.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    ADAPTERS.iter().map(|adapter| adapter.kind)
}

/// Returns a kind of library system and complete settings for it, as an example for documentation.
pub fn example() -> (&'static str, Value) {
    let [adapter, ..] = ADAPTERS;
    (adapter.kind, (adapter.example_settings)())
}

impl Connection {
    fn adapter(&self) -> Option<&'static Adapter> {
        const ALL: &[Adapter] = &ADAPTERS;
        ALL.iter().find(|adapter| adapter.kind == self.kind)
    }

    /// Where the key is sent: kind of system, scheme, host and port. Nothing where the settings don't say so.
    ///
    /// A stored key is for the origin that it was stored with, and never goes to another one.
    pub fn origin(&self) -> Option<String> {
        let (adapter, base_url) = (self.adapter()?, self.settings.get("base_url")?.as_str()?);
        (adapter.origin)(base_url).map(|origin| format!("{} {origin}", adapter.kind))
    }
}

/// Why no connection can be made from what is stored.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No adapter of this kind.
    #[error("institution {institution}: its kind is no library system that Consort knows; it knows: {}", known())]
    UnknownKind {
        /// Which institution.
        institution: InstitutionCode,
    },
    /// The settings have faults.
    #[error("institution {institution} can't be used until its settings are put right:\n{}", list(.faults))]
    Settings {
        /// Which institution.
        institution: InstitutionCode,
        /// All of them.
        faults: Vec<SettingError>,
    },
}

fn known() -> String {
    kinds().collect::<Vec<_>>().join(", ")
}

fn list(faults: &[SettingError]) -> String {
    faults.iter().map(|fault| format!("  - {fault}")).collect::<Vec<_>>().join("\n")
}

/// Makes the adapter for an institution. Nothing is sent yet.
///
/// # Errors
///
/// Settings with faults, all reported at once.
pub fn connect(connection: &Connection) -> Result<Arc<dyn HostLms>, ConnectError> {
    connect_observed(connection, None)
}

/// The same, with somebody who is reported about every call.
///
/// # Errors
///
/// As [`connect`].
pub fn connect_observed(
    connection: &Connection,
    observer: Option<CallObserver>,
) -> Result<Arc<dyn HostLms>, ConnectError> {
    let institution = connection.institution.clone();
    let Some(adapter) = connection.adapter() else { return Err(ConnectError::UnknownKind { institution }) };
    let Value::Object(table) = &connection.settings else {
        let fault = SettingError { key: "settings".to_owned(), message: "must be a table.".to_owned() };
        return Err(ConnectError::Settings { institution, faults: vec![fault] });
    };
    (adapter.connect)(institution.clone(), table, connection.credentials.clone(), observer)
        .map_err(|faults| ConnectError::Settings { institution, faults })
}
