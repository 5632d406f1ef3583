//! The errors that unexpected answers lead to.

use std::error::Error as _;

use alma::{Barcode, Code, Error, ItemPath, Limit, MmsId, NewItem, Remedy, ScanIn, Silence, UserId};

use crate::fake::{Breakage, Broken, Fake, answer, builder, fixture, nobody, ok, refusal};

const PAGE: &str = "<!DOCTYPE html><html><body>HTTP Status 401</body></html>";

async fn read_from(fake: &Fake) -> Error {
    fake.client().users().get(&UserId::from("nobody")).await.unwrap_err()
}

async fn write_to(fake: &Fake) -> Error {
    scan(&fake.client()).await
}

async fn scan(client: &alma::Client) -> Error {
    client.items().scan_in(&ItemPath::new("1", "2", "3"), &ScanIn::at_desk("MAIN", "DESK")).await.unwrap_err()
}

#[tokio::test]
async fn a_refusal_keeps_code_message_and_tracking_id() {
    let fake = Fake::start(|_, _| answer(400, &fixture("error-scan-40166415.json"))).await;
    let error = write_to(&fake).await;
    assert_eq!(
        error.to_string(),
        "Alma refused to scan an item in (40166415): \
         Must send at least one of the following parameters: [circ_desk,department]"
    );
    let Error::Refused { code, tracking_id, http_status, .. } = &error else { panic!("{error:?}") };
    assert_eq!((code, *http_status), (&Code::DeskMissing, 400));
    assert!(tracking_id.as_deref().unwrap().starts_with("E01-"));
    assert_eq!(error.remedy(), Remedy::Change);
}

#[tokio::test]
async fn an_error_in_xml_is_read_although_json_was_asked_for() {
    let fake = Fake::start(|_, _| answer(400, &fixture("error.xml"))).await;
    let error = read_from(&fake).await;
    assert!(error.is_refused_with(&Code::MandatoryFieldMissing), "{error:?}");
}

#[tokio::test]
async fn missing_record_is_distinguished_from_a_refusal_by_operation_and_code() {
    let fake = Fake::start(|_, _| answer(400, &fixture("error.json"))).await;
    assert!(read_from(&fake).await.is_not_found());
    let other = Fake::start(|_, _| refusal("401890")).await;
    assert!(read_from(&other).await.is_not_found());
    // The same code is a refusal if the call addresses another kind of record.
    let error = write_to(&other).await;
    assert!(error.is_refused_with(&Code::UserOfTypeNotFound), "{error:?}");
    // A general error never means that a record doesn't exist.
    let general = Fake::start(|_, _| refusal("401652")).await;
    assert!(read_from(&general).await.is_refused_with(&Code::General));
}

#[tokio::test]
async fn a_404_is_absence_only_with_almas_code_for_it() {
    let coded = Fake::start(|_, _| answer(404, &fixture("error.json"))).await;
    assert!(read_from(&coded).await.is_not_found());
    let refused = Fake::start(|_, _| answer(404, &fixture("error-401129.json"))).await;
    assert!(read_from(&refused).await.is_refused_with(&Code::NoItemCanFulfil));
    let page = Fake::start(|_, _| answer(404, PAGE)).await;
    assert!(matches!(read_from(&page).await, Error::InvalidResponse { .. }));
    assert!(write_to(&page).await.is_unclear());

    let general = fixture("error-401129.json").replace("401129", "401652");
    let gateways = fixture("error-401129.json").replace("401129", "ROUTING_ERROR");
    for body in ["", "{}", "404 page not found", "{\"message\":\"no Route matched\"}", "<e/>", &general, &gateways] {
        let shown = body.to_owned();
        let body = body.to_owned();
        let fake = Fake::start(move |_, _| answer(404, &body)).await;
        let read = read_from(&fake).await;
        assert!(read.is_unexplained() && matches!(read, Error::Unavailable { .. }), "{shown}: {read:?}");
        assert_eq!(read.remedy(), Remedy::RepeatLater, "{shown}");
        assert_eq!(fake.seen().len(), 3, "the client repeats a read: {shown}");
        let write = write_to(&fake).await;
        assert!(write.is_unexplained() && write.is_unclear(), "{shown}: {write:?}");
        assert_eq!(write.remedy(), Remedy::CheckFirst, "{shown}");
        assert_eq!(fake.seen().len(), 4, "the client sends a write once: {shown}");
    }
}

