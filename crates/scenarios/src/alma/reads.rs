//! Reads of an Alma's present state.

use std::collections::BTreeMap;
use std::ops::Sub;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{SimAlma, rows, text};
use crate::failure::{Failure, Result};

/// The library of virtual items.
pub const VIRTUAL_LIBRARY: &str = "DCB_LIB";
/// The hub's marker in the comment of every hold and in the 035 of every virtual record.
const HOLD_MARK: &str = "[DCB-REQUEST:";
const RECORD_MARK: &str = "(DCB)";
/// The beginning of the primary id of every virtual patron.
const VIRTUAL_PATRON: &str = "dcb-";

/// Alma's code for a barcode that no item has.
const NO_SUCH_BARCODE: &str = "401689";

/// The present state of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Item {
    /// Item id.
    pub pid: String,
    /// Title id.
    pub mms_id: String,
    /// Holding id.
    pub holding_id: String,
    /// Barcode.
    pub barcode: String,
    /// Title.
    pub title: String,
    /// The filled fields among description, enumeration and chronology.
    pub volume: BTreeMap<String, String>,
    /// Item policy.
    pub policy: String,
    /// Library it belongs to.
    pub library: String,
    /// Alma's code for the process that the item is in; empty if it is in place.
    pub process_type: String,
    /// Its loan.
    pub loan_id: Option<String>,
}

/// An active request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Hold {
    /// Request id.
    pub id: String,
    /// HOLD, or Alma's own WORK_ORDER.
    pub kind: String,
    /// Requester's primary id.
    pub user: String,
    /// Barcode of the item.
    pub barcode: Option<String>,
    /// Pickup library.
    pub pickup_library: String,
    /// NOT_STARTED, IN_PROCESS or ON_HOLD_SHELF.
    pub status: String,
    /// Comment, which holds the hub's marker.
    pub comment: Option<String>,
}

/// An active loan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Loan {
    /// Loan id.
    pub id: String,
    /// Borrower's primary id.
    pub user: String,
    /// Barcode.
    pub barcode: String,
    /// Due date.
    pub due: String,
    /// NORMAL, RENEW, RECALL, LOST, CLAIMED_RETURN.
    pub process_status: String,
}

/// The hub's records at an Alma.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlmaState {
    /// Primary ids of virtual patrons.
    pub virtual_patrons: Vec<String>,
    /// MMS ids of virtual records, found by the hub's marker.
    pub bibs: Vec<String>,
    /// Ids of the holdings in the library of virtual items.
    pub holdings: Vec<String>,
    /// Barcodes of the items in these.
    pub items: Vec<String>,
}

/// All records that were ever created at an Alma, whether or not they still exist. Holdings raise no event in Alma, so
/// only existing ones are counted, see [`AlmaState`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CreatedRecords {
    /// Virtual patrons. They are never deleted, so the present ones are all.
    pub virtual_patrons: u64,
    /// Records.
    pub bibs: u64,
    /// Items.
    pub items: u64,
    /// Holds.
    pub holds: u64,
    /// Loans.
    pub loans: u64,
}

impl Sub for CreatedRecords {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            virtual_patrons: self.virtual_patrons.saturating_sub(before.virtual_patrons),
            bibs: self.bibs.saturating_sub(before.bibs),
            items: self.items.saturating_sub(before.items),
            holds: self.holds.saturating_sub(before.holds),
            loans: self.loans.saturating_sub(before.loans),
        }
    }
}

impl Hold {
    /// Returns whether the hub placed it, for any request.
    pub fn is_marked(&self) -> bool {
        self.comment.as_deref().is_some_and(|comment| comment.contains(HOLD_MARK))
    }

    /// Returns whether the hub placed it for this request.
    pub fn is_of(&self, request: &str) -> bool {
        self.comment.as_deref().is_some_and(|comment| comment.contains(&format!("{HOLD_MARK}{request}]")))
    }
}

impl Loan {
    /// Returns whether it is a loan to a virtual patron.
    pub fn is_to_virtual_patron(&self) -> bool {
        self.user.starts_with(VIRTUAL_PATRON)
    }
}

fn read<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T> {
    serde_json::from_value(value)
        .map_err(|error| Failure::new(format!("The simulator's answer can't be read: {error}.")))
}

