//! The page `/docs`: the operations of the API, written from its OpenAPI document. It needs no account, as the document itself.

use std::sync::OnceLock;

use askama::Template;
use axum::Router;
use axum::routing::get;
use serde_json::Value;

use crate::frame::ICONS;
use crate::page::{Page, show};
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::Taste;

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/docs", get(docs))
}

/// A group of operations.
#[derive(Clone, Debug, PartialEq)]
struct Group {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

#[derive(Clone, Debug, PartialEq)]
struct Operation {
    id: String,
    method: &'static str,
    path: String,
    summary: String,
    description: String,
    /// Name, place, description.
    parameters: Vec<(String, String, String)>,
    /// An example of the body.
    body: Option<String>,
    /// Status and description.
    answers: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage {
    texts: Texts,
    theme: Option<&'static str>,
    icons: &'static str,
    groups: &'static [Group],
}

async fn docs(taste: Taste) -> Page {
    static GROUPS: OnceLock<Vec<Group>> = OnceLock::new();
    let groups = GROUPS.get_or_init(|| groups(&serde_json::to_value(web::openapi()).unwrap_or_default()));
    show(&DocsPage { texts: taste.texts(), theme: taste.theme, icons: ICONS, groups })
}

/// Returns the operations of an OpenAPI document, by their tags in the document's order.
fn groups(document: &Value) -> Vec<Group> {
    let named = document["tags"].as_array().into_iter().flatten().map(|tag| Group {
        name: text(&tag["name"]),
        description: text(&tag["description"]),
        operations: Vec::new(),
    });
    let mut groups: Vec<Group> = named.collect();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in ["get", "post", "put", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            let tag = text(&operation["tags"][0]);
            if let Some(group) = groups.iter_mut().find(|group| group.name == tag) {
                group.operations.push(self::operation(document, path, method, operation));
            }
        }
    }
    groups.retain(|group| !group.operations.is_empty());
    groups
}

fn operation(document: &Value, path: &str, method: &'static str, operation: &Value) -> Operation {
    let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| {
        let parameter = resolved(document, parameter);
        (text(&parameter["name"]), text(&parameter["in"]), text(&parameter["description"]))
    });
    let content = &operation["requestBody"]["content"]["application/json"];
    let schema = resolved(document, &content["schema"]);
    let example = content.get("example").or_else(|| schema.pointer("/examples/0"));
    let answers = operation["responses"].as_object().into_iter().flatten();
    Operation {
        id: text(&operation["operationId"]),
        method,
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        description: text(&operation["description"]),
        parameters: parameters.collect(),
        body: example.and_then(|example| serde_json::to_string_pretty(example).ok()),
        answers: answers
            .map(|(status, answer)| (status.clone(), text(&resolved(document, answer)["description"])))
            .collect(),
    }
}

/// Follows a reference within the document.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let path = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    path.and_then(|path| document.pointer(path)).unwrap_or(value)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_document_is_on_the_page() {
        let document = serde_json::to_value(web::openapi()).unwrap();
        let groups = groups(&document);
        let shown: usize = groups.iter().map(|group| group.operations.len()).sum();
        let paths = document["paths"].as_object().unwrap().values();
        let methods = ["get", "post", "put", "delete", "patch"];
        let all: usize = paths.map(|item| methods.iter().filter(|method| item.get(**method).is_some()).count()).sum();
        assert_eq!(shown, all);
        let place = groups.iter().flat_map(|group| &group.operations).find(|operation| operation.id == "place_request");
        let place = place.unwrap();
        assert!(place.body.as_ref().is_some_and(|body| body.contains("\"pickup_location\"")), "{:?}", place.body);
        assert!(place.answers.iter().any(|(status, _)| status == "201"));
    }
}
