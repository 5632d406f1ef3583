//! Administrative acts, keys, reads of patron data, users, as they are stored. A change behind the hub's back shows.

use access::Role;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use store::{AdminAct, ApiKey, Database, Error, OfAgencies, PatronRead, RequestFilter, User};
use uuid::Uuid;

use crate::harness::{self, Fixture, both, commit, noon};

fn act(number: i64) -> AdminAct {
    AdminAct {
        at: noon(number),
        actor: "admin".to_owned(),
        origin: "192.0.2.1".to_owned(),
        act: "put_agency".to_owned(),
        object: format!("agency A{number}"),
        agencies: vec![format!("A{}", number % 2).into()],
        before: None,
        after: Some(json!({"name": "A Library"})),
    }
}

async fn with_acts(fixture: &Fixture, count: i64) {
    for number in 1..=count {
        fixture.store.commit_act(&act(number), |_| Ok(())).await.unwrap();
    }
}

async fn without_triggers(fixture: &Fixture, sql: &str) {
    let off = match &fixture.database {
        Database::Sqlite(_) => "DROP TRIGGER admin_audit_is_not_changed; DROP TRIGGER admin_audit_is_not_deleted",
        Database::Postgres(_) => "ALTER TABLE admin_audit DISABLE TRIGGER ALL",
    };
    harness::behind_its_back(&fixture.database, off).await.unwrap();
    harness::behind_its_back(&fixture.database, sql).await.unwrap();
}

async fn faults(fixture: &Fixture) -> Vec<(String, Option<i64>)> {
    let found = fixture.store.verify_audit(None).await.unwrap();
    found.faults.into_iter().map(|fault| (fault.request, fault.entry)).collect()
}

fn key(id: u128, name: &str) -> ApiKey {
    ApiKey {
        id: Uuid::from_u128(id),
        name: name.to_owned(),
        digest: store::api_key_digest(&format!("key {id}")),
        role: Role::LibraryStaff,
        agencies: vec!["NORTH".into(), "EAST".into()],
        created_at: noon(0),
        created_by: "admin".to_owned(),
        expires_at: None,
        last_used_at: None,
    }
}

fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        role: Role::LibraryStaff,
        agencies: vec!["NORTH".into()],
        password: "a digest".into(),
        totp_secret: Some("canary-totp-secret".into()),
        totp_step: 0,
        created_at: noon(0),
        created_by: "command line".to_owned(),
        disabled_at: None,
        last_sign_in_at: None,
    }
}

