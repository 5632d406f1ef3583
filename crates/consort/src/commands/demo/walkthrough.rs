//! The demo's story: one book, six stations.

#![allow(clippy::disallowed_methods, reason = "the demo waits for its processes, with a deadline")]

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::expected::{SideState, Step, steps};
use super::processes::{AGENCY, DemoProcesses, LENDER, PICKUP};
use super::sides::Book;
use super::view::View;
use crate::commands::request::text;
use crate::failure::{Failure, Result};

/// How long a station may take before the demo fails.
const PATIENCE: Duration = Duration::from_secs(30);
/// The patron of the story, at the borrower's Alma.
const PATRON: &str = "jo.reader";

/// Plays and shows the story.
pub(crate) struct Walkthrough<'a> {
    processes: &'a mut DemoProcesses,
    view: &'a View,
    pace: Duration,
    kill: bool,
    faults: Vec<String>,
    passed: Vec<String>,
    kills: usize,
}

/// The result of the story.
pub(crate) struct Summary {
    /// The request's id.
    pub(crate) id: String,
    /// The book that was requested.
    pub(crate) book: Book,
    /// The title in the borrower's Alma.
    pub(crate) title_at_borrower: String,
    /// Every status that the request passed.
    pub(crate) passed: Vec<String>,
    /// The outcome of the request.
    pub(crate) outcome: String,
    /// API calls at the lender, by endpoint.
    pub(crate) lender_calls: Vec<(String, u64)>,
    /// API calls at the borrower, by endpoint.
    pub(crate) borrower_calls: Vec<(String, u64)>,
    /// The objects that the hub left behind: none, if all is well.
    pub(crate) left_behind: Vec<String>,
    /// How many times the hub was killed.
    pub(crate) kills: usize,
    /// Differences from the expected state.
    pub(crate) faults: Vec<String>,
    /// How long the story took.
    pub(crate) took: Duration,
}

impl Summary {
    /// Returns a failure that names the unmet expectations, if there are any.
    pub(crate) fn verdict(&self) -> Result<()> {
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!("The demo did not go as it should:\n  - {}", self.faults.join("\n  - "))))
    }
}

impl<'a> Walkthrough<'a> {
    pub(crate) fn new(processes: &'a mut DemoProcesses, view: &'a View, pace: Duration, kill: bool) -> Self {
        Self { processes, view, pace, kill, faults: Vec::new(), passed: Vec::new(), kills: 0 }
    }

    /// Plays the story to its end. An error means that the story could not be played. Differences from the expected
    /// state are in the summary.
    pub(crate) async fn run(mut self, barcode: Option<&str>) -> Result<Summary> {
        let started = Instant::now();
        let book = self.choose(barcode).await?;
        self.view.book(&book);
        let mut id = String::new();
        let mut title_at_borrower = String::new();
        for (number, step) in steps().iter().enumerate() {
            if number > 0 {
                tokio::time::sleep(self.pace).await;
            }
            if self.kill && matches!(number, 1 | 3 | 5) {
                self.kills += 1;
                self.view.killed(self.processes.hub_pid());
                self.act(number, &book, &id).await?;
                self.processes.kill_hub().await?;
                self.view.revived(self.processes.hub_pid());
            } else if number == 0 {
                id = self.place(&book).await?;
            } else {
                self.act(number, &book, &id).await?;
            }
            let request = self.reach(number, step, &id).await?;
            if number == 0 {
                title_at_borrower = self.title_at_borrower(&request, &book).await?;
            }
            self.hold_against(number, step, &request).await?;
        }
        let request = self.processes.hub.get(&format!("/api/v1/requests/{id}")).await?;
        let outcome = text(&request["outcome"]);
        self.expect(outcome == "SUPPLIED", || format!("the outcome is {outcome}, not SUPPLIED"));
        self.check_path(&request);
        let left_behind = self.leftovers(&book).await?;
        for left in &left_behind {
            self.faults.push(format!("left behind: {left}"));
        }
        Ok(Summary {
            id,
            book,
            title_at_borrower,
            passed: self.passed,
            outcome,
            lender_calls: self.processes.lender.calls().await?,
            borrower_calls: self.processes.borrower.calls().await?,
            left_behind,
            kills: self.kills,
            faults: self.faults,
            took: started.elapsed(),
        })
    }

    async fn choose(&self, barcode: Option<&str>) -> Result<Book> {
        let books = self.processes.lender.books().await?;
        let chosen = match barcode {
            Some(barcode) => books.into_iter().find(|book| book.barcode == barcode),
            // This title proves that special characters survive.
            None => {
                let special = books.iter().position(|book| book.title.contains('&'));
                books.into_iter().nth(special.unwrap_or_default())
            }
        };
        chosen.ok_or_else(|| {
            Failure::new("The lender has no such book.")
                .advice("`consort demo --books` shows the books with their barcodes.")
        })
    }

    async fn place(&self, book: &Book) -> Result<String> {
        let body = json!({
            "agency": AGENCY, "patron": PATRON, "pickup_location": PICKUP,
            "copies": [{"institution": LENDER, "barcode": book.barcode}],
        });
        let placed = self.processes.hub.call(Method::POST, "/api/v1/requests", Some(&body)).await?;
        Ok(text(&placed["id"]))
    }

    /// Acts as staff do at their desks.
    async fn act(&self, number: usize, book: &Book, id: &str) -> Result<()> {
        let (lender, borrower) = (&self.processes.lender, &self.processes.borrower);
        match number {
            1 | 5 => lender.scan_in(&book.barcode, &book.library).await,
            2 | 4 => borrower.scan_in(&self.virtual_barcode(id).await?, "MAIN").await,
            3 => borrower.lend(&self.virtual_barcode(id).await?, PATRON, "MAIN").await,
            _ => Ok(()),
        }
    }

