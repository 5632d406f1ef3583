//! Fuzz targets for Alma's answers, as its client reads them.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

use alma::{
    Client, HoldingSelector, Incoming, ItemPath, LoanFilter, NoAnswer, Outgoing, RequestFilter, RetryPolicy, Transport,
    UserId,
};
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

/// A transport that answers every call alike. Lists end after a few pages.
#[derive(Debug, Default)]
struct Echo {
    answer: Mutex<(Incoming, u32)>,
}

const MOST_PAGES: u32 = 3;

impl Transport for Echo {
    fn carry(&self, _: &Outgoing<'_>) -> Result<Incoming, NoAnswer> {
        let mut answer = self.answer.lock();
        answer.1 += 1;
        if answer.1 > MOST_PAGES { Err(NoAnswer::NeverSent) } else { Ok(answer.0.clone()) }
    }
}

struct Reader {
    echo: Arc<Echo>,
    client: Client,
    runtime: Runtime,
}

fn reader() -> &'static Mutex<Reader> {
    static READER: OnceLock<Mutex<Reader>> = OnceLock::new();
    READER.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let echo = Arc::new(Echo::default());
        let transport: Arc<dyn Transport> = Arc::<Echo>::clone(&echo);
        let client = Client::builder("http://127.0.0.1:1", "key".into())
            .transport(transport)
            .calls_per_second(NonZeroU32::MAX)
            .retries(RetryPolicy::never())
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Mutex::new(Reader { echo, client, runtime })
    })
}

/// The first byte chooses the status and the call.
fn read(data: &[u8], wrap: impl FnOnce(String) -> String) {
    let Some((choice, body)) = data.split_first() else { return };
    let reader = reader().lock();
    let status = if choice & 0x80 == 0 { 200 } else { 400 };
    let body = wrap(String::from_utf8_lossy(body).into_owned());
    let incoming = Incoming { status, body, ..Incoming::default() };
    *reader.echo.answer.lock() = (incoming, 0);
    let client = &reader.client;
    let (user, path) = (UserId::from("reader"), ItemPath { mms: "99".into(), holding: "22".into(), pid: "23".into() });
    reader.runtime.block_on(async {
        let failed = match choice & 0x07 {
            0 => client.users().get(&user).await.err(),
            1 => client.items().get(&path).await.err(),
            2 => client.items().by_barcode(&"b".into()).await.err(),
            3 => client.item_requests(&path).list(&RequestFilter::holds()).await.err(),
            4 => client.user_loans(&user).list(LoanFilter::default()).take(5_000).try_collect::<Vec<_>>().await.err(),
            5 => {
                let all = client.items().list(&path.mms, &HoldingSelector::All).take(5_000);
                all.try_collect::<Vec<_>>().await.err()
            }
            6 => client.bibs().get(&path.mms).await.err(),
            _ => client.conf().libraries().await.err(),
        };
        if let Some(error) = failed {
            // The message must not be empty. The only text of the answer that it may quote is Alma's own message.
            assert!(!error.to_string().is_empty());
        }
    });
}

/// Reads the data as JSON, or as what a server may send in its place.
pub fn alma_json(data: &[u8]) {
    read(data, |body| body);
}

/// Reads the data as XML: Alma's error envelope, and pages of gateways.
pub fn alma_xml(data: &[u8]) {
    read(data, |body| if body.trim_start().starts_with('<') { body } else { format!("<{body}") });
}
