//! Searches of the shared catalogue, over the REST API and over SRU.

use std::sync::Arc;

use access::{Caller, Role};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use catalogue::{Catalogue, HarvestSettings};
use marc::{CompactRecord, Format, Record};
use search::{Change, Document, Index, Member};
use serde_json::json;
use store::Database;
use web::{ApiKeys, WebState};

use crate::harness::{DEAD, Hub, KEY, institution};

const MONITORING_KEY: &str = "key-of-the-monitoring-system";
const DISCOVERY_KEY: &str = "key-of-a-discovery-system";

fn document(id: &str, title: &str, year: u16) -> Document {
    let record = Record::builder()
        .control("008", format!("990802s{year}    mau      b    001 0 eng  "))
        .data("245", '0', '0', [('a', title)])
        .build();
    let record = CompactRecord::from(&record);
    let agencies = ["NORTH".to_owned()];
    Document::of_group(id, Format::Book, &[Member { record: &record, institution: "01NORTH", agencies: &agencies }])
}

fn index(directory: &std::path::Path) -> Arc<Index> {
    let index = Index::open(directory).unwrap();
    let documents = [document("t1", "The old man and the sea", 1952), document("t2", "Old & new", 1999)];
    index.apply(documents.map(Change::Upsert), 1).unwrap();
    Arc::new(index)
}

/// Starts a hub with a catalogue of two titles.
async fn hub(directory: &std::path::Path, change: impl FnOnce(WebState) -> WebState) -> Hub {
    let index = index(directory);
    Hub::start_with(|state| change(state.with_index(index))).await
}

#[tokio::test]
async fn search_gives_titles_counts_and_facets() {
    let directory = tempfile::tempdir().unwrap();
    let hub = hub(directory.path(), |state| state).await;
    let answer = hub.get("/api/v1/catalogue/search?q=old%20sea&facets=true").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.body;
    assert_eq!((&body["total"], &body["cql"]), (&json!(1), &json!("old and sea")));
    assert_eq!(body["titles"][0]["id"], "t1");
    assert_eq!(body["titles"][0]["agencies"], json!(["NORTH"]));
    assert_eq!(body["facets"]["decades"], json!([{"value": "1950", "titles": 1}]));

    let newest = hub.get("/api/v1/catalogue/search?cql=title%3Dold&sort=newest&limit=1").await.body;
    assert_eq!((&newest["total"], &newest["titles"][0]["id"]), (&json!(2), &json!("t2")));
    let filtered = hub.get("/api/v1/catalogue/search?from_year=1990&format=book,ebook&agency=NORTH").await.body;
    assert_eq!(filtered["total"], 1);
}

#[tokio::test]
async fn search_without_results_is_answered_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let hub = hub(directory.path(), |state| state).await;
    let body = hub.get("/api/v1/catalogue/search?q=olld%20newt").await.body;
    assert_eq!(body["total"], 0);
    assert!(body["advice"]["explanation"].as_str().unwrap().starts_with("No title has "), "{body}");
}

