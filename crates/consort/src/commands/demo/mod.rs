//! `consort demo`: shows the hub's main job. Two simulated Almas and a hub run as processes of their own. One request
//! passes every desk, and the demo compares the state of the libraries' systems with the expected one.
//!
//! The demo acts and checks from outside, over HTTP: staff act at the simulators, and the hub finds out.

mod expected;
mod processes;
mod scenario;
mod sides;
mod temporary;
mod view;
mod walkthrough;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::commands::serve::wait_for_shutdown;
use crate::failure::{Failure, Result};
use crate::output::{self, print_out};

use self::processes::DemoProcesses;
use self::view::View;
use self::walkthrough::Walkthrough;

/// Show a request from start to end between two simulated Almas.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Exit with a summary at the end, instead of running until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// The directory for the hub's store; by default a temporary one.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Milliseconds that each desk takes, for watching; none with --once.
    #[arg(long, value_name = "MS")]
    pace: Option<u64>,
    /// The barcode of the lender's book to request; see --books.
    #[arg(long, conflicts_with = "scenario")]
    barcode: Option<String>,
    /// List the lender's books, and exit.
    #[arg(long)]
    books: bool,
    /// Play one of the named scenarios instead; see --list-scenarios.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// List the scenarios, and exit.
    #[arg(long)]
    list_scenarios: bool,
    /// Kill the hub without warning before dispatch, before the loan and before the return, and restart it.
    #[arg(long, conflicts_with = "scenario")]
    kill_hub: bool,
}

impl Demo {
    pub(crate) async fn run(self) -> Result<()> {
        let view = View::new();
        let pace = Duration::from_millis(self.pace.unwrap_or(if self.once { 0 } else { 1_500 }));
        if self.list_scenarios {
            print_out(&scenario::list().to_string());
            return Ok(());
        }
        if let Some(name) = &self.scenario {
            return scenario::play(name, &view, self.data_dir.clone(), pace, self.once).await;
        }
        let mut processes = DemoProcesses::start(self.data_dir.clone()).await?;
        if self.books {
            let books = processes.lender.books().await?;
            print_out(&view::books(&books));
            return processes.stop().await;
        }
        view.opening(&processes);
        let finished = tokio::select! {
            finished = Walkthrough::new(&mut processes, &view, pace, self.kill_hub).run(self.barcode.as_deref()) => finished,
            () = wait_for_shutdown(false) => Err(Failure::new("Stopped before the end.")),
        };
        let summary = match finished {
            Ok(summary) => summary,
            Err(failure) => {
                processes.stop().await?;
                return if output::is_closed() { Ok(()) } else { Err(failure) };
            }
        };
        view.summary(&summary);
        if !self.once {
            processes.wait_for_catalogue().await?;
            let books = processes.lender.books().await?;
            view.serving(&processes, books.iter().find(|book| book.barcode != summary.book.barcode));
            wait_for_shutdown(false).await;
        }
        processes.stop().await?;
        summary.verdict()
    }
}
