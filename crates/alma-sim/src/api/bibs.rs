//! Bibliographic records. Bodies are XML only.

use super::{Answer, Call, Reply};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::render::{self, BibExtras};
use crate::shape::Shape;
use crate::state::Alma;
use crate::state::model::Id;

/// Finds the title that an MMS id names.
pub(super) fn find(alma: &Alma, text: &str) -> Result<Id, Refusal> {
    let mms: Id = text
        .trim()
        .parse()
        .map_err(|_| Refusal::new("402204", format!("Input parameters mmsId {text} is not numeric.")))?;
    if alma.bibs.contains_key(&mms) { Ok(mms) } else { Err(Refusal::no_bib(text)) }
}

fn extras(call: &Call<'_>) -> BibExtras {
    let expand = call.query("expand").unwrap_or_default();
    BibExtras { availability: expand.contains("p_avail"), requests: expand.split(',').any(|each| each == "requests") }
}

fn shape<'a>(alma: &'a Alma, mms: Id, call: &Call<'_>) -> Result<Shape<'a>, Refusal> {
    let bib = alma.bibs.get(&mms).ok_or_else(|| Refusal::no_bib(&mms.to_string()))?;
    let mut shape = render::bib(alma, bib, call.base(), extras(call));
    if call.query("view") == Some("brief") && !extras(call).availability {
        shape.leave_out(&["anies"]);
    }
    Ok(shape)
}

fn one(alma: &Alma, mms: Id, call: &Call<'_>) -> Answer {
    Ok(call.resource("bib", &shape(alma, mms, call)?))
}

pub(super) fn get(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let mms = find(alma, call.param(0))?;
    one(alma, mms, call)
}

/// Parameters that name records of kinds that are not simulated. A search by them finds nothing.
const ELSEWHERE: &[&str] = &["nz_mms_id", "cz_mms_id", "representation_id", "ie_id", "lod_uri"];

/// Lists titles by up to 100 MMS ids, by holding, or by another system's id. Unknown ids are left out.
pub(super) fn batch(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let invalid = || Refusal::new("402203", "Input parameter mmsId list is not valid.");
    let ids: Vec<Id> = if let Some(ids) = call.query("mms_id") {
        let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        if ids.len() > 100 {
            return Err(invalid());
        }
        ids.iter().map(|id| id.parse().map_err(|_| invalid())).collect::<Result<_, _>>()?
    } else if let Some(id) = call.query("holdings_id") {
        let holding = id.parse::<Id>().ok().and_then(|id| alma.holdings.get(&id));
        holding.map(|holding| holding.mms).into_iter().collect()
    } else if let Some(id) = call.query("other_system_id") {
        let known = |mms: &Id| alma.bibs.get(mms).is_some_and(|bib| alma.indexed(bib.created));
        alma.index.system_ids.get(id).into_iter().flatten().copied().filter(known).collect()
    } else if ELSEWHERE.iter().any(|key| call.query(key).is_some()) {
        Vec::new()
    } else {
        return Err(invalid());
    };
    let known: Vec<Id> = ids.into_iter().filter(|mms| alma.bibs.contains_key(mms)).collect();
    let rows = known.iter().map(|mms| shape(alma, *mms, call)).collect::<Result<Vec<_>, _>>()?;
    let total = rows.len();
    Ok(call.rows("bibs", "bib", rows, total))
}

/// Reads the record and the suppression flag from a body.
fn read(call: &Call<'_>) -> Result<(Record, Option<bool>), Refusal> {
    let root = call.xml_body("402209", "Given bib xml is invalid.")?;
    let invalid = |_| Refusal::new("402209", "Given bib xml is invalid.");
    let element = root.find("record").ok_or_else(|| Refusal::new("402209", "Given bib xml is invalid."))?;
    let record = Record::from_element(element).map_err(invalid)?;
    let suppressed = root.child_text("suppress_from_publishing").filter(|text| !text.is_empty());
    Ok((record, suppressed.map(|text| text.eq_ignore_ascii_case("true"))))
}

fn check_warnings(call: &Call<'_>) -> Result<(), Refusal> {
    let contradiction =
        !call.flag("override_warning", true) && !call.flag("validate", false) && !call.flag("check_match", false);
    if contradiction {
        return Err(Refusal::new("401873", "Input parameter override_warning is not valid."));
    }
    Ok(())
}

pub(super) fn create(alma: &mut Alma, call: &Call<'_>) -> Answer {
    if let Some(id) = call.query("from_nz_mms_id").or_else(|| call.query("from_cz_mms_id")) {
        return Err(Refusal::new("33007", format!("No record found for MMS id {id}")));
    }
    check_warnings(call)?;
    let (record, suppressed) = read(call)?;
    if record.data.is_empty() {
        return Err(Refusal::new("402210", "Failed to create new bib."));
    }
    let mms = alma.create_bib(record, suppressed.unwrap_or(alma.behaviour.suppress_when_unsaid));
    one(alma, mms, call)
}

pub(super) fn update(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let mms = find(alma, call.param(0))?;
    check_warnings(call)?;
    let (record, suppressed) = read(call)?;
    if call.flag("stale_version_check", false) {
        let stored = alma.bibs.get(&mms).and_then(|bib| Record::from_xml(&bib.xml.0).ok());
        if stored.is_some_and(|stored| stored.control("005") != record.control("005")) {
            return Err(Refusal::new("4022034", "A newer version of this record exists in the repository."));
        }
    }
    alma.replace_bib(mms, record, suppressed);
    one(alma, mms, call)
}

/// `op=unlink_from_nz`: the simulator has no network zone.
pub(super) fn operate(alma: &mut Alma, call: &Call<'_>) -> Answer {
    find(alma, call.param(0))?;
    match call.query("op") {
        Some("unlink_from_nz") => Err(Refusal::new("40166453", "Record not linked to Network Zone")),
        _ => Err(Refusal::bad_parameter("op")),
    }
}

/// Reads `override`, whose only values are `true` and `false`.
pub(super) fn override_flag(call: &Call<'_>) -> Result<bool, Refusal> {
    match call.query("override").map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refusal::new("401873", "Input parameter mms_id or parameter override is not valid.")),
    }
}

pub(super) fn delete(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let mms = find(alma, call.param(0))?;
    let override_warnings = override_flag(call)?;
    alma.delete_bib(mms, override_warnings)?;
    Ok(Reply::NoContent)
}
