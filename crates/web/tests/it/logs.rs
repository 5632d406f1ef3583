//! Limits on the content of the log.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{ALMA_KEY, Hub, KEY, alma_with_users, placement};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn log_of_a_request_names_neither_patron_nor_key_nor_reason() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let id = hub.post("/api/v1/requests", &placement("reader", "31999")).await.body["id"].clone();
    hub.delete(&format!("/api/v1/requests/{}?reason=private-matter", id.as_str().unwrap())).await;
    hub.post("/api/v1/requests", &placement("blocked", "31999")).await.is_problem(422, "PATRON_BLOCKED");

    let text = String::from_utf8(log.0.lock().clone()).unwrap();
    assert!(text.contains("/api/v1/requests/{id}"), "calls are logged by their route:\n{text}");
    for line in text.lines() {
        for private in ["reader", "blocked", KEY, ALMA_KEY, "private-matter"] {
            assert!(!line.contains(private), "{private} in {line}");
        }
    }
}
