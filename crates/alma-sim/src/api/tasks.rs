//! Task lists: the items that staff of a circulation desk pick from the shelf.

use std::sync::Arc;

use super::{Answer, Call, Reply};
use crate::clock::date;
use crate::refusal::Refusal;
use crate::render;
use crate::shape::{Shape, fields};
use crate::state::model::{Id, Item, Request};
use crate::state::{Alma, Waiting};

/// Lists the holds that wait for a copy in place in a location that the desk serves: the copy, and its first hold.
fn waiting(alma: &mut Alma, library: &str, desk: &str) -> Result<Waiting, Refusal> {
    let found = alma.desk(library, desk).ok_or_else(|| Refusal::new("402119", "General error."))?;
    let place = (library.to_owned(), desk.to_owned());
    if let Some((version, rows)) = alma.index.waiting.get(&place)
        && *version == alma.version
    {
        return Ok(Arc::clone(rows));
    }
    let served = |item: &&Item| {
        let (home, location) = alma.place_of(item);
        item.in_place() && home == library && found.locations.iter().any(|code| code == location)
    };
    let mut rows = Vec::new();
    for request in alma.active().filter(|request| request.is_hold() && request.item.is_none()) {
        let copy = match request.asked {
            Some(pid) => alma.items.get(&pid).filter(served),
            None => alma.items_of(request.mms).find(served),
        };
        if let Some(item) = copy.filter(|item| alma.queue_of(item.pid).first() == Some(&request.id)) {
            rows.push((item.pid, request.id));
        }
    }
    let rows = Arc::new(rows);
    alma.index.waiting.insert(place, (alma.version, Arc::clone(&rows)));
    Ok(rows)
}

fn row<'a>(alma: &'a Alma, item: &'a Item, request: &'a Request, base: &str) -> Shape<'a> {
    let (library, location) = alma.place_of(item);
    let bib = alma.bibs.get(&item.mms);
    let bib_link = format!("{base}/almaws/v1/bibs/{}", item.mms);
    let holding_link = format!("{bib_link}/holdings/{}", item.holding);
    let requester = fields! {
        "value": Shape::Null,
        "desc": request.user.and_then(|key| alma.users.get(&key)).map(|user| render::sort_name(&user.data)),
        "link": format!("{base}/almaws/v1/users/{}", render::encode(&request.primary_id)),
    };
    let copy = fields! {
        "pid": item.pid, "barcode": &item.barcode, "alternative_call_number": "", "storage_location_id": "",
        "base_status": Shape::Code("1", Some("Item in place")),
        "link": format!("{holding_link}/items/{}", item.pid),
    };
    fields! {
        "resource_metadata": fields! {
            "mms_id": fields! {"value": item.mms, "link": bib_link.clone()}, "title": bib.map(|bib| &bib.title),
            "author": bib.and_then(|bib| bib.author.as_ref()), "isbn": bib.and_then(|bib| bib.isbn.as_ref()),
            "issn": bib.and_then(|bib| bib.issn.as_ref()), "publisher": bib.and_then(|bib| bib.publisher.as_ref()),
            "publication_place": bib.and_then(|bib| bib.place.as_ref()),
            "publication_year": bib.and_then(|bib| bib.year.as_ref()),
        },
        "location": fields! {
            "library": Shape::Code(library, Some(alma.library_name(library))), "shelving_location": location,
            "call_number": alma.holdings.get(&item.holding).map(|holding| &holding.call_number),
            "holding_id": fields! {"value": item.holding, "link": holding_link}, "copy": vec![copy],
        },
        "request": vec![fields! {
            "id": request.id, "request_type": &request.kind,
            "request_sub_type": Shape::Code(&request.sub_type, Some("Patron physical item request")),
            "destination": fields! {
                "value": &request.pickup.library, "desc": alma.library_name(&request.pickup.library),
            },
            "requester": requester, "request_date": date(request.placed), "printed": request.printed,
            "reported": false, "link": format!("{bib_link}/requests/{}", request.id),
        }],
    }
}

/// Sorts the rows by location or call number, if the call names one of them.
fn sort(alma: &Alma, call: &Call<'_>, rows: &mut [(&Item, &Request)]) -> Result<(), Refusal> {
    let number = |item: &Item| alma.holdings.get(&item.holding).map(|holding| holding.call_number.clone());
    let wrong = |name: &str| Err(Refusal::new("40166414", format!("Parameter value is invalid: {name}")));
    match call.query("order_by").map(str::to_ascii_lowercase).as_deref() {
        None => return Ok(()),
        Some("location") => rows.sort_by_cached_key(|(item, _)| (alma.place_of(item).1.to_owned(), number(item))),
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

/// Returns the requested page and the ids of its requests.
fn page(alma: &mut Alma, call: &Call<'_>) -> Result<(Reply, Vec<Id>), Refusal> {
    let (limit, offset) = call.page(alma)?;
    let library = call.query("library").ok_or_else(|| Refusal::missing("library"))?;
    let desk = call.query("circ_desk").ok_or_else(|| Refusal::missing("circ_desk"))?;
    let all = waiting(alma, library, desk)?;
    let yes = |text: &str| text.eq_ignore_ascii_case("y") || text.eq_ignore_ascii_case("true");
    let printed = call.query("printed").map(yes);
    let location = call.query("location");
    // A reported row is one with a mark on a printed slip. The simulator has none.
    let reported = call.query("reported").is_some_and(yes);
    let wanted = |(item, request): &(&Item, &Request)| {
        !reported
            && printed.is_none_or(|printed| request.printed == printed)
            && location.is_none_or(|code| alma.place_of(item).1 == code)
    };
    let found = |(pid, id): &(Id, Id)| alma.items.get(pid).zip(alma.requests.get(id));
    let plain = printed.is_none() && location.is_none() && !reported && call.query("order_by").is_none();
    let (total, rows): (usize, Vec<_>) = if plain {
        (all.len(), all.iter().skip(offset).take(limit).filter_map(found).collect())
    } else {
        let mut kept: Vec<_> = all.iter().filter_map(found).filter(wanted).collect();
        sort(alma, call, &mut kept)?;
        (kept.len(), kept.into_iter().skip(offset).take(limit).collect())
    };
    let ids = rows.iter().map(|(_, request)| request.id).collect();
    let rows = rows.into_iter().map(|(item, request)| row(alma, item, request, call.base())).collect();
    Ok((call.rows("requested_resources", "requested_resource", rows, total), ids))
}

pub(super) fn requested_resources(alma: &mut Alma, call: &Call<'_>) -> Answer {
    page(alma, call).map(|(reply, _)| reply)
}

/// Returns the same list, and marks its rows as printed.
pub(super) fn print_requested_resources(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (reply, ids) = page(alma, call)?;
    for id in ids {
        if let Some(request) = alma.requests.get_mut(&id) {
            request.printed = true;
        }
    }
    Ok(reply)
}
