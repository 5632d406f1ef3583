//! Users.

use serde_json::{Value, json};

use super::{Answer, Call, Reply, list};
use crate::refusal::Refusal;
use crate::render;
use crate::state::Alma;
use crate::state::model::{Id, UserEntry};
use crate::state::users::code_of;

/// The user a path or query names, with the refusal of the calls on users.
fn find(alma: &Alma, id: &str) -> Result<Id, Refusal> {
    alma.find_user(id).ok_or_else(|| Refusal::no_user(id))
}

/// The user a path or query names, with the refusal of the calls on requests and loans.
pub(super) fn find_for_circulation(alma: &Alma, id: &str) -> Result<Id, Refusal> {
    alma.find_user(id).ok_or_else(|| Refusal::no_user_of_type(id))
}

fn answer(alma: &Alma, key: Id, call: &Call<'_>) -> Answer {
    let user = alma.users.get(&key).ok_or_else(Refusal::general)?;
    let expand = call.query("expand").unwrap_or_default();
    if alma.behaviour.fees_fail && expand.contains("fees") {
        return Err(Refusal::general());
    }
    let mut value = render::user(alma, user, call.base(), expand);
    if call.query("view") == Some("brief")
        && let Some(fields) = value.as_object_mut()
    {
        fields.retain(|key, _| !matches!(key.as_str(), "user_block" | "user_note" | "user_role" | "proxy_for_user"));
    }
    Ok(Reply::Resource("user", value))
}

pub(super) fn get(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let key = find(alma, call.param(0))?;
    answer(alma, key, call)
}

pub(super) fn search(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let found = alma.search_users(call.query("q").unwrap_or_default())?;
    let mut users: Vec<&UserEntry> = found.iter().filter_map(|key| alma.users.get(key)).collect();
    let order = call.query("order_by").unwrap_or("last_name, first_name, primary_id").to_owned();
    let sort_key = |user: &UserEntry| -> Vec<String> {
        order
            .split(',')
            .map(|field| user.data.get(field.trim()).and_then(Value::as_str).unwrap_or("").to_lowercase())
            .collect()
    };
    users.sort_by_cached_key(|user| sort_key(user));
    let full = call.query("expand") == Some("full");
    let row = |user: &&UserEntry| {
        if full { render::user(alma, user, call.base(), "") } else { render::user_row(alma, user, call.base()) }
    };
    let rows = users.iter().skip(offset).take(limit).map(row).collect();
    Ok(list("users", "user", rows, users.len()))
}

pub(super) fn create(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let key = alma.create_user(&call.body()?)?;
    answer(alma, key, call)
}

pub(super) fn update(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let key = find_for_circulation(alma, call.param(0))?;
    let overrides: Vec<&str> = call.query("override").unwrap_or_default().split(',').map(str::trim).collect();
    alma.replace_user(key, &call.body()?, &overrides)?;
    answer(alma, key, call)
}

pub(super) fn delete(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let key = find_for_circulation(alma, call.param(0))?;
    alma.delete_user(key)?;
    Ok(Reply::NoContent)
}

/// `op=auth`: the internal password, from the header or the query.
pub(super) fn operate(alma: &mut Alma, call: &Call<'_>) -> Answer {
    if !call.query("op").is_some_and(|op| op.eq_ignore_ascii_case("auth")) {
        return Err(Refusal::new("401859", "Action currently not supported."));
    }
    let key = find_for_circulation(alma, call.param(0))?;
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

pub(super) fn fees(alma: &mut Alma, call: &Call<'_>) -> Answer {
    find_for_circulation(alma, call.param(0))?;
    Ok(Reply::Resource("fees", json!({"total_sum": 0.0, "currency": "EUR", "total_record_count": 0})))
}
