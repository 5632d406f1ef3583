//! Titles, holdings and items.

use alma::{
    Barcode, BaseStatus, DeleteItem, EmptyHoldingPolicy, Error, HoldingSelector, ItemPath, MmsId, NewItem, ProcessType,
    ScanAt, ScanIn, UserId,
};
use futures::TryStreamExt;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::fake::{Fake, answer, fixture, ok, refusal};

fn path() -> ItemPath {
    ItemPath::new("1", "2", "3")
}

fn parsed(name: &str) -> Value {
    serde_json::from_str(&fixture(name)).unwrap()
}

async fn item_from(change: impl Fn(&mut Value)) -> alma::Item {
    let mut body = parsed("item.json");
    change(&mut body);
    let body = body.to_string();
    Fake::start(move |_, _| ok(&body)).await.client().items().get(&path()).await.unwrap()
}

#[tokio::test]
async fn an_item_is_read_with_its_true_holding() {
    let fake = Fake::answering("item.json").await;
    let item =
        fake.client().items().get(&ItemPath::in_any_holding("990000123450007777", "230000323450007777")).await.unwrap();
    assert_eq!(item.path(), ItemPath::new("990000123450007777", "220000223450007777", "230000323450007777"));
    assert_eq!(item.barcode, Some(Barcode::from("31999000000011")));
    assert_eq!(item.title.as_deref(), Some("An invented title"));
    assert_eq!(item.base_status, BaseStatus::InPlace);
    assert_eq!((&item.process_type, item.requested, item.due_date), (&None, Some(false), None));
    assert!(item.is_in_place());
    assert!(!item.bib_suppressed && !item.holding_suppressed);
    assert_eq!(item.library_code().unwrap().as_str(), "MAIN");
    assert_eq!(item.location_code().unwrap().as_str(), "stacks");
    assert_eq!(item.policy.as_ref().unwrap().as_str(), "4-WEEK");
    assert_eq!(item.material_type.as_ref().unwrap().as_str(), "BOOK");
    assert_eq!(item.creation_date, Some(Date::constant(2020, 1, 2)));
    assert_eq!(item.additional_info, None);
}

#[tokio::test]
async fn an_item_is_in_place_only_without_a_process_or_with_a_request() {
    for (base, process, in_place) in [
        ("1", "", true),
        ("1", "REQUESTED", true),
        ("1", "ACQ", false),
        ("1", "INVENTED_TOMORROW", false),
        ("0", "", false),
        ("0", "LOAN", false),
        ("", "", false),
    ] {
        let item = item_from(|item| {
            item["item_data"]["base_status"] = json!({"value": base});
            item["item_data"]["process_type"] = json!({"value": process, "desc": null});
        })
        .await;
        assert_eq!(item.is_in_place(), in_place, "{base} {process}");
    }
    let other = item_from(|item| item["item_data"]["process_type"] = json!("INVENTED_TOMORROW")).await;
    assert_eq!(other.process_type, Some(ProcessType::Other("INVENTED_TOMORROW".to_owned())));
}

#[tokio::test]
async fn a_temporary_place_is_where_the_item_is() {
    let temporary = |item: &mut Value| {
        item["holding_data"]["in_temp_location"] = json!(true);
        item["holding_data"]["temp_library"] = json!({"value": "BRANCH", "desc": "Branch Library"});
        item["holding_data"]["temp_location"] = json!({"value": "reserve"});
    };
    let item = item_from(temporary).await;
    assert_eq!(item.library_code().unwrap().as_str(), "BRANCH");
    assert_eq!(item.location_code().unwrap().as_str(), "reserve");
    assert_eq!(item.item_library.as_ref().unwrap().as_str(), "MAIN");
    assert_eq!(item.policy.as_ref().unwrap().as_str(), "4-WEEK");
    let left = item_from(|item| {
        temporary(item);
        item["holding_data"]["in_temp_location"] = json!("false");
    })
    .await;
    assert_eq!(left.library_code().unwrap().as_str(), "MAIN");
}

