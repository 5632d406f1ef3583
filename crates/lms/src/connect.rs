//! Connects to an institution's library system with its stored settings and credentials.

use std::sync::Arc;

use lending::InstitutionCode;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::host::HostLms;
use crate::pseudonym::PseudonymKey;
use crate::quota::CallObserver;
use crate::settings::SettingError;
use crate::webhook::WebhookRejection;

/// The data that a connection to an institution's library system needs.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The institution.
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
    /// The name of the header with the signature of a webhook message.
    pub(crate) signature_header: &'static str,
    /// Checks whether a message has a signature that was made with a secret.
    pub(crate) is_signed: fn(&SecretString, &[u8], &str) -> bool,
}

/// What an adapter needs to work on requests, besides the connection.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The key of the pseudonyms by which other libraries know patrons.
    pub pseudonyms: PseudonymKey,
    /// Receives a report of every call.
    pub observer: CallObserver,
}

type Connect = fn(
    InstitutionCode,
    &Map<String, Value>,
    SecretString,
    Option<Operation>,
) -> Result<Arc<dyn HostLms>, Vec<SettingError>>;

/// The kinds of library systems. Another system is a module of this crate and an entry here.
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

/// Checks the signature of a message to an address without a webhook. The check is the one of the first kind of library
/// system, with a secret that nobody has, so that it takes as long as that of a forged message to a webhook.
pub fn reject_webhook(signature: impl FnOnce(&'static str) -> Option<String>, body: &[u8]) -> WebhookRejection {
    let [adapter, ..] = ADAPTERS;
    let signature = signature(adapter.signature_header).unwrap_or_default();
    // A cached secret that fails is read once more and tried once more, so this is checked twice, too.
    for _ in 0..2 {
        std::hint::black_box((adapter.is_signed)(&SecretString::from("no webhook has this secret"), body, &signature));
    }
    WebhookRejection::InvalidSignature
}

impl Connection {
    fn adapter(&self) -> Option<&'static Adapter> {
        const ALL: &[Adapter] = &ADAPTERS;
        ALL.iter().find(|adapter| adapter.kind == self.kind)
    }

    /// Returns the origin to which the key is sent: kind of system, scheme, host and port. `None` if the settings don't
    /// contain it.
    ///
    /// A stored key is for the origin that it was stored with, and never goes to another one.
    pub fn origin(&self) -> Option<String> {
        let (adapter, base_url) = (self.adapter()?, self.settings.get("base_url")?.as_str()?);
        (adapter.origin)(base_url).map(|origin| format!("{} {origin}", adapter.kind))
    }
}

/// The reason why the stored data allow no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no adapter of this kind.
    #[error("institution {institution}: its kind is no library system that Consort knows; it knows: {}", known())]
    UnknownKind {
        /// The institution.
        institution: InstitutionCode,
    },
    /// The settings have faults.
    #[error("institution {institution} can't be used until its settings are put right:\n{}", list(.faults))]
    Settings {
        /// The institution.
        institution: InstitutionCode,
        /// All faults.
        faults: Vec<SettingError>,
    },
}

fn known() -> String {
    kinds().collect::<Vec<_>>().join(", ")
}

fn list(faults: &[SettingError]) -> String {
    faults.iter().map(|fault| format!("  - {fault}")).collect::<Vec<_>>().join("\n")
}

/// Creates the adapter for an institution, to check its settings and its messages. It knows no patron. Nothing is sent yet.
///
/// # Errors
///
/// Fails for settings with faults, and reports all of them at once.
pub fn connect(connection: &Connection) -> Result<Arc<dyn HostLms>, ConnectError> {
    connect_adapter(connection, None)
}

/// Creates the adapter for an institution, to work on requests.
///
/// # Errors
///
/// As [`connect`].
pub fn connect_to_work(connection: &Connection, operation: Operation) -> Result<Arc<dyn HostLms>, ConnectError> {
    connect_adapter(connection, Some(operation))
}

fn connect_adapter(connection: &Connection, operation: Option<Operation>) -> Result<Arc<dyn HostLms>, ConnectError> {
    let institution = connection.institution.clone();
    let Some(adapter) = connection.adapter() else { return Err(ConnectError::UnknownKind { institution }) };
    let Value::Object(table) = &connection.settings else {
        let fault = SettingError { key: "settings".to_owned(), message: "must be a table.".to_owned() };
        return Err(ConnectError::Settings { institution, faults: vec![fault] });
    };
    (adapter.connect)(institution.clone(), table, connection.credentials.clone(), operation)
        .map_err(|faults| ConnectError::Settings { institution, faults })
}
