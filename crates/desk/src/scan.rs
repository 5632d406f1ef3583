//! The scan station: says what the scan of an item means, and what to do with it.

use askama::Template;
use axum::Router;
use axum::http::Method;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::failure::Failure;
use crate::form::Form;
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::requests::model::short_id;
use crate::state::Desk;
use crate::visitor::Visitor;

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/scan", get(station).post(scan))
}

/// The meaning of a scan, as the API answers it.
#[derive(Debug, Deserialize)]
struct Scan {
    result: String,
    act: String,
    message: String,
    arguments: Arguments,
    request: Option<Scanned>,
}

#[derive(Debug, Default, Deserialize)]
struct Arguments {
    title: Option<String>,
    owner: Option<String>,
    owner_library: Option<String>,
    pickup_location: Option<String>,
    route_code: Option<String>,
    pickup_code: Option<String>,
    until: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Scanned {
    id: String,
}

/// The answer to a scan, for the hand that holds the item.
#[derive(Debug)]
struct Answer {
    tone: &'static str,
    icon: &'static str,
    /// The order, of at most ten words.
    order: String,
    title: Option<String>,
    /// Why.
    why: String,
    /// What to write or file under, with the name of it.
    large: Option<(String, String)>,
    request: Option<(String, String)>,
    /// The slip that goes with the item: its kind, and the words of the button.
    slip: Option<(&'static str, String)>,
    barcode: String,
}

#[derive(Template)]
#[template(path = "scan.html")]
struct ScanPage {
    frame: Frame,
    answer: Option<Answer>,
}

async fn station(visitor: Visitor) -> Page {
    show(&ScanPage { frame: Frame::new(&visitor, "/scan"), answer: None })
}

async fn scan(Form { visitor, fields }: Form) -> Page {
    let barcode = fields.text("barcode");
    let answer = if barcode.is_empty() { None } else { Some(ask(&visitor, barcode).await?) };
    show(&ScanPage { frame: Frame::new(&visitor, "/scan"), answer })
}

async fn ask(visitor: &Visitor, barcode: &str) -> Result<Answer, Failure> {
    let agency = visitor.agency.as_ref().map(ToString::to_string);
    let body = json!({"barcode": barcode, "agency": agency});
    match visitor.api.send::<Scan>(Method::POST, "/api/v1/scans", Some(&body), None).await {
        Ok(scan) => Ok(answer(visitor, scan, barcode)),
        Err(problem) if problem.status == 422 => Ok(Answer {
            tone: "bad",
            icon: "x",
            order: visitor.texts().say("scan-order-unreadable"),
            title: None,
            why: problem.errors.first().map_or(problem.detail, |fault| fault.message.clone()),
            large: None,
            request: None,
            slip: None,
            barcode: barcode.to_owned(),
        }),
        Err(problem) => Err(problem.into()),
    }
}

/// The tone and the icon of each act.
fn tone(scan: &Scan) -> (&'static str, &'static str) {
    match (scan.result.as_str(), scan.act.as_str()) {
        ("unknown", _) => ("bad", "x"),
        ("elsewhere", _) => ("warn", "flag"),
        (_, "ship" | "send_on") => ("info", "truck"),
        (_, "receive" | "keep_on_hold_shelf") => ("good", "shelf"),
        (_, "return" | "send_home") => ("info", "back"),
        (_, "check_in") => ("good", "check"),
        _ => ("calm", "info"),
    }
}

fn answer(visitor: &Visitor, scan: Scan, barcode: &str) -> Answer {
    let texts = visitor.texts();
    let (tone, icon) = tone(&scan);
    let Arguments { title, owner, owner_library, pickup_location, route_code, pickup_code, until } = scan.arguments;
    let owner = owner.map(|owner| visitor.libraries.of_institution(&owner).to_owned()).unwrap_or_default();
    let owner = owner_library.map_or_else(|| owner.clone(), |library| format!("{owner}, {library}"));
    let pickup = pickup_location.unwrap_or_default();
    let order = match (scan.result.as_str(), scan.act.as_str()) {
        ("unknown", _) => texts.say("scan-order-unknown"),
        ("elsewhere", _) => texts.say1("scan-order-elsewhere", "library", &owner),
        (_, "ship" | "send_on") => texts.say1("scan-order-ship", "library", &pickup),
        (_, "receive") => texts.say("scan-order-receive"),
        (_, "keep_on_hold_shelf") => texts.say("scan-order-keep"),
        (_, "return" | "send_home") => texts.say1("scan-order-send-home", "library", &owner),
        (_, "check_in") => texts.say("scan-order-check-in"),
        _ => texts.say("scan-order-nothing"),
    };
    let slip = match scan.act.as_str() {
        "ship" | "send_on" => Some(("transit", texts.say("print-transit"))),
        "receive" | "keep_on_hold_shelf" => Some(("band", texts.say("print-band"))),
        _ => None,
    };
    let code = pickup_code.filter(|_| matches!(scan.act.as_str(), "receive" | "keep_on_hold_shelf"));
    let route = route_code.filter(|_| matches!(scan.act.as_str(), "ship" | "send_on"));
    let large = code.map(|code| (texts.say("fact-pickup-code"), code));
    let large = large.or_else(|| route.map(|route| (texts.say("route"), route)));
    let why = if texts.has(&scan.message) { texts.say(&scan.message) } else { String::new() };
    let until = until.map(|until| texts.say1("scan-until", "day", visitor.times.day_of(&until)));
    Answer {
        tone,
        icon,
        order,
        title,
        why: [Some(why), until].into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
        large,
        request: scan.request.map(|request| (short_id(&request.id), request.id)),
        slip,
        barcode: barcode.to_owned(),
    }
}
