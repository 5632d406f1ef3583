//! The OpenAPI document, as clients rely on it.

use serde_json::Value;

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
                assert_eq!(reported, !status.starts_with('2'), "{status} of {id}");
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
