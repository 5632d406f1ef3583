//! Institutions, agencies, pickup locations.

use lending::{PickupLocation, RequestId, Rules};
use secrecy::ExposeSecret;
use serde_json::json;
use store::{Agency, Error, Expected, Institution, Unit};
use uuid::Uuid;

use crate::harness::{Fixture, both, commit, noon};

fn institution(code: &str) -> Institution {
    Institution {
        code: code.into(),
        name: "Sample".to_owned(),
        kind: "alma".to_owned(),
        settings: json!({"sharing_library": "SHARING"}),
        credentials: "l8xx-canary-key".into(),
    }
}

async fn set_up(fixture: &Fixture) {
    let mut unit = fixture.store.unit();
    unit.put_institution(&institution("01BORROW"), noon(0)).unwrap();
    let agency = Agency {
        code: "BORROW".into(),
        name: "Borrower".to_owned(),
        institution: "01BORROW".into(),
        library: None,
        rules: Rules { days_to_supply: 3, ..Rules::default() },
    };
    unit.put_agency(&agency).unwrap();
    let pickup = PickupLocation {
        code: "MAIN".into(),
        name: "Main".to_owned(),
        institution: "01BORROW".into(),
        library: "MAIN".into(),
        desk: Some("D".into()),
        route_code: None,
    };
    unit.put_pickup_location(&pickup, &"BORROW".into());
    fixture.store.commit(unit).await.unwrap();
}

