//! The OpenAPI document, as clients rely on it.

use serde_json::Value;

use crate::harness::{DEAD, Hub};

fn document() -> Value {
    serde_json::from_str(&web::openapi().to_json().unwrap()).unwrap()
}

#[test]
fn document_is_what_clients_rely_on() {
    let mut document = document();
    document["info"]["version"] = "[version]".into();
    insta::assert_json_snapshot!("openapi", document);
}

#[test]
fn operation_ids_are_a_verb_and_a_resource_and_every_reference_leads_somewhere() {
    let document = document();
    let mut ids = Vec::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(id.split('_').count() >= 2, "{id}");
            assert!(!ids.contains(&id), "{id} twice");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let reported = response["content"]["application/problem+json"].is_object();
                assert_eq!(reported, !status.starts_with(['2', '3']), "{status} of {id}");
            }
            ids.push(id);
        }
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// Returns the names under which the document describes a body that is read field by field.
fn inputs(document: &Value) -> Vec<(String, String, bool, Value)> {
    let mut inputs = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let reference = schema["$ref"].as_str().or_else(|| schema["oneOf"][0]["$ref"].as_str());
            let Some(reference) = reference else { continue };
            let schema = document.pointer(reference.trim_start_matches('#')).unwrap().clone();
            let may_be_left_out = operation["requestBody"]["required"] != true;
            inputs.push((method.to_uppercase(), path.clone(), may_be_left_out, schema));
        }
    }
    inputs
}

#[test]
fn body_may_be_left_out_where_every_field_may_be() {
    for (method, path, may_be_left_out, schema) in inputs(&document()) {
        assert_eq!(may_be_left_out, schema["required"].as_array().is_none(), "{method} {path}");
    }
}

#[tokio::test]
async fn example_of_every_body_is_accepted_as_it_stands() {
    let hub = Hub::with_institutions(DEAD).await;
    let request = hub.placed("reader", "1").await;
    let inputs = inputs(&document());
    assert!(inputs.len() > 10, "only {}", inputs.len());
    for (method, path, _, schema) in inputs {
        let path = path.replace("{id}", &request).replace("{code}", "01NEW");
        let call = hub.call(method.parse().unwrap(), &path).json(&schema["examples"][0]);
        let answer = hub.send(call).await;
        assert!(![400, 415].contains(&answer.status), "{method} {path}: {}", answer.text);
        // The objects that the examples refer to are not set up here.
        let not_set_up = ["UNKNOWN_INSTITUTION", "UNKNOWN_AGENCY", "UNKNOWN_PICKUP_LOCATION"];
        let faults = answer.body["errors"].as_array().cloned().unwrap_or_default();
        let faults = faults.iter().map(|fault| fault["code"].as_str().unwrap());
        let faults: Vec<_> = faults.filter(|code| !not_set_up.contains(code)).collect();
        assert_eq!(faults, [""; 0], "{method} {path}: {}", answer.text);
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(table) => {
            if let Some(Value::String(reference)) = table.get("$ref") {
                references.push(reference.clone());
            }
            table.values().for_each(|value| collect(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
