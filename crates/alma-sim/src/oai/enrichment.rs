//! Holdings and items inside published records, as a publishing profile adds them.
//!
//! They are written when a record is asked for, from the inventory of that moment; the datestamp is that of the last
//! publication. Holdings and items in suppressed locations are published (hbz/lobid-resources#1843).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::record::{DataField, Record};
use crate::state::Alma;
use crate::state::model::{Holding, Id, Item};
use crate::state::publish::{Enrichment, PublishedValue};

/// Adds the fields of the profile to a record.
pub(super) fn enrich(alma: &Alma, mms: Id, record: &mut Record) {
    let settings = &alma.published.settings;
    let holdings = alma.bibs.get(&mms).map(|bib| bib.holdings.as_slice()).unwrap_or_default();
    let holdings = holdings.iter().filter_map(|id| alma.holdings.get(id));
    let is_published = |holding: &&Holding| settings.suppressed_holdings || !holding.suppressed;
    for holding in holdings.clone().filter(is_published) {
        if let Some(profile) = &settings.holdings {
            record.data.extend(field(profile, |value| of_holding(holding, value)));
        }
    }
    for holding in holdings.filter(is_published) {
        let Some(profile) = &settings.items else { continue };
        for item in holding.items.iter().filter_map(|pid| alma.items.get(pid)) {
            record.data.extend(field(profile, |value| of_item(alma, profile, holding, item, value)));
        }
    }
}

/// Writes one field; a subfield without a value is left out, and so is a field without subfields.
fn field(profile: &Enrichment, value: impl Fn(PublishedValue) -> String) -> Option<DataField> {
    let mut indicators = profile.indicators.chars().chain([' ', ' ']);
    let indicators = [indicators.next()?, indicators.next()?];
    let subfields = profile.subfields.iter().map(|(code, each)| (*code, value(*each)));
    let subfields: Vec<_> = subfields.filter(|(_, text)| !text.is_empty()).collect();
    (!subfields.is_empty()).then(|| DataField { tag: profile.tag.clone(), indicators, subfields })
}

fn of_holding(holding: &Holding, value: PublishedValue) -> String {
    match value {
        PublishedValue::HoldingId => holding.id.to_string(),
        PublishedValue::Library => holding.library.clone(),
        PublishedValue::Location => holding.location.clone(),
        PublishedValue::CallNumber => holding.call_number.clone(),
        _ => String::new(),
    }
}

fn of_item(alma: &Alma, profile: &Enrichment, holding: &Holding, item: &Item, value: PublishedValue) -> String {
    let (library, location) = alma.place_of(item);
    let due = || item.loan.and_then(|loan| alma.loans.get(&loan)).map(|loan| loan.due);
    match value {
        PublishedValue::ItemId => item.pid.to_string(),
        PublishedValue::Barcode => item.barcode.clone(),
        PublishedValue::Library => library.to_owned(),
        PublishedValue::Location => location.to_owned(),
        PublishedValue::Policy => item.policy.clone(),
        PublishedValue::MaterialType => item.material.clone(),
        PublishedValue::ProcessType => item.process.code().to_owned(),
        PublishedValue::Description => {
            item.extra.get("description").and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        }
        PublishedValue::Created => moment(profile, item.created),
        PublishedValue::Modified => moment(profile, item.modified),
        PublishedValue::Due => due().map(|due| moment(profile, due)).unwrap_or_default(),
        PublishedValue::HoldingId | PublishedValue::CallNumber => of_holding(holding, value),
    }
}

/// Writes a time as published records show it: some sites get the name of a zone behind it, and it can change from one
/// publication to the next (pulibrary/bibdata#3414, tulibraries/tul_cob#971).
fn moment(profile: &Enrichment, at: Timestamp) -> String {
    let zone = profile.zone.as_deref();
    let Some(found) = zone.and_then(|zone| TimeZone::get(zone).ok()) else {
        return at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    };
    format!("{} {}", found.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S"), zone.unwrap_or_default())
}
