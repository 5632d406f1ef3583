//! The client: its set-up, and the single path that all calls take.

#![allow(
    clippy::disallowed_methods,
    reason = "the client paces and retries its calls by the machine's clock; its tests pause Tokio's"
)]

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use failpoint::Point;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, Span, debug_span};
use url::{Host, Url};

use crate::addresses::{CheckedResolver, RefusedAddress, Resolver};
use crate::base_url;
use crate::call::{Body, Call, header_encoded};
use crate::error::{ConfigError, Error, Limit, Result, Silence};
use crate::lenient;
use crate::priority::Priority;
use crate::rate_limiter::{CallRate, RateLimiter};
use crate::report::{CallOutcome, CallReport, Observer, RowObserver};
use crate::response::{Reply, judge};
use crate::retry::{RetryPolicy, Tries};
use crate::transport::{Incoming, NoAnswer, Outgoing, Transport};

/// The largest body that is read. Alma's answers are far smaller, so a larger one isn't Alma's.
const LARGEST_BODY: usize = 20 * 1024 * 1024;

/// The time-outs of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection. A call that exceeds it was never sent. Default 5 s.
    pub connect: Duration,
    /// From the start of a call, its connection included, to the head of the answer. Default 30 s: Alma needs 8 s for
    /// the first page of a large title's items.
    pub first_byte: Duration,
    /// From the start of a call to the end of the answer. Default 60 s.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), first_byte: Duration::from_secs(30), whole: Duration::from_secs(60) }
    }
}

/// A client of one institution's Alma.
///
/// Clones are cheap and share connections, the limit of calls per second and the counters. Create one client for each
/// institution and clone it.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
    timeouts: Timeouts,
    retries: RetryPolicy,
    page_size: u32,
    limiter: RateLimiter,
    priority: fn() -> Priority,
    rng: Mutex<StdRng>,
    remaining: AtomicU64,
    day: AtomicU64,
    on_call: Option<Observer>,
    on_unreadable_row: Option<RowObserver>,
    transport: Option<Arc<dyn Transport>>,
    resolver: CheckedResolver,
}

/// The calls per second that Alma allows an institution, according to the vendor.
const USUAL_PER_SECOND: u32 = 25;

/// The value of a counter of calls before Alma has reported one.
const UNKNOWN: u64 = u64::MAX;

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.inner.base.as_str()).finish_non_exhaustive()
    }
}

/// Builds a client.
pub struct ClientBuilder {
    base_url: String,
    key: SecretString,
    unencrypted: bool,
    calls_per_second: NonZeroU32,
    shared_per_second: Option<NonZeroU32>,
    share_that_can_wait: f64,
    timeouts: Timeouts,
    retries: RetryPolicy,
    page_size: u32,
    priority: fn() -> Priority,
    seed: Option<u64>,
    on_call: Option<Observer>,
    on_unreadable_row: Option<RowObserver>,
    transport: Option<Arc<dyn Transport>>,
    resolver: Option<Arc<dyn Resolver>>,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The output omits the key, and the URL, which isn't checked yet and could contain one.
        f.debug_struct("ClientBuilder")
            .field("calls_per_second", &self.calls_per_second)
            .field("timeouts", &self.timeouts)
            .field("retries", &self.retries)
            .field("page_size", &self.page_size)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// Sets how many calls may leave per second from this client and its clones. Default 25.
    ///
    /// Alma's limit applies to the institution with all its integrations (50 in production and 10 on a sandbox by
    /// recent reports, 25 by older ones), so use a part of it.
    pub fn calls_per_second(mut self, calls: NonZeroU32) -> Self {
        self.calls_per_second = calls;
        self
    }

    /// Sets how many calls per second Alma allows the institution with all its applications. The client leaves other
    /// applications what they are seen to use. Default 25, or the client's own limit if that is higher.
    pub fn shared_per_second(mut self, calls: NonZeroU32) -> Self {
        self.shared_per_second = Some(calls);
        self
    }

