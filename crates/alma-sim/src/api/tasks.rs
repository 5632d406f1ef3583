//! Task lists: what staff of a desk are to pick from the shelf.

use serde_json::{Value, json};

use super::{Answer, Call, list};
use crate::clock::date;
use crate::refusal::Refusal;
use crate::state::Alma;
use crate::state::model::{Id, Item, Request};

/// Holds that wait for a copy in place in a location the desk serves: the copy, and its first hold.
fn waiting<'a>(alma: &'a Alma, library: &str, desk: &str) -> Result<Vec<(&'a Item, &'a Request)>, Refusal> {
    let desk = alma.desk(library, desk).ok_or_else(|| Refusal::new("402119", "General error."))?;
    let served = |item: &&Item| {
        let (home, location) = alma.place_of(item);
        item.in_place() && home == library && desk.locations.contains(&location)
    };
    let mut rows = Vec::new();
    for request in alma.active().filter(|request| request.is_hold() && request.item.is_none()) {
        let copy = match request.asked {
            Some(pid) => alma.items.get(&pid).filter(served),
            None => alma.items_of(request.mms).find(served),
        };
        if let Some(item) = copy.filter(|item| alma.queue_of(item.pid).first() == Some(&request.id)) {
            rows.push((item, request));
        }
    }
    Ok(rows)
}

fn row(alma: &Alma, item: &Item, request: &Request, base: &str) -> Value {
    let (library, location) = alma.place_of(item);
    let bib = alma.bibs.get(&item.mms);
    let call_number = alma.holdings.get(&item.holding).map(|holding| holding.call_number.clone());
    let bib_link = format!("{base}/almaws/v1/bibs/{}", item.mms);
    let holding_link = format!("{bib_link}/holdings/{}", item.holding);
    let user = request.user.and_then(|key| alma.users.get(&key));
    let id = percent_encoding::utf8_percent_encode(&request.primary_id, percent_encoding::NON_ALPHANUMERIC);
    json!({
        "resource_metadata": {
            "mms_id": {"value": item.mms.to_string(), "link": bib_link}, "title": bib.map(|bib| bib.title.clone()),
            "author": bib.and_then(|bib| bib.author.clone()), "isbn": bib.and_then(|bib| bib.isbn.clone()),
            "issn": bib.and_then(|bib| bib.issn.clone()), "publisher": bib.and_then(|bib| bib.publisher.clone()),
            "publication_place": bib.and_then(|bib| bib.place.clone()),
            "publication_year": bib.and_then(|bib| bib.year.clone()),
        },
        "location": {
            "library": {"value": library, "desc": alma.library_name(&library)}, "shelving_location": location,
            "call_number": call_number, "holding_id": {"value": item.holding.to_string(), "link": holding_link},
            "copy": [{
                "pid": item.pid.to_string(), "barcode": item.barcode, "alternative_call_number": "",
                "storage_location_id": "", "base_status": {"value": "1", "desc": "Item in place"},
                "link": format!("{holding_link}/items/{}", item.pid),
            }],
        },
        "request": [{
            "id": request.id.to_string(), "request_type": request.kind,
            "request_sub_type": {"value": request.sub_type, "desc": "Patron physical item request"},
            "destination": {"value": request.pickup.library, "desc": alma.library_name(&request.pickup.library)},
            "requester": {"value": null, "desc": user.map(|user| crate::render::sort_name(&user.data)),
                "link": format!("{base}/almaws/v1/users/{id}")},
            "request_date": date(request.placed), "printed": request.printed, "reported": false,
            "link": format!("{bib_link}/requests/{}", request.id),
        }],
    })
}

/// By location or call number, where the call asks for it.
fn sort(alma: &Alma, call: &Call<'_>, rows: &mut [(&Item, &Request)]) -> Result<(), Refusal> {
    let number = |item: &Item| alma.holdings.get(&item.holding).map(|holding| holding.call_number.clone());
    let wrong = |name: &str| Err(Refusal::new("40166414", format!("Parameter value is invalid: {name}")));
    match call.query("order_by").map(str::to_ascii_lowercase).as_deref() {
        None => return Ok(()),
        Some("location") => rows.sort_by_cached_key(|(item, _)| (alma.place_of(item).1, number(item))),
        Some("call_number") => rows.sort_by_cached_key(|(item, _)| number(item)),
        Some(_) => return wrong("order_by"),
    }
    match call.query("direction").map(str::to_ascii_lowercase).as_deref() {
        None | Some("asc") => {}
        Some("desc") => rows.reverse(),
        Some(_) => return wrong("direction"),
    }
    Ok(())
}

/// Rows of one page, as values and as request ids.
fn page(alma: &Alma, call: &Call<'_>) -> Result<(Vec<Value>, Vec<Id>, usize), Refusal> {
    let (limit, offset) = call.page(alma)?;
    let library = call.query("library").ok_or_else(|| Refusal::missing("library"))?;
    let desk = call.query("circ_desk").ok_or_else(|| Refusal::missing("circ_desk"))?;
    let mut rows = waiting(alma, library, desk)?;
    if let Some(printed) = call.query("printed") {
        let printed = printed.eq_ignore_ascii_case("y") || printed.eq_ignore_ascii_case("true");
        rows.retain(|(_, request)| request.printed == printed);
    }
    if let Some(code) = call.query("location") {
        rows.retain(|(item, _)| alma.place_of(item).1 == code);
    }
    // No row is ever reported: that is a mark on a printed slip.
    if call.query("reported").is_some_and(|flag| flag.eq_ignore_ascii_case("y") || flag.eq_ignore_ascii_case("true")) {
        rows.clear();
    }
    sort(alma, call, &mut rows)?;
    let total = rows.len();
    let rows: Vec<_> = rows.into_iter().skip(offset).take(limit).collect();
    let ids = rows.iter().map(|(_, request)| request.id).collect();
    Ok((rows.into_iter().map(|(item, request)| row(alma, item, request, call.base())).collect(), ids, total))
}

pub(super) fn requested_resources(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (rows, _, total) = page(alma, call)?;
    Ok(list("requested_resources", "requested_resource", rows, total))
}

/// The same list, and the rows count as printed from now on.
pub(super) fn print_requested_resources(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (rows, ids, total) = page(alma, call)?;
    for id in ids {
        if let Some(request) = alma.requests.get_mut(&id) {
            request.printed = true;
        }
    }
    Ok(list("requested_resources", "requested_resource", rows, total))
}
