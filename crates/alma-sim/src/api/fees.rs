//! Fees of a user.

use serde_json::{Value, json};

use super::users::{find, find_for_circulation};
use super::{Answer, Call, Reply, code_in};
use crate::clock::moment;
use crate::refusal::Refusal;
use crate::render::{coded, money};
use crate::state::Alma;
use crate::state::fees::{Fee, FeeAct, FeeStatus, bad_amount};
use crate::state::model::Id;

/// Reads `12`, `12.5` or `12.50` as cents.
fn cents(text: &str) -> Option<i64> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if part.len() > 2 && part[2..].bytes().any(|digit| digit != b'0')
        || !part.bytes().all(|digit| digit.is_ascii_digit())
    {
        return None;
    }
    let part: String = part.chars().chain("00".chars()).take(2).collect();
    Some(whole.parse::<i64>().ok()?.checked_mul(100)? + part.parse::<i64>().ok()?)
}

fn value(alma: &Alma, fee: &Fee, base: &str) -> Value {
    let user = alma.users.get(&fee.user);
    let id = user.map(|user| user.primary_id().to_owned()).unwrap_or_default();
    let encoded = percent_encoding::utf8_percent_encode(&id, percent_encoding::NON_ALPHANUMERIC);
    let link = format!("{base}/almaws/v1/users/{encoded}");
    let item = fee.item.and_then(|pid| alma.items.get(&pid));
    let title = item.and_then(|item| alma.bibs.get(&item.mms)).map(|bib| bib.title.clone());
    let status = match fee.status {
        FeeStatus::Active => "Active",
        FeeStatus::InDispute => "In dispute",
        FeeStatus::Closed => "Closed",
    };
    let transactions: Vec<Value> = fee
        .transactions
        .iter()
        .map(|each| {
            json!({"type": {"value": each.kind}, "amount": money(each.amount), "comment": "",
                "reason": {"value": each.reason}, "payment_method": {"value": each.method},
                "external_transaction_id": each.external_id, "created_by": "API", "transaction_time": moment(each.at)})
        })
        .collect();
    json!({
        "id": fee.id.to_string(), "type": coded(alma, "FineFeeTransactionType", &fee.kind),
        "status": {"value": fee.status.code(), "desc": status},
        "user_primary_id": {"value": id, "link": link}, "balance": money(fee.balance), "remaining_vat_amount": 0.0,
        "original_amount": money(fee.amount), "original_vat_amount": 0.0, "creation_time": moment(fee.created),
        "status_time": moment(fee.changed), "comment": fee.comment,
        "owner": {"value": fee.library, "desc": alma.library_name(&fee.library)}, "title": title,
        "barcode": item.map_or(json!({"value": null, "link": null}), |item| json!({"value": item.barcode,
            "link": format!("{base}/almaws/v1/bibs/{}/holdings/{}/items/{}", item.mms, item.holding, item.pid)})),
        "bursar_transaction_id": "", "transaction": transactions, "link": format!("{link}/fees/{}", fee.id),
    })
}

/// Lists active fees, or those of the requested status.
pub(super) fn of_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let user = find(alma, call)?;
    let status = call.query("status").unwrap_or("ACTIVE");
    let fees: Vec<&Fee> = alma.fees_of(user).filter(|fee| fee.status.code().eq_ignore_ascii_case(status)).collect();
    let mut answer = json!({"total_record_count": fees.len(), "total_sum": money(fees.iter().map(|fee| fee.balance).sum()),
        "currency": "EUR"});
    if !fees.is_empty() {
        answer["fee"] = fees.iter().map(|fee| value(alma, fee, call.base())).collect();
    }
    Ok(Reply::Resource("fees", answer))
}

fn one(alma: &Alma, id: Id, call: &Call<'_>) -> Answer {
    let fee = alma.fees.get(&id).ok_or_else(unknown)?;
    Ok(Reply::Resource("fee", value(alma, fee, call.base())))
}

fn unknown() -> Refusal {
    Refusal::new("401655", "Fee identifier not found.")
}

fn named(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    let user = find_for_circulation(alma, call)?;
    let found = call.id(1).and_then(|id| alma.fees.get(&id)).filter(|fee| fee.user == user);
    found.map(|fee| fee.id).ok_or_else(unknown)
}

pub(super) fn get(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = named(alma, call)?;
    one(alma, id, call)
}

pub(super) fn create(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let user = find_for_circulation(alma, call)?;
    let body = call.body()?;
    let amount = match &body["original_amount"] {
        Value::String(text) => cents(text),
        Value::Number(number) => cents(&number.to_string()),
        _ => None,
    };
    let amount = amount.ok_or_else(|| Refusal::missing("original_amount"))?;
    let library = code_in(&body, "owner");
    if library.is_empty() {
        return Err(Refusal::missing("owner"));
    }
    if library != alma.code && alma.library(library).is_none() {
        return Err(Refusal::bad_parameter("owner"));
    }
    let comment = body["comment"].as_str().unwrap_or_default();
    let id = alma.charge(user, code_in(&body, "type"), amount, library, comment, None)?;
    one(alma, id, call)
}

fn given_amount(call: &Call<'_>) -> Result<Option<i64>, Refusal> {
    match call.query("amount").filter(|text| !text.eq_ignore_ascii_case("all") && *text != "None") {
        None => Ok(None),
        Some(text) => cents(text).map(Some).ok_or_else(|| Refusal::bad_parameter("amount")),
    }
}

/// `op=pay|waive|dispute|restore`.
pub(super) fn operate(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = named(alma, call)?;
    let text = |key: &str| call.query(key).unwrap_or_default().to_owned();
    let act = match call.query("op").map(str::to_ascii_lowercase).as_deref() {
        Some("pay") => FeeAct::Pay {
            cents: given_amount(call)?.ok_or_else(|| Refusal::missing("amount"))?,
            method: text("method"),
            external_id: text("external_transaction_id"),
        },
        Some("waive") => FeeAct::Waive { cents: given_amount(call)?, reason: text("reason") },
        Some("dispute") => FeeAct::Dispute,
        Some("restore") => FeeAct::Restore,
        _ => return Err(Refusal::bad_parameter("op")),
    };
    alma.settle_fee(id, act)?;
    one(alma, id, call)
}

/// `op=pay` over all of a user's fees, oldest first. Without an amount, or with `ALL`, it pays the whole debt.
pub(super) fn pay_all(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let user = find_for_circulation(alma, call)?;
    if call.query("op") != Some("pay") {
        return Err(Refusal::bad_parameter("op"));
    }
    let open: Vec<(Id, i64)> =
        alma.fees_of(user).filter(|fee| fee.status == FeeStatus::Active).map(|fee| (fee.id, fee.balance)).collect();
    let owed = open.iter().map(|(_, balance)| balance).sum();
    let mut left = given_amount(call)?.unwrap_or(owed);
    if left > owed || left < 0 {
        return Err(bad_amount());
    }
    for (id, balance) in open {
        let part = left.min(balance);
        if part > 0 {
            let method = call.query("method").unwrap_or_default().to_owned();
            alma.settle_fee(id, FeeAct::Pay { cents: part, method, external_id: String::new() })?;
            left -= part;
        }
    }
    of_user(alma, call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_to_the_cent() {
        for (text, expected) in [("12", 1200), ("12.5", 1250), ("0.05", 5), ("7.500", 750)] {
            assert_eq!(cents(text), Some(expected), "{text}");
        }
        for text in ["", "abc", "1.005", "1.x"] {
            assert_eq!(cents(text), None, "{text}");
        }
        assert_eq!(money(1250), json!(12.5));
    }
}
