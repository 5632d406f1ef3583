//! Checks libraries, locations, desks with their hold shelves, agencies and pickup locations.

use std::collections::BTreeMap;

use alma::{CircDesk, Client, Library, LibraryCode, List, Location};

use super::super::errors::to_lms_error;
use super::super::settings::Settings;
use super::words::{cannot_read, label, names};
use crate::finding::{Finding, RegisteredPickup, Registration, Verdict};

pub(super) async fn check(
    client: &Client,
    settings: &Settings,
    registration: &Registration,
    libraries: &List<Library>,
) -> Vec<Finding> {
    let mut places = Places { client, libraries, desks: BTreeMap::new(), locations: BTreeMap::new() };
    let mut findings = places.sharing_library(settings).await;
    for (library, location) in settings.virtual_places() {
        findings.extend(places.virtual_place(library.as_str(), location.as_str()).await);
    }
    findings.extend(places.circulation_desks(settings).await);
    findings.extend(places.excluded_locations(settings).await);
    findings.extend(places.agencies(registration));
    for pickup in &registration.pickup_locations {
        findings.push(places.pickup_location(settings, registration, pickup).await);
    }
    findings
}

/// The advice for a read that failed.
const LATER: &str = "Repeat the check later.";

/// An answer of Alma's, or the reason why it can't be read.
type Read<T> = Result<T, String>;

/// The libraries, and what was read of them so far.
struct Places<'a> {
    client: &'a Client,
    libraries: &'a List<Library>,
    desks: BTreeMap<String, Read<List<CircDesk>>>,
    locations: BTreeMap<String, Read<List<Location>>>,
}

/// Whether a desk has a hold shelf.
enum Shelf {
    /// This desk has one.
    At(String),
    /// There is no such desk, or it has no hold shelf: the problem.
    Lacking(String),
    /// It can't be read: the reason.
    Unknown(String),
}

