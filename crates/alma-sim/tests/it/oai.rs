//! OAI-PMH.

use reqwest::Method;
use serde_json::json;

use crate::support::{BOOK, INST, OTHER_BOOK, TestAlma};

async fn ask(alma: &TestAlma, query: &str) -> String {
    let url = alma.url(&format!("/view/oai/{INST}/request?{query}"));
    let answer = alma.send(alma.client.get(url)).await.unwrap();
    assert_eq!(answer.status, 200);
    answer.text
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once(end).map(|(inner, _)| inner)).collect()
}

async fn error(alma: &TestAlma, query: &str) -> String {
    let text = ask(alma, query).await;
    between(&text, "<error code=\"", "\"")
        .first()
        .map_or_else(|| format!("no error: {text}"), |code| (*code).to_owned())
}

#[tokio::test]
async fn a_harvest_follows_tokens_to_the_end_and_gives_each_record_once() {
    let alma = TestAlma::new().await;
    alma.staff().set_publishing(|publishing| publishing.page_size = 7);
    let mut query = "verb=ListRecords&metadataPrefix=marc21".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = ask(&alma, &query).await;
        seen.extend(between(&page, "<identifier>", "</identifier>").into_iter().map(str::to_owned));
        match between(&page, "<resumptionToken>", "</resumptionToken>").first() {
            Some(token) => {
                let encoded: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
                query = format!("verb=ListRecords&resumptionToken={encoded}");
            }
            None => {
                assert!(page.contains("<resumptionToken/>"));
                break;
            }
        }
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), count), (count, alma.staff().counts()["bibs"].as_u64().unwrap() as usize));
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let alma = TestAlma::new().await;
    alma.staff().set_publishing(|publishing| publishing.page_size = 3);
    let page = ask(&alma, "verb=ListIdentifiers&metadataPrefix=marc21").await;
    let token = between(&page, "<resumptionToken>", "<")[0].replace('@', "%40").replace(':', "%3A");
    let next = format!("verb=ListIdentifiers&resumptionToken={token}");
    assert!(ask(&alma, &next).await.contains("<ListIdentifiers>"));
    assert_eq!(error(&alma, &format!("{next}&metadataPrefix=marc21")).await, "badArgument");
    alma.sim().advance(jiff::SignedDuration::from_secs(601));
    assert_eq!(error(&alma, &next).await, "badResumptionToken");
}

#[tokio::test]
async fn a_deleted_title_keeps_its_header_and_a_suppressed_one_its_record() {
    let alma = TestAlma::new().await;
    ask(&alma, "verb=Identify").await;
    alma.sim().advance(jiff::SignedDuration::from_secs(60));
    let (gone, hidden) = (alma.staff().item(BOOK).unwrap(), alma.staff().item(OTHER_BOOK).unwrap());
    let path = format!("{}?holdings=delete&bib=delete", alma.item_path(BOOK));
    assert_eq!(alma.call(Method::DELETE, &path, None).await.status, 204);
    alma.staff().suppress_bib(&hidden.mms_id, true).unwrap();
    let changed = ask(&alma, "verb=ListRecords&metadataPrefix=marc21&from=2026-03-04T12:01:00Z").await;
    let records = between(&changed, "<record><header", "</record>");
    assert_eq!(records.len(), 2, "from is inclusive, and leaves the rest out");
    let of = |mms: &str| *records.iter().find(|record| record.contains(mms)).unwrap();
    let deleted = of(&gone.mms_id);
    assert!(deleted.starts_with(" status=\"deleted\"") && deleted.contains("<setSpec>all</setSpec>"));
    assert!(!deleted.contains("<metadata>"));
    assert_eq!(between(of(&hidden.mms_id), "<leader>", "</leader>")[0].as_bytes()[5], b'd');
    alma.staff().set_publishing(|publishing| publishing.suppressed_as_leader_d = false);
    alma.staff().suppress_bib(&hidden.mms_id, true).unwrap();
    let one = format!("verb=GetRecord&metadataPrefix=marc21&identifier=oai:alma.{INST}:{}", hidden.mms_id);
    assert!(ask(&alma, &one).await.contains("status=\"deleted\""));
}

#[tokio::test]
async fn changes_appear_when_the_publishing_job_has_run() {
    let alma = TestAlma::new().await;
    alma.staff().set_publishing(|publishing| publishing.delay_s = 3600);
    assert_eq!(error(&alma, "verb=ListIdentifiers&metadataPrefix=marc21").await, "noRecordsMatch");
    alma.sim().advance(jiff::SignedDuration::from_secs(3600));
    let page = ask(&alma, "verb=ListIdentifiers&metadataPrefix=marc21").await;
    assert_eq!(between(&page, "<datestamp>", "<")[0], "2026-03-04T13:00:00Z");
}

#[tokio::test]
async fn sets_hold_titles_of_their_libraries_and_dublin_core_is_offered() {
    let alma = TestAlma::new().await;
    let body = json!(
        "<bib><record><leader>00000nam a2200000 a 4500</leader><datafield tag=\"245\" ind1=\"0\" ind2=\"0\">\
        <subfield code=\"a\">Held &lt;nowhere&gt;</subfield></datafield></record></bib>"
    );
    let made = alma.post("/bibs", body).await.json();
    let mms = made["mms_id"].as_str().unwrap();
    let page = ask(&alma, "verb=ListRecords&metadataPrefix=oai_dc&set=all").await;
    assert!(page.contains(mms) && page.contains("<dc:title>Held &lt;nowhere&gt;</dc:title>"));
    assert!(!ask(&alma, "verb=ListIdentifiers&metadataPrefix=marc21&set=dcb").await.contains(mms));
    assert_eq!(between(&ask(&alma, "verb=ListSets").await, "<setSpec>", "<"), ["all", "dcb"]);
}

