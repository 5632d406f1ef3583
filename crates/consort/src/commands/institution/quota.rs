//! `consort institution quota`: shows what an institution's calls are spent on.

use clap::Args;
use serde_json::Value;

use crate::api::{Hub, HubArgs};
use crate::commands::request::{segment, text};
use crate::failure::Result;
use crate::output::print_result;
use crate::table::table;

/// Show what calls are spent on.
#[derive(Args, Debug)]
pub(crate) struct Quota {
    #[command(flatten)]
    hub: HubArgs,
    /// The code of an institution; all institutions if it is left out.
    code: Option<String>,
}

impl Quota {
    pub(crate) async fn run(self) -> Result<()> {
        let hub = Hub::new(&self.hub)?;
        let codes = match self.code {
            Some(code) => vec![code],
            None => {
                let all = hub.get("/api/v1/institutions").await?;
                all["institutions"].as_array().into_iter().flatten().map(|one| text(&one["code"])).collect()
            }
        };
        let mut quotas = Vec::with_capacity(codes.len());
        for code in codes {
            quotas.push(hub.get(&format!("/api/v1/institutions/{}/quota", segment(&code)?)).await?);
        }
        print_result(&Value::from(quotas.clone()), || describe(&quotas));
        Ok(())
    }
}

fn describe(quotas: &[Value]) -> String {
    let priorities = ["patron", "circulation", "availability", "poll", "bulk"];
    let mut rows = table(&[
        "institution",
        "a second",
        "others",
        "left today",
        "reserve",
        "spent today",
        "patron",
        "circulation",
        "availability",
        "poll",
        "bulk",
        "refused",
    ]);
    for quota in quotas {
        let (second, day, spent) = (&quota["per_second"], &quota["per_day"], &quota["used"]);
        let mut row = vec![
            text(&quota["institution"]),
            format!("{} of {}", number(&second["allowed"]), number(&second["configured"])),
            number(&second["other_applications"]),
            format!("{} of {}", number(&day["remaining"]), number(&day["total"])),
            number(&day["reserve"]),
            number(&spent["total"]),
        ];
        row.extend(
            priorities.map(|priority| number(&Value::from(spent["by_priority"][priority].as_u64().unwrap_or(0)))),
        );
        row.push(number(&spent["refused"]));
        rows.add_row(row);
    }
    let mut lines = vec![rows.to_string()];
    for quota in quotas {
        if let Some(reason) = quota["paused"]["reason"].as_str() {
            let (what, until) = (text(&quota["paused"]["what"]), text(&quota["paused"]["until"]));
            lines.push(format!("{}: {what} wait until {until}. {reason}", text(&quota["institution"])));
        }
    }
    lines.join("\n")
}

/// Returns a number as text, or that it isn't known.
fn number(value: &Value) -> String {
    if value.is_null() { "?".to_owned() } else { value.to_string() }
}
