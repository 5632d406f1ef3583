//! Runs hubs as they are shipped, as processes of their own. The simulated Almas, patrons and staff live in this
//! process. The hubs are judged from outside: by their public API, and by the state of the Almas.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

pub(crate) mod databases;
pub(crate) mod hub;
pub(crate) mod staff;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use alma_sim::Sim;
use comfy_table::Table;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use self::staff::{Desk, Open};
use crate::simulate::rules;
use crate::simulate::sim_setup::{BORROWER, LENDERS};
use crate::verdict::table;

/// The time within which all requests in flight must end once no more faults happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// The number of requests whose virtual records are counted in each round.
const SAMPLE: usize = 20;
/// The largest number of violations that are printed.
const SHOWN: usize = 20;

/// The observations made during a run.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The requests that the hub accepted with 201.
    pub(crate) accepted: BTreeSet<String>,
    /// The number of placements without an answer. The hub may have accepted them or not.
    pub(crate) unanswered: usize,
    pub(crate) doubled: BTreeSet<String>,
    /// The number of open requests, each time the list was read.
    pub(crate) open: Vec<(Instant, usize)>,
}

/// Lets patrons keep a number of requests in flight as long as `more` returns true, and lets staff work until all
/// requests have ended or [`PATIENCE`] is over.
pub(crate) async fn keep_busy(
    sim: &Sim,
    desk: &mut Desk,
    in_flight: usize,
    seen: &mut Seen,
    more: impl Fn(&Desk) -> bool,
) -> Result<(), String> {
    let mut drained_since = None;
    let mut open = Vec::new();
    loop {
        if let Some(listed) = desk.open().await {
            open = listed;
            seen.open.push((Instant::now(), open.len()));
            desk.work(&open).await;
            check(sim, &open, seen)?;
        }
        if more(desk) {
            desk.place(in_flight.saturating_sub(open.len()), seen).await;
        } else {
            let since = *drained_since.get_or_insert_with(Instant::now);
            if open.is_empty() || since.elapsed() > PATIENCE {
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the number of calls to all Almas so far.
pub(crate) fn calls(sim: &Sim) -> Result<u64, String> {
    let mut all = 0;
    for code in [LENDERS[0], LENDERS[1], BORROWER] {
        all += sim.calls(code).map_err(|error| error.to_string())?.values().sum::<u64>();
    }
    Ok(all)
}

/// Checks the present state: no request has two holds at a library, holds at two lenders, or two virtual records.
fn check(sim: &Sim, open: &[Open], seen: &mut Seen) -> Result<(), String> {
    let doubled = rules::doubled_holds(sim)?;
    seen.doubled.extend(doubled);
    let mut rng = StdRng::from_os_rng();
    for _ in 0..SAMPLE.min(open.len()) {
        let request = &open[rng.random_range(0..open.len())];
        let records = rules::records_of(sim, &request.id)?;
        if records > 1 {
            seen.doubled.insert(format!("{records} virtual records of {}", request.id));
        }
    }
    Ok(())
}

pub(crate) fn counts(sim: &Sim, code: &str) -> Result<Value, String> {
    Ok(sim.staff(code).map_err(|error| error.to_string())?.counts())
}

/// The violations found at the end.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) orphan: Vec<String>,
}

impl Wrong {
    /// Judges the Almas once all requests should have ended. `before` counts the borrower's records before the first
    /// request.
    pub(crate) fn find(sim: &Sim, seen: &Seen, ended: &[Open], before: &Value) -> Result<Self, String> {
        let known: BTreeSet<&str> = ended.iter().map(|request| request.id.as_str()).collect();
        let mut lost: Vec<String> = seen.accepted.iter().filter(|id| !known.contains(id.as_str())).cloned().collect();
        let stuck = ended.iter().filter(|request| request.status != "FINALISED");
        lost.extend(stuck.map(|request| format!("{} stands at {} ({})", request.id, request.status, request.waits)));
        Ok(Self { lost, doubled: seen.doubled.iter().cloned().collect(), orphan: orphans(sim, before)? })
    }

    /// Adds the violations of another part of the same run.
    pub(crate) fn add(&mut self, other: Self) {
        self.lost.extend(other.lost);
        self.doubled.extend(other.doubled);
        self.orphan.extend(other.orphan);
    }

    pub(crate) fn count(&self) -> usize {
        self.lost.len() + self.doubled.len() + self.orphan.len()
    }

    /// Returns a summary for the last line.
    pub(crate) fn figure(&self) -> String {
        format!("{} lost, {} doubled, {} orphan", self.lost.len(), self.doubled.len(), self.orphan.len())
    }

    /// Returns the first violations, one per line.
    pub(crate) fn notes(&self) -> Vec<String> {
        let kinds = [("lost", &self.lost), ("doubled", &self.doubled), ("orphan", &self.orphan)];
        let all = kinds.into_iter().flat_map(|(kind, found)| found.iter().take(SHOWN).map(move |what| (kind, what)));
        all.map(|(kind, what)| format!("{kind}: {what}")).collect()
    }
}

/// Finds the records that are left at the libraries once all requests have ended.
fn orphans(sim: &Sim, before: &Value) -> Result<Vec<String>, String> {
    let mut left = Vec::new();
    let after = counts(sim, BORROWER)?;
    for what in ["bibs", "holdings", "items", "requests", "loans"] {
        if after[what] != before[what] {
            left.push(format!("{what} at the borrower: {} before, {} after", before[what], after[what]));
        }
    }
    for code in LENDERS {
        let after = counts(sim, code)?;
        for what in ["requests", "loans"] {
            if after[what] != 0 {
                left.push(format!("{} {what} at {code}", after[what]));
            }
        }
    }
    Ok(left)
}

/// Counts the requests by outcome.
pub(crate) fn outcomes(ended: &[Open]) -> Table {
    let mut outcomes = BTreeMap::<&str, usize>::new();
    for request in ended {
        *outcomes.entry(request.outcome.as_str()).or_default() += 1;
    }
    let mut rows = table(&["outcome", "requests"]);
    for (outcome, count) in outcomes {
        rows.add_row([outcome.to_owned(), count.to_string()]);
    }
    rows
}
