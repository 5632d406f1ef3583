//! Institutions, agencies, pickup locations.

use lending::{PickupLocation, RequestId, Rules};
use secrecy::ExposeSecret;
use serde_json::json;
use store::{Agency, Error, Institution};
use uuid::Uuid;

use crate::harness::{Fixture, both, noon};

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
    let mut tx = fixture.store.begin().await.unwrap();
    tx.put_institution(&institution("01BORROW"), noon(0)).await.unwrap();
    let agency = Agency {
        code: "BORROW".into(),
        name: "Borrower".to_owned(),
        institution: "01BORROW".into(),
        library: None,
        rules: Rules { days_to_supply: 3, ..Rules::default() },
    };
    tx.put_agency(&agency).await.unwrap();
    let pickup = PickupLocation {
        code: "MAIN".into(),
        name: "Main".to_owned(),
        institution: "01BORROW".into(),
        library: "MAIN".into(),
        desk: Some("D".into()),
    };
    tx.put_pickup_location(&pickup, &"BORROW".into()).await.unwrap();
    tx.commit().await.unwrap();
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
        let mut tx = fixture.store.begin().await.unwrap();
        let renamed = Institution { name: "Renamed".to_owned(), ..institution("01BORROW") };
        tx.put_institution(&renamed, noon(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(fixture.store.institution(&"01BORROW".into()).await.unwrap().unwrap().name, "Renamed");
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
        let mut tx = fixture.store.begin().await.unwrap();
        let refused = |result: Result<bool, Error>| result.unwrap_err().to_string();
        assert!(refused(tx.remove_institution(&"01BORROW".into()).await).contains("still has agencies"));
        assert!(refused(tx.remove_agency(&"BORROW".into()).await).contains("still has pickup locations"));
        assert!(tx.remove_pickup_location(&"MAIN".into()).await.unwrap());
        assert!(tx.remove_agency(&"BORROW".into()).await.unwrap());
        let open = lending::Request { id: RequestId(Uuid::from_u128(1)), ..lending::example::placed() };
        tx.insert_request(&open, noon(0)).await.unwrap();
        assert!(refused(tx.remove_institution(&"01BORROW".into()).await).contains("open requests"));
        assert!(!tx.remove_agency(&"NONE".into()).await.unwrap());
    }

    async fn agency_of_an_unknown_institution_is_refused(fixture) {
        let mut tx = fixture.store.begin().await.unwrap();
        let agency = Agency { code: "A".into(), name: "A".to_owned(), institution: "01NONE".into(), library: None, rules: Rules::default() };
        assert_eq!(tx.put_agency(&agency).await.unwrap_err().to_string(), "There is no institution 01NONE.");
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