    /// Sets the share of the calls per second, over 0 and up to 1, that [deferrable](Priority::is_deferrable) calls may
    /// use. Default a half: the rest is reserved for other calls.
    pub fn share_that_can_wait(mut self, share: f64) -> Self {
        self.share_that_can_wait = share.clamp(0.01, 1.0);
        self
    }

    /// Allows `http://` to another machine, such as a proxy in the same network. The key is then sent unencrypted. By
    /// default `http://` is allowed for this machine itself only.
    pub fn allow_unencrypted(mut self, allow: bool) -> Self {
        self.unencrypted = allow;
        self
    }

    /// Sets the time-outs.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets how often calls are repeated.
    pub fn retries(mut self, retries: RetryPolicy) -> Self {
        self.retries = retries;
        self
    }

    /// Sets how many rows of a list one call requests, from 1 to 100, Alma's maximum. Default 100.
    pub fn page_size(mut self, rows: u32) -> Self {
        self.page_size = rows;
        self
    }

    /// Sets the source of a call's priority. Default [`Priority::scope`].
    #[must_use]
    pub fn priority_from(mut self, source: fn() -> Priority) -> Self {
        self.priority = source;
        self
    }

    /// Makes the waits between repetitions the same in each run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets a function that runs after every HTTP exchange, repetitions included: each counts against Alma's daily
    /// limit.
    pub fn on_call(mut self, observer: Arc<dyn Fn(&CallReport) + Send + Sync>) -> Self {
        self.on_call = Some(observer);
        self
    }

