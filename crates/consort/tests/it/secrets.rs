//! The key that seals the store, permissions of the hub's files, and secrets that are never printed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::program::{KEY, Processes, complaint, consort, dir_file, free_port, hub_config, postgres};

const CANARY: &str = "l8xxcanary0000000000000000000000";

/// A configuration with a data directory of its own, for the embedded store or for a database on a server.
struct Site {
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Site {
    fn new(database: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir_file(&dir, "hub.toml");
        let database = database.map(|url| format!("database = \"{url}\"\n")).unwrap_or_default();
        std::fs::write(&config, format!("{database}{}", hub_config(free_port(), &dir_file(&dir, "data")))).unwrap();
        Self { dir, config }
    }

    fn data(&self) -> PathBuf {
        dir_file(&self.dir, "data")
    }

    fn key(&self) -> PathBuf {
        self.data().join("master.key")
    }

    fn run(&self, args: &[&str]) -> Output {
        consort(&[args, &["--config", self.config.to_str().unwrap()]].concat())
    }

    /// Starts the hub and stops it as soon as it is ready. Returns its log.
    fn start_and_stop(&self) -> String {
        let output = self.run(&["serve", "--until-stdin-ends"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.data()).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort_unstable();
        files
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// No byte can be written to a file, as on a full disk. Directories and empty files can be created.
#[test]
fn first_start_without_room_for_the_key_leaves_none_and_the_next_start_succeeds() {
    let site = Site::new(None);
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_consort")])
        .args(["serve", "--config", site.config.to_str().unwrap()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = complaint(&output);
    assert!(said.contains("master.key") && said.contains("Make room"), "{said}");
    assert_eq!(site.files(), [""; 0], "no key and no part of one is left");
    site.start_and_stop();
    assert_eq!(std::fs::read_to_string(site.key()).unwrap().len(), 44, "32 bytes in base64");
}

/// The same test on a full file system, if the machine lets a test mount one.
#[test]
fn first_start_on_a_full_file_system_leaves_no_key_and_the_next_start_succeeds() {
    let site = Site::new(None);
    let data = site.data();
    std::fs::create_dir(&data).unwrap();
    let mounts = |script: &str| {
        let mounted = format!("mount -t tmpfs -o size=1m,mode=700 tmpfs \"$2\" && {script}");
        Command::new("unshare")
            .args(["-Urm", "sh", "-c", &mounted, "sh", env!("CARGO_BIN_EXE_consort")])
            .args([data.as_os_str(), site.config.as_os_str()])
            .stdin(Stdio::null())
            .output()
    };
    if !mounts("true").is_ok_and(|output| output.status.success()) {
        println!("left out: this machine lets no test mount a file system (unshare -Urm)");
        return;
    }
    let script = "dd if=/dev/zero of=\"$2/filler\" bs=4k 2>/dev/null; \"$1\" serve --config \"$3\"; echo \"ended with $?\"; \
                  ls -A \"$2\"; rm \"$2/filler\"; mount -o remount,size=50m \"$2\"; \
                  \"$1\" serve --config \"$3\" --until-stdin-ends && wc -c < \"$2/master.key\"";
    let output = mounts(script).unwrap();
    let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(lines, ["ended with 1", "filler", "44"], "{log}");
    assert!(log.contains("No space left on device") && log.contains("Make room"), "{log}");
}

/// Runs every command that opens the store, after its key was lost.
fn lost_key_is_not_replaced(site: &Site) {
    site.start_and_stop();
    let kept = std::fs::read(site.key()).unwrap();
    std::fs::remove_file(site.key()).unwrap();
    let target = dir_file(&site.dir, "copy.db");
    for command in [&["serve"][..], &["migrate", "--to", target.to_str().unwrap()]] {
        let said = complaint(&site.run(command));
        assert!(said.contains("there is no key file") && said.contains("Put back"), "{command:?}: {said}");
        assert!(!site.key().exists(), "{command:?} has made a key");
        assert!(!target.exists(), "{command:?} has made a database");
    }
    let doctor = site.run(&["doctor"]);
    let table = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(!doctor.status.success() && table.contains("FAULT"), "{table}");
    assert!(!site.key().exists(), "doctor has made a key");
    for damaged in ["", "canary"] {
        std::fs::write(site.key(), damaged).unwrap();
        let said = complaint(&site.run(&["serve"]));
        assert!(said.contains("master.key") && said.contains("Put back"), "{said}");
        assert!(!said.contains("canary"), "{said}");
        assert_eq!(std::fs::read_to_string(site.key()).unwrap(), damaged, "what is there is left as it is");
    }
    std::fs::write(site.key(), kept).unwrap();
    site.start_and_stop();
}

#[test]
fn lost_key_of_an_embedded_store_is_not_replaced_and_the_store_opens_when_it_is_back() {
    lost_key_is_not_replaced(&Site::new(None));
}

#[tokio::test]
async fn lost_key_of_a_store_on_postgresql_is_not_replaced_and_the_store_opens_when_it_is_back() {
    lost_key_is_not_replaced(&Site::new(Some(&postgres().await)));
}

#[test]
fn empty_key_file_without_a_store_is_reported_with_what_to_do() {
    let site = Site::new(None);
    std::fs::create_dir(site.data()).unwrap();
    std::fs::write(site.key(), "").unwrap();
    let said = complaint(&site.run(&["serve"]));
    assert!(said.contains("is empty") && said.contains("remove this file"), "{said}");
    std::fs::remove_file(site.key()).unwrap();
    site.start_and_stop();
}

#[test]
fn store_is_restored_with_its_key_only() {
    let site = Site::new(None);
    site.start_and_stop();
    let saved = dir_file(&site.dir, "saved.db");
    let saved = saved.to_str().unwrap();
    assert!(site.run(&["backup", "--to", saved]).status.success());
    let other = Site::new(None);
    let said = complaint(&other.run(&["restore", "--from", saved]));
    assert!(said.contains("no key file"), "{said}");
    assert!(!other.key().exists() && !other.data().join("consort.db").exists(), "nothing was made");
    other.start_and_stop();
    let before = std::fs::read(other.data().join("consort.db")).unwrap();
    let said = complaint(&other.run(&["restore", "--from", saved, "--replace"]));
    assert!(said.contains("put the key back"), "{said}");
    assert_eq!(std::fs::read(other.data().join("consort.db")).unwrap(), before, "the present store stays in place");
    std::fs::copy(site.key(), other.key()).unwrap();
    std::fs::remove_file(other.data().join("consort.db")).unwrap();
    assert!(other.run(&["restore", "--from", saved]).status.success());
    other.start_and_stop();
}

#[cfg(unix)]
#[tokio::test]
async fn what_the_hub_keeps_is_readable_by_its_user_alone() {
    let processes = Processes::start().await;
    let data = dir_file(&processes.dir, "data");
    assert_eq!(mode(&data), 0o700);
    for file in ["master.key", "consort.db", "consort.db-wal", "consort.db-shm"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    let (config, saved) = (processes.config.to_str().unwrap(), dir_file(&processes.dir, "saved.db"));
    processes.output(&["backup", "--config", config, "--to", saved.to_str().unwrap()]);
    assert_eq!(mode(&saved), 0o600);
    // A backup that somebody made readable doesn't make the restored store readable. Neither does a move to another
    // file.
    set_mode(&saved, 0o644);
    let site = Site::new(None);
    std::fs::create_dir(site.data()).unwrap();
    std::fs::copy(data.join("master.key"), site.key()).unwrap();
    let restored = site.run(&["restore", "--from", saved.to_str().unwrap()]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(mode(&site.data().join("consort.db")), 0o600);
    let moved = dir_file(&site.dir, "moved.db");
    assert!(site.run(&["migrate", "--to", moved.to_str().unwrap()]).status.success());
    assert_eq!(mode(&moved), 0o600);
}

#[cfg(unix)]
#[test]
fn wider_modes_are_reported_by_serve_and_doctor() {
    let site = Site::new(None);
    set_mode(&site.config, 0o600);
    let said = site.start_and_stop();
    assert!(!said.contains("has mode"), "{said}");
    let database = site.data().join("consort.db");
    let widened = [(&site.config, 0o640), (&site.data(), 0o755), (&site.key(), 0o644), (&database, 0o666)];
    for (path, mode) in widened {
        set_mode(path, mode);
    }
    let said = site.start_and_stop();
    let doctor = site.run(&["doctor"]);
    let table = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success(), "a warning is no fault: {table}");
    for (path, mode) in widened {
        let expected = format!("{} has mode {mode:04o}", path.display());
        assert!(said.contains("WARN") && said.contains(&expected), "{expected}: {said}");
        assert!(table.contains(&format!("mode {mode:04o}")), "{expected}: {table}");
    }
    assert!(table.contains("WARNING") && table.contains("chmod"), "{table}");
}

/// Returns configurations with lines that can't be read or have wrong values, each with a secret in it.
fn broken_configurations() -> Vec<String> {
    let keys = format!("[api_keys]\ntests = \"{KEY}\"\n");
    let mut broken: Vec<String> = [
        format!("[api_keys]\ndiscovery = \"{CANARY}\nstaff = \"{KEY}\""),
        format!("[api_keys]\ndiscovery = {CANARY}"),
        format!("[api_keys]\ndiscovery = \"{CANARY}\" x"),
        format!("[api_keys]\ndiscovery = \"\\{CANARY}\""),
        format!("[api_keys]\ndiscovery: \"{CANARY}\""),
        format!("[api_keys]\ndiscovery = [\"{CANARY}\"]"),
        format!("[api_keys]\ndiscovery = {{key = \"{CANARY}\"}}"),
        format!("[api_keys]\n\"{CANARY}"),
        CANARY.to_owned(),
        format!("api_keys = \"{CANARY}\""),
        format!("api_keys = [\"{CANARY}\"]"),
        format!("database = \"postgres://hub:{CANARY}@localhost/hub\n{keys}"),
        format!("database = [\"postgres://hub:{CANARY}@localhost/hub\"]\n{keys}"),
        format!("database = \"postgres://hub:{CANARY}@localhost:port/hub\"\n{keys}"),
        format!("database = \"postgres://hub:x@127.0.0.1:1/hub?passwrd={CANARY}\"\n{keys}"),
        format!("database = \"{CANARY}\"\n{keys}"),
        format!("listen = \"{CANARY}\"\n{keys}"),
        format!("engine = \"{CANARY}\"\n{keys}"),
    ]
    .into();
    broken.push(format!("{keys}[engine]\nworkers = \"{CANARY}\""));
    broken.push(format!("{keys}[engine]\nlease_ms = [\"{CANARY}\"]"));
    broken
}

#[test]
fn broken_line_of_a_configuration_is_identified_by_its_place_and_never_shown() {
    for text in broken_configurations() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir_file(&dir, "hub.toml");
        std::fs::write(&config, format!("data_dir = \"{}\"\n{text}", dir_file(&dir, "data").display())).unwrap();
        let config = config.to_str().unwrap();
        for command in [&["--log", "trace", "serve", "--until-stdin-ends"][..], &["doctor"]] {
            let output = consort(&[command, &["--config", config]].concat());
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(!output.status.success(), "{text}");
            assert!(!out.contains("canary") && !err.contains("canary"), "{text}\n{out}{err}");
        }
    }
    let said = |text: &str| {
        let dir = tempfile::tempdir().unwrap();
        let config = dir_file(&dir, "hub.toml");
        std::fs::write(&config, text).unwrap();
        complaint(&consort(&["serve", "--config", config.to_str().unwrap()]))
    };
    let syntax = said(&format!("listen = \"127.0.0.1:1\"\ndatabase = \"{CANARY}\n"));
    assert!(syntax.contains("hub.toml, line 2, column ") && syntax.contains(", database: "), "{syntax}");
    let kind = said(&format!("[engine]\n\nworkers = \"{CANARY}\"\n"));
    assert!(kind.contains("hub.toml, line 3, column 1, engine.workers: expected "), "{kind}");
}

#[test]
fn broken_setting_of_the_environment_is_named_and_never_shown() {
    let site = Site::new(None);
    for (name, value) in [
        ("CONSORT_ENGINE__WORKERS", CANARY.to_owned()),
        ("CONSORT_LISTEN", CANARY.to_owned()),
        ("CONSORT_API_KEYS", CANARY.to_owned()),
        ("CONSORT_DATABASE", format!("[\"{CANARY}\"]")),
        ("CONSORT_DATABSE", format!("postgres://hub:{CANARY}@localhost/hub")),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_consort"))
            .args(["serve", "--config", site.config.to_str().unwrap()])
            .env(name, value)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = complaint(&output);
        assert!(said.contains(name) && !said.contains("canary"), "{name}: {said}");
    }
}

#[test]
fn broken_line_of_an_institution_file_is_identified_by_its_place_and_never_shown() {
    let good = crate::program::institution("01X", "http://127.0.0.1:1", CANARY);
    let line = format!("api_key = \"{CANARY}\"");
    assert!(good.contains(&line));
    let dir = tempfile::tempdir().unwrap();
    let file = dir_file(&dir, "x.toml");
    let hub = format!("http://user:{CANARY}@{}", free_port());
    for (broken, expected) in [
        (good.replace(&line, &format!("api_key = \"{CANARY}")), "line 3, column "),
        (good.replace(&line, &format!("api_key = {CANARY}")), "line 3, column "),
        (good.replace(&line, &format!("api_key = [\"{CANARY}\"]")), "api_key: expected "),
        (good.replace(&line, &format!("api_key \"{CANARY}\"")), "line 3, column "),
        (good.replace("[settings]", &format!("settings = \"{CANARY}\"\n[setting]")), "line "),
        (good.replace("code = \"01X\"", &format!("code = [\"{CANARY}\"]")), "code: expected "),
        (good.replace("code = \"01X\"", "code = \"..\""), "code: The code is empty or consists of dots."),
        (good.replace("code = \"X-MAIN\"", "code = \"..\""), "pickup_locations[0].code"),
        // The file is good, except that the hub's address contains a password.
        (good.clone(), "can't be reached"),
    ] {
        std::fs::write(&file, &broken).unwrap();
        let output = consort(&["institution", "add", file.to_str().unwrap(), "--hub", &hub, "--key", KEY]);
        let said = complaint(&output);
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!said.contains("canary"), "{said}");
    }
    let misspelt = format!("postgre://hub:{CANARY}@localhost/hub");
    let said = complaint(&Site::new(None).run(&["migrate", "--to", &misspelt]));
    assert!(said.contains("postgres://") && !said.contains("canary"), "{said}");
}

/// A client would remove a code of dots from the path, so the call would go elsewhere.
#[test]
fn code_that_would_change_the_address_is_not_sent() {
    let nobody = format!("http://{}", free_port());
    for command in [
        &["institution", "check", ".."][..],
        &["institution", "quota", ".."],
        &["institution", "orphans", ".", "--remove"],
        &["institution", "webhook", "remove", ".."],
        &["institution", "webhook", "show", "."],
    ] {
        let said = complaint(&consort(&[command, &["--hub", &nobody, "--key", KEY]].concat()));
        // `check` accepts the name of a file too, and this one is a directory.
        assert!(said.contains("consists of dots") || said.contains("can't be read"), "{command:?}: {said}");
    }
}

#[tokio::test]
async fn command_follows_no_redirect_with_its_keys() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let serve = async |router: axum::Router| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    };
    let other = serve(axum::Router::new().fallback(async move || {
        counted.fetch_add(1, Ordering::SeqCst);
    }))
    .await;
    let elsewhere = format!("http://{other}/");
    let redirecting = serve(
        axum::Router::new()
            .fallback(async move || (axum::http::StatusCode::PERMANENT_REDIRECT, [("location", elsewhere.clone())])),
    )
    .await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir_file(&dir, "x.toml");
    std::fs::write(&file, crate::program::institution("01X", "http://127.0.0.1:1", CANARY)).unwrap();
    let hub = format!("http://{redirecting}");
    let file = file.to_str().unwrap().to_owned();
    let output =
        tokio::task::spawn_blocking(move || consort(&["institution", "add", &file, "--hub", &hub, "--key", KEY]));
    let said = complaint(&output.await.unwrap());
    assert!(said.contains("sends elsewhere") && said.contains("--hub"), "{said}");
    assert_eq!(calls.load(Ordering::SeqCst), 0, "the key of the hub and that of the institution stay here");
}
