//! `consort demo --scenario NAME`: plays one of the named scenarios, with a hub and three simulated Almas in this
//! process.

#![allow(clippy::disallowed_methods, reason = "the demo waits for its processes, with a deadline")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scenarios::{Host, Scenario, SimAlma, StageEvent};
use serde_json::Value;
use tokio::sync::mpsc;

use super::processes::data_dir;
use super::view::View;
use crate::commands::serve::wait_for_shutdown;
use crate::failure::{Failure, Result};
use crate::output::{self, print_out};
use crate::table::{Table, table};

/// Lists the scenarios by name.
pub(super) fn list() -> Table {
    let mut rows = table(&["scenario", "what happens"]);
    for scenario in scenarios::all() {
        rows.add_row([scenario.name, scenario.title]);
    }
    rows
}

/// Plays one scenario.
pub(super) async fn play(name: &str, view: &View, dir: Option<PathBuf>, pace: Duration, once: bool) -> Result<()> {
    let scenario = scenarios::find(name).ok_or_else(|| unknown(name))?;
    let (dir, _temporary) = data_dir(dir)?;
    let (sender, event) = mpsc::unbounded_channel();
    let end = sender.clone();
    let observer = Arc::new(move |event: &StageEvent| {
        // Sending fails only while the demo is being stopped.
        let _ = sender.send(Some(event.clone()));
        if !pace.is_zero() {
            tokio::task::block_in_place(|| std::thread::sleep(pace));
        }
    });
    let mut host = Host::start(&dir, observer).await.map_err(|failure| Failure::new(failure.to_string()))?;
    view.scenario(&scenario, &host.hub, &host.almas);
    let [first, second] = host.stage.lenders.clone();
    let showing = tokio::spawn(show(event, view.clone(), [first, second, host.stage.borrower.clone()]));
    let begun = Instant::now();
    let played = tokio::select! {
        played = (scenario.play)(&mut host.stage) => played.map_err(|failure| Failure::new(failure.to_string())),
        () = wait_for_shutdown(false) => Err(Failure::new("Stopped before the end.")),
    };
    let _ = end.send(None);
    let _ = showing.await;
    if output::is_closed() {
        return Ok(());
    }
    played?;
    summary(&scenario, &host, begun.elapsed()).await?;
    if !once {
        let stage = &host.stage;
        let almas = [&stage.lenders[0], &stage.lenders[1], &stage.borrower];
        let almas = almas.map(|alma| (host.almas.clone(), alma.institution.clone()));
        view.scenario_serving(&host.hub, host.api_key(), &almas);
        wait_for_shutdown(false).await;
    }
    Ok(())
}

/// Shows each reported event, with the state of the Almas at that moment.
async fn show(mut event: mpsc::UnboundedReceiver<Option<StageEvent>>, view: View, almas: [SimAlma; 3]) {
    let mut before = [const { String::new() }; 3];
    while let Some(Some(event)) = event.recv().await {
        view.event(&event);
        for (alma, before) in almas.iter().zip(&mut before) {
            let now = alma.state().await.map(|state| side(&state)).unwrap_or_default();
            if now != *before {
                view.side(&alma.institution, &now);
                *before = now;
            }
        }
    }
}

/// Returns what is in use at an institution: items that aren't in place, holds, loans.
fn side(state: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = |key: &str| state[key].as_array().cloned().unwrap_or_default();
    let away = rows("items").into_iter().filter_map(|item| {
        let data = &item["item_data"];
        let process = text(&data["process_type"]["value"]);
        (!process.is_empty()).then(|| format!("item {} {process}", text(&data["barcode"])))
    });
    let holds = rows("requests").into_iter().filter(|row| row["request_type"] == "HOLD");
    let holds = holds.map(|row| format!("hold of {} {}", text(&row["user_primary_id"]), text(&row["request_status"])));
    let loans = rows("loans").into_iter();
    let loans = loans.map(|row| format!("loan of {} to {}", text(&row["item_barcode"]), text(&row["user_id"])));
    let all: Vec<String> = away.chain(holds).chain(loans).collect();
    if all.is_empty() { "all in place, no hold, no loan".to_owned() } else { all.join("; ") }
}

async fn summary(scenario: &Scenario, host: &Host, took: Duration) -> Result<()> {
    let failed = |failure: scenarios::Failure| Failure::new(failure.to_string());
    let stage = &host.stage;
    let mut calls = Vec::new();
    for alma in [&stage.lenders[0], &stage.lenders[1], &stage.borrower] {
        let count: u64 = alma.calls().await.map_err(failed)?.values().sum();
        calls.push(format!("{} {count}", alma.institution));
    }
    // A request that was refused at once isn't stored.
    let ended = match stage.id() {
        Ok(_) => stage.request().await.map_err(failed)?.stand(),
        Err(_) => "refused when it was placed".to_owned(),
    };
    print_out(&format!(
        "\nSummary\n  scenario         {}\n  the request      {ended}\n  API calls        {} (polls included)\n  took             {:.1} s\nAll as it should be.",
        scenario.name,
        calls.join(", "),
        took.as_secs_f64(),
    ));
    Ok(())
}

/// Returns the failure for an unknown name. It suggests names that share a word, or at least some letters, with it.
fn unknown(name: &str) -> Failure {
    let words: Vec<&str> = name.split('-').filter(|word| word.len() > 2).collect();
    let near: Vec<&str> = scenarios::all()
        .iter()
        .map(|scenario| scenario.name)
        .filter(|known| words.iter().any(|word| known.contains(word)))
        .collect();
    let near = if near.is_empty() { String::new() } else { format!("Perhaps you mean {}. ", near.join(" or ")) };
    Failure::new(format!("There is no scenario {name:?}."))
        .advice(format!("{near}`consort demo --list-scenarios` shows all of them."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_scenario_is_reported_with_similar_names() {
        let said = unknown("hold-shelf-expire").to_string();
        assert!(said.contains("hold-shelf-expired") && said.contains("--list"), "{said}");
        assert!(!unknown("xyzzy").to_string().contains("Perhaps"));
    }

    #[test]
    fn every_scenario_is_listed_with_its_title() {
        let list = list().to_string();
        for scenario in scenarios::all() {
            assert!(list.contains(scenario.name), "{}", scenario.name);
        }
    }
}
