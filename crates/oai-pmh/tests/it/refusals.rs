//! Answers and addresses that are refused, with the reason.

use oai_pmh::{Client, Diagnosis, Error};

use crate::support::{Answer, Script, builder, client, error_page, page, records, run, selection};

#[tokio::test]
async fn answers_outside_the_protocol_are_diagnosed_and_never_read_as_nothing_new() {
    for (text, diagnosis) in [
        ("<html><body>error_code 21</body></html>", Diagnosis::NotEntitled),
        ("Institution code X is invalid", Diagnosis::InstitutionCode),
        ("<html><body>Unauthorized access</body></html>", Diagnosis::AddressRefused),
        ("<!DOCTYPE html><html><form></form></html>", Diagnosis::Html),
        ("", Diagnosis::Empty),
    ] {
        let script = Script::harvest([Answer::status(200, &[("content-type", "text/html")], text)]).await;
        let (events, error) = run(client(&script.url).0.harvest(selection())).await;
        assert!(events.is_empty());
        match error {
            Some(Error::NotOai { diagnosis: found, .. }) => assert_eq!(found, diagnosis, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn statuses_outside_the_protocol_are_diagnosed() {
    let script = Script::new([Answer::status(403, &[], "<html>Unauthorized access</html>")]).await;
    let error = client(&script.url).0.identify().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server answered with HTTP status 403: this machine's address is not allowed; add it to the address list of \
         the OAI integration profile (\"Unauthorized access\")"
    );
}

#[tokio::test]
async fn protocol_error_with_an_error_status_is_read_as_one() {
    let kind = [("content-type", "text/xml")];
    let script = Script::new([Answer::status(404, &kind, &error_page("idDoesNotExist"))]).await;
    assert_eq!(client(&script.url).0.record("oai:t:1", "marc21").await.unwrap(), None);
}

#[tokio::test]
async fn protocol_errors_end_a_harvest_with_the_repository_s_words() {
    let script = Script::harvest([error_page("cannotDisseminateFormat").into()]).await;
    let (_, error) = run(client(&script.url).0.harvest(selection())).await;
    assert_eq!(error.unwrap().to_string(), "the repository answered cannotDisseminateFormat: it is so");
}

#[tokio::test]
async fn answer_without_the_list_is_an_error() {
    for answer in [page("Identify", ""), page("ListIdentifiers", "")] {
        let script = Script::harvest([answer.into()]).await;
        let (events, error) = run(client(&script.url).0.harvest(selection())).await;
        assert!(events.is_empty());
        assert!(matches!(error, Some(Error::Missing("ListRecords"))), "{error:?}");
    }
}

#[tokio::test]
async fn redirects_stay_on_the_host() {
    let here = Script::harvest([
        Answer::status(302, &[("location", "/oai?verb=ListRecords&elsewhere=1")], ""),
        records([1], "").into(),
        Answer::status(302, &[("location", "http://127.0.0.2:9/oai")], ""),
    ])
    .await;
    let client = client(&here.url).0;
    let (events, error) = run(client.harvest(selection())).await;
    assert!(error.is_none() && events.len() == 2, "{error:?}");
    let error = client.identify().await.unwrap_err();
    assert!(matches!(&error, Error::Redirect { to } if to == "http://127.0.0.2:9/oai"), "{error:?}");
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let script = Script::new((0..20).map(|_| Answer::status(302, &[("location", "/oai")], ""))).await;
    let error = client(&script.url).0.identify().await.unwrap_err();
    assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
}

#[test]
fn addresses_are_checked_before_use() {
    for (url, reason) in [
        ("", "relative URL without a base"),
        ("ftp://example.org/oai", "must begin with https://"),
        ("http://example.org/oai", "not encrypted"),
        ("https://user:secret@example.org/oai", "user or password"),
        ("https://example.org/oai?verb=Identify", "must not contain a verb"),
    ] {
        let error = Client::builder(url).build().unwrap_err().to_string();
        assert!(error.contains(reason), "{url}: {error}");
        assert!(!error.contains("secret"));
    }
    for url in [" https://example.org/oai ", "http://127.0.0.1:1/oai", "http://localhost/oai"] {
        Client::builder(url).build().unwrap();
    }
    builder("http://example.org/oai").0.allow_unencrypted(true).build().unwrap();
}

#[tokio::test]
async fn unreachable_server_is_named_with_its_tries() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/oai", listener.local_addr().unwrap());
    drop(listener);
    let (client, clock) = client(&url);
    let error = client.identify().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { tries: 8, .. }), "{error:?}");
    assert_eq!(clock.waits(), [1, 2, 4, 8, 16, 32, 60]);
}
