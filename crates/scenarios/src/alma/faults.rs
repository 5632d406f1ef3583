//! Faults of an Alma, and their removal.

use alma_sim::{ApiKey, Fault, FaultKind};
use reqwest::Method;
use serde_json::{Value, json};

use super::SimAlma;
use crate::failure::{Failure, Result};

impl SimAlma {
    /// Injects a fault of the API.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn inject_fault(&self, fault: &Fault) -> Result<()> {
        let body = serde_json::to_value(fault).map_err(|error| Failure::new(format!("No such fault: {error}.")))?;
        self.post(&["faults"], body).await.map(drop)
    }

    /// Makes every call fail with this HTTP status until the fault is removed.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn fail_always(&self, status: u16) -> Result<()> {
        self.inject_fault(&Fault::always("*", FaultKind::status(status))).await
    }

    /// Removes all faults.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn clear_faults(&self) -> Result<()> {
        self.control(Method::DELETE, &["faults"], None).await.map(drop)
    }

    /// Sets the limits of calls, per second and per day; `None` for no limit.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn limit(&self, per_second: Option<u32>, per_day: Option<u64>) -> Result<()> {
        self.post(&["limits"], json!({"per_second": per_second, "per_day": per_day})).await.map(drop)
    }

    /// Revokes the hub's API key.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn revoke_key(&self) -> Result<()> {
        self.control(Method::DELETE, &["keys"], Some(json!({"key": self.key}))).await.map(drop)
    }

    /// Restores the hub's API key.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn restore_key(&self) -> Result<()> {
        let key = serde_json::to_value(ApiKey::new(&self.key));
        let body = key.map_err(|error| Failure::new(format!("The key can't be written: {error}.")))?;
        self.post(&["keys"], body).await.map(drop)
    }

    /// Changes how this Alma behaves. The given fields overwrite the present ones ([`alma_sim::Behaviour`]).
    ///
    /// # Errors
    /// There is no such behaviour.
    pub async fn behave(&self, fields: &Value) -> Result<()> {
        self.post(&["behaviour"], fields.clone()).await.map(drop)
    }
}
