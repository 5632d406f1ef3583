//! `consort request place` and `consort request preview`: what a patron wants, placed or only looked at.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Hub, HubArgs};
use crate::commands::request::{state_of, text};
use crate::failure::{Failure, Result};
use crate::output::print_result;
use crate::table::table;

/// What a patron wants.
#[derive(Args, Debug)]
pub(crate) struct Wish {
    #[command(flatten)]
    hub: HubArgs,
    /// The agency the patron belongs to.
    #[arg(long)]
    agency: String,
    /// The patron: primary id, barcode or e-mail.
    #[arg(long)]
    patron: String,
    /// The code of the pickup location.
    #[arg(long, value_name = "CODE")]
    pickup: String,
    /// A title of the shared catalogue, from whose copies the hub chooses: its id as `consort search` shows it; or a record
    /// that describes it, as INSTITUTION:record:MMS_ID.
    #[arg(long, value_name = "TITLE")]
    title: Option<String>,
    /// A copy, instead of a title, as INSTITUTION:BARCODE; or any copy of a record, as INSTITUTION:record:MMS_ID, with
    /// :VOLUME after it for one volume. May be given several times, best first.
    #[arg(long = "copy", value_name = "COPY", required_unless_present = "title", conflicts_with = "title")]
    copies: Vec<String>,
    /// The wanted volume of the title, such as "v.3"; or of all copies that name none of their own.
    #[arg(long)]
    volume: Option<String>,
    /// The last day on which the patron can use the item, such as 2026-12-31.
    #[arg(long, value_name = "DATE")]
    needed_until: Option<String>,
    /// The patron is at the lender's desk with the item in hand (walk-up).
    #[arg(long)]
    expedited: bool,
}

/// Place a request for a patron.
#[derive(Args, Debug)]
pub(crate) struct Place {
    #[command(flatten)]
    wish: Wish,
}

/// Say what would become of a request, without placing it: may the patron borrow, from whom and why, for how long.
#[derive(Args, Debug)]
pub(crate) struct Preview {
    #[command(flatten)]
    wish: Wish,
}

impl Wish {
    /// Returns the wish as the body of a call.
    fn body(&self) -> Result<Value> {
        let copies = self.copies.iter().map(|text| copy(text)).collect::<Result<Vec<_>>>()?;
        let copies = (!copies.is_empty()).then_some(copies);
        let title = self.title.as_deref().map(title).transpose()?;
        Ok(json!({
            "agency": self.agency, "patron": self.patron, "pickup_location": self.pickup, "title": title, "copies": copies,
            "volume": self.volume, "needed_until": self.needed_until, "expedited": self.expedited,
        }))
    }

    async fn send(&self, path: &str) -> Result<Value> {
        Hub::new(&self.hub)?.call(Method::POST, path, Some(&self.body()?)).await
    }
}

impl Place {
    pub(crate) async fn run(self) -> Result<()> {
        let placed = self.wish.send("/api/v1/requests").await?;
        print_result(&placed, || {
            let code = placed["pickup_code"].as_str().map(|code| format!("\nPickup code for the patron: {code}"));
            format!("{}{}", state_of(&placed), code.unwrap_or_default())
        });
        Ok(())
    }
}

impl Preview {
    pub(crate) async fn run(self) -> Result<()> {
        let preview = self.wish.send("/api/v1/requests/preview").await?;
        print_result(&preview, || describe(&preview));
        Ok(())
    }
}

/// Returns the text of a preview for people.
fn describe(preview: &Value) -> String {
    let possible = preview["possible"].as_bool().unwrap_or_default();
    let mut lines = vec![if possible { "The request is possible." } else { "The request is not possible." }.to_owned()];
    if let Some(title) = preview["title"].as_str() {
        lines.push(format!("Title: {title}"));
    }
    let reasons = |list: &Value, text: &str| -> Vec<String> {
        let rows = list.as_array().into_iter().flatten();
        rows.map(|row| {
            format!("  {}: {}", row["code"].as_str().unwrap_or_default(), row[text].as_str().unwrap_or_default())
        })
        .collect()
    };
    lines.extend(reasons(&preview["faults"], "message"));
    match preview["patron"]["may_borrow"].as_bool() {
        Some(true) => lines.push(format!("The patron may borrow, as {}.", text(&preview["patron"]["patron_type"]))),
        Some(false) => lines.push("The patron may not borrow:".to_owned()),
        None if preview["patron"].is_object() => {
            lines.push("It is not known whether the patron may borrow:".to_owned());
        }
        None => {}
    }
    lines.extend(reasons(&preview["patron"]["reasons"], "explanation"));
    lines.extend(expected(&preview["expected"]));
    let places = preview["pickup_locations"].as_array().into_iter().flatten();
    let places: Vec<&str> = places.filter_map(|place| place["code"].as_str()).collect();
    if !places.is_empty() {
        lines.push(format!("The patron may collect at: {}.", places.join(", ")));
    }
    let copies = preview["copies"].as_array().cloned().unwrap_or_default();
    if copies.is_empty() {
        return lines.join("\n");
    }
    let mut rows = table(&["PLACE", "LENDER", "COPY", "STATE", "WHY"]);
    for copy in &copies {
        let named = ["barcode", "item", "record"].iter().find_map(|key| copy[*key].as_str()).unwrap_or("any");
        let lender = copy["agency"].as_str().or(copy["institution"].as_str()).unwrap_or_default();
        let place = copy["place"].as_u64().map_or_else(|| "-".to_owned(), |place| place.to_string());
        rows.add_row([&*place, lender, named, &text(&copy["availability"]), &text(&copy["explanation"])]);
    }
    format!("{}\n{rows}", lines.join("\n"))
}

