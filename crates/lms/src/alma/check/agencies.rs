//! Checks the agencies that the settings name, and the patron types that the agencies' rules name.

use lending::{AgencyCode, PatronType};

use super::super::settings::Settings;
use super::words::names;
use crate::finding::{Finding, Registration};

pub(super) fn check(settings: &Settings, registration: &Registration) -> Vec<Finding> {
    let campuses = settings.campus_agencies.iter();
    let campuses = campuses.map(|(campus, agency)| (format!("campus_agencies.{campus}"), agency));
    let libraries = settings.virtual_libraries.keys();
    let libraries = libraries.map(|agency| (format!("virtual_libraries.{agency}"), agency));
    let mut findings: Vec<Finding> =
        campuses.chain(libraries).map(|(subject, agency)| named(subject, agency, registration)).collect();
    if settings.campus_agencies.is_empty() && registration.agencies.len() > 1 {
        let text = "none named: a patron belongs to the agency that the request names";
        findings.push(Finding::ok("campus_agencies", text));
    }
    for (agency, types) in &registration.limited_patron_types {
        findings.extend(types.iter().map(|kind| limited(settings, agency, kind)));
    }
    findings
}

fn named(subject: String, agency: &AgencyCode, registration: &Registration) -> Finding {
    if registration.agencies.contains_key(agency) {
        return Finding::ok(subject, agency.to_string());
    }
    let all = names(registration.agencies.keys().map(AgencyCode::as_str));
    let text =
        format!("The institution has no agency {agency}. It has: {all}. Add the agency, or correct the spelling.");
    Finding::missing(subject, text)
}

/// Returns the finding for limits of a patron type. Limits of a type that no user group has hold for nobody.
fn limited(settings: &Settings, agency: &AgencyCode, kind: &PatronType) -> Finding {
    let subject = format!("agency {agency}: patron_limits");
    if settings.patron_types.values().any(|known| known == kind) {
        return Finding::ok(subject, kind.0.clone());
    }
    let mut all: Vec<&str> = settings.patron_types.values().map(|known| known.0.as_str()).collect();
    all.sort_unstable();
    all.dedup();
    let text = format!(
        "No user group has the patron type {}, so its limits hold for nobody. The types of patron_types are: {}. Correct \
         the spelling, or name \"*\" for all other types.",
        kind.0,
        names(all.into_iter())
    );
    Finding::missing(subject, text)
}
