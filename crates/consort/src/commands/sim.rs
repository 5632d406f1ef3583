//! `consort sim`: runs simulated Almas on one port.

use std::error::Error;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use alma_sim::{Quota, Scenario, Server, Sim as Simulator, SimClock, SimOptions, presets};
use clap::Args;
use serde_json::{Value, json};
use tracing::info;

use crate::commands::serve::wait_for_shutdown;
use crate::failure::{Failure, Result};
use crate::output::print_result;

const DEFAULT_CODE: &str = "01SIM_INST";
const DEFAULT_KEY: &str = "l8xx-simulated-key";

/// Run simulated Almas: REST, OAI-PMH, a staff desk in the browser, and controls for tests.
#[derive(Args, Debug)]
pub(crate) struct Sim {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// The code of an institution with libraries, readers and books; may be given again.
    #[arg(long = "institution", value_name = "CODE")]
    institutions: Vec<String>,
    /// Its API key; the first belongs to the first institution, and so on.
    #[arg(long = "api-key", value_name = "KEY")]
    api_keys: Vec<String>,
    /// An institution as it was saved from `/sim/CODE/snapshot`; may be given again.
    #[arg(long = "snapshot", value_name = "FILE")]
    snapshots: Vec<PathBuf>,
    /// A scenario (JSON) to play before anyone is served.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How time runs: `real`, `scaled:N` (N times faster), `stepped` or `stepped:TIME` (only when it is stepped).
    #[arg(long)]
    clock: Option<SimClock>,
    /// Refuse calls above this number in a second, for each institution: a number, `usual` (25), `production` (50),
    /// `sandbox` (10) or `none`. Usual unless the clock is stepped: its seconds don't pass by themselves.
    #[arg(long, value_name = "N", alias = "quota")]
    calls_per_second: Option<Limit>,
    /// Refuse calls above this number in a day, for each institution.
    #[arg(long, value_name = "N")]
    calls_per_day: Option<u64>,
    /// Stop when standard input ends, as when the program that started this one has ended.
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

/// How many calls an institution takes in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Limit(Option<u32>);

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        if let Ok(quota) = text.parse::<Quota>() {
            return Ok(Self(quota.per_second()));
        }
        match text.parse() {
            Ok(calls) if calls > 0 => Ok(Self(Some(calls))),
            _ => Err("it must be a number above 0, usual, production, sandbox or none"),
        }
    }
}

impl Sim {
    pub(crate) async fn run(self) -> Result<()> {
        let scenario = self.scenario.as_deref().map(load).transpose()?;
        let begins = scenario.as_ref().and_then(|scenario| scenario.begins);
        let clock = self.clock.or_else(|| begins.map(|start| SimClock::Scaled { start, factor: 1.0 }));
        let clock = clock.unwrap_or(SimClock::Real);
        let usual = || Limit(if matches!(clock, SimClock::Stepped(_)) { None } else { Quota::Usual.per_second() });
        let sim = Simulator::new(&SimOptions {
            clock,
            calls_per_second: self.calls_per_second.unwrap_or_else(usual).0,
            calls_per_day: self.calls_per_day,
            ..SimOptions::default()
        });
        let mut keys = self.add_presets(&sim, scenario.is_none())?;
        for path in &self.snapshots {
            restore(&sim, path)?;
        }
        if let Some(scenario) = &scenario {
            keys.extend(scenario.institutions().into_iter().map(|(code, key)| (code.to_owned(), key.to_owned())));
            scenario.play(&sim).map_err(|error| {
                Failure::new(format!("The scenario \"{}\" didn't go as it shows: {}.", scenario.title, chain(&error)))
            })?;
        }
        let server = Server::start(sim, self.listen).await.map_err(|error| {
            Failure::new(format!("The simulator can't listen at {}: {error}.", self.listen))
                .advice("Choose another address with --listen.")
        })?;
        print_result(&addresses(&server, &keys), || welcome(&server, &keys));
        info!(address = %server.base_url(), institutions = ?server.sim().institutions(), "the simulated Alma is ready");
        wait_for_shutdown(self.until_stdin_ends).await;
        Ok(())
    }

    /// Adds the institutions from the command line, or the usual one if the command line names nothing to run.
    fn add_presets(&self, sim: &Simulator, or_usual: bool) -> Result<Vec<(String, String)>> {
        let mut codes = self.institutions.clone();
        if codes.is_empty() && self.snapshots.is_empty() && or_usual {
            codes.push(DEFAULT_CODE.to_owned());
        }
        if self.api_keys.len() > codes.len() {
            return Err(Failure::new("There are more API keys than institutions.")
                .advice("Give --institution as often as --api-key."));
        }
        let mut made = Vec::new();
        for (at, code) in codes.into_iter().enumerate() {
            let usual = if at == 0 { DEFAULT_KEY.to_owned() } else { format!("{DEFAULT_KEY}-{}", at + 1) };
            let key = self.api_keys.get(at).cloned().unwrap_or(usual);
            sim.add_institution(presets::university(&code, &key))
                .map_err(|refusal| Failure::new(format!("The institution {code} can't be made: {refusal}.")))?;
            made.push((code, key));
        }
        Ok(made)
    }
}

/// Returns all addresses as JSON.
fn addresses(server: &Server, keys: &[(String, String)]) -> Value {
    let base = server.base_url();
    let of = |code: String| {
        let key = keys.iter().find(|(each, _)| *each == code).map(|(_, key)| key);
        json!({
            "code": code, "api_key": key, "rest": format!("{base}/almaws/v1"),
            "oai_pmh": format!("{base}/view/oai/{code}/request"), "desk": format!("{base}/sim/desk/{code}"),
        })
    };
    json!({"base_url": base, "institutions": server.sim().institutions().into_iter().map(of).collect::<Vec<_>>()})
}

/// Returns the text with all addresses for the person at the terminal. The address ends the first line.
fn welcome(server: &Server, keys: &[(String, String)]) -> String {
    let base = server.base_url();
    let mut text = format!("Simulated Alma at {base}\n");
    for code in server.sim().institutions() {
        let _ = writeln!(text, "\n{code}");
        if let Some((_, key)) = keys.iter().find(|(each, _)| *each == code) {
            let _ = writeln!(text, "  API key     {key}");
        }
        let _ = writeln!(text, "  REST        {base}/almaws/v1");
        let _ = writeln!(text, "  OAI-PMH     {base}/view/oai/{code}/request");
        let _ = writeln!(text, "  Staff desk  {base}/sim/desk/{code}");
    }
    text
}

fn load(path: &Path) -> Result<Scenario> {
    Scenario::load(path)
        .map_err(|error| Failure::new(format!("The scenario {} can't be used: {}.", path.display(), chain(&error))))
}

fn restore(sim: &Simulator, path: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("The snapshot {} can't be read: {error}.", path.display())))?;
    sim.restore(&text)
        .map(|_| ())
        .map_err(|refusal| Failure::new(format!("The snapshot {} can't be used: {refusal}.", path.display())))
}

/// Returns an error with all its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_a_number_or_a_name() {
        assert_eq!("production".parse(), Ok(Limit(Some(50))));
        assert_eq!("sandbox".parse(), Ok(Limit(Some(10))));
        assert_eq!("none".parse(), Ok(Limit(None)));
        assert_eq!("7".parse(), Ok(Limit(Some(7))));
        assert!("0".parse::<Limit>().is_err() && "fast".parse::<Limit>().is_err());
    }
}
