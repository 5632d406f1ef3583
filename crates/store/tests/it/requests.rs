//! Requests and their audit.

use lending::{Request, RequestId, Status, example};
use store::{AuditEntry, Error, RequestFilter, Sort, Stored};
use uuid::Uuid;

use crate::harness::{Fixture, both, commit, noon};

pub(crate) fn request(number: u128) -> Request {
    Request {
        id: RequestId(Uuid::from_u128(number)),
        placed_at: noon(i64::try_from(number).unwrap()),
        ..example::placed()
    }
}

pub(crate) async fn insert(fixture: &Fixture, request: &Request) -> Stored {
    commit(&fixture.store, |unit| _ = unit.insert_request(request, &[], noon(0)).unwrap()).await.unwrap();
    read(fixture, request.id).await
}

async fn read(fixture: &Fixture, id: RequestId) -> Stored {
    fixture.store.request(id).await.unwrap().unwrap()
}

/// Saves a request as it is, with entries of its audit.
pub(crate) async fn append(fixture: &Fixture, id: RequestId, entries: &[AuditEntry]) {
    let stored = read(fixture, id).await;
    commit(&fixture.store, |unit| _ = unit.save_request(&stored, &stored.request, entries, noon(1)).unwrap())
        .await
        .unwrap();
}

fn entry(request: RequestId, event: &str, seconds: i64) -> AuditEntry {
    AuditEntry {
        request,
        at: noon(seconds),
        event: event.to_owned(),
        actor: "hub".to_owned(),
        from: Some(Status::SubmittedToDcb),
        to: None,
        reason: None,
        note: Some("note".to_owned()),
        evidence: Some(serde_json::json!({"hold": "81"})),
    }
}

fn number_of(stored: &Stored) -> u128 {
    stored.request.id.0.as_u128()
}

/// Returns the numbers of the requests on the first page.
async fn ids(fixture: &Fixture, filter: RequestFilter) -> Vec<u128> {
    fixture.store.requests(&filter).await.unwrap().requests.iter().map(number_of).collect()
}

