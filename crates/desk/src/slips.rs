//! Slips to print: pull slips, transit slips, bookbands, and the list of the hold shelf.

use askama::Template;
use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;
use barcoders::sym::code128::Code128;

use crate::failure::Failure;
use crate::form::Fields;
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::requests::model::{RequestList, RequestView};
use crate::state::Desk;
use crate::visitor::Visitor;

/// The most slips of a page. A batch of paper has fewer.
const MOST: u32 = 200;

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/slips", get(slips))
}

/// A kind of slip: its name in addresses, the id of its name, and the requests that have one.
struct Kind {
    name: &'static str,
    title: &'static str,
    query: &'static str,
}

/// The kinds. The first is the usual one.
const KINDS: [Kind; 4] = [
    Kind {
        name: "pull",
        title: "slips-pull",
        query: "side=lender&status=CONFIRMED,REQUEST_PLACED_AT_BORROWING_AGENCY,REQUEST_PLACED_AT_PICKUP_AGENCY",
    },
    Kind {
        name: "transit",
        title: "slips-transit",
        query: "side=lender&status=CONFIRMED,REQUEST_PLACED_AT_BORROWING_AGENCY,REQUEST_PLACED_AT_PICKUP_AGENCY,PICKUP_TRANSIT",
    },
    Kind { name: "band", title: "slips-band", query: "side=borrower&status=RECEIVED_AT_PICKUP,READY_FOR_PICKUP" },
    Kind { name: "shelf", title: "slips-shelf", query: "side=borrower&status=READY_FOR_PICKUP" },
];

/// A slip.
#[derive(Debug)]
struct Slip {
    request: RequestView,
    /// The large line: where to take the item from, or where it goes.
    head: String,
    lender: String,
    borrower: String,
    /// The bars of the item's barcode as the path of an SVG image, with its width.
    bars: Option<(String, usize)>,
    barcode: String,
}

#[derive(Template)]
#[template(path = "slips.html")]
struct SlipsPage {
    frame: Frame,
    kind: &'static str,
    title: String,
    /// The kinds: name, title, whether it is the present one.
    kinds: Vec<(&'static str, String, bool)>,
    slips: Vec<Slip>,
    consortium: String,
    is_cut: bool,
}

async fn slips(
    axum::extract::State(desk): axum::extract::State<Desk>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Page {
    let fields = Fields::read(query.unwrap_or_default().as_bytes())?;
    let kind = KINDS.iter().find(|kind| kind.name == fields.text("kind")).unwrap_or(&KINDS[0]);
    let (requests, is_cut) = read(&visitor, kind, &fields).await?;
    let frame = Frame::new(&visitor, "/slips");
    let texts = frame.texts;
    let mut slips: Vec<Slip> = requests.into_iter().map(|request| slip(&visitor, kind, request)).collect();
    slips.sort_by(|one, other| one.head.cmp(&other.head));
    show(&SlipsPage {
        kind: kind.name,
        title: texts.say(kind.title),
        kinds: KINDS.iter().map(|known| (known.name, texts.say(known.title), known.name == kind.name)).collect(),
        slips,
        consortium: desk.consortium().to_owned(),
        is_cut,
        frame,
    })
}

/// Reads the requests that were selected, or else all that have a slip of this kind. Returns whether there are more.
async fn read(visitor: &Visitor, kind: &Kind, fields: &Fields) -> Result<(Vec<RequestView>, bool), Failure> {
    let selected: Vec<&str> = fields.all("r").take(usize::try_from(MOST).unwrap_or(usize::MAX)).collect();
    if selected.is_empty() {
        let path = format!("/api/v1/requests?limit={MOST}&sort=placed_at&{}", kind.query);
        let found: RequestList = visitor.api.get(&path).await?;
        return Ok((found.requests, found.next.is_some()));
    }
    let mut requests = Vec::with_capacity(selected.len());
    for id in selected {
        requests.push(visitor.api.get(&format!("/api/v1/requests/{}?without_timeline=true", encoded(id))).await?);
    }
    Ok((requests, false))
}

fn slip(visitor: &Visitor, kind: &Kind, request: RequestView) -> Slip {
    let libraries = &visitor.libraries;
    let lender = request.lender.as_ref();
    let shelf = lender.map(|lender| lender.call_number.clone().unwrap_or_else(|| lender.location.clone()));
    let head = match kind.name {
        "pull" => shelf.unwrap_or_default(),
        "transit" => request.pickup_location.name.clone(),
        _ => request.pickup_code.clone().unwrap_or_else(|| request.short_id()),
    };
    let barcode = match kind.name {
        "band" | "shelf" => request.borrower.barcode.clone(),
        _ => None,
    };
    let barcode = barcode.or_else(|| lender.map(|lender| lender.barcode.clone())).unwrap_or_default();
    Slip {
        head,
        lender: lender.map(|lender| libraries.of_institution(&lender.institution).to_owned()).unwrap_or_default(),
        borrower: libraries.of_agency(&request.patron.agency).to_owned(),
        bars: bars(&barcode),
        barcode,
        request,
    }
}

/// Returns the bars of a barcode (Code 128, set B) as the path of an image one unit high, and the image's width. A barcode
/// with signs that the code lacks has none.
fn bars(barcode: &str) -> Option<(String, usize)> {
    if barcode.is_empty() || !barcode.chars().all(|sign| matches!(sign, ' '..='~')) {
        return None;
    }
    // The library takes the set's sign before the text.
    let modules = Code128::new(format!("\u{0181}{barcode}")).ok()?.encode();
    let mut path = String::new();
    let mut at = 0;
    for run in modules.chunk_by(|one, other| one == other) {
        if run.first() == Some(&1) {
            path.push_str(&format!("M{at} 0h{0}v1h-{0}z", run.len()));
        }
        at += run.len();
    }
    Some((path, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barcode_is_code_128_in_set_b() {
        // Start B, 'A', the check sum (104 + 33) mod 103 = 34, stop: 3 symbols of 11 modules and one of 13.
        let (path, width) = bars("A").unwrap();
        assert_eq!(width, 3 * 11 + 13);
        // Start B is 11010010000: bars of 2, 1 and 1 modules at 0, 3 and 6.
        assert!(path.starts_with("M0 0h2v1h-2zM3 0h1v1h-1zM6 0h1v1h-1z"), "{path}");
    }

    #[test]
    fn barcode_with_signs_outside_the_code_has_no_bars() {
        assert_eq!(bars("Öl"), None);
        assert_eq!(bars(""), None);
    }
}
