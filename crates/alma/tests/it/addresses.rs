//! Addresses and bodies of calls.

use alma::{Barcode, Error, ItemPath, UserId};

use crate::fake::{Fake, KEY, answer, fixture, ok, redirect};

const AWKWARD: [&str; 7] = ["100_4230375+02", "a/b", "a#b", "a?b=c", "50%", "a&b", "Bücher 12@x"];

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

#[tokio::test]
async fn every_identifier_arrives_as_one_segment() {
    for id in AWKWARD {
        let fake = Fake::answering("user.json").await;
        fake.client().users().get(&UserId::from(id)).await.unwrap();
        let target = fake.only().target;
        let segment = target.strip_prefix("/users/").unwrap();
        assert!(!segment.contains(['/', '?', '#', '&', '+', '@', ' ']), "{segment}");
        assert_eq!(decoded(segment), id);
    }
}

#[tokio::test]
async fn every_barcode_finds_its_item() {
    for barcode in AWKWARD {
        let fake = Fake::start(|seen, _| match seen.target.strip_prefix("/items?item_barcode=") {
            Some(_) => redirect("/almaws/v1/bibs/1/holdings/2/items/3"),
            None => ok(&fixture("item.json")),
        })
        .await;
        assert!(fake.client().items().by_barcode(&Barcode::from(barcode)).await.unwrap().is_some());
        let target = fake.seen()[0].target.clone();
        let value = target.strip_prefix("/items?item_barcode=").unwrap();
        assert!(!value.contains(['/', '?', '#', '&', '+', ' ']), "{value}");
        assert_eq!(decoded(value), barcode);
    }
}

#[tokio::test]
async fn identifiers_that_would_change_the_address_are_not_sent() {
    let fake = Fake::answering("user.json").await;
    for id in ["", "  ", ".", "..", "../2", "1/../2", "1/."] {
        let error = fake.client().users().delete(&UserId::from(id)).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
    }
    assert!(matches!(fake.client().items().by_barcode(&Barcode::from(" ")).await, Err(Error::InvalidRequest { .. })));
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn the_key_goes_into_the_header_and_nowhere_else() {
    let fake = Fake::answering("item.json").await;
    fake.client().items().get(&ItemPath::in_any_holding("1", "3")).await.unwrap();
    let seen = fake.only();
    assert_eq!(seen.header("authorization"), format!("apikey {KEY}"));
    assert_eq!(seen.header("accept"), "application/json");
    assert_eq!(seen.line(), "GET /bibs/1/holdings/ALL/items/3");
}

#[tokio::test]
async fn a_redirect_to_the_same_server_is_followed_with_the_key() {
    for start in ["http://HOST/almaws/v1/", "/almaws/v1/", ""] {
        let fake = Fake::start(move |seen, _| {
            if seen.target.starts_with("/items") {
                let start = start.replace("HOST", seen.header("host"));
                redirect(&format!("{start}bibs/1/holdings/2/items/3?view=brief"))
            } else {
                ok(&fixture("item.json"))
            }
        })
        .await;
        let item = fake.client().items().by_barcode(&Barcode::from("31999000000011")).await.unwrap().unwrap();
        assert_eq!(item.pid.as_str(), "230000323450007777");
        let seen = fake.seen();
        assert_eq!(seen[1].line(), "GET /bibs/1/holdings/2/items/3?view=brief");
        assert_eq!(seen[1].header("authorization"), format!("apikey {KEY}"));
    }
}

#[tokio::test]
async fn a_redirect_to_another_server_never_gets_the_key() {
    let other = Fake::answering("item.json").await;
    let elsewhere = format!("{}/almaws/v1/bibs/1/holdings/2/items/3", other.base);
    let fake = Fake::start(move |_, _| redirect(&elsewhere)).await;
    let error = fake.client().items().by_barcode(&Barcode::from("1")).await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }), "{error:?}");
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn redirects_are_followed_for_barcodes_only_and_only_once() {
    let fake = Fake::start(|_, _| redirect("/almaws/v1/items?item_barcode=1")).await;
    let client = fake.client();
    let looping = client.items().by_barcode(&Barcode::from("1")).await.unwrap_err();
    assert!(matches!(looping, Error::InvalidResponse { .. }), "{looping:?}");
    assert_eq!(fake.seen().len(), 2);
    let unexpected = client.users().get(&UserId::from("1")).await.unwrap_err();
    assert!(matches!(unexpected, Error::InvalidResponse { .. }), "{unexpected:?}");
}

#[tokio::test]
async fn an_item_that_comes_without_a_redirect_is_taken() {
    let fake = Fake::answering("item.json").await;
    assert!(fake.client().items().by_barcode(&Barcode::from("1")).await.unwrap().is_some());
}

#[tokio::test]
async fn an_unknown_barcode_is_no_item_and_no_error() {
    let fake = Fake::start(|_, _| answer(400, &fixture("error-barcode-401689.json"))).await;
    assert!(fake.client().items().by_barcode(&Barcode::from("31999000009999")).await.unwrap().is_none());
}
