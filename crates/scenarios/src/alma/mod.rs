//! A simulated Alma as its staff see it and use it, through the simulator's control surface alone.
//!
//! - `acts`: actions of staff at desks and in the catalogue.
//! - `reads`: reads of the present state.
//! - `faults`: faults, limits, keys, behaviour.

mod acts;
mod faults;
mod reads;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::http::{ApiClient, segment};

pub use reads::{AlmaState, CreatedRecords, Hold, Item, Loan, VIRTUAL_LIBRARY};

/// The desk of every library of the presets.
pub(crate) const DESK: &str = "DEFAULT_CIRC_DESK";
/// The ordinary library that stands for "outside".
pub(crate) const SHARING_LIBRARY: &str = "SHARING";

/// A running simulated Alma, made from [`alma_sim::presets::university`].
#[derive(Clone, Debug)]
pub struct SimAlma {
    /// The address of the simulator, as the hub knows it.
    pub base: String,
    /// Code of the institution.
    pub institution: String,
    /// Its API key.
    pub key: String,
    line: ApiClient,
}

impl SimAlma {
    /// Returns the institution of a simulator at `base`, such as `http://127.0.0.1:8081`.
    pub fn at(base: &str, institution: &str, key: &str, http: reqwest::Client) -> Self {
        let line = ApiClient::new(base, http, format!("The simulated Alma {institution}"));
        Self { base: line.base.clone(), institution: institution.to_owned(), key: key.to_owned(), line }
    }

    /// Returns the settings that the hub needs for this Alma.
    pub fn settings(&self, calls_per_second: u32) -> Value {
        json!({
            "base_url": self.base, "sharing_library": SHARING_LIBRARY, "virtual_library": VIRTUAL_LIBRARY,
            "virtual_location": "dcbvirtual", "virtual_item_policy": "DCB", "virtual_item_policy_no_renewal": "DCB_NR",
            "calls_per_second": calls_per_second,
            "circulation_desks": {"MAIN": DESK, "BRANCH": DESK, VIRTUAL_LIBRARY: DESK, SHARING_LIBRARY: DESK},
            "patron_types": {"UNDRGRD": "undergraduate", "STAFF": "staff"},
            "user_groups": {"undergraduate": "DCB", "staff": "DCB"},
            "item_types": {"BOOK": "book"}, "material_types": {"book": "BOOK"},
        })
    }

    /// Returns the barcode of the preset's copy at MAIN of its `number`-th title, from 1.
    pub fn barcode(&self, number: usize) -> String {
        alma_sim::presets::barcode(&self.institution, 'M', number)
    }

    /// Makes one call of the control surface and accepts any answer. It encodes the path segments.
    async fn try_control(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<(StatusCode, Value)> {
        let mut full = format!("/sim/{}", segment(&self.institution));
        for part in path {
            full.push('/');
            full.push_str(&segment(part));
        }
        self.line.send(self.line.call(method, &full), body.as_ref()).await
    }

    /// Makes one call of the control surface that must succeed.
    async fn control(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<Value> {
        let (status, answer) = self.try_control(method, path, body).await?;
        if status.is_success() {
            return Ok(answer);
        }
        let reason = answer["message"].as_str().unwrap_or_default();
        let code = answer["code"].as_str().unwrap_or_default();
        Err(Failure::new(format!(
            "Staff can't do this in {} ({}): {reason} [{code}]",
            self.institution,
            path.join("/")
        )))
    }

    async fn post(&self, path: &[&str], body: Value) -> Result<Value> {
        self.control(Method::POST, path, Some(body)).await
    }

    async fn get(&self, path: &[&str]) -> Result<Value> {
        self.control(Method::GET, path, None).await
    }
}

/// Returns the text of a field; empty if there is none.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns the rows of a list; none if there is no list.
pub(crate) fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
