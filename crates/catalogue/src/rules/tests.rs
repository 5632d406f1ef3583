#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

use marc::Record;
use serde_json::{Value, json};

use super::*;

fn settings(further: &Value) -> HarvestSettings {
    let mut harvest = json!({
        "url": "https://alma.example.org/request",
        "holdings": {"tag": "HOL", "id": "8", "library": "b", "location": "c"},
        "items": {"tag": "ITM", "id": "i", "holding": "h", "library": "b", "location": "c", "policy": "p"},
    });
    harvest.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    HarvestSettings::read(json!({"harvest": harvest}).as_object().unwrap()).unwrap().unwrap()
}

fn rule(level: &str, when: &Value) -> HarvestSettings {
    settings(&json!({"suppress": [{"name": "the rule", "level": level, "when": when}]}))
}

fn record() -> Record {
    let holding = [('8', "221"), ('b', "MAIN"), ('c', "stacks")];
    let item = |id, location, policy| [('i', id), ('h', "221"), ('b', "MAIN"), ('c', location), ('p', policy)];
    Record::builder()
        .data("245", '0', '0', [('a', "Emma")])
        .data("999", ' ', ' ', [('t', "public"), ('t', "lend")])
        .data("HOL", ' ', ' ', holding)
        .data("ITM", ' ', ' ', item("231", "stacks", "BOOK"))
        .data("ITM", ' ', ' ', item("232", "rare", "REF"))
        .build()
}

fn judged(settings: &HarvestSettings, record: &Record) -> (Option<String>, Copies) {
    let mut record = CompactRecord::from(record);
    let mut copies = settings.copies.take_from(&mut record);
    (judge(settings, &record, &mut copies), copies)
}

fn suppressed_items(copies: &Copies) -> Vec<&str> {
    copies.items.iter().filter(|item| item.suppressed_by.is_some()).map(|item| item.id.as_str()).collect()
}

#[test]
fn record_is_suppressed_by_a_field_with_a_value() {
    let by =
        |value: &str| judged(&rule("record", &json!([{"tag": "999", "subfield": "t", "equals": value}])), &record()).0;
    assert_eq!(by("lend"), Some("the rule".to_owned()));
    assert_eq!(by("other"), None);
}

#[test]
fn negated_condition_suppresses_records_without_the_value() {
    let by = |value: &str| {
        judged(&rule("record", &json!([{"tag": "999", "subfield": "t", "equals": value, "not": true}])), &record()).0
    };
    assert_eq!(by("lend"), None);
    assert_eq!(by("other"), Some("the rule".to_owned()));
}

#[test]
fn rule_needs_all_of_its_conditions() {
    let both = |second: &str| rule("record", &json!([{"tag": "999"}, {"tag": "245", "begins_with": second}]));
    assert_eq!(judged(&both("Emm"), &record()).0, Some("the rule".to_owned()));
    assert_eq!(judged(&both("Persuasion"), &record()).0, None);
}

#[test]
fn items_are_suppressed_by_policy_location_and_holding() {
    let by_policy = rule("item", &json!([{"property": "policy", "equals": ["REF"]}]));
    assert_eq!(suppressed_items(&judged(&by_policy, &record()).1), ["232"]);
    let by_location = rule(
        "location",
        &json!([{"property": "library", "equals": "MAIN"}, {"property": "location", "equals": "rare"}]),
    );
    assert_eq!(suppressed_items(&judged(&by_location, &record()).1), ["232"]);
    let by_holding = rule("holding", &json!([{"property": "location", "equals": "stacks"}]));
    assert_eq!(suppressed_items(&judged(&by_holding, &record()).1), ["231", "232"]);
}

#[test]
fn record_without_a_copy_that_is_shown_is_suppressed_if_the_setting_says_so() {
    let all = json!({
        "suppress_records_without_copies": true,
        "suppress": [{"name": "all", "level": "item", "when": [{"property": "library", "equals": "MAIN"}]}],
    });
    assert_eq!(judged(&settings(&all), &record()).0, Some(NO_COPIES.to_owned()));
    let one = json!({
        "suppress_records_without_copies": true,
        "suppress": [{"name": "one", "level": "item", "when": [{"property": "policy", "equals": "REF"}]}],
    });
    assert_eq!(judged(&settings(&one), &record()).0, None);
}

#[test]
fn record_with_status_d_is_suppressed() {
    let mut deleted = record();
    deleted.leader = "00000dam a2200000 a 4500".parse().unwrap();
    assert_eq!(judged(&settings(&json!({})), &deleted).0, Some(LEADER.to_owned()));
}

#[test]
fn virtual_record_of_the_hub_is_suppressed() {
    let with = |number: &str| Record::builder().data("035", ' ', ' ', [('a', number)]).build();
    let judged = |number| judged(&settings(&json!({})), &with(number)).0;
    assert_eq!(judged("(DCB)0190163d-8694-739b-aea5-966c26f8ad91"), Some(VIRTUAL.to_owned()));
    assert_eq!(judged("(DCB)12345"), None);
}
