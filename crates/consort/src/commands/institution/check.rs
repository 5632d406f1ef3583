//! `consort institution check`: makes every read that the hub will need, and reports missing settings.

use std::path::Path;

use clap::Args;
use engine::{Clock as _, Ids, SystemClock};
use lms::{Finding, Verdict};
use reqwest::Method;
use serde_json::{Value, json};

use super::file::InstitutionFile;
use crate::api::{Hub, HubArgs};
use crate::commands::request::{segment, text};
use crate::failure::{Exit, Failure, Result};
use crate::output::print_result;
use crate::progress::Progress;
use crate::table::table;

/// Check an institution.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    hub: HubArgs,
    /// A file as for `add`, or the code of an institution.
    what: String,
    /// Also make, read and remove a test user of each group of virtual patrons, to find out whether new users become
    /// patrons.
    #[arg(long)]
    with_test_user: bool,
}

impl Check {
    pub(crate) async fn run(self) -> Result<()> {
        let path = Path::new(&self.what);
        let progress = Progress::start(format!("Checking {}", self.what));
        let findings = if path.exists() || names_file(&self.what) {
            check_file(&InstitutionFile::read(path)?, self.with_test_user).await?
        } else {
            let query = if self.with_test_user { "?with_test_user=true" } else { "" };
            let path = format!("/api/v1/institutions/{}/check{query}", segment(&self.what)?);
            let answer = Hub::new(&self.hub)?.call(Method::POST, &path, None).await?;
            answer["findings"].as_array().into_iter().flatten().map(finding).collect()
        };
        drop(progress);
        show(&self.what, &findings)
    }
}

/// Returns whether a text can only be meant as the path of a file. A code contains no slash and no such ending.
fn names_file(what: &str) -> bool {
    what.contains(std::path::is_separator) || what.to_ascii_lowercase().ends_with(".toml")
}

/// Checks an institution as a file describes it. The types of other institutions are known to a hub only.
async fn check_file(file: &InstitutionFile, with_test_user: bool) -> Result<Vec<Finding>> {
    let connection = file.connection()?;
    let lms = lms::connect(&connection).map_err(|error| Failure::new(error.to_string()))?;
    let faults = file.rules_faults().into_iter();
    let faults = faults.map(|fault| Finding::missing(format!("agency {}: rules", fault.agency), fault.message));
    let mut findings = lms.check_setup(&file.registration()).await;
    if with_test_user {
        let now = SystemClock::default().now();
        let name = Ids::from_os().uuid(now).simple().to_string();
        findings.extend(lms.check_new_users(&name, now).await);
    }
    findings.extend(faults);
    Ok(findings)
}

fn finding(value: &Value) -> Finding {
    let verdict = value["verdict"].as_str().and_then(Verdict::from_name);
    // A hub of an earlier version sends no verdict.
    let verdict = verdict.unwrap_or(if value["problem"].is_null() { Verdict::Ok } else { Verdict::Missing });
    let text = value["problem"].as_str().map_or_else(|| text(&value["detail"]), str::to_owned);
    Finding { subject: value["subject"].as_str().unwrap_or_default().to_owned(), verdict, text }
}

/// Prints findings. Fails if something is missing or unknown.
pub(super) fn show(what: &str, findings: &[Finding]) -> Result<()> {
    let (missing, unknown) = (lms::count(findings, Verdict::Missing), lms::count(findings, Verdict::Unknown));
    let rows = findings.iter().map(|finding| {
        let Finding { subject, verdict, text } = finding;
        let (problem, detail) = if *verdict == Verdict::Ok { (None, text.as_str()) } else { (Some(text), "") };
        json!({"subject": subject, "verdict": verdict.name(), "problem": problem, "detail": detail})
    });
    let result = json!({"ok": missing + unknown == 0, "findings": rows.collect::<Vec<_>>()});
    print_result(&result, || {
        let table = table_of(findings);
        if missing + unknown == 0 { format!("{table}\n{what}: all that the hub needs is there.") } else { table }
    });
    match (missing, unknown) {
        (0, 0) => Ok(()),
        (0, unknown) => Err(Failure::new(format!("{what}: {unknown} of {} checks could not be made.", findings.len()))
            .advice("Whether something is missing is unknown. The lines marked unknown say why.")
            .exit(Exit::Unknown)),
        (missing, _) => {
            Err(Failure::new(format!("{what}: {missing} of {} checks found something missing.", findings.len()))
                .advice("Correct what is marked MISSING and check again."))
        }
    }
}

fn table_of(findings: &[Finding]) -> String {
    let mut table = table(&["", "checked", "found"]);
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Missing => "MISSING",
            Verdict::Unknown => "unknown",
        };
        table.add_row([mark, &finding.subject, &finding.text]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_distinguished_from_a_code() {
        for path in ["nofile.toml", "./lender", "etc/LENDER.TOML"] {
            assert!(names_file(path), "{path}");
        }
        for code in ["01LEND_INST", "lender", "01.X"] {
            assert!(!names_file(code), "{code}");
        }
    }
}