#[tokio::test]
async fn an_item_is_read_from_every_form_alma_gives_its_fields() {
    for blank in
        [json!(null), json!(""), json!({}), json!({"value": null, "desc": null}), json!({"value": "", "desc": null})]
    {
        let item = item_from(|item| {
            for field in ["process_type", "policy", "library", "work_order_type", "barcode", "due_date", "requested"] {
                item["item_data"][field] = blank.clone();
            }
            item["bib_data"]["title"] = blank.clone();
            item["bib_data"]["bib_suppress_from_publishing"] = blank.clone();
        })
        .await;
        assert_eq!((item.process_type, item.policy, item.library, item.barcode), (None, None, None, None), "{blank}");
        assert_eq!((item.requested, item.due_date, item.title), (None, None, None), "{blank}");
    }
    let item = item_from(|item| {
        item["item_data"]["pid"] = json!(230_000_323_450_007_777_u64);
        item["item_data"]["requested"] = json!("true");
        item["item_data"]["due_date"] = json!("2026-04-01T20:00:00.000Z");
        item["bib_data"]["bib_suppress_from_publishing"] = json!(true);
        item["holding_data"]["calculated_suppress_from_publishing"] = json!("true");
        item["item_data"]["something_new"] = json!([{}]);
    })
    .await;
    assert_eq!(item.pid.as_str(), "230000323450007777");
    assert_eq!(item.requested, Some(true));
    assert_eq!(item.due_date, Some("2026-04-01T20:00:00Z".parse().unwrap()));
    assert!(item.bib_suppressed && item.holding_suppressed);
}

#[tokio::test]
async fn the_items_of_a_title_are_listed() {
    let fake = Fake::answering("items.json").await;
    let items = fake.client().items();
    let all: Vec<_> = items.list(&MmsId::from("1"), &HoldingSelector::All).try_collect().await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().any(|item| item.due_date.is_some() && item.process_type == Some(ProcessType::Loan)));
    let _: Vec<_> = items.list(&MmsId::from("1"), &HoldingSelector::One("2".into())).try_collect().await.unwrap();
    assert_eq!(
        fake.lines(),
        [
            "GET /bibs/1/holdings/ALL/items?expand=due_date&limit=100&offset=0",
            "GET /bibs/1/holdings/2/items?expand=due_date&limit=100&offset=0",
        ]
    );
}

#[tokio::test]
async fn an_item_is_created_in_its_holding() {
    let fake = Fake::answering("item.json").await;
    let new = NewItem {
        barcode: Some("31999000000011".into()),
        material_type: Some("BOOK".to_owned()),
        policy: Some("DCB".to_owned()),
        internal_note_1: Some("Created by the DCB hub".to_owned()),
        more: Map::from_iter([("pieces".to_owned(), json!("1"))]),
        ..NewItem::default()
    };
    fake.client().items().create(&"1".into(), &"2".into(), &new).await.unwrap();
    assert_eq!(fake.only().line(), "POST /bibs/1/holdings/2/items");
    assert_eq!(
        fake.only().json()["item_data"],
        json!({
            "barcode": "31999000000011",
            "physical_material_type": {"value": "BOOK"},
            "policy": {"value": "DCB"},
            "internal_note_1": "Created by the DCB hub",
            "pieces": "1",
        })
    );
}

#[tokio::test]
async fn an_update_of_an_item_keeps_what_it_does_not_change() {
    let fake = Fake::answering("item.json").await;
    let change = |item: &mut Map<String, Value>| item["item_data"]["policy"] = json!({"value": "NO_RENEW"});
    fake.client().items().update(&ItemPath::in_any_holding("1", "3"), change).await.unwrap();
    let mut expected = parsed("item.json");
    expected["item_data"]["policy"] = json!({"value": "NO_RENEW"});
    assert_eq!(fake.seen()[0].line(), "GET /bibs/1/holdings/ALL/items/3");
    assert_eq!(fake.seen()[1].line(), "PUT /bibs/1/holdings/220000223450007777/items/3");
    assert_eq!(fake.seen()[1].json(), expected);
}

#[tokio::test]
async fn update_of_fields_sends_only_them_and_the_fields_alma_requires() {
    let fake = Fake::answering("item.json").await;
    let fields = Map::from_iter([("internal_note_1".to_owned(), json!("x"))]);
    fake.client().items().update_fields(&path(), fields).await.unwrap();
    let sent = fake.seen()[1].json();
    let mut keys: Vec<_> = sent["item_data"].as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["barcode", "internal_note_1", "library", "location", "physical_material_type", "pid", "policy"]);
    assert_eq!(sent["item_data"]["library"], parsed("item.json")["item_data"]["library"]);
}

#[tokio::test]
async fn an_item_is_deleted_with_what_it_leaves_empty() {
    let fake = Fake::start(|_, _| answer(204, "")).await;
    let how =
        DeleteItem { override_warnings: true, holdings: EmptyHoldingPolicy::Delete, bib: EmptyHoldingPolicy::Suppress };
    fake.client().items().delete(&path(), how).await.unwrap();
    fake.client().items().delete(&path(), DeleteItem::default()).await.unwrap();
    assert_eq!(
        fake.lines(),
        [
            "DELETE /bibs/1/holdings/2/items/3?override=true&holdings=delete&bib=suppress",
            "DELETE /bibs/1/holdings/2/items/3?override=false&holdings=retain&bib=retain",
        ]
    );
}