both! {
    async fn acts_are_chained_and_listed_by_agency(fixture) {
        with_acts(&fixture, 5).await;
        let verified = fixture.store.verify_audit(None).await.unwrap();
        assert_eq!((verified.acts, verified.faults.len()), (5, 0));
        let all = fixture.store.admin_acts(None, None, 10).await.unwrap();
        assert_eq!(all.iter().map(|row| row.seq).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
        assert_eq!(all[4].act, act(1));
        let some = fixture.store.admin_acts(Some(&["A1".into()]), Some(5), 10).await.unwrap();
        assert_eq!(some.iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 1]);
        assert!(fixture.store.admin_acts(Some(&[]), None, 10).await.unwrap().is_empty());
    }

    async fn acts_at_the_same_moment_are_all_written(fixture) {
        let acts: Vec<AdminAct> = (1..=6).map(act).collect();
        let each = acts.iter().map(|act| fixture.store.commit_act(act, |_| Ok(())));
        for done in futures::future::join_all(each).await {
            done.unwrap();
        }
        let verified = fixture.store.verify_audit(None).await.unwrap();
        assert_eq!((verified.acts, verified.faults.len()), (6, 0));
    }

    async fn act_and_entry_are_done_together_or_not_at_all(fixture) {
        let (first, second) = (act(1), act(2));
        let done = fixture.store.commit_act(&first, |unit| {
            unit.insert_api_key(&key(1, "desk"));
            Ok(())
        });
        done.await.unwrap();
        let refused = fixture.store.commit_act(&second, |unit| {
            unit.insert_api_key(&key(2, "desk"));
            Ok(())
        });
        assert!(matches!(refused.await, Err(Error::Referred(_))));
        assert_eq!(fixture.store.admin_acts(None, None, 10).await.unwrap().len(), 1);
        assert_eq!(fixture.store.api_keys().await.unwrap(), [key(1, "desk")]);
    }

    async fn database_refuses_to_change_and_to_delete_acts(fixture) {
        with_acts(&fixture, 2).await;
        for sql in ["UPDATE admin_audit SET actor = 'nobody'", "DELETE FROM admin_audit"] {
            let refused = harness::behind_its_back(&fixture.database, sql).await.unwrap_err();
            assert!(refused.contains("the audit is only ever added to"), "{refused}");
        }
    }

    async fn changed_act_shows(fixture) {
        with_acts(&fixture, 3).await;
        without_triggers(&fixture, "UPDATE admin_audit SET actor = 'nobody' WHERE seq = 2").await;
        assert_eq!(faults(&fixture).await, [("administrative acts".to_owned(), Some(2))]);
    }

    async fn act_that_was_taken_out_shows_in_the_middle_and_at_the_end(fixture) {
        with_acts(&fixture, 3).await;
        without_triggers(&fixture, "DELETE FROM admin_audit WHERE seq = 3").await;
        assert_eq!(faults(&fixture).await, [("administrative acts".to_owned(), None)]);
        harness::behind_its_back(&fixture.database, "DELETE FROM admin_audit WHERE seq = 1").await.unwrap();
        assert_eq!(faults(&fixture).await, [("administrative acts".to_owned(), Some(1))]);
    }

    async fn name_of_a_key_has_one_valid_key_and_two_in_a_rotation(fixture) {
        let add = async |key: ApiKey| commit(&fixture.store, |unit| unit.insert_api_key(&key)).await.map(drop);
        let rotate = async |key: ApiKey, until| commit(&fixture.store, |unit| unit.rotate_api_key(&key, until)).await.map(drop);
        assert!(matches!(rotate(key(9, "desk"), noon(10)).await, Err(Error::Referred(_))), "there is none yet");
        add(key(1, "desk")).await.unwrap();
        assert!(matches!(add(key(2, "desk")).await, Err(Error::Referred(_))));
        rotate(key(3, "desk"), noon(60)).await.unwrap();
        assert!(matches!(rotate(key(4, "desk"), noon(60)).await, Err(Error::Referred(_))), "a rotation is under way");
        let valid = |at| {
            let store = fixture.store.clone();
            async move {
                let keys = store.api_keys().await.unwrap();
                keys.iter().filter(|key| key.is_valid(noon(at))).map(|key| key.id.as_u128()).collect::<Vec<_>>()
            }
        };
        assert_eq!((valid(59).await, valid(60).await), (vec![1, 3], vec![3]));
        let later = ApiKey { created_at: noon(61), ..key(5, "desk") };
        rotate(later, noon(61)).await.unwrap();
        assert_eq!(valid(61).await, [5]);
        commit(&fixture.store, |unit| _ = unit.end_api_keys("desk", noon(62))).await.unwrap();
        assert_eq!(valid(62).await, [0; 0]);
        commit(&fixture.store, |unit| unit.note_api_key_use(Uuid::from_u128(5), noon(61))).await.unwrap();
        let used = fixture.store.api_keys().await.unwrap().into_iter().find(|key| key.id.as_u128() == 5).unwrap();
        assert_eq!(used.last_used_at, Some(noon(61)));
    }

    async fn name_of_an_ended_key_stays_with_its_agencies(fixture) {
        let ended = ApiKey { expires_at: Some(noon(1)), ..key(1, "desk") };
        commit(&fixture.store, |unit| unit.insert_api_key(&ended)).await.unwrap();
        let elsewhere = ApiKey { agencies: vec!["SOUTH".into()], created_at: noon(5), ..key(2, "desk") };
        let refused = commit(&fixture.store, |unit| unit.insert_api_key(&elsewhere)).await;
        assert!(matches!(refused, Err(Error::Referred(_))), "{refused:?}");
        let same = ApiKey { created_at: noon(5), ..key(3, "desk") };
        commit(&fixture.store, |unit| unit.insert_api_key(&same)).await.unwrap();
    }

    async fn list_has_the_requests_of_some_agencies_whatever_signs_their_codes_have(fixture) {
        let with = |number: u128, agency: &str, lender: Option<(&str, &str)>, pickup: &str| {
            let mut request = crate::requests::request(number);
            request.patron.agency = agency.into();
            request.pickup.code = pickup.into();
            request.supply = lender.map(|(institution, library)| {
                let copy = lending::Copy { library: library.into(), ..lending::example::copy("31999") };
                lending::Supply::new(institution.into(), copy)
            });
            request
        };
        for request in [
            with(1, "A_B", None, "DESK"),
            with(2, "AXB", None, "DESK"),
            with(3, "OTHER", Some(("01LEND", "MAIN")), "DESK"),
            with(4, "OTHER", Some(("01LEND", "BRANCH")), "DESK"),
            with(5, "OTHER", Some(("01LEND", "MAIN,01LEND/BRANCH")), "DESK"),
            with(6, "OTHER", Some(("01PART", "ANY")), "D_SK"),
            with(7, "OTHER", None, "D_SK"),
        ] {
            crate::requests::insert(&fixture, &request).await;
        }
        let listed = async |of: OfAgencies| {
            let filter = RequestFilter { of_agencies: Some(of), ..RequestFilter::default() };
            let page = fixture.store.requests(&filter).await.unwrap();
            page.requests.iter().map(|stored| stored.request.id.0.as_u128()).collect::<Vec<_>>()
        };
        let none = OfAgencies::default;
        assert_eq!(listed(none()).await, [0_u128; 0]);
        assert_eq!(listed(OfAgencies { borrowers: vec!["A_B".into()], ..none() }).await, [1]);
        assert_eq!(listed(OfAgencies { pickup_locations: vec!["D_SK".into()], ..none() }).await, [7, 6]);
        let branch = ("01LEND".into(), "BRANCH".into());
        assert_eq!(listed(OfAgencies { lender_libraries: vec![branch], ..none() }).await, [4]);
        let others = vec![("01LEND".into(), "BRANCH".into())];
        let rest = OfAgencies { lenders: vec!["01LEND".into()], other_libraries: others, ..none() };
        assert_eq!(listed(rest).await, [5, 3]);
    }

    async fn reads_are_listed_by_the_patrons_agency_and_their_reasons_are_sealed(fixture) {
        let read = |number: u128, agency: &str| PatronRead {
            id: Uuid::from_u128(number),
            at: noon(i64::try_from(number).unwrap()),
            actor: "admin".to_owned(),
            origin: "192.0.2.1".to_owned(),
            operation: "get_request".to_owned(),
            requests: (1..=number % 3).map(|number| lending::RequestId(Uuid::from_u128(number))).collect(),
            agency: agency.into(),
            shown: "full".to_owned(),
            reason: Some("canary-reason".to_owned()),
        };
        let all = [read(1, "A_B"), read(2, "AXB"), read(3, "A_B")];
        for read in &all {
            commit(&fixture.store, |unit| unit.insert_patron_read(read).unwrap()).await.unwrap();
        }
        let listed = async |of: Option<&[lending::AgencyCode]>, before| fixture.store.patron_reads(of, None, before, 2).await.unwrap();
        assert_eq!(listed(None, None).await, [all[2].clone(), all[1].clone()]);
        assert_eq!(listed(None, Some(all[1].id)).await, [all[0].clone()]);
        assert_eq!(listed(Some(&["A_B".into()]), None).await, [all[2].clone(), all[0].clone()]);
        assert!(listed(Some(&[]), None).await.is_empty());
        if let Some(file) = fixture.file() {
            let stored = std::fs::read(&file).unwrap();
            let wal = std::fs::read(format!("{}-wal", file.display())).unwrap_or_default();
            for bytes in [stored, wal] {
                assert!(!String::from_utf8_lossy(&bytes).contains("canary-reason"));
            }
        }
        let of = async |number| {
            let requests = [lending::RequestId(Uuid::from_u128(number))];
            fixture.store.reads_of_requests(&"AXB".into(), &requests).await.unwrap()
        };
        assert_eq!(of(1).await, all[..2], "the second one is a list");
        assert_eq!((of(2).await, of(3).await), (vec![all[1].clone()], Vec::new()));
        for left in [&all[1..], &all[2..], &all[2..]] {
            commit(&fixture.store, |unit| _ = unit.prune_patron_reads(noon(3), 1)).await.unwrap();
            let newest: Vec<_> = left.iter().rev().cloned().collect();
            assert_eq!(listed(None, None).await, newest);
        }
    }

    async fn user_has_a_session_until_it_expires_or_the_user_is_disabled(fixture) {
        commit(&fixture.store, |unit| unit.insert_user(&user("ann")).unwrap()).await.unwrap();
        assert!(matches!(commit(&fixture.store, |unit| unit.insert_user(&user("ann")).unwrap()).await, Err(Error::Referred(_))));
        let known = fixture.store.user("ann").await.unwrap().unwrap();
        assert_eq!(known.totp_secret.as_ref().map(SecretString::expose_secret), Some("canary-totp-secret"));
        assert!(!format!("{known:?}").contains("canary"), "{known:?}");

        let begin = async |digest: &'static str, step| {
            commit(&fixture.store, |unit| unit.insert_session("ann", digest, step, noon(1), noon(100))).await.map(drop)
        };
        begin("one", Some(7)).await.unwrap();
        assert!(matches!(begin("two", Some(7)).await, Err(Error::Conflict)), "the code was used");
        let of = async |digest: &str, at| fixture.store.user_of_session(digest, noon(at)).await.unwrap().map(|user| user.name);
        assert_eq!(of("one", 99).await.as_deref(), Some("ann"));
        assert_eq!((of("one", 100).await, of("two", 2).await), (None, None));
        assert_eq!(fixture.store.user("ann").await.unwrap().unwrap().last_sign_in_at, Some(noon(1)));

        commit(&fixture.store, |unit| _ = unit.disable_user("ann", noon(3))).await.unwrap();
        assert_eq!(of("one", 4).await, None);
        assert!(matches!(begin("three", Some(8)).await, Err(Error::Conflict)), "a disabled user begins no session");
        assert_eq!(fixture.store.user("ann").await.unwrap().unwrap().disabled_at, Some(noon(3)));
    }

    async fn change_of_the_password_or_the_code_ends_the_sessions(fixture) {
        commit(&fixture.store, |unit| unit.insert_user(&user("ann")).unwrap()).await.unwrap();
        let begin = async |digest: &'static str| {
            commit(&fixture.store, |unit| unit.insert_session("ann", digest, None, noon(1), noon(100))).await.map(drop)
        };
        let is_open = async |digest: &str| fixture.store.user_of_session(digest, noon(2)).await.unwrap().is_some();
        begin("one").await.unwrap();
        commit(&fixture.store, |unit| _ = unit.change_password("ann", &"another digest".into())).await.unwrap();
        assert!(!is_open("one").await);
        begin("two").await.unwrap();
        commit(&fixture.store, |unit| _ = unit.set_totp("ann", &"canary-new-secret".into(), 9).unwrap()).await.unwrap();
        assert!(!is_open("two").await);
        let known = fixture.store.user("ann").await.unwrap().unwrap();
        assert_eq!(known.password.expose_secret(), "another digest");
        assert_eq!(known.totp_secret.as_ref().map(SecretString::expose_secret), Some("canary-new-secret"));
        assert_eq!(known.totp_step, 9);
        commit(&fixture.store, |unit| _ = unit.disable_user("ann", noon(3))).await.unwrap();
        commit(&fixture.store, |unit| _ = unit.change_password("ann", &"a third digest".into())).await.unwrap();
        let known = fixture.store.user("ann").await.unwrap().unwrap();
        assert_eq!(known.password.expose_secret(), "another digest", "a disabled user changes nothing");
    }

    async fn ended_sessions_are_removed(fixture) {
        commit(&fixture.store, |unit| unit.insert_user(&user("ann")).unwrap()).await.unwrap();
        for (digest, end) in [("one", 10), ("two", 20), ("three", 30)] {
            commit(&fixture.store, |unit| unit.insert_session("ann", digest, None, noon(1), noon(end))).await.unwrap();
        }
        commit(&fixture.store, |unit| _ = unit.end_session("three")).await.unwrap();
        commit(&fixture.store, |unit| unit.prune_sessions(noon(10))).await.unwrap();
        let of = async |digest: &str| fixture.store.user_of_session(digest, noon(2)).await.unwrap().is_some();
        assert_eq!((of("one").await, of("two").await, of("three").await), (false, true, false));
    }
}
