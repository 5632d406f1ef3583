//! One JSON conversation over HTTP.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::failure::{Failure, Result};

/// A client with time-outs, for [`Hub`](crate::Hub) and [`SimAlma`](crate::SimAlma).
///
/// # Errors
/// The machine allows no client, for instance since no TLS provider is installed.
pub fn http_client() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .build()
        .map_err(|error| Failure::new(format!("No HTTP client can be made: {error}.")))
}

/// A client for one address.
#[derive(Clone, Debug)]
pub(crate) struct ApiClient {
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    /// The name in sentences, such as "The hub".
    pub(crate) who: String,
}

impl ApiClient {
    pub(crate) fn new(base: &str, http: reqwest::Client, who: impl Into<String>) -> Self {
        Self { base: base.trim().trim_end_matches('/').to_owned(), http, who: who.into() }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Returns the answer, whatever its status. A body that is no JSON becomes null.
    pub(crate) async fn send(
        &self,
        call: reqwest::RequestBuilder,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        let silent = || Failure::new(format!("{} doesn't answer at {}.", self.who, self.base));
        let answer = call.send().await.map_err(|_| silent())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|_| silent())?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }
}

/// Returns one segment of a path, encoded.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_becomes_one_segment_whatever_is_in_it() {
        assert_eq!(segment("100_4230375+02/ä?#"), "100_4230375%2B02%2F%C3%A4%3F%23");
        assert_eq!(segment("jo.reader-1~"), "jo.reader-1~");
    }
}
