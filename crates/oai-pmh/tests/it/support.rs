//! Pages, a scripted server, and a clock that waits for nothing.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use futures::future::BoxFuture;
use jiff::Timestamp;
use oai_pmh::{Client, ClientBuilder, Clock, Error, Event, Harvest, Item, Limits, PageError, PageReader, Selection};

/// A page of a list: the content of the verb's element.
pub(crate) fn page(verb: &str, content: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<OAI-PMH xmlns=\"http://www.openarchives.org/OAI/2.0/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><responseDate>2024-05-06T07:08:09Z</responseDate>\
         <request verb=\"{verb}\">http://localhost</request><{verb}>{content}</{verb}></OAI-PMH>"
    )
}

/// A protocol error.
pub(crate) fn error_page(code: &str) -> String {
    page("x", "").replace("<x></x>", &format!("<error code=\"{code}\">it is so</error>"))
}

pub(crate) fn identify(granularity: &str) -> String {
    page(
        "Identify",
        &format!(
            "<repositoryName>Library &amp; Archive</repositoryName><baseURL>http://localhost</baseURL>\
             <protocolVersion>2.0</protocolVersion><adminEmail>a@example.org</adminEmail><adminEmail>b@example.org\
             </adminEmail><earliestDatestamp>2001-01-01</earliestDatestamp><deletedRecord>transient</deletedRecord>\
             <granularity>{granularity}</granularity><description><x><y>deep</y></x></description>"
        ),
    )
}

/// A record with the number as identifier and as second of its datestamp.
pub(crate) fn record(number: u32) -> String {
    record_with(number, &format!("<record xmlns=\"http://www.loc.gov/MARC21/slim\"><a>{number}</a></record>"))
}

pub(crate) fn record_with(number: u32, metadata: &str) -> String {
    format!(
        "<record><header><identifier>oai:t:{number}</identifier><datestamp>2020-01-01T00:{:02}:{:02}Z</datestamp>\
         <setSpec>s</setSpec></header><metadata>{metadata}</metadata></record>",
        number / 60,
        number % 60
    )
}

pub(crate) fn records(numbers: impl IntoIterator<Item = u32>, token: &str) -> String {
    let mut content = String::new();
    numbers.into_iter().for_each(|number| content.push_str(&record(number)));
    if !token.is_empty() {
        let _ = write!(content, "<resumptionToken>{token}</resumptionToken>");
    }
    page("ListRecords", &content)
}

/// Reads a page that arrives in pieces of a size.
pub(crate) fn read_in(pieces: usize, text: &[u8], limits: Limits) -> (Vec<Item>, Result<oai_pmh::Page, PageError>) {
    let mut reader = PageReader::new(limits);
    let mut items = Vec::new();
    let mut drain = |reader: &mut PageReader| -> Result<(), PageError> {
        while let Some(item) = reader.next()? {
            items.push(item);
        }
        Ok(())
    };
    let mut result = Ok(());
    for piece in text.chunks(pieces.max(1)) {
        result = result.and_then(|()| reader.feed(piece)).and_then(|()| drain(&mut reader));
    }
    reader.end();
    let result = result.and_then(|()| drain(&mut reader));
    (items, result.map(|()| reader.into_page()))
}

/// Reads a page, and checks that it reads the same in pieces of every size.
pub(crate) fn read(text: impl AsRef<[u8]>) -> (Vec<Item>, Result<oai_pmh::Page, PageError>) {
    let text = text.as_ref();
    let whole = read_in(text.len(), text, Limits::default());
    for pieces in [1, 2, 3, 5, 7, 16, 61, 200] {
        let found = read_in(pieces, text, Limits::default());
        assert_eq!(summary(&found.0), summary(&whole.0), "in pieces of {pieces}");
        assert!(found == whole, "in pieces of {pieces}: {:?}", found.1);
    }
    whole
}

/// The identifiers of records, and the words of what was set aside.
pub(crate) fn summary(items: &[Item]) -> Vec<String> {
    let words = |item: &Item| match item {
        Item::Record(record) => record.identifier.clone(),
        Item::SetAside(place) => format!("{}: {}", place.identifier.as_deref().unwrap_or("?"), place.fault),
        Item::Entry(fields) => format!("{fields:?}"),
    };
    items.iter().map(words).collect()
}

