//! Calls of the hub's API, in process and in the name of the user who has signed in.

use std::sync::Arc;

use access::Caller;
use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderName, Method, Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt as _;
use messages::Language;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;
use web::SignedIn;

/// The most bytes of an answer that a page reads. No list of the API has as many.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The API, for one user.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    router: Router,
    caller: Arc<Caller>,
    language: Language,
}

/// Why an operation failed, as the API says it (RFC 9457).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened, and what to do.
    pub(crate) detail: String,
    /// The faults of each field.
    #[serde(default)]
    pub(crate) errors: Vec<FieldFault>,
}

/// A fault of one field of the input.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FieldFault {
    /// The field, such as `settings.sharing_library`.
    #[serde(default)]
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

impl Problem {
    /// Returns the problem of an answer that is none.
    fn unreadable(status: StatusCode) -> Self {
        Self {
            status: status.as_u16(),
            detail: "The hub's answer can't be read. The hub's log says more.".to_owned(),
            errors: Vec::new(),
        }
    }

    /// Returns whether there is no such object, or the user may not know of it.
    pub(crate) const fn is_missing(&self) -> bool {
        self.status == 404
    }
}

/// An answer with its version, for a later change of the same object.
#[derive(Debug)]
pub(crate) struct Tagged<T> {
    pub(crate) value: T,
    pub(crate) tag: Option<String>,
}

impl Api {
    pub(crate) fn new(router: Router, caller: Arc<Caller>, language: Language) -> Self {
        Self { router, caller, language }
    }

    /// Reads what is at a path, such as `/api/v1/requests?limit=20`.
    ///
    /// # Errors
    ///
    /// The API's own problem.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.get_tagged(path).await.map(|tagged| tagged.value)
    }

    /// Reads what is at a path, with its version.
    ///
    /// # Errors
    ///
    /// The API's own problem.
    pub(crate) async fn get_tagged<T: DeserializeOwned>(&self, path: &str) -> Result<Tagged<T>, Problem> {
        let answer = self.call(Method::GET, path, None, None).await?;
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok(Tagged { value: read(answer).await?, tag })
    }

    /// Changes something with a body, if it still has the version `tag`.
    ///
    /// # Errors
    ///
    /// The API's own problem.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        tag: Option<&str>,
    ) -> Result<T, Problem> {
        read(self.call(method, path, body, tag).await?).await
    }

    /// Creates the object at a path, unless there is one already.
    ///
    /// # Errors
    ///
    /// The API's own problem; its status is 412 if there is one.
    pub(crate) async fn put_new<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Problem> {
        read(self.make(Method::PUT, path, Some(body), Some((IF_NONE_MATCH, "*"))).await?).await
    }

    /// Makes a call and returns its answer, if that is a success.
    ///
    /// # Errors
    ///
    /// The API's own problem.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        tag: Option<&str>,
    ) -> Result<Response, Problem> {
        self.make(method, path, body, tag.map(|tag| (IF_MATCH, tag))).await
    }

    async fn make(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        condition: Option<(HeaderName, &str)>,
    ) -> Result<Response, Problem> {
        let mut call = Request::builder().method(method).uri(path).header(ACCEPT_LANGUAGE, self.language.tag());
        if let Some((name, tag)) = condition {
            call = call.header(name, tag);
        }
        let call = match body {
            Some(body) => call.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => call.body(Body::empty()),
        };
        let mut call = call.map_err(|_| Problem::unreadable(StatusCode::BAD_REQUEST))?;
        call.extensions_mut().insert(SignedIn(Arc::clone(&self.caller)));
        let answer = match self.router.clone().oneshot(call).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        Err(read::<Problem>(answer).await.unwrap_or_else(|_| Problem::unreadable(status)))
    }
}

/// Reads the JSON of an answer. An empty body is read as null.
async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, Problem> {
    let status = answer.status();
    let body = http_body_util::Limited::new(answer.into_body(), MOST_BYTES);
    let bytes = body.collect().await.map_err(|_| Problem::unreadable(status))?.to_bytes();
    let text = if bytes.is_empty() { b"null".as_slice() } else { &bytes };
    serde_json::from_slice(text).map_err(|error| {
        // The place of the fault is no personal data; the text of the answer may be.
        tracing::error!(line = error.line(), column = error.column(), "an answer of the API can't be read by a page");
        Problem::unreadable(status)
    })
}
