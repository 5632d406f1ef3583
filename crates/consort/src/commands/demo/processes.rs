//! The processes of the demo: two simulated Almas and the hub, each distinguished by its port.

#![allow(clippy::disallowed_methods, reason = "the demo waits for its processes, with a deadline")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::process::{Child, Command};

use super::sides::SimAlma;
use super::temporary::Temporary;
use crate::api::{Hub, http_client};
use crate::failure::{Failure, Result};

/// The lender's institution code.
pub(crate) const LENDER: &str = "01LEND_INST";
/// The borrower's institution code.
pub(crate) const BORROWER: &str = "01BORROW_INST";
/// The borrower's agency.
pub(crate) const AGENCY: &str = "BORROW";
/// The pickup location of the demo's patron.
pub(crate) const PICKUP: &str = "BORROW-MAIN";

/// The lender's own pickup location.
const LENDER_PICKUP: &str = "LEND-MAIN";
/// The lender's agency.
const LENDER_AGENCY: &str = "LEND";

/// The accounts of the demo: name, role, and agency.
pub(crate) const ACCOUNTS: [(&str, &str, Option<[&str; 1]>); 5] = [
    ("lender", "library-staff", Some([LENDER_AGENCY])),
    ("borrower", "library-staff", Some([AGENCY])),
    ("borrower-admin", "library-admin", Some([AGENCY])),
    ("reader", "read-only", Some([AGENCY])),
    ("consortium", "consortium-admin", None),
];
/// The password of all of them.
pub(crate) const PASSWORD: &str = "consort-demo";

const KEY: &str = "consort-demo-key-0001";
const PATIENCE: Duration = Duration::from_secs(20);
/// The time that a process has to stop before it is killed.
const LONGEST_STOP: Duration = Duration::from_secs(5);

/// All processes of the demo.
pub(crate) struct DemoProcesses {
    pub(crate) lender: SimAlma,
    pub(crate) borrower: SimAlma,
    pub(crate) hub: Hub,
    pub(crate) hub_address: SocketAddr,
    pub(crate) key: &'static str,
    hub_process: Child,
    config: PathBuf,
    sims: Vec<Child>,
    data: PathBuf,
    _temporary: Option<Temporary>,
}

