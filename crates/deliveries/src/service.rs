//! The loop of a node that sends events.
//!
//! A subscription is served by one node at a time, under a lease. If a node is slow to notice that its lease has ended, an
//! event may be sent twice: its id is the same.

#![allow(
    clippy::disallowed_methods,
    reason = "the loop waits by the machine's clock; what is due is decided by the node's"
)]

use std::collections::HashSet;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use access::Caller;
use engine::{Engine, EventBody};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use messages::Language;
use parking_lot::Mutex;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, redirect};
use store::{Delivery, OfAgencies, Subscription};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::addresses::{CheckedResolver, Lookup, SystemLookup, check_url};
use crate::backoff::{next_attempt, rest_until};
use crate::signature::sign;

/// The longest time between two searches for due deliveries.
const AT_LEAST_EVERY: Duration = Duration::from_secs(5);
/// How long a node keeps a subscription that it serves. Longer than a pass of messages that all run into the time limit.
const LEASE: Duration = Duration::from_secs(60);
/// The time that a receiver has for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// The number of messages to one subscription that are sent at the same time. They are of different requests.
const AT_ONCE: usize = 4;
/// The number of due deliveries and of events that are read at once.
const PAGE: u32 = 100;

/// Sends events to subscriptions. There is one per node.
#[derive(Debug)]
pub struct Deliveries {
    engine: Arc<Engine>,
    node: String,
    /// The client for subscriptions whose address may be a private one, and the one for all others.
    clients: [Client; 2],
    /// The subscriptions that a task of this node serves now.
    served: Mutex<HashSet<String>>,
}

impl Deliveries {
    /// Creates it for a node of this name.
    ///
    /// # Errors
    ///
    /// No HTTP client can be made.
    pub fn new(engine: Arc<Engine>, node: impl Into<String>) -> reqwest::Result<Self> {
        let clients = [client(true, SystemLookup)?, client(false, SystemLookup)?];
        Ok(Self { engine, node: node.into(), clients, served: Mutex::default() })
    }

