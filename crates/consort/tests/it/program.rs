//! Runs the program, and sets of processes: two simulated Almas and a hub.

#![allow(clippy::disallowed_methods, reason = "tests check how long the hub takes to stop")]

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Child;

use crate::patience::{PATIENCE, eventually, eventually_within};

pub(crate) const KEY: &str = "a-key-of-the-tests-0001";
pub(crate) const LENDER: &str = "01LEND_INST";
pub(crate) const BORROWER: &str = "01BORROW_INST";
pub(crate) const DESK: &str = "DEFAULT_CIRC_DESK";

/// Runs the program to its end.
pub(crate) fn consort(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consort"))
        .args(args)
        .env_remove("CONSORT_API_KEY")
        .env_remove("CONSORT_HUB")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Checks the output of a failed run and returns it: one paragraph with the solution, an exit code that isn't 0, and no
/// internals.
pub(crate) fn complaint(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(output.status.code().is_some(), "it was killed: {said}");
    for innards in ["panicked", "RUST_BACKTRACE", "stack backtrace", "Caused by"] {
        assert!(!said.contains(innards), "{said}");
    }
    assert!(!said.contains("\n\n"), "one paragraph: {said}");
    assert!(!said.is_empty(), "it failed without a word");
    said
}

/// Returns an address at which nobody listens, and which no other test gets while this one runs. The port is below
/// those that systems assign themselves: connections may take these before the program under test listens there.
pub(crate) fn free_port() -> SocketAddr {
    loop {
        let any = RandomState::new().build_hasher().finish();
        let port = 10_000 + u16::try_from(any % 22_000).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mine = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("port-{port}"));
        let mine = std::fs::File::create(mine).unwrap();
        if mine.try_lock().is_ok() && TcpListener::bind(address).is_ok() {
            // The lock lasts until this process ends.
            std::mem::forget(mine);
            return address;
        }
    }
}

/// Two simulated Almas and a hub, each a process.
pub(crate) struct Processes {
    pub(crate) http: reqwest::Client,
    pub(crate) hub: SocketAddr,
    pub(crate) config: PathBuf,
    pub(crate) lender: SocketAddr,
    pub(crate) borrower: SocketAddr,
    hub_process: Child,
    _sims: [Child; 2],
    pub(crate) dir: tempfile::TempDir,
}

impl Processes {
    pub(crate) async fn start() -> Self {
        Self::start_with("error", None, "").await
    }

    /// Starts the processes with the hub's log at this level, and sends its traces to this collector.
    pub(crate) async fn start_watched(level: &str, collector: &str) -> Self {
        let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
        Self::open(level, None, "", &env).await
    }

    /// Starts the processes with the hub on this PostgreSQL database.
    #[cfg(feature = "failpoints")]
    pub(crate) async fn start_on(database: Option<&str>) -> Self {
        Self::start_with("error", database, "").await
    }

    /// Starts the processes with a log of this level, on this PostgreSQL database, with further settings of the engine.
    pub(crate) async fn start_with(level: &str, database: Option<&str>, engine: &str) -> Self {
        Self::open(level, database, engine, &[]).await
    }

