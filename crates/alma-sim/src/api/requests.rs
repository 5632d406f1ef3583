//! Requests, by user, by item and by title; request options.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::items::true_item;
use super::users::{find_for_circulation, find_in_query};
use super::{Answer, Call, Reply};
use crate::clock::read_time;
use crate::refusal::Refusal;
use crate::render;
use crate::state::Alma;
use crate::state::model::{Id, Pickup, Request, RequestStatus};
use crate::state::requests::NewRequest;

fn no_item() -> Refusal {
    Refusal::new("401684", "Search for request physical item failed.")
}

/// Returns the text of a field that is plain in the API. A coded object there is a shape error, worded as a live Alma
/// words it.
fn plain(body: &Value, key: &str) -> Result<String, Refusal> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.trim().to_owned()),
        Some(_) => {
            let reason = format!("Cannot deserialize value of type java.lang.String from Object value: {key}");
            Err(Refusal::new("401652", reason))
        }
    }
}

/// Returns the end of the day that a plain field names; `None` if the field is empty.
fn day(body: &Value, key: &str) -> Result<Option<Timestamp>, Refusal> {
    let text = plain(body, key)?;
    if text.is_empty() {
        return Ok(None);
    }
    read_time(&text, true).map(Some).ok_or_else(|| Refusal::bad_field(key, &text))
}

fn place(alma: &mut Alma, call: &Call<'_>, user: Id, mms: Id, item: Option<Id>) -> Answer {
    let body = call.body()?;
    let kind = plain(&body, "request_type")?;
    if kind.is_empty() {
        return Err(Refusal::missing("request_type"));
    }
    if !matches!(kind.as_str(), "HOLD" | "DIGITIZATION" | "BOOKING") {
        return Err(Refusal::new("401873", format!("Request failed: Invalid REQUEST_TYPE code: {kind}")));
    }
    let desk = plain(&body, "pickup_location_circulation_desk")?;
    let description = plain(&body, "description")?;
    let new = NewRequest {
        user,
        mms,
        item,
        kind,
        pickup: Pickup {
            kind: plain(&body, "pickup_location_type")?,
            library: plain(&body, "pickup_location_library")?,
            desk: (!desk.is_empty()).then_some(desk),
        },
        comment: Some(plain(&body, "comment")?).filter(|text| !text.is_empty()),
        description: if description.is_empty() { plain(&body, "manual_description")? } else { description },
        material_type: body["material_type"]["value"].as_str().unwrap_or_default().to_owned(),
        last_interest: day(&body, "last_interest_date")?,
        allow_same: call.flag("allow_same_request", false),
    };
    let id = alma.place_request(new)?;
    one(alma, id, call)
}

fn one(alma: &Alma, id: Id, call: &Call<'_>) -> Answer {
    let request = alma.requests.get(&id).ok_or_else(Refusal::no_request)?;
    Ok(call.resource("user_request", &render::request(alma, request)))
}

/// Lists active requests, or the history if the site keeps it, filtered by type.
fn listed(alma: &Alma, call: &Call<'_>, ids: &[Id], page: Option<(usize, usize)>) -> Reply {
    let kind = call.query("request_type").filter(|kind| !kind.eq_ignore_ascii_case("all_types"));
    let wanted = |request: &&Request| kind.is_none_or(|kind| request.kind.eq_ignore_ascii_case(kind));
    let mut requests: Vec<&Request> = ids.iter().filter_map(|id| alma.requests.get(id)).filter(wanted).collect();
    requests.sort_by_key(|request| (alma.place_in_queue(request), request.id));
    let (limit, offset) = page.unwrap_or((usize::MAX, 0));
    let rows = requests.iter().skip(offset).take(limit).map(|request| render::request(alma, request)).collect();
    call.rows("user_requests", "user_request", rows, requests.len())
}

fn wants_history(call: &Call<'_>) -> bool {
    call.query("status").is_some_and(|status| status.eq_ignore_ascii_case("history"))
}

