//! Neither the key nor personal data appear in anything that could get into a log.

use std::error::Error;
use std::fmt::Debug;

use alma::{ItemPath, LoanFilter, NewBlock, NewIdentifier, NewLoan, NewUser, RequestFilter, ScanIn, UserId};
use futures::TryStreamExt;

use crate::fake::{Breakage, Broken, Fake, KEY, answer, builder, fixture, nobody};

/// The personal data in the fixtures and in the tests' calls.
const CANARIES: [&str; 14] = [
    KEY,
    "sample.reader",
    "Sample Reader",
    "29999000000017",
    "29999000000009",
    "inst-000017",
    "1 Invented Road",
    "2001-02-03",
    "12345@ASLPL",
    "other.reader",
    "Vpatron",
    "VPATRON",
    "canary-password",
    "canary-note",
];

fn assert_silent(shown: &str) {
    for canary in CANARIES {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
}

fn assert_hidden(value: &impl Debug) {
    assert_silent(&format!("{value:?} {value:#?}"));
}

fn assert_error_hides(error: &(dyn Error + 'static)) {
    assert_silent(&format!("{error} {error:?}"));
    if let Some(source) = error.source() {
        assert_error_hides(source);
    }
}

#[tokio::test]
async fn clients_and_handlers_hide_key_and_user() {
    let user = UserId::from("12345@ASLPL");
    let builder = builder("http://localhost");
    assert_hidden(&builder);
    let client = builder.build().unwrap();
    assert_hidden(&client);
    assert_hidden(&client.users());
    assert_hidden(&client.user_requests(&user));
    assert_hidden(&client.user_loans(&user));
    assert_hidden(&client.items());
}

#[tokio::test]
async fn records_hide_people() {
    let user = UserId::from("x");
    let users = Fake::answering("user.json").await.client().users();
    let reader = users.get(&user).await.unwrap();
    assert_hidden(&reader);
    assert_hidden(&reader.identifiers());
    assert_hidden(&reader.emails());
    assert_hidden(&reader.blocks());
    let found: Vec<_> = Fake::answering("users.json").await.client().users().search("x").try_collect().await.unwrap();
    assert_hidden(&found);
    let requests = Fake::answering("requests.json").await.client().user_requests(&user);
    let requests: Vec<_> = requests.list(&RequestFilter::default()).try_collect().await.unwrap();
    assert_hidden(&requests);
    let loans = Fake::answering("loans.json").await.client().user_loans(&user);
    let loans: Vec<_> = loans.list(LoanFilter::Active).try_collect().await.unwrap();
    assert_hidden(&loans);
    let items = Fake::answering("item-scan-transit.json").await.client().items();
    assert_hidden(&items.scan_in(&ItemPath::new("1", "2", "3"), &ScanIn::at_desk("A", "B")).await.unwrap());
    let tasks = Fake::answering("requested-resources.json").await.client().task_lists();
    let tasks: Vec<_> = tasks.requested_resources(&"A".into(), &"B".into()).try_collect().await.unwrap();
    assert_hidden(&tasks);
}

#[test]
fn created_objects_hide_people_in_debug() {
    let mut user = NewUser::external("12345@ASLPL", "VPATRON", "DCB", "DCB");
    user.identifiers.push(NewIdentifier { id_type: "BARCODE".to_owned(), value: "29999000000017".to_owned() });
    assert_hidden(&user);
    assert_hidden(&user.identifiers);
    assert_hidden(&NewBlock {
        block_type: "GENERAL".to_owned(),
        block_description: "02-GLOBAL".to_owned(),
        note: Some("canary-note".to_owned()),
        expiry_date: None,
    });
}

#[tokio::test]
async fn errors_hide_key_user_body_and_query() {
    let user = UserId::from("12345@ASLPL");
    let echo = fixture("error.json").replace("nobody", "12345@ASLPL");
    let refusing = Fake::start(move |_, _| answer(400, &echo)).await.client();
    let echoing_key =
        Fake::start(|seen, _| answer(400, &fixture("error.json").replace("nobody", seen.header("authorization"))))
            .await
            .client();
    let lost = Broken::start(Breakage::Close).await.client();
    let late = Broken::start(Breakage::SayNothing).await.client();
    let cut = Broken::start(Breakage::CloseInBody).await.client();
    let unreachable = builder(&nobody().await).build().unwrap();
    let garbled = Fake::start(|_, _| {
        answer(200, "{\"primary_id\": {\"x\": \"sample.reader\"}, \"birth_date\": \"Sample Reader\"}")
    })
    .await
    .client();
    for client in [refusing, echoing_key, lost, late, cut, unreachable, garbled] {
        let mut new = NewUser::external("12345@ASLPL", "VPATRON", "DCB", "DCB");
        new.identifiers.push(NewIdentifier { id_type: "BARCODE".to_owned(), value: "29999000000017".to_owned() });
        assert_error_hides(&client.users().get(&user).await.unwrap_err());
        assert_error_hides(&client.users().create(&new).await.unwrap_err());
        assert_error_hides(
            &client.user_loans(&user).create(alma::ItemPid::from("1"), &NewLoan::at("A", "B")).await.unwrap_err(),
        );
        let item = client.item_loans(&ItemPath::new("1", "2", "3"));
        assert_error_hides(&item.create(&user, &NewLoan::at("A", "B")).await.unwrap_err());
    }
}

#[tokio::test]
async fn an_error_does_not_quote_the_query() {
    let fake = Fake::start(|_, _| answer(400, &fixture("error.json").replace("nobody", "last_name~Vpatron"))).await;
    let search: Result<Vec<_>, _> = fake.client().users().search("last_name~Vpatron").try_collect().await;
    assert_error_hides(&search.unwrap_err());
}

#[tokio::test]
async fn a_wrong_password_is_in_no_error() {
    let client = Fake::start(|_, _| answer(500, "")).await.client();
    let password = "canary-password".to_owned().into();
    assert_error_hides(&client.users().authenticate(&UserId::from("x"), &password).await.unwrap_err());
}
