//! Users.

use serde_json::Value;

use super::{Answer, Call, Reply};
use crate::clock::read_time;
use crate::refusal::Refusal;
use crate::render;
use crate::shape::Shape;
use crate::state::Alma;
use crate::state::model::{Id, UserEntry};
use crate::state::users::code_of;

/// Finds the user with an identifier, of the type that `user_id_type` names.
fn user_by_identifier(alma: &Alma, call: &Call<'_>, id: &str) -> Option<Id> {
    let key = alma.find_user(id)?;
    match id_type(call) {
        None => Some(key),
        Some(kind) => alma.users.get(&key).filter(|user| user.has_identifier(kind, id)).map(|user| user.key),
    }
}

fn id_type<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    call.query("user_id_type").filter(|kind| !kind.eq_ignore_ascii_case("all_unique"))
}

/// Finds the user that a path names. The refusal is that of calls that read users.
pub(super) fn find(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    let id = call.param(0);
    user_by_identifier(alma, call, id).ok_or_else(|| match id_type(call) {
        None => Refusal::no_user(id),
        Some(kind) => Refusal::no_user_of_type(id, kind),
    })
}

/// Finds the user that a path names. The refusal is that of changes, and of calls on requests, loans and fees.
pub(super) fn find_for_circulation(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    find_named(alma, call, call.param(0))
}

/// Finds the user that `user_id` names.
pub(super) fn find_in_query(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    find_named(alma, call, call.query("user_id").unwrap_or_default())
}

fn find_named(alma: &Alma, call: &Call<'_>, id: &str) -> Result<Id, Refusal> {
    user_by_identifier(alma, call, id)
        .ok_or_else(|| Refusal::no_user_of_type(id, id_type(call).unwrap_or("all_unique")))
}

fn answer(alma: &Alma, key: Id, call: &Call<'_>) -> Answer {
    let user = alma.users.get(&key).ok_or_else(Refusal::general)?;
    let expand = call.query("expand").unwrap_or_default();
    if alma.behaviour.fees_fail && expand.contains("fees") {
        return Err(Refusal::general());
    }
    let mut shape = render::user(alma, user, call.base(), expand);
    if call.query("view").is_some_and(|view| view.eq_ignore_ascii_case("brief")) {
        shorten(&mut shape);
    }
    Ok(call.resource("user", &shape))
}

/// Parts of a user that `view=brief` leaves out: core fields, e-mails, identifiers and statistics stay.
const NOT_BRIEF: [&str; 6] = ["user_block", "user_note", "user_role", "proxy_for_user", "rs_library", "library_notice"];

fn shorten(user: &mut Shape<'_>) {
    user.leave_out(&NOT_BRIEF);
    if let Some(Shape::Fields(contact)) = user.field("contact_info") {
        contact.retain(|(key, _)| *key == "email");
    }
}

pub(super) fn get(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let key = find(alma, call)?;
    answer(alma, key, call)
}

pub(super) fn search(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    // A search by date takes no other terms.
    let since = call.query("modify_date_from").map(|text| read_time(text, false).ok_or_else(Refusal::general));
    let since = since.transpose()?;
    let query = if since.is_some() { "" } else { call.query("q").unwrap_or_default() };
    let found = alma.search_users(query)?;
    let mut users: Vec<&UserEntry> = found.iter().filter_map(|key| alma.users.get(key)).collect();
    users.retain(|user| since.is_none_or(|since| user.modified >= since));
    let order = call.query("order_by").unwrap_or("last_name, first_name, primary_id").to_owned();
    let sort_key = |user: &UserEntry| -> Vec<String> {
        order
            .split(',')
            .map(|field| user.data.get(field.trim()).and_then(Value::as_str).unwrap_or("").to_lowercase())
            .collect()
    };
    users.sort_by_cached_key(|user| sort_key(user));
    let full = call.query("expand") == Some("full");
    let page = users.iter().copied().skip(offset).take(limit);
    let rows = if full {
        page.map(|user| render::user(alma, user, call.base(), "")).collect()
    } else {
        page.map(|user| render::user_row(alma, user, call.base())).collect()
    };
    Ok(call.rows("users", "user", rows, users.len()))
}

pub(super) fn create(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let key = alma.create_user(&call.body()?)?;
    answer(alma, key, call)
}

pub(super) fn update(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let key = find_for_circulation(alma, call)?;
    let overrides: Vec<&str> = call.query("override").unwrap_or_default().split(',').map(str::trim).collect();
    alma.replace_user(key, &call.body()?, &overrides)?;
    answer(alma, key, call)
}

pub(super) fn delete(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let key = find_for_circulation(alma, call)?;
    alma.delete_user(key)?;
    Ok(Reply::NoContent)
}

/// `op=auth`: the internal password, from the header or the query.
pub(super) fn operate(alma: &mut Alma, call: &Call<'_>) -> Answer {
    if !call.query("op").is_some_and(|op| op.eq_ignore_ascii_case("auth")) {
        return Err(Refusal::new("401859", "Action currently not supported."));
    }
    let key = find_for_circulation(alma, call)?;
    let header = call
        .raw
        .user_password
        .as_deref()
        .map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned());
    let given = header.or_else(|| call.query("password").map(str::to_owned)).unwrap_or_default();
    let user = alma.users.get(&key).ok_or_else(Refusal::general)?;
    let internal = code_of(&user.data, "account_type") == "INTERNAL";
    if internal && !given.is_empty() && user.password.as_deref() == Some(given.as_str()) {
        Ok(Reply::NoContent)
    } else {
        Err(Refusal::new("401866", "User authentication failed"))
    }
}
