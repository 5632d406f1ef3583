//! Records from files.

use catalogue::{LoadError, RunState};
use marc::Record;
use serde_json::json;

use crate::harness::{Fixture, INST, both};

fn record(id: &str, title: &str) -> Record {
    Record::builder().control("001", id).data("245", '0', '0', [('a', title)]).build()
}

async fn load(fixture: &Fixture, content: &[u8]) -> Result<catalogue::Run, LoadError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records");
    std::fs::write(&path, content).unwrap();
    let settings = fixture.settings(&json!({}));
    let now = || runtime::Clock::now(&*fixture.clock);
    fixture.catalogue.load_file(&path, INST, settings, "load", now).await
}

both! {
    async fn file_of_iso_2709_is_loaded_and_a_record_without_an_id_is_set_aside(fixture) {
        let mut file = Vec::new();
        for number in 0..30 {
            file.extend(marc::iso2709::write(&record(&format!("{number}"), "Emma")).unwrap().content);
        }
        let without = Record::builder().data("245", '0', '0', [('a', "No id")]).build();
        file.extend(marc::iso2709::write(&without).unwrap().content);
        let run = load(&fixture, &file).await.unwrap();
        assert_eq!((run.state, run.report.shown, run.report.failures()), (RunState::Done, 30, 1));
        assert_eq!(fixture.state("7").await, Some(("shown", None)));
    }

    async fn file_of_marcxml_is_loaded_and_replaces_records_with_the_same_id(fixture) {
        let xml = |title| {
            let records = [record("1", title), record("2", "Persuasion")];
            marc::marcxml::write_collection(&records, marc::marcxml::Namespace::Slim).content
        };
        load(&fixture, xml("Emma").as_bytes()).await.unwrap();
        let run = load(&fixture, xml("Emma, changed").as_bytes()).await.unwrap();
        assert_eq!((run.report.changed, run.report.unchanged), (1, 1));
    }

    async fn other_file_is_refused(fixture) {
        for content in [&b""[..], b"PK\x03\x04 a spreadsheet"] {
            let refused = load(&fixture, content).await;
            assert!(matches!(refused, Err(LoadError::NotMarc(_))), "{refused:?}");
        }
    }
}
