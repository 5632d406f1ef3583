//! The demo's output in the terminal.

use std::io::IsTerminal;

use scenarios::{Scenario, StageEvent};

use super::expected::{SideState, Step};
use super::processes::{BORROWER, DemoProcesses, LENDER, PICKUP};
use super::sides::Book;
use super::walkthrough::Summary;
use crate::output::{print_out, write_text};
use crate::table::table;

/// The terminal, with or without colours.
#[derive(Clone)]
pub(crate) struct View {
    colours: bool,
}

impl View {
    pub(crate) fn new() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some();
        Self { colours: std::io::stdout().is_terminal() && !plain }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn opening(&self, processes: &DemoProcesses) {
        print_out(&format!(
            "{}\n  lender's Alma    {}  ({LENDER})\n  borrower's Alma  {}  ({BORROWER})\n  hub              http://{}  (process {}, store in {})\n",
            self.bold("Two libraries, one book."),
            processes.lender.base,
            processes.borrower.base,
            processes.hub_address,
            processes.hub_pid(),
            processes.data().display(),
        ));
    }

    pub(crate) fn book(&self, book: &Book) {
        print_out(&format!(
            "  {} — {}\n  barcode {}, at the lender's library {}\n",
            self.bold(&book.title),
            book.author,
            book.barcode,
            book.library
        ));
        print_out(&self.dim(&format!(
            "{:<42} {:<34} {:<34}",
            "", "LENDER item / request / loan", "BORROWER item / request / loan"
        )));
    }

    pub(crate) fn step(&self, step: &Step, statuses: &[String]) {
        print_out(&self.bold(&format!("> {}", step.act)));
        for status in &statuses[..statuses.len().saturating_sub(1)] {
            print_out(&format!("  {}", self.paint("36", status)));
        }
        if let Some(last) = statuses.last() {
            write_text(&format!("  {}", self.paint("36", &format!("{last:<40}"))));
        }
    }

    pub(crate) fn sides(&self, lender: &SideState, borrower: &SideState) {
        print_out(&format!(" {:<34} {:<34}", line(lender), line(borrower)));
    }

    pub(crate) fn killed(&self, pid: u32) {
        print_out(
            &self.paint("31", &format!("! the hub (process {pid}) is killed without warning; the library goes on")),
        );
    }

    pub(crate) fn revived(&self, pid: u32) {
        print_out(&self.paint("32", &format!("! the hub is started again (process {pid}) on the same store")));
    }

    pub(crate) fn summary(&self, summary: &Summary) {
        let calls = |calls: &[(String, u64)]| calls.iter().map(|(_, count)| count).sum::<u64>();
        print_out(&format!(
            "\n{}\n  request          {}\n  outcome          {}, {} statuses in order\n  title kept       {}\n  killed           {} times\n  left behind      {}\n  took             {:.1} s",
            self.bold("Summary"),
            summary.id,
            summary.outcome,
            summary.passed.len(),
            if summary.title_at_borrower == summary.book.title { "yes, character for character" } else { "NO" },
            summary.kills,
            if summary.left_behind.is_empty() {
                "nothing on either side".to_owned()
            } else {
                summary.left_behind.join("; ")
            },
            summary.took.as_secs_f64(),
        ));
        print_out(&format!(
            "  API calls        lender {}, borrower {} (polls included)",
            calls(&summary.lender_calls),
            calls(&summary.borrower_calls)
        ));
        let mut rows = table(&["calls", "lender", "borrower"]);
        let mut endpoints: Vec<&String> =
            summary.lender_calls.iter().chain(&summary.borrower_calls).map(|(endpoint, _)| endpoint).collect();
        endpoints.sort();
        endpoints.dedup();
        let count = |calls: &[(String, u64)], endpoint: &str| {
            calls.iter().find(|(name, _)| name == endpoint).map_or_else(String::new, |(_, count)| count.to_string())
        };
        for endpoint in endpoints {
            rows.add_row([
                endpoint.clone(),
                count(&summary.lender_calls, endpoint),
                count(&summary.borrower_calls, endpoint),
            ]);
        }
        print_out(&rows.to_string());
        if summary.faults.is_empty() {
            print_out(&self.paint("32", "All as it should be."));
        }
    }

    pub(crate) fn scenario(&self, scenario: &Scenario, hub: &str, almas: &str) {
        print_out(&format!("{}\n  simulated Almas  {almas}\n  hub              {hub}\n", self.bold(scenario.title)));
    }

    pub(crate) fn event(&self, event: &StageEvent) {
        match event {
            StageEvent::Act { who, what } => print_out(&self.bold(&format!("> {who} {what}"))),
            StageEvent::Passed { status, reason } => print_out(&format!(
                "  {}  {}",
                self.paint("36", &format!("{status:<40}")),
                self.dim(reason.as_deref().unwrap_or_default())
            )),
        }
    }

    pub(crate) fn side(&self, institution: &str, shows: &str) {
        print_out(&format!("      {institution:<16} {shows}"));
    }

    pub(crate) fn scenario_serving(&self, hub: &str, key: &str, almas: &str) {
        print_out(&format!(
            "\n{} Everything goes on running. Try, in another terminal:\n  export CONSORT_HUB={hub} CONSORT_API_KEY={key}\n  consort request list\n  the simulated Almas: {almas}/sim/\nCtrl-C stops it.",
            self.bold("Serving."),
        ));
    }

    pub(crate) fn serving(&self, processes: &DemoProcesses) {
        print_out(&format!(
            "\n{} Everything goes on running. Try, in another terminal:\n  export CONSORT_HUB=http://{} CONSORT_API_KEY={}\n  consort request list\n  consort request place --agency BORROW --patron jo.reader --pickup {PICKUP} --copy {LENDER}:BARCODE\n  consort institution check {LENDER}\n  staff actions: POST {}/sim/{LENDER}/scan-in  {{\"barcode\": …, \"library\": \"MAIN\", \"desk\": \"DEFAULT_CIRC_DESK\"}}\nCtrl-C stops it.",
            self.bold("Serving."),
            processes.hub_address,
            processes.key,
            processes.lender.base,
        ));
    }
}

fn line(side: &SideState) -> String {
    format!("{} / {} / {}", side.item, side.request, side.loan)
}

/// Returns a list of the lender's books, for choosing one.
pub(crate) fn books(books: &[Book]) -> String {
    let mut table = table(&["barcode", "library", "title", "author"]);
    for book in books {
        table.add_row([&book.barcode, &book.library, &book.title, &book.author]);
    }
    table.to_string()
}