#[tokio::test]
async fn read_that_is_answered_404_by_a_gateway_succeeds_when_alma_answers() {
    let fake = Fake::start(|_, nth| if nth < 2 { answer(404, "") } else { ok(&fixture("user.json")) }).await;
    fake.client().users().get(&UserId::from("x")).await.unwrap();
    assert_eq!(fake.seen().len(), 3);
}

#[tokio::test]
async fn rejected_key_is_recognised_whatever_form_the_answer_takes() {
    for (status, body) in [
        (400, fixture("error-unauthorized.xml")),
        (403, String::new()),
        (401, "{}".to_owned()),
        (
            403,
            r#"{"errorsExist":true,"errorList":{"error":[{"errorCode":"INVALID_REQUEST","errorMessage":"m"}]}}"#
                .to_owned(),
        ),
        (
            400,
            r#"{"errorsExist":true,"errorList":{"error":[{"errorCode":"FORBIDDEN","errorMessage":"m"}]}}"#.to_owned(),
        ),
    ] {
        let shown = body.clone();
        let fake = Fake::start(move |_, _| answer(status, &body)).await;
        let error = read_from(&fake).await;
        assert!(matches!(error, Error::Unauthorized { .. }), "{status} {shown}: {error:?}");
        assert_eq!(error.remedy(), Remedy::Change);
    }
}

#[tokio::test]
async fn a_page_instead_of_an_answer_points_to_the_host() {
    for status in [200, 401, 400] {
        let fake = Fake::start(move |_, _| answer(status, PAGE)).await;
        for error in [read_from(&fake).await, write_to(&fake).await] {
            assert!(matches!(error, Error::InvalidResponse { .. }), "{error:?}");
            assert!(error.to_string().contains("the wrong host, or a proxy"), "{error}");
        }
    }
}

#[tokio::test]
async fn both_limits_are_distinguished_in_json_and_xml_and_whatever_the_status() {
    let daily = fixture("error-429.json").replace("PER_SECOND", "DAILY");
    let daily_xml = fixture("error-429.xml").replace("PER_SECOND", "DAILY");
    for (status, body, expected) in [
        (429, fixture("error-429.json"), Limit::PerSecond),
        (429, fixture("error-429.xml"), Limit::PerSecond),
        (400, fixture("error-429.json"), Limit::PerSecond),
        (503, fixture("error-429.json"), Limit::PerSecond),
        (429, String::new(), Limit::PerSecond),
        (429, daily, Limit::PerDay),
        (429, daily_xml, Limit::PerDay),
    ] {
        let fake = Fake::start(move |_, _| answer(status, &body)).await;
        let error = write_to(&fake).await;
        let Error::RateLimited { limit, .. } = error else { panic!("{error:?}") };
        assert_eq!(limit, expected);
        let remedy = if limit == Limit::PerDay { Remedy::RepeatNextDay } else { Remedy::RepeatLater };
        assert_eq!(error.remedy(), remedy);
        assert_eq!(error.retry_after().is_some(), limit == Limit::PerSecond);
    }
}

