//! From what is stored of an institution to its library system.

use std::sync::Arc;

use lending::InstitutionCode;
use secrecy::SecretString;
use serde_json::Value;

use crate::alma::{Alma, Settings};
use crate::host::HostLms;
use crate::quota::CallObserver;
use crate::settings::SettingError;

/// What it takes to speak with an institution's library system.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Which institution.
    pub institution: InstitutionCode,
    /// What kind of system, such as `alma`.
    pub kind: String,
    /// The settings, a table whose keys depend on the kind.
    pub settings: Value,
    /// The key or password.
    pub credentials: SecretString,
}

impl Connection {
    /// Where the key is sent: kind of system, scheme, host and port. Nothing where the settings don't say so.
    ///
    /// A stored key is for the origin that it was stored with, and never goes to another one.
    pub fn origin(&self) -> Option<String> {
        let base_url = self.settings.get("base_url")?.as_str()?;
        match self.kind.as_str() {
            "alma" => ::alma::origin(base_url).map(|origin| format!("alma {origin}")),
            _ => None,
        }
    }
}

/// Why no connection can be made from what is stored.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No adapter of this kind.
    #[error("institution {institution}: its kind is no library system that Consort knows; it knows: alma")]
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
    match connection.kind.as_str() {
        "alma" => {
            let Value::Object(table) = &connection.settings else {
                let fault = SettingError { key: "settings".to_owned(), message: "must be a table.".to_owned() };
                return Err(ConnectError::Settings { institution, faults: vec![fault] });
            };
            Settings::read(institution.clone(), table)
                .and_then(|settings| Alma::new(settings, connection.credentials.clone(), observer))
                .map(|alma| Arc::new(alma) as Arc<dyn HostLms>)
                .map_err(|faults| ConnectError::Settings { institution, faults })
        }
        _ => Err(ConnectError::UnknownKind { institution }),
    }
}
