//! The client of one repository: its set-up, and the requests that need one answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::redirect;
use url::{Host, Url};

use crate::checkpoint::{Checkpoint, Selection};
use crate::clock::{Clock, SystemClock};
use crate::diagnosis::{Diagnosis, excerpt};
use crate::error::{Error, Result};
use crate::harvest::Harvest;
use crate::limits::Limits;
use crate::page::{Item, Page};
use crate::reader::PageReader;
use crate::record::Record;
use crate::repository::{Entry, MetadataFormat, Repository, Set};
use crate::retry::{Failure, RetryPolicy, Tries, retry_after};
use crate::verb::Verb;

/// A client of one repository. Clones are cheap and share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    limits: Limits,
    retries: RetryPolicy,
    clock: Arc<dyn Clock>,
}

/// Builds a [`Client`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientBuilder {
    base_url: String,
    user_agent: String,
    unencrypted: bool,
    connect_timeout: Duration,
    read_timeout: Duration,
    limits: Limits,
    retries: RetryPolicy,
    clock: Arc<dyn Clock>,
}

impl ClientBuilder {
    /// Sets the header `User-Agent`, by which an operator recognises the harvester.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Allows `http://` to other machines than this one.
    pub fn allow_unencrypted(mut self, allowed: bool) -> Self {
        self.unencrypted = allowed;
        self
    }

    /// Sets the time-out of a connection. Default 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the longest silence of the server, before or within an answer. Default 120 s.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Sets the largest sizes that are accepted.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how failed requests are made again.
    pub fn retries(mut self, policy: RetryPolicy) -> Self {
        self.retries = policy;
        self
    }

    /// Replaces the machine's clock, so that tests don't wait.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the client.
    ///
    /// # Errors
    ///
    /// Fails if the address can't be used.
    pub fn build(self) -> Result<Client> {
        let base = self.address()?;
        // The process may have chosen a provider already; then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout)
            .redirect(redirect::Policy::custom(follow))
            .build()
            .map_err(Error::Setup)?;
        Ok(Client { http, base, limits: self.limits, retries: self.retries, clock: self.clock })
    }

