//! Actions of staff at their desks for which Alma has no API, as methods. They obey the same state model as the REST
//! calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::clock::{date, second};
use crate::options::Behaviour;
use crate::refusal::Refusal;
use crate::render;
use crate::seed::{Bib, User};
use crate::sim::{Sim, Site};
use crate::state::Alma;
use crate::state::inventory::Leftover;
use crate::state::jobs::{INTEREST_EXPIRY, PUBLISHING, SHELF_EXPIRY};
use crate::state::loans::NewLoan;
use crate::state::model::{Id, Item, Loan, Pickup, Request};
use crate::state::publish::Publishing;
use crate::state::requests::NewRequest;
use crate::state::scan::{Scan, ScanResult};
use crate::state::staff::Mark;

/// An item as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemView {
    /// Item id.
    pub pid: String,
    /// Holding id.
    pub holding_id: String,
    /// Title id.
    pub mms_id: String,
    /// Barcode.
    pub barcode: String,
    /// Title.
    pub title: String,
    /// The filled fields among description, enumeration and chronology, by their names in the API.
    pub volume: BTreeMap<String, String>,
    /// The first internal note.
    pub internal_note: String,
    /// Item policy.
    pub policy: String,
    /// Library it belongs to now.
    pub library: String,
    /// Location it belongs to now.
    pub location: String,
    /// `1` in place, `0` not.
    pub base_status: String,
    /// Code of PROCESSTYPE; empty in place.
    pub process_type: String,
    /// The library it travels to.
    pub transit_to: Option<String>,
    /// The request for which it is taken.
    pub request_id: Option<String>,
    /// Its loan.
    pub loan_id: Option<String>,
    /// Holds in its queue, first the next one.
    pub queue: Vec<String>,
    /// In-house uses counted.
    pub in_house_uses: u32,
}

/// An active request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestView {
    /// Request id.
    pub id: String,
    /// HOLD, or Alma's own WORK_ORDER.
    pub kind: String,
    /// Requester's primary id; empty for Alma's own.
    pub user: String,
    /// Title id.
    pub mms_id: String,
    /// The requested or taken item.
    pub item_pid: Option<String>,
    /// Its barcode.
    pub barcode: Option<String>,
    /// Pickup library.
    pub pickup_library: String,
    /// Code of the status.
    pub status: String,
    /// Place in its queue.
    pub place_in_queue: usize,
    /// Comment.
    pub comment: Option<String>,
    /// Last day on the shelf.
    pub expiry: Option<String>,
    /// Code of the material type that the caller named; empty if none.
    pub material_type: String,
    /// Last day of interest.
    pub last_interest: Option<String>,
}

/// An active loan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoanView {
    /// Loan id.
    pub id: String,
    /// Borrower's primary id.
    pub user: String,
    /// Item id.
    pub item_pid: String,
    /// Barcode.
    pub barcode: String,
    /// Due date.
    pub due: String,
    /// NORMAL, RENEW, RECALL, LOST, CLAIMED_RETURN.
    pub process_status: String,
    /// The request that the caller named.
    pub named_request: Option<String>,
}

impl ItemView {
    pub(crate) fn of(alma: &Alma, item: &Item) -> ItemView {
        let (library, location) = alma.place_of(item);
        let text = |key: &str| item.extra.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_volume =
            |key: &str| key == "description" || key.starts_with("enumeration_") || key.starts_with("chronology_");
        ItemView {
            pid: item.pid.to_string(),
            holding_id: item.holding.to_string(),
            mms_id: item.mms.to_string(),
            barcode: item.barcode.clone(),
            title: alma.bibs.get(&item.mms).map(|bib| bib.title.clone()).unwrap_or_default(),
            volume: item.extra.keys().filter(|key| is_volume(key)).map(|key| (key.clone(), text(key))).collect(),
            internal_note: text("internal_note_1"),
            policy: item.policy.clone(),
            library: library.to_owned(),
            location: location.to_owned(),
            base_status: if item.in_place() { "1" } else { "0" }.to_owned(),
            process_type: item.process.code().to_owned(),
            transit_to: item.transit_to.as_ref().map(|stop| stop.library.clone()),
            request_id: item.bound.map(|id| id.to_string()),
            loan_id: item.loan.map(|id| id.to_string()),
            queue: alma.queue_of(item.pid).iter().map(Id::to_string).collect(),
            in_house_uses: item.in_house_uses,
        }
    }
}

