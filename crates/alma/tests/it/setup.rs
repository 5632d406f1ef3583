//! The set-up of a client, and reads of an institution's set-up.

use alma::{Access, Area, Client, ConfigError, DeskCode, LibraryCode};
use futures::TryStreamExt;

use crate::fake::{Fake, KEY, answer, fixture, ok};

#[test]
fn settings_that_cannot_work_are_refused_with_the_reason() {
    let build = |url: &str, key: &str| Client::builder(url, key.to_owned().into()).build();
    assert!(matches!(build("", KEY), Err(ConfigError::BlankUrl)));
    assert!(matches!(build("ldap://x", KEY), Err(ConfigError::Scheme)));
    assert!(matches!(build("https://x/mng/login", KEY), Err(ConfigError::Path)));
    assert!(matches!(build("http://x", KEY), Err(ConfigError::Unencrypted)));
    assert!(Client::builder("http://x", KEY.to_owned().into()).allow_unencrypted(true).build().is_ok());
    assert!(matches!(build("https://x", "  "), Err(ConfigError::Key(_))));
    assert!(matches!(build("https://x", "two words"), Err(ConfigError::Key(_))));
    assert!(matches!(build("https://x", "smörgås"), Err(ConfigError::Key(_))));
    for rows in [0, 101] {
        let built = Client::builder("https://x", KEY.to_owned().into()).page_size(rows).build();
        assert!(matches!(built, Err(ConfigError::PageSize(_))));
    }
}

#[test]
fn a_url_and_a_key_as_people_paste_them_are_put_right() {
    let client =
        Client::builder(" HTTPS://API-EU.hosted.exlibrisgroup.com/ \n", format!(" {KEY}\n").into()).build().unwrap();
    assert_eq!(client.base_url(), "https://api-eu.hosted.exlibrisgroup.com/almaws/v1");
}

#[tokio::test]
async fn libraries_locations_and_desks_are_read() {
    let fake = Fake::start(|seen, _| {
        ok(&fixture(match seen.target.split('?').next().unwrap() {
            "/conf/libraries" => "libraries.json",
            "/conf/libraries/MAIN/locations" => "locations.json",
            "/conf/libraries/DCB_LIB/locations/dcbvirtual" => "location.json",
            "/conf/libraries/MAIN/circ-desks" => "circ-desks.json",
            "/conf/libraries/MAIN/circ-desks/DEFAULT_CIRC_DESK" => "circ-desk.json",
            other => panic!("{other}"),
        }))
    })
    .await;
    let conf = fake.client().conf();
    let main = LibraryCode::from("MAIN");

    let libraries = conf.libraries().await.unwrap();
    assert_eq!(libraries.len(), 5);
    let sharing: Vec<_> =
        libraries.iter().filter(|library| library.resource_sharing).map(|l| l.code.as_str()).collect();
    assert_eq!(sharing, ["RES_SHARE"]);

    let locations = conf.locations(&main).await.unwrap();
    assert_eq!(locations.iter().map(|location| location.code.as_str()).collect::<Vec<_>>(), ["stacks", "reserve"]);
    assert!(!locations[0].suppressed);

    let location = conf.location(&"DCB_LIB".into(), &"dcbvirtual".into()).await.unwrap();
    assert!(location.suppressed);
    assert_eq!((location.desks[0].code.as_str(), location.desks[0].check_out), ("DEFAULT_CIRC_DESK", Some(true)));

    let desks: Vec<_> = conf.circulation_desks(&main).try_collect().await.unwrap();
    assert_eq!(desks[0].code, DeskCode::from("DEFAULT_CIRC_DESK"));
    assert_eq!(desks[0].has_hold_shelf, None);

    let desk = conf.circulation_desk(&main, &desks[0].code).await.unwrap();
    assert_eq!((desk.has_hold_shelf, desk.locations[0].code.as_str()), (Some(true), "stacks"));
}

#[tokio::test]
async fn code_tables_and_the_institution_are_read() {
    let fake = Fake::start(|seen, _| {
        ok(&fixture(if seen.target == "/conf/general" { "general.json" } else { "code-table.json" }))
    })
    .await;
    let conf = fake.client().conf();
    let groups = conf.code_table("UserGroups").await.unwrap();
    assert!(groups.has("DCB") && !groups.has("NOBODY"));
    let general = conf.general().await.unwrap();
    assert_eq!(general.institution.as_ref().unwrap().as_str(), "01XYZ_INST");
    assert!(general.is_sandbox());
    assert_eq!(fake.lines(), ["GET /conf/code-tables/UserGroups", "GET /conf/general"]);
}

#[tokio::test]
async fn a_code_table_has_no_code_that_is_disabled() {
    let fake = Fake::start(|_, _| ok(&fixture("code-table.json").replace("true", "\"false\""))).await;
    assert!(!fake.client().conf().code_table("UserGroups").await.unwrap().has("DCB"));
}

#[tokio::test]
async fn each_right_is_tested_by_its_own_call_whose_body_does_not_matter() {
    let fake = Fake::start(|_, nth| ok(["", "<test/>", "{}"][nth % 3])).await;
    let conf = fake.client().conf();
    for area in [Area::Users, Area::Bibs, Area::Conf] {
        for access in [Access::Read, Access::Write] {
            conf.test(area, access).await.unwrap();
        }
    }
    assert_eq!(
        fake.lines(),
        [
            "GET /users/operation/test",
            "POST /users/operation/test",
            "GET /bibs/test",
            "POST /bibs/test",
            "GET /conf/test",
            "POST /conf/test",
        ]
    );
    let without = Fake::start(|_, _| answer(400, &fixture("error-unauthorized.xml"))).await;
    assert!(without.client().conf().test(Area::Users, Access::Write).await.is_err());
}

#[tokio::test]
async fn what_staff_are_to_pick_is_listed() {
    let fake = Fake::answering("requested-resources.json").await;
    let tasks = fake.client().task_lists();
    let rows: Vec<_> = tasks.requested_resources(&"MAIN".into(), &"DESK 1".into()).try_collect().await.unwrap();
    let row = &rows[0];
    assert_eq!(row.mms_id.as_ref().unwrap().as_str(), "990001234560106");
    assert_eq!(row.copies[0].barcode.as_ref().unwrap().as_str(), "39031000123456");
    assert_eq!(row.requests[0].id.as_str(), "7900234560000106");
    assert_eq!(row.requests[0].destination.as_ref().unwrap().as_str(), "OUTSIDE");
    assert_eq!(row.requests[0].requester.as_ref().unwrap().as_str(), "DCB VPATRON");
    assert_eq!(
        fake.only().line(),
        "GET /task-lists/requested-resources?library=MAIN&circ_desk=DESK%201&limit=100&offset=0"
    );
}

#[tokio::test]
async fn calls_can_run_on_other_threads() {
    let fake = Fake::answering("item.json").await;
    let client = fake.client();
    let task = tokio::spawn(async move {
        let change = |item: &mut serde_json::Map<String, serde_json::Value>| drop(item.remove("link"));
        let updated = client.items().update(&alma::ItemPath::new("1", "2", "3"), change).await?;
        let list = client.items().list(&updated.mms_id, &alma::HoldingSelector::All);
        list.try_collect::<Vec<_>>().await
    });
    // The fixture is no list, so the list has no rows.
    assert!(task.await.unwrap().unwrap().is_empty());
    assert_eq!(fake.seen().len(), 3);
}
