//! Mappings between the codes of an institution's system and the types of the consortium: codes without a type, and all
//! mappings as CSV.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::form::Form;
use crate::forms::{Cell, Done, Note, TablePage, refusal};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::seen::{Code, Codes};
use crate::set_up::codes;
use crate::set_up::institutions::{Institution, Institutions, api_path, views};
use crate::set_up::may_change;
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::Visitor;

/// The mappings, as the settings name them.
const MAPPINGS: [&str; 5] = ["patron_types", "user_groups", "item_types", "material_types", "campus_agencies"];
/// The most lines of a file.
const MOST_LINES: usize = 5_000;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/mappings", get(choose))
        .route("/institutions/{code}/mappings", get(mappings).post(map))
        .route("/institutions/{code}/mappings.csv", get(export))
        .route("/institutions/{code}/mappings/import", post(import))
}

/// A code without a mapping.
#[derive(Debug)]
struct Unmapped {
    /// The mapping that lacks it.
    mapping: &'static str,
    code: String,
    name: String,
    /// The kind of code, as the reader knows it.
    kind: String,
    /// The values among which it may be mapped; the likely one first.
    choices: Vec<(String, String)>,
}

/// The page with an institution's mappings.
#[derive(Template)]
#[template(path = "mappings.html")]
struct MappingsPage {
    frame: Frame,
    name: String,
    code: String,
    /// The code as a part of a path.
    place: String,
    views: Vec<(String, String, bool)>,
    note: Option<Note>,
    may_change: bool,
    tag: String,
    unmapped: Vec<Unmapped>,
    /// The mappings: the heading, the number of rows, and the rows.
    known: Vec<(String, Vec<(String, String)>)>,
    csv: String,
    faults: Vec<String>,
}

/// Leads to the mappings of the only institution, or shows all institutions.
async fn choose(visitor: Visitor) -> Page {
    let all: Institutions = visitor.api.get("/api/v1/institutions").await?;
    let path = |institution: &Institution| format!("/institutions/{}/mappings", encoded(&institution.code));
    if let [only] = all.institutions.as_slice() {
        return Ok(Redirect::to(&path(only)).into_response());
    }
    let frame = Frame::new(&visitor, "/mappings");
    let texts = frame.texts;
    let mut columns = vec!["col-institution"];
    columns.extend(["field-patron_types", "field-item_types"]);
    let title = texts.say("nav-mappings");
    let mut page = TablePage::new(frame, title, texts.say("mappings-about"), &columns, "institutions-none");
    for institution in &all.institutions {
        let count = |key: &str| institution.settings.get(key).and_then(Value::as_object).map_or(0, Map::len);
        page.rows.push(vec![
            Cell::link(institution.name.clone(), path(institution)).sub(institution.code.clone()),
            Cell::number(&count("patron_types")),
            Cell::number(&count("item_types")),
        ]);
    }
    show(&page)
}

async fn page(desk: &Desk, visitor: &Visitor, code: &str) -> Result<(MappingsPage, Institution), Failure> {
    let read = visitor.api.get_tagged::<Institution>(&api_path(code)).await?;
    let institution = read.value;
    let frame = Frame::new(visitor, "/mappings");
    let (texts, may_change) = (frame.texts, may_change(visitor));
    let (mut unmapped_codes, mut note) = (Vec::new(), None);
    if may_change {
        match codes::read(desk, visitor, code).await {
            Ok(codes) => unmapped_codes = unmapped(texts, &institution.settings, &codes),
            Err(problem) => note = Some(Note::warn(texts.say1("codes-unread", "reason", &problem.detail))),
        }
    }
    let known = MAPPINGS.iter().map(|mapping| {
        (texts.say(&format!("field-{mapping}")), table(&institution.settings, mapping).into_iter().collect())
    });
    let page = MappingsPage {
        known: known.collect(),
        unmapped: unmapped_codes,
        note,
        may_change,
        tag: read.tag.unwrap_or_default(),
        views: views(texts, code, "/mappings"),
        name: institution.name.clone(),
        code: code.to_owned(),
        place: encoded(code),
        csv: String::new(),
        faults: Vec::new(),
        frame,
    };
    Ok((page, institution))
}

fn table(settings: &Map<String, Value>, mapping: &str) -> BTreeMap<String, String> {
    let rows = settings.get(mapping).and_then(Value::as_object).into_iter().flatten();
    rows.filter_map(|(code, value)| Some((code.clone(), value.as_str()?.to_owned()))).collect()
}