impl RequestView {
    pub(crate) fn of(alma: &Alma, request: &Request) -> RequestView {
        let item = request.item.or(request.asked).and_then(|pid| alma.items.get(&pid));
        RequestView {
            id: request.id.to_string(),
            kind: request.kind.clone(),
            user: request.primary_id.clone(),
            mms_id: request.mms.to_string(),
            item_pid: item.map(|item| item.pid.to_string()),
            barcode: item.map(|item| item.barcode.clone()),
            pickup_library: request.pickup.library.clone(),
            status: request.status.code().to_owned(),
            place_in_queue: alma.place_in_queue(request),
            comment: request.comment.clone(),
            expiry: request.expiry.map(date),
            material_type: request.material_type.clone(),
            last_interest: request.last_interest.map(date),
        }
    }
}

impl LoanView {
    pub(crate) fn of(loan: &Loan) -> LoanView {
        LoanView {
            id: loan.id.to_string(),
            user: loan.primary_id.clone(),
            item_pid: loan.item.to_string(),
            barcode: loan.barcode.clone(),
            due: second(loan.due),
            process_status: loan.process_status.clone(),
            named_request: loan.named_request.map(|id| id.to_string()),
        }
    }
}

/// Staff of one institution.
#[derive(Debug, Clone)]
pub struct Staff {
    sim: Sim,
    site: Arc<Site>,
}

fn item_of(alma: &Alma, barcode: &str) -> Result<Id, Refusal> {
    alma.find_barcode(barcode).ok_or_else(|| Refusal::no_barcode(barcode))
}

fn user_of(alma: &Alma, id: &str) -> Result<Id, Refusal> {
    alma.find_user(id).ok_or_else(|| Refusal::no_user(id))
}

