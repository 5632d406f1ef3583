//! A private PostgreSQL cluster, for tests and benchmarks that stop it or can't share one.
//!
//! It listens on this machine only, trusts every client, and by default doesn't wait for the disk: killing its
//! processes loses nothing, a power failure would. It is removed when it is dropped, and also when the program is
//! killed.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// The user that owns the data. PostgreSQL refuses to run as root.
const USER: &str = "postgres";
/// The number of attempts to start: another process may take the port between the check and the start.
const TRIES: usize = 5;

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    port: u16,
    dir: TempDir,
    durable: bool,
    /// A process that ends the cluster if this program ends without having done so: its standard input ends then.
    guard: Option<Child>,
}

impl Cluster {
    /// Creates a cluster and starts it.
    ///
    /// # Errors
    ///
    /// Returns the missing or failed part, in a sentence.
    pub fn start() -> Result<Self, String> {
        Self::make(false)
    }

    /// Creates a cluster whose commits wait for the disk, as in production.
    ///
    /// # Errors
    ///
    /// As [`Cluster::start`].
    pub fn start_durable() -> Result<Self, String> {
        Self::make(true)
    }

    fn make(durable: bool) -> Result<Self, String> {
        let programs = programs().ok_or(
            "PostgreSQL's initdb is neither in PATH nor under /usr/lib/postgresql; install PostgreSQL's server package",
        )?;
        let dir = tempfile::tempdir().map_err(|error| format!("no temporary directory can be made: {error}"))?;
        if is_root() {
            done(Command::new("chown").arg(USER).arg(dir.path()))?;
        }
        let mut cluster = Self { programs, port: 0, dir, durable, guard: None };
        let data = cluster.data();
        let how = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"];
        done(cluster.command("initdb").args(how).arg(data))?;
        let mut tried = 1;
        loop {
            cluster.port = free_port()?;
            match cluster.restart() {
                Err(_) if tried < TRIES => tried += 1,
                Err(reason) => return Err(reason),
                Ok(()) => break,
            }
        }
        cluster.guard = cluster.guarded().ok();
        Ok(cluster)
    }

    fn guarded(&self) -> std::io::Result<Child> {
        let stop = self.stop_command();
        let mut guard = Command::new("sh");
        guard.args(["-c", "cat >/dev/null; dir=$1; shift; \"$@\"; rm -rf \"$dir\"", "sh"]).arg(self.dir.path());
        guard.arg(stop.get_program()).args(stop.get_args());
        // A signal to the program's group must not end the guard too.
        guard
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    }

    /// Returns the address of a database of the cluster. `postgres` exists from the beginning.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Starts a stopped cluster again, at the same port.
    ///
    /// # Errors
    ///
    /// Fails if it doesn't start.
    pub fn restart(&self) -> Result<(), String> {
        let writes = if self.durable { "" } else { "-c fsync=off -c full_page_writes=off" };
        let settings = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories='' {writes} -c max_connections=100",
            self.port
        );
        let log = self.dir.path().join("log");
        done(
            self.command("pg_ctl")
                .args(["start", "-w", "-s", "-o", &settings, "-l"])
                .arg(log)
                .arg("-D")
                .arg(self.data()),
        )
    }

    /// Pauses every process of the cluster (SIGSTOP): connections stay open and nothing answers. Linux only.
    ///
    /// # Errors
    ///
    /// Fails if its processes aren't found.
    pub fn stand_still(&self) -> Result<(), String> {
        let server = self.server()?;
        // Once the server itself is paused, it starts no new process.
        send(server, Signal::STOP)?;
        children(server).into_iter().try_for_each(|child| send(child, Signal::STOP))
    }

    /// Lets the processes continue.
    ///
    /// # Errors
    ///
    /// Fails if its processes aren't found.
    pub fn go_on(&self) -> Result<(), String> {
        let server = self.server()?;
        children(server).into_iter().try_for_each(|child| send(child, Signal::CONT))?;
        send(server, Signal::CONT)
    }

    /// Returns the server process, the parent of all others.
    fn server(&self) -> Result<Pid, String> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).map_err(|error| error.to_string())?;
        let pid = file.lines().next().and_then(|line| Pid::from_raw(line.trim().parse().ok()?));
        pid.ok_or_else(|| "the server's process isn't known".to_owned())
    }

    /// Kills every process of the cluster at once, in the middle of its work.
    ///
    /// # Errors
    ///
    /// Fails if it doesn't stop.
    pub fn stop_at_once(&self) -> Result<(), String> {
        done(&mut self.stop_command())
    }

    fn stop_command(&self) -> Command {
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-w", "-s", "-m", "immediate", "-D"]).arg(self.data());
        command
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // A signal of the terminal goes to the benchmark or test, which stops the cluster itself.
        command.current_dir("/").process_group(0);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A paused cluster could not be stopped.
        let _ = self.go_on();
        let _ = self.stop_at_once();
        if let Some(guard) = &mut self.guard {
            let _ = guard.kill();
            let _ = guard.wait();
        }
    }
}

