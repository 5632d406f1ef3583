//! Nodes that share a PostgreSQL database: each has a unique name, and notifies the others of its commits.
//!
//! The embedded store has one process, so there is nobody to notify.

use std::time::Duration;

use lending::{RequestId, Status};
use sea_query::{Asterisk, Expr, ExprTrait, Func, PostgresQueryBuilder, Query, SelectStatement};
use sea_query_sqlx::SqlxBinder as _;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::mpsc::UnboundedSender;

use crate::db::{Store, Tx, lock_number};
use crate::error::Error;

const CHANNEL: &str = "consort";
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
    pool: PgPool,
    /// The connection that hears, and that holds the name. None once it is lost.
    listener: Option<PgListener>,
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
        let Some(pool) = self.postgres().cloned() else { return Ok(Node { name, line: None }) };
        let listener = Some(listen(&pool, &name).await?);
        Ok(Node { name, line: Some(Line { pool, listener }) })
    }
}

impl Store {
    /// How many nodes have a name on this database now; one on the embedded store.
    pub async fn live_nodes(&self) -> Result<u32, Error> {
        let Some(pool) = self.postgres() else { return Ok(1) };
        // A lock's number is shown as two halves.
        let number = lock_number(ALL).cast_unsigned();
        let [high, low] = [number >> 32, number & 0xffff_ffff].map(u64::cast_signed);
        let here = Query::select()
            .column("oid")
            .from("pg_database")
            .and_where(Expr::col("datname").eq(Func::cust("current_database")))
            .take();
        let statement = Query::select()
            .expr(Expr::col(Asterisk).count())
            .from("pg_locks")
            .and_where(Expr::col("locktype").eq("advisory"))
            .and_where(Expr::col("granted").eq(true))
            .and_where(Expr::col("objsubid").eq(1))
            .and_where(Expr::col("classid").cast_as("bigint").eq(high))
            .and_where(Expr::col("objid").cast_as("bigint").eq(low))
            .and_where(Expr::col("database").in_subquery(here))
            .take();
        let (sql, values) = statement.build_sqlx(PostgresQueryBuilder);
        let (count,): (i64,) = sqlx::query_as_with(AssertSqlSafe(sql), values).fetch_one(pool).await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// A connection that hears, under the node's name.
async fn listen(pool: &PgPool, name: &str) -> Result<PgListener, Error> {
    // Out of a pool of its own, which ends with it: a connection that went back would keep its locks.
    let options = pool.connect_options().as_ref().clone();
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&own).await?;
    // A new connection doesn't hold the name, so it isn't to come by itself.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    let lock = Func::cust("pg_try_advisory_lock").arg(lock_number(&format!("node {name}")));
    let (sql, values) = Query::select().expr(lock).build_sqlx(PostgresQueryBuilder);
    let (taken,): (bool,) = sqlx::query_as_with(AssertSqlSafe(sql), values).fetch_one(&mut listener).await?;
    if !taken {
        return Err(Error::NameTaken(name.to_owned()));
    }
    // Beside its own lock each node has a part in one that all share, so that they can be counted.
    let lock = Func::cust("pg_try_advisory_lock_shared").arg(lock_number(ALL));
    let (sql, values) = Query::select().expr(lock).build_sqlx(PostgresQueryBuilder);
    let _: (bool,) = sqlx::query_as_with(AssertSqlSafe(sql), values).fetch_one(&mut listener).await?;
    Ok(listener)
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
                line.listener = Some(listen(&line.pool, &self.name).await?);
                // Events that were sent meanwhile are lost, and may have been any.
                return Ok(NodeEvent::SettingsChanged);
            };
            match listener.try_recv().await {
                Ok(Some(pending)) => {
                    if let Some(event) = NodeEvent::read(pending.payload(), &self.name) {
                        return Ok(event);
                    }
                }
                Ok(None) => line.listener = None,
                Err(failure) => {
                    line.listener = None;
                    return Err(failure.into());
                }
            }
        }
    }
}

/// Notifies the other nodes what was committed. In the transaction itself it would make each commit wait for the one before:
/// PostgreSQL writes them down one at a time where they notify somebody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notifier(Option<UnboundedSender<NotifierCommand>>);

/// What the teller is given.
#[derive(Debug)]
enum NotifierCommand {
    Event(String),
    /// Sends everything before this; nothing is sent after it.
    Last(tokio::sync::oneshot::Sender<()>),
}

impl Notifier {
    /// Works as long as somebody has it.
    pub(crate) fn over(pool: PgPool) -> Self {
        let (sender, mut words) = tokio::sync::mpsc::unbounded_channel::<NotifierCommand>();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while words.recv_many(&mut taken, AT_ONCE).await > 0 {
                let (mut event, mut last) = (Vec::new(), None);
                for word in taken.drain(..) {
                    match word {
                        NotifierCommand::Event(text) => event.push(text),
                        NotifierCommand::Last(received) => last = Some(received),
                    }
                }
                notify(&pool, &event.join("\n")).await;
                if let Some(received) = last {
                    // Whoever closes the store may have lost patience.
                    let _ = received.send(());
                    return;
                }
            }
        });
        Self(Some(sender))
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

    pub(crate) fn pending(&self) -> PendingNotifications {
        PendingNotifications { notifier: self.clone(), with: Vec::new(), after: Vec::new() }
    }
}

/// Says it, by another connection where one has broken. A server that can't be reported has lost the others too, as a rule: they
/// listen again, and take it then that anything may have happened.
async fn notify(pool: &PgPool, lines: &str) {
    for _ in 0..TRIES {
        let (sql, values) = notification(lines).build_sqlx(PostgresQueryBuilder);
        if lines.is_empty() || sqlx::query_with(AssertSqlSafe(sql), values).execute(pool).await.is_ok() {
            return;
        }
    }
}

/// One notification for each line.
fn notification(lines: &str) -> SelectStatement {
    let each = Func::cust("unnest").arg(Func::cust("string_to_array").arg(lines).arg("\n"));
    Query::select().expr(Func::cust("pg_notify").arg(CHANNEL).arg(Expr::col("line"))).from_function(each, "line").take()
}

/// The notifications of a transaction to the other nodes.
#[derive(Debug)]
pub(crate) struct PendingNotifications {
    notifier: Notifier,
    with: Vec<String>,
    after: Vec<String>,
}

impl PendingNotifications {
    /// The transaction is committed: sends its notifications.
    pub(crate) fn committed(&mut self) {
        if let Some(notifier) = &self.notifier.0 {
            for text in self.after.drain(..) {
                // There is nobody to notify once the store is closed.
                let _ = notifier.send(NotifierCommand::Event(text));
            }
        }
    }
}

impl Tx {
    /// Notifies the other nodes once this is committed. A node that dies at that moment may not have sent that a request
    /// changed or that there is work: the others find both by themselves. Changed settings are sent within the commit.
    pub fn notify(&mut self, node: &str, event: &NodeEvent) {
        let text = event.write(node);
        match event {
            NodeEvent::SettingsChanged => self.pending.with.push(text),
            NodeEvent::RequestChanged { .. } | NodeEvent::WorkAvailable => self.pending.after.push(text),
        }
    }

    pub(crate) async fn notify_with_commit(&mut self) -> Result<(), Error> {
        let event = std::mem::take(&mut self.pending.with);
        if self.is_postgres() && !event.is_empty() {
            self.execute(&notification(&event.join("\n"))).await?;
        }
        Ok(())
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