/// Lists finished requests of a title. Few sites keep them, so there is no index and all requests are searched.
fn history(alma: &Alma, belongs: impl Fn(&Request) -> bool) -> Vec<Id> {
    alma.requests.values().filter(|request| !request.active() && belongs(request)).map(|request| request.id).collect()
}

pub(super) fn of_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let page = call.page(alma)?;
    let key = find_for_circulation(alma, call)?;
    let user = alma.users.get(&key).ok_or_else(Refusal::general)?;
    let ids = if wants_history(call) { &user.past_requests } else { &user.requests };
    Ok(listed(alma, call, ids, Some(page)))
}

pub(super) fn of_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let pid = true_item(alma, call, Refusal::general)?;
    let mut ids = alma.queue_of(pid);
    if wants_history(call) {
        ids = history(alma, |request| request.item == Some(pid) || request.asked == Some(pid));
    } else {
        ids.extend(alma.items.get(&pid).and_then(|item| item.reshelving_request));
    }
    Ok(listed(alma, call, &ids, None))
}

pub(super) fn of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let mms = super::bibs::find(alma, call.param(0))?;
    let ids = if wants_history(call) {
        history(alma, |request| request.mms == mms)
    } else {
        alma.bibs.get(&mms).map(|bib| bib.requests.clone()).unwrap_or_default()
    };
    Ok(listed(alma, call, &ids, None))
}

pub(super) fn create_for_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let user = find_for_circulation(alma, call)?;
    match (call.query("item_pid"), call.query("mms_id")) {
        (Some(pid), _) => {
            let item = pid.parse::<Id>().ok().and_then(|pid| alma.items.get(&pid)).ok_or_else(no_item)?;
            let (mms, pid) = (item.mms, item.pid);
            place(alma, call, user, mms, Some(pid))
        }
        (None, Some(mms)) => {
            let mms = super::bibs::find(alma, mms)?;
            place(alma, call, user, mms, None)
        }
        (None, None) => Err(Refusal::missing("item_pid or mms_id")),
    }
}

pub(super) fn create_for_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let pid = true_item(alma, call, no_item)?;
    let user = find_in_query(alma, call)?;
    let mms = alma.items.get(&pid).map(|item| item.mms).ok_or_else(no_item)?;
    place(alma, call, user, mms, Some(pid))
}

pub(super) fn create_for_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let mms = super::bibs::find(alma, call.param(0))?;
    let user = find_in_query(alma, call)?;
    place(alma, call, user, mms, None)
}

/// Finds the request that a path names, if it belongs there and is active (or history is shown).
fn find(alma: &Alma, call: &Call<'_>, at: usize, belongs: impl Fn(&Request) -> bool) -> Result<Id, Refusal> {
    let shown = |request: &&Request| {
        (request.active() || alma.behaviour.gone_request_answers_history && call.raw.method == "GET")
            && belongs(request)
    };
    let found = call.id(at).and_then(|id| alma.requests.get(&id)).filter(shown);
    found.map(|request| request.id).ok_or_else(Refusal::no_request)
}

fn find_of_user(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    if call.param(0) == "ALL" {
        return find(alma, call, 1, |_| true);
    }
    let user = find_for_circulation(alma, call)?;
    find(alma, call, 1, |request| request.user == Some(user))
}

fn find_of_bib(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    let mms = super::bibs::find(alma, call.param(0))?;
    find(alma, call, 1, |request| request.mms == mms)
}

fn find_of_item(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    let pid = true_item(alma, call, Refusal::general)?;
    find(alma, call, 3, |request| request.item == Some(pid) || request.asked.is_none_or(|asked| asked == pid))
}

pub(super) fn by_id(alma: &mut Alma, call: &Call<'_>) -> Answer {
    one(alma, find(alma, call, 0, |_| true)?, call)
}

pub(super) fn get_of_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    one(alma, find_of_user(alma, call)?, call)
}