both! {
    async fn institution_reads_back_with_its_key(fixture) {
        set_up(&fixture).await;
        let read = fixture.store.institution(&"01BORROW".into()).await.unwrap().unwrap();
        assert_eq!(read.credentials.expose_secret(), "l8xx-canary-key");
        assert_eq!(read.settings, json!({"sharing_library": "SHARING"}));
        assert!(!format!("{read:?}").contains("canary"));
        assert_eq!(fixture.store.institutions().await.unwrap().len(), 1);
    }

    async fn second_put_updates(fixture) {
        set_up(&fixture).await;
        let renamed = Institution { name: "Renamed".to_owned(), ..institution("01BORROW") };
        commit(&fixture.store, |unit| unit.put_institution(&renamed, noon(1)).unwrap()).await.unwrap();
        assert_eq!(fixture.store.institution(&"01BORROW".into()).await.unwrap().unwrap().name, "Renamed");
    }

    async fn of_two_changes_of_one_version_the_second_changes_nothing(fixture) {
        set_up(&fixture).await;
        let store = &fixture.store;
        let (agency, version) = store.agency_version(&"BORROW".into()).await.unwrap().unwrap();
        let change = async |name: &str, expected: Expected| {
            let agency = Agency { name: name.to_owned(), ..agency.clone() };
            commit(store, |unit| unit.put_agency_over(&agency, expected).unwrap()).await
        };
        let both = tokio::join!(
            change("One", Expected::Version(version)),
            change("Two", Expected::Version(version)),
        );
        let name = match both {
            (Ok(_), Err(Error::Conflict)) => "One",
            (Err(Error::Conflict), Ok(_)) => "Two",
            other => panic!("{other:?}"),
        };
        assert_eq!(store.agency(&"BORROW".into()).await.unwrap().unwrap().name, name);
        assert!(matches!(change("Three", Expected::Nothing).await, Err(Error::Conflict)));
        change("Four", Expected::Anything).await.unwrap();
        let (_, newer) = store.agency_version(&"BORROW".into()).await.unwrap().unwrap();
        assert_eq!(newer, version + 2);
    }

    async fn changes_and_removals_of_an_older_version_are_refused(fixture) {
        set_up(&fixture).await;
        let store = &fixture.store;
        let (stored, version) = store.institution_version(&"01BORROW".into()).await.unwrap().unwrap();
        let change = |unit: &mut Unit| {
            unit.put_institution_over(&stored, Expected::Version(version), noon(1)).unwrap();
        };
        commit(store, change).await.unwrap();
        assert!(matches!(commit(store, change).await, Err(Error::Conflict)));
        let (place, version) = store.pickup_location_version(&"MAIN".into()).await.unwrap().unwrap();
        let move_to = |desk: &str| {
            let location = PickupLocation { desk: Some(desk.into()), ..place.location.clone() };
            let agency = place.agency.clone();
            move |unit: &mut Unit| unit.put_pickup_location_over(&location, &agency, Expected::Version(version))
        };
        commit(store, move_to("E")).await.unwrap();
        assert!(matches!(commit(store, move_to("F")).await, Err(Error::Conflict)));
        let remove = |version| {
            move |unit: &mut Unit| {
                unit.expect_pickup_location(&"MAIN".into(), version);
                unit.remove_pickup_location(&"MAIN".into());
            }
        };
        assert!(matches!(commit(store, remove(version)).await, Err(Error::Conflict)));
        let kept = store.pickup_location(&"MAIN".into()).await.unwrap().unwrap();
        assert_eq!(kept.location.desk, Some("E".into()));
        commit(store, remove(version + 1)).await.unwrap();
        assert!(store.pickup_location(&"MAIN".into()).await.unwrap().is_none());
    }

    async fn pickup_location_knows_its_institution(fixture) {
        set_up(&fixture).await;
        let place = fixture.store.pickup_location(&"MAIN".into()).await.unwrap().unwrap();
        assert_eq!(place.location.institution, "01BORROW".into());
        assert_eq!(place.location.desk, Some("D".into()));
        assert_eq!(fixture.store.agency(&"BORROW".into()).await.unwrap().unwrap().name, "Borrower");
        assert_eq!(fixture.store.agency(&"BORROW".into()).await.unwrap().unwrap().rules.days_to_supply, 3);
    }

    async fn referenced_rows_are_not_removed(fixture) {
        set_up(&fixture).await;
        let refused = async |build: fn(&mut Unit)| commit(&fixture.store, build).await.unwrap_err().to_string();
        let remove_institution = |unit: &mut Unit| _ = unit.remove_institution(&"01BORROW".into());
        assert!(refused(remove_institution).await.contains("still has agencies"));
        assert!(refused(|unit| _ = unit.remove_agency(&"BORROW".into())).await.contains("still has pickup locations"));
        // What goes before in the same unit refers to nothing any more.
        let mut unit = fixture.store.unit();
        let gone = [unit.remove_pickup_location(&"MAIN".into()), unit.remove_agency(&"BORROW".into())];
        let done = fixture.store.commit(unit).await.unwrap();
        assert_eq!(gone.map(|step| done.touched(step)), [1, 1]);
        let open = lending::Request { id: RequestId(Uuid::from_u128(1)), ..lending::example::placed() };
        commit(&fixture.store, |unit| _ = unit.insert_request(&open, &[], noon(0)).unwrap()).await.unwrap();
        assert!(refused(remove_institution).await.contains("open requests"));
        assert!(fixture.store.institution(&"01BORROW".into()).await.unwrap().is_some());
        let mut unit = fixture.store.unit();
        let none = unit.remove_agency(&"NONE".into());
        assert_eq!(fixture.store.commit(unit).await.unwrap().touched(none), 0);
    }

    async fn removed_institution_takes_its_webhook_with_it(fixture) {
        commit(&fixture.store, |unit| unit.put_institution(&institution("01GONE"), noon(0)).unwrap()).await.unwrap();
        fixture.store.put_webhook_secret(&"01GONE".into(), &"a-secret".into(), store::Expected::Anything, "hub", noon(0)).await.unwrap();
        let mut unit = fixture.store.unit();
        let removed = unit.remove_institution(&"01GONE".into());
        assert_eq!(fixture.store.commit(unit).await.unwrap().touched(removed), 1);
        assert!(fixture.store.institution(&"01GONE".into()).await.unwrap().is_none());
        assert!(fixture.store.webhooks().await.unwrap().is_empty());
    }

    async fn removed_institution_takes_the_virtual_patrons_in_its_system_with_it(fixture) {
        let (home, gone, stays) = ("01BORROW".into(), "01GONE".into(), "01STAYS".into());
        for code in ["01GONE", "01STAYS"] {
            commit(&fixture.store, |unit| unit.put_institution(&institution(code), noon(0)).unwrap()).await.unwrap();
        }
        let patron = (&home, &"p-1".into());
        commit(&fixture.store, |unit| {
            for at in [&gone, &stays] {
                unit.put_virtual_patron(patron, at, lending::Side::Lender, &"v-1".into(), noon(0)).unwrap();
            }
        }).await.unwrap();
        commit(&fixture.store, |unit| _ = unit.remove_institution(&gone)).await.unwrap();
        let left = fixture.store.virtual_patrons_of(&home, &"p-1".into()).await.unwrap();
        assert_eq!(left.iter().map(|one| &one.institution).collect::<Vec<_>>(), [&stays]);
    }

    async fn agency_of_an_unknown_institution_is_refused(fixture) {
        let agency = Agency { code: "A".into(), name: "A".to_owned(), institution: "01NONE".into(), library: None, rules: Rules::default() };
        let refused = commit(&fixture.store, |unit| unit.put_agency(&agency).unwrap()).await;
        assert_eq!(refused.unwrap_err().to_string(), "There is no institution 01NONE.");
        assert!(fixture.store.agencies().await.unwrap().is_empty());
    }

    async fn pickup_location_of_an_unknown_agency_is_refused(fixture) {
        let pickup = PickupLocation {
            code: "MAIN".into(),
            name: "Main".to_owned(),
            institution: "01NONE".into(),
            library: "MAIN".into(),
            desk: None,
            route_code: None,
        };
        let refused = commit(&fixture.store, |unit| unit.put_pickup_location(&pickup, &"NONE".into())).await;
        assert_eq!(refused.unwrap_err().to_string(), "There is no agency NONE.");
    }
}

#[tokio::test]
async fn api_key_is_nowhere_in_the_file() {
    let fixture = Fixture::sqlite().await;
    set_up(&fixture).await;
    let path = fixture.file().unwrap();
    fixture.store.close().await;
    let bytes = std::fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("01BORROW"));
    assert!(!text.contains("canary"));
}