/// Returns what the lender's last requests let the patron expect, in one sentence each.
fn expected(terms: &Value) -> Vec<String> {
    let Some(lender) = terms["lender"].as_str() else { return Vec::new() };
    let mut lines = Vec::new();
    match terms["days_to_pickup"].as_u64() {
        Some(days) => lines.push(format!("Half of the requests to {lender} could be collected within {days} days.")),
        None => lines.push(format!("Too few requests went to {lender} to say how long it takes.")),
    }
    if let Some(days) = terms["loan_days"].as_u64() {
        lines.push(format!("Half of its loans were for {days} days or less."));
    }
    if let Some(cost) = terms["cost"].as_u64() {
        lines.push(format!("By the consortium's policy a loan costs {cost}."));
    }
    lines
}

pub(crate) fn copy(text: &str) -> Result<Value> {
    let parts: Vec<&str> = text.splitn(4, ':').map(str::trim).collect();
    match parts.as_slice() {
        [institution, "record", mms @ ..] if !institution.is_empty() && mms.iter().all(|part| !part.is_empty()) => {
            match mms {
                [bib] => Ok(json!({"institution": institution, "bib": bib})),
                [bib, volume] => Ok(json!({"institution": institution, "bib": bib, "volume": volume})),
                _ => Err(no_copy(text)),
            }
        }
        [institution, barcode] if !institution.is_empty() && !barcode.is_empty() => {
            Ok(json!({"institution": institution, "barcode": barcode}))
        }
        _ => Err(no_copy(text)),
    }
}

/// Reads a title: an id of the shared catalogue, or a record of an institution.
fn title(text: &str) -> Result<Value> {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    match parts.as_slice() {
        [id] if !id.is_empty() => Ok(json!({"id": id})),
        [institution, "record", record] if !institution.is_empty() && !record.is_empty() => {
            Ok(json!({"institution": institution, "record": record}))
        }
        _ => Err(Failure::usage(format!("{text:?} names no title.")).advice(
            "Write the id that `consort search` shows; or INSTITUTION:record:MMS_ID for a record that describes the title.",
        )),
    }
}

fn no_copy(text: &str) -> Failure {
    Failure::usage(format!("{text:?} names no copy.")).advice(
        "Write INSTITUTION:BARCODE, such as 01LEND:31999000000011; or INSTITUTION:record:MMS_ID for any copy of a record, \
         with :VOLUME after it for one volume.",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can not go on fails")]
mod tests {
    use super::*;

    #[test]
    fn copy_is_named_by_institution_and_barcode() {
        assert_eq!(copy("01LEND: 31999 ").unwrap(), json!({"institution": "01LEND", "barcode": "31999"}));
        assert!(copy("31999").is_err());
        assert!(copy(":31999").is_err());
        assert_eq!(copy("01LEND:record:99").unwrap(), json!({"institution": "01LEND", "bib": "99"}));
        let volume = copy("01LEND:record:99:v. 2").unwrap();
        assert_eq!(volume, json!({"institution": "01LEND", "bib": "99", "volume": "v. 2"}));
        assert!(copy("01LEND:record").is_err() && copy("01LEND:record:").is_err());
    }

    #[test]
    fn title_is_named_by_its_id_or_a_record() {
        assert_eq!(title("4711").unwrap(), json!({"id": "4711"}));
        assert_eq!(title("01LEND:record:99").unwrap(), json!({"institution": "01LEND", "record": "99"}));
        for wrong in ["", "01LEND:99", "01LEND:record:", ":record:99"] {
            assert!(title(wrong).is_err(), "{wrong}");
        }
    }
}
