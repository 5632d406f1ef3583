//! Measures the hub's API as discovery systems use it most: the status of a request, and the list of a patron's requests.
//!
//! The hub is compared with a bare axum handler that reads the same rows from the same file by a prepared statement, and
//! answers the stored text, without a key, a role or a view. Hub and handler are a process each, and wrk calls them in
//! turn.

mod bare;
mod stored;
mod wrk;

use std::path::Path;

use bare::BareProcess;
pub(crate) use bare::{AS_BARE, serve};
use reqwest::Method;
use stored::Stock;
use wrk::Load;

use crate::Scale;
use crate::live::hub::{HubProcess, KEY, Setup};
use crate::verdict::{Verdict, peer, table};

const CONNECTIONS: u32 = 64;
/// The smallest share of the bare handler's rate that the hub must reach.
const TARGET: f64 = 0.60;

#[derive(Clone, Copy)]
struct Plan {
    requests: usize,
    /// How often hub and handler are measured in turn. The medians count.
    rounds: usize,
    seconds: u32,
}

/// A call that is measured: the same data by the hub and by the bare handler.
struct Call {
    name: &'static str,
    hub: Vec<String>,
    bare: Vec<String>,
    /// Whether the share counts. The bare handler reads no history, so a request with its history is only reported.
    has_target: bool,
}

/// The medians of one call.
struct Compared {
    name: &'static str,
    has_target: bool,
    hub: Load,
    bare: Load,
}

impl Compared {
    fn share(&self) -> f64 {
        self.hub.rate / self.bare.rate
    }
}

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let plan = match scale {
        Scale::Full => Plan { requests: 100_000, rounds: 5, seconds: 5 },
        Scale::Quick => Plan { requests: 5_000, rounds: 3, seconds: 2 },
    };
    let version = wrk::version()?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let compared = runtime.block_on(async {
        let stock = stored::fill(plan.requests).await?;
        let hub = HubProcess::start_on(Setup { database: None, engine: String::new() }, stock.dir()).await?;
        // Nobody calls the libraries' systems.
        hub.introduce("http://127.0.0.1:9").await?;
        let bare = BareProcess::start(&stock.file())?;
        check(&hub, &stock).await?;
        let mut compared = Vec::new();
        for call in calls(&stock) {
            compared.push(compare(plan, &hub, &bare, &call, &stock.dir().path().join("paths"))?);
        }
        Ok::<_, String>(compared)
    })?;
    Ok(verdict(plan, &compared, &version))
}

fn calls(stock: &Stock) -> [Call; 3] {
    let status = Call {
        name: "a request's status",
        hub: stock.ids().map(|id| format!("/api/v1/requests/{id}?without_timeline=true")).collect(),
        bare: stock.ids().map(|id| format!("/requests/{id}")).collect(),
        has_target: true,
    };
    let whole = Call {
        name: "with its history",
        hub: stock.ids().map(|id| format!("/api/v1/requests/{id}")).collect(),
        bare: stock.ids().map(|id| format!("/requests/{id}")).collect(),
        has_target: false,
    };
    let list = Call {
        name: "a patron's requests",
        hub: stock
            .patrons()
            .map(|patron| format!("/api/v1/requests?agency=BORROW&reason=bench&patron={}", patron.id))
            .collect(),
        bare: stock.patrons().map(|patron| format!("/patrons/{}", patron.digest)).collect(),
        has_target: true,
    };
    [status, list, whole]
}

/// Checks that the hub gives the expected answers: a benchmark of refusals or of empty lists would be worth nothing.
async fn check(hub: &HubProcess, stock: &Stock) -> Result<(), String> {
    let get = async |path: String| hub.client.call(Method::GET, &path, None).await.map_err(|error| error.to_string());
    for call in calls(stock) {
        let path = call.hub.first().ok_or("there are no requests")?.clone();
        let answer = get(path.clone()).await?;
        let listed = answer["requests"].as_array().map(Vec::len);
        let has_history = answer["timeline"].as_array().is_some_and(|rows| rows.len() > 5);
        let has_status = answer["status"] == "LOANED" && has_history != path.contains("without_timeline");
        if listed != Some(stored::PER_PATRON) && !has_status {
            return Err(format!("{path} has not the expected answer"));
        }
    }
    Ok(())
}

/// Measures hub and handler in turn.
fn compare(plan: Plan, hub: &HubProcess, bare: &BareProcess, call: &Call, paths: &Path) -> Result<Compared, String> {
    let (mut by_hub, mut by_bare) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        by_bare.push(wrk::run(bare.address(), &call.bare, paths, CONNECTIONS, plan.seconds, None)?);
        by_hub.push(wrk::run(hub.address, &call.hub, paths, CONNECTIONS, plan.seconds, Some(KEY))?);
    }
    Ok(Compared { name: call.name, has_target: call.has_target, hub: median(by_hub)?, bare: median(by_bare)? })
}

fn median(mut loads: Vec<Load>) -> Result<Load, String> {
    loads.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let middle = loads.len() / 2;
    loads.into_iter().nth(middle).ok_or_else(|| "nothing was measured".to_owned())
}

fn verdict(plan: Plan, compared: &[Compared], wrk: &str) -> Verdict {
    let mut rows = table(&["call", "hub, calls/s", "p99", "bare handler, calls/s", "p99", "share"]);
    for one in compared {
        rows.add_row([
            one.name.to_owned(),
            format!("{:.0}", one.hub.rate),
            one.hub.p99.clone(),
            format!("{:.0}", one.bare.rate),
            one.bare.p99.clone(),
            format!("{:.2}", one.share()),
        ]);
    }
    let counted = || compared.iter().filter(|one| one.has_target);
    let shares: Vec<String> = counted().map(|one| format!("{} {:.2}", one.name, one.share())).collect();
    Verdict {
        table: rows,
        notes: vec![
            format!(
                "{} requests on SQLite, {CONNECTIONS} connections, {} rounds of {} s",
                plan.requests, plan.rounds, plan.seconds
            ),
            peer("wrk", wrk),
        ],
        figure: format!("{} of the bare handler's rate", shares.join(", ")),
        target: format!("at least {TARGET:.2} each"),
        met: counted().count() > 0 && counted().all(|one| one.share() >= TARGET),
    }
}