    async fn virtual_barcode(&self, id: &str) -> Result<String> {
        let request = self.processes.hub.get(&format!("/api/v1/requests/{id}")).await?;
        Ok(text(&request["borrower"]["barcode"]))
    }

    /// Waits until the request has passed the station's statuses.
    async fn reach(&mut self, number: usize, step: &Step, id: &str) -> Result<Value> {
        let wanted = step.passes.last().copied().unwrap_or_default();
        let mut known = 0;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.processes.restart_hub_if_dead().await? {
                self.kills += 1;
                self.view.revived(self.processes.hub_pid());
            }
            // If the hub dies, the call fails.
            if let Ok(request) = self.processes.hub.get(&later(id, known)).await {
                known = request["version"].as_u64().unwrap_or_default();
                let passed = passed(&request);
                if passed.iter().any(|status| status == wanted) && is_quiet(&request) {
                    self.view.step(number, step, &passed[self.passed.len().min(passed.len())..]);
                    self.passed = passed;
                    return Ok(request);
                }
                if text(&request["status"]) == "FINALISED" {
                    let reason = text(&request["refusal"]["explanation"]);
                    return Err(Failure::new(format!(
                        "After \"{}\" the request ended without {wanted}. {reason}",
                        step.act
                    )));
                }
            }
            if Instant::now() > deadline {
                let request = self.processes.hub.get(&format!("/api/v1/requests/{id}")).await?;
                let (status, reason) = (text(&request["status"]), text(&request["attention"]["reason"]));
                return Err(Failure::new(format!(
                    "After \"{}\" the request did not reach {wanted} within {} seconds. It is {status}. {reason}",
                    step.act,
                    PATIENCE.as_secs()
                )));
            }
        }
    }

    async fn hold_against(&mut self, number: usize, step: &Step, request: &Value) -> Result<()> {
        // The hub acts at one side after it has learned of the other, so one side may be a moment late.
        let deadline = Instant::now() + Duration::from_secs(5);
        let (id, mut known) = (text(&request["id"]), request["version"].as_u64().unwrap_or_default());
        loop {
            let lender = self.processes.lender.shown(request, "lender").await?;
            let borrower = self.processes.borrower.shown(request, "borrower").await?;
            let agree = agrees(&lender, &step.lender) && agrees(&borrower, &step.borrower);
            if agree || Instant::now() > deadline {
                self.view.sides(&lender, &borrower);
                self.compare(number, "the lender's Alma", &lender, &step.lender);
                self.compare(number, "the borrower's Alma", &borrower, &step.borrower);
                return Ok(());
            }
            if let Ok(request) = self.processes.hub.get(&later(&id, known)).await {
                known = request["version"].as_u64().unwrap_or_default();
            }
        }
    }

    fn compare(&mut self, number: usize, side: &str, found: &SideState, wanted: &SideState) {
        if !agrees(found, wanted) {
            self.faults.push(format!(
                "station {}: {side} shows item {}, request {}, loan {}, and should show {}, {}, {}",
                number + 1,
                found.item,
                found.request,
                found.loan,
                wanted.item,
                wanted.request,
                wanted.loan
            ));
        }
    }

    fn check_path(&mut self, request: &Value) {
        let wanted: Vec<&str> = steps().iter().flat_map(|step| step.passes.iter().copied()).collect();
        let found = passed(request);
        self.expect(found == wanted, || format!("the statuses were {}, not {}", found.join(", "), wanted.join(", ")));
        self.passed = found;
    }

    async fn title_at_borrower(&mut self, request: &Value, book: &Book) -> Result<String> {
        let title = self.processes.borrower.title_of(&text(&request["borrower"]["bib"])).await?;
        self.expect(title == book.title, || {
            format!("the borrower's Alma has the title {title:?}, the lender's {:?}", book.title)
        });
        Ok(title)
    }

    /// Returns the virtual records and open holds that still exist on either side.
    async fn leftovers(&self, book: &Book) -> Result<Vec<String>> {
        let mut left = self.processes.borrower.left_behind().await?;
        left.extend(self.processes.lender.left_behind().await?);
        let lent = self.processes.lender.calls().await?;
        let loans = lent.iter().find(|(endpoint, _)| endpoint == "POST /users/{user_id}/loans").map_or(0, |(_, n)| *n);
        if loans != 1 {
            left.push(format!("{loans} calls to lend {} at the lender, where one is right", book.barcode));
        }
        Ok(left)
    }

    fn expect(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }
}

/// Returns the statuses of the timeline, in order.
fn passed(request: &Value) -> Vec<String> {
    let rows = request["timeline"].as_array().into_iter().flatten();
    rows.filter_map(|row| row["to"].as_str().map(str::to_owned)).collect()
}

/// Returns the path of a call that reads the request once it has changed after a version, or after a second as it is.
fn later(id: &str, version: u64) -> String {
    format!("/api/v1/requests/{id}?after_version={version}&wait=1")
}

/// Returns whether no effect of the request is in progress.
fn is_quiet(request: &Value) -> bool {
    request["current_effect"].is_null()
}

/// Compares two states. Alma may show a new hold as not started or, with a pick slip, as in process at once.
fn agrees(found: &SideState, wanted: &SideState) -> bool {
    let item = found.item == wanted.item || (wanted.item == "in place" && found.item == "REQUESTED");
    let request = found.request == wanted.request || (wanted.request == "NOT_STARTED" && found.request == "IN_PROCESS");
    // An Alma that anonymises removes a loan when it is closed.
    let loan = found.loan == wanted.loan || (wanted.loan == "COMPLETE" && found.loan == "-");
    item && request && loan
}