    /// Sends events until `stop`. Messages on their way then are ended, and sent again after the next start.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let working = async {
            let mut changes = self.engine.changes();
            let mut tasks = JoinSet::new();
            loop {
                if let Err(error) = self.begin(&mut tasks).await {
                    warn!(%error, "can't read the subscriptions; trying again in a few seconds");
                }
                tokio::select! {
                    // A receiver that lagged has missed changes, which the search finds.
                    _ = tokio::time::timeout(AT_LEAST_EVERY, changes.recv()) => {}
                    Some(_) = tasks.join_next() => {}
                }
                while changes.try_recv().is_ok() {}
            }
        };
        tokio::select! {
            () = working => {}
            () = stop => {}
        }
    }

    /// Begins a task for each subscription that has something to be sent, and that no task serves.
    async fn begin(self: &Arc<Self>, tasks: &mut JoinSet<()>) -> Result<(), engine::Error> {
        let active: Vec<_> =
            self.engine.store().subscriptions().await?.into_iter().filter(|subscription| subscription.active).collect();
        if active.is_empty() {
            return Ok(());
        }
        let newest = self.engine.newest_event().await?;
        let now = self.engine.clock().now();
        for subscription in active {
            let is_due = subscription.due_at <= now;
            if is_due && self.served.lock().insert(subscription.code.clone()) {
                let deliveries = Arc::clone(self);
                tasks.spawn(async move {
                    let code = subscription.code.clone();
                    if let Err(error) = deliveries.serve(subscription, newest).await {
                        warn!(subscription = code, %error, "can't serve a subscription; trying again in a few seconds");
                    }
                    deliveries.served.lock().remove(&code);
                });
            }
        }
        Ok(())
    }

    /// Plans the deliveries of new events, and sends those that are due, until none is or the subscription rests.
    async fn serve(&self, subscription: Subscription, newest: i64) -> Result<(), engine::Error> {
        let mut subscription = subscription;
        loop {
            let is_ours = self.claim(&subscription.code).await?;
            if !is_ours {
                return Ok(());
            }
            self.plan(&mut subscription, newest).await?;
            let now = self.engine.clock().now();
            let due = self.engine.store().due_deliveries(&subscription.code, now, PAGE).await?;
            // A page must end within the lease.
            let due: Vec<_> = due.into_iter().take(AT_ONCE * 2).collect();
            if due.is_empty() {
                return Ok(());
            }
            let secrets = self.engine.store().subscription_secrets(&subscription.code, now).await?;
            let (subscription, secrets) = (&subscription, &secrets);
            let sent = stream::iter(due).map(|delivery| async move {
                let result = self.send(subscription, &delivery, secrets).await;
                self.note(subscription, &delivery, result).await
            });
            let results: Vec<Result<bool, engine::Error>> = sent.buffer_unordered(AT_ONCE).collect().await;
            let mut all_arrived = true;
            for result in results {
                all_arrived &= result?;
            }
            if !all_arrived {
                // It rests now.
                return Ok(());
            }
        }
    }

    async fn claim(&self, code: &str) -> Result<bool, engine::Error> {
        let now = self.engine.clock().now();
        let until = now.checked_add(LEASE).unwrap_or(now);
        let mut unit = self.engine.store().unit();
        let claimed = unit.claim_subscription(code, &self.node, now, until);
        Ok(self.engine.store().commit(unit).await?.touched(claimed) == 1)
    }

    /// Adds a delivery of each new event that the subscription's key may see.
    async fn plan(&self, subscription: &mut Subscription, newest: i64) -> Result<(), engine::Error> {
        let caller = Caller::new(&*subscription.code, subscription.role, subscription.agencies.iter().cloned());
        while subscription.position < newest {
            let page = self.engine.store().events_after(subscription.position, PAGE).await?;
            let Some(last) = page.last().map(|placed| placed.position) else { return Ok(()) };
            let visible: Option<OfAgencies> = crate::visible_requests(&self.engine, &caller).await?;
            let wanted = page.iter().filter(|placed| visible.as_ref().is_none_or(|of| of.contain(&placed.event)));
            let wanted: Vec<_> = wanted.map(|placed| (placed.position, placed.event.request)).collect();
            let mut unit = self.engine.store().unit();
            let now = self.engine.clock().now();
            unit.advance_subscription(&subscription.code, subscription.position, last, &wanted, now);
            match self.engine.store().commit(unit).await {
                Ok(_) => subscription.position = last,
                // Another node has moved it. It is read anew with the next change.
                Err(store::Error::Conflict | store::Error::Contended) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends one message. Fails with the reason, which names neither the address nor the answer's body.
    async fn send(
        &self,
        subscription: &Subscription,
        delivery: &Delivery,
        secrets: &[secrecy::SecretString],
    ) -> Result<(), Refused> {
        let url = check_url(&subscription.url, subscription.private_allowed)
            .map_err(|bad| Refused::other(bad.to_string()))?;
        let language = Language::of_tag(&subscription.language).unwrap_or_default();
        let body = EventBody::new(delivery.event.clone(), language);
        // An event that this program can't read was written by a newer one, which will send it.
        let body = body.ok_or_else(|| Refused::other("the event was written by a newer program".to_owned()))?;
        let body = serde_json::to_string(&body).map_err(|error| Refused::other(error.to_string()))?;
        let id = format!("{}.{}", delivery.event.request, delivery.event.version);
        let seconds = self.engine.clock().now().as_second();
        let call = self.clients[usize::from(!subscription.private_allowed)]
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", sign(secrets, &id, seconds, &body))
            .body(body);
        let answer = call.send().await.map_err(|error| Refused::other(reason(error)))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Refused { status: Some(status), reason: format!("the receiver answered {status}") }),
        }
    }

    /// Stores the result of an attempt. Returns whether the message arrived.
    async fn note(
        &self,
        subscription: &Subscription,
        delivery: &Delivery,
        result: Result<(), Refused>,
    ) -> Result<bool, engine::Error> {
        let now = self.engine.clock().now();
        let mut unit = self.engine.store().unit();
        let code = &subscription.code;
        let has_arrived = result.is_ok();
        match result {
            Ok(()) => {
                debug!(subscription = code, position = delivery.position, "an event was delivered");
                unit.finish_delivery(delivery, now);
            }
            Err(Refused { status, reason }) => {
                let failures = subscription.failures.saturating_add(1);
                let rest = rest_until(failures, now, self.jitter());
                let due = next_attempt(delivery.first_at, delivery.attempts.saturating_add(1), now, self.jitter());
                log_failure(code, delivery, due, &reason);
                unit.fail_delivery(delivery, &reason, due, rest);
                if status == Some(StatusCode::GONE) {
                    info!(subscription = code, "the receiver wants no more events (410); the subscription is stopped");
                    unit.stop_subscription(code, &reason);
                }
            }
        }
        self.engine.count_delivery(has_arrived);
        self.engine.store().commit(unit).await?;
        Ok(has_arrived)
    }

    /// Returns a number between 0 and 1.
    fn jitter(&self) -> f64 {
        self.engine.ids().jitter(Duration::from_secs(1)).as_secs_f64()
    }
}

