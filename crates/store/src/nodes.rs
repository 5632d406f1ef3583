//! Nodes that share a PostgreSQL database: each has a unique name, and notifies the others of its commits.
//!
//! The embedded store has one process, so there is nobody to notify.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::time::Duration;

use lending::{RequestId, Status};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio_postgres::{AsyncMessage, NoTls};

use crate::database::Store;
use crate::error::Error;
use crate::postgres::Postgres;
use crate::seal::MasterKey;
use crate::sql::values;
use crate::unit::{Unit, lock_number};

/// The maximum size of one notification.
const AT_ONCE: usize = 256;
/// How often it is tried.
const TRIES: u32 = 3;
/// How long closing the store waits for pending notifications.
const PATIENCE: Duration = Duration::from_secs(2);
/// The name of the lock that every node has a part in.
const ALL: &str = "nodes";

/// An event that one node sends to the others with a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NodeEvent {
    /// A request has changed.
    RequestChanged {
        /// Which.
        request: RequestId,
        /// Its version.
        version: i64,
        /// Its status.
        status: Status,
    },
    /// Something has become due sooner.
    WorkAvailable,
    /// Institutions, agencies or pickup locations have changed, or something was missed and may have.
    SettingsChanged,
}

impl NodeEvent {
    fn write(&self, node: &str) -> String {
        match self {
            Self::RequestChanged { request, version, status } => format!("{node} changed {request} {version} {status}"),
            Self::WorkAvailable => format!("{node} work"),
            Self::SettingsChanged => format!("{node} set-up"),
        }
    }

    /// Reads an event, unless this node sent it. An unreadable one comes from a newer program, and may mean anything.
    fn read(text: &str, node: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next() == Some(node) {
            return None;
        }
        let kind = words.next();
        let mut changed = || {
            let request = words.next()?.parse().ok()?;
            let version = words.next()?.parse().ok()?;
            Some(Self::RequestChanged { request, version, status: words.next()?.parse().ok()? })
        };
        Some(match kind {
            Some("changed") => changed().unwrap_or(Self::SettingsChanged),
            Some("work") => Self::WorkAvailable,
            _ => Self::SettingsChanged,
        })
    }
}

/// A node's place among the nodes of a database. Dropped, its name is free again.
#[derive(Debug)]
pub struct Node {
    name: String,
    /// None on the embedded store.
    line: Option<Line>,
}

#[derive(Debug)]
struct Line {
    store: Store,
    server: Postgres,
    /// None once it is lost.
    listener: Option<Listener>,
}

impl Store {
    /// Takes the node's name. Leases carry it and a node that starts takes its own back, so two of one name would do
    /// each other's work.
    ///
    /// # Errors
    ///
    /// [`Error::NameTaken`] while another process has it.
    pub async fn join(&self, name: &str) -> Result<Node, Error> {
        let name: String = name.split_whitespace().collect::<Vec<_>>().join("-");
        let Some(server) = self.postgres().cloned() else { return Ok(Node { name, line: None }) };
        let listener = Some(listen(self, &server, &name).await?);
        Ok(Node { name, line: Some(Line { store: self.clone(), server, listener }) })
    }
}

impl Store {
    /// How many nodes have a name on this database now; one on the embedded store.
    pub async fn live_nodes(&self) -> Result<u32, Error> {
        if !self.is_postgres() {
            return Ok(1);
        }
        self.holders(ALL).await
    }

    /// How many of the nodes that have a name on this database now don't have this master key. The node of an embedded store
    /// reads the key file whenever it meets a new key.
    pub async fn nodes_without_key(&self, key: &MasterKey) -> Result<u32, Error> {
        if !self.is_postgres() {
            return Ok(0);
        }
        Ok(self.holders(ALL).await?.saturating_sub(self.holders(&key_lock(&key.id())).await?))
    }

