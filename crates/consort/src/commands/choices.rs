//! `consort request choices`: which copies were chosen for a request, and why.

use clap::Args;
use serde_json::Value;

use crate::api::{Hub, HubArgs};
use crate::commands::request::{path_part, text};
use crate::failure::Result;
use crate::output::print_result;
use crate::table::table;

/// Show which copies the hub chose for a request, with the reason for each copy.
#[derive(Args, Debug)]
pub(crate) struct Choices {
    #[command(flatten)]
    hub: HubArgs,
    /// The request's id.
    id: String,
}

impl Choices {
    pub(crate) async fn run(self) -> Result<()> {
        let answer = Hub::new(&self.hub)?.get(&format!("/api/v1/requests/{}/choices", path_part(&self.id)?)).await?;
        print_result(&answer, || describe(&answer));
        Ok(())
    }
}

fn describe(answer: &Value) -> String {
    let choices: Vec<String> = answer["choices"].as_array().into_iter().flatten().map(choice).collect();
    if choices.is_empty() {
        return "The hub has chosen no copies for this request. A request that names its copies needs no choice."
            .to_owned();
    }
    choices.join("\n\n")
}

fn choice(choice: &Value) -> String {
    let queued = if choice["queued"] == true { " The request waits for a copy on loan." } else { "" };
    let heading = format!(
        "Choice {} of {}, by version {} of the policy.{queued}",
        choice["number"],
        text(&choice["time"]),
        choice["policy_version"]
    );
    let mut table = table(&["place", "lender", "copy", "state", "reason", "values", "code"]);
    let ranked = choice["ranked"].as_array().into_iter().flatten();
    let places = (1..).map(|place: u32| place.to_string());
    let left_out = choice["left_out"].as_array().into_iter().flatten();
    for (place, copy) in places.zip(ranked).chain(left_out.map(|copy| ("-".to_owned(), copy))) {
        let lender = copy["agency"].as_str().or(copy["institution"].as_str()).unwrap_or_default().to_owned();
        let named = copy["barcode"].as_str().or(copy["item"].as_str());
        let named = named.map_or_else(|| format!("record {}", text(&copy["record"])), str::to_owned);
        let volume = copy["volume"].as_str().map(|volume| format!(", {volume}")).unwrap_or_default();
        let values = copy["values"].as_array().into_iter().flatten();
        let values: Vec<String> =
            values.map(|value| format!("{}: {}", text(&value["criterion"]), text(&value["words"]))).collect();
        let [state, reason, code] = ["state", "reason", "code"].map(|key| text(&copy[key]));
        table.add_row([place, lender, named + &volume, state, reason, values.join("; "), code]);
    }
    format!("{heading}\n{table}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn choice_is_shown_with_the_reason_for_each_copy() {
        let copy = json!({
            "agency": "NORTH", "institution": "01NORTH", "record": "991", "barcode": "31", "volume": "v.1", "state": "available",
            "code": "BEST_COPY", "reason": "It is the only copy that can be asked for.",
            "values": [{"criterion": "distance", "rank": 2, "words": "56 km"}],
        });
        let other = json!({
            "agency": null, "institution": "01SOUTH", "record": "992", "barcode": null, "item": null, "volume": null,
            "state": "unknown", "code": "NOT_LENDING", "reason": "It doesn't lend.", "values": [],
        });
        let answer = json!({"choices": [{
            "number": 1, "time": "2026-12-01T10:00:00Z", "policy_version": 3, "queued": false, "ranked": [copy], "left_out": [other],
        }]});
        let shown = describe(&answer);
        for part in ["by version 3", "NORTH", "31, v.1", "distance: 56 km", "01SOUTH", "record 992", "NOT_LENDING"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(describe(&json!({"choices": []})).contains("no copies"));
    }
}