/// Returns the codes of the institution's system that have no type, and the types of the consortium that have no code.
fn unmapped(texts: Texts, settings: &Map<String, Value>, codes: &Codes) -> Vec<Unmapped> {
    let own = |mapping: &'static str, back: &str, all: &[Code], types: &[String], kind: &str| {
        let known = table(settings, mapping);
        let virtual_codes: BTreeSet<String> = match mapping {
            // A group of virtual patrons has no patrons of its own.
            "patron_types" => table(settings, back).into_values().collect(),
            _ => BTreeSet::new(),
        };
        let choices: BTreeSet<String> = known.values().cloned().chain(types.iter().cloned()).collect();
        let rest = all.iter().filter(|code| !known.contains_key(&code.code) && !virtual_codes.contains(&code.code));
        let rows = rest.map(|code| Unmapped {
            mapping,
            code: code.code.clone(),
            name: code.label().to_owned(),
            kind: texts.say(kind),
            choices: likely_first(&code.code, choices.iter().map(|choice| (choice.clone(), choice.clone()))),
        });
        rows.collect::<Vec<_>>()
    };
    let others = |mapping: &'static str, types: &[String], all: &[Code], kind: &str| {
        let known = table(settings, mapping);
        let rest = types.iter().filter(|wanted| !known.contains_key(*wanted));
        let rows = rest.map(|wanted| Unmapped {
            mapping,
            code: wanted.clone(),
            name: String::new(),
            kind: texts.say(kind),
            choices: likely_first(wanted, all.iter().map(|code| (code.code.clone(), code.label().to_owned()))),
        });
        rows.collect::<Vec<_>>()
    };
    let groups = &codes.user_groups;
    let materials = &codes.material_types;
    let mut rows = others("user_groups", &codes.patron_types, groups, "kind-patron-type");
    rows.extend(others("material_types", &codes.item_types, materials, "kind-item-type"));
    rows.extend(own("patron_types", "user_groups", groups, &codes.patron_types, "kind-user-group"));
    rows.extend(own("item_types", "material_types", materials, &codes.item_types, "kind-material-type"));
    rows
}

/// Orders choices so that one with nearly the same name comes first.
fn likely_first(code: &str, choices: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let plain = |text: &str| text.chars().filter(|sign| sign.is_alphanumeric()).collect::<String>().to_lowercase();
    let wanted = plain(code);
    let mut all: Vec<_> = choices.collect();
    all.sort_by_key(|(value, _)| {
        let value = plain(value);
        let is_alike = value.starts_with(&wanted) || wanted.starts_with(&value);
        (value != wanted, !is_alike || value.is_empty())
    });
    all
}

async fn mappings(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(code): Path<String>,
    Query(done): Query<Done>,
) -> Page {
    let (mut page, _) = page(&desk, &visitor, &code).await?;
    page.note = page.note.or_else(|| done.note(page.frame.texts));
    show(&page)
}

/// Adds one mapping.
async fn map(State(desk): State<Desk>, Path(code): Path<String>, Form { visitor, fields }: Form) -> Page {
    let (mut page, institution) = page(&desk, &visitor, &code).await?;
    // Each row has its own select; the button names the row.
    let row = fields.text("row");
    let (mapping, name) = (fields.text(&format!("mapping.{row}")), fields.text(&format!("code.{row}")));
    let typed = fields.filled(&format!("typed.{row}"));
    let value = typed.unwrap_or_else(|| fields.text(&format!("value.{row}")));
    if !MAPPINGS.contains(&mapping) || name.is_empty() || value.is_empty() {
        page.note = Some(Note::bad(page.frame.texts.say("mapping-incomplete")));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&page)?).into_response());
    }
    let mut table = table(&institution.settings, mapping);
    table.insert(name.to_owned(), value.to_owned());
    let changes = BTreeMap::from([(mapping.to_owned(), table)]);
    store(&visitor, page, &institution, changes, fields.text("tag"), "mapped").await
}

async fn store(
    visitor: &Visitor,
    mut page: MappingsPage,
    institution: &Institution,
    changes: BTreeMap<String, BTreeMap<String, String>>,
    tag: &str,
    done: &str,
) -> Page {
    let mut settings = institution.settings.clone();
    for (mapping, table) in changes {
        settings.insert(mapping, json!(table));
    }
    let body = json!({"name": institution.name, "kind": institution.kind, "settings": settings});
    match visitor.api.send::<Value>(Method::PUT, &api_path(&institution.code), Some(&body), Some(tag)).await {
        Ok(_) => {
            let path = format!("/institutions/{}/mappings?done={done}", encoded(&institution.code));
            Ok(Redirect::to(&path).into_response())
        }
        Err(problem) => {
            let problem = refusal(problem)?;
            let texts = page.frame.texts;
            page.note = Some(Note::bad(match problem.status {
                412 => texts.say("changed-by-other-mapping"),
                _ => problem.detail.clone(),
            }));
            page.faults.extend(problem.errors.iter().map(|fault| format!("{}: {}", fault.field, fault.message)));
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            Ok((status, show(&page)?).into_response())
        }
    }
}

