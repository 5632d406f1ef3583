//! The page on which staff place a request for a patron: the terms first, then the request.

use askama::Template;
use axum::extract::Query;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Problem;
use crate::failure::Failure;
use crate::form::{Fields, Form};
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::search::model::{PickupLocation, PickupLocations, Preview, Title, TitleWithRecord};
use crate::visitor::Visitor;

/// What a patron may expect, in the reader's words.
#[derive(Debug)]
struct Terms {
    possible: bool,
    /// Whether the patron may borrow.
    patron: String,
    reasons: Vec<String>,
    lender: Option<String>,
    days_to_pickup: Option<u32>,
    loan_days: Option<u32>,
    is_free: bool,
    others: usize,
}

/// What is wrong with each field.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) card: Option<String>,
    pub(crate) pickup: Option<String>,
    pub(crate) needed_until: Option<String>,
    /// Those of no field.
    pub(crate) other: Vec<String>,
}

impl Faults {
    /// Sorts the faults of a problem by the fields of the page.
    pub(crate) fn of(problem: &Problem) -> Self {
        let mut faults = Self::default();
        for fault in &problem.errors {
            faults.add(&fault.field, &fault.message);
        }
        if problem.errors.is_empty() {
            faults.other.push(problem.detail.clone());
        }
        faults
    }

    fn add(&mut self, field: &str, message: &str) {
        let place = match field {
            "patron" => &mut self.card,
            "pickup_location" => &mut self.pickup,
            "needed_until" => &mut self.needed_until,
            _ => return self.other.push(message.to_owned()),
        };
        *place = Some(message.to_owned());
    }
}

#[derive(Template)]
#[template(path = "place.html")]
struct PlacePage {
    frame: Frame,
    title: Title,
    agency: String,
    /// The agencies for whose patrons the reader places requests: code and name.
    agencies: Vec<(String, String)>,
    pickup_locations: Vec<PickupLocation>,
    card: String,
    pickup: String,
    volume: String,
    needed_until: String,
    faults: Faults,
    terms: Option<Terms>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    title: String,
}

pub(crate) async fn ask(visitor: Visitor, Query(wanted): Query<Wanted>) -> Page {
    let fields = Fields::default();
    show(&page(&visitor, &wanted.title, &fields).await?)
}

async fn page(visitor: &Visitor, title: &str, fields: &Fields) -> Result<PlacePage, Failure> {
    let TitleWithRecord { title } = visitor.api.get(&format!("/api/v1/catalogue/titles/{}", encoded(title))).await?;
    let present = visitor.present_agency().or_else(|| visitor.agencies.first());
    let agency = fields.filled("agency").map(str::to_owned).or_else(|| present.map(|agency| agency.code.to_string()));
    let agency = agency.unwrap_or_default();
    let all: PickupLocations = visitor.api.get("/api/v1/pickup-locations").await?;
    let own = all.pickup_locations.into_iter().filter(|place| place.agency == agency).collect();
    Ok(PlacePage {
        frame: Frame::new(visitor, "/search"),
        title,
        agencies: visitor.agencies.iter().map(|agency| (agency.code.to_string(), agency.name.clone())).collect(),
        agency,
        pickup_locations: own,
        card: fields.text("card").to_owned(),
        pickup: fields.text("pickup").to_owned(),
        volume: fields.text("volume").to_owned(),
        needed_until: fields.text("needed_until").to_owned(),
        faults: Faults::default(),
        terms: None,
    })
}

/// Shows the terms, or places the request, by the button that was pressed.
pub(crate) async fn place(Form { visitor, fields }: Form) -> Page {
    let mut page = page(&visitor, fields.text("title"), &fields).await?;
    let body = body(&page);
    if fields.text("do") == "place" {
        match visitor.api.send::<Value>(Method::POST, "/api/v1/requests", Some(&body), None).await {
            Ok(placed) => {
                let id = placed.get("id").and_then(Value::as_str).unwrap_or_default();
                return Ok(Redirect::to(&format!("/requests/{id}")).into_response());
            }
            Err(problem) if problem.status < 500 => page.faults = Faults::of(&problem),
            Err(problem) => return Err(problem.into()),
        }
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&page)?).into_response());
    }
    match visitor.api.send::<Preview>(Method::POST, "/api/v1/requests/preview", Some(&body), None).await {
        Ok(preview) => {
            for fault in &preview.faults {
                page.faults.add(&fault.field, &fault.message);
            }
            page.terms = Some(terms(&visitor, &preview));
            page.pickup_locations = preview.pickup_locations;
        }
        Err(problem) if problem.status < 500 => page.faults = Faults::of(&problem),
        Err(problem) => return Err(problem.into()),
    }
    show(&page)
}

fn body(page: &PlacePage) -> Value {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "agency": page.agency, "patron": page.card, "pickup_location": page.pickup,
        "title": {"id": page.title.id}, "volume": filled(&page.volume), "needed_until": filled(&page.needed_until),
    })
}

fn terms(visitor: &Visitor, preview: &Preview) -> Terms {
    let texts = visitor.texts();
    let patron = preview.patron.as_ref();
    let words = match patron.map(|patron| (patron.may_borrow, &patron.patron_type)) {
        Some((Some(true), Some(kind))) => texts.say1("terms-may-borrow-as", "kind", kind),
        Some((Some(true), None)) => texts.say("terms-may-borrow"),
        Some((Some(false), _)) => texts.say("terms-may-not-borrow"),
        Some((None, _)) | None => texts.say("terms-unknown"),
    };
    let why_not = patron.into_iter().flat_map(|patron| patron.reasons.iter()).map(|reason| reason.explanation.clone());
    let asked = preview.copies.iter().filter(|copy| copy.place.is_some());
    let first = asked.clone().min_by_key(|copy| copy.place);
    let no_copy = preview.copies.iter().filter(|_| first.is_none()).map(|copy| copy.explanation.clone());
    let expected = preview.expected.as_ref();
    Terms {
        possible: preview.possible,
        patron: words,
        reasons: why_not.chain(no_copy).collect(),
        lender: first.map(|copy| visitor.libraries.of_institution(&copy.institution).to_owned()),
        days_to_pickup: expected.and_then(|expected| expected.days_to_pickup),
        loan_days: expected.and_then(|expected| expected.loan_days),
        is_free: expected.is_none_or(|expected| expected.cost.unwrap_or_default() == 0),
        others: asked.count().saturating_sub(1),
    }
}
