//! The page for a patron of another library who stands at this library's desk with one of its books.

use askama::Template;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::form::{Fields, Form};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::search::model::{PickupLocation, PickupLocations};
use crate::search::place::Faults;
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "walk_up.html")]
struct WalkUpPage {
    frame: Frame,
    /// The libraries of patrons: code and name.
    agencies: Vec<(String, String)>,
    agency: String,
    /// The desks at which the reader may lend.
    pickup_locations: Vec<PickupLocation>,
    pickup: String,
    barcode: String,
    card: String,
    faults: Faults,
}

pub(crate) async fn ask(visitor: Visitor) -> Page {
    show(&page(&visitor, &Fields::default()).await?)
}

async fn page(visitor: &Visitor, fields: &Fields) -> Result<WalkUpPage, Failure> {
    let all: PickupLocations = visitor.api.get("/api/v1/pickup-locations").await?;
    Ok(WalkUpPage {
        frame: Frame::new(visitor, "/walk-up"),
        agencies: visitor.libraries.all().map(|(code, name)| (code.to_owned(), name.to_owned())).collect(),
        agency: fields.text("agency").to_owned(),
        pickup_locations: all.pickup_locations,
        pickup: fields.text("pickup").to_owned(),
        barcode: fields.text("barcode").to_owned(),
        card: fields.text("card").to_owned(),
        faults: Faults::default(),
    })
}

pub(crate) async fn place(Form { visitor, fields }: Form) -> Page {
    let mut page = page(&visitor, &fields).await?;
    let here = page.pickup_locations.iter().find(|place| place.code == page.pickup);
    let institution = here.map(|place| place.institution.clone()).unwrap_or_default();
    let body = json!({
        "agency": page.agency, "patron": page.card, "pickup_location": page.pickup, "expedited": true,
        "copies": [{"institution": institution, "barcode": page.barcode}],
    });
    match visitor.api.send::<Value>(Method::POST, "/api/v1/requests", Some(&body), None).await {
        Ok(placed) => {
            let id = placed.get("id").and_then(Value::as_str).unwrap_or_default();
            Ok(Redirect::to(&format!("/requests/{id}")).into_response())
        }
        Err(problem) if problem.status < 500 => {
            page.faults = Faults::of(&problem);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&page)?).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}
