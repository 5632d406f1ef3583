//! The demo's output in the terminal.

use std::io::IsTerminal;

use scenarios::{Scenario, StageEvent};

use super::expected::{SideState, Step};
use super::processes::{ACCOUNTS, BORROWER, DemoProcesses, LENDER, PASSWORD, PICKUP};
use super::sides::Book;
use super::walkthrough::Summary;
use crate::output::{print_out, write_text};
use crate::table::{table, terminal_size};

/// The size of a terminal that shows the whole story with its tables.
const ROOMY: (usize, usize) = (112, 60);

/// The terminal, with or without colours.
#[derive(Clone)]
pub(crate) struct View {
    colours: bool,
    /// Whether the story is shown in so few lines that a small terminal keeps it in view.
    compact: bool,
}

impl View {
    pub(crate) fn new() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some();
        let compact = terminal_size().is_some_and(|(width, height)| width < ROOMY.0 || height < ROOMY.1);
        Self { colours: std::io::stdout().is_terminal() && !plain, compact }
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
        if self.compact {
            return;
        }
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
        if self.compact {
            let title = first_of(&book.title, SMALL - 26);
            return print_out(&format!("{} {title}", self.bold("Two libraries, one book:")));
        }
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

    pub(crate) fn step(&self, number: usize, step: &Step, statuses: &[String]) {
        if self.compact {
            return print_out(&station(number, step, statuses, |status| self.paint("36", status)));
        }
        print_out(&self.bold(&format!("> {}", step.act)));
        for status in &statuses[..statuses.len().saturating_sub(1)] {
            print_out(&format!("  {}", self.paint("36", status)));
        }
        if let Some(last) = statuses.last() {
            write_text(&format!("  {}", self.paint("36", &format!("{last:<40}"))));
        }
    }

    pub(crate) fn sides(&self, lender: &SideState, borrower: &SideState) {
        if self.compact {
            return print_out(&self.dim(&both(lender, borrower)));
        }
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
        if self.compact {
            let all_well =
                if summary.faults.is_empty() { self.paint("32", "All as it should be.") } else { String::new() };
            return print_out(&format!(
                "{all_well} Outcome {}, API calls: lender {}, borrower {}.",
                summary.outcome,
                calls(&summary.lender_calls),
                calls(&summary.borrower_calls)
            ));
        }
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

    pub(crate) fn scenario_serving(&self, hub: &str, key: &str, almas: &[(String, String)]) {
        let desks: Vec<String> = almas.iter().map(|(base, code)| desk(code, base, code)).collect();
        print_out(&format!(
            "\n{} Hub and simulated Almas keep running until Ctrl-C.\n{}\nIn another terminal, in this directory:\n\
             export CONSORT_HUB={hub} CONSORT_API_KEY={key}\n{} request list",
            self.bold("Serving."),
            desks.join("\n"),
            program(),
        ));
    }

    /// Shows the addresses of the desks, and a command that requests another book.
    pub(crate) fn serving(&self, processes: &DemoProcesses, next: Option<&Book>) {
        let (lender, borrower) = (&processes.lender.base, &processes.borrower.base);
        let program = program();
        let next = next.map_or_else(
            || format!("{program} request list"),
            |book| {
                format!(
                    "{program} request place --agency BORROW --patron jo.reader \\\n  --pickup {PICKUP} --copy {LENDER}:{}",
                    book.barcode
                )
            },
        );
        print_out(&format!(
            "{} Hub and simulated Almas keep running until Ctrl-C.\n{}\n{}\n{}\n\
             Search the titles of both, and request another book, in another terminal, in this directory:\n\
             export CONSORT_HUB=http://{} CONSORT_API_KEY={}\n\
             {program} catalogue search 'cats dogs'\n{next}\n\
             Scan it in at the lender's desk, and see it with `request list`.",
            self.bold("Serving."),
            accounts(processes),
            desk("lender's desk", lender, LENDER),
            desk("borrower's desk", borrower, BORROWER),
            processes.hub_address,
            processes.key,
        ));
    }
}

/// Returns where the hub's own desk is, and who may sign in.
fn accounts(processes: &DemoProcesses) -> String {
    let names: Vec<&str> = ACCOUNTS.iter().map(|(name, ..)| *name).collect();
    format!(
        "The desk of the hub: http://{}/\n  accounts: {}; each with the password {PASSWORD}",
        processes.hub_address,
        names.join(", ")
    )
}

/// The width of a small terminal.
const SMALL: usize = 80;

/// Returns a station of the story in one line: the action, and the statuses that followed as far as they fit.
fn station(number: usize, step: &Step, statuses: &[String], paint: impl Fn(&str) -> String) -> String {
    let head = format!("{} {}: ", number + 1, step.act);
    let all = statuses.join(", ");
    if head.len() + all.len() <= SMALL {
        return format!("{head}{}", paint(&all));
    }
    format!("{head}{}", paint(statuses.last().map_or("", String::as_str)))
}

/// Returns the state of both sides in one line.
fn both(lender: &SideState, borrower: &SideState) -> String {
    format!("    lender {}; borrower {}", line(lender), line(borrower))
}

/// Returns the line with the address of a simulated staff desk.
fn desk(name: &str, base: &str, institution: &str) -> String {
    format!("  {name:<16} {base}/sim/desk/{institution}")
}

/// Returns the first characters of a text, with a mark if it is longer.
fn first_of(text: &str, width: usize) -> String {
    if text.chars().count() <= width { text.to_owned() } else { text.chars().take(width - 1).chain(['…']).collect() }
}

/// Returns this program as it was called, so that a printed command works in the same directory.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_else(|| "consort".to_owned());
    if called.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter)) {
        called
    } else {
        format!("'{}'", called.replace('\'', "'\\''"))
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

#[cfg(test)]
mod tests {
    use super::super::expected::steps;
    use super::*;

    #[test]
    fn story_fits_a_terminal_of_80_columns_and_24_lines() {
        let mut lines = Vec::new();
        for (number, step) in steps().iter().enumerate() {
            let statuses: Vec<String> = step.passes.iter().map(|&status| status.to_owned()).collect();
            lines.push(station(number, step, &statuses, str::to_owned));
            lines.push(both(&step.lender, &step.borrower));
        }
        for line in &lines {
            assert!(line.chars().count() <= SMALL, "{line}");
        }
        // The title, the summary, and eight lines of addresses and commands, with the cursor's line after them.
        assert!(lines.len() + 1 + 1 + 8 < 24, "{} lines", lines.len());
        for status in ["REQUEST_PLACED_AT_BORROWING_AGENCY", "RECEIVED_AT_PICKUP, READY_FOR_PICKUP", "FINALISED"] {
            assert!(lines.iter().any(|line| line.contains(status)), "{status}");
        }
    }
}