#[tokio::test]
async fn an_internal_error_leaves_a_write_unclear_and_a_read_to_be_repeated() {
    for body in ["", PAGE, "{}", &fixture("error-401129.json").replace("401129", "401652")] {
        let body = body.to_owned();
        let fake = Fake::start(move |_, _| answer(500, &body)).await;
        let read = read_from(&fake).await;
        assert!(
            matches!(read, Error::Unavailable { reason: Silence::InternalError { http_status: 500, .. }, .. }),
            "{read:?}"
        );
        assert_eq!(read.remedy(), Remedy::RepeatLater);
        let write = write_to(&fake).await;
        assert!(write.is_unclear(), "{write:?}");
        assert_eq!(write.remedy(), Remedy::CheckFirst);
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_read_leaves_a_write_unclear() {
    for body in ["", "null", "[]", "{\"item_data\":{\"pid", "{}", "plain text", "<item/>"] {
        let fake = Fake::start(move |_, _| ok(body)).await;
        let read = fake.client().items().get(&ItemPath::new("1", "2", "3")).await.unwrap_err();
        assert!(matches!(read, Error::InvalidResponse { .. } | Error::Unreadable { .. }), "{body}: {read:?}");
        assert!(write_to(&fake).await.is_unclear(), "{body}");
    }
}

#[tokio::test]
async fn an_error_envelope_under_a_status_of_success_is_an_error() {
    let fake = Fake::start(|_, _| ok(&fixture("error-401129.json"))).await;
    assert!(write_to(&fake).await.is_refused_with(&Code::NoItemCanFulfil));
}

#[tokio::test]
async fn a_4xx_without_explanation_is_not_read_as_anything_else() {
    let fake = Fake::start(|_, _| answer(400, "{\"errorsExist\":true,\"errorLi")).await;
    let error = read_from(&fake).await;
    assert!(matches!(error, Error::InvalidResponse { .. }), "{error:?}");
}

#[tokio::test]
async fn a_refused_connection_was_never_sent() {
    let client = builder(&nobody().await).build().unwrap();
    let error = scan(&client).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(error.remedy(), Remedy::RepeatLater);
}

#[tokio::test]
async fn a_write_whose_reply_is_lost_is_unclear_and_sent_once() {
    for breakage in [Breakage::Close, Breakage::CloseInBody, Breakage::SayNothing] {
        let broken = Broken::start(breakage).await;
        let error = scan(&broken.client()).await;
        assert!(error.is_unclear(), "{error:?}");
        assert_eq!(broken.requests(), 1);
    }
}

#[tokio::test]
async fn a_read_whose_reply_is_lost_is_repeated_and_then_unavailable() {
    for breakage in [Breakage::Close, Breakage::CloseInBody, Breakage::SayNothing] {
        let broken = Broken::start(breakage).await;
        let error = broken.client().users().get(&UserId::from("x")).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert_eq!(broken.requests(), 3);
    }
}

#[tokio::test]
async fn an_answer_of_more_than_20_mb_is_not_read() {
    let fake = Fake::start(|_, _| ok(&" ".repeat(21 * 1024 * 1024))).await;
    let error = read_from(&fake).await;
    assert!(error.to_string().contains("20 MB"), "{error}");
}

#[tokio::test]
async fn no_error_repeats_a_message_of_its_chain() {
    let mut errors = vec![scan(&builder(&nobody().await).build().unwrap()).await];
    for breakage in [Breakage::Close, Breakage::CloseInBody, Breakage::SayNothing] {
        let client = Broken::start(breakage).await.client();
        errors.push(scan(&client).await);
        errors.push(client.users().get(&UserId::from("x")).await.unwrap_err());
    }
    for (status, body) in [(400, fixture("error.json")), (429, fixture("error-429.xml")), (500, PAGE.to_owned())] {
        errors.push(read_from(&Fake::start(move |_, _| answer(status, &body)).await).await);
    }
    for error in &errors {
        let mut chain = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push(cause.to_string());
            source = cause.source();
        }
        for (nth, message) in chain.iter().enumerate() {
            assert!(!message.is_empty());
            let others = chain.iter().enumerate().filter(|(other, _)| *other != nth);
            assert!(others.clone().all(|(_, other)| !message.contains(other.as_str())), "{chain:?}");
        }
    }
    assert!(errors[0].source().is_some());
}

#[tokio::test]
async fn ids_left_out_of_a_batch_are_absent_and_none_at_all_is_an_empty_answer() {
    let none_valid = Fake::start(|_, _| refusal("402203")).await;
    assert!(none_valid.client().bibs().get_many(&[MmsId::from("1")]).await.unwrap().is_empty());
    for body in ["<bibs/>", "{\"total_record_count\":0}"] {
        let fake = Fake::start(move |_, _| ok(body)).await;
        assert!(fake.client().bibs().get_many(&[MmsId::from("1")]).await.unwrap().is_empty(), "{body}");
    }
    assert!(none_valid.client().bibs().get(&MmsId::from("1")).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_taken_barcode_is_a_refusal_with_its_code() {
    let fake = Fake::start(|_, _| refusal("401873")).await;
    let new = NewItem { barcode: Some(Barcode::from("31999000000011")), ..NewItem::default() };
    let error = fake.client().items().create(&"1".into(), &"2".into(), &new).await.unwrap_err();
    assert!(error.is_refused_with(&Code::ParameterInvalid), "{error:?}");
}
