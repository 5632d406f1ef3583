//! The handler that the hub is compared with: one prepared read, and the stored text as the answer.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as PathOf, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rusqlite::{Connection, OpenFlags, params};

/// The first argument that makes the benchmark's program the bare handler.
pub(crate) const AS_BARE: &str = "bare-handler-process";

/// The columns that the hub reads with a request.
const BY_ID: &str =
    "SELECT id, version, updated_at, document, audit_head, audit_count FROM patron_request WHERE id = ?1";
/// A patron's requests, newest first, as many as the hub reads for a page of fifty.
const OF_PATRON: &str = "SELECT id, version, updated_at, document, audit_head, audit_count FROM patron_request \
                         WHERE patron_identifier_digest = ?1 OR patron_verified = ?1 \
                         ORDER BY placed_at DESC, id DESC LIMIT 51";

thread_local! {
    static FILE: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// The process that serves the bare handler. It ends when this value is dropped.
pub(super) struct BareProcess {
    child: Child,
    address: SocketAddr,
}

impl Drop for BareProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl BareProcess {
    /// Starts this program once more, as the bare handler on the store's file.
    pub(super) fn start(file: &Path) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .arg(AS_BARE)
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the bare handler can't be started: {error}"))?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("the bare handler has no output")?;
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let address = line.trim().parse().map_err(|_| "the bare handler doesn't start".to_owned());
        let mut started = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        started.address = address?;
        Ok(started)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves the handler until the process is killed. Prints its address first.
pub(crate) fn serve(file: PathBuf) -> ExitCode {
    let served = tokio::runtime::Runtime::new().and_then(|runtime| {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?);
            let routes = Router::new()
                .route("/requests/{id}", get(one))
                .route("/patrons/{digest}", get(of_patron))
                .with_state(Arc::new(file));
            axum::serve(listener, routes).await
        })
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

async fn one(State(file): State<Arc<PathBuf>>, PathOf(id): PathOf<String>) -> Response {
    answer(documents(&file, BY_ID, &id).map(|found| found.into_iter().next()))
}

async fn of_patron(State(file): State<Arc<PathBuf>>, PathOf(digest): PathOf<String>) -> Response {
    answer(documents(&file, OF_PATRON, &digest).map(|found| Some(format!("[{}]", found.join(",")))))
}

fn answer(text: rusqlite::Result<Option<String>>) -> Response {
    match text {
        Ok(Some(text)) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Reads the documents by a statement that each thread prepares once.
fn documents(file: &Path, sql: &str, key: &str) -> rusqlite::Result<Vec<String>> {
    FILE.with_borrow_mut(|kept| {
        let connection = match kept {
            Some(connection) => connection,
            None => kept.insert(Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?),
        };
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![key], |row| row.get("document"))?;
        rows.collect()
    })
}
