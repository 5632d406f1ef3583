//! The commands of the catalogue over the API of a running hub.

use std::path::PathBuf;
use std::time::Duration;

use catalogue::Report;
use clap::Args;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::{Hub, HubArgs, refusal};
use crate::commands::harvest;
use crate::commands::request::{encode, segment};
use crate::failure::{Exit, Failure, Result};
use crate::output::print_result;
use crate::progress::Progress;

/// The time between two questions how far a harvest is.
const BETWEEN_READS: Duration = Duration::from_millis(300);

/// The data directory or the hub to work with.
#[derive(Args, Debug)]
pub(crate) struct Where {
    /// The configuration file that `serve` uses. Without it, and with a key, the command asks the running hub.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    hub: HubArgs,
}

impl Where {
    /// Returns the hub to ask; none if the command works on a data directory.
    pub(crate) fn hub(&self) -> Result<Option<Hub>> {
        if self.config.is_none() && self.hub.key.is_some() { Hub::new(&self.hub).map(Some) } else { Ok(None) }
    }
}

/// Asks the hub for a harvest, and waits until its titles can be searched. The harvest goes on if the command is stopped.
pub(crate) async fn harvest(hub: &Hub, institution: &str, full: bool) -> Result<()> {
    let path = format!("/api/v1/institutions/{}/harvests", segment(institution)?);
    let progress = Progress::start(format!("Harvesting {institution}"));
    hub.call(Method::POST, &path, Some(&json!({"full": full}))).await?;
    let mut ticks = tokio::time::interval(BETWEEN_READS);
    let run = loop {
        ticks.tick().await;
        let list = hub.get(&path).await?;
        let newest = list["harvests"][0].clone();
        if !list["requested"].is_null() {
            progress.set(format!("Harvesting {institution}: waiting for a node of the hub"));
        } else if newest["state"] == "running" {
            progress.set(line(institution, &newest));
        } else {
            break newest;
        }
    };
    if run["state"] != "done" {
        let reason = run["report"]["error"].as_str().unwrap_or("the hub gives no reason");
        return Err(Failure::new(format!("The harvest of {institution} ended early: {reason}."))
            .advice("What was stored stays. The same command resumes it.")
            .exit(Exit::Unavailable));
    }
    progress.set("Grouping and indexing");
    loop {
        let status = hub.get("/api/v1/catalogue").await?;
        if status["waiting_for_grouping"] == 0 && status["waiting_for_index"] == 0 {
            break;
        }
        ticks.tick().await;
    }
    drop(progress);
    let report: Report = serde_json::from_value(run["report"].clone())
        .map_err(|error| Failure::new(format!("The hub's report can't be read: {error}.")))?;
    let kind = run["kind"].as_str().unwrap_or_default();
    print_result(&run, || harvest::describe_report(institution, kind, &report));
    Ok(())
}