both! {
    async fn request_reads_back_as_it_was_written(fixture) {
        let mut request = request(1);
        request.patron.verified = Some(example::verified());
        insert(&fixture, &request).await;
        let stored = fixture.store.request(request.id).await.unwrap().unwrap();
        assert_eq!(stored.request, request);
        assert_eq!(stored.version, 1);
        assert!(fixture.store.request(RequestId(Uuid::from_u128(9))).await.unwrap().is_none());
    }

    async fn unit_returns_the_request_as_it_is_read_afterwards(fixture) {
        let mut request = request(1);
        let mut unit = fixture.store.unit();
        let inserted = unit.insert_request(&request, &[entry(request.id, "placed", 0)], noon(0)).unwrap();
        fixture.store.commit(unit).await.unwrap();
        assert_eq!(read(&fixture, request.id).await, inserted);
        request.status = Status::PatronVerified;
        let mut unit = fixture.store.unit();
        let once = unit.save_request(&inserted, &request, &[entry(request.id, "verified", 1)], noon(1)).unwrap();
        let twice = unit.save_request(&once, &request, &[entry(request.id, "seen", 1)], noon(2)).unwrap();
        fixture.store.commit(unit).await.unwrap();
        assert_eq!(read(&fixture, request.id).await, twice);
        assert_eq!(twice.version, 3);
        assert!(fixture.store.verify_audit(None).await.unwrap().faults.is_empty());
    }

    async fn save_on_an_old_version_is_a_conflict_and_changes_nothing(fixture) {
        let mut request = request(1);
        let old = insert(&fixture, &request).await;
        request.status = Status::PatronVerified;
        let save = async |request: &Request, event: &str, seconds| {
            let mut unit = fixture.store.unit();
            let saved = unit.save_request(&old, request, &[entry(request.id, event, seconds)], noon(seconds)).unwrap();
            fixture.store.commit(unit).await.map(|_| saved.version)
        };
        assert_eq!(save(&request, "verified", 1).await.unwrap(), 2);
        request.status = Status::Cancelled;
        // Its entry would have the same place in the audit as the one that was quicker.
        assert!(matches!(save(&request, "cancelled", 2).await, Err(Error::Conflict)));
        assert_eq!(read(&fixture, request.id).await.request.status, Status::PatronVerified);
        let timeline = fixture.store.timeline(request.id).await.unwrap();
        assert_eq!(timeline.iter().map(|row| row.entry.event.as_str()).collect::<Vec<_>>(), ["verified"]);
    }

    async fn saves_at_the_same_time_on_the_same_version_are_done_once(fixture) {
        let old = insert(&fixture, &request(1)).await;
        let saves = (0..10).map(async |number| {
            let mut unit = fixture.store.unit();
            unit.save_request(&old, &old.request, &[entry(old.request.id, &format!("save {number}"), 1)], noon(1)).unwrap();
            fixture.store.commit(unit).await
        });
        let saved = futures::future::join_all(saves).await;
        assert_eq!(saved.iter().filter(|saved| saved.is_ok()).count(), 1);
        assert_eq!(saved.iter().filter(|saved| matches!(saved, Err(Error::Conflict))).count(), 9, "{saved:?}");
        assert_eq!(read(&fixture, old.request.id).await.version, 2);
        assert_eq!(fixture.store.timeline(old.request.id).await.unwrap().len(), 1);
    }

    async fn unit_of_which_a_statement_fails_leaves_nothing(fixture) {
        insert(&fixture, &request(1)).await;
        let failed = commit(&fixture.store, |unit| {
            for number in [2, 1, 3] {
                unit.insert_request(&request(number), &[entry(request(number).id, "placed", 1)], noon(1)).unwrap();
            }
        });
        assert!(failed.await.is_err(), "the second is there already");
        for number in [2, 3] {
            assert!(fixture.store.request(request(number).id).await.unwrap().is_none(), "{number}");
            assert!(fixture.store.timeline(request(number).id).await.unwrap().is_empty(), "{number}");
        }
        // The next one writes as if nothing had been.
        insert(&fixture, &request(2)).await;
    }

    async fn nothing_that_was_written_before_a_conflict_is_committed(fixture) {
        let mut stored = insert(&fixture, &request(1)).await;
        stored.version = 7;
        let all = commit(&fixture.store, |unit| {
            unit.insert_request(&request(2), &[entry(request(2).id, "placed", 1)], noon(1)).unwrap();
            unit.save_request(&stored, &request(1), &[], noon(1)).unwrap();
        });
        assert!(matches!(all.await, Err(Error::Conflict)));
        assert!(fixture.store.request(request(2).id).await.unwrap().is_none());
        // The next one writes as if nothing had been.
        insert(&fixture, &request(2)).await;
        assert!(fixture.store.timeline(request(2).id).await.unwrap().is_empty());
    }

    async fn unit_that_rests_on_a_request_being_unchanged_is_undone_once_that_is_saved(fixture) {
        let stored = insert(&fixture, &request(1)).await;
        let note = async |message: &str| {
            commit(&fixture.store, |unit| {
                unit.insert_message(&"01X".into(), message, noon(1));
                unit.expect_unchanged(&stored);
            })
            .await
        };
        note("one").await.unwrap();
        append(&fixture, stored.request.id, &[]).await;
        assert!(matches!(note("two").await, Err(Error::Conflict)));
        assert_eq!(fixture.store.messages_since(&"01X".into(), noon(0)).await.unwrap(), 1);
    }

    async fn unit_that_is_not_committed_leaves_nothing(fixture) {
        let mut unit = fixture.store.unit();
        unit.insert_request(&request(1), &[], noon(0)).unwrap();
        drop(unit);
        assert!(fixture.store.request(request(1).id).await.unwrap().is_none());
    }

    async fn list_is_paged_newest_first_without_gap_or_repeat(fixture) {
        for number in 1..=7 {
            insert(&fixture, &request(number)).await;
        }
        let mut filter = RequestFilter { limit: 3, ..RequestFilter::default() };
        let mut seen = Vec::new();
        loop {
            let page = fixture.store.requests(&filter).await.unwrap();
            seen.extend(page.requests.iter().map(|stored| stored.request.id.0.as_u128()));
            let Some(next) = page.next else { break };
            filter.after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    }

    async fn patron_finds_own_requests_open_and_ended_by_every_identifier(fixture) {
        let patron = |request: Request, identifier: &str| {
            let patron = lending::Patron { identifier: identifier.into(), ..request.patron.clone() };
            Request { patron, ..request }
        };
        let mut by_card = patron(request(1), "card-1");
        by_card.patron.verified = Some(example::verified());
        let known = by_card.patron.verified.as_ref().unwrap().id.clone();
        let ended = Request { status: Status::Finalised, ..patron(request(2), "Card-1") };
        for request in [&by_card, &ended, &patron(request(3), "card-2")] {
            insert(&fixture, request).await;
        }
        let of = |identifier: &str| RequestFilter {
            patron: Some((by_card.patron.institution.clone(), identifier.into())),
            ..RequestFilter::default()
        };
        assert_eq!(ids(&fixture, of("CARD-1")).await, [2, 1]);
        assert_eq!(ids(&fixture, of(known.as_str())).await, [1]);
        assert_eq!(ids(&fixture, RequestFilter { open_only: true, ..of("card-1") }).await, [1]);
        let elsewhere = RequestFilter { patron: Some(("01OTHER".into(), "card-1".into())), ..RequestFilter::default() };
        assert_eq!(ids(&fixture, elsewhere).await, [0; 0]);
        assert_eq!(fixture.store.count_requests(&RequestFilter { limit: 1, ..of("card-1") }).await.unwrap(), 2);
    }

    async fn list_is_searched_by_agency_time_and_title(fixture) {
        for (number, title) in [(1, "The Art of 100% Cotton"), (2, "The  ART of_war"), (3, "Été à Paris")] {
            let title = Some(lending::Title { title: title.to_owned(), author: None });
            insert(&fixture, &Request { title, ..request(number) }).await;
        }
        insert(&fixture, &request(4)).await;
        let titled = |title: &str| RequestFilter { title: Some(title.to_owned()), ..RequestFilter::default() };
        assert_eq!(ids(&fixture, titled("the art OF")).await, [2, 1]);
        assert_eq!(ids(&fixture, titled("0%")).await, [1], "no character of the text is a wildcard");
        assert_eq!(ids(&fixture, titled("f_w")).await, [2]);
        assert_eq!(ids(&fixture, titled("ÉTÉ")).await, [3]);
        let time = |from: i64, before: i64| RequestFilter {
            placed_from: Some(noon(from)),
            placed_before: Some(noon(before)),
            ..RequestFilter::default()
        };
        assert_eq!(ids(&fixture, time(2, 4)).await, [3, 2]);
        let agency = request(1).patron.agency;
        let of = |agency| RequestFilter { agency: Some(agency), ..RequestFilter::default() };
        assert_eq!(ids(&fixture, of(agency)).await, [4, 3, 2, 1]);
        assert_eq!(ids(&fixture, of("ELSEWHERE".into())).await, [0; 0]);
    }

    async fn title_that_is_found_later_is_searched_for_too(fixture) {
        let stored = insert(&fixture, &request(1)).await;
        let title = Some(lending::Title { title: "Later".to_owned(), author: None });
        let titled = Request { title, ..stored.request.clone() };
        commit(&fixture.store, |unit| _ = unit.save_request(&stored, &titled, &[], noon(1)).unwrap()).await.unwrap();
        assert_eq!(ids(&fixture, RequestFilter { title: Some("later".to_owned()), ..RequestFilter::default() }).await, [1]);
    }

    async fn pages_of_every_order_have_no_gap_and_no_repeat(fixture) {
        // Two requests each have the same title and the same time of placing.
        let placed = |number: u128, title: u128| Request {
            title: (title > 0).then(|| lending::Title { title: format!("Title {title}"), author: None }),
            placed_at: noon(i64::try_from(number / 2).unwrap()),
            ..request(number)
        };
        for number in 10..15 {
            let made = placed(number, (15 - number) / 2);
            let at = noon(i64::try_from(number).unwrap() / 3);
            commit(&fixture.store, |unit| _ = unit.insert_request(&made, &[], at).unwrap()).await.unwrap();
        }
        for sort in Sort::ALL {
            let all = ids(&fixture, RequestFilter { sort, ..RequestFilter::default() }).await;
            let mut filter = RequestFilter { sort, limit: 2, ..RequestFilter::default() };
            let mut seen = Vec::new();
            loop {
                let page = fixture.store.requests(&filter).await.unwrap();
                seen.extend(page.requests.iter().map(number_of));
                let Some(next) = page.next else { break };
                filter.after = Some(next.to_string().parse().unwrap());
            }
            assert_eq!(seen, all, "{sort:?}");
            let expected = match sort {
                Sort::NewestFirst | Sort::ChangedLast => [14, 13, 12, 11, 10],
                Sort::OldestFirst | Sort::ChangedFirst => [10, 11, 12, 13, 14],
                Sort::Title => [14, 12, 13, 10, 11],
            };
            assert_eq!(all, expected, "{sort:?}");
        }
    }

    async fn filters_narrow_the_list(fixture) {
        let mut done = request(1);
        done.status = Status::Finalised;
        insert(&fixture, &done).await;
        insert(&fixture, &request(2)).await;
        let count = async |filter: RequestFilter| fixture.store.requests(&filter).await.unwrap().requests.len();
        assert_eq!(count(RequestFilter { open_only: true, ..RequestFilter::default() }).await, 1);
        assert_eq!(count(RequestFilter { statuses: vec![Status::Finalised], ..RequestFilter::default() }).await, 1);
        assert_eq!(count(RequestFilter { institution: Some("01BORROW".into()), ..RequestFilter::default() }).await, 2);
        assert_eq!(count(RequestFilter { institution: Some("01OTHER".into()), ..RequestFilter::default() }).await, 0);
        assert_eq!(count(RequestFilter { needs_staff: true, ..RequestFilter::default() }).await, 0);
        let counts = fixture.store.count_by_status().await.unwrap();
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 2);
    }

    async fn patron_is_found_by_given_and_by_verified_identifier(fixture) {
        let mut mine = request(1);
        mine.patron.verified = Some(example::verified());
        insert(&fixture, &mine).await;
        let open = async |id: &str| {
            fixture.store.open_requests_of_patron(&"01BORROW".into(), &id.into()).await.unwrap().len()
        };
        assert_eq!(open("READER").await, 1);
        assert_eq!(open("Reader@example.org").await, 1);
        assert_eq!(open("somebody").await, 0);
    }

    async fn patron_has_no_more_open_requests_than_were_counted(fixture) {
        let of_patron = |number| {
            let mut request = request(number);
            request.patron.verified = Some(example::verified());
            request
        };
        let (institution, patron) = (of_patron(1).patron.institution, example::verified().id);
        let known = async || fixture.store.open_requests_of_verified_patron(&institution, &patron).await.unwrap();
        let place = async |number, known: &[Stored]| {
            let mut unit = fixture.store.unit();
            unit.expect_open_requests(&institution, &patron, known).unwrap();
            unit.insert_request(&of_patron(number), &[], noon(0)).unwrap();
            fixture.store.commit(unit).await
        };
        place(1, &known().await).await.unwrap();
        // All have counted one, and each wants to be the second.
        let counted = known().await;
        assert_eq!(counted.len(), 1);
        let placed = futures::future::join_all((2..8).map(|number| place(number, &counted))).await;
        assert_eq!(placed.iter().filter(|placed| placed.is_ok()).count(), 1, "{placed:?}");
        assert_eq!(placed.iter().filter(|placed| matches!(placed, Err(Error::Conflict))).count(), 5, "{placed:?}");
        assert_eq!(known().await.len(), 2);
        place(9, &known().await).await.unwrap();
    }

    async fn timeline_keeps_its_order(fixture) {
        let request = request(1);
        insert(&fixture, &request).await;
        for (seconds, event) in [(2, "one"), (1, "two"), (3, "three")] {
            append(&fixture, request.id, &[entry(request.id, event, seconds)]).await;
        }
        let rows = fixture.store.timeline(request.id).await.unwrap();
        let events: Vec<(i64, &str)> = rows.iter().map(|row| (row.seq, row.entry.event.as_str())).collect();
        assert_eq!(events, [(1, "one"), (2, "two"), (3, "three")]);
        assert_eq!(rows[0].entry.evidence, Some(serde_json::json!({"hold": "81"})));
    }
}

#[tokio::test]
async fn patron_identifiers_are_nowhere_in_the_file() {
    let fixture = Fixture::sqlite().await;
    let mut request = request(1);
    request.patron.identifier = "canary-patron-4711".into();
    let shown = lending::ShownPatron {
        card: Some("canary-card".into()),
        first_name: Some("canary-first".into()),
        last_name: Some("canary-last".into()),
    };
    request.patron.verified = Some(lending::VerifiedPatron {
        id: "canary@example.org".into(),
        pickup_code: Some("canary-code".into()),
        shown_to_lender: shown.clone(),
        shown_at_pickup: shown,
        ..example::verified()
    });
    insert(&fixture, &request).await;
    let path = fixture.file().unwrap();
    fixture.store.close().await;
    let bytes = std::fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("SUBMITTED_TO_DCB"), "the request itself is there");
    assert!(!text.contains("canary"), "an identifier is readable in the file");
}
