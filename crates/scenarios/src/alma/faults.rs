//! What goes wrong around an Alma, ordered and taken away again.

use alma_sim::{ApiKey, Fault, FaultKind};
use reqwest::Method;
use serde_json::{Value, json};

use super::SimAlma;
use crate::failure::{Failure, Result};

impl SimAlma {
    /// Orders a fault of the API.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn inject_fault(&self, fault: &Fault) -> Result<()> {
        let body = serde_json::to_value(fault).map_err(|error| Failure::new(format!("No such fault: {error}.")))?;
        self.post(&["faults"], body).await.map(drop)
    }

    /// Every call fails with this HTTP status, until [`Self::mend`].
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn fail_always(&self, status: u16) -> Result<()> {
        self.inject_fault(&Fault::always("*", FaultKind::status(status))).await
    }

    /// Takes all faults away.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn clear_faults(&self) -> Result<()> {
        self.control(Method::DELETE, &["faults"], None).await.map(drop)
    }

    /// Sets the limits of calls, per second and per day; none for no limit.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn limit(&self, per_second: Option<u32>, per_day: Option<u64>) -> Result<()> {
        self.post(&["limits"], json!({"per_second": per_second, "per_day": per_day})).await.map(drop)
    }

    /// Takes the hub's API key away.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn revoke_key(&self) -> Result<()> {
        self.control(Method::DELETE, &["keys"], Some(json!({"key": self.key}))).await.map(drop)
    }

    /// Gives the hub's API key back.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn restore_key(&self) -> Result<()> {
        let key = serde_json::to_value(ApiKey::new(&self.key));
        let body = key.map_err(|error| Failure::new(format!("The key can't be written: {error}.")))?;
        self.post(&["keys"], body).await.map(drop)
    }

    /// Changes how this Alma behaves; the fields given are laid over what is set
    /// ([`alma_sim::Behaviour`]).
    ///
    /// # Errors
    /// There is no such behaviour.
    pub async fn behave(&self, fields: &Value) -> Result<()> {
        self.post(&["behaviour"], fields.clone()).await.map(drop)
    }
}
