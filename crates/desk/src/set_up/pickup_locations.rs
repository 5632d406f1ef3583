//! Pickup locations: where patrons collect.

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::form::Form;
use crate::forms::{
    Action, Cell, Choice, Control, Done, FormPage, Input, TablePage, show_refused_change, show_refused_new,
};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::set_up::may_change;
use crate::state::Desk;
use crate::visitor::Visitor;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/pickup-locations", get(list))
        .route("/pickup-locations/new", get(add).post(create))
        .route("/pickup-locations/{code}", get(one).post(save))
        .route("/pickup-locations/{code}/remove", post(remove))
}

#[derive(Debug, Default, Deserialize)]
struct Place {
    code: String,
    name: String,
    agency: String,
    institution: String,
    library: String,
    desk: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Places {
    pickup_locations: Vec<Place>,
}

fn api_path(code: &str) -> String {
    format!("/api/v1/pickup-locations/{}", encoded(code))
}

async fn list(visitor: Visitor, Query(done): Query<Done>) -> Page {
    let frame = Frame::new(&visitor, "/pickup-locations");
    let texts = frame.texts;
    let all: Places = visitor.api.get("/api/v1/pickup-locations").await?;
    let columns = ["col-pickup-location", "col-agency", "col-library", "col-desk"];
    let title = texts.say("nav-locations");
    let mut page = TablePage::new(frame, title, texts.say("locations-about"), &columns, "locations-none");
    page.note = done.note(texts);
    if may_change(&visitor) {
        page.actions.push(Action::link("/pickup-locations/new", texts.say("location-add"), "plus"));
    }
    let rows = all.pickup_locations.into_iter().map(|place| {
        vec![
            Cell::link(place.name, format!("/pickup-locations/{}", encoded(&place.code))).sub(place.code),
            Cell::text(visitor.libraries.of_agency(&place.agency)).sub(place.agency),
            Cell::code(place.library),
            Cell::code(place.desk.unwrap_or_default()),
        ]
    });
    page.rows = rows.collect();
    show(&page)
}

fn page(visitor: &Visitor, place: Option<(Place, Option<String>)>) -> FormPage {
    let frame = Frame::new(visitor, "/pickup-locations");
    let texts = frame.texts;
    let is_new = place.is_none();
    let (place, tag) = place.unwrap_or_default();
    let (title, action) = match is_new {
        true => (texts.say("location-add"), "/pickup-locations/new".to_owned()),
        false => (place.name.clone(), format!("/pickup-locations/{}", encoded(&place.code))),
    };
    let submit = texts.say(if is_new { "location-create" } else { "location-save" });
    let mut page = FormPage::new(frame, title, action.clone(), submit);
    page.crumbs = vec![("/pickup-locations".to_owned(), texts.say("nav-locations"))];
    page.tag = tag.unwrap_or_default();
    page.may_change = may_change(visitor);
    let agencies = visitor.agencies.iter().map(|agency| Choice::new(agency.code.as_str(), agency.name.clone()));
    let mut inputs = vec![
        Input::new(texts, "location-name", Control::Text).at("name").with(place.name).required(),
        Input::new(texts, "agency", Control::Select).choosing(agencies.collect()).with(place.agency),
        Input::new(texts, "location-library", Control::Text)
            .at("library")
            .with(place.library)
            .listing("libraries")
            .required(),
        Input::new(texts, "desk", Control::Text).with(place.desk.unwrap_or_default()).listing("desks"),
    ];
    if is_new {
        inputs.insert(0, Input::new(texts, "code", Control::Text).required());
    } else {
        page.code = Some(place.code);
        if page.may_change {
            page.lists = Some(format!("/institutions/{}/lists", encoded(&place.institution)));
            page.actions.push(Action::post(format!("{action}/remove"), texts.say("location-remove"), "x"));
        }
    }
    page.card(texts.say("part-location"), inputs);
    page
}

async fn read(visitor: &Visitor, code: &str) -> Result<FormPage, Failure> {
    let read = visitor.api.get_tagged::<Place>(&api_path(code)).await?;
    Ok(page(visitor, Some((read.value, read.tag))))
}

async fn one(visitor: Visitor, Path(code): Path<String>, Query(done): Query<Done>) -> Page {
    let mut page = read(&visitor, &code).await?;
    page.note = done.note(page.frame.texts);
    show(&page)
}

fn body(page: &FormPage) -> Value {
    json!({
        "name": page.value("location-name"),
        "agency": page.value("agency"),
        "library": page.value("location-library"),
        "desk": page.filled("desk"),
    })
}

async fn save(Path(code): Path<String>, Form { visitor, fields }: Form) -> Page {
    let mut page = read(&visitor, &code).await?;
    let now = page.tag.clone();
    page.take(&fields);
    match visitor.api.send::<Value>(Method::PUT, &api_path(&code), Some(&body(&page)), Some(&page.tag)).await {
        Ok(_) => Ok(Redirect::to(&format!("/pickup-locations/{}?done=saved", encoded(&code))).into_response()),
        Err(problem) => show_refused_change(page, problem, now),
    }
}

async fn add(visitor: Visitor) -> Page {
    if !may_change(&visitor) {
        return Err(Failure::Forbidden);
    }
    show(&page(&visitor, None))
}

async fn create(Form { visitor, fields }: Form) -> Page {
    let mut page = page(&visitor, None);
    page.take(&fields);
    match visitor.api.put_new::<Value>(&api_path(fields.text("code")), &body(&page)).await {
        Ok(_) => Ok(Redirect::to("/pickup-locations?done=added").into_response()),
        Err(problem) => show_refused_new(page, problem),
    }
}

async fn remove(Path(code): Path<String>, Form { visitor, .. }: Form) -> Page {
    visitor.api.send::<Value>(Method::DELETE, &api_path(&code), None, None).await?;
    Ok(Redirect::to("/pickup-locations?done=removed").into_response())
}
