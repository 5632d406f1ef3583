//! Runs the hub as a process of its own: the code of the program `consort`, which the benchmark contains.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use scenarios::Hub;
use serde_json::json;
use tempfile::TempDir;

use crate::simulate::sim_setup::{self, BORROWER, LENDERS};

pub(crate) const KEY: &str = "key-of-the-benchmark";
/// No benchmark measures the limits of calls.
const LIMITS: &str =
    "[http]\nkey_calls_per_second = 0\naddress_calls_per_second = 0\nwebhook_messages_per_second = 0\n";
const PATIENCE: Duration = Duration::from_secs(30);

/// The first argument that makes the benchmark's program a hub.
pub(crate) const AS_HUB: &str = "hub-process";

/// The parameters with which a hub is started.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The URL of an empty PostgreSQL database; the embedded store if it is `None`.
    pub(crate) database: Option<String>,
    /// The settings of the engine, as lines of the configuration.
    pub(crate) engine: String,
}

/// A running hub, with all that is needed to start it again. The process ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct HubProcess {
    pub(crate) client: Hub,
    pub(crate) address: SocketAddr,
    setup: Setup,
    child: Child,
    config: PathBuf,
    /// The directory with the key that seals credentials. All nodes share it.
    dir: Arc<TempDir>,
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

impl HubProcess {
    pub(crate) async fn start(setup: Setup) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| format!("no temporary directory can be made: {error}"))?;
        Self::start_in(setup, Arc::new(dir), "node-1").await
    }

    /// Starts the hub in a directory that has its data directory, `data`, already.
    pub(crate) async fn start_on(setup: Setup, dir: Arc<TempDir>) -> Result<Self, String> {
        Self::start_in(setup, dir, "node-1").await
    }

    /// Starts another node on the same database.
    pub(crate) async fn another(&self, name: &str) -> Result<Self, String> {
        Self::start_in(self.setup.clone(), Arc::clone(&self.dir), name).await
    }

    async fn start_in(setup: Setup, dir: Arc<TempDir>, node: &str) -> Result<Self, String> {
        let address = free_port()?;
        let database = setup.database.as_ref().map(|url| format!("database = '{url}'\n")).unwrap_or_default();
        let config = format!(
            "listen = \"{address}\"\ndata_dir = '{}'\n{database}[api_keys]\nbench = \"{KEY}\"\n{LIMITS}[engine]\n\
             node = \"{node}\"\n{}",
            dir.path().join("data").display(),
            setup.engine,
        );
        let path = dir.path().join(format!("{node}.toml"));
        std::fs::write(&path, config).map_err(|error| error.to_string())?;
        let http = scenarios::http_client().map_err(|failure| failure.to_string())?;
        let client = Hub::at(&format!("http://{address}"), KEY.into(), http);
        let child = spawn(&path)?;
        let hub = Self { client, address, setup, child, config: path, dir };
        hub.until_ready().await?;
        Ok(hub)
    }

    async fn until_ready(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while self.client.call(reqwest::Method::GET, "/health", None).await.is_err() {
            if Instant::now() > deadline {
                return Err("the hub doesn't become ready".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Registers the libraries at the hub.
    pub(crate) async fn introduce(&self, almas: &str) -> Result<(), String> {
        let put = async |path: String, body| self.client.put(&path, &body).await.map_err(|failure| failure.to_string());
        for code in [LENDERS[0], LENDERS[1], BORROWER] {
            let mut settings = sim_setup::settings();
            settings["base_url"] = json!(almas);
            settings["calls_per_second"] = json!(1_000);
            let body = json!({"name": code, "kind": "alma", "api_key": sim_setup::key(code), "settings": settings});
            put(format!("/api/v1/institutions/{code}"), body).await?;
        }
        let agency = json!({"name": "Borrowing College", "institution": BORROWER, "library": null});
        put("/api/v1/agencies/BORROW".to_owned(), agency).await?;
        let pickup = json!({"name": "Main Library", "agency": "BORROW", "library": "MAIN", "desk": null});
        put("/api/v1/pickup-locations/BORROW-MAIN".to_owned(), pickup).await
    }

    /// Returns the seconds of processor time that the hub has used so far (Linux; 0 elsewhere).
    pub(crate) fn cpu(&self) -> f64 {
        cpu_of(&self.child.id().to_string())
    }

    /// Returns the number of transactions that the hub has committed since its start.
    pub(crate) async fn commits(&self) -> Result<u64, String> {
        let http = scenarios::http_client().map_err(|failure| failure.to_string())?;
        let text = http.get(format!("http://{}/metrics", self.address)).bearer_auth(KEY).send().await;
        let text = text.map_err(|error| error.to_string())?.text().await.map_err(|error| error.to_string())?;
        let line = text.lines().find_map(|line| line.strip_prefix("consort_store_commits_total "));
        line.and_then(|count| count.trim().parse().ok()).ok_or_else(|| "the hub shows no commits".to_owned())
    }

    /// Sends SIGKILL, which ends the hub as abruptly as a power cut.
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).map_err(|error| error.to_string())
    }

    pub(crate) fn restart(&mut self) -> Result<(), String> {
        self.child = spawn(&self.config)?;
        Ok(())
    }

    /// Sends SIGSTOP: the process keeps everything it holds, and stands still until [`HubProcess::resume`].
    pub(crate) fn pause(&self) -> Result<(), String> {
        self.signal(Signal::STOP)
    }

    /// Sends SIGCONT: the process continues where it stopped.
    pub(crate) fn resume(&self) -> Result<(), String> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let id = Pid::from_raw(self.child.id().cast_signed()).ok_or("the hub has no process")?;
        kill_process(id, signal).map_err(|error| error.to_string())
    }
}

/// Returns the seconds of processor time of a process, `self` for this one: fields 14 and 15 of `/proc/PID/stat`, in
/// hundredths.
pub(crate) fn cpu_of(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Starts this program once more, as a hub: nothing has to be built, and the hub is as new as the benchmark.
fn spawn(config: &Path) -> Result<Child, String> {
    let program =
        std::env::current_exe().map_err(|error| format!("the benchmark doesn't find its program: {error}"))?;
    Command::new(program)
        .args([AS_HUB, "--log", "error", "serve", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("the hub can't be started: {error}"))
}

fn free_port() -> Result<SocketAddr, String> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(|error| error.to_string())
}
