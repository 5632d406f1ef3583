//! The same units on PostgreSQL by pgbench, with prepared statements. Its clients work on rows that the store has
//! prepared. Each statement is sent once the one before is answered.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use store::Store;
use tokio_postgres::{Client, NoTls};

use super::callers::Callers;
use super::units::{BETWEEN, Caller, ID, LEASE, POLL_AFTER, REQUESTS, UNITS, id, text, time};

/// The version of the request in the unit from which the script is made. No other number in that unit is like it, or like
/// the next one, so that both can be distinguished from constants.
const VERSION: u64 = 76;
/// The store's connections have this setting too.
const OPTIONS: &str = "-c enable_seqscan=off";

pub(super) struct Pgbench {
    program: PathBuf,
    url: String,
    client: Client,
    script: tempfile::NamedTempFile,
    /// The constants of the script: the name and the value of each.
    constants: Vec<(String, String)>,
}

impl Pgbench {
    /// Writes the script for the server at this address, with a unit that the store has built.
    pub(super) async fn prepare(url: &str, store: &Store) -> Result<Self, String> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(text)?;
        tokio::spawn(connection);
        let found = client.query_one("SELECT setting FROM pg_config WHERE name = 'BINDIR'", &[]).await.map_err(text)?;
        let program = PathBuf::from(found.try_get::<_, String>(0).map_err(text)?).join("pgbench");
        let (lines, constants) = script(store)?;
        let script = tempfile::NamedTempFile::new().map_err(text)?;
        std::fs::write(script.path(), lines).map_err(text)?;
        Ok(Self { program, url: url.to_owned(), client, script, constants })
    }

    /// Returns the units per second of so many clients. pgbench knows whole seconds only.
    pub(super) async fn measure(&self, callers: &mut Callers, clients: u64, length: Duration) -> Result<f64, String> {
        let (first, _) = callers.prepare(clients).await?;
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64).min(clients);
        let mut command = Command::new(&self.program);
        command.args(["-n", "-M", "prepared", "-f"]).arg(self.script.path());
        command.args(["-c", &clients.to_string(), "-j", &threads.to_string()]);
        command.args(["-T", &length.as_secs().max(1).to_string(), "-D", &format!("first={first}")]);
        for (name, value) in &self.constants {
            command.args(["-D", &format!("{name}={value}")]);
        }
        let ended = command.arg(&self.url).env("PGOPTIONS", OPTIONS).stdin(Stdio::null()).output();
        let ended = ended.map_err(|error| format!("{} can't be run: {error}", self.program.display()))?;
        let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
        if !ended.status.success() {
            return Err(format!("pgbench ended with {}: {errors}", ended.status));
        }
        let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
        let processed: i64 = figure(&printed, "number of transactions actually processed: ")?;
        let saved = self.saved(first, clients).await?;
        if saved != processed {
            return Err(format!("pgbench counts {processed} units, and {saved} are stored"));
        }
        figure(&printed, "tps = ")
    }

    /// Returns how often the requests of these clients were saved.
    async fn saved(&self, first: u64, clients: u64) -> Result<i64, String> {
        let sql = "SELECT CAST(SUM(version - 1) AS BIGINT) FROM patron_request WHERE id >= $1 AND id < $2";
        let range = [first, first + clients].map(|caller| id(caller, 0).to_string());
        let found = self.client.query_one(sql, &[&range[0], &range[1]]).await.map_err(text)?;
        Ok(found.try_get::<_, Option<i64>>(0).map_err(text)?.unwrap_or_default())
    }
}

/// Reads the number after a label of pgbench's output.
fn figure<T: std::str::FromStr>(printed: &str, label: &str) -> Result<T, String> {
    let found = printed.lines().find_map(|line| line.strip_prefix(label));
    let number = found.and_then(|rest| rest.split([' ', '/']).next()?.parse().ok());
    number.ok_or_else(|| format!("pgbench has printed no {label:?}: {printed}"))
}

/// Returns the script and its constants.
fn script(store: &Store) -> Result<(String, Vec<(String, String)>), String> {
    let number = VERSION * REQUESTS;
    let (mut caller, _) = Caller::new(0, store)?;
    for _ in REQUESTS..number {
        let _ = caller.next(store)?;
    }
    let mut constants = vec![
        ("number".to_owned(), (REQUESTS - 1).to_string()),
        ("begin".to_owned(), time(0).as_microsecond().to_string()),
    ];
    let mut lines = format!(
        "\\set number :number + 1\n\
         \\set caller (:first + :client_id) * {UNITS}\n\
         \\set request :caller + :number % {REQUESTS}\n\
         \\set next :caller + :number\n\
         \\set last :caller + :number - {REQUESTS}\n\
         \\set version :number / {REQUESTS}\n\
         \\set count :version + 1\n\
         \\set now :begin + :number * {}\n\
         \\set lease :now + {}\n\
         \\set poll :now + {}\n\
         BEGIN;\n",
        BETWEEN.as_micros(),
        LEASE.as_micros(),
        POLL_AFTER.as_micros(),
    );
    for (place, (sql, values)) in caller.next(store)?.statements().into_iter().enumerate() {
        let mut sql = sql.to_owned();
        // From the last one on: `$1` is the beginning of `$10`.
        for (parameter, value) in values.into_iter().enumerate().rev() {
            let expression = variable(number, &value).unwrap_or_else(|| match value {
                // pgbench takes no empty constant.
                Value::String(text) if text.is_empty() => "''".to_owned(),
                Value::String(text) => {
                    let name = format!("text_{place}_{parameter}");
                    constants.push((name.clone(), text));
                    format!(":{name}")
                }
                other => other.to_string(),
            });
            sql = sql.replace(&format!("${}", parameter + 1), &expression);
        }
        writeln!(lines, "{sql};").map_err(text)?;
    }
    lines.push_str("COMMIT;\n");
    Ok((lines, constants))
}

/// Returns the variable that stands for a value that differs between units, by the unit of this number of the first
/// caller.
fn variable(number: u64, value: &Value) -> Option<String> {
    let ids = [("request", id(0, number % REQUESTS)), ("next", id(0, number)), ("last", id(0, number - REQUESTS))];
    let now = time(number);
    let micros = |at: jiff::Timestamp| at.as_microsecond();
    let version = i64::try_from(VERSION).ok()?;
    let numbers = [
        ("version", version),
        ("count", version + 1),
        ("now", micros(now)),
        ("lease", micros(now + LEASE)),
        ("poll", micros(now + POLL_AFTER)),
    ];
    let text = |name: &str| format!("('{ID}' || lpad(:{name}, 12, '0'))");
    let by_id = ids.iter().find(|(_, id)| value.as_str() == Some(id.to_string().as_str())).map(|(name, _)| text(name));
    by_id.or_else(|| {
        let found = numbers.iter().find(|(_, number)| value.as_i64() == Some(*number));
        found.map(|(name, _)| format!(":{name}"))
    })
}