    /// How many nodes have a part in the lock of this name.
    async fn holders(&self, name: &str) -> Result<u32, Error> {
        // A lock's number is shown as two halves.
        let number = lock_number(name).cast_unsigned();
        let [high, low] = [number >> 32, number & 0xffff_ffff].map(u64::cast_signed);
        let sql = "SELECT COUNT(*) AS nodes FROM pg_locks \
                   WHERE locktype = 'advisory' AND granted AND objsubid = 1 \
                       AND CAST(classid AS BIGINT) = $1 AND CAST(objid AS BIGINT) = $2 \
                       AND database IN (SELECT oid FROM pg_database WHERE datname = current_database())";
        self.read(sql, values![high, low]).await?.first().map_or(Ok(0), |row| row.small("nodes"))
    }
}

/// A connection that listens, under the node's name.
async fn listen(store: &Store, server: &Postgres, name: &str) -> Result<Listener, Error> {
    // A connection of its own, which ends with it: one that went back to a pool would keep its locks.
    let (client, mut connection) = server.config().connect(NoTls).await?;
    let (sender, notifications) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(notification)) => {
                    // Whoever listens may be gone.
                    let _ = sender.send(Ok(notification.payload().to_owned()));
                }
                Ok(_) => {}
                Err(failure) => {
                    let _ = sender.send(Err(failure.into()));
                    return;
                }
            }
        }
    });
    let mut listener = Listener { client, notifications, task, keys: BTreeSet::new() };
    let client = &listener.client;
    client.batch_execute("LISTEN consort").await?;
    let lock = client.query_one("SELECT pg_try_advisory_lock($1)", &[&lock_number(&format!("node {name}"))]).await?;
    if !lock.try_get::<_, bool>(0)? {
        return Err(Error::NameTaken(name.to_owned()));
    }
    // Beside its own lock each node has a part in one that all share, so that they can be counted.
    client.query_one("SELECT pg_try_advisory_lock_shared($1)", &[&lock_number(ALL)]).await?;
    listener.note_keys(store).await?;
    Ok(listener)
}

/// A connection that listens, and that holds the node's name.
#[derive(Debug)]
struct Listener {
    client: tokio_postgres::Client,
    notifications: mpsc::UnboundedReceiver<Result<String, Error>>,
    task: tokio::task::JoinHandle<()>,
    /// The ids of the master keys in whose locks it has a part.
    keys: BTreeSet<String>,
}

/// The name of the lock that every node with this master key has a part in.
fn key_lock(id: &str) -> String {
    format!("master key {id}")
}

