//! `consort request …`: commands for requests at a running hub.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Hub, HubArgs};
use crate::commands::choices::Choices;
use crate::commands::placing::{Place, Preview};
use crate::commands::staff_actions::StaffAction;
use crate::failure::{Failure, Result};
use crate::output::{print_result, remark};
use crate::progress::Progress;
use crate::table::table;

/// The largest page of the hub's list of requests.
const LARGEST_PAGE: u32 = 200;

/// Requests at a running hub.
#[derive(Subcommand, Debug)]
pub(crate) enum Request {
    /// Place a request for a patron.
    Place(Place),
    /// Say what would become of a request, without placing it.
    Preview(Preview),
    /// Show one request with its timeline.
    Show(Show),
    /// Show which copies the hub chose for a request, with the reason for each copy.
    Choices(Choices),
    /// List requests, newest first.
    List(List),
    /// Cancel a request.
    Cancel(Cancel),
    #[command(flatten)]
    Act(StaffAction),
}

/// Show one request with its timeline.
#[derive(Args, Debug)]
pub(crate) struct Show {
    #[command(flatten)]
    hub: HubArgs,
    /// The request's id.
    id: String,
}

/// List requests, newest first unless --sort says otherwise.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    hub: HubArgs,
    /// Only those in this status, such as LOANED; several with commas.
    #[arg(long)]
    status: Option<String>,
    /// Only those of this institution, as lender or borrower.
    #[arg(long)]
    institution: Option<String>,
    /// Only those of patrons of this agency.
    #[arg(long)]
    agency: Option<String>,
    /// Only those of this patron of the agency: primary id, barcode or e-mail.
    #[arg(long, requires = "agency")]
    patron: Option<String>,
    /// Why the patron is searched for, which the hub logs. The consortium admin must say it.
    #[arg(long, requires = "patron")]
    reason: Option<String>,
    /// Only those placed on this day or later, such as 2026-12-01 (UTC).
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Only those placed on this day or earlier (UTC).
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// Only those whose title contains this text.
    #[arg(long)]
    title: Option<String>,
    /// The order: placed_at, updated_at or title; a minus before it for the descending one, as in --sort=-updated_at.
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Only those with an item that has or had this barcode, also ended ones.
    #[arg(long)]
    barcode: Option<String>,
    /// Only those that aren't finished.
    #[arg(long)]
    open: bool,
    /// How many at most, 1 to 200.
    #[arg(long, default_value_t = 50, conflicts_with = "all")]
    limit: u32,
    /// All of them, however many there are.
    #[arg(long)]
    all: bool,
}

/// Cancel a request.
#[derive(Args, Debug)]
pub(crate) struct Cancel {
    #[command(flatten)]
    hub: HubArgs,
    /// The request's id.
    id: String,
    /// Why; shown in the timeline, so no names or numbers of persons.
    #[arg(long)]
    reason: Option<String>,
    /// Cancelled by staff; otherwise by the patron.
    #[arg(long)]
    staff: bool,
}

impl Request {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Place(place) => place.run().await,
            Self::Preview(preview) => preview.run().await,
            Self::Show(show) => show.run().await,
            Self::Choices(choices) => choices.run().await,
            Self::List(list) => list.run().await,
            Self::Cancel(cancel) => cancel.run().await,
            Self::Act(act) => act.run().await,
        }
    }
}

/// Returns a request's id, status and outcome in one line.
pub(crate) fn state_of(request: &Value) -> String {
    ["id", "status", "outcome"].map(|key| text(&request[key])).join("  ").trim_end().to_owned()
}

impl Show {
    async fn run(self) -> Result<()> {
        let request = Hub::new(&self.hub)?.get(&format!("/api/v1/requests/{}", path_part(&self.id)?)).await?;
        print_result(&request, || describe(&request));
        Ok(())
    }
}

/// Returns the text of a request for people: its state, what it waits for, and its timeline.
fn describe(request: &Value) -> String {
    let mut lines = vec![
        format!("{}  {}", text(&request["id"]), text(&request["status"])),
        format!("Outcome: {}.", request["outcome"].as_str().unwrap_or("none yet")),
        format!("{} / {}", text(&request["title"]), text(&request["author"])),
    ];
    if let Some(code) = request["pickup_code"].as_str() {
        lines.push(format!("Pickup code: {code}"));
    }
    if let Some(volume) = request["volume"].as_str() {
        lines.push(format!("Volume: {volume}"));
    }
    if let Some(damage) = request["damage"].as_str() {
        lines.push(format!("Came back damaged: {damage}"));
    }
    if let Some(place) = request["item_place"].as_str() {
        lines.push(place.to_owned());
    }
    if let Some(reason) = request["attention"]["reason"].as_str().or(request["attention"]["explanation"].as_str()) {
        lines.push(reason.to_owned());
    }
    if let Some(explanation) = request["refusal"]["explanation"].as_str() {
        lines.push(format!("{explanation} [{}]", text(&request["refusal"]["code"])));
    }
    let conditions: Vec<String> = request["conditions"].as_array().into_iter().flatten().map(text).collect();
    if !conditions.is_empty() {
        lines.push(format!("Conditions: {}.", conditions.join(", ")));
    }
    let actions: Vec<String> = request["actions"].as_array().into_iter().flatten().map(text).collect();
    if !actions.is_empty() {
        lines.push(format!("May be done: {}.", actions.join(", ")));
    }
    let mut table = table(&["time", "event", "from", "to", "reason", "note"]);
    for row in request["timeline"].as_array().into_iter().flatten() {
        table.add_row(["time", "event", "from", "to", "reason", "note"].map(|key| text(&row[key])));
    }
    format!("{}\n{table}", lines.join("\n"))
}

