//! Sets of records.

use serde_json::{Value, json};

use super::{Answer, Call, Reply, code_in, list};
use crate::clock::moment;
use crate::refusal::Refusal;
use crate::state::Alma;
use crate::state::model::Id;
use crate::state::sets::{RecordSet, Search, unknown_set};

fn kind(set: &RecordSet) -> &'static str {
    if set.search.is_some() { "LOGICAL" } else { "ITEMIZED" }
}

/// Describes a set. A logical set has no number of members, since each read runs its search anew.
fn value(alma: &Alma, set: &RecordSet, base: &str) -> Value {
    let link = format!("{base}/almaws/v1/conf/sets/{}", set.id);
    let kind = match &set.search {
        Some(_) => json!({"value": "LOGICAL", "desc": "Logical"}),
        None => json!({"value": "ITEMIZED", "desc": "Itemized"}),
    };
    let count = set.search.is_none().then_some(set.members.len());
    json!({
        "link": link, "id": set.id.to_string(), "name": set.name, "description": set.description,
        "type": kind, "content": {"value": set.content, "desc": set.content},
        "private": {"value": set.private.to_string(), "desc": if set.private { "Yes" } else { "No" }},
        "status": {"value": "ACTIVE", "desc": "Active"}, "note": "", "query": {"value": set.search.as_ref().map(Search::text).unwrap_or_default()}, "origin": {"value": "UI"},
        "created_date": moment(set.created), "created_by": {"value": "API"},
        "number_of_members": {"value": count, "link": format!("{link}/members")},
        "institution": {"value": alma.code, "desc": alma.name},
    })
}

fn find<'a>(alma: &'a Alma, call: &Call<'_>) -> Result<&'a RecordSet, Refusal> {
    call.id(0).and_then(|id| alma.sets_of_records.get(&id)).ok_or_else(unknown_set)
}

fn one(alma: &Alma, id: Id, call: &Call<'_>) -> Answer {
    let set = alma.sets_of_records.get(&id).ok_or_else(unknown_set)?;
    Ok(Reply::Resource("set", value(alma, set, call.base())))
}

pub(super) fn all(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let wanted = call.query("q").and_then(|query| query.split_once('~')).map(|(_, text)| text.to_lowercase());
    let found: Vec<&RecordSet> = alma
        .sets_of_records
        .values()
        .filter(|set| {
            wanted.as_deref().is_none_or(|text| {
                set.name.to_lowercase().contains(text) || set.name.to_lowercase().contains(&text.replace('_', " "))
            })
        })
        .filter(|set| call.query("content_type").is_none_or(|content| content.eq_ignore_ascii_case(&set.content)))
        .filter(|set| call.query("set_type").is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind(set))))
        .collect();
    let rows = found.iter().skip(offset).take(limit).map(|set| value(alma, set, call.base())).collect();
    Ok(list("sets", "set", rows, found.len()))
}

pub(super) fn get(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find(alma, call)?.id;
    one(alma, id, call)
}

fn write(set: &mut RecordSet, body: &Value) {
    let text = |key: &str| body[key].as_str().map(str::to_owned);
    set.name = text("name").unwrap_or_else(|| set.name.clone());
    set.description = text("description").unwrap_or_default();
    set.private = code_in(body, "private") == "true";
}

pub(super) fn create(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let body = call.body()?;
    for field in ["name", "type", "content"] {
        if body[field].as_str().is_none_or(str::is_empty) && code_in(&body, field).is_empty() {
            return Err(Refusal::missing(field));
        }
    }
    if code_in(&body, "type") != "ITEMIZED" {
        return Err(Refusal::new("40166411", "Only itemized sets can be made here; staff save searches."));
    }
    let content = code_in(&body, "content").to_owned();
    if !matches!(content.as_str(), "BIB_MMS" | "ITEM" | "USER") {
        return Err(Refusal::bad_parameter("content"));
    }
    let mut set = RecordSet {
        id: alma.next_id(3, 11),
        name: String::new(),
        description: String::new(),
        content,
        private: false,
        created: alma.now,
        members: Vec::new(),
        search: None,
    };
    write(&mut set, &body);
    let id = set.id;
    alma.sets_of_records.insert(id, set);
    one(alma, id, call)
}

pub(super) fn update(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find(alma, call)?.id;
    let body = call.body()?;
    if let Some(set) = alma.sets_of_records.get_mut(&id) {
        write(set, &body);
    }
    one(alma, id, call)
}

pub(super) fn delete(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find(alma, call)?.id;
    alma.sets_of_records.remove(&id);
    Ok(Reply::NoContent)
}

pub(super) fn members(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let id = find(alma, call)?.id;
    let members = alma.members_of(id)?;
    let set = find(alma, call)?;
    let base = call.base();
    let address = |id: &str| match set.content.as_str() {
        "BIB_MMS" => format!("{base}/almaws/v1/bibs/{id}"),
        "USER" => format!("{base}/almaws/v1/users/{id}"),
        _ => id
            .parse::<Id>()
            .ok()
            .and_then(|pid| alma.items.get(&pid))
            .map(|item| format!("{base}/almaws/v1/bibs/{}/holdings/{}/items/{id}", item.mms, item.holding))
            .unwrap_or_default(),
    };
    let rows = members
        .iter()
        .skip(offset)
        .take(limit)
        .map(|id| json!({"id": id, "description": alma.member_text(&set.content, id), "link": address(id)}))
        .collect();
    Ok(list("members", "member", rows, members.len()))
}

/// `op=add_members|delete_members|replace_members`; `id_type=BARCODE` names items by barcode.
pub(super) fn change_members(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find(alma, call)?.id;
    let body = call.body()?;
    let rows = match &body["members"] {
        Value::Object(fields) => fields.get("member").cloned().unwrap_or_default(),
        rows => rows.clone(),
    };
    let rows = match rows {
        Value::Array(rows) => rows,
        Value::Null => Vec::new(),
        row => vec![row],
    };
    let by_barcode = call.query("id_type").is_some_and(|kind| kind.eq_ignore_ascii_case("BARCODE"));
    let ids = rows.iter().filter_map(|row| row["id"].as_str()).map(|id| match alma.find_barcode(id) {
        Some(pid) if by_barcode => pid.to_string(),
        _ => id.to_owned(),
    });
    let ids: Vec<String> = ids.collect();
    let op = call.query("op").unwrap_or_default().to_ascii_lowercase();
    alma.change_members(id, &op, ids, call.flag("fail_on_invalid_id", call.flag("fail_on_invalid", false)))?;
    one(alma, id, call)
}
