//! Loans, by user, by item and by title.

use serde_json::Value;

use super::items::true_item;
use super::users::{find_for_circulation, find_in_query};
use super::{Answer, Call, Reply};
use crate::clock::read_time;
use crate::refusal::Refusal;
use crate::render;
use crate::state::Alma;
use crate::state::loans::NewLoan;
use crate::state::model::{Bib, Id, Loan};

fn renewable(call: &Call<'_>) -> bool {
    call.query("expand").is_some_and(|expand| expand.contains("renewable"))
}

fn listed(alma: &Alma, call: &Call<'_>, ids: &[Id], limit: usize, offset: usize) -> Reply {
    let mut loans: Vec<&Loan> = ids.iter().filter_map(|id| alma.loans.get(id)).collect();
    match call.query("order_by").unwrap_or("id") {
        "loan_date" => loans.sort_by_key(|loan| loan.lent),
        "due_date" => loans.sort_by_key(|loan| loan.due),
        "return_date" => loans.sort_by_key(|loan| loan.returned),
        "title" => loans.sort_by_cached_key(|loan| bib_text(alma, loan, |bib| bib.title.clone())),
        "author" => {
            loans.sort_by_cached_key(|loan| bib_text(alma, loan, |bib| bib.author.clone().unwrap_or_default()));
        }
        "barcode" => loans.sort_by(|left, right| left.barcode.cmp(&right.barcode)),
        _ => loans.sort_by_key(|loan| loan.id),
    }
    if call.query("direction").is_some_and(|direction| direction.eq_ignore_ascii_case("desc")) {
        loans.reverse();
    }
    let rows = loans.iter().skip(offset).take(limit).map(|loan| render::loan(alma, loan, renewable(call))).collect();
    call.rows("item_loans", "item_loan", rows, loans.len())
}

fn bib_text(alma: &Alma, loan: &Loan, text: fn(&Bib) -> String) -> String {
    alma.bibs.get(&loan.mms).map(text).unwrap_or_default().to_lowercase()
}

fn wants_complete(call: &Call<'_>) -> bool {
    call.query("loan_status").is_some_and(|status| status.eq_ignore_ascii_case("complete"))
}

pub(super) fn of_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let key = find_for_circulation(alma, call)?;
    let user = alma.users.get(&key).ok_or_else(Refusal::general)?;
    let ids = if wants_complete(call) { &user.past_loans } else { &user.loans };
    Ok(listed(alma, call, ids, limit, offset))
}

pub(super) fn of_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let pid = true_item(alma, call, Refusal::general)?;
    let ids = loans_of(
        alma,
        call,
        |loan| loan.item == pid,
        || alma.items.get(&pid).and_then(|item| item.loan).into_iter().collect(),
    );
    Ok(listed(alma, call, &ids, limit, offset))
}

pub(super) fn of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let mms = super::bibs::find(alma, call.param(0))?;
    let ids =
        loans_of(alma, call, |loan| loan.mms == mms, || alma.items_of(mms).filter_map(|item| item.loan).collect());
    let number = |key: &str| call.query(key).and_then(|text| text.parse().ok());
    Ok(listed(alma, call, &ids, number("limit").unwrap_or(99_999), number("offset").unwrap_or(0)))
}

/// Returns active loans from an index, or completed loans by a search through all loans, which only tests need.
fn loans_of(alma: &Alma, call: &Call<'_>, belongs: impl Fn(&Loan) -> bool, active: impl Fn() -> Vec<Id>) -> Vec<Id> {
    if !wants_complete(call) {
        return active();
    }
    alma.loans.values().filter(|loan| loan.returned.is_some() && belongs(loan)).map(|loan| loan.id).collect()
}

fn one(alma: &Alma, id: Id, call: &Call<'_>, with_renewable: bool) -> Answer {
    let loan = alma.loans.get(&id).ok_or_else(|| Refusal::no_loan(&id.to_string()))?;
    Ok(call.resource("item_loan", &render::loan(alma, loan, with_renewable)))
}