/// An answer of the scripted server.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The connection breaks after the body.
    pub(crate) breaks: bool,
}

impl Answer {
    pub(crate) fn xml(body: impl Into<Vec<u8>>) -> Answer {
        let headers = vec![("content-type", "text/xml; charset=UTF-8".to_owned())];
        Answer { status: 200, headers, body: body.into(), breaks: false }
    }

    pub(crate) fn status(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Answer { status, headers, body: body.into(), breaks: false }
    }
}

impl From<String> for Answer {
    fn from(body: String) -> Answer {
        Answer::xml(body)
    }
}

/// A server that gives prepared answers in their order, and remembers what it was asked.
pub(crate) struct Script {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<VecDeque<Answer>>,
    queries: Mutex<Vec<String>>,
}

impl Script {
    pub(crate) async fn new(answers: impl IntoIterator<Item = Answer>) -> Script {
        let shared = Arc::new(Shared::default());
        shared.answers.lock().unwrap().extend(answers);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/oai", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Script { url, shared }
    }

    /// A server that identifies itself first, with seconds.
    pub(crate) async fn harvest(answers: impl IntoIterator<Item = Answer>) -> Script {
        Script::new(std::iter::once(Answer::xml(identify("YYYY-MM-DDThh:mm:ssZ"))).chain(answers)).await
    }

    /// What was asked, without `Identify`.
    pub(crate) fn queries(&self) -> Vec<String> {
        let queries = self.shared.queries.lock().unwrap();
        queries.iter().filter(|query| *query != "verb=Identify").cloned().collect()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    shared.queries.lock().unwrap().push(query.unwrap_or_default());
    let answer = shared.answers.lock().unwrap().pop_front();
    let answer = answer.unwrap_or_else(|| Answer::status(410, &[], "the script has ended"));
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = if answer.breaks {
        let pieces = [Ok(answer.body), Err(std::io::Error::other("the connection breaks"))];
        Body::from_stream(futures::stream::iter(pieces))
    } else {
        Body::from(answer.body)
    };
    response.body(body).unwrap()
}

/// A clock that stands still and doesn't wait.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    waits: Mutex<Vec<u64>>,
}

impl TestClock {
    /// The waits so far, in seconds.
    pub(crate) fn waits(&self) -> Vec<u64> {
        self.waits.lock().unwrap().clone()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        "2024-05-06T07:08:09Z".parse().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        self.waits.lock().unwrap().push(duration.as_secs());
        Box::pin(std::future::ready(()))
    }
}

pub(crate) fn builder(url: &str) -> (ClientBuilder, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    (Client::builder(url).clock(Arc::<TestClock>::clone(&clock)), clock)
}

pub(crate) fn client(url: &str) -> (Client, Arc<TestClock>) {
    let (builder, clock) = builder(url);
    (builder.build().unwrap(), clock)
}

pub(crate) fn selection() -> Selection {
    Selection { metadata_prefix: "marc21".to_owned(), ..Selection::default() }
}

/// Runs a harvest to its end or to its error.
pub(crate) async fn run(mut harvest: Harvest) -> (Vec<Event>, Option<Error>) {
    let mut events = Vec::new();
    loop {
        match harvest.next().await {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return (events, None),
            Err(error) => return (events, Some(error)),
        }
    }
}

/// One word for each event.
pub(crate) fn words(events: &[Event]) -> Vec<String> {
    let word = |event: &Event| match event {
        Event::Record(record) => record.identifier.rsplit(':').next().unwrap_or_default().to_owned(),
        Event::SetAside(place) => format!("set aside {}", place.identifier.as_deref().unwrap_or("?")),
        Event::Page(checkpoint) if checkpoint.complete => format!("end of {}", checkpoint.records),
        Event::Page(_) => "page".to_owned(),
        Event::Retrying { wait, .. } => format!("retry in {}", wait.as_secs()),
        Event::Restarted { from, .. } => format!("anew from {}", from.map(|at| at.to_string()).unwrap_or_default()),
    };
    events.iter().map(word).collect()
}
