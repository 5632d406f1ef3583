//! Checks an institution's set-up: makes every read that the hub will need, and reports missing settings.
//!
//! - `agencies`: the agencies that the settings name, and the patron types that the rules of agencies name.
//! - `places`: libraries, locations, desks with their hold shelves, agencies and pickup locations.
//! - `codes`: code tables, and the mappings between Alma's codes and the hub's types in both directions.
//! - `lists`: task lists and saved searches, which save calls.
//! - `new_users`: whether new users become patrons, with a test user.
//! - `words`: the findings that all of them use.

mod agencies;
mod codes;
mod lists;
pub(super) mod new_users;
mod places;
mod words;

use alma::{Access, Area, Client, General};

use self::words::unread;
use super::settings::Settings;
use crate::finding::{Finding, Registration, Verdict};

/// Makes the reads, in the order in which a person would fix the problems.
pub(super) async fn run(client: &Client, settings: &Settings, registration: &Registration) -> Vec<Finding> {
    let mut findings = key(client, settings).await;
    if findings.iter().any(|finding| finding.verdict != Verdict::Ok) {
        // Without a valid key of the right institution, every other check would report the same problem.
        return findings;
    }
    let libraries = match client.conf().libraries().await {
        Ok(libraries) => libraries,
        Err(error) => {
            findings.push(unread("libraries", error));
            return findings;
        }
    };
    findings.extend(places::check(client, settings, registration, &libraries).await);
    findings.extend(agencies::check(settings, registration));
    findings.extend(lists::task_list(client, settings).await);
    findings.extend(codes::check(client, settings, registration).await);
    findings.extend(lists::saved_searches(client, settings).await);
    findings
}

/// Checks whose the key is, and its areas with one test call each (alma-field-notes.md, "Hosts, keys, limits").
async fn key(client: &Client, settings: &Settings) -> Vec<Finding> {
    let mut findings = match client.conf().general().await {
        Ok(general) => owner(settings, general),
        // Alma can't be reached, or the key lacks the first area. Both end the check.
        Err(error) => {
            let address = alma::origin(&settings.base_url).unwrap_or_else(|| "the given address".to_owned());
            let finding = unread("Alma", error);
            return vec![Finding { text: format!("{} The address is {address}.", finding.text), ..finding }];
        }
    };
    let areas = [(Area::Users, Access::Write, "Users read/write"), (Area::Bibs, Access::Write, "Bibs read/write")];
    for (area, access, what) in areas {
        let subject = format!("API key: {what}");
        findings.push(match client.conf().test(area, access).await {
            Ok(()) => Finding::ok(subject, "granted"),
            Err(error) => unread(&subject, error),
        });
    }
    findings
}

/// Compares the institution that the key belongs to with the one that it was set up for. All institutions of a region
/// share one address, so a key of another institution works, with that institution's patrons and items.
fn owner(settings: &Settings, general: General) -> Vec<Finding> {
    let kind = general.environment_type.unwrap_or_else(|| "unknown".to_owned());
    let owner = general.institution.map(|coded| coded.value).unwrap_or_default();
    let expected = settings.institution.as_str();
    if owner.trim().is_empty() {
        let text =
            format!("Alma's answer doesn't name the institution, which should be {expected}. Environment: {kind}.");
        return vec![Finding::unknown("Alma", text)];
    }
    if !owner.trim().eq_ignore_ascii_case(expected) {
        let text = format!(
            "The API key belongs to the institution {owner}, and not to {expected}. Use a key of {expected}, or register \
             the institution under its own code {owner}."
        );
        return vec![Finding::missing("Alma", text)];
    }
    vec![Finding::ok("Alma", format!("{owner}, environment {kind}"))]
}
