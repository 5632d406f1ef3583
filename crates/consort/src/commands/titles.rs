//! `consort search` and `consort availability`: what the libraries have, and what can be requested now, as a running hub
//! knows it.

use clap::Args;
use serde_json::Value;

use crate::api::{Hub, HubArgs};
use crate::commands::request::{encode, segment, text};
use crate::failure::Result;
use crate::output::print_result;
use crate::table::table;

/// Search the shared catalogue of a running hub.
#[derive(Args, Debug)]
pub(crate) struct Search {
    #[command(flatten)]
    hub: HubArgs,
    /// What to search for: words, "phrases", -not, field:word, word*.
    #[arg(required = true)]
    query: Vec<String>,
    /// The query is CQL.
    #[arg(long)]
    cql: bool,
    /// How many titles to show.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// How many titles to skip.
    #[arg(long, default_value_t = 0)]
    offset: u32,
}

/// Show which copies of a title can be requested now.
#[derive(Args, Debug)]
pub(crate) struct Availability {
    #[command(flatten)]
    hub: HubArgs,
    /// The title's id, as `consort search` shows it.
    title: String,
    /// Count the requests that wait for lent copies. That costs the libraries further API calls.
    #[arg(long)]
    waiting: bool,
}

impl Search {
    pub(crate) async fn run(self) -> Result<()> {
        let name = if self.cql { "cql" } else { "q" };
        let (query, limit, offset) = (encode(&self.query.join(" ")), self.limit, self.offset);
        let path = format!("/api/v1/catalogue/search?{name}={query}&limit={limit}&offset={offset}");
        let found = Hub::new(&self.hub)?.get(&path).await?;
        print_result(&found, || describe_titles(&found));
        Ok(())
    }
}

impl Availability {
    pub(crate) async fn run(self) -> Result<()> {
        let (title, waiting) = (segment(&self.title)?, self.waiting);
        let path = format!("/api/v1/catalogue/titles/{title}/availability?waiting={waiting}");
        let found = Hub::new(&self.hub)?.get(&path).await?;
        print_result(&found, || describe_copies(&found));
        Ok(())
    }
}

fn describe_titles(found: &Value) -> String {
    let mut rows = table(&["id", "title", "author", "year", "held by"]);
    for title in rows_of(&found["titles"]) {
        let agencies: Vec<String> = rows_of(&title["agencies"]).map(text).collect();
        let institutions: Vec<String> = rows_of(&title["institutions"]).map(text).collect();
        let holders = if agencies.is_empty() { institutions } else { agencies };
        rows.add_row([
            text(&title["id"]),
            text(&title["title"]),
            text(&title["author"]),
            text(&title["year"]),
            holders.join(", "),
        ]);
    }
    let total = found["total"].as_u64().unwrap_or_default();
    let count = if total == 1 { "1 title matches.".to_owned() } else { format!("{total} titles match.") };
    let mut lines = if total == 0 { vec![count] } else { vec![rows.to_string(), count] };
    if let Some(reason) = found["advice"]["reason"].as_str() {
        lines.push(reason.to_owned());
    }
    lines.join("\n")
}

fn describe_copies(found: &Value) -> String {
    let mut rows = table(&["institution", "place", "volume", "barcode", "state", "due", "requestable", "age"]);
    let mut lines = Vec::new();
    for record in rows_of(&found["records"]) {
        let institution = text(&record["institution"]);
        for copy in rows_of(&record["copies"]) {
            rows.add_row([
                institution.clone(),
                place(copy),
                text(&copy["volume"]),
                text(&copy["barcode"]),
                text(&copy["state"]).replace('_', " "),
                text(&copy["due"]),
                requestable(copy),
                age(&record["age_seconds"]),
            ]);
        }
        for what in ["incomplete", "missing"] {
            if let Some(reason) = record[what]["explanation"].as_str() {
                lines.push(format!("{institution}, record {}: {reason}", text(&record["record"])));
            }
        }
    }
    let available = found["available"].as_u64().unwrap_or_default();
    let count = if available == 1 { "1 copy".to_owned() } else { format!("{available} copies") };
    lines.insert(0, format!("{count} of title {} can be requested now.", text(&found["title"])));
    lines.insert(0, rows.to_string());
    lines.join("\n")
}

fn place(copy: &Value) -> String {
    let name = |named: &str, code: &str| copy[named].as_str().map_or_else(|| text(&copy[code]), str::to_owned);
    format!("{}, {}", name("library_name", "library"), name("location_name", "location"))
}

fn requestable(copy: &Value) -> String {
    match copy["reason"]["explanation"].as_str() {
        Some(reason) => format!("no: {reason}"),
        None => "yes".to_owned(),
    }
}

fn age(seconds: &Value) -> String {
    match seconds.as_u64() {
        None => String::new(),
        Some(0) => "now".to_owned(),
        Some(seconds) if seconds < 60 => format!("{seconds} s"),
        Some(seconds) if seconds < 3_600 => format!("{} min", seconds / 60),
        Some(seconds) => format!("{} h", seconds / 3_600),
    }
}

fn rows_of(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