impl Staff {
    pub(crate) fn new(sim: Sim, site: Arc<Site>) -> Staff {
        Staff { sim, site }
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Alma) -> T) -> T {
        self.sim.with(&self.site, |alma| {
            alma.version += 1;
            act(alma)
        })
    }

    /// Scans an item in at a desk. The scan is a return, a step of a hold, or has hardly any effect.
    ///
    /// # Errors
    /// 401689 unknown barcode, 402502 unknown desk.
    pub fn scan_in(&self, barcode: &str, library: &str, desk: &str) -> Result<ScanResult, Refusal> {
        let scan = Scan {
            library: library.to_owned(),
            desk: Some(desk.to_owned()),
            register_in_house_use: true,
            ..Scan::default()
        };
        self.with(|alma| {
            let pid = item_of(alma, barcode)?;
            alma.scan_in(pid, &scan)
        })
    }

    /// Scans an item in at a department: a work order, until `done`.
    ///
    /// # Errors
    /// 401689 unknown barcode, 402502 unknown department.
    pub fn scan_at_department(
        &self,
        barcode: &str,
        library: &str,
        department: &str,
        done: bool,
    ) -> Result<ScanResult, Refusal> {
        let scan =
            Scan { library: library.to_owned(), department: Some(department.to_owned()), done, ..Scan::default() };
        self.with(|alma| {
            let pid = item_of(alma, barcode)?;
            alma.scan_in(pid, &scan)
        })
    }

    /// Lends an item at a desk; the loan's id.
    ///
    /// # Errors
    /// As POST loans.
    pub fn lend(&self, barcode: &str, user: &str, library: &str, desk: &str) -> Result<String, Refusal> {
        self.lend_as(barcode, user, library, desk, false)
    }

    /// Lends an item although it is held for someone else.
    ///
    /// # Errors
    /// As POST loans, but for the hold.
    pub fn lend_overriding_hold(
        &self,
        barcode: &str,
        user: &str,
        library: &str,
        desk: &str,
    ) -> Result<String, Refusal> {
        self.lend_as(barcode, user, library, desk, true)
    }

    fn lend_as(&self, barcode: &str, user: &str, library: &str, desk: &str, over: bool) -> Result<String, Refusal> {
        self.with(|alma| {
            let new = NewLoan {
                named_request: None,
                user: user_of(alma, user)?,
                item: item_of(alma, barcode)?,
                library: library.to_owned(),
                desk: desk.to_owned(),
                override_hold: over,
            };
            alma.lend(&new).map(|id| id.to_string())
        })
    }

    /// Renews the loan of an item.
    ///
    /// # Errors
    /// 401823 not lent, 401822 refused.
    pub fn renew(&self, barcode: &str) -> Result<(), Refusal> {
        self.with(|alma| {
            let loan = alma.items.get(&item_of(alma, barcode)?).and_then(|item| item.loan);
            alma.renew(loan.ok_or_else(|| Refusal::no_loan(barcode))?)
        })
    }

    /// Changes the due date of an item's loan.
    ///
    /// # Errors
    /// 401823 not lent, 401681 in the past.
    pub fn set_due(&self, barcode: &str, due: Timestamp) -> Result<(), Refusal> {
        self.with(|alma| {
            let loan = alma.items.get(&item_of(alma, barcode)?).and_then(|item| item.loan);
            alma.set_due(loan.ok_or_else(|| Refusal::no_loan(barcode))?, due)
        })
    }

    /// Places a hold on an item; the request's id.
    ///
    /// # Errors
    /// As POST requests.
    pub fn place_hold(&self, user: &str, barcode: &str, pickup_library: &str) -> Result<String, Refusal> {
        self.with(|alma| {
            let (user, item) = (user_of(alma, user)?, item_of(alma, barcode)?);
            let mms = alma.items.get(&item).map(|item| item.mms).ok_or_else(Refusal::general)?;
            let pickup = Pickup { kind: "LIBRARY".to_owned(), library: pickup_library.to_owned(), desk: None };
            let new =
                NewRequest { user, mms, item: Some(item), kind: "HOLD".to_owned(), pickup, ..NewRequest::default() };
            alma.place_request(new).map(|id| id.to_string())
        })
    }

    /// Ends a request in any way that Alma knows, such as `Rejected` or `Hold Shelf Expired`.
    ///
    /// # Errors
    /// 401694 when it is not active.
    pub fn close(&self, request_id: &str, closure: &str) -> Result<(), Refusal> {
        self.with(|alma| {
            let id = request_id.parse::<Id>().map_err(|_| Refusal::no_request())?;
            if !alma.requests.get(&id).is_some_and(Request::active) {
                return Err(Refusal::no_request());
            }
            alma.close_request(id, closure, Some("REQUEST_CLOSED"));
            Ok(())
        })
    }

    /// Cancels a request.
    ///
    /// # Errors
    /// 401694 not active, 401666 a reason that the code table does not have.
    pub fn cancel(&self, request_id: &str, reason: &str) -> Result<(), Refusal> {
        let id = request_id.parse().map_err(|_| Refusal::no_request())?;
        self.with(|alma| alma.cancel_request(id, reason, true))
    }

    /// Sets a hold's last day on the shelf to yesterday.
    ///
    /// # Errors
    /// When it is not on the shelf.
    pub fn expire_hold(&self, request_id: &str) -> Result<(), Refusal> {
        let id = request_id.parse().map_err(|_| Refusal::no_request())?;
        self.with(|alma| alma.expire_hold(id))
    }

    /// Processes the expired hold shelf. Returns how many holds ended. Their items stay until they are scanned.
    pub fn run_hold_shelf_expiry(&self) -> usize {
        self.with(|alma| alma.run_job(&SHELF_EXPIRY).1)
    }

    /// Runs the job that cancels holds past their last day of interest. Returns how many ended.
    pub fn run_interest_expiry(&self) -> usize {
        self.with(|alma| alma.run_job(&INTEREST_EXPIRY).1)
    }

    /// Marks an item lost, claimed returned, found, missing.
    ///
    /// # Errors
    /// When its state does not allow the mark.
    pub fn mark(&self, barcode: &str, mark: Mark) -> Result<(), Refusal> {
        self.with(|alma| {
            let pid = item_of(alma, barcode)?;
            alma.mark(pid, mark)
        })
    }

    /// Adds a title with its holdings and items; its MMS id.
    ///
    /// # Errors
    /// For codes the institution does not have, or a barcode in use.
    pub fn add_bib(&self, bib: Bib) -> Result<String, Refusal> {
        self.with(|alma| alma.seed_bib(bib).map(|mms| mms.to_string()))
    }

    /// Suppresses a title from discovery, or shows it again.
    ///
    /// # Errors
    /// 402203 unknown title.
    pub fn suppress_bib(&self, mms_id: &str, suppressed: bool) -> Result<(), Refusal> {
        let mms = mms_id.parse().map_err(|_| Refusal::no_bib(mms_id))?;
        self.with(|alma| {
            if !alma.bibs.contains_key(&mms) {
                return Err(Refusal::no_bib(mms_id));
            }
            alma.suppress_bib(mms, suppressed);
            Ok(())
        })
    }

    /// Withdraws an item.
    ///
    /// # Errors
    /// 401849 on loan or requested.
    pub fn withdraw(&self, barcode: &str) -> Result<(), Refusal> {
        self.with(|alma| {
            let pid = item_of(alma, barcode)?;
            alma.delete_item(pid, Leftover::Delete, Leftover::Retain)
        })
    }

    /// Deletes a user's record although a loan is open.
    ///
    /// # Errors
    /// 401861 unknown user.
    pub fn purge_user(&self, user: &str) -> Result<(), Refusal> {
        self.with(|alma| {
            let key = user_of(alma, user)?;
            alma.purge_user(key);
            Ok(())
        })
    }

    /// Moves an item to a new holding under a title: its own, or another one. Requests and loan follow it.
    ///
    /// # Errors
    /// 402203 unknown title.
    pub fn relink(&self, barcode: &str, mms_id: &str) -> Result<(), Refusal> {
        let mms = mms_id.parse().map_err(|_| Refusal::no_bib(mms_id))?;
        self.with(|alma| {
            let pid = item_of(alma, barcode)?;
            alma.relink_item(pid, mms)
        })
    }

    /// Binds a further title into an item's volume.
    ///
    /// # Errors
    /// 402203 unknown title.
    pub fn bind(&self, barcode: &str, mms_id: &str) -> Result<(), Refusal> {
        let mms = mms_id.parse().map_err(|_| Refusal::no_bib(mms_id))?;
        self.with(|alma| {
            let pid = item_of(alma, barcode)?;
            if !alma.bibs.contains_key(&mms) {
                return Err(Refusal::no_bib(mms_id));
            }
            alma.items.get_mut(&pid).into_iter().for_each(|item| item.bound_with.push(mms));
            Ok(())
        })
    }

    /// Deletes a title without holdings.
    ///
    /// # Errors
    /// 402203 unknown title, 4022020 it has holdings.
    pub fn delete_bib(&self, mms_id: &str) -> Result<(), Refusal> {
        let mms = mms_id.parse().map_err(|_| Refusal::no_bib(mms_id))?;
        self.with(|alma| alma.delete_bib(mms, true))
    }

    /// Adds an item with a barcode to the holding that has another item.
    ///
    /// # Errors
    /// The barcode is taken.
    pub fn add_sibling_item(&self, barcode: &str, new_barcode: &str) -> Result<(), Refusal> {
        self.with(|alma| {
            let pid = item_of(alma, barcode)?;
            let item = alma.items.get(&pid).ok_or_else(Refusal::general)?;
            let (mms, holding) = (item.mms, item.holding);
            let body = serde_json::json!({"item_data": {"barcode": new_barcode}});
            alma.create_item(mms, holding, &body).map(drop)
        })
    }

    /// Creates a user.
    ///
    /// # Errors
    /// As POST users.
    pub fn add_user(&self, user: &User) -> Result<(), Refusal> {
        self.with(|alma| alma.create_user(&user.0).map(|_| ()))
    }

    /// Blocks a user with a description code of table UserBlockDescription.
    ///
    /// # Errors
    /// 401861 unknown user.
    pub fn block(&self, user: &str, code: &str) -> Result<(), Refusal> {
        self.with(|alma| {
            let key = user_of(alma, user)?;
            alma.add_block(key, code, "");
            Ok(())
        })
    }

    /// Removes blocks: those of a code, or all.
    ///
    /// # Errors
    /// 401861 unknown user.
    pub fn unblock(&self, user: &str, code: Option<&str>) -> Result<(), Refusal> {
        self.with(|alma| {
            let key = user_of(alma, user)?;
            alma.remove_blocks(key, code);
            Ok(())
        })
    }

    /// Changes fields of a user as staff do, e.g. `{"status": {"value": "INACTIVE"}}`.
    ///
    /// # Errors
    /// As PUT users.
    pub fn change_user(&self, user: &str, fields: &Value) -> Result<(), Refusal> {
        self.with(|alma| {
            let key = user_of(alma, user)?;
            let mut data = alma.users.get(&key).map(|user| user.data.clone()).unwrap_or_default();
            for (field, value) in fields.as_object().into_iter().flatten() {
                data.insert(field.clone(), value.clone());
            }
            alma.replace_user(key, &Value::Object(data), &["user_group", "pin_number", "campus_code"])
        })
    }

    /// An item as it stands.
    ///
    /// # Errors
    /// 401689 unknown barcode.
    pub fn item(&self, barcode: &str) -> Result<ItemView, Refusal> {
        self.with(|alma| {
            let pid = item_of(alma, barcode)?;
            alma.items.get(&pid).map(|item| ItemView::of(alma, item)).ok_or_else(Refusal::general)
        })
    }

    /// Active requests, in the order they were placed.
    pub fn requests(&self) -> Vec<RequestView> {
        self.with(|alma| alma.active().map(|request| RequestView::of(alma, request)).collect())
    }

    /// Active loans, oldest first.
    pub fn loans(&self) -> Vec<LoanView> {
        self.with(|alma| {
            let mut loans: Vec<&Loan> = alma.loans.values().filter(|loan| loan.returned.is_none()).collect();
            loans.sort_by_key(|loan| loan.id);
            loans.into_iter().map(LoanView::of).collect()
        })
    }

    /// A user in the API's shape.
    ///
    /// # Errors
    /// 401861 unknown user.
    pub fn user(&self, user: &str) -> Result<Value, Refusal> {
        self.with(|alma| {
            let key = user_of(alma, user)?;
            alma.users.get(&key).map(|user| render::user(alma, user, "", "").to_value()).ok_or_else(Refusal::general)
        })
    }

    /// Numbers of users, titles, items, active requests and active loans.
    pub fn counts(&self) -> Value {
        self.with(|alma| {
            let lent = alma.loans.values().filter(|loan| loan.returned.is_none()).count();
            serde_json::json!({"users": alma.users.len(), "bibs": alma.bibs.len(), "holdings": alma.holdings.len(),
                "items": alma.items.len(), "requests": alma.active_requests.len(), "loans": lent})
        })
    }

    /// Changes how this Alma behaves.
    pub fn set_behaviour(&self, change: impl FnOnce(&mut Behaviour)) {
        self.with(|alma| change(&mut alma.behaviour));
    }

    /// Changes how this Alma publishes.
    pub fn set_publishing(&self, change: impl FnOnce(&mut Publishing)) {
        self.with(|alma| change(&mut alma.published.settings));
    }

    /// Runs the publishing job; how many records it published.
    pub fn publish(&self) -> usize {
        self.with(|alma| alma.run_job(&PUBLISHING).1)
    }
}