/// Returns the line of a harvest under way.
fn line(institution: &str, run: &Value) -> String {
    let at = |name: &str| run[name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let seconds =
        at("started_at").zip(at("updated_at")).map_or(0.0, |(start, end)| end.duration_since(start).as_secs_f64());
    let report = &run["report"];
    harvest::line(institution, seconds, report["records"].as_u64().unwrap_or_default(), report["source_count"].as_u64())
}

/// Shows the records and harvests of each institution.
pub(crate) async fn status(hub: &Hub) -> Result<()> {
    let status = hub.get("/api/v1/catalogue").await?;
    print_result(&status, || {
        let mut lines = Vec::new();
        for source in status["institutions"].as_array().into_iter().flatten() {
            let counts = source["records"].as_object().into_iter().flatten();
            let counts: Vec<String> = counts.map(|(state, count)| format!("{count} {state}")).collect();
            let counts = if counts.is_empty() { "no records".to_owned() } else { counts.join(", ") };
            let mut line = format!("{}: {counts}", text(source, "institution"));
            let run = &source["last_harvest"];
            if run.is_object() {
                line.push_str(&format!("; last harvest {} ({})", text(run, "started_at"), text(run, "state")));
                if let Some(error) = run["report"]["error"].as_str() {
                    line.push_str(&format!(": {error}"));
                }
            }
            lines.push(line);
        }
        let (titles, waiting) = (&status["titles"], &status["waiting_for_grouping"]);
        lines.push(format!("{titles} titles; {waiting} records wait for their group"));
        lines.join("\n")
    });
    Ok(())
}

/// Searches the catalogue.
pub(crate) async fn search(hub: &Hub, query: &str, limit: usize) -> Result<()> {
    let path = format!("/api/v1/catalogue/search?q={}&limit={limit}", encode(query));
    let found = hub.get(&path).await?;
    print_result(&found, || {
        let mut out = format!("{} titles", found["total"]);
        for title in found["titles"].as_array().into_iter().flatten() {
            out.push_str(&format!("\n{}  {}", text(title, "id"), text(title, "title")));
            if let Some(author) = title["author"].as_str() {
                out.push_str(&format!(" / {author}"));
            }
            if let Some(year) = title["year"].as_u64() {
                out.push_str(&format!(", {year}"));
            }
            let holders: Vec<&str> =
                title["institutions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            out.push_str(&format!(" [{}] {}", text(title, "format"), holders.join(", ")));
        }
        out
    });
    Ok(())
}

/// Explains a record of an institution, or of every institution that has a record of this id.
pub(crate) async fn explain(hub: &Hub, id: &str, institution: Option<&str>) -> Result<()> {
    let institutions = match institution {
        Some(institution) => vec![institution.to_owned()],
        None => {
            let status = hub.get("/api/v1/catalogue").await?;
            let sources = status["institutions"].as_array().cloned().unwrap_or_default();
            sources.iter().map(|source| text(source, "institution").to_owned()).collect()
        }
    };
    let mut found = Vec::new();
    for code in institutions {
        let path = format!("/api/v1/institutions/{}/records/{}", segment(&code)?, segment(id)?);
        match hub.try_call(Method::GET, &path, None).await? {
            (status, record) if status.is_success() => found.push(record),
            (StatusCode::NOT_FOUND, _) if institution.is_none() => {}
            (status, problem) => return Err(refusal(status, &problem)),
        }
    }
    if found.is_empty() {
        return Err(Failure::new(format!("The catalogue has never had a record {id}."))
            .advice("Has its institution been harvested? `consort catalogue status` shows it.")
            .exit(Exit::NotFound));
    }
    print_result(&json!(found), || found.iter().map(describe).collect::<Vec<_>>().join("\n\n"));
    Ok(())
}

fn describe(record: &Value) -> String {
    let mut out = format!(
        "{} of {}: {}\n  {}, harvested {}",
        text(record, "id"),
        text(record, "institution"),
        record["title"].as_str().unwrap_or("without a title"),
        text(record, "state"),
        text(record, "harvested_at"),
    );
    if let Some(reason) = record["reason"].as_str() {
        out.push_str(&format!(" ({reason})"));
    }
    match record["title_id"].as_str() {
        Some(group) if record["state"] == "shown" => out.push_str(&format!("\n  group {group}")),
        _ if record["waits_for_grouping"] == true => out.push_str("\n  waits for its group"),
        _ => {}
    }
    for mate in record["grouped_with"].as_array().into_iter().flatten() {
        let (id, institution, because) = (text(mate, "id"), text(mate, "institution"), text(mate, "because"));
        out.push_str(&format!("\n  grouped with {id} of {institution}: {because}"));
    }
    out.push_str(&format!("\n  {} items", record["items"]));
    for reason in record["not_requestable_because"].as_array().into_iter().flatten() {
        out.push_str(&format!("\n  not requestable: {}", reason.as_str().unwrap_or_default()));
    }
    out
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
