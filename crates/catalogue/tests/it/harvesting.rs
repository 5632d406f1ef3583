//! Harvests.

use catalogue::{Catalogue, HarvestError, Kind, RunState};
use serde_json::json;

use crate::harness::{Fixture, INST, both};
use crate::source::book;

async fn count(fixture: &Fixture, state: &str) -> u64 {
    fixture.catalogue.counts(INST).await.unwrap().by_state.get(state).copied().unwrap_or_default()
}

fn fill(fixture: &Fixture, records: i64) {
    for number in 0..records {
        fixture.source.put(&format!("99{number:03}"), 1_000 + number, &book(&format!("Title {number}")));
    }
}

both! {
    async fn first_harvest_is_full_and_the_next_one_asks_for_changes(fixture) {
        fill(&fixture, 25);
        let run = fixture.harvest(Kind::Changes).await;
        assert_eq!((run.kind, run.state), (Kind::Full, RunState::Done));
        assert_eq!((run.report.records, run.report.new, run.report.shown), (25, 25, 25));
        assert_eq!((run.report.source_count, run.report.difference), (Some(25), Some(0)));
        assert_eq!(fixture.source.last_from(), None);

        fixture.source.put("99003", 5_000, &book("Title 3, changed"));
        fixture.source.delete("99004", 5_001);
        let run = fixture.harvest(Kind::Changes).await;
        assert_eq!(run.kind, Kind::Changes);
        assert_eq!(fixture.source.last_from().as_deref(), Some("1970-01-01T00:17:04Z"), "the last second comes once more");
        assert_eq!((run.report.records, run.report.unchanged, run.report.changed, run.report.deleted), (3, 1, 2, 1));
        assert_eq!(fixture.state("99004").await, Some(("deleted", None)));
        let number = fixture.catalogue.stored(INST, "99003").await.unwrap().unwrap().number;
        let (record, _) = fixture.catalogue.content(number).await.unwrap().unwrap();
        assert_eq!(record.subfield("245", 'a'), Some("Title 3, changed"));
        assert_eq!((count(&fixture, "shown").await, count(&fixture, "deleted").await), (24, 1));
    }

    async fn harvest_resumes_from_the_last_committed_page(fixture) {
        fill(&fixture, 50);
        fixture.source.fail_after(Some(3));
        let failed = fixture.harvest_with(Kind::Full, &fixture.settings(&json!({}))).await;
        assert!(matches!(failed, Err(HarvestError::Source(_))), "{failed:?}");
        let run = fixture.catalogue.runs(INST, 1).await.unwrap().remove(0);
        assert_eq!(run.state, RunState::Failed);
        assert!(run.report.error.is_some());

        fixture.source.fail_after(None);
        let pages = fixture.source.pages();
        let resumed = fixture.harvest(Kind::Changes).await;
        assert_eq!((resumed.id, resumed.kind, resumed.state), (run.id, Kind::Full, RunState::Done));
        let repeated = fixture.source.pages() - pages;
        assert!(repeated <= 5, "{repeated} pages");
        assert_eq!((count(&fixture, "shown").await, resumed.report.new), (50, 50));
    }

    async fn full_harvest_removes_what_the_source_no_longer_has(fixture) {
        fill(&fixture, 12);
        fixture.harvest(Kind::Full).await;
        fixture.source.forget("99005");
        let run = fixture.harvest(Kind::Changes).await;
        assert_eq!((run.report.removed, count(&fixture, "shown").await), (0, 12), "changes alone don't show it");
        let run = fixture.harvest(Kind::Full).await;
        assert_eq!((run.report.removed, run.report.unchanged), (1, 11));
        assert_eq!(fixture.state("99005").await, Some(("deleted", Some("no longer in the source".to_owned()))));
        fixture.source.put("99005", 9_000, &book("Title 5"));
        fixture.harvest(Kind::Changes).await;
        assert_eq!(fixture.state("99005").await, Some(("shown", None)));
    }

    async fn full_harvest_of_an_empty_source_removes_nothing(fixture) {
        fill(&fixture, 3);
        fixture.harvest(Kind::Full).await;
        (0..3).for_each(|number| fixture.source.forget(&format!("99{number:03}")));
        let run = fixture.harvest(Kind::Full).await;
        assert_eq!((run.report.removed, count(&fixture, "shown").await), (0, 3));
        assert!(run.report.notes[0].contains("Nothing was removed"), "{:?}", run.report.notes);
    }

    async fn record_that_the_source_lists_and_leaves_out_of_its_pages_is_named_and_stays(fixture) {
        fill(&fixture, 25);
        fixture.harvest(Kind::Full).await;
        fixture.source.hide("99003");
        fixture.source.forget("99004");
        fixture.source.put("99999", 5_000, &book("New"));
        fixture.source.hide("99999");
        let run = fixture.harvest(Kind::Full).await;
        let report = &run.report;
        assert_eq!((report.source_count, report.difference), (Some(25), Some(2)));
        assert_eq!(report.not_read, ["99003", "99999"]);
        assert_eq!((report.removed, report.removed_ids.as_slice()), (1, ["99004".to_owned()].as_slice()));
        assert_eq!(fixture.state("99003").await, Some(("shown", None)));
        assert_eq!(count(&fixture, "shown").await, 24);
    }

    async fn nothing_is_removed_where_counts_differ_and_the_ids_cannot_be_listed(fixture) {
        fill(&fixture, 12);
        fixture.harvest(Kind::Full).await;
        fixture.source.hide("99003");
        fixture.source.forget("99004");
        fixture.source.refuse_ids();
        let run = fixture.harvest(Kind::Full).await;
        assert_eq!((run.report.difference, run.report.removed, count(&fixture, "shown").await), (Some(1), 0, 12));
        assert!(run.report.notes[0].contains("Nothing was removed"), "{:?}", run.report.notes);
    }

    async fn damage_can_be_read_until_the_record_is_repaired(fixture) {
        fill(&fixture, 5);
        fixture.source.put_xml("99002", 1_002, "<record xmlns=\"http://www.loc.gov/MARC21/slim\"><leader/></record>");
        fixture.source.put_xml("99003", 1_003, "<record><leader>x</leader></rubbish>");
        fixture.harvest(Kind::Full).await;
        fixture.harvest(Kind::Full).await;
        let mut damage = fixture.catalogue.damage(INST, None, 10).await.unwrap();
        damage.sort_by(|one, other| one.local_id.cmp(&other.local_id));
        let ids: Vec<&str> = damage.iter().filter_map(|place| place.local_id.as_deref()).collect();
        assert_eq!(ids, ["99002", "99003"], "each once");
        let text = |place: &catalogue::Damage| String::from_utf8(place.bytes.clone().unwrap()).unwrap();
        assert!(text(&damage[0]).contains("<leader/>"), "{:?}", damage[0]);
        let of_envelope = text(&damage[1]);
        assert!(of_envelope.contains("oai:test:99003") && of_envelope.contains("</rubbish>"), "{of_envelope}");
        assert!(!of_envelope.contains("99004"), "{of_envelope}");

        fixture.source.put("99002", 2_000, &book("Repaired"));
        fixture.source.put("99003", 2_000, &book("Repaired"));
        fixture.harvest(Kind::Changes).await;
        assert_eq!(fixture.catalogue.damage(INST, None, 10).await.unwrap(), []);
    }

    async fn damaged_record_fails_with_a_reason_and_the_others_are_stored(fixture) {
        fill(&fixture, 5);
        fixture.source.put_xml("99002", 1_002, "<record xmlns=\"http://www.loc.gov/MARC21/slim\"><leader/></record>");
        fixture.source.put_xml("99003", 1_003, "<record><leader>x</leader><controlfield tag=\"001\">1</record>");
        let run = fixture.harvest(Kind::Full).await;
        assert_eq!((run.report.shown, run.report.failures()), (3, 2), "{:?}", run.report);
        for id in ["99002", "99003"] {
            let (state, reason) = fixture.state(id).await.unwrap();
            assert!(state == "failed" && reason.is_some(), "{id}: {reason:?}");
        }
        let repeated = fixture.harvest(Kind::Full).await;
        assert_eq!((repeated.report.changed, repeated.report.removed), (0, 0));
    }

    async fn rules_suppress_records_and_their_change_causes_a_full_harvest(fixture) {
        fill(&fixture, 4);
        fixture.harvest(Kind::Full).await;
        let rule = json!({"name": "no titles", "level": "record", "when": [{"tag": "245", "equals": "Title 1"}]});
        let settings = fixture.settings(&json!({"suppress": [rule]}));
        let run = fixture.harvest_with(Kind::Changes, &settings).await.unwrap();
        assert_eq!((run.kind, run.report.suppressed.get("no titles")), (Kind::Full, Some(&1)));
        assert_eq!(fixture.state("99001").await, Some(("suppressed", Some("no titles".to_owned()))));
        let run = fixture.harvest_with(Kind::Changes, &settings).await.unwrap();
        assert_eq!(run.kind, Kind::Changes);
    }

    async fn two_nodes_do_not_harvest_one_institution_at_the_same_time(fixture) {
        let held = fixture.catalogue.lease(INST, "node-2", runtime::Clock::now(&*fixture.clock)).await.unwrap().unwrap();
        let other = Catalogue::open(&fixture.database, None).await.unwrap();
        let refused = fixture.harvest_with(Kind::Full, &fixture.settings(&json!({}))).await;
        assert!(matches!(&refused, Err(HarvestError::Catalogue(catalogue::Error::InUse(_)))), "{refused:?}");
        // The lease of a node that has stopped ends.
        fixture.clock.advance(61);
        fill(&fixture, 1);
        fixture.harvest(Kind::Full).await;
        let late = other.renew(&held, runtime::Clock::now(&*fixture.clock)).await;
        assert!(late.unwrap_err().is_lease_lost());
        other.close().await;
    }
}
