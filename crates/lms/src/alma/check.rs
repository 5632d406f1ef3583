//! Checks an institution's set-up: makes every read that the hub will need, and reports what is missing.

use std::pin::pin;

use alma::{Access, Area, Client, CodeTable, Library, LibraryCode, List};
use futures::TryStreamExt;

use super::errors::to_lms_error;
use super::settings::Settings;
use crate::finding::Finding;

/// Makes the reads, in the order in which a person would fix the problems.
pub(super) async fn run(client: &Client, settings: &Settings) -> Vec<Finding> {
    let mut findings = key(client).await;
    if findings.iter().any(|finding| finding.problem.is_some()) {
        // Without a valid key, every other check would report the same problem.
        return findings;
    }
    let libraries = match client.conf().libraries().await {
        Ok(libraries) => libraries,
        Err(error) => {
            findings.push(Finding::problem("libraries", to_lms_error(error).to_string()));
            return findings;
        }
    };
    findings.push(sharing_library(settings, &libraries));
    for (library, location) in settings.virtual_places() {
        findings.extend(virtual_place(client, library.as_str(), location.as_str(), &libraries).await);
    }
    findings.extend(desks(client, settings, &libraries).await);
    findings.extend(task_list(client, settings).await);
    findings.extend(code_tables(client, settings).await);
    for (subject, process, set) in [
        ("on_shelf_set", "on the hold shelf", settings.on_shelf_set.as_deref()),
        ("in_transit_set", "in transit", settings.in_transit_set.as_deref()),
    ] {
        findings.push(match set {
            Some(set) => saved_search(client, subject, process, set).await,
            None => no_saved_search(settings, subject, process),
        });
    }
    findings
}

/// Returns the finding for a saved search that isn't set. The hub works without it, with more calls.
fn no_saved_search(settings: &Settings, subject: &str, process: &str) -> Finding {
    let late = match settings.allowance.lost_message_detection_minutes {
        Some(minutes) => {
            format!(
                " Without it what isn't reported of them is not noticed within {minutes} minutes (lost_message_detection_minutes)."
            )
        }
        None => String::new(),
    };
    Finding::ok(
        subject,
        format!(
            "none named: a virtual item {process} is seen by a call of its own. A saved search for them saves these.{late}"
        ),
    )
}

async fn saved_search(client: &Client, subject: &str, process: &str, set: &str) -> Finding {
    let found = match client.sets().get(&set.into()).await {
        Ok(found) => found,
        Err(error) => return Finding::problem(subject, to_lms_error(error).to_string()),
    };
    let is = |coded: Option<&alma::Coded>, wanted| coded.is_some_and(|coded| coded.as_str() == wanted);
    if is(found.kind.as_ref(), "LOGICAL") && is(found.content.as_ref(), "ITEM") {
        Finding::ok(subject, label(set, found.name.as_deref()))
    } else {
        Finding::problem(
            subject,
            format!(
                "The set {set} is no saved search for items. Search in Alma for physical items of the virtual library whose \
                 process type is \"{process}\", save the query, and name the id of that set."
            ),
        )
    }
}

/// Checks the task list, which reports all holds that wait at a desk. Without it the hub polls each hold by a call of
/// its own.
async fn task_list(client: &Client, settings: &Settings) -> Option<Finding> {
    let (library, desk) = settings.circulation_desks.iter().next()?;
    let listed = client.task_lists().requested_resources(&library.as_str().into(), &desk.as_str().into());
    Some(match pin!(listed).try_next().await {
        Ok(_) => Finding::ok("task lists", format!("what waits at {library} {desk} can be read")),
        Err(error) => Finding::problem(
            "task lists",
            format!(
                "{} Without them each hold that waits at a desk is polled by a call of its own: let the key read task lists.",
                to_lms_error(error)
            ),
        ),
    })
}

/// Checks the areas of the key with one test call each (alma-field-notes.md, "Hosts, keys, limits").
async fn key(client: &Client) -> Vec<Finding> {
    let mut findings = vec![match client.conf().general().await {
        Ok(general) => {
            let name = general.institution.map(|coded| coded.value).unwrap_or_default();
            let kind = general.environment_type.unwrap_or_else(|| "unknown".to_owned());
            Finding::ok("Alma", format!("{name}, environment {kind}"))
        }
        Err(error) => {
            // Alma can't be reached, or the key lacks the first area. Both end the check.
            return vec![Finding::problem("Alma", to_lms_error(error).to_string())];
        }
    }];
    let areas = [(Area::Users, Access::Write, "Users read/write"), (Area::Bibs, Access::Write, "Bibs read/write")];
    for (area, access, what) in areas {
        let subject = format!("API key: {what}");
        findings.push(match client.conf().test(area, access).await {
            Ok(()) => Finding::ok(subject, "granted"),
            Err(error) => Finding::problem(subject, to_lms_error(error).to_string()),
        });
    }
    findings
}

