//! Kills a harvest with SIGKILL at each point of harvest, grouping and indexing, and in its middle, on both databases. The
//! result equals that of an undisturbed harvest.

use std::sync::Arc;

use failpoint::Point;
use sample_records::{Corpus, Faults, Options, Server};
use serde_json::{Value, json};

use crate::catalogue::{run, set_harvest};
use crate::program::{LENDER, Processes};

/// Two transactions of records, and as many of groups.
const RECORDS: u64 = 2_100;

/// Each point, with the visits at which a harvest is killed. A second one meets the resumed harvest.
const KILLS: [(Point, &[u32]); 6] = [
    (Point::BeforeRecordsStored, &[2, 1]),
    (Point::AfterRecordsStored, &[1]),
    (Point::BeforeGroupsStored, &[2]),
    (Point::AfterGroupsStored, &[1]),
    (Point::InIndexCommit, &[1]),
    (Point::BeforeIndexSwap, &[1]),
];

/// Everything that a catalogue has: records by state, groups, the queue, and the titles of the index.
fn content(processes: &Processes) -> Value {
    let status = run(processes, &["catalogue", "status"]);
    let index = search::Index::open(&processes.dir.path().join("data/index")).unwrap();
    let source = &status["institutions"][0];
    assert_eq!(Some(index.titles()), status["titles"].as_u64(), "{status}");
    json!([source["records"], source["suppressed"], status["titles"], status["waiting_for_group"]])
}

async fn killed_everywhere(database: Option<String>) {
    let corpus = Arc::new(Corpus::new(Options { records: RECORDS, ..Options::default() }));
    let source = Server::start(corpus, ([127, 0, 0, 1], 0).into(), 100, Faults::default()).await.unwrap();
    let mut processes = Processes::start_on(database.as_deref()).await;
    set_harvest(&processes, LENDER, &json!({"url": source.url()})).await;
    processes.stop_hub().await;
    let config = processes.config.to_str().unwrap().to_owned();
    let harvest = ["harvest", LENDER, "--config", &config];
    empty(&processes, database.as_deref()).await;
    run(&processes, &["harvest", LENDER]);
    let undisturbed = content(&processes);
    assert!(undisturbed[0]["shown"].as_u64() > Some(RECORDS - 20), "{undisturbed}");
    for (point, visits) in KILLS {
        empty(&processes, database.as_deref()).await;
        for visit in visits {
            let kill = format!("{}:{visit}", point.name());
            assert!(!processes.ends_before(&kill, &harvest), "{kill} is never reached");
        }
        let report = run(&processes, &["harvest", LENDER]);
        assert_eq!(content(&processes), undisturbed, "{point:?}: {report}");
    }
    let rebuild = ["catalogue", "rebuild-index", "--config", &config];
    for point in [Point::InIndexCommit, Point::BeforeIndexSwap] {
        assert!(!processes.ends_before(&format!("{}:1", point.name()), &rebuild), "{point:?}");
        assert_eq!(content(&processes), undisturbed, "{point:?} in a rebuild");
        run(&processes, &["catalogue", "rebuild-index"]);
        assert_eq!(content(&processes), undisturbed, "a rebuild after it");
    }
}

/// Removes the catalogue and the index.
async fn empty(processes: &Processes, database: Option<&str>) {
    let data = processes.dir.path().join("data");
    for file in ["catalogue.db", "catalogue.db-wal", "catalogue.db-shm"] {
        let _ = std::fs::remove_file(data.join(file));
    }
    let _ = std::fs::remove_dir_all(data.join("index"));
    if let Some(url) = database {
        let client = pg_cluster::connect(url).await.unwrap();
        client.batch_execute("DROP SCHEMA IF EXISTS catalogue CASCADE").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn harvest_killed_at_each_point_resumes_and_no_record_is_lost_or_twice_on_sqlite() {
    killed_everywhere(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn harvest_killed_at_each_point_resumes_and_no_record_is_lost_or_twice_on_postgres() {
    killed_everywhere(Some(crate::program::postgres().await)).await;
}
