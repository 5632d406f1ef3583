//! Requests and loans.

use super::{coded, library};
use crate::clock::{date, moment, second};
use crate::options::LoanUser;
use crate::shape::{Shape, fields};
use crate::state::Alma;
use crate::state::model::{Loan, Process, Request, RequestStatus};

/// A request. Title-level ones have no item until one is taken.
pub(crate) fn request<'a>(alma: &'a Alma, request: &'a Request) -> Shape<'a> {
    let bib = alma.bibs.get(&request.mms);
    let item = request.item.or(request.asked).and_then(|pid| alma.items.get(&pid));
    let managed = item.map(|item| alma.place_of(item).0).unwrap_or_default();
    let material = match request.material_type.is_empty() {
        true => Shape::Fields(Vec::new()),
        false => coded(alma, "PhysicalMaterialType", &request.material_type),
    };
    let mut out = fields! {
        "title": bib.map(|bib| &bib.title), "author": bib.and_then(|bib| bib.author.as_ref()),
        "description": &request.description, "comment": request.comment.as_ref(), "volume": "", "issue": "",
        "part": "", "user_primary_id": &request.primary_id, "request_id": request.id, "additional_id": "",
        "request_type": &request.kind,
        "request_sub_type": Shape::Code(&request.sub_type, Some(sub_type_text(&request.sub_type))),
        "mms_id": request.mms, "pickup_location": alma.library_name(&request.pickup.library),
        "pickup_location_type": &request.pickup.kind, "pickup_location_library": &request.pickup.library,
        "material_type": material, "date_of_publication": bib.and_then(|bib| bib.year.as_ref()),
        "place_in_queue": alma.place_in_queue(request), "request_status": request.status.code(),
        "request_date": date(request.placed), "request_time": moment(request.placed),
        "task_name": match request.status {
            RequestStatus::InProcess if item.is_some_and(|item| item.process == Process::Transit) => "Transit Item",
            RequestStatus::OnHoldShelf => "On Hold Shelf",
            _ => "Pickup From Shelf",
        },
        "barcode": item.map(|item| &item.barcode),
    };
    let Shape::Fields(fields) = &mut out else { return out };
    let mut add = |key: &'static str, value: Shape<'a>| fields.push((key, value));
    if let Some(desk) = &request.pickup.desk {
        add("pickup_location_circulation_desk", desk.into());
    }
    if let Some(item) = item {
        add("holding_id", item.holding.into());
        add("item_id", item.pid.into());
        add("managed_by_library", alma.library_name(managed).into());
        add("managed_by_library_code", managed.into());
    }
    if let Some(desk) = alma.library(managed).and_then(|library| library.desks.first()) {
        add("managed_by_circulation_desk", (&desk.name).into());
        add("managed_by_circulation_desk_code", (&desk.code).into());
    }
    if let Some(at) = request.expiry {
        add("expiry_date", date(at).into());
    }
    if let Some(at) = request.last_interest {
        add("last_interest_date", date(at).into());
    }
    out
}

fn sub_type_text(code: &str) -> &str {
    match code {
        "PATRON_PHYSICAL" => "Patron physical item request",
        "TRANSIT_FOR_RESHELVING" => "Transit for reshelving",
        other => other,
    }
}

fn desk<'a>(alma: &'a Alma, library: &str, code: &'a str) -> Shape<'a> {
    Shape::Code(code, alma.desk(library, code).map(|desk| desk.name.as_str()))
}

/// Returns the user of a loan by the identifier that this Alma uses there.
fn named(alma: &Alma, loan: &Loan) -> String {
    let other = || {
        let user = alma.users.get(&loan.user)?;
        let identifiers = user.data.get("user_identifier")?.as_array()?;
        identifiers.iter().find_map(|row| row["value"].as_str()).map(str::to_owned)
    };
    match alma.behaviour.loans_name_users {
        LoanUser::PrimaryId => loan.primary_id.clone(),
        LoanUser::UpperCase => loan.primary_id.to_uppercase(),
        LoanUser::OtherIdentifier => other().unwrap_or_else(|| loan.primary_id.clone()),
    }
}

/// Renders a loan. `renewable` is filled only if the caller requests it.
pub(crate) fn loan<'a>(alma: &'a Alma, loan: &'a Loan, with_renewable: bool) -> Shape<'a> {
    let bib = alma.bibs.get(&loan.mms);
    let item = alma.items.get(&loan.item);
    let (home, location) = item.map(|item| alma.place_of(item)).unwrap_or_default();
    let policy = item.map_or("", |item| item.policy.as_str());
    let back = match &loan.return_desk {
        Some((library, code)) => desk(alma, library, code),
        None => fields! {"value": Shape::Null, "desc": Shape::Null},
    };
    let mut out = fields! {
        "loan_id": loan.id, "circ_desk": desk(alma, &loan.library, &loan.desk), "return_circ_desk": back,
        "library": library(alma, &loan.library), "user_id": named(alma, loan), "item_barcode": &loan.barcode,
        "due_date": second(loan.due), "loan_status": if loan.returned.is_some() { "COMPLETE" } else { "ACTIVE" },
        "loan_date": moment(loan.lent), "returned_by": fields! {"value": Shape::Null, "desc": Shape::Null},
        "process_status": &loan.process_status, "mms_id": loan.mms, "holding_id": loan.holding, "item_id": loan.item,
        "title": bib.map(|bib| &bib.title), "author": bib.and_then(|bib| bib.author.as_ref()),
        "description": item.and_then(|item| item.extra.get("description")),
        "publication_year": bib.and_then(|bib| bib.year.as_ref()),
        "location_code": fields! {"value": location, "name": alma.location_name(home, location)},
        "item_policy": fields! {"value": policy, "description": alma.describe("ItemPolicy", policy)},
        "call_number": alma.holdings.get(&loan.holding).map(|holding| &holding.call_number),
        "renewable": with_renewable.then(|| !alma.renewal_refused(loan)),
    };
    if let Some(at) = loan.renewed {
        out.set("last_renew_date", moment(at));
        out.set("last_renew_status", Shape::Code("RENEWED_SUCCESSFULLY", Some("Renewed Successfully")));
    }
    if let Some(at) = loan.returned {
        out.set("return_date", moment(at));
    }
    if let Some(id) = loan.request {
        out.set("request_id", fields! {"value": id});
    }
    out
}