pub(super) fn get_of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    one(alma, find_of_bib(alma, call)?, call)
}

pub(super) fn get_of_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    one(alma, find_of_item(alma, call)?, call)
}

/// Updates a request: the comment, the pickup place and the last day of interest can be changed.
fn change(alma: &mut Alma, call: &Call<'_>, id: Id) -> Answer {
    let body = call.body()?;
    let (comment, library) = (plain(&body, "comment")?, plain(&body, "pickup_location_library")?);
    let until = day(&body, "last_interest_date")?;
    if !library.is_empty() && alma.library(&library).is_none_or(|library| library.resource_sharing) {
        return Err(Refusal::not_requestable());
    }
    if let Some(request) = alma.requests.get_mut(&id) {
        request.comment = Some(comment).filter(|text| !text.is_empty());
        request.last_interest = until.or(request.last_interest);
        if !library.is_empty() && request.status == RequestStatus::NotStarted {
            request.pickup.library = library;
        }
    }
    one(alma, id, call)
}

pub(super) fn change_of_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_user(alma, call)?;
    change(alma, call, id)
}

pub(super) fn change_of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_bib(alma, call)?;
    change(alma, call, id)
}

pub(super) fn change_of_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_item(alma, call)?;
    change(alma, call, id)
}

fn cancel(alma: &mut Alma, call: &Call<'_>, id: Id) -> Answer {
    let reason = call.query("reason").ok_or_else(|| Refusal::missing("reason"))?;
    alma.cancel_request(id, reason, call.flag("notify_user", true))?;
    Ok(Reply::NoContent)
}

pub(super) fn cancel_of_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_user(alma, call)?;
    cancel(alma, call, id)
}

pub(super) fn cancel_of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_bib(alma, call)?;
    cancel(alma, call, id)
}

pub(super) fn cancel_of_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_item(alma, call)?;
    cancel(alma, call, id)
}

/// Moves a digitisation request on. Holds have no next step.
pub(super) fn next_step(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let at = call.params.len().saturating_sub(1);
    let id = find(alma, call, at, |_| true)
        .map_err(|_| Refusal::new("401907", "Failed to find a request for the given request ID."))?;
    match alma.requests.get_mut(&id) {
        Some(request) if request.kind == "DIGITIZATION" => {
            request.status = RequestStatus::InProcess;
            one(alma, id, call)
        }
        _ => Err(Refusal::new("401932", format!("Request {id} is not a Digitization request"))),
    }
}

/// Lists the request options of the user, or of a guest. The pickup place is not considered.
fn options(alma: &Alma, call: &Call<'_>, mms: Id, item: Option<Id>) -> Answer {
    let user = call.query("user_id");
    let allowed = match user {
        Some(_) => alma.may_request(find_in_query(alma, call)?, mms, item),
        None => match item {
            Some(pid) => alma.items.get(&pid).is_some_and(|item| alma.item_requestable(item)),
            None => alma.items_of(mms).any(|item| alma.item_requestable(item)),
        },
    };
    let mut rows = Vec::new();
    if allowed {
        let id = percent_encoding::utf8_percent_encode(user.unwrap_or("GUEST"), percent_encoding::NON_ALPHANUMERIC);
        let url = format!("{}/almaws/v1/users/{id}/requests/", call.base());
        for (code, text) in [("HOLD", "Hold"), ("DIGITIZATION", "Digitization")] {
            rows.push(json!({"type": {"value": code, "desc": text}, "request_url": url}));
        }
    }
    Ok(Reply::Resource("request_options", if rows.is_empty() { json!({}) } else { json!({"request_option": rows}) }))
}

pub(super) fn options_of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let mms = super::bibs::find(alma, call.param(0))?;
    options(alma, call, mms, None)
}

pub(super) fn options_of_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let pid = true_item(alma, call, Refusal::general)?;
    let mms = alma.items.get(&pid).map(|item| item.mms).ok_or_else(Refusal::general)?;
    options(alma, call, mms, Some(pid))
}
