//! A client of the hub's API for the commands.

use std::time::Duration;

use clap::Args;
use reqwest::header::{ETAG, HeaderValue, IF_MATCH};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::failure::{Exit, Failure, Result};

/// The hub to call.
#[derive(Args, Clone, Debug)]
pub(crate) struct HubArgs {
    /// The hub's address.
    #[arg(long, env = "CONSORT_HUB", default_value = "http://127.0.0.1:8080")]
    pub(crate) hub: String,
    /// A key of the hub's API. Other users of this machine can see the command line: CONSORT_API_KEY is safer.
    #[arg(long, env = "CONSORT_API_KEY", hide_env_values = true)]
    pub(crate) key: Option<SecretString>,
}

/// A client of the hub's API.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    base: String,
    key: SecretString,
    http: reqwest::Client,
}

impl Hub {
    /// Creates a client of the hub that the arguments name.
    pub(crate) fn new(args: &HubArgs) -> Result<Self> {
        let key = args.key.clone().ok_or_else(|| {
            Failure::usage("No API key is given.")
                .advice("Name one of the hub's keys in CONSORT_API_KEY (or with --key, which other users of this machine can see); `consort key create` makes one, and keys may be set under [api_keys] in its configuration.")
        })?;
        Self::at(&args.hub, key)
    }

    /// Creates a client of the hub at an address.
    pub(crate) fn at(base: &str, key: SecretString) -> Result<Self> {
        let http = http_client()?;
        Ok(Self { base: base.trim().trim_end_matches('/').to_owned(), key, http })
    }

    /// Sends a call. If the hub refuses it, the hub's own message becomes the failure.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.try_call(method, path, body).await?;
        if status.is_success() { Ok(answer) } else { Err(refusal(status, &answer)) }
    }

    /// Sends a call. Returns status and body, whatever they are.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let call = self.request(method, path, body);
        let answer = self.sent(call).await?;
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Reads something that is to be changed, with its tag. [`Hub::put_if_unchanged`] takes the tag.
    pub(crate) async fn get_with_tag(&self, path: &str) -> Result<(Value, Option<HeaderValue>)> {
        let answer = self.sent(self.request(Method::GET, path, None)).await?;
        let (status, tag) = (answer.status(), answer.headers().get(ETAG).cloned());
        let text = answer.text().await.unwrap_or_default();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() { Ok((body, tag)) } else { Err(refusal(status, &body)) }
    }

    /// Sets something if it still has the tag with which it was read. Returns `None` if somebody has changed it.
    pub(crate) async fn put_if_unchanged(
        &self,
        path: &str,
        body: &Value,
        tag: Option<HeaderValue>,
    ) -> Result<Option<Value>> {
        let call = self.request(Method::PUT, path, Some(body));
        let answer = self.sent(tag.into_iter().fold(call, |call, tag| call.header(IF_MATCH, tag))).await?;
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        match status {
            StatusCode::PRECONDITION_FAILED => Ok(None),
            status if status.is_success() => Ok(Some(body)),
            status => Err(refusal(status, &body)),
        }
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::RequestBuilder {
        let call = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.key.expose_secret());
        body.into_iter().fold(call, |call, body| call.json(body))
    }

    /// Sends a call, whatever its answer.
    async fn sent(&self, call: reqwest::RequestBuilder) -> Result<reqwest::Response> {
        let answer = call.send().await.map_err(|error| {
            Failure::new(format!("The hub at {} can't be reached: {}.", shown(&self.base), reason(error)))
                .advice(
                    "Start it with `consort serve --config FILE`, or name its address with --hub or in CONSORT_HUB.",
                )
                .exit(Exit::Unavailable)
        })?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(Failure::new(format!("What answers at {} sends elsewhere ({status}).", shown(&self.base)))
                .advice("Name the hub's own address with --hub or in CONSORT_HUB: keys are sent to no other.")
                .exit(Exit::Unavailable));
        }
        Ok(answer)
    }

    /// Opens a stream of the hub, which may last for `longest`. If the hub refuses it, the hub's own message becomes the
    /// failure.
    pub(crate) async fn stream(&self, path: &str, after: Option<&str>, longest: Duration) -> Result<reqwest::Response> {
        let call = self.http.get(format!("{}{path}", self.base)).bearer_auth(self.key.expose_secret()).timeout(longest);
        let call = match after {
            Some(after) => call.header("Last-Event-ID", after),
            None => call,
        };
        let answer = self.sent(call).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.unwrap_or_default();
        Err(refusal(status, &serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Sends a `GET`.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, None).await
    }
}

/// Returns an address without the user, password and query that it may contain.
pub(crate) fn shown(address: &str) -> String {
    match reqwest::Url::parse(address) {
        Ok(mut url) => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.set_fragment(None);
            url.as_str().trim_end_matches('/').to_owned()
        }
        Err(_) => "the given address".to_owned(),
    }
}

/// Returns the reason for which a call got no answer, without the address, which may contain a password.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    reason.trim_end_matches('.').to_owned()
}

/// Creates an HTTP client with time-outs. It follows no redirect, which would send keys, in headers and bodies, to
/// another server.
pub(crate) fn http_client() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .build()
        .map_err(|error| Failure::new(format!("No HTTP client can be made: {error}.")))
}

/// Returns the failure for an answer by which the hub refuses a call.
pub(crate) fn refusal(status: StatusCode, problem: &Value) -> Failure {
    let detail = problem["detail"].as_str().or(problem["title"].as_str());
    let mut text = detail.map_or_else(|| format!("The hub answered {status}."), str::to_owned);
    if let Some(errors) = problem["errors"].as_array() {
        for error in errors {
            let field = error["field"].as_str().unwrap_or_default();
            let message = error["message"].as_str().unwrap_or_default();
            let fault = format!("{field}: {message}");
            // The detail of a single fault is the fault itself.
            if detail != Some(fault.as_str()) {
                text.push_str(&format!("\n  - {fault}"));
            }
        }
    }
    if let Some(code) = problem["code"].as_str() {
        text.push_str(&format!(" [{code}]"));
    }
    if status == StatusCode::UNAUTHORIZED {
        return Failure::new("The hub doesn't accept this API key.")
            .advice("Use one that `consort key create` made, or one set under [api_keys] in the hub's configuration (CONSORT_API_KEY or --key).")
            .exit(Exit::Unavailable);
    }
    let exit = match status {
        StatusCode::NOT_FOUND => Exit::NotFound,
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => Exit::Unavailable,
        _ => Exit::Failed,
    };
    Failure::new(text).exit(exit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn single_fault_is_printed_once_and_several_are_listed() {
        let fault = json!({"field": "reason", "message": "It is missing."});
        let one = json!({"detail": "reason: It is missing.", "code": "INVALID_REQUEST", "errors": [fault]});
        let printed = |problem| refusal(StatusCode::UNPROCESSABLE_ENTITY, problem).to_string();
        assert_eq!(printed(&one).matches("It is missing.").count(), 1, "{}", printed(&one));
        let two = json!({"detail": "There are 2 faults.", "errors": [fault, fault]});
        assert_eq!(printed(&two).matches("reason: It is missing.").count(), 2, "{}", printed(&two));
    }
}