/// Connects to a server, beside the hub. The connection lasts as long as the client.
///
/// # Errors
///
/// What the server says, or the connection.
pub async fn connect(url: &str) -> Result<tokio_postgres::Client, String> {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.map_err(|error| describe(&error))?;
    // An error of the connection reaches whoever uses the client.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Creates an empty database for a test, on the server that `CONSORT_TEST_POSTGRES` names. Returns its URL.
///
/// # Errors
///
/// No server is named, or it refuses. A test fails then: one that is left out would look like one that has passed.
pub async fn test_database(prefix: &str) -> Result<String, String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("CONSORT_TEST_POSTGRES").map_err(|_| {
        "CONSORT_TEST_POSTGRES names no PostgreSQL server. ./test starts one and runs all tests; to run some, set it to a URL such \
         as postgres://postgres@127.0.0.1:5432/postgres"
            .to_owned()
    })?;
    let name = format!("{prefix}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = connect(&server).await?;
    // An earlier process with this number may have left a database behind. A database is made outside a transaction, so each
    // statement is sent alone.
    for sql in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        admin.batch_execute(&sql).await.map_err(|error| describe(&error))?;
    }
    let (base, _) = server.rsplit_once('/').ok_or("CONSORT_TEST_POSTGRES is no URL with a database")?;
    Ok(format!("{base}/{name}"))
}

/// What the server says, or the connection: the error itself says "db error" alone.
pub fn describe(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn send(process: Pid, signal: Signal) -> Result<(), String> {
    rustix::process::kill_process(process, signal).map_err(|error| format!("{process:?} gets no signal: {error}"))
}

/// Returns the child processes of `parent` (Linux, proc(5): the parent is the second word after the name in brackets).
fn children(parent: Pid) -> Vec<Pid> {
    let of = |process: &std::fs::DirEntry| -> Option<Pid> {
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        let after_name = stat.rsplit_once(')')?.1;
        let is_child = after_name.split_whitespace().nth(1)?.parse() == Ok(parent.as_raw_nonzero().get());
        Pid::from_raw(process.file_name().to_str()?.parse().ok()?).filter(|_| is_child)
    };
    std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|process| of(&process)).collect()
}

/// Returns the directory of the newest PostgreSQL's programs. Debian and Ubuntu keep them out of PATH.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .map(|version| version.path())
        .filter(|version| version.join("bin/initdb").exists())
        .max_by_key(|version| version.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|dir| dir.join("initdb").exists())
    };
    newest.map(|version| version.join("bin")).or_else(in_path)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn free_port() -> Result<u16, String> {
    let found = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    found.map(|address| address.port()).map_err(|error| error.to_string())
}

/// Runs a command to its end. Processes that it leaves running must not keep this program's output open.
fn done(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program()).display().to_string();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("PostgreSQL's cluster: {name} {:?} ended with {status}", arguments(command))),
        Err(error) => Err(format!("{name} can't be run: {error}")),
    }
}

fn arguments(command: &Command) -> Vec<String> {
    command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect()
}
