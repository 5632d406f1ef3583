//! A disk that is full while the hub runs: the hub loses nothing that it has confirmed, and continues without help when
//! there is space again.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use crate::patience::eventually;
use crate::program::{DESK, KEY, LENDER, Processes, dir_file, placement, postgres};

#[tokio::test]
async fn full_disk_refuses_new_work_with_a_reason_and_the_hub_continues_when_there_is_room() {
    let mut processes = Processes::start().await;
    processes.stop_hub().await;
    processes.start_hub_with_limits().await;
    let barcode = "01LEND-M001";
    let placed = processes.api(Method::POST, "/requests?wait=0", Some(&placement(barcode))).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    processes.until(&id, "REQUEST_PLACED_AT_BORROWING_AGENCY").await;

    processes.limit_files("0");
    let (status, body) = processes.answer(Method::POST, "/requests?wait=0", KEY, Some(&placement("01LEND-M002"))).await;
    let refused: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &refused["code"]), (503, &json!("STORE_UNAVAILABLE")), "{body}");
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("can't be used at the moment")), "{body}");
    processes.staff(LENDER, "scan-in", &json!({"barcode": barcode, "library": "MAIN", "desk": DESK})).await;
    assert_eq!(processes.request(&id).await["status"], "REQUEST_PLACED_AT_BORROWING_AGENCY", "it is still read");

    processes.limit_files("unlimited");
    processes.until(&id, "PICKUP_TRANSIT").await;
    let second = processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M002"))).await;
    processes.until(second["id"].as_str().unwrap(), "REQUEST_PLACED_AT_BORROWING_AGENCY").await;
    let holds = processes.sim(LENDER, "requests").await;
    assert_eq!(holds.as_array().map(Vec::len), Some(2), "one hold for each request: {holds}");
}

/// Copies the hub's data to a file system of 32 MB, which only this process and its children see.
const ON_A_SMALL_DISK: &str = "mount -t tmpfs -o size=32m,mode=700 tmpfs \"$SMALL\" && cp -a \"$DATA\"/. \"$SMALL\" && \
     mount --bind \"$SMALL\" \"$DATA\"";

/// Writes a file until the file system is full.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let block = [0; 4096];
    let full = loop {
        if let Err(error) = file.write_all(&block) {
            break error;
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
}

/// The same on a file system without a free block, if the machine lets a test mount one.
#[tokio::test]
async fn hub_is_live_but_not_ready_on_a_full_file_system_and_continues_when_there_is_room() {
    let mut processes = Processes::start().await;
    processes.signal(rustix::process::Signal::TERM);
    processes.hub_ends().await;
    let (small, data) = (dir_file(&processes.dir, "small"), dir_file(&processes.dir, "data"));
    std::fs::create_dir(&small).unwrap();
    let variables = format!("SMALL='{}'; DATA='{}'; export SMALL DATA", small.display(), data.display());
    let may_mount = std::process::Command::new("sh")
        .args(["-c", &format!("{variables}; unshare -Urm sh -c '{ON_A_SMALL_DISK}'")])
        .output()
        .is_ok_and(|output| output.status.success());
    if !may_mount {
        println!("left out: this machine lets no test mount a file system (unshare -Urm)");
        return;
    }
    let start = format!("{variables}; exec unshare -Urm sh -c '{ON_A_SMALL_DISK} && exec \"$0\" \"$@\"' \"$0\" \"$@\"");
    processes.start_hub_by(&start).await;
    // The hub's mounts are visible below its entry in /proc.
    let filler = PathBuf::from(format!("/proc/{}/root{}/filler", processes.hub_id(), data.display()));
    readiness_follows(&processes, async || fill(&filler), async || std::fs::remove_file(&filler).unwrap()).await;
    assert!(!data.join("filler").exists(), "the file system of the test was not the hub's");
}

/// Calls the three probes: whether the hub lives, whether it can take calls, and its health.
async fn probes(processes: &Processes) -> [(u16, String); 3] {
    let ask = async |path| processes.answer_at(Method::GET, path, KEY, None).await;
    [ask("/health/live").await, ask("/health/ready").await, ask("/health").await]
}

/// Checks that readiness follows the database. `fail` makes writes fail, and `repair` makes them possible again.
async fn readiness_follows(processes: &Processes, fail: impl AsyncFnOnce(), repair: impl AsyncFnOnce()) {
    assert_eq!(probes(processes).await.map(|(status, _)| status), [200, 200, 200]);
    fail().await;
    let (status, body) = processes.answer(Method::POST, "/requests?wait=0", KEY, Some(&placement("01LEND-M001"))).await;
    assert_eq!(status, 503, "{body}");
    for _ in 0..2 {
        let [live, ready, health] = probes(processes).await;
        assert_eq!((live.0, ready.0, health.0), (200, 503, 503), "{} {}", ready.1, health.1);
        for (_, body) in [ready, health] {
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(problem["code"], "STORE_UNAVAILABLE", "{body}");
            assert!(
                problem["detail"].as_str().is_some_and(|detail| detail.contains("nothing can be written")),
                "{body}"
            );
        }
    }
    assert_eq!(processes.answer(Method::GET, "/requests", KEY, None).await.0, 200, "it still reads");
    repair().await;
    assert_eq!(probes(processes).await.map(|(status, _)| status), [200, 200, 200]);
    processes.api(Method::POST, "/requests?wait=0", Some(&placement("01LEND-M001"))).await;
}

#[tokio::test]
async fn hub_is_live_but_not_ready_while_its_disk_is_full() {
    let mut processes = Processes::start().await;
    processes.stop_hub().await;
    processes.start_hub_with_limits().await;
    let processes = &processes;
    readiness_follows(processes, async || processes.limit_files("0"), async || processes.limit_files("unlimited"))
        .await;
}

#[tokio::test]
async fn hub_is_live_but_not_ready_while_the_disk_of_its_postgresql_is_full() {
    /// Makes PostgreSQL answer each write to a table as it does on a full disk.
    const FULL: &str = "CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN \
         RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $f$; \
         DO $d$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP \
         EXECUTE format('CREATE TRIGGER disk_full BEFORE INSERT OR UPDATE OR DELETE ON %I FOR EACH STATEMENT \
         EXECUTE FUNCTION disk_is_full()', name); END LOOP; END $d$";
    let database = postgres().await;
    let processes = Processes::start_with("error", Some(&database), "").await;
    // The hub works at the same time, and the server may roll back a transaction in a deadlock.
    let change = async |sql: &'static str| {
        let server = pg_cluster::connect(&database).await.unwrap();
        let attempt = async || server.batch_execute(sql).await.map_err(|error| pg_cluster::describe(&error));
        eventually("the server makes the change", attempt).await;
    };
    readiness_follows(
        &processes,
        async || change(FULL).await,
        async || change("DROP FUNCTION disk_is_full() CASCADE").await,
    )
    .await;
}