#[tokio::test]
async fn scan_counts_no_use_unless_requested_and_shows_where_the_item_goes() {
    let fake = Fake::answering("item-scan-transit.json").await;
    let items = fake.client().items();
    let item = items.scan_in(&path(), &ScanIn::at_desk("MAIN", "DEFAULT_CIRC_DESK")).await.unwrap();
    assert_eq!((item.process_type, item.requested), (Some(ProcessType::Transit), None));
    assert!(item.additional_info.unwrap().as_str().contains("Sharing Library"));
    let everything = ScanIn {
        library: "MAIN".into(),
        at: ScanAt::Department("DEP".to_owned()),
        request_id: Some("8".into()),
        work_order_type: Some("W".to_owned()),
        status: Some("S".to_owned()),
        done: true,
        external_id: true,
        auto_print_slip: true,
        place_on_hold_shelf: true,
        confirm: true,
        register_in_house_use: true,
    };
    items.scan_in(&path(), &everything).await.unwrap();
    assert_eq!(
        fake.lines(),
        [
            "POST /bibs/1/holdings/2/items/3?op=scan&library=MAIN&circ_desk=DEFAULT_CIRC_DESK&register_in_house_use=false",
            "POST /bibs/1/holdings/2/items/3?op=scan&library=MAIN&department=DEP&request_id=8&work_order_type=W&status=S\
             &done=true&external_id=true&auto_print_slip=true&place_on_hold_shelf=true&confirm=true\
             &register_in_house_use=true",
        ]
    );
    let shelf = Fake::answering("item-scan-holdshelf.json").await;
    let item = shelf.client().items().scan_in(&path(), &ScanIn::at_desk("MAIN", "D")).await.unwrap();
    assert_eq!(item.process_type, Some(ProcessType::HoldShelf));
}

#[tokio::test]
async fn what_a_user_may_request_is_read() {
    let fake = Fake::answering("request-options.json").await;
    let options = fake.client().items().request_options(&path(), &UserId::from("12345@ASLPL")).await.unwrap();
    assert_eq!(
        options.iter().map(|option| option.kind.as_ref().unwrap().as_str()).collect::<Vec<_>>(),
        ["HOLD", "DIGITIZATION"]
    );
    assert_eq!(fake.only().line(), "GET /bibs/1/holdings/2/items/3/request-options?user_id=12345%40ASLPL");
    let none = Fake::start(|_, _| ok("{}")).await;
    assert!(none.client().items().request_options(&path(), &UserId::from("x")).await.unwrap().is_empty());
}

