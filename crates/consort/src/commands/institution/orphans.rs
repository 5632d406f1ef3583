//! `consort institution orphans`: finds records and holds of the hub that belong to no request, and removes them.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::api::{Hub, HubArgs};
use crate::commands::request::{segment, text};
use crate::failure::{Failure, Result};
use crate::output::print_result;
use crate::progress::Progress;
use crate::table::table;

/// Search for orphans.
#[derive(Args, Debug)]
pub(crate) struct Orphans {
    #[command(flatten)]
    hub: HubArgs,
    /// The code of an institution.
    code: String,
    /// How far back requests are searched, in days.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Search every request, not just those with an outcome that was unclear for a time.
    #[arg(long)]
    all: bool,
    /// Remove the orphans that are found.
    #[arg(long)]
    remove: bool,
}

impl Orphans {
    pub(crate) async fn run(self) -> Result<()> {
        let method = if self.remove { Method::DELETE } else { Method::GET };
        let path = format!("/api/v1/institutions/{}/orphans?days={}&all={}", segment(&self.code)?, self.days, self.all);
        let progress = Progress::start(format!("Searching {} for orphans", self.code));
        let answer = Hub::new(&self.hub)?.call(method, &path, None).await?;
        drop(progress);
        let orphans: Vec<&Value> = answer["orphans"].as_array().into_iter().flatten().collect();
        print_result(&answer, || self.describe(&answer, &orphans));
        let failed = orphans.iter().filter(|orphan| orphan["removed"] == Value::Bool(false)).count();
        if failed == 0 {
            return Ok(());
        }
        Err(Failure::new(format!("{}: {failed} orphans could not be taken away.", self.code))
            .advice("The table says why. Staff must check in the library's system what is not the hub's any more."))
    }
    fn describe(&self, answer: &Value, orphans: &[&Value]) -> String {
        let sum = format!(
            "{}: {} orphans, in a search of {} requests and {} virtual patrons.",
            self.code,
            orphans.len(),
            answer["requests"],
            answer["patrons"]
        );
        if orphans.is_empty() {
            return sum;
        }
        let mut table = table(&["kind", "id", "request", ""]);
        for orphan in orphans {
            let became = match (orphan["removed"].as_bool(), orphan["problem"].as_str()) {
                (Some(true), _) => "removed",
                (_, Some(problem)) => problem,
                _ => "is left; --remove takes it away",
            };
            table.add_row([&text(&orphan["kind"]), &text(&orphan["id"]), &text(&orphan["request"]), became]);
        }
        format!("{table}\n{sum}")
    }
}
