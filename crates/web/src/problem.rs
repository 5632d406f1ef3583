//! Failures, in one envelope: RFC 9457, `application/problem+json`.

use std::borrow::Cow;

use access::Denial;
use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lending::{AgencyCode, Refusal, RequestId};
use messages::{Language, Message};
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

/// The media type of the envelope.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// One fault of the input.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The faulty part of the input, such as `copies[0].barcode`.
    #[schema(example = "pickup_location")]
    pub(crate) field: String,
    /// A stable code, such as `MISSING`.
    #[schema(value_type = String, example = "UNKNOWN_PICKUP_LOCATION")]
    pub(crate) code: Cow<'static, str>,
    /// The fault and its solution, for staff.
    pub(crate) message: String,
    /// The sentence for the patron, if the fault is in a request of theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) patron_message: Option<String>,
}

impl FieldError {
    pub(crate) fn new(
        field: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), code: code.into(), message: message.into(), patron_message: None }
    }
}

/// The reason why a call failed.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    errors: Vec<FieldError>,
    request: Option<RequestId>,
    patron_message: Option<Box<str>>,
    agency: Option<Box<AgencyCode>>,
    /// Seconds after which the caller may try once more.
    retry_after: Option<u16>,
}

/// The reason why a call failed (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Envelope {
    /// Always `about:blank`: `code` identifies the kind of problem.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(value_type = String, example = "Unprocessable Entity")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    status: u16,
    /// The event and its solution, for people.
    detail: String,
    /// A stable code for programs, such as `PATRON_BLOCKED`.
    #[schema(value_type = String, example = "INVALID_REQUEST")]
    code: Cow<'static, str>,
    /// Every fault of the input, if there are several or one can be assigned to its field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The sentence for the patron, if the problem is the patron's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    patron_message: Option<String>,
    /// The agency to which the patron belongs, if the request named another.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    agency: Option<AgencyCode>,
    /// The patron request that the problem is about, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    request_id: Option<RequestId>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            request: None,
            patron_message: None,
            agency: None,
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5),
        }
    }

    /// Adds the time in seconds after which the caller may try once more.
    pub(crate) fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Creates the problem that an object was changed since the caller read it, or isn't as the caller demands.
    pub(crate) fn precondition_failed() -> Self {
        let detail = "It was changed since you read it, or isn't in the state that If-Match or If-None-Match demands. \
                      Nothing was done. Read it, and send the change with the new ETag.";
        Self::new(StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", detail)
    }

    /// Creates the problem that the patron may not borrow, or that no copy can be lent, with every cause. `field` is the part
    /// of the input that is refused, and `sentence` returns the one that a patron reads about a code.
    pub(crate) fn refused(field: &str, refusal: &Refusal, sentence: impl Fn(&str) -> Option<String>) -> Self {
        let all = std::iter::once(refusal).chain(&refusal.other_refusals);
        let errors = all.map(|cause| FieldError {
            patron_message: sentence(&cause.code),
            ..FieldError::new(field, cause.code.clone(), cause.explanation.clone())
        });
        let code = refusal.code.clone();
        Self {
            errors: errors.collect(),
            patron_message: sentence(&refusal.code).map(Into::into),
            agency: refusal.agency.clone(),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, &*refusal.explanation)
        }
    }

    /// Creates the problem for an engine's error at a new request, with the sentences that the patron reads.
    pub(crate) fn of_placing(error: engine::Error, language: Language) -> Self {
        let mut problem = Self::from(error);
        for error in &mut problem.errors {
            error.patron_message = Message::of_fault(&error.code).text(language);
        }
        problem
    }

    /// Adds the patron request that the problem is about.
    pub(crate) fn about(mut self, request: RequestId) -> Self {
        self.request = Some(request);
        self
    }

    /// Returns the patron request that the problem is about.
    pub(crate) fn request(&self) -> Option<RequestId> {
        self.request
    }

    /// Leaves out the patron request that the problem is about.
    pub(crate) fn without_request(self) -> Self {
        Self { request: None, ..self }
    }

    /// Adds the parts of the problem.
    pub(crate) fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// Creates the problem of a faulty input. Nothing was done.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.field, one.message),
            many => format!("There are {} faults in what was sent; `errors` lists them.", many.len()),
        };
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "INVALID_REQUEST", detail) }
    }

    /// Returns the sentences about the faults of the input.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.errors.iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect()
    }

    /// Fails if there are faults.
    pub(crate) fn check(errors: Vec<FieldError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self::invalid(errors)) }
    }

    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn not_found(what: &str, code: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("There is no {what} {code}."))
    }

    /// Creates the problem that the caller's role or side doesn't permit the act. The detail says who may.
    pub(crate) fn forbidden(denial: Denial) -> Self {
        Self::new(StatusCode::FORBIDDEN, denial.code, denial.detail)
    }

    pub(crate) fn no_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "API_KEY_MISSING",
            "This needs an API key. Send it as the header `Authorization: Bearer KEY`.",
        )
    }

    pub(crate) fn unknown_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "API_KEY_UNKNOWN",
            "The hub doesn't know this API key, or the key has ended. `consort key create` makes one.",
        )
    }

    pub(crate) fn timed_out() -> Self {
        let detail = "The hub took too long over this. What was asked may be done or not: read before asking again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TIMED_OUT", detail)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "The hub failed at this, by a fault of its own. Its log shows more.",
        )
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable { .. } | store::Error::Contended => {
                error!(%error, "the store can't be used");
                let detail = "The hub's database can't be used at the moment. Try again in a little while.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "STORE_UNAVAILABLE", detail)
            }
            store::Error::Conflict => {
                let detail = "Somebody else changed this at the same moment. Read it again, and try again.";
                Self::new(StatusCode::CONFLICT, "CONFLICT", detail).retry_after(1)
            }
            store::Error::Referred(reason) => Self::new(StatusCode::CONFLICT, "STILL_REFERRED_TO", reason),
            other => {
                error!(error = %other, "a fault of the store");
                Self::internal()
            }
        }
    }
}

impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Invalid(problems) => {
                let duplicate = problems.iter().any(|problem| problem.code == "DUPLICATE_REQUEST");
                let request = problems.iter().find_map(|problem| problem.request);
                let faults = problems.into_iter();
                let faults = faults.map(|problem| FieldError::new(problem.field, problem.code, problem.message));
                let problem = Self::invalid(faults.collect());
                if duplicate {
                    Self { status: StatusCode::CONFLICT, code: "DUPLICATE_REQUEST".into(), request, ..problem }
                } else {
                    problem
                }
            }
            engine::Error::UnknownRequest(id) => Self::not_found("request", &id.to_string()),
            engine::Error::VersionChanged => Self::precondition_failed(),
            engine::Error::NotAllowed(reason) => Self::new(StatusCode::CONFLICT, "NOT_ALLOWED", reason),
            engine::Error::Unfit(refusal) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.code, refusal.explanation)
            }
            engine::Error::Catalogue(reason) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "CATALOGUE_UNAVAILABLE", reason).retry_after(5)
            }
            engine::Error::Lms(reason) => {
                Self::new(StatusCode::BAD_GATEWAY, "SYSTEM_GIVES_NO_ANSWER", reason.to_string())
            }
            engine::Error::Store(error) => error.into(),
            other => {
                error!(error = %other, "a fault of the engine");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let envelope = Envelope {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail,
            code: self.code,
            errors: self.errors,
            patron_message: self.patron_message.map(Into::into),
            agency: self.agency.map(|agency| *agency),
            request_id: self.request,
        };
        let mut answer = (status, Json(envelope)).into_response();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        answer
    }
}
