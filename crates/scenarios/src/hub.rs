//! A client of the hub, which uses its public REST API only.

use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::http::ApiClient;
use crate::view::{RefusalView, RequestView};

/// How often a request is read again if its timeline is ahead of its status. The hub reads the two one after the other,
/// and may commit in between.
const TORN_READS: u32 = 8;

/// A client of a running hub.
#[derive(Clone, Debug)]
pub struct Hub {
    line: ApiClient,
    key: SecretString,
}

/// A request that the hub rejected.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the hub refused the request: {} [{}]", .reason.explanation, .reason.code)]
pub struct NotPlaced {
    /// The reason.
    pub reason: RefusalView,
    /// The request that the hub recorded as cancelled, if it recorded one.
    pub request: Option<String>,
    /// Faults of single fields: field and code.
    pub faults: Vec<(String, String)>,
}

impl Hub {
    /// Creates a client of the hub at an address such as `http://127.0.0.1:8080`, with one of its API keys.
    pub fn at(base: &str, key: SecretString, http: reqwest::Client) -> Self {
        Self { line: ApiClient::new(base, http, "The hub"), key }
    }

    /// Sends a call. Returns the status and the body, whatever they are.
    ///
    /// # Errors
    /// The hub can't be reached.
    pub async fn try_call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        let call = self.line.call(method, path).bearer_auth(self.key.expose_secret());
        self.line.send(call, body).await
    }

    /// Sends a call that must succeed.
    ///
    /// # Errors
    /// The hub's own message if it refuses.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.try_call(method.clone(), path, body).await?;
        if status.is_success() {
            return Ok(answer);
        }
        let detail = answer["detail"].as_str().unwrap_or_default();
        let code = answer["code"].as_str().unwrap_or_default();
        let faults = answer["errors"].as_array().map(|errors| Value::from(errors.clone()).to_string());
        let faults = faults.unwrap_or_default();
        Err(Failure::new(format!("The hub answered {status} to {method} {path}: {detail} [{code}] {faults}")))
    }

    /// Sets up or changes an institution, agency or pickup location.
    ///
    /// # Errors
    /// The hub's own message if it refuses.
    pub async fn put(&self, path: &str, body: &Value) -> Result<()> {
        self.call(Method::PUT, path, Some(body)).await.map(drop)
    }

    /// Places a request. Returns its id.
    ///
    /// # Errors
    /// The hub can't be reached, or its answer has a wrong shape. A refusal is the inner error.
    pub async fn place(&self, body: &Value) -> Result<Result<String, NotPlaced>> {
        let (status, answer) = self.try_call(Method::POST, "/api/v1/requests", Some(body)).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if status == StatusCode::CREATED {
            return Ok(Ok(text(&answer["id"])));
        }
        let rows = answer["errors"].as_array().into_iter().flatten();
        let faults: Vec<_> = rows.map(|row| (text(&row["field"]), text(&row["code"]))).collect();
        if status != StatusCode::UNPROCESSABLE_ENTITY && status != StatusCode::CONFLICT {
            return Err(Failure::new(format!("The hub answered {status} to a new request: {answer}")));
        }
        let reason = RefusalView { code: text(&answer["code"]), explanation: text(&answer["detail"]) };
        Ok(Err(NotPlaced { reason, request: answer["request_id"].as_str().map(str::to_owned), faults }))
    }

    /// Returns a request with its timeline.
    ///
    /// # Errors
    /// The hub can't be reached or knows no such request.
    pub async fn request(&self, id: &str) -> Result<RequestView> {
        let mut request = self.read(id).await?;
        for _ in 0..TORN_READS {
            if request.is_whole() {
                break;
            }
            request = self.read(id).await?;
        }
        Ok(request)
    }

    async fn read(&self, id: &str) -> Result<RequestView> {
        let answer = self.call(Method::GET, &format!("/api/v1/requests/{id}"), None).await?;
        serde_json::from_value(answer)
            .map_err(|error| Failure::new(format!("The hub shows the request in a shape of its own: {error}.")))
    }

    /// Makes the hub poll both libraries now.
    ///
    /// # Errors
    /// The hub can't be reached or knows no such request.
    pub async fn poll(&self, id: &str) -> Result<()> {
        self.call(Method::POST, &format!("/api/v1/requests/{id}/poll"), None).await.map(drop)
    }

    /// Cancels a request; `by` is `patron` or `staff`.
    ///
    /// # Errors
    /// The hub's own message if the request's state doesn't allow it.
    pub async fn cancel(&self, id: &str, by: &str, reason: &str) -> Result<()> {
        let body = json!({"by": by, "reason": reason});
        self.call(Method::DELETE, &format!("/api/v1/requests/{id}"), Some(&body)).await.map(drop)
    }

    /// Makes the hub retry a refused effect.
    ///
    /// # Errors
    /// The hub's own message if it doesn't wait for staff.
    pub async fn resume(&self, id: &str) -> Result<()> {
        self.call(Method::POST, &format!("/api/v1/requests/{id}/resume"), None).await.map(drop)
    }
}