fn lend(alma: &mut Alma, call: &Call<'_>, user: Id, item: Id) -> Answer {
    let body = call.body()?;
    let place = |key: &str| -> Result<String, Refusal> {
        match &body[key] {
            Value::String(text) => {
                let reason = format!("Cannot construct instance of {key}: no String-argument constructor ('{text}')");
                Err(Refusal::new("401652", reason))
            }
            field => match field["value"].as_str() {
                Some(code) if !code.is_empty() => Ok(code.to_owned()),
                _ => Err(Refusal::missing(key)),
            },
        }
    };
    let named_request = body["request_id"]["value"].as_str().and_then(|id| id.parse().ok());
    let (library, desk) = (place("library")?, place("circ_desk")?);
    let new = NewLoan { user, item, library, desk, named_request, override_hold: false };
    let id = alma.lend(&new)?;
    one(alma, id, call, false)
}

pub(super) fn create_for_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let user = find_for_circulation(alma, call)?;
    let item = match (call.query("item_barcode"), call.query("item_pid")) {
        (Some(barcode), _) => alma.find_barcode(barcode).ok_or_else(|| Refusal::no_barcode(barcode))?,
        (None, Some(pid)) => {
            let pid = pid.parse().ok().filter(|pid| alma.items.contains_key(pid));
            pid.ok_or_else(Refusal::general)?
        }
        (None, None) => return Err(Refusal::new("401672", "PID field is empty.")),
    };
    lend(alma, call, user, item)
}

pub(super) fn create_for_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let item = true_item(alma, call, Refusal::general)?;
    let user = find_in_query(alma, call)?;
    lend(alma, call, user, item)
}

/// Finds the loan that a path names, if it belongs to the user, item or title of the path.
fn find(alma: &Alma, call: &Call<'_>, at: usize, belongs: impl Fn(&Loan) -> bool) -> Result<Id, Refusal> {
    let found = call.id(at).and_then(|id| alma.loans.get(&id)).filter(|loan| belongs(loan));
    found.map(|loan| loan.id).ok_or_else(|| Refusal::no_loan(call.param(at)))
}

fn find_of_user(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    let user = find_for_circulation(alma, call)?;
    find(alma, call, 1, |loan| loan.user == user)
}

fn find_of_bib(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    let mms = super::bibs::find(alma, call.param(0))?;
    find(alma, call, 1, |loan| loan.mms == mms)
}

fn find_of_item(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    let item = true_item(alma, call, Refusal::general)?;
    find(alma, call, 3, |loan| loan.item == item)
}

fn renew(alma: &mut Alma, call: &Call<'_>, id: Id) -> Answer {
    if !call.query("op").is_some_and(|op| op.eq_ignore_ascii_case("renew")) {
        return Err(Refusal::new("60211", "Loan operation not valid."));
    }
    alma.renew(id)?;
    one(alma, id, call, true)
}

fn change(alma: &mut Alma, call: &Call<'_>, id: Id) -> Answer {
    let body = call.body()?;
    let text = body["due_date"].as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Refusal::new("401824", "Due date is not in loan object."))?;
    let due = read_time(text, true).ok_or_else(Refusal::general)?;
    alma.set_due(id, due)?;
    one(alma, id, call, false)
}

pub(super) fn get_of_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_user(alma, call)?;
    one(alma, id, call, renewable(call))
}

pub(super) fn renew_of_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_user(alma, call)?;
    renew(alma, call, id)
}

pub(super) fn change_of_user(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_user(alma, call)?;
    change(alma, call, id)
}

pub(super) fn get_of_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_item(alma, call)?;
    one(alma, id, call, renewable(call))
}

pub(super) fn renew_of_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_item(alma, call)?;
    renew(alma, call, id)
}

pub(super) fn change_of_item(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_item(alma, call)?;
    change(alma, call, id)
}

pub(super) fn get_of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_bib(alma, call)?;
    one(alma, id, call, renewable(call))
}

pub(super) fn renew_of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_bib(alma, call)?;
    renew(alma, call, id)
}

pub(super) fn change_of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find_of_bib(alma, call)?;
    change(alma, call, id)
}
