//! The copies of a title and what each library says about them now, as a part of the search page.

use askama::Template;
use axum::extract::Path;

use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::search::model::{Availability, Copy};
use crate::status::Pill;
use crate::texts::Texts;
use crate::visitor::Visitor;

/// A copy, or a library that gives no answer.
#[derive(Debug)]
struct Row {
    pill: Pill,
    library: String,
    place: String,
    note: Option<String>,
}

#[derive(Template)]
#[template(path = "copies.html")]
struct CopiesPart {
    frame: Frame,
    rows: Vec<Row>,
}

/// How long the part waits for the libraries, in milliseconds.
const PATIENCE: u32 = 3_000;

pub(crate) async fn copies(visitor: Visitor, Path(title): Path<String>) -> Page {
    let path = format!("/api/v1/catalogue/titles/{}/availability?deadline_ms={PATIENCE}", encoded(&title));
    let answer: Availability = visitor.api.get(&path).await?;
    let (texts, libraries) = (visitor.texts(), &visitor.libraries);
    let mut rows = Vec::new();
    for record in &answer.records {
        let library = libraries.of_institution(&record.institution);
        rows.extend(record.copies.iter().map(|copy| row(&visitor, library, copy)));
        let silent = record.missing.as_ref().filter(|_| record.copies.is_empty());
        rows.extend(silent.map(|reason| without_answer(texts, library, &reason.explanation)));
    }
    rows.extend(answer.missing.iter().map(|missing| {
        without_answer(texts, libraries.of_institution(&missing.institution), &missing.reason.explanation)
    }));
    show(&CopiesPart { frame: Frame::new(&visitor, "/search"), rows })
}

fn row(visitor: &Visitor, library: &str, copy: &Copy) -> Row {
    let texts = visitor.texts();
    let (tone, icon, words) = match (copy.requestable, copy.state.as_str(), copy.due) {
        (true, "available", _) => ("good", "check", texts.say("copy-available")),
        (_, "lent", Some(due)) => ("warn", "clock", texts.say1("copy-lent-until", "day", visitor.times.day_of(&due))),
        (_, "lent", None) => ("warn", "clock", texts.say("copy-lent")),
        (false, "available" | "not_lendable", _) => ("calm", "x", texts.say("copy-not-lendable")),
        _ => ("calm", "clock", texts.say("copy-unknown")),
    };
    let location = copy.location_name.as_ref().unwrap_or(&copy.location);
    let branch = copy.library_name.as_ref().unwrap_or(&copy.library);
    let place = [Some(branch), Some(location), copy.volume.as_ref()];
    Row {
        pill: Pill { tone, icon, words },
        library: library.to_owned(),
        place: place.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", "),
        note: copy.reason.as_ref().map(|reason| reason.explanation.clone()),
    }
}

fn without_answer(texts: Texts, library: &str, why: &str) -> Row {
    Row {
        pill: Pill { tone: "calm", icon: "clock", words: texts.say("copy-unknown") },
        library: library.to_owned(),
        place: String::new(),
        note: Some(why.to_owned()),
    }
}
