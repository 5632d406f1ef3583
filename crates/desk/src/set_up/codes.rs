//! The codes of an institution's system as choices of the settings.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};

use crate::api::Problem;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::seen::{Code, Codes, LibraryCodes};
use crate::state::Desk;
use crate::visitor::Visitor;

/// Reads the codes of an institution, unless they were read a short time ago.
pub(crate) async fn read(desk: &Desk, visitor: &Visitor, institution: &str) -> Result<Arc<Codes>, Problem> {
    let now = desk.clock().now();
    if let Some(known) = desk.seen().codes(institution, now) {
        return Ok(known);
    }
    let codes = visitor.api.get(&format!("/api/v1/institutions/{}/codes", encoded(institution))).await?;
    Ok(desk.seen().keep_codes(institution, codes, now))
}

/// Lists of suggestions for the fields of a form.
#[derive(Template)]
#[template(path = "codes.html")]
struct Lists {
    lists: Vec<(&'static str, Vec<(String, String)>)>,
    /// Why they can't be read.
    fault: Option<String>,
}

/// The lists of suggestions, for a page that is shown already.
pub(crate) async fn lists(State(desk): State<Desk>, visitor: Visitor, Path(code): Path<String>) -> Page {
    // The institution first: what was read of it before is for those alone who may see it.
    let path = format!("/api/v1/institutions/{}", encoded(&code));
    visitor.api.get::<serde_json::Value>(&path).await?;
    let page = match read(&desk, &visitor, &code).await {
        Ok(codes) => Lists { lists: lists_of(&codes), fault: None },
        Err(problem) => {
            Lists { lists: Vec::new(), fault: Some(visitor.texts().say1("codes-unread", "reason", &problem.detail)) }
        }
    };
    show(&page)
}

fn lists_of(codes: &Codes) -> Vec<(&'static str, Vec<(String, String)>)> {
    let named = |all: &[Code]| all.iter().map(|code| (code.code.clone(), code.label().to_owned())).collect::<Vec<_>>();
    let plain = |all: &[String]| all.iter().map(|code| (code.clone(), code.clone())).collect::<Vec<_>>();
    let name_of = |library: &LibraryCodes| library.name.clone().unwrap_or_else(|| library.code.clone());
    let libraries = codes.libraries.iter().map(|library| (library.code.clone(), name_of(library)));
    let of_libraries = |each: fn(&LibraryCodes) -> &Vec<Code>| {
        let all = codes.libraries.iter().flat_map(|library| each(library).iter().map(move |code| (library, code)));
        let named = all.map(|(library, code)| (code.code.clone(), format!("{}, {}", name_of(library), code.label())));
        let mut seen = std::collections::BTreeSet::new();
        named.filter(|(code, _)| seen.insert(code.clone())).collect::<Vec<_>>()
    };
    let places = codes.libraries.iter().flat_map(|library| {
        let place = move |location: &Code| (format!("{}/{}", library.code, location.code), location.label().to_owned());
        library.locations.iter().map(place)
    });
    vec![
        ("libraries", libraries.collect()),
        ("desks", of_libraries(|library| &library.desks)),
        ("locations", of_libraries(|library| &library.locations)),
        ("places", places.collect()),
        ("user-groups", named(&codes.user_groups)),
        ("material-types", named(&codes.material_types)),
        ("item-policies", named(&codes.item_policies)),
        ("identifier-types", named(&codes.identifier_types)),
        ("cancellation-reasons", named(&codes.cancellation_reasons)),
        ("patron-types", plain(&codes.patron_types)),
        ("item-types", plain(&codes.item_types)),
    ]
}
