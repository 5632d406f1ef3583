//! Holdings records. Bodies are XML only.

use super::{Answer, Call, Reply};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::render;
use crate::shape::Shape;
use crate::state::Alma;
use crate::state::inventory::Leftover;
use crate::state::model::Id;

/// Finds the holding that a path names, under its own title.
pub(super) fn find(alma: &Alma, call: &Call<'_>) -> Result<Id, Refusal> {
    let mms = super::bibs::find(alma, call.param(0))?;
    let found = call.id(1).and_then(|id| alma.holdings.get(&id)).filter(|holding| holding.mms == mms);
    found
        .map(|holding| holding.id)
        .ok_or_else(|| Refusal::new("402208", format!("Search failed for Holdings ID: {}", call.param(1))))
}

/// Reads what happens to a record that becomes empty: retain, delete, suppress.
pub(super) fn leftover(call: &Call<'_>, key: &str) -> Result<Leftover, Refusal> {
    match call.query(key).map(str::to_ascii_lowercase).as_deref() {
        None | Some("retain") => Ok(Leftover::Retain),
        Some("delete") => Ok(Leftover::Delete),
        Some("suppress") => Ok(Leftover::Suppress),
        Some(_) => Err(Refusal::bad_parameter(key)),
    }
}

pub(super) fn list_of_bib(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let mms = super::bibs::find(alma, call.param(0))?;
    let bib = alma.bibs.get(&mms).ok_or_else(Refusal::general)?;
    let rows: Vec<_> = bib
        .holdings
        .iter()
        .filter_map(|id| alma.holdings.get(id))
        .map(|holding| render::holding_row(alma, holding, call.base()))
        .collect();
    let total = rows.len();
    let mut fields =
        vec![("total_record_count", Shape::Count(total)), ("bib_data", render::bib_data(bib, call.base()))];
    if total > 0 {
        fields.push(("holding", Shape::Rows(rows)));
    }
    Ok(call.resource("holdings", &Shape::Fields(fields)))
}

fn one(alma: &Alma, id: Id, call: &Call<'_>) -> Answer {
    let holding = alma.holdings.get(&id).ok_or_else(Refusal::general)?;
    Ok(call.resource("holding", &render::holding(alma, holding)))
}

pub(super) fn get(alma: &mut Alma, call: &Call<'_>) -> Answer {
    one(alma, find(alma, call)?, call)
}

fn read(call: &Call<'_>) -> Result<(Record, Option<bool>), Refusal> {
    let invalid = || Refusal::new("402211", "Given holding xml is invalid.");
    let root = call.xml_body("402211", "Given holding xml is invalid.")?;
    let record = root.find("record").and_then(|element| Record::from_element(element).ok()).ok_or_else(invalid)?;
    let suppressed = root.child_text("suppress_from_publishing").filter(|text| !text.is_empty());
    Ok((record, suppressed.map(|text| text.eq_ignore_ascii_case("true"))))
}

pub(super) fn create(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (record, suppressed) = read(call)?;
    let mms = super::bibs::find(alma, call.param(0))
        .map_err(|_| Refusal::new("33007", format!("No record found for MMS id {}", call.param(0))))?;
    let id = alma.create_holding(mms, &record, suppressed.unwrap_or(false))?;
    one(alma, id, call)
}

pub(super) fn update(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let id = find(alma, call)?;
    let (record, suppressed) = read(call)?;
    alma.replace_holding(id, &record, suppressed)?;
    one(alma, id, call)
}

pub(super) fn delete(alma: &mut Alma, call: &Call<'_>) -> Answer {
    super::bibs::find(alma, call.param(0))?;
    let id = find(alma, call).map_err(|_| Refusal::new("60213", "Holding ID not valid."))?;
    alma.delete_holding(id, leftover(call, "bib")?)?;
    Ok(Reply::NoContent)
}