/// Exports all mappings of an institution: mapping, code, value.
async fn export(visitor: Visitor, Path(code): Path<String>) -> Page {
    let institution: Institution = visitor.api.get(&api_path(&code)).await?;
    let mut file = csv::Writer::from_writer(Vec::new());
    let write = |file: &mut csv::Writer<Vec<u8>>, row: [&str; 3]| file.write_record(row).map_err(|_| Failure::Internal);
    write(&mut file, ["mapping", "code", "value"])?;
    for mapping in MAPPINGS {
        for (code, value) in table(&institution.settings, mapping) {
            write(&mut file, [mapping, &code, &value])?;
        }
    }
    let bytes = file.into_inner().map_err(|_| Failure::Internal)?;
    let headers =
        [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"mappings.csv\"")];
    Ok((headers, bytes).into_response())
}

/// Replaces the mappings that a file has. Every fault of the file is shown, and then nothing is changed.
async fn import(State(desk): State<Desk>, Path(code): Path<String>, Form { visitor, fields }: Form) -> Page {
    let (mut page, institution) = page(&desk, &visitor, &code).await?;
    let texts = page.frame.texts;
    page.csv = fields.text("csv").to_owned();
    match read_csv(texts, &page.csv) {
        Ok(changes) => store(&visitor, page, &institution, changes, fields.text("tag"), "imported").await,
        Err(faults) => {
            page.note = Some(Note::bad(texts.say1("import-faults", "count", faults.len())));
            page.faults = faults;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&page)?).into_response())
        }
    }
}

/// Reads a file with the columns mapping, code and value.
fn read_csv(texts: Texts, text: &str) -> Result<BTreeMap<String, BTreeMap<String, String>>, Vec<String>> {
    let (mut tables, mut faults) = (BTreeMap::<String, BTreeMap<String, String>>::new(), Vec::new());
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    for (index, record) in reader.records().enumerate() {
        if index > MOST_LINES {
            faults.push(texts.say1("import-long", "most", MOST_LINES));
            break;
        }
        let Ok(record) = record else {
            faults.push(texts.say1("import-unreadable", "line", index + 1));
            continue;
        };
        let line = record.position().map_or(0, csv::Position::line);
        let cells: Vec<&str> = record.iter().map(str::trim).collect();
        match cells.as_slice() {
            ["mapping", "code", "value"] if index == 0 => {}
            [""] => {}
            [mapping, _, _] if !MAPPINGS.contains(mapping) => {
                faults.push(texts.say2("import-mapping", "line", line, "mapping", *mapping));
            }
            [_, "", _] | [_, _, ""] => faults.push(texts.say1("import-empty", "line", line)),
            [mapping, code, value] => {
                let table = tables.entry((*mapping).to_owned()).or_default();
                if table.insert((*code).to_owned(), (*value).to_owned()).is_some() {
                    faults.push(texts.say2("import-repeated", "line", line, "code", *code));
                }
            }
            _ => faults.push(texts.say1("import-columns", "line", line)),
        }
    }
    if tables.is_empty() && faults.is_empty() {
        faults.push(texts.say("import-nothing"));
    }
    if faults.is_empty() { Ok(tables) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use messages::Language;

    use super::*;

    const TEXTS: Texts = Texts { language: Language::English };

    #[test]
    fn every_fault_of_a_file_is_reported_with_its_line() {
        let file = "mapping,code,value\npatron_types,UNDRGRD,undergraduate\nshoes,A,b\npatron_types,UNDRGRD,x\n\
                    item_types,BOOK\nitem_types,,book\n";
        let faults = read_csv(TEXTS, file).unwrap_err();
        let lines: Vec<bool> =
            [3, 4, 5, 6].iter().zip(&faults).map(|(line, fault)| fault.contains(&line.to_string())).collect();
        assert_eq!(lines, [true; 4], "{faults:?}");
        assert_eq!(read_csv(TEXTS, "").unwrap_err().len(), 1);
    }

    #[test]
    fn file_with_quotes_and_windows_line_ends_is_read() {
        let tables = read_csv(TEXTS, "mapping,code,value\r\nitem_types,\"A, B\",book\r\n").unwrap();
        assert_eq!(tables["item_types"]["A, B"], "book");
    }

    #[test]
    fn choice_with_nearly_the_same_name_comes_first() {
        let choices = ["dvd", "book", "map"].map(|choice| (choice.to_owned(), choice.to_owned()));
        assert_eq!(likely_first("BOOK", choices.into_iter())[0].0, "book");
    }
}