/// The reason why a message did not arrive.
#[derive(Debug)]
struct Refused {
    status: Option<StatusCode>,
    reason: String,
}

impl Refused {
    fn other(reason: String) -> Self {
        Self { status: None, reason }
    }
}

fn log_failure(code: &str, delivery: &Delivery, due: Option<Timestamp>, reason: &str) {
    let position = delivery.position;
    match due {
        Some(due) => {
            debug!(subscription = code, position, %due, reason, "an event could not be delivered; trying again");
        }
        None => warn!(
            subscription = code,
            position,
            reason,
            "an event could not be delivered for three days; `consort subscription resend` sends it once more"
        ),
    }
}

/// Creates the HTTP client. It follows no redirect, which would lead elsewhere than the address that was checked.
fn client(private_allowed: bool, lookup: impl Lookup) -> reqwest::Result<Client> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .timeout(ANSWER_WITHIN)
        .dns_resolver(Arc::new(CheckedResolver { private_allowed, lookup }))
        .build()
}

/// Returns the reason for which a call got no answer, without the address.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "the receiver did not answer in time".to_owned();
    }
    let error = error.without_url();
    let mut cause = error.source();
    let mut reason = error.to_string();
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    reason.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::SocketAddr;
    use std::process::Command;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A name service that answers with the next of these addresses each time, and with the last one from then on.
    #[derive(Clone)]
    struct Changing {
        answers: Arc<[SocketAddr]>,
        asked: Arc<AtomicUsize>,
    }

    impl Changing {
        fn new(answers: impl IntoIterator<Item = SocketAddr>) -> Self {
            Self { answers: answers.into_iter().collect(), asked: Arc::default() }
        }
    }

    impl Lookup for Changing {
        async fn addresses(&self, _: &str) -> io::Result<Vec<SocketAddr>> {
            let nth = self.asked.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
            Ok(vec![self.answers[nth]])
        }
    }

    #[tokio::test]
    async fn name_that_resolves_to_a_private_address_after_it_was_checked_gets_no_message() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        // The first answer is an address for documentation (RFC 5737), which nobody has; the next one is this machine.
        let public = SocketAddr::from(([192, 0, 2, 1], here.port()));
        let names = Changing::new([public, here]);
        let url = check_url(&format!("https://receiver.example.org:{}/", here.port()), false).unwrap();
        let checked = CheckedResolver { private_allowed: false, lookup: names.clone() };
        let name = || "receiver.example.org".parse().unwrap();
        assert!(reqwest::dns::Resolve::resolve(&checked, name()).await.is_ok(), "the name is a public one at first");
        let client = client(false, names).unwrap();
        let sent = client.post(url).body("{}").send().await.map_err(reason).unwrap_err();
        assert!(sent.contains("private"), "{sent}");
        let connected = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(connected.is_err(), "nothing was sent to this machine");
    }

    /// A proxy would resolve the receiver's name itself, past the check of addresses. The test below runs once more in a process whose
    /// environment names a proxy that isn't there.
    #[test]
    fn message_is_never_sent_by_a_proxy_that_the_environment_names() {
        let mut once_more = Command::new(std::env::current_exe().unwrap());
        once_more.args(["--exact", "service::tests::receiver_is_called_directly"]);
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            once_more.env(name, "http://127.0.0.1:1");
        }
        let ran = once_more.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    }

    #[tokio::test]
    async fn receiver_is_called_directly() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = format!("http://{}/", listener.local_addr().unwrap());
        let received = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            connection.read_u8().await.unwrap();
            connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        });
        let answer = client(true, SystemLookup).unwrap().get(receiver).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        received.await.unwrap();
    }
}