    async fn open(level: &str, database: Option<&str>, engine: &str, env: &[(&str, &str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let (lender, borrower, hub) = (free_port(), free_port(), free_port());
        let sims = [start_sim(lender, LENDER), start_sim(borrower, BORROWER)];
        let config = dir.path().join("hub.toml");
        let data = dir.path().join("data");
        let database = database.map(|url| format!("database = \"{url}\"\n")).unwrap_or_default();
        std::fs::write(&config, format!("{database}{}{engine}", hub_config(hub, &data))).unwrap();
        let serve = ["serve", "--config", config.to_str().unwrap()];
        let hub_process = spawn_to(&serve, level, &dir_file(&dir, "hub.log"), env);
        let processes = Self { http, hub, config, lender, borrower, hub_process, _sims: sims, dir };
        processes.wait_for(&format!("http://{lender}/sim/{LENDER}/counts")).await;
        processes.wait_for(&format!("http://{borrower}/sim/{BORROWER}/counts")).await;
        processes.wait_for_hub().await;
        for (file, code, at) in [("lender.toml", LENDER, lender), ("borrower.toml", BORROWER, borrower)] {
            let path = dir_file(&processes.dir, file);
            std::fs::write(&path, institution(code, &format!("http://{at}"), &key_of(code))).unwrap();
            let added = processes.consort(&["institution", "add", path.to_str().unwrap()]);
            assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        }
        processes
    }

    /// Returns the hub's log and output.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(dir_file(&self.dir, "hub.log")).unwrap()
    }

    /// Starts another node on the same database. Returns its address.
    pub(crate) async fn start_node(&self, name: &str) -> (SocketAddr, Child) {
        let at = free_port();
        let child = tokio::process::Command::new(env!("CARGO_BIN_EXE_consort"))
            .args(["--log", "error", "serve", "--config", self.config.to_str().unwrap()])
            .env("CONSORT_LISTEN", at.to_string())
            .env("CONSORT_ENGINE__NODE", name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.wait_for(&format!("http://{at}/health")).await;
        (at, child)
    }

    /// Sends the hub's process a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = self.hub_process.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        rustix::process::kill_process(id.expect("the hub runs"), signal).unwrap();
    }

    pub(crate) async fn stop_hub(&mut self) {
        self.hub_process.kill().await.unwrap();
    }

    /// Runs the program as a client of this hub.
    pub(crate) fn consort(&self, args: &[&str]) -> Output {
        let hub = format!("http://{}", self.hub);
        Command::new(env!("CARGO_BIN_EXE_consort"))
            .args(args)
            .env("CONSORT_HUB", hub)
            .env("CONSORT_API_KEY", KEY)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs the program so that it kills itself at a visit of a point. Returns whether it came to its end before that.
    #[cfg(feature = "failpoints")]
    pub(crate) fn ends_before(&self, point: &str, args: &[&str]) -> bool {
        let output = Command::new(env!("CARGO_BIN_EXE_consort"))
            .args(args)
            .env("CONSORT_DIES_AT", point)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || output.status.code().is_none(), "{args:?}: {said}");
        output.status.success()
    }

    /// Runs the program as a client of this hub. Returns its output.
    pub(crate) fn output(&self, args: &[&str]) -> String {
        let output = self.consort(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) async fn wait_for(&self, url: &str) {
        eventually(&format!("{url} answers"), async || match self.http.get(url).send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(answer.status().to_string()),
            Err(error) => Err(error.to_string()),
        })
        .await;
    }

    async fn wait_for_hub(&self) {
        self.wait_for(&format!("http://{}/health", self.hub)).await;
    }

    /// Kills the hub as a power failure would (SIGKILL) and starts it again on the same data.
    pub(crate) async fn kill_hub(&mut self) {
        self.hub_process.kill().await.unwrap();
        self.hub_process = start_hub(&self.config);
        self.wait_for_hub().await;
    }

    /// Starts the hub so that a write beyond its limit of file size fails, as on a full disk, and doesn't kill it.
    pub(crate) async fn start_hub_with_limits(&mut self) {
        self.start_hub_by("trap '' XFSZ; exec \"$0\" \"$@\"").await;
    }

    /// Starts the hub with a line of shell that executes its arguments.
    pub(crate) async fn start_hub_by(&mut self, script: &str) {
        self.hub_process = tokio::process::Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_consort")])
            .args(["--log", "error", "serve", "--config", self.config.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.wait_for_hub().await;
    }

    /// Returns the number of the hub's process.
    pub(crate) fn hub_id(&self) -> u32 {
        self.hub_process.id().expect("the hub runs")
    }

    /// Limits the size of the files that the hub may write, in bytes.
    pub(crate) fn limit_files(&self, most: &str) {
        let hub = self.hub_process.id().unwrap().to_string();
        let done =
            Command::new("prlimit").args(["--pid", &hub, &format!("--fsize={most}:unlimited")]).status().unwrap();
        assert!(done.success());
    }

    /// Waits until the hub's process has ended. Returns how it ended, and how long that took.
    pub(crate) async fn hub_ends(&mut self) -> (std::process::ExitStatus, Duration) {
        // The time is measured because tests compare it with the longest that a stop may take.
        let begun = Instant::now();
        let status = eventually("the hub's process ends", async || self.hub_process.wait().await).await;
        (status, begun.elapsed())
    }

    /// Returns whether the hub's process has ended.
    #[cfg(feature = "failpoints")]
    pub(crate) fn hub_is_dead(&mut self) -> bool {
        self.hub_process.try_wait().unwrap().is_some()
    }

    #[cfg(feature = "failpoints")]
    pub(crate) async fn restart_hub(&mut self) {
        self.hub_process = start_hub(&self.config);
        self.wait_for_hub().await;
    }

    /// Starts a hub that kills itself at a visit of a point, such as `before_send:3`. That may be before it answers
    /// anybody.
    #[cfg(feature = "failpoints")]
    pub(crate) fn start_hub_that_dies_at(&mut self, point: &str) {
        self.hub_process = tokio::process::Command::new(env!("CARGO_BIN_EXE_consort"))
            .args(["--log", "error", "serve", "--config", self.config.to_str().unwrap()])
            .env("CONSORT_DIES_AT", point)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
    }

    /// Makes a call to a hub that may be dead. Returns `None` unless it succeeds.
    #[cfg(feature = "failpoints")]
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Option<Value> {
        let mut call = self.http.request(method, format!("http://{}/api/v1{path}", self.hub)).bearer_auth(KEY);
        if let Some(body) = body {
            call = call.json(body);
        }
        let answer = call.send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        answer.json().await.ok()
    }

    pub(crate) async fn api(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let mut call = self.http.request(method, format!("http://{}/api/v1{path}", self.hub)).bearer_auth(KEY);
        if let Some(body) = body {
            call = call.json(body);
        }
        let answer = call.send().await.unwrap();
        let status = answer.status();
        let value: Value = answer.json().await.unwrap_or_default();
        assert!(status.is_success(), "{path}: {status} {value}");
        value
    }

    pub(crate) async fn request(&self, id: &str) -> Value {
        self.api(Method::GET, &format!("/requests/{id}"), None).await
    }

    /// Returns the request if it has this status and no effect is in progress. Otherwise returns its status and
    /// attention.
    async fn request_at(&self, id: &str, status: &str) -> Result<Value, String> {
        let request = self.request(id).await;
        if request["status"] == status && request["current_effect"].is_null() {
            Ok(request)
        } else {
            Err(format!("{} {}", request["status"], request["attention"]))
        }
    }

    /// Requests polls until the request has this status without an effect in progress.
    pub(crate) async fn until(&self, id: &str, status: &str) -> Value {
        eventually(&format!("the request reaches {status}"), async || {
            let request = self.request_at(id, status).await;
            if request.is_err() {
                self.api(Method::POST, &format!("/requests/{id}/poll"), None).await;
            }
            request
        })
        .await
    }

    /// Waits until the request has this status without an effect in progress, and requests no poll.
    pub(crate) async fn until_without_poll(&self, id: &str, status: &str) -> Value {
        // The hub's own schedule polls after a minute, see `hub_config`. This limit is well before that.
        let what = format!("the request reaches {status} without a poll");
        eventually_within(PATIENCE / 3, &what, async || self.request_at(id, status).await).await
    }

    /// Acts as staff at their desk, through the simulator's own interface.
    pub(crate) async fn staff(&self, institution: &str, act: &str, body: &Value) {
        let at = if institution == LENDER { self.lender } else { self.borrower };
        let answer = self.http.post(format!("http://{at}/sim/{institution}/{act}")).json(body).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{act}: {status} {}", answer.text().await.unwrap_or_default());
    }

    pub(crate) async fn sim(&self, institution: &str, what: &str) -> Value {
        let at = if institution == LENDER { self.lender } else { self.borrower };
        self.http.get(format!("http://{at}/sim/{institution}/{what}")).send().await.unwrap().json().await.unwrap()
    }
}

impl Processes {
    /// Calls the hub's API. Returns its answer, whatever it is.
    pub(crate) async fn answer(&self, method: Method, path: &str, key: &str, body: Option<&Value>) -> (u16, String) {
        self.answer_at(method, &format!("/api/v1{path}"), key, body).await
    }

    /// Calls any address of the hub. Returns its answer, whatever it is.
    pub(crate) async fn answer_at(&self, method: Method, path: &str, key: &str, body: Option<&Value>) -> (u16, String) {
        let mut call = self.http.request(method, format!("http://{}{path}", self.hub)).bearer_auth(key);
        if let Some(body) = body {
            call = call.json(body);
        }
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Changes a setting of a simulated Alma.
    pub(crate) async fn control(&self, method: Method, institution: &str, what: &str, body: &Value) {
        let at = if institution == LENDER { self.lender } else { self.borrower };
        let answer =
            self.http.request(method, format!("http://{at}/sim/{institution}/{what}")).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{what}: {}", answer.text().await.unwrap());
    }
}

pub(crate) fn dir_file(dir: &tempfile::TempDir, name: &str) -> PathBuf {
    dir.path().join(name)
}

pub(crate) fn key_of(code: &str) -> String {
    format!("l8xx-canary-{}", code.to_lowercase())
}

fn start_sim(at: SocketAddr, institution: &str) -> Child {
    spawn(&[
        "sim",
        "--calls-per-second",
        "none",
        "--listen",
        &at.to_string(),
        "--institution",
        institution,
        "--api-key",
        &key_of(institution),
    ])
}

fn start_hub(config: &Path) -> Child {
    spawn(&["serve", "--config", config.to_str().unwrap()])
}

fn spawn_to(args: &[&str], level: &str, log: &Path, env: &[(&str, &str)]) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    tokio::process::Command::new(env!("CARGO_BIN_EXE_consort"))
        .args(["--log", level])
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

fn spawn(args: &[&str]) -> Child {
    tokio::process::Command::new(env!("CARGO_BIN_EXE_consort"))
        .args(["--log", "error"])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

pub(crate) fn hub_config(at: SocketAddr, data: &Path) -> String {
    format!(
        "listen = \"{at}\"\ndata_dir = \"{}\"\n[api_keys]\ntests = \"{KEY}\"\n[engine]\npoll_interval_initial_ms = 60000\n\
         poll_interval_max_ms = 60000\n",
        data.display()
    )
}

/// Returns an institution file, as docs/set-up.md describes it.
pub(crate) fn institution(code: &str, base_url: &str, key: &str) -> String {
    let short = code.trim_start_matches("01").trim_end_matches("_INST");
    format!(
        "code = \"{code}\"\nname = \"{short}\"\napi_key = \"{key}\"\n[settings]\nbase_url = \"{base_url}\"\n\
         sharing_library = \"SHARING\"\nvirtual_library = \"DCB_LIB\"\nvirtual_location = \"dcbvirtual\"\n\
         virtual_item_policy = \"DCB\"\nvirtual_item_policy_no_renewal = \"DCB_NR\"\n\
         [settings.circulation_desks]\nMAIN = \"{DESK}\"\nBRANCH = \"{DESK}\"\nDCB_LIB = \"{DESK}\"\n\
         [settings.patron_types]\nUNDRGRD = \"undergraduate\"\n[settings.user_groups]\nundergraduate = \"DCB\"\n\
         [settings.item_types]\nBOOK = \"book\"\n[settings.material_types]\nbook = \"BOOK\"\n\
         [[agencies]]\ncode = \"{short}\"\nname = \"{short} library\"\n\
         [[pickup_locations]]\ncode = \"{short}-MAIN\"\nname = \"{short} main\"\nagency = \"{short}\"\n\
         library = \"MAIN\"\n"
    )
}

/// Returns a placement by a patron of the borrower for a copy of the lender.
pub(crate) fn placement(barcode: &str) -> Value {
    json!({
        "agency": "BORROW", "patron": "jo.reader", "pickup_location": "BORROW-MAIN",
        "copies": [{"institution": LENDER, "barcode": barcode}],
    })
}

/// Creates an empty PostgreSQL database. Returns its URL.
pub(crate) async fn postgres() -> String {
    pg_cluster::test_database("consort").await.unwrap()
}