#[tokio::test]
async fn errors_are_those_of_the_protocol() {
    let alma = TestAlma::new().await;
    for (query, code) in [
        ("verb=Nonsense", "badVerb"),
        ("verb=Identify&verb=Identify", "badVerb"),
        ("", "badVerb"),
        ("verb=ListRecords", "badArgument"),
        ("verb=Identify&x=1", "badArgument"),
        ("verb=ListRecords&metadataPrefix=marc21&from=yesterday", "badArgument"),
        ("verb=ListRecords&metadataPrefix=marc21&from=2026-03-05&until=2026-03-04", "badArgument"),
        ("verb=ListRecords&metadataPrefix=marc21&from=2026-03-04&until=2026-03-04T00:00:00Z", "badArgument"),
        ("verb=ListRecords&metadataPrefix=mods", "cannotDisseminateFormat"),
        ("verb=ListRecords&metadataPrefix=marc21&from=2098-01-01", "noRecordsMatch"),
        ("verb=GetRecord&metadataPrefix=marc21&identifier=oai:other:1", "idDoesNotExist"),
        ("verb=ListRecords&resumptionToken=x", "badResumptionToken"),
    ] {
        assert_eq!(error(&alma, query).await, code, "{query}");
    }
}

#[tokio::test]
async fn vendor_answers_outside_the_protocol_can_be_ordered() {
    let alma = TestAlma::new().await;
    let raw = async |path: &str| alma.send(alma.client.get(alma.url(path))).await.unwrap();
    assert_eq!(raw("/view/oai/01NO_INST/request?verb=Identify").await.text, "Institution code 01NO_INST is invalid");
    alma.staff().set_publishing(|publishing| publishing.busy = 1);
    let busy = raw(&format!("/view/oai/{INST}/request?verb=Identify")).await;
    assert_eq!((busy.status.as_u16(), busy.headers["retry-after"].to_str().unwrap()), (503, "1"));
    assert!(ask(&alma, "verb=Identify").await.contains("<granularity>YYYY-MM-DDThh:mm:ssZ</granularity>"));
    alma.staff().set_publishing(|publishing| publishing.errors_as_html = true);
    assert!(ask(&alma, "verb=ListRecords").await.starts_with("<html>"));
    alma.staff().set_publishing(|publishing| publishing.access_refused = true);
    assert!(ask(&alma, "verb=Identify").await.contains("Unauthorized access"));
    alma.staff().set_publishing(|publishing| publishing.not_entitled = true);
    assert!(ask(&alma, "verb=Identify").await.contains("error_code 21"));
}

#[tokio::test]
async fn holdings_and_items_are_published_in_the_fields_of_the_profile() {
    let alma = TestAlma::new().await;
    assert!(!ask(&alma, "verb=ListRecords&metadataPrefix=marc21").await.contains(BOOK), "no profile adds items");
    let items = json!({"tag": "949", "indicators": "1", "zone": "Europe/Berlin",
        "subfields": {"b": "barcode", "l": "location", "i": "item_id", "c": "created", "p": "policy", "s": "process_type"}});
    let items = serde_json::from_value(items).unwrap();
    alma.staff().set_publishing(|publishing| {
        publishing.holdings = Some(alma_sim::Enrichment::usual_holdings());
        publishing.items = Some(items);
    });
    let page = ask(&alma, "verb=ListRecords&metadataPrefix=marc21").await;
    let record = *between(&page, "<record><header", "</record>").iter().find(|record| record.contains(BOOK)).unwrap();
    assert_eq!(between(record, "<datafield ind1=\"1\" ind2=\" \" tag=\"949\">", BOOK), ["<subfield code=\"b\">"]);
    assert!(record.contains("<subfield code=\"c\">2026-03-04 13:00:00 Europe/Berlin</subfield>"), "{record}");
    assert_eq!(between(record, "tag=\"852\"><subfield code=\"8\">", "<").len(), 1);
}

#[tokio::test]
async fn suppressed_holdings_are_published_unless_the_profile_leaves_them_out() {
    let alma = TestAlma::new().await;
    alma.staff().set_publishing(|publishing| publishing.items = Some(alma_sim::Enrichment::usual_items()));
    let item = alma.staff().item(BOOK).unwrap();
    let mms = &item.mms_id;
    let body = "<holding><suppress_from_publishing>true</suppress_from_publishing><record><leader>00000nx  a2200000zn 4500\
        </leader><datafield tag=\"852\" ind1=\"0\" ind2=\" \"><subfield code=\"b\">MAIN</subfield><subfield code=\"c\">stacks\
        </subfield></datafield></record></holding>";
    let path = format!("/bibs/{mms}/holdings/{}", item.holding_id);
    let answer = alma.call(Method::PUT, &path, Some(json!(body))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let one = format!("verb=GetRecord&metadataPrefix=marc21&identifier=oai:alma.{INST}:{mms}");
    assert!(ask(&alma, &one).await.contains(BOOK));
    alma.staff().set_publishing(|publishing| publishing.suppressed_holdings = false);
    assert!(!ask(&alma, &one).await.contains(BOOK));
}