    /// Sets a function that runs for each row of a list that can't be read, with the endpoint of the list.
    pub fn on_unreadable_row(mut self, observer: Arc<dyn Fn(&'static str) + Send + Sync>) -> Self {
        self.on_unreadable_row = Some(observer);
        self
    }

    /// Sets a transport that carries calls in place of HTTP.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Sets a resolver of names in place of the machine's. Addresses at which no library's system is are refused all the
    /// same.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Checks the settings and builds the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// Fails if the URL isn't that of an API, the key can't be one, or a page has no rows or too many.
    pub fn build(self) -> Result<Client, ConfigError> {
        let base = base_url::parse(&self.base_url, self.unencrypted)?;
        if !(1..=100).contains(&self.page_size) {
            return Err(ConfigError::PageSize(self.page_size));
        }
        let key = self.key.expose_secret().trim();
        if key.is_empty() {
            return Err(ConfigError::Key("blank"));
        }
        if !key.chars().all(|letter| letter.is_ascii_graphic()) {
            return Err(ConfigError::Key("made of more than letters, digits and signs"));
        }
        // The call fails if the program has installed a provider already. That one is used then.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let resolver = CheckedResolver(self.resolver);
        let http = reqwest::Client::builder()
            .dns_resolver(Arc::new(resolver.clone()))
            .connect_timeout(self.timeouts.connect)
            // The time is shorter than servers keep idle connections, so that a write rarely meets one that is closing.
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("alma-rs/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ConfigError::Http(Box::new(error.without_url())))?;
        let rng = self.seed.map_or_else(StdRng::from_os_rng, StdRng::seed_from_u64);
        let set = self.calls_per_second.get();
        let shared = self.shared_per_second.map_or(set.max(USUAL_PER_SECOND), NonZeroU32::get);
        Ok(Client {
            inner: Arc::new(Inner {
                http,
                base,
                key: SecretString::from(key.to_owned()),
                timeouts: self.timeouts,
                retries: self.retries,
                page_size: self.page_size,
                limiter: RateLimiter::new(set, shared, self.share_that_can_wait),
                priority: self.priority,
                rng: Mutex::new(rng),
                remaining: AtomicU64::new(UNKNOWN),
                day: AtomicU64::new(UNKNOWN),
                on_call: self.on_call,
                on_unreadable_row: self.on_unreadable_row,
                transport: self.transport,
                resolver,
            }),
        })
    }
}

impl Client {
    /// Starts the set-up of a client of the API at `base_url`, such as `https://api-eu.hosted.exlibrisgroup.com`, with
    /// or without `/almaws/v1`.
    ///
    /// The host is the region's API gateway, not the institution's own Alma host. The key identifies the institution.
    pub fn builder(base_url: &str, api_key: SecretString) -> ClientBuilder {
        ClientBuilder {
            base_url: base_url.to_owned(),
            key: api_key,
            unencrypted: false,
            calls_per_second: NonZeroU32::new(USUAL_PER_SECOND).unwrap_or(NonZeroU32::MIN),
            shared_per_second: None,
            share_that_can_wait: 0.5,
            timeouts: Timeouts::default(),
            retries: RetryPolicy::default(),
            page_size: 100,
            priority: Priority::current,
            seed: None,
            on_call: None,
            on_unreadable_row: None,
            transport: None,
            resolver: None,
        }
    }

    /// Resolves the API's host, and checks that calls may be sent to its addresses. Each call checks that too. A name that
    /// can't be resolved now passes, since it may be known later.
    ///
    /// # Errors
    ///
    /// Fails if one of the addresses is refused.
    pub async fn check_address(&self) -> std::result::Result<(), ConfigError> {
        let Some(Host::Domain(name)) = self.inner.base.host() else { return Ok(()) };
        let found = tokio::time::timeout(self.inner.timeouts.connect, self.inner.resolver.lookup(name)).await;
        match found {
            Ok(Err(error)) => match error.get_ref().and_then(|inner| inner.downcast_ref::<RefusedAddress>()) {
                Some(refused) => Err((*refused).into()),
                None => Ok(()),
            },
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    /// Returns the API's URL in its normalised form.
    pub fn base_url(&self) -> &str {
        self.inner.base.as_str()
    }

    /// Returns how many calls the institution has left today, according to Alma's last answer (`X-Exl-Api-Remaining`).
    pub fn remaining(&self) -> Option<u64> {
        counter_value(&self.inner.remaining)
    }

    /// Returns the current rate of calls.
    pub fn call_rate(&self) -> CallRate {
        self.inner.limiter.now()
    }

    /// Sets the number of clients, this one included, that share the configured rate, such as programs on several
    /// machines.
    pub fn share_with(&self, clients: u32) {
        self.inner.limiter.share_with(clients);
    }

    pub(crate) fn page_size(&self) -> u32 {
        self.inner.page_size
    }

    /// Makes a call whose answer has no content of interest.
    pub(crate) async fn done(&self, call: Call) -> Result<()> {
        self.send(&call).await.map(drop)
    }

    /// Makes a call whose answer is one record.
    pub(crate) async fn one<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let reply = self.send(&call).await?;
        let body = decode(&reply.body).map_err(|what| call.unreadable(what))?;
        lenient::record(body).map_err(|what| call.no_record(what))
    }

    /// Reports a row of a list that is left out, or that has an unreadable part which callers need.
    pub(crate) fn unreadable_row(&self, call: &Call, what: &str) {
        tracing::warn!(endpoint = call.endpoint, what, "a row of Alma's answer can't be read");
        if let Some(observer) = &self.inner.on_unreadable_row {
            observer(call.endpoint);
        }
    }

    /// Makes a call whose answer is one record, and returns the record with every field.
    pub(crate) async fn raw(&self, call: Call) -> Result<Map<String, Value>> {
        let reply = self.send(&call).await?;
        match decode(&reply.body).map_err(|what| call.unreadable(what))? {
            Value::Object(record) => Ok(record),
            _ => Err(call.unreadable("no JSON object where a record should be".to_owned())),
        }
    }

    /// Makes a call, and repeats it if that does no harm. Returns only answers that can contain the requested data.
    pub(crate) async fn send(&self, call: &Call) -> Result<Reply> {
        self.send_to(call, &self.url(call)?).await
    }

    fn url(&self, call: &Call) -> Result<Url> {
        let url = format!("{}{}", self.inner.base.as_str(), call.target()?);
        let what = "the address can't be put together";
        Url::parse(&url).map_err(|_| Error::InvalidRequest { operation: call.operation, what })
    }

    /// Follows the redirect that answered `asked`. The key is sent only if the redirect stays on the same server.
    pub(crate) async fn follow(&self, asked: &Call, call: &Call, location: Option<&str>) -> Result<Reply> {
        let unassigned = |what: &str| Error::InvalidResponse { operation: call.operation, what: what.to_owned() };
        let location = location.ok_or_else(|| unassigned("a redirect without a target"))?;
        let url = self.url(asked)?.join(location).map_err(|_| unassigned("a redirect to what isn't a URL"))?;
        if url.origin() != self.inner.base.origin() {
            return Err(unassigned("a redirect to another server, which must not get the key"));
        }
        self.send_to(call, &url).await
    }

    async fn send_to(&self, call: &Call, url: &Url) -> Result<Reply> {
        let mut tries = Tries::default();
        let mut attempt = 1;
        let priority = (self.inner.priority)();
        loop {
            let waited = self.inner.limiter.turn(priority).await;
            let started = Instant::now();
            let span = self.span(call, priority, attempt, waited);
            let result = match self.exchange(call, url.clone()).instrument(span.clone()).await {
                Ok(reply) => judge(call, reply),
                Err(error) => Err(error),
            };
            let outcome = CallOutcome::of(&result);
            span.record("outcome", outcome.name());
            drop(span);
            match outcome {
                CallOutcome::Limited(Limit::PerSecond) => self.inner.limiter.refused(self.inner.retries.base),
                CallOutcome::Limited(Limit::PerDay) | CallOutcome::Unreachable => {}
                _ => self.inner.limiter.answered(self.remaining()),
            }
            self.report(&CallReport {
                operation: call.operation,
                endpoint: call.endpoint,
                priority,
                attempt,
                outcome,
                waited,
                duration: started.elapsed(),
                remaining: self.remaining(),
                day: counter_value(&self.inner.day),
            });
            let error = match result {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let wait = tries.next(&self.inner.retries, &error, &mut self.inner.rng.lock());
            let Some(wait) = wait else { return Err(error) };
            sleep(wait).await;
            attempt += 1;
        }
    }

    /// Creates the span of a call for traces. It contains the address as documented, never as sent.
    fn span(&self, call: &Call, priority: Priority, attempt: u32, waited: Duration) -> Span {
        debug_span!(
            "call",
            otel.name = call.endpoint,
            otel.kind = "client",
            server.address = self.inner.base.host_str().unwrap_or_default(),
            endpoint = call.endpoint,
            priority = priority.name(),
            attempt,
            waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
            outcome = Empty,
        )
    }

    /// Sends a call once and reads the whole answer.
    async fn exchange(&self, call: &Call, url: Url) -> Result<Reply> {
        let operation = call.operation;
        let started = Instant::now();
        let request = self.request(call, url)?;
        if let Some(transport) = &self.inner.transport {
            return self.carry(transport.as_ref(), call, &request);
        }
        let Timeouts { first_byte, whole, .. } = self.inner.timeouts;
        failpoint::hit(Point::BeforeSend);
        let sent = timeout_at(started + first_byte.min(whole), self.inner.http.execute(request)).await;
        let response = match sent {
            Err(_elapsed) => return Err(call.silent(Silence::TimedOut, None)),
            Ok(Err(error)) if error.is_connect() => {
                return Err(Error::Unreachable { operation, source: Box::new(error.without_url()) });
            }
            Ok(Err(error)) => return Err(lost(call, error)),
            Ok(Ok(response)) => response,
        };
        failpoint::hit(Point::AfterSend);
        self.note_remaining(response.headers());
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let location = header(LOCATION).map(str::to_owned);
        let retry_after = header(RETRY_AFTER).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let body = timeout_at(started + whole, read_body(call, response)).await;
        let body = body.unwrap_or_else(|_elapsed| Err(call.silent(Silence::TimedOut, None)))?;
        failpoint::hit(Point::AfterAnswer);
        let body = match String::from_utf8(body) {
            Ok(body) => body,
            Err(_) if (200..300).contains(&status) => return Err(call.unreadable("text that isn't UTF-8".to_owned())),
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        // Errors may quote the request, and must not quote the key.
        let key = self.inner.key.expose_secret();
        let body = if status >= 300 && body.contains(key) { body.replace(key, "[redacted]") } else { body };
        Ok(Reply { status, location, retry_after, body })
    }

    fn carry(&self, transport: &dyn Transport, call: &Call, request: &reqwest::Request) -> Result<Reply> {
        let outgoing = Outgoing {
            method: request.method().as_str(),
            path: request.url().path(),
            query: request.url().query().unwrap_or_default(),
            key: self.inner.key.expose_secret(),
            content_type: request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()),
            body: request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default(),
        };
        match transport.carry(&outgoing) {
            Ok(Incoming { status, location, retry_after, remaining, body }) => {
                if let Some(remaining) = remaining {
                    self.inner.remaining.store(remaining, Ordering::Relaxed);
                }
                Ok(Reply { status, location, retry_after, body })
            }
            Err(NoAnswer::NeverSent) => {
                Err(Error::Unreachable { operation: call.operation, source: Box::new(NoAnswer::NeverSent) })
            }
            Err(NoAnswer::Lost) => Err(call.silent(Silence::ConnectionLost, Some(Box::new(NoAnswer::Lost)))),
        }
    }

    fn request(&self, call: &Call, url: Url) -> Result<reqwest::Request> {
        let unsendable = |what| Error::InvalidRequest { operation: call.operation, what };
        let secret_header = |text: String| {
            let mut value = HeaderValue::try_from(text).map_err(|_| unsendable("a secret can't be a header"))?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        let key = secret_header(format!("apikey {}", self.inner.key.expose_secret()))?;
        let method = call.method();
        let takes_body = method == reqwest::Method::POST || method == reqwest::Method::PUT;
        let mut request = self
            .inner
            .http
            .request(method, url)
            .header(AUTHORIZATION, key)
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(password) = &call.password {
            request = request.header("Exl-User-Pw", secret_header(header_encoded(password.expose_secret()))?);
        }
        request = match &call.body {
            Body::Json(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            Body::Xml(body) => request.header(CONTENT_TYPE, "application/xml").body(body.clone()),
            // Some gateways require a length even for an empty body.
            Body::None if takes_body => request.header(CONTENT_LENGTH, "0"),
            Body::None => request,
        };
        request.build().map_err(|_| unsendable("the request can't be put together"))
    }

    fn note_remaining(&self, headers: &HeaderMap) {
        let counters = [("X-Exl-Api-Remaining", &self.inner.remaining), ("X-Exl-Api-Quota", &self.inner.day)];
        for (name, counter) in counters {
            let calls = headers.get(name).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            if let Some(calls) = calls {
                counter.store(calls, Ordering::Relaxed);
            }
        }
    }

    fn report(&self, report: &CallReport) {
        let CallReport { endpoint, priority, attempt, outcome, duration, waited, .. } = report;
        tracing::debug!(endpoint, priority = priority.name(), attempt, ?outcome, ?duration, ?waited, "Alma call");
        if let Some(observer) = &self.inner.on_call {
            observer(report);
        }
    }
}

fn counter_value(counter: &AtomicU64) -> Option<u64> {
    Some(counter.load(Ordering::Relaxed)).filter(|calls| *calls != UNKNOWN)
}

async fn read_body(call: &Call, mut response: reqwest::Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(call, error))? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(call.unreadable("more than 20 MB".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Creates the error for a call whose connection failed after it was established.
fn lost(call: &Call, error: reqwest::Error) -> Error {
    let reason = if error.is_timeout() { Silence::TimedOut } else { Silence::ConnectionLost };
    call.silent(reason, Some(Box::new(error.without_url())))
}

pub(crate) fn decode(body: &str) -> Result<Value, String> {
    if body.trim_start().starts_with('<') {
        return Err("XML where JSON was asked for".to_owned());
    }
    // serde_json's message may quote the text, so only the position is reported.
    serde_json::from_str(body).map_err(|error| match body.trim() {
        "" => "an empty body where a record should be".to_owned(),
        _ => format!("JSON that can't be read (line {}, column {})", error.line(), error.column()),
    })
}