#[tokio::test]
async fn missing_item_is_recognised_by_its_own_code_only() {
    let gone = Fake::start(|_, _| refusal("401683")).await;
    assert!(gone.client().items().get(&path()).await.unwrap_err().is_not_found());
    let general = Fake::start(|_, _| refusal("401652")).await;
    assert!(!general.client().items().get(&path()).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_bib_is_the_same_in_json_and_in_xml() {
    let mut bibs = Vec::new();
    for name in ["bib.json", "bib.xml"] {
        let fake = Fake::answering(name).await;
        bibs.push(fake.client().bibs().get(&MmsId::from("990000123450007777")).await.unwrap());
    }
    for bib in &bibs {
        assert_eq!(bib.mms_id.as_str(), "990000123450007777");
        assert_eq!(bib.title.as_deref(), Some("An invented title : cats & dogs"));
        assert_eq!(bib.network_numbers, ["(EXAMPLE)000012345"]);
        assert_eq!(bib.suppressed, Some(false));
        let marc = bib.marcxml.as_deref().unwrap();
        assert!(marc.starts_with("<record><leader>") && marc.ends_with("</record>"), "{marc}");
        assert!(marc.contains("cats &amp; dogs."));
    }
}

#[tokio::test]
async fn a_marc_record_that_calls_itself_utf_16_keeps_its_letters() {
    let fake = Fake::start(|_, _| ok(&fixture("bib.json").replace("cats &amp; dogs", "Žluťoučký kůň 📚"))).await;
    let bib = fake.client().bibs().get(&MmsId::from("1")).await.unwrap();
    assert!(bib.marcxml.unwrap().contains("Žluťoučký kůň 📚"));
}

#[tokio::test]
async fn titles_are_read_a_hundred_at_a_time() {
    let fake = Fake::answering("bibs-p_avail.json").await;
    let ids: Vec<MmsId> = (0..150).map(|nth| MmsId::from(nth.to_string())).collect();
    let bibs = fake.client().bibs().get_many_with_availability(&ids).await.unwrap();
    assert_eq!(bibs.len(), 2);
    assert!(bibs[0].marcxml.as_deref().unwrap().contains("tag=\"AVA\""));
    let lines = fake.lines();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with("GET /bibs?mms_id=0%2C1%2C2") && lines[0].ends_with("%2C99&expand=p_avail%2Crequests"),
        "{}",
        lines[0]
    );
    assert!(fake.client().bibs().get_many(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_title_is_found_by_another_systems_number() {
    let fake = Fake::start(|_, _| {
        ok(&format!("<bibs total_record_count=\"1\">{}</bibs>", fixture("bib.xml").split_once("?>").unwrap().1))
    })
    .await;
    let bibs = fake.client().bibs().find_by_other_system_id("(DCB)0001").await.unwrap();
    assert_eq!(bibs[0].mms_id.as_str(), "990000123450007777");
    assert_eq!(fake.only().line(), "GET /bibs?other_system_id=%28DCB%290001");
}

#[tokio::test]
async fn a_bib_is_sent_as_xml_that_always_says_whether_it_is_suppressed() {
    let fake = Fake::answering("bib.xml").await;
    let bibs = fake.client().bibs();
    let record = "<?xml version=\"1.0\"?>\n<record><leader>x</leader></record>";
    assert_eq!(bibs.create(record, true).await.unwrap().mms_id.as_str(), "990000123450007777");
    bibs.update(&MmsId::from("99"), record, false).await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen[0].line(), "POST /bibs");
    assert_eq!(seen[0].header("content-type"), "application/xml");
    assert_eq!(
        seen[0].body,
        "<bib><suppress_from_publishing>true</suppress_from_publishing><record_format>marc21</record_format>\
         <record><leader>x</leader></record></bib>"
    );
    assert_eq!(seen[1].line(), "PUT /bibs/99");
    assert!(seen[1].body.contains("<suppress_from_publishing>false<"));
}

#[tokio::test]
async fn body_that_is_not_one_record_is_not_sent() {
    let fake = Fake::answering("bib.json").await;
    for bad in ["", "<record>", "<record/><record/>", "<bib><record/></bib>", "<record/></bib><bib>"] {
        let error = fake.client().bibs().create(bad, true).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{bad}: {error:?}");
        let error = fake.client().holdings(&"1".into()).create(bad, true).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{bad}: {error:?}");
    }
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn a_bib_is_deleted_with_override_as_true_or_false() {
    let fake = Fake::start(|_, _| answer(204, "")).await;
    fake.client().bibs().delete(&MmsId::from("1"), true).await.unwrap();
    assert_eq!(fake.only().line(), "DELETE /bibs/1?override=true");
}

#[tokio::test]
async fn holdings_are_listed_read_created_and_deleted() {
    let fake = Fake::start(|seen, _| match (seen.method.as_str(), seen.target.as_str()) {
        ("GET", "/bibs/1/holdings") => ok(&fixture("holdings.json")),
        ("GET", _) => ok(&fixture("holding.json")),
        ("POST", _) => ok(&fixture("holding.xml")),
        _ => answer(204, ""),
    })
    .await;
    let holdings = fake.client().holdings(&MmsId::from("1"));
    let rows = holdings.list().await.unwrap();
    assert_eq!(rows[0].library.as_ref().unwrap().as_str(), "MAIN");
    assert_eq!(rows[0].call_number.as_deref(), Some("QA1 .S36 2019"));
    let holding = holdings.get(&rows[0].holding_id).await.unwrap();
    assert!(holding.marcxml.unwrap().contains("tag=\"852\""));
    assert_eq!(holding.suppressed, Some(false));
    let made = holdings.create("<record><leader>x</leader></record>", true).await.unwrap();
    assert_eq!(made.holding_id.as_str(), "220000223450007777");
    holdings.delete(&made.holding_id, EmptyHoldingPolicy::Delete).await.unwrap();
    let seen = fake.seen();
    assert_eq!(
        seen[2].body,
        "<holding><suppress_from_publishing>true</suppress_from_publishing><record><leader>x</leader></record></holding>"
    );
    assert_eq!(seen[3].line(), "DELETE /bibs/1/holdings/220000223450007777?bib=delete");
}