impl SimAlma {
    /// Returns the whole state in the API's shapes.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn state(&self) -> Result<Value> {
        self.get(&["state"]).await
    }

    /// Returns the item with a barcode.
    ///
    /// # Errors
    /// There is no such item.
    pub async fn item(&self, barcode: &str) -> Result<Item> {
        read(self.get(&["items", barcode]).await?)
    }

    /// Returns the item with a barcode, if there is one.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn find_item(&self, barcode: &str) -> Result<Option<Item>> {
        let (status, answer) = self.try_control(Method::GET, &["items", barcode], None).await?;
        if status.is_success() {
            return read(answer).map(Some);
        }
        match answer["code"].as_str() {
            Some(NO_SUCH_BARCODE) => Ok(None),
            _ => Err(Failure::new(format!("{} can't show the item {barcode}: {answer}", self.institution))),
        }
    }

    /// Returns active holds, in the order they were placed, without Alma's own work orders.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn holds(&self) -> Result<Vec<Hold>> {
        let all: Vec<Hold> = read(self.get(&["requests"]).await?)?;
        Ok(all.into_iter().filter(|hold| hold.kind == "HOLD").collect())
    }

    /// Returns the active hold that the hub placed for a request, if there is one.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn hold_of(&self, request: &str) -> Result<Option<Hold>> {
        Ok(self.holds().await?.into_iter().find(|hold| hold.is_of(request)))
    }

    /// Returns active loans, oldest first.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn loans(&self) -> Result<Vec<Loan>> {
        read(self.get(&["loans"]).await?)
    }

    /// Returns the active loan of an item, if there is one.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn loan_of(&self, barcode: &str) -> Result<Option<Loan>> {
        Ok(self.loans().await?.into_iter().find(|loan| loan.barcode == barcode))
    }

    /// Returns users in the API's shape.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn users(&self) -> Result<Vec<Value>> {
        Ok(rows(&self.state().await?["users"]).cloned().collect())
    }

    /// Returns the title of a record; `None` if there is no such record.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn title_of(&self, mms: &str) -> Result<Option<String>> {
        let state = self.state().await?;
        Ok(rows(&state["bibs"]).find(|bib| text(&bib["mms_id"]) == mms).map(|bib| text(&bib["title"])))
    }

    /// Returns the hub's records here, found by its markers.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn standing(&self) -> Result<AlmaState> {
        // This reads the simulator's whole state, since the API-shaped one has no holdings.
        let snapshot = self.get(&["snapshot"]).await?;
        let alma = &snapshot["alma"];
        let ours = |list: &str, is_ours: &dyn Fn(&Value) -> bool, key: &str| {
            let all = alma[list].as_object().into_iter().flatten().filter(|(_, row)| is_ours(row));
            all.map(|(id, row)| row[key].as_str().map_or_else(|| id.clone(), str::to_owned)).collect::<Vec<_>>()
        };
        let holdings = ours("holdings", &|row| row["library"] == VIRTUAL_LIBRARY, "");
        let in_ours = |row: &Value| holdings.contains(&row["holding"].to_string());
        Ok(AlmaState {
            virtual_patrons: alma["users"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(_, row)| text(&row["data"]["primary_id"]))
                .filter(|id| id.starts_with(VIRTUAL_PATRON))
                .collect(),
            bibs: ours("bibs", &|row| row["network_numbers"].to_string().contains(RECORD_MARK), ""),
            items: ours("items", &in_ours, "barcode"),
            holdings,
        })
    }

    /// Returns the number of API calls received, by method and path such as `POST /users/{user_id}/loans`. Calls that
    /// failed because of a fault are included.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn calls(&self) -> Result<BTreeMap<String, u64>> {
        read(self.get(&["calls"]).await?["calls"].clone())
    }

    /// Returns how often one call was received.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn calls_to(&self, call: &str) -> Result<u64> {
        Ok(self.calls().await?.get(call).copied().unwrap_or_default())
    }

    /// Returns how many calls were refused because of a limit.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn refused_for_limits(&self) -> Result<u64> {
        Ok(self.get(&["calls"]).await?["refused_by_limits"].as_u64().unwrap_or_default())
    }

    /// Returns events, oldest first, as Alma's webhooks would report them.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn events(&self) -> Result<Vec<String>> {
        Ok(rows(&self.get(&["events"]).await?).map(|event| text(&event["event"])).collect())
    }

    /// Returns the number of records that were ever created here.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn made(&self) -> Result<CreatedRecords> {
        let events = self.events().await?;
        let count = |name: &str| events.iter().filter(|event| *event == name).count() as u64;
        Ok(CreatedRecords {
            virtual_patrons: self.standing().await?.virtual_patrons.len() as u64,
            bibs: count("BIB_CREATED"),
            items: count("ITEM_CREATED"),
            holds: count("REQUEST_CREATED"),
            loans: count("LOAN_CREATED"),
        })
    }

    /// Returns what the hub left here: virtual records, holdings and items, its holds, loans to virtual patrons.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn left(&self) -> Result<Vec<String>> {
        let place = &self.institution;
        let mut left = Vec::new();
        let standing = self.standing().await?;
        left.extend(standing.bibs.iter().map(|id| format!("virtual record {id} at {place}")));
        left.extend(standing.holdings.iter().map(|id| format!("virtual holding {id} at {place}")));
        left.extend(standing.items.iter().map(|barcode| format!("virtual item {barcode} at {place}")));
        let holds = self.holds().await?;
        let ours = holds.iter().filter(|hold| hold.is_marked());
        left.extend(ours.map(|hold| format!("hold {} ({}) at {place}", hold.id, hold.status)));
        let loans = self.loans().await?;
        let ours = loans.iter().filter(|loan| loan.is_to_virtual_patron());
        left.extend(ours.map(|loan| format!("loan of {} to a virtual patron at {place}", loan.barcode)));
        Ok(left)
    }
}