impl Listener {
    /// Reads the key file, and takes a part in the lock of each key, so that the nodes that have it can be counted.
    async fn note_keys(&mut self, store: &Store) -> Result<(), Error> {
        store.sealer.reload();
        for id in store.sealer.key_ids() {
            if !self.keys.contains(&id) {
                let lock = lock_number(&key_lock(&id));
                self.client.query_one("SELECT pg_try_advisory_lock_shared($1)", &[&lock]).await?;
                self.keys.insert(id);
            }
        }
        // The key may have been replaced already. A node that doesn't have it reports that with its next commit.
        let _ = store.use_current_key().await;
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the next event of another node. Never ready where there are no others.
    ///
    /// # Errors
    ///
    /// [`Error::NameTaken`] when another process took the name while the connection was lost. After any error the caller
    /// can ask once more, after a pause.
    pub async fn next_event(&mut self) -> Result<NodeEvent, Error> {
        let Some(line) = &mut self.line else { return std::future::pending().await };
        loop {
            let Some(listener) = &mut line.listener else {
                line.listener = Some(listen(&line.store, &line.server, &self.name).await?);
                // Events that were sent meanwhile are lost, and may have been any.
                return Ok(NodeEvent::SettingsChanged);
            };
            match listener.notifications.recv().await {
                Some(Ok(payload)) => {
                    if let Some(event) = NodeEvent::read(&payload, &self.name) {
                        if event == NodeEvent::SettingsChanged {
                            listener.note_keys(&line.store).await?;
                        }
                        return Ok(event);
                    }
                }
                None => line.listener = None,
                Some(Err(failure)) => {
                    line.listener = None;
                    return Err(failure);
                }
            }
        }
    }
}

/// Notifies the other nodes of what was committed. In the transaction itself it would make each commit wait for the one
/// before: PostgreSQL writes them down one at a time where they notify somebody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notifier(Option<UnboundedSender<NotifierCommand>>);

#[derive(Debug)]
enum NotifierCommand {
    Event(String),
    /// Sends everything before this; nothing is sent after it.
    Last(tokio::sync::oneshot::Sender<()>),
}

impl Notifier {
    /// Works as long as somebody has it.
    pub(crate) fn over(server: Postgres) -> Self {
        let (sender, mut commands) = mpsc::unbounded_channel::<NotifierCommand>();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while commands.recv_many(&mut taken, AT_ONCE).await > 0 {
                let (mut events, mut last) = (Vec::new(), None);
                for command in taken.drain(..) {
                    match command {
                        NotifierCommand::Event(text) => events.push(text),
                        NotifierCommand::Last(received) => last = Some(received),
                    }
                }
                notify(&server, &events.join("\n")).await;
                if let Some(received) = last {
                    // Whoever closes the store may have lost patience.
                    let _ = received.send(());
                    return;
                }
            }
        });
        Self(Some(sender))
    }

    /// Sends the notifications that follow a commit.
    pub(crate) fn send(&self, events: Vec<String>) {
        if let Some(notifier) = &self.0 {
            for text in events {
                // There is nobody to notify once the store is closed.
                let _ = notifier.send(NotifierCommand::Event(text));
            }
        }
    }

    /// Waits, for a moment, until everything is sent.
    pub(crate) async fn end(&self) {
        let (received, ended) = tokio::sync::oneshot::channel();
        if let Some(notifier) = &self.0
            && notifier.send(NotifierCommand::Last(received)).is_ok()
        {
            let _ = tokio::time::timeout(PATIENCE, ended).await;
        }
    }
}

/// Sends it, by another connection where one has broken. A server that can't be reached has lost the others too, as a rule: they
/// listen again, and take it then that anything may have happened.
async fn notify(server: &Postgres, lines: &str) {
    for _ in 0..TRIES {
        if lines.is_empty() || server.read(vec![(NOTIFY, values![lines])]).await.is_ok() {
            return;
        }
    }
}

/// One notification for each line, on the channel that nodes listen to.
const NOTIFY: &str =
    "SELECT CAST(pg_notify('consort', line) AS TEXT) FROM unnest(string_to_array($1, CHR(10))) AS line";

impl Unit {
    /// Notifies the other nodes once this is committed. A node that dies at that moment may not have sent that a request
    /// changed or that there is work: the others find both by themselves. Changed settings are sent within the commit.
    pub fn notify(&mut self, node: &str, event: &NodeEvent) {
        let text = event.write(node);
        match event {
            NodeEvent::SettingsChanged => self.notify_within.push(text),
            NodeEvent::RequestChanged { .. } | NodeEvent::WorkAvailable => self.notify_after.push(text),
        }
    }
}

/// Adds the notifications that belong to a unit's commit to its statements.
pub(crate) fn notify_within(unit: &mut Unit) {
    let events = std::mem::take(&mut unit.notify_within);
    if !events.is_empty() {
        unit.run(NOTIFY, values![events.join("\n")]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_were_written_and_a_nodes_own_are_skipped() {
        let request: RequestId = "0193a1c0-0000-7000-8000-000000000001".parse().unwrap();
        let changed = NodeEvent::RequestChanged { request, version: 7, status: Status::Loaned };
        assert_eq!(NodeEvent::read(&changed.write("a"), "b"), Some(changed.clone()));
        assert_eq!(NodeEvent::read(&changed.write("a"), "a"), None);
        assert_eq!(NodeEvent::read(&NodeEvent::WorkAvailable.write("a"), "b"), Some(NodeEvent::WorkAvailable));
        assert_eq!(NodeEvent::read(&NodeEvent::SettingsChanged.write("a"), "b"), Some(NodeEvent::SettingsChanged));
        assert_eq!(NodeEvent::read("a something-newer 1 2 3", "b"), Some(NodeEvent::SettingsChanged));
    }
}
