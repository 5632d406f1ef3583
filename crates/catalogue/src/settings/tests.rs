#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

use serde_json::json;

use super::*;

fn read(harvest: &Value) -> Result<Option<HarvestSettings>, Vec<String>> {
    let settings = json!({"harvest": harvest});
    let read = HarvestSettings::read(settings.as_object().unwrap());
    read.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn institution_without_the_table_is_not_harvested() {
    assert_eq!(HarvestSettings::read(&Map::new()), Ok(None));
}

#[test]
fn address_alone_suffices() {
    let settings = read(&json!({"url": "https://alma.example.org/view/oai/01INST/request"})).unwrap().unwrap();
    assert_eq!((settings.metadata_prefix.as_str(), settings.overlap_minutes), ("marc21", 60));
    assert_eq!((settings.interval_minutes, settings.set), (None, None));
}

#[test]
fn copies_and_rules_are_read() {
    let settings = read(&json!({
        "url": "http://127.0.0.1:7001/view/oai/01INST/request",
        "set": "consortium",
        "interval_minutes": 60,
        "items": {"tag": "ITM", "id": "i", "holding": "h", "library": "b", "location": "c", "indicators": "8#"},
        "suppress": [
            {"name": "not for lending", "level": "record", "when": [{"tag": "999", "subfield": "t", "equals": "x"}]},
            {"name": "reading room", "level": "location", "when": [{"property": "location", "equals": ["rr", "rare"]}]},
            {"name": "other", "level": "item", "when": [{"property": "policy", "equals": ["LOAN"], "not": true}]},
        ],
    }));
    let settings = settings.unwrap().unwrap();
    let items = settings.copies.items.unwrap();
    assert_eq!((items.field.marker, items.field.indicators), (Some('i'), Some(['8', ' '])));
    let names: Vec<&str> = settings.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["not for lending", "reading room", "other"]);
}

#[test]
fn all_faults_are_reported_with_their_place() {
    let faults = read(&json!({
        "url": "http://alma.example.org/request",
        "interval_minutes": 0,
        "sett": "x",
        "items": {"tag": "008", "colour": "c"},
        "suppress": [
            {"name": "a", "level": "shelf", "when": []},
            {"name": "b", "level": "item", "when": [{"property": "call_number"}]},
            {"name": "c", "level": "record", "when": []},
        ],
    }));
    let faults = faults.unwrap_err().join("\n");
    for expected in [
        "harvest.url: must begin with https://",
        "harvest.interval_minutes: must be a whole number from 1 to",
        "harvest.sett: is no setting",
        "harvest.items.tag: must be the tag of a field with subfields",
        "harvest.items.id: is missing",
        "harvest.items.colour: is no setting",
        "harvest.suppress[0].level: must be `record`",
        "harvest.suppress[1].when[0].property: must be one of `library`, `location`, `policy`",
        "harvest.suppress[2].when: must have a condition",
    ] {
        assert!(faults.contains(expected), "{expected} is not in:\n{faults}");
    }
}

#[test]
fn two_rules_of_one_name_are_refused() {
    let rule = json!({"name": "a", "level": "record", "when": [{"tag": "999"}]});
    let faults = read(&json!({"url": "https://a.example.org/x", "suppress": [rule, rule]})).unwrap_err();
    assert!(faults[0].contains("two rules with the name"), "{faults:?}");
}

#[test]
fn address_with_a_password_is_refused() {
    let faults = read(&json!({"url": "https://a:b@alma.example.org/request"})).unwrap_err();
    assert_eq!(faults, ["harvest.url: must not contain a user name or password."]);
}
