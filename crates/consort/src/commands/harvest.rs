//! `consort harvest`: harvests an institution's records into the catalogue.

use std::sync::Arc;

use catalogue::{Catalogue, Harvest as Harvesting, HarvestSettings, Kind, Report, Run};
use clap::Args;
use engine::SystemClock;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::commands::catalogue::Place;
use crate::commands::catalogue_api::{self, Where};
use crate::config::Config;
use crate::failure::{Exit, Failure, Result};
use crate::output::print_result;
use crate::progress::Progress;

/// Harvest an institution's records into the catalogue: in a data directory, also while the hub runs, or at a running hub.
#[derive(Args, Debug)]
pub(crate) struct Harvest {
    /// The institution's code.
    institution: String,
    /// Harvest all records, and remove those that the source no longer has.
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    place: Where,
}

impl Harvest {
    pub(crate) async fn run(self) -> Result<()> {
        if let Some(hub) = self.place.hub()? {
            return catalogue_api::harvest(&hub, &self.institution, self.full).await;
        }
        let config = Config::load(self.place.config.as_deref())?;
        let place = Place::open(&config).await?;
        let settings = place.settings(&self.institution).await?.ok_or_else(|| {
            Failure::new(format!("The institution {} has no harvest settings.", self.institution)).advice(
                "Add a table `harvest` with its `url` to the institution's settings; docs/catalogue.md shows how.",
            )
        })?;
        let progress = Progress::start(format!("Harvesting {}", self.institution));
        let shown = show_progress(place.catalogue.clone(), self.institution.clone(), progress);
        let run = self.harvest(&place, &settings).await;
        shown.abort();
        let run = run?;
        place.group_and_index(&config).await?;
        place.close().await;
        print_result(&view(&run), || describe(&run));
        Ok(())
    }

    async fn harvest(&self, place: &Place, settings: &HarvestSettings) -> Result<Run> {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let harvest = Harvesting {
            catalogue: &place.catalogue,
            clock: Arc::new(SystemClock::default()),
            client_clock: None,
            node: &place.owner,
            institution: &self.institution,
            settings,
        };
        let kind = if self.full { Kind::Full } else { Kind::Changes };
        let run = harvest.run(kind, &stopped);
        let mut run = std::pin::pin!(run);
        let ended = tokio::select! {
            ended = &mut run => ended,
            () = crate::commands::serve::wait_for_shutdown(false) => {
                let _ = stop.send(true);
                run.await
            }
        };
        ended.map_err(|error| {
            Failure::new(format!("The harvest of {} ended early: {error}.", self.institution))
                .advice("What was stored stays. The same command resumes it.")
                .exit(Exit::Unavailable)
        })
    }
}

/// Shows records, rate and estimate while a harvest is under way.
fn show_progress(catalogue: Catalogue, institution: String, progress: Progress) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(500));
        loop {
            ticks.tick().await;
            if let Ok(runs) = catalogue.runs(&institution, 1).await
                && let Some(run) = runs.first()
            {
                let seconds = run.updated_at.duration_since(run.started_at).as_secs_f64();
                progress.set(line(&run.institution, seconds, run.report.records, run.report.source_count));
            }
        }
    })
}

/// Returns the line of a harvest under way.
pub(crate) fn line(institution: &str, seconds: f64, records: u64, source_count: Option<u64>) -> String {
    let rate = records as f64 / seconds.max(0.001);
    let mut line = format!("Harvesting {institution}: {records} records, {rate:.0} a second");
    if let Some(count) = source_count.filter(|count| *count > records && rate > 0.0) {
        let left = (count - records) as f64 / rate;
        line.push_str(&format!(", of {count}, about {left:.0} s left"));
    }
    line
}

/// Returns a run as JSON.
pub(crate) fn view(run: &Run) -> Value {
    json!({
        "id": run.id.to_string(),
        "institution": run.institution,
        "kind": run.kind.name(),
        "state": run.state.name(),
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "report": run.report,
    })
}

/// Describes the report of a run.
pub(crate) fn describe(run: &Run) -> String {
    describe_report(&run.institution, run.kind.name(), &run.report)
}

/// Describes a report.
pub(crate) fn describe_report(institution: &str, kind: &str, report: &Report) -> String {
    let Report { records, new, changed, unchanged, shown, deleted, removed, .. } = report;
    let mut text = format!(
        "Harvested {records} records of {institution} ({kind}): {new} new, {changed} changed, {unchanged} as before.\n\
         Shown {shown}, suppressed {}, deleted {deleted}, no longer in the source {removed}, failed {}.",
        report.suppressions(),
        report.failures(),
    );
    for (rule, count) in &report.suppressed {
        text.push_str(&format!("\n  suppressed by {rule}: {count}"));
    }
    for (reason, count) in &report.failed {
        text.push_str(&format!("\n  failed, {reason}: {count}"));
    }
    match report.difference {
        Some(0) => text.push_str("\nThe source has as many."),
        Some(more @ 1..) => text.push_str(&format!("\nThe source has {more} more records, which were not read.")),
        Some(fewer) => text.push_str(&format!("\nThe source counts {} fewer records than were read.", fewer.abs())),
        None => {}
    }
    for (what, ids) in [("not read", &report.not_read), ("no longer in the source", &report.removed_ids)] {
        if !ids.is_empty() {
            text.push_str(&format!("\n  {what}: {}", ids.join(", ")));
        }
    }
    for note in &report.notes {
        text.push_str(&format!("\n{note}"));
    }
    text
}