#[tokio::test]
async fn faults_of_a_search_are_named_with_their_fields() {
    let directory = tempfile::tempdir().unwrap();
    let hub = hub(directory.path(), |state| state).await;
    for (query, field, code) in [
        ("cql=title%20%3D", "cql", "INVALID_SEARCH"),
        ("q=-old", "q", "INVALID_SEARCH"),
        ("q=a&cql=b", "cql", "NOT_WITH_Q"),
        ("from_year=2000&to_year=1990", "to_year", "OUT_OF_RANGE"),
        ("sort=shelf", "sort", "UNKNOWN_ORDER"),
        ("offset=9999&limit=100", "offset", "OUT_OF_RANGE"),
    ] {
        let answer = hub.get(&format!("/api/v1/catalogue/search?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text);
        assert_eq!(
            (&answer.body["errors"][0]["field"], &answer.body["errors"][0]["code"]),
            (&json!(field), &json!(code))
        );
    }
}

#[tokio::test]
async fn title_is_returned_with_its_record_and_an_unknown_one_is_not_found() {
    let directory = tempfile::tempdir().unwrap();
    let hub = hub(directory.path(), |state| state).await;
    let title = hub.get("/api/v1/catalogue/titles/t2").await.body;
    assert_eq!(title["title"], "Old & new");
    assert!(title["marcxml"].as_str().unwrap().contains("Old &amp; new"), "{title}");
    hub.get("/api/v1/catalogue/titles/t3").await.is_problem(404, "NOT_FOUND");
    let completed = hub.get("/api/v1/catalogue/suggest?q=old%20s").await.body;
    assert_eq!(completed["completions"], json!([]), "one letter is too few");
    let completed = hub.get("/api/v1/catalogue/suggest?q=old%20se").await.body;
    assert_eq!(completed["completions"], json!([{"value": "old sea", "titles": 1}]));
}

#[tokio::test]
async fn merged_title_leads_to_the_one_that_took_its_records_over_rest_and_sru() {
    let directory = tempfile::tempdir().unwrap();
    let index = index(directory.path());
    let merged = Document { former_ids: vec!["t2".to_owned()], ..document("t1", "The old man and the sea", 1952) };
    index.apply([Change::Upsert(merged), Change::Delete("t2".to_owned())], 2).unwrap();
    let hub = Hub::start_with(|state| state.with_index(index).with_open_sru(true)).await;
    let moved = hub.get("/api/v1/catalogue/titles/t2").await;
    assert_eq!((moved.status, &moved.headers["location"]), (308, &"/api/v1/catalogue/titles/t1".parse().unwrap()));
    assert_eq!(moved.headers["cache-control"], "no-store", "a later harvest may part the records again");
    assert_eq!(hub.get("/api/v1/catalogue/titles/t1").await.body["id"], "t1");
    let query = "operation=searchRetrieve&version=1.2&query=rec.identifier%3Dt2";
    let found = hub.http.get(format!("{}/sru?{query}", hub.base)).send().await.unwrap().text().await.unwrap();
    assert!(found.contains("<numberOfRecords>1</numberOfRecords>") && found.contains("old man"), "{found}");
}

#[tokio::test]
async fn hub_without_a_catalogue_says_so() {
    let hub = Hub::start().await;
    for path in ["search?q=x1", "titles/t1", "suggest?q=xy"] {
        hub.get(&format!("/api/v1/catalogue/{path}")).await.is_problem(409, "NO_CATALOGUE");
    }
    hub.get("/sru").await.is_problem(409, "NO_CATALOGUE");
}

#[tokio::test]
async fn records_that_could_not_be_read_are_listed_with_their_bytes_and_a_source_only_to_its_agencies() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(directory.path().join("catalogue.db"));
    let catalogue = Catalogue::open(&database, None).await.unwrap();
    let of = |agency: &str, key: &str| (Caller::new(agency, Role::ReadOnly, [agency.into()]), key.into());
    let [(north, north_key), (other, other_key)] = [of("NORTH", "key-of-north"), of("OTHER", "key-of-other")];
    let keys = ApiKeys::new([("admin".to_owned(), KEY.into())]).with(north, &north_key).with(other, &other_key);
    let hub = Hub::with_keys_and(keys, |state| state.with_catalogue(catalogue.clone())).await;
    hub.put("/api/v1/institutions/01NORTH", &institution(DEAD)).await;
    hub.put("/api/v1/agencies/NORTH", &json!({"name": "A Library", "institution": "01NORTH"})).await;
    let settings = json!({"harvest": {"url": "http://127.0.0.1:1/oai"}});
    let settings = HarvestSettings::read(settings.as_object().unwrap()).unwrap().unwrap();
    let without_id = |title| Record::builder().data("245", '0', '0', [('a', title)]).build();
    let titles = ["One", "Two", "Three"];
    let records = titles.map(|title| marc::iso2709::write(&without_id(title)).unwrap().content);
    let file = directory.path().join("records.mrc");
    std::fs::write(&file, records.concat()).unwrap();
    let now = lending::example::noon();
    catalogue.load_file(&file, "01NORTH", settings, "test", || now).await.unwrap();

    let path = "/api/v1/institutions/01NORTH/set-aside";
    let first = hub.get(&format!("{path}?limit=2")).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let rest = hub.get(&format!("{path}?limit=2&before={}", first.body["next"])).await.body;
    assert_eq!((&rest["next"], rest["set_aside"].as_array().unwrap().len()), (&json!(null), 1), "{rest}");
    let places = first.body["set_aside"].as_array().unwrap().iter().chain(rest["set_aside"].as_array().unwrap());
    let contents: Vec<String> = places
        .map(|place| String::from_utf8(BASE64.decode(place["content"].as_str().unwrap()).unwrap()).unwrap())
        .collect();
    let has_its_title = |title: &&str| contents.iter().filter(|content| content.contains(*title)).count() == 1;
    assert!(contents.len() == 3 && titles.iter().all(has_its_title), "{contents:?}");
    assert!(first.body["set_aside"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    hub.get("/api/v1/institutions/01NONE/set-aside").await.is_problem(404, "NOT_FOUND");

    let sources = async |key: &str| {
        let url = format!("{}/api/v1/catalogue", hub.base);
        let answer = hub.send(hub.http.get(url).bearer_auth(key)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["institutions"].as_array().unwrap().len()
    };
    assert_eq!((sources("key-of-north").await, sources("key-of-other").await), (1, 0));
}

#[tokio::test]
async fn sru_takes_the_key_as_the_password_of_http_basic() {
    let directory = tempfile::tempdir().unwrap();
    let index = index(directory.path());
    let keys = ApiKeys::new([("admin".to_owned(), KEY.into())])
        .with(Caller::new("monitoring", Role::Monitoring, []), &MONITORING_KEY.into())
        .with(Caller::new("discovery", Role::Discovery, ["NORTH".into()]), &DISCOVERY_KEY.into());
    let hub = Hub::with_keys_and(keys, |state| state.with_index(index)).await;
    let url = format!("{}/sru?operation=searchRetrieve&version=1.2&query=title%3Dold", hub.base);
    let ask = |key: &'static str| hub.http.get(&url).basic_auth("anyone", Some(key)).send();

    let found = ask(DISCOVERY_KEY).await.unwrap();
    assert_eq!(
        (found.status().as_u16(), &found.headers()["content-type"]),
        (200, &"text/xml; charset=utf-8".parse().unwrap())
    );
    assert!(found.text().await.unwrap().contains("<numberOfRecords>2</numberOfRecords>"));
    assert_eq!(ask(MONITORING_KEY).await.unwrap().status(), 403);
    let refused = ask("wrong").await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    let without = hub.http.get(&url).send().await.unwrap();
    assert_eq!(without.status(), 401);
    assert!(without.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    assert_eq!(hub.http.get(&url).bearer_auth(DISCOVERY_KEY).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn open_sru_needs_no_key_and_answers_get_and_post() {
    let directory = tempfile::tempdir().unwrap();
    let hub = hub(directory.path(), |state| state.with_open_sru(true)).await;
    let url = format!("{}/sru", hub.base);
    let explained = hub.http.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(explained.contains("<host>127.0.0.1</host>"), "{explained}");
    let form = [("operation", "searchRetrieve"), ("version", "1.2"), ("query", "sea"), ("recordSchema", "dc")];
    let form = form.map(|(name, value)| format!("{name}={value}")).join("&");
    let call = hub.http.post(&url).header("content-type", "application/x-www-form-urlencoded").body(form);
    let found = call.send().await.unwrap();
    assert_eq!(found.status(), 200);
    assert!(found.text().await.unwrap().contains("<dc:title>The old man and the sea</dc:title>"));
    let wrong = hub.http.get(&url).basic_auth("x", Some("wrong")).send().await.unwrap();
    assert_eq!(wrong.status(), 401, "a wrong key is refused even so");
}