impl List {
    async fn run(self) -> Result<()> {
        let hub = Hub::new(&self.hub)?;
        let answer =
            if self.all { self.every_page(&hub).await? } else { hub.get(&self.path(self.limit, None)).await? };
        let requests = answer["requests"].as_array().cloned().unwrap_or_default();
        print_result(&answer, || {
            let mut table = table(&["id", "status", "outcome", "placed", "title"]);
            for request in &requests {
                let mut row = ["id", "status", "outcome", "placed_at", "title"].map(|key| text(&request[key]));
                if let (Some(title), Some(volume)) = (row.last_mut(), request["volume"].as_str()) {
                    title.push_str(&format!(", {volume}"));
                }
                table.add_row(row);
            }
            table.to_string()
        });
        if answer["next"].is_string() {
            remark(&format!("These are the first {}; there are more. --all lists every one.", requests.len()));
        }
        Ok(())
    }

    fn path(&self, limit: u32, cursor: Option<&str>) -> String {
        let mut query = vec![format!("limit={limit}")];
        let filters = [
            ("status", self.status.as_deref()),
            ("institution", self.institution.as_deref()),
            ("agency", self.agency.as_deref()),
            ("patron", self.patron.as_deref()),
            ("reason", self.reason.as_deref()),
            ("from", self.from.as_deref()),
            ("to", self.to.as_deref()),
            ("title", self.title.as_deref()),
            ("sort", self.sort.as_deref()),
            ("barcode", self.barcode.as_deref()),
            ("cursor", cursor),
        ];
        let given = filters.iter().filter_map(|(name, value)| Some((name, (*value)?)));
        query.extend(given.map(|(name, value)| format!("{name}={}", encode(value))));
        if self.open {
            query.push("open=true".to_owned());
        }
        format!("/api/v1/requests?{}", query.join("&"))
    }

    /// Reads all pages.
    async fn every_page(&self, hub: &Hub) -> Result<Value> {
        let progress = Progress::start("Reading requests");
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut page = hub.get(&self.path(LARGEST_PAGE, cursor.as_deref())).await?;
            if let Value::Array(requests) = page["requests"].take() {
                all.extend(requests);
            }
            progress.set(format!("Reading requests: {}", all.len()));
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(json!({"requests": all, "next": null})),
            }
        }
    }
}

impl Cancel {
    async fn run(self) -> Result<()> {
        let mut query = vec![format!("by={}", if self.staff { "staff" } else { "patron" })];
        query.extend(self.reason.iter().map(|reason| format!("reason={}", encode(reason))));
        let path = format!("/api/v1/requests/{}?{}", path_part(&self.id)?, query.join("&"));
        let request = Hub::new(&self.hub)?.call(Method::DELETE, &path, None).await?;
        print_result(&request, || state_of(&request));
        Ok(())
    }
}

/// Checks an id for use in a path. Ids contain letters, digits and dashes. Anything else is a mistake and isn't sent.
pub(crate) fn path_part(id: &str) -> Result<&str> {
    let id = id.trim();
    if !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        Ok(id)
    } else {
        Err(Failure::usage(format!("{id:?} is no id of a request.")).advice("`consort request list` shows the ids."))
    }
}

/// Encodes a code as a segment of a path. `.` and `..` can't be encoded, and would address another object.
pub(crate) fn segment(code: &str) -> Result<String> {
    match code.trim() {
        "" | "." | ".." => Err(Failure::usage("The code is empty or consists of dots.")
            .advice("A code has 1 to 64 letters, digits and the signs . _ : -")),
        code => Ok(encode(code)),
    }
}

/// Percent-encodes a query value.
pub(crate) fn encode(value: &str) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// Returns a JSON value as text for people.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_one_segment_or_refused() {
        assert_eq!(segment(" 01LEND_INST ").unwrap(), "01LEND_INST");
        assert_eq!(segment("../x?y").unwrap(), "..%2Fx%3Fy");
        for code in ["", " ", ".", "..", " .. "] {
            assert!(segment(code).is_err(), "{code:?}");
        }
    }

    #[test]
    fn query_values_are_encoded() {
        assert_eq!(encode("no & longer+needed é"), "no%20%26%20longer%2Bneeded%20%C3%A9");
    }
}
