//! An OAI-PMH server over a corpus, with faults by choice.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};

use crate::corpus::Corpus;

/// The faults of a server, each after so many requests; none by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Every so many requests are answered with 503 and `Retry-After: 0`.
    pub busy_every: Option<u64>,
    /// Every so many tokens are refused.
    pub bad_token_every: Option<u64>,
    /// Every so many answers break off in the middle.
    pub break_every: Option<u64>,
    /// From this request on, every page is that one.
    pub repeat_from: Option<u64>,
}

/// A running server. It ends with the runtime that started it.
#[derive(Debug)]
pub struct Server {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    corpus: Arc<Corpus>,
    page_size: u64,
    faults: Faults,
    generation: AtomicU32,
    requests: AtomicU64,
    url: String,
}

/// The time between two generations.
const GENERATION: SignedDuration = SignedDuration::from_hours(24);

/// The prefix of identifiers.
const PREFIX: &str = "oai:sample:";

impl Server {
    /// Starts a server with the first generation of a corpus.
    ///
    /// # Errors
    ///
    /// Fails if it can't listen on the address.
    pub async fn start(
        corpus: Arc<Corpus>,
        address: SocketAddr,
        page_size: u64,
        faults: Faults,
    ) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let url = format!("http://{}/oai", listener.local_addr()?);
        let shared = Arc::new(Shared {
            corpus,
            page_size: page_size.max(1),
            faults,
            generation: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            url: url.clone(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, shared })
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Publishes the next generation: some records change, and some are deleted. Returns its number.
    pub fn advance(&self) -> u32 {
        self.shared.generation.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The number of requests so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

/// A position in a harvest. Records come in the order of the generation that changed them last, and within it by index;
/// that is the order of their datestamps.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    from: Timestamp,
    generation: u32,
    index: u64,
}

impl Cursor {
    fn token(self) -> String {
        format!("{}@{}:{}", self.from.as_second(), self.generation, self.index)
    }

    fn read(token: &str) -> Option<Self> {
        let (from, rest) = token.split_once('@')?;
        let (generation, index) = rest.split_once(':')?;
        let from = Timestamp::from_second(from.parse().ok()?).ok()?;
        Some(Self { from, generation: generation.parse().ok()?, index: index.parse().ok()? })
    }
}

async fn answer(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response<Body> {
    let request = shared.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let hits = |every: Option<u64>| every.is_some_and(|every| request.is_multiple_of(every.max(1)));
    if hits(shared.faults.busy_every) {
        let mut response = Response::new(Body::from("busy"));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert("retry-after", axum::http::HeaderValue::from_static("0"));
        return response;
    }
    let query = query.unwrap_or_default();
    let body = shared.respond(&query, hits(shared.faults.bad_token_every), request);
    let mut response = if hits(shared.faults.break_every) && body.len() > 1000 {
        // The answer looks complete to HTTP, as with a proxy that gives up.
        Response::new(Body::from(body[..body.len() / 2].to_vec()))
    } else {
        Response::new(Body::from(body))
    };
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static("text/xml;charset=UTF-8"));
    response
}

impl Shared {
    fn respond(&self, query: &str, refuses_token: bool, request: u64) -> Vec<u8> {
        let arguments: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let argument = |name: &str| arguments.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str());
        let generation = self.generation.load(Ordering::SeqCst);
        let now = self.stamp(generation, 0) + SignedDuration::from_hours(23);
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OAI-PMH xmlns=\"http://www.openarchives.org/OAI/2.0/\">\
             <responseDate>{now:.0}</responseDate><request>{}</request>",
            self.url
        )
        .into_bytes();
        let error = |out: &mut Vec<u8>, code: &str| {
            out.extend_from_slice(format!("<error code=\"{code}\">{code}</error>").as_bytes());
        };
        match argument("verb") {
            Some("Identify") => out.extend_from_slice(self.identify().as_bytes()),
            Some("ListMetadataFormats") => out.extend_from_slice(
                b"<ListMetadataFormats><metadataFormat><metadataPrefix>marc21</metadataPrefix>\
                  <schema>http://www.loc.gov/standards/marcxml/schema/MARC21slim.xsd</schema>\
                  <metadataNamespace>http://www.loc.gov/MARC21/slim</metadataNamespace></metadataFormat></ListMetadataFormats>",
            ),
            Some("ListSets") => error(&mut out, "noSetHierarchy"),
            Some(verb @ ("ListRecords" | "ListIdentifiers")) => {
                let cursor = match argument("resumptionToken") {
                    Some(_) if refuses_token => None,
                    Some(token) => Cursor::read(token),
                    None => {
                        let from = argument("from").and_then(|from| from.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
                        Some(Cursor { from, generation: 0, index: 0 })
                    }
                };
                match cursor {
                    Some(cursor) => self.list(&mut out, verb, cursor, generation, request),
                    None => error(&mut out, "badResumptionToken"),
                }
            }
            Some("GetRecord") => match argument("identifier").and_then(|id| self.index_of(id)) {
                Some(index) => {
                    out.extend_from_slice(b"<GetRecord>");
                    let (last, ..) = self.corpus.state(index, generation);
                    self.record(&mut out, index, generation, last, true);
                    out.extend_from_slice(b"</GetRecord>");
                }
                None => error(&mut out, "idDoesNotExist"),
            },
            _ => error(&mut out, "badVerb"),
        }
        out.extend_from_slice(b"</OAI-PMH>");
        out
    }

    fn identify(&self) -> String {
        format!(
            "<Identify><repositoryName>Sample records</repositoryName><baseURL>{}</baseURL><protocolVersion>2.0</protocolVersion>\
             <adminEmail>sample@example.org</adminEmail><earliestDatestamp>{:.0}</earliestDatestamp>\
             <deletedRecord>persistent</deletedRecord><granularity>YYYY-MM-DDThh:mm:ssZ</granularity></Identify>",
            self.url,
            self.stamp(0, 0)
        )
    }

    fn index_of(&self, identifier: &str) -> Option<u64> {
        let index = identifier.strip_prefix(PREFIX)?.strip_prefix("99")?.parse().ok()?;
        (index < self.corpus.options().records).then_some(index)
    }

    /// The datestamp of a record that a generation changed last. Some hundred records have the same one.
    fn stamp(&self, generation: u32, index: u64) -> Timestamp {
        let begin = Timestamp::from_second(1_700_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
        let records = self.corpus.options().records.max(1);
        let seconds = if records < 8_000_000 { index / 100 } else { index.saturating_mul(80_000) / records };
        begin
            + GENERATION * i32::try_from(generation).unwrap_or(i32::MAX)
            + SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default())
    }

    fn list(&self, out: &mut Vec<u8>, verb: &str, mut cursor: Cursor, generation: u32, request: u64) {
        if self.faults.repeat_from.is_some_and(|from| request > from) {
            cursor = Cursor { generation: 0, index: 0, ..cursor };
        }
        let begin = out.len();
        out.extend_from_slice(format!("<{verb}>").as_bytes());
        out.reserve(usize::try_from(self.page_size * 3500).unwrap_or_default());
        let (mut count, mut more) = (0, false);
        'pages: while cursor.generation <= generation {
            while cursor.index < self.corpus.options().records {
                let index = cursor.index;
                let (last, ..) = self.corpus.state(index, generation);
                if last == cursor.generation && self.stamp(last, index) >= cursor.from {
                    if count == self.page_size {
                        more = true;
                        break 'pages;
                    }
                    self.record(out, index, generation, last, verb == "ListRecords");
                    count += 1;
                }
                cursor.index += 1;
            }
            cursor = Cursor { generation: cursor.generation + 1, index: 0, ..cursor };
        }
        if count == 0 {
            out.truncate(begin);
            out.extend_from_slice(b"<error code=\"noRecordsMatch\">nothing</error>");
            return;
        }
        let token = if more { cursor.token() } else { String::new() };
        out.extend_from_slice(format!("<resumptionToken>{token}</resumptionToken></{verb}>").as_bytes());
    }

    fn record(&self, out: &mut Vec<u8>, index: u64, generation: u32, last: u32, is_record: bool) {
        let sample = self.corpus.record(index, generation);
        let mut head = String::with_capacity(200);
        if is_record {
            head.push_str("<record>");
        }
        let status = if sample.deleted { " status=\"deleted\"" } else { "" };
        let _ = write!(
            head,
            "<header{status}><identifier>{PREFIX}{}</identifier><datestamp>{:.0}</datestamp></header>",
            sample.control_number,
            self.stamp(last, index)
        );
        out.extend_from_slice(head.as_bytes());
        if is_record {
            if !sample.deleted {
                out.extend_from_slice(b"<metadata>");
                out.extend_from_slice(&sample.marcxml);
                out.extend_from_slice(b"</metadata>");
            }
            out.extend_from_slice(b"</record>");
        }
    }
}