impl Places<'_> {
    fn library(&self, code: &str) -> Option<&Library> {
        self.libraries.iter().find(|library| library.code.as_str() == code)
    }

    /// Returns the finding for a library that isn't among Alma's. A list with rows that can't be read doesn't prove
    /// that it is missing.
    fn no_library(&self, subject: &str, code: &str) -> Finding {
        let known = names(self.libraries.iter().map(|library| library.code.as_str()));
        absent(self.libraries, subject, format!("Alma has no library {code}. It has: {known}."))
    }

    async fn desks(&mut self, library: &str) -> Read<&List<CircDesk>> {
        if !self.desks.contains_key(library) {
            let desks = self.client.conf().circulation_desks(&LibraryCode::from(library)).whole().await;
            self.desks.insert(library.to_owned(), desks.map_err(|error| to_lms_error(error).to_string()));
        }
        match self.desks.get(library) {
            Some(read) => read.as_ref().map_err(Clone::clone),
            None => Err("the desks were not read".to_owned()),
        }
    }

    async fn locations(&mut self, library: &str) -> Read<&List<Location>> {
        if !self.locations.contains_key(library) {
            let locations = self.client.conf().locations(&LibraryCode::from(library)).await;
            self.locations.insert(library.to_owned(), locations.map_err(|error| to_lms_error(error).to_string()));
        }
        match self.locations.get(library) {
            Some(read) => read.as_ref().map_err(Clone::clone),
            None => Err("the locations were not read".to_owned()),
        }
    }

    /// Returns whether this desk of a library has a hold shelf.
    async fn shelf_at(&mut self, library: &str, desk: &str) -> Shelf {
        match self.desks(library).await {
            Err(reason) => return Shelf::Unknown(reason),
            Ok(known) if !known.iter().any(|each| each.code.as_str() == desk) => {
                let text = no_desk(library, desk, known);
                return if known.is_complete() { Shelf::Lacking(text) } else { Shelf::Unknown(text) };
            }
            Ok(_) => {}
        }
        match self.client.conf().circulation_desk(&LibraryCode::from(library), &desk.into()).await {
            Err(error) => Shelf::Unknown(to_lms_error(error).to_string()),
            Ok(read) => match read.has_hold_shelf {
                Some(true) => Shelf::At(desk.to_owned()),
                Some(false) => Shelf::Lacking(format!(
                    "The desk {desk} of the library {library} has no hold shelf. Give it one in Alma, or name another desk."
                )),
                None => {
                    Shelf::Unknown(format!("Alma doesn't say whether the desk {desk} of {library} has a hold shelf."))
                }
            },
        }
    }

    /// Returns a desk of a library that has a hold shelf.
    async fn shelf_in(&mut self, library: &str) -> Shelf {
        let desks: Vec<String> = match self.desks(library).await {
            Err(reason) => return Shelf::Unknown(reason),
            Ok(known) => known.iter().map(|desk| desk.code.as_str().to_owned()).collect(),
        };
        let mut unknown = match self.desks(library).await {
            Ok(known) if !known.is_complete() => Some("A desk in Alma's answer can't be read.".to_owned()),
            _ => None,
        };
        for desk in &desks {
            match self.shelf_at(library, desk).await {
                Shelf::At(desk) => return Shelf::At(desk),
                Shelf::Lacking(_) => {}
                Shelf::Unknown(reason) => unknown = Some(reason),
            }
        }
        match unknown {
            Some(reason) => Shelf::Unknown(reason),
            None => Shelf::Lacking(format!(
                "The library {library} has no circulation desk with a hold shelf, so no item can wait there for its \
                 patron. Give a desk a hold shelf in Alma, or choose another library."
            )),
        }
    }

    async fn sharing_library(&mut self, settings: &Settings) -> Vec<Finding> {
        let subject = "sharing_library";
        let code = settings.sharing_library.as_str();
        let found = match self.library(code) {
            None => return vec![self.no_library(subject, code)],
            Some(library) if library.resource_sharing => {
                return vec![Finding::missing(
                    subject,
                    format!(
                        "{code} is Alma's resource sharing library, which can't be the pickup library of a hold (Alma would \
                         refuse with 401129). Create an ordinary library for this."
                    ),
                )];
            }
            Some(library) => label(code, library.name.as_deref()),
        };
        let mut findings = vec![Finding::ok(subject, found)];
        match &settings.sharing_desk {
            Some(desk) => findings.push(shelf("sharing_desk", self.shelf_at(code, desk.as_str()).await)),
            None => findings.push(shelf("sharing_library: hold shelf", self.shelf_in(code).await)),
        }
        findings
    }

    async fn virtual_place(&mut self, code: &str, wanted: &str) -> Vec<Finding> {
        let Some(library) = self.library(code) else {
            return vec![self.no_library("virtual_library", code)];
        };
        let mut findings = vec![Finding::ok("virtual_library", label(code, library.name.as_deref()))];
        let subject = "virtual_location";
        findings.push(match self.locations(code).await {
            Err(reason) => cannot_read(subject, &reason, LATER),
            Ok(locations) => match locations.iter().find(|location| location.code.as_str() == wanted) {
                None => no_location(subject, code, wanted, locations),
                Some(location) if !location.suppressed => Finding::missing(
                    subject,
                    format!(
                        "The location {wanted} of {code} is not suppressed, so patrons would see virtual items. Suppress it."
                    ),
                ),
                Some(location) => Finding::ok(subject, label(wanted, location.name.as_deref())),
            },
        });
        findings
    }

    async fn circulation_desks(&mut self, settings: &Settings) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (library, desk) in &settings.circulation_desks {
            let subject = format!("circulation_desks.{library}");
            if self.library(library.as_str()).is_none() {
                findings.push(self.no_library(&subject, library.as_str()));
                continue;
            }
            findings.push(match self.desks(library.as_str()).await {
                Err(reason) => cannot_read(&subject, &reason, LATER),
                Ok(known) if known.iter().any(|each| each.code.as_str() == desk.as_str()) => {
                    Finding::ok(subject, desk.to_string())
                }
                Ok(known) => absent(known, &subject, no_desk(library.as_str(), desk.as_str(), known)),
            });
        }
        for library in self.libraries.iter() {
            let code = lending::LibraryCode::from(library.code.as_str());
            let stands_apart = library.resource_sharing || code == settings.sharing_library;
            if !stands_apart && settings.desk(&code).is_none() {
                findings.push(Finding::ok(
                    format!("circulation_desks.{code}"),
                    "none named: items of this library won't be lent".to_owned(),
                ));
            }
        }
        findings
    }

    /// Checks the locations whose items are not lent. A misspelt one would be lent from.
    async fn excluded_locations(&mut self, settings: &Settings) -> Vec<Finding> {
        let subject = "non_lendable_locations";
        let mut findings = Vec::new();
        for place in &settings.non_lendable_locations {
            let Some((library, wanted)) = place.split_once('/') else {
                let text = format!("{place} is no location. Write LIBRARY/location, such as MAIN/reserve.");
                findings.push(Finding::missing(subject, text));
                continue;
            };
            if self.library(library).is_none() {
                findings.push(self.no_library(subject, library));
                continue;
            }
            findings.push(match self.locations(library).await {
                Err(reason) => cannot_read(subject, &reason, LATER),
                Ok(locations) => match locations.iter().find(|location| location.code.as_str() == wanted) {
                    None => no_location(subject, library, wanted, locations),
                    Some(location) => Finding::ok(subject, label(place, location.name.as_deref())),
                },
            });
        }
        findings
    }

    fn agencies(&self, registration: &Registration) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (agency, library) in &registration.agencies {
            let subject = format!("agency {agency}");
            findings.push(match library {
                None => Finding::ok(subject, "all libraries of the institution"),
                Some(library) => match self.library(library.as_str()) {
                    None => self.no_library(&subject, library.as_str()),
                    Some(found) => Finding::ok(subject, label(library.as_str(), found.name.as_deref())),
                },
            });
        }
        findings
    }

    async fn pickup_location(
        &mut self,
        settings: &Settings,
        registration: &Registration,
        pickup: &RegisteredPickup,
    ) -> Finding {
        let subject = format!("pickup location {}", pickup.code);
        if !registration.agencies.contains_key(&pickup.agency) {
            return Finding::missing(
                subject,
                format!(
                    "Its agency {} is not among the institution's: {}. Add the agency, or correct the code.",
                    pickup.agency,
                    names(registration.agencies.keys().map(lending::AgencyCode::as_str))
                ),
            );
        }
        let code = pickup.library.as_str();
        let Some(library) = self.library(code) else { return self.no_library(&subject, code) };
        if library.resource_sharing
            || settings.virtual_places().any(|(virtual_library, _)| *virtual_library == pickup.library)
        {
            let kind = if library.resource_sharing { "Alma's resource sharing library" } else { "the virtual library" };
            let text = format!("{code} is {kind}, where no patron can collect. Name a library with a hold shelf.");
            return Finding::missing(subject, text);
        }
        let found = match &pickup.desk {
            Some(desk) => self.shelf_at(code, desk.as_str()).await,
            None => self.shelf_in(code).await,
        };
        match shelf(&subject, found) {
            Finding { verdict: Verdict::Ok, text, .. } => Finding::ok(subject, format!("{code}, desk {text}")),
            other => other,
        }
    }
}

fn shelf(subject: &str, found: Shelf) -> Finding {
    match found {
        Shelf::At(desk) => Finding::ok(subject, desk),
        Shelf::Lacking(problem) => Finding::missing(subject, problem),
        Shelf::Unknown(reason) => cannot_read(subject, &reason, LATER),
    }
}

/// Returns the finding for a code that isn't on a list: missing if the whole list could be read, otherwise unknown.
fn absent<T>(list: &List<T>, subject: &str, problem: String) -> Finding {
    if list.is_complete() {
        Finding::missing(subject, problem)
    } else {
        Finding::unknown(
            subject,
            format!("{problem} A row of Alma's answer can't be read, and may be the missing one."),
        )
    }
}

fn no_desk(library: &str, desk: &str, known: &List<CircDesk>) -> String {
    let known = names(known.iter().map(|desk| desk.code.as_str()));
    format!("The library {library} has no circulation desk {desk}. It has: {known}.")
}

fn no_location(subject: &str, library: &str, wanted: &str, known: &List<Location>) -> Finding {
    let all = names(known.iter().map(|location| location.code.as_str()));
    absent(known, subject, format!("The library {library} has no location {wanted}. It has: {all}."))
}