/// Returns the named directory, or a temporary one, which is removed when it is dropped.
pub(crate) fn data_dir(named: Option<PathBuf>) -> Result<(PathBuf, Option<Temporary>)> {
    let (data, temporary) = match named {
        Some(dir) => (dir, None),
        None => {
            let temporary = Temporary::new()?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    crate::private::make_dir(&data).map_err(|error| unwritable(&data, &error))?;
    Ok((data, temporary))
}

impl DemoProcesses {
    /// Starts all processes on free ports and registers both institutions at the hub.
    pub(crate) async fn start(data_dir: Option<PathBuf>) -> Result<Self> {
        let (data, temporary) = self::data_dir(data_dir)?;
        let (lender_process, lender) = start_sim(LENDER).await?;
        let (borrower_process, borrower) = start_sim(BORROWER).await?;
        let hub_address = free_port()?;
        let config = data.join("demo.toml");
        crate::private::create(&config)
            .and_then(|mut file| file.write_all(hub_config(hub_address, &data).as_bytes()))
            .map_err(|error| unwritable(&config, &error))?;
        let hub_process = start_hub(&config)?;
        let hub = Hub::at(&format!("http://{hub_address}"), KEY.into())?;
        let mut processes = Self {
            lender,
            borrower,
            hub,
            hub_address,
            key: KEY,
            hub_process,
            config,
            sims: vec![lender_process, borrower_process],
            data,
            _temporary: temporary,
        };
        processes.wait_for_hub().await?;
        processes.register_institutions().await?;
        Ok(processes)
    }

    /// Returns the hub's process id, for users who want to kill it themselves.
    pub(crate) fn hub_pid(&self) -> u32 {
        self.hub_process.id().unwrap_or_default()
    }

    /// Returns the directory of the hub's store.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Kills the hub as a power failure would (SIGKILL), and starts it again on the same store.
    pub(crate) async fn kill_hub(&mut self) -> Result<()> {
        self.hub_process.kill().await.map_err(|error| Failure::new(format!("The hub can't be killed: {error}.")))?;
        self.hub_process = start_hub(&self.config)?;
        self.wait_for_hub().await
    }

    /// Restarts the hub if somebody has killed it. Returns whether that was so.
    pub(crate) async fn restart_hub_if_dead(&mut self) -> Result<bool> {
        match self.hub_process.try_wait() {
            Ok(Some(_)) => {
                self.hub_process = start_hub(&self.config)?;
                self.wait_for_hub().await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn wait_for_hub(&mut self) -> Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if self.hub.get("/health").await.is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.hub_process.try_wait() {
                return Err(Failure::new(format!("The hub ended at once ({status}); its own message is above.")));
            }
            if tokio::time::Instant::now() > deadline {
                return Err(Failure::new(format!(
                    "The hub didn't become ready within {} seconds.",
                    PATIENCE.as_secs()
                )));
            }
            tokio::task::yield_now().await;
        }
    }

    /// Sets both institutions up, as staff would with `consort institution add`.
    async fn register_institutions(&self) -> Result<()> {
        for (sim, name) in [(&self.lender, "Lending University"), (&self.borrower, "Borrowing College")] {
            let body = json!({"name": name, "kind": "alma", "api_key": sim.key, "settings": sim.settings()});
            let path = format!("/api/v1/institutions/{}", sim.institution);
            self.hub.call(Method::PUT, &path, Some(&body)).await?;
        }
        for (code, name, institution) in
            [(AGENCY, "Borrowing College", BORROWER), (LENDER_AGENCY, "Lending University", LENDER)]
        {
            let agency = json!({"name": name, "institution": institution, "library": null});
            self.hub.call(Method::PUT, &format!("/api/v1/agencies/{code}"), Some(&agency)).await?;
        }
        for (code, name, agency) in [
            (PICKUP, "Borrowing College Main Library", AGENCY),
            (LENDER_PICKUP, "Lending University Main Library", LENDER_AGENCY),
        ] {
            let pickup = json!({"name": name, "agency": agency, "library": "MAIN", "desk": null});
            self.hub.call(Method::PUT, &format!("/api/v1/pickup-locations/{code}"), Some(&pickup)).await?;
        }
        for (name, role, agency) in ACCOUNTS {
            let body = json!({"name": name, "role": role, "agencies": agency, "password": PASSWORD, "totp": false});
            self.hub.call(Method::POST, "/api/v1/users", Some(&body)).await?;
        }
        Ok(())
    }

    /// Waits until the titles of both Almas can be searched. The hub harvests them from its start.
    pub(crate) async fn wait_for_catalogue(&self) -> Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let status = self.hub.get("/api/v1/catalogue").await?;
            let sources = status["institutions"].as_array().map_or(&[][..], Vec::as_slice);
            let harvested = sources.iter().filter(|source| source["last_harvest"]["state"] == "done").count();
            if harvested == self.sims.len() && status["waiting_for_grouping"] == 0 && status["waiting_for_index"] == 0 {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                return Err(Failure::new(format!(
                    "The hub didn't harvest both Almas within {} seconds.",
                    PATIENCE.as_secs()
                )));
            }
            tokio::task::yield_now().await;
        }
    }

    /// Ends all processes.
    pub(crate) async fn stop(mut self) -> Result<()> {
        // The hub stops first, since it may be making a call. The end of their standard input makes the processes stop.
        for processes in [std::slice::from_mut(&mut self.hub_process), self.sims.as_mut_slice()] {
            for process in &mut *processes {
                drop(process.stdin.take());
            }
            let deadline = tokio::time::Instant::now() + LONGEST_STOP;
            for process in processes {
                if tokio::time::timeout_at(deadline, process.wait()).await.is_err() {
                    let _ = process.kill().await;
                }
            }
        }
        Ok(())
    }
}

async fn start_sim(institution: &str) -> Result<(Child, SimAlma)> {
    let address = free_port()?;
    let key = format!("l8xx-demo-{}", institution.to_lowercase());
    let listen = address.to_string();
    let args =
        ["sim", "--calls-per-second", "none", "--listen", &listen, "--institution", institution, "--api-key", &key];
    let process = start(&args)?;
    let base = format!("http://{address}");
    let sim = SimAlma::new(base, institution.to_owned(), key, http_client()?);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while sim.state().await.is_err() {
        if tokio::time::Instant::now() > deadline {
            return Err(Failure::new(format!("The simulated Alma {institution} didn't become ready.")));
        }
        tokio::task::yield_now().await;
    }
    Ok((process, sim))
}

fn start_hub(config: &Path) -> Result<Child> {
    start(&["serve", "--config", &config.display().to_string()])
}

/// Starts this same program with other arguments. The new process ends when its standard input does.
fn start(args: &[&str]) -> Result<Child> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(format!("The program can't find its own file: {error}.")))?;
    Command::new(program)
        .args(["--log", "error"])
        .args(args)
        .arg("--until-stdin-ends")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::new(format!("A process of the demo can't be started: {error}.")))
}

fn free_port() -> Result<SocketAddr> {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::new(format!("There is no free port: {error}.")))
}

/// Returns the hub's configuration. Libraries are polled often, so that the demo is quick.
fn hub_config(address: SocketAddr, data: &Path) -> String {
    let mut config = toml::Table::new();
    config.insert("listen".to_owned(), address.to_string().into());
    config.insert("data_dir".to_owned(), data.display().to_string().into());
    let keys = toml::Table::from_iter([("demo".to_owned(), KEY.into())]);
    config.insert("api_keys".to_owned(), keys.into());
    let often = [("batch_poll_interval_ms", 150), ("poll_interval_initial_ms", 50), ("poll_interval_max_ms", 200)];
    let engine: toml::Table = often.into_iter().map(|(key, ms)| (key.to_owned(), ms.into())).collect();
    config.insert("engine".to_owned(), engine.into());
    config.to_string()
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("The demo can't write to {}: {error}.", path.display()))
        .advice("Name another directory with --data-dir.")
}