    fn address(&self) -> Result<Url> {
        let refused = |reason: &str| Error::Address(reason.to_owned());
        let text = self.base_url.trim();
        let mut url = Url::parse(text).map_err(|error| refused(&format!("{error}: {text:?}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("it must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it must not contain a user or password"));
        }
        if url.query().is_some_and(|query| query.contains("verb=")) {
            return Err(refused("it must not contain a verb; give the base URL alone"));
        }
        if url.scheme() == "http" && !self.unencrypted && !is_this_machine(&url) {
            return Err(refused("http:// is not encrypted; use https://, or allow unencrypted addresses"));
        }
        url.set_fragment(None);
        Ok(url)
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Follows redirects on the same host only, and never from https to http.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let Some(from) = attempt.previous().last() else { return attempt.stop() };
    let to = attempt.url();
    let is_same = from.host() == to.host()
        && (from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default()
            || from.scheme() == "http" && to.scheme() == "https" && from.port().is_none() && to.port().is_none());
    if is_same && attempt.previous().len() <= 5 { attempt.follow() } else { attempt.stop() }
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    Arriving(reqwest::Response),
    /// The body of an answer with an error status that is OAI-PMH nevertheless.
    Whole(Option<Vec<u8>>),
}

impl Body {
    /// Feeds the next piece to the reader. Returns whether there was one.
    pub(crate) async fn feed(&mut self, reader: &mut PageReader) -> std::result::Result<bool, Stop> {
        match self {
            Self::Arriving(response) => {
                let piece = response.chunk().await.map_err(|error| Stop::Failure(Failure::Connection(error)))?;
                let Some(piece) = piece else { return Ok(false) };
                reader.feed(&piece).map_err(|error| Stop::Error(error.into()))?;
            }
            Self::Whole(whole) => {
                let Some(whole) = whole.take() else { return Ok(false) };
                reader.feed(&whole).map_err(|error| Stop::Error(error.into()))?;
            }
        }
        Ok(true)
    }
}

/// The reason why a try gave no page.
pub(crate) enum Stop {
    /// It may pass.
    Failure(Failure),
    /// It won't.
    Error(Error),
}

/// The most of an error's body that is read.
const ERROR_BODY: usize = 64 * 1024;

impl Client {
    /// Begins a client of the repository at a base URL, such as
    /// `https://example.alma.exlibrisgroup.com/view/oai/01EXAMPLE_INST/request`.
    pub fn builder(base_url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            base_url: base_url.into(),
            user_agent: concat!("consort-oai-pmh/", env!("CARGO_PKG_VERSION")).to_owned(),
            unencrypted: false,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(120),
            limits: Limits::default(),
            retries: RetryPolicy::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Asks the repository to describe itself (`Identify`).
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer.
    pub async fn identify(&self) -> Result<Repository> {
        let (items, _) = self.whole(Verb::Identify, &[]).await?;
        match items.into_iter().next() {
            Some(Item::Entry(fields)) => Ok(Repository::read(&Entry(fields))),
            _ => Err(Error::Missing("Identify")),
        }
    }

    /// Lists the sets (`ListSets`); none if the repository has no sets.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer.
    pub async fn sets(&self) -> Result<Vec<Set>> {
        let mut sets = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let arguments: Vec<_> = token.iter().map(|token| ("resumptionToken", token.as_str())).collect();
            let (items, page) = match self.whole(Verb::ListSets, &arguments).await {
                Err(Error::Oai { code, .. }) if code == "noSetHierarchy" && token.is_none() => return Ok(sets),
                other => other?,
            };
            let before = sets.len();
            sets.extend(items.into_iter().filter_map(|item| match item {
                Item::Entry(fields) => Some(Set::read(&Entry(fields))),
                _ => None,
            }));
            if sets.len() > self.limits.entries {
                return Err(Error::TooManyEntries(self.limits.entries));
            }
            if page.token.is_none() {
                return Ok(sets);
            }
            if page.token == token || sets.len() == before {
                return Err(Error::Repeats { page: 2, earlier: 1 });
            }
            token = page.token;
        }
    }

    /// Lists the metadata formats of the repository, or of one record (`ListMetadataFormats`).
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer.
    pub async fn metadata_formats(&self, identifier: Option<&str>) -> Result<Vec<MetadataFormat>> {
        let arguments: Vec<_> = identifier.map(|identifier| ("identifier", identifier)).into_iter().collect();
        let (items, _) = self.whole(Verb::ListMetadataFormats, &arguments).await?;
        let formats = items.into_iter().filter_map(|item| match item {
            Item::Entry(fields) => Some(MetadataFormat::read(&Entry(fields))),
            _ => None,
        });
        Ok(formats.collect())
    }

    /// Fetches one record (`GetRecord`); `None` if the repository doesn't know the identifier.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable answer, or if the record can't be read.
    pub async fn record(&self, identifier: &str, metadata_prefix: &str) -> Result<Option<Record>> {
        let arguments = [("identifier", identifier), ("metadataPrefix", metadata_prefix)];
        match self.whole(Verb::GetRecord, &arguments).await {
            Err(Error::Oai { code, .. }) if code == "idDoesNotExist" => Ok(None),
            Err(error) => Err(error),
            Ok((items, _)) => match items.into_iter().next() {
                Some(Item::Record(record)) => Ok(Some(record)),
                Some(Item::SetAside(set_aside)) => {
                    let (offset, fault) = (set_aside.offset, set_aside.fault);
                    Err(Error::Page(crate::page::PageError::Damaged { offset, fault }))
                }
                _ => Err(Error::Missing("record")),
            },
        }
    }

    /// Begins a harvest.
    #[must_use]
    pub fn harvest(&self, selection: Selection) -> Harvest {
        Harvest::start(self.clone(), selection)
    }

    /// Continues a harvest after the page of a checkpoint.
    #[must_use]
    pub fn resume(&self, checkpoint: Checkpoint) -> Harvest {
        Harvest::resume(self.clone(), checkpoint)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn policy(&self) -> &RetryPolicy {
        &self.retries
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Makes a request until it is answered, and reads the whole answer.
    async fn whole(&self, verb: Verb, arguments: &[(&str, &str)]) -> Result<(Vec<Item>, Page)> {
        let mut tries = Tries::default();
        loop {
            match self.whole_once(verb, arguments).await {
                Ok(found) => return Ok(found),
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Failure(failure)) => {
                    let wait = tries.after(failure, &self.retries)?;
                    self.clock.sleep(wait).await;
                }
            }
        }
    }

    async fn whole_once(&self, verb: Verb, arguments: &[(&str, &str)]) -> std::result::Result<(Vec<Item>, Page), Stop> {
        let mut body = self.send(verb, arguments).await?;
        let mut reader = PageReader::new(self.limits);
        let mut items = Vec::new();
        loop {
            let is_more = body.feed(&mut reader).await?;
            if !is_more {
                reader.end();
            }
            while let Some(item) = reader.next().map_err(|error| Stop::Error(error.into()))? {
                items.push(item);
                if items.len() > self.limits.entries {
                    return Err(Stop::Error(Error::TooManyEntries(self.limits.entries)));
                }
            }
            if !is_more {
                break;
            }
        }
        let page = reader.into_page();
        if let Some((code, text)) = page.errors.first().cloned() {
            return Err(Stop::Error(Error::Oai { code, text }));
        }
        match page.verb {
            Some(found) if found == verb && page.complete => Ok((items, page)),
            Some(found) if found == verb => Err(Stop::Failure(Failure::Truncated)),
            _ => Err(Stop::Error(Error::Missing(verb.name()))),
        }
    }

    /// Sends a request once and judges the head of its answer.
    pub(crate) async fn send(&self, verb: Verb, arguments: &[(&str, &str)]) -> std::result::Result<Body, Stop> {
        let mut url = self.base.clone();
        url.query_pairs_mut().append_pair("verb", verb.name()).extend_pairs(arguments);
        let response = self.http.get(url).send().await.map_err(|error| Stop::Failure(Failure::Connection(error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Body::Arriving(response));
        }
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        if status.is_redirection() {
            let to = header(LOCATION).unwrap_or("an unnamed address").to_owned();
            return Err(Stop::Error(Error::Redirect { to }));
        }
        let code = status.as_u16();
        if matches!(code, 429 | 503) {
            let retry_after = header(RETRY_AFTER).and_then(|text| retry_after(text, self.clock.now()));
            return Err(Stop::Failure(Failure::Busy { status: code, retry_after }));
        }
        let is_xml = header(CONTENT_TYPE).is_some_and(|kind| kind.contains("xml"));
        let body = error_body(response).await;
        if is_xml && memchr::memmem::find(&body, b"<OAI-PMH").is_some() {
            return Ok(Body::Whole(Some(body)));
        }
        let head = String::from_utf8_lossy(&body).into_owned();
        if status.is_server_error() || code == 408 {
            return Err(Stop::Failure(Failure::Server { status: code, head }));
        }
        Err(Stop::Error(Error::Status { status: code, diagnosis: Diagnosis::of(&head), excerpt: excerpt(&head) }))
    }
}

/// Reads the beginning of the body of an answer with an error status.
async fn error_body(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < ERROR_BODY {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(ERROR_BODY);
    body
}