fn sharing_library(settings: &Settings, libraries: &List<Library>) -> Finding {
    let subject = "sharing_library";
    let code = settings.sharing_library.as_str();
    match libraries.iter().find(|library| library.code.as_str() == code) {
        None => Finding::problem(subject, no_library(code, libraries)),
        Some(library) if library.resource_sharing => Finding::problem(
            subject,
            format!(
                "{code} is Alma's resource sharing library, which can't be the pickup library of a hold (Alma would refuse \
                 with 401129). Create an ordinary library for this."
            ),
        ),
        Some(library) => Finding::ok(subject, label(code, library.name.as_deref())),
    }
}

async fn virtual_place(client: &Client, code: &str, wanted: &str, libraries: &List<Library>) -> Vec<Finding> {
    let Some(library) = libraries.iter().find(|library| library.code.as_str() == code) else {
        return vec![Finding::problem("virtual_library", no_library(code, libraries))];
    };
    let mut findings = vec![Finding::ok("virtual_library", label(code, library.name.as_deref()))];
    let subject = "virtual_location";
    findings.push(match client.conf().locations(&library.code).await {
        Err(error) => Finding::problem(subject, to_lms_error(error).to_string()),
        Ok(locations) => match locations.iter().find(|location| location.code.as_str() == wanted) {
            None => Finding::problem(
                subject,
                format!(
                    "The library {code} has no location {wanted}. It has: {}.{}",
                    names(locations.iter().map(|location| location.code.as_str())),
                    and_unreadable(&locations),
                ),
            ),
            Some(location) if !location.suppressed => Finding::problem(
                subject,
                format!("The location {wanted} of {code} is not suppressed, so patrons would see virtual items. Suppress it."),
            ),
            Some(location) => Finding::ok(subject, label(wanted, location.name.as_deref())),
        },
    });
    findings
}

async fn desks(client: &Client, settings: &Settings, libraries: &List<Library>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (library, desk) in &settings.circulation_desks {
        let subject = format!("circulation_desks.{library}");
        if !libraries.iter().any(|known| known.code.as_str() == library.as_str()) {
            findings.push(Finding::problem(subject, no_library(library.as_str(), libraries)));
            continue;
        }
        let code = LibraryCode::from(library.as_str());
        findings.push(match client.conf().circulation_desks(&code).whole().await {
            Err(error) => Finding::problem(subject, to_lms_error(error).to_string()),
            Ok(known) if known.iter().any(|circ_desk| circ_desk.code.as_str() == desk.as_str()) => {
                Finding::ok(subject, desk.to_string())
            }
            Ok(known) => Finding::problem(
                subject,
                format!(
                    "The library {library} has no circulation desk {desk}. It has: {}.{}",
                    names(known.iter().map(|circ_desk| circ_desk.code.as_str())),
                    and_unreadable(&known),
                ),
            ),
        });
    }
    for library in libraries.iter() {
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

async fn code_tables(client: &Client, settings: &Settings) -> Vec<Finding> {
    let wanted: [(&str, &str, Vec<&str>); 6] = [
        ("UserGroups", "user_groups", settings.user_groups.values().map(String::as_str).collect()),
        ("UserGroups", "patron_types", settings.patron_types.keys().map(String::as_str).collect()),
        ("PhysicalMaterialType", "material_types", settings.material_types.values().map(String::as_str).collect()),
        ("ItemPolicy", "virtual_item_policy", vec![settings.virtual_item_policy.as_str()]),
        ("UserIdentifierTypes", "identifier_type", vec![settings.identifier_type.as_str()]),
        (
            "RequestCancellationReasons",
            "cancel_reason_patron, cancel_reason_other",
            vec![settings.cancel_reason_patron.as_str(), settings.cancel_reason_other.as_str()],
        ),
    ];
    let mut findings = Vec::new();
    let mut read: Option<(&str, CodeTable)> = None;
    for (name, subject, codes) in wanted {
        if read.as_ref().is_none_or(|(known, _)| *known != name) {
            match client.conf().code_table(name).await {
                Ok(table) => read = Some((name, table)),
                Err(error) => {
                    findings.push(Finding::problem(subject, to_lms_error(error).to_string()));
                    continue;
                }
            }
        }
        let Some((_, table)) = &read else { continue };
        let missing: Vec<&str> = codes.iter().copied().filter(|code| !table.has(code)).collect();
        findings.push(if missing.is_empty() {
            Finding::ok(subject, names(codes.into_iter()))
        } else {
            Finding::problem(
                subject,
                format!(
                    "Alma's code table {name} has no enabled code {}. It has: {}.",
                    names(missing.into_iter()),
                    names(table.rows.iter().filter(|row| row.enabled).map(|row| row.code.as_str()))
                ),
            )
        });
    }
    findings
}

fn no_library(code: &str, libraries: &List<Library>) -> String {
    let known = names(libraries.iter().map(|library| library.code.as_str()));
    format!("Alma has no library {code}. It has: {known}.{}", and_unreadable(libraries))
}

/// Returns a remark for a list with rows that can't be read: such a list doesn't prove that something is missing.
fn and_unreadable<T>(list: &List<T>) -> &'static str {
    if list.is_complete() { "" } else { " A row of Alma's answer can't be read, and may be the one that is wanted." }
}

fn label(code: &str, name: Option<&str>) -> String {
    name.map_or_else(|| code.to_owned(), |name| format!("{code} ({name})"))
}

fn names<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    codes.collect::<Vec<_>>().join(", ")
}
