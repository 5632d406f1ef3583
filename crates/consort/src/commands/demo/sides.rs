//! A simulated Alma from the viewpoint of its staff: its state, and their actions at its desks.

use reqwest::Method;
use serde_json::{Value, json};

use super::expected::SideState;
use crate::commands::request::text;
use crate::failure::{Failure, Result};

/// The desk of every library of the demo.
const DESK: &str = "DEFAULT_CIRC_DESK";

/// A running simulated Alma.
pub(crate) struct SimAlma {
    pub(crate) base: String,
    pub(crate) institution: String,
    pub(crate) key: String,
    http: reqwest::Client,
}

/// A book on the shelf.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) barcode: String,
    pub(crate) library: String,
    pub(crate) title: String,
    pub(crate) author: String,
}

impl SimAlma {
    pub(crate) fn new(base: String, institution: String, key: String, http: reqwest::Client) -> Self {
        Self { base, institution, key, http }
    }

    /// Returns this Alma's settings for the hub.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "base_url": self.base, "sharing_library": "SHARING", "virtual_library": "DCB_LIB",
            "virtual_location": "dcbvirtual", "virtual_item_policy": "DCB", "calls_per_second": 25,
            "circulation_desks": {"MAIN": DESK, "BRANCH": DESK, "DCB_LIB": DESK, "SHARING": DESK},
            "patron_types": {"UNDRGRD": "undergraduate", "STAFF": "staff"},
            "user_groups": {"undergraduate": "DCB", "staff": "DCB"},
            "item_types": {"BOOK": "book"}, "material_types": {"book": "BOOK"},
            "harvest": {
                "url": format!("{}/view/oai/{}/request", self.base, self.institution), "interval_minutes": 60,
            },
        })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let gone = || Failure::new(format!("The simulated Alma {} doesn't answer.", self.institution));
        let mut call = self.http.request(method, format!("{}/sim/{}{path}", self.base, self.institution));
        if let Some(body) = body {
            call = call.json(&body);
        }
        let answer = call.send().await.map_err(|_| gone())?;
        let status = answer.status();
        let value: Value = serde_json::from_str(&answer.text().await.map_err(|_| gone())?).unwrap_or_default();
        if status.is_success() {
            Ok(value)
        } else {
            Err(Failure::new(format!("Staff can't do this in {}: {}", self.institution, text(&value["message"]))))
        }
    }

    pub(crate) async fn state(&self) -> Result<Value> {
        self.ask(Method::GET, "/state", None).await
    }

    pub(crate) async fn books(&self) -> Result<Vec<Book>> {
        let state = self.state().await?;
        let items = state["items"].as_array().into_iter().flatten();
        let book = |item: &Value| Book {
            barcode: text(&item["item_data"]["barcode"]),
            library: text(&item["item_data"]["library"]["value"]),
            title: text(&item["bib_data"]["title"]),
            author: text(&item["bib_data"]["author"]),
        };
        Ok(items.map(book).collect())
    }

    pub(crate) async fn scan_in(&self, barcode: &str, library: &str) -> Result<()> {
        let body = json!({"barcode": barcode, "library": library, "desk": DESK});
        self.ask(Method::POST, "/scan-in", Some(body)).await.map(drop)
    }

    pub(crate) async fn lend(&self, barcode: &str, user: &str, library: &str) -> Result<()> {
        let body = json!({"barcode": barcode, "user": user, "library": library, "desk": DESK});
        self.ask(Method::POST, "/loan", Some(body)).await.map(drop)
    }

    /// Returns item, request and loan of `request` on this side.
    pub(crate) async fn shown(&self, request: &Value, side: &str) -> Result<SideState> {
        let state = self.state().await?;
        let barcode = text(&request[side]["barcode"]);
        let find = |list: &str, key: &str| {
            // An item on its way home has a work order among its requests, which is no hold.
            let hold = |row: &Value| list != "requests" || row["request_type"] == "HOLD";
            state[list].as_array().into_iter().flatten().rfind(|row| text(&row[key]) == barcode && hold(row)).cloned()
        };
        let item =
            state["items"].as_array().into_iter().flatten().find(|i| text(&i["item_data"]["barcode"]) == barcode);
        let item = item.map_or_else(
            || "-".to_owned(),
            |item| match text(&item["item_data"]["process_type"]["value"]) {
                code if code.is_empty() => "in place".to_owned(),
                code => code,
            },
        );
        let or_dash = |row: Option<Value>, key: &str| row.map_or_else(|| "-".to_owned(), |row| text(&row[key]));
        Ok(SideState {
            item,
            request: or_dash(find("requests", "barcode"), "request_status"),
            loan: or_dash(find("loans", "item_barcode"), "loan_status"),
        })
    }

    pub(crate) async fn title_of(&self, mms: &str) -> Result<String> {
        let state = self.state().await?;
        let bib = state["bibs"].as_array().into_iter().flatten().find(|bib| text(&bib["mms_id"]) == mms);
        Ok(bib.map(|bib| text(&bib["title"])).unwrap_or_default())
    }

    /// Returns the records and holds with the hub's marker.
    pub(crate) async fn left_behind(&self) -> Result<Vec<String>> {
        let state = self.state().await?;
        let bibs = state["bibs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|bib| bib["network_numbers"].to_string().contains("(DCB)"));
        let holds = state["requests"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|hold| text(&hold["comment"]).contains("DCB-REQUEST"));
        let place = &self.institution;
        Ok(bibs
            .map(|bib| format!("{place}: virtual bib {}", text(&bib["mms_id"])))
            .chain(holds.map(|hold| format!("{place}: open hold {}", text(&hold["request_id"]))))
            .collect())
    }

    /// Returns the numbers of API calls by endpoint.
    pub(crate) async fn calls(&self) -> Result<Vec<(String, u64)>> {
        let calls = self.ask(Method::GET, "/calls", None).await?;
        let by_endpoint = calls["calls"].as_object().into_iter().flatten();
        Ok(by_endpoint.map(|(endpoint, count)| (endpoint.clone(), count.as_u64().unwrap_or_default())).collect())
    }
}
