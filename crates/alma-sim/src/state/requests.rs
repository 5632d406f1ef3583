//! Holds: placing, the queue, cancelling, closing.

use jiff::Timestamp;

use super::Alma;
use super::events::written;
use super::model::{Id, Item, Pickup, Process, Request, RequestStatus};
use super::users::code_of;
use crate::clock::days;
use crate::options::FirstRequestStatus;
use crate::refusal::Refusal;

/// The parameters of a new request.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewRequest {
    pub(crate) user: Id,
    pub(crate) mms: Id,
    /// None for a request at title level.
    pub(crate) item: Option<Id>,
    pub(crate) kind: String,
    pub(crate) pickup: Pickup,
    pub(crate) comment: Option<String>,
    pub(crate) description: String,
    pub(crate) material_type: String,
    pub(crate) last_interest: Option<Timestamp>,
    pub(crate) allow_same: bool,
}

impl Alma {
    /// Places a request.
    ///
    /// # Errors
    /// 401129, 401136, 401895, 401664.
    pub(crate) fn place_request(&mut self, new: NewRequest) -> Result<Id, Refusal> {
        if new.kind == "HOLD" {
            self.check_pickup(&new.pickup)?;
        }
        if !self.may_request(new.user, new.mms, new.item) {
            return Err(Refusal::not_requestable());
        }
        if !new.allow_same && self.has_same_request(&new) {
            let text = "Failed to save the request: Patron has active request for selected item.";
            return Err(Refusal::new("401136", text));
        }
        let Some(user) = self.users.get(&new.user) else { return Err(Refusal::no_user_of_type("", "all_unique")) };
        let request = Request {
            id: 0,
            user: Some(new.user),
            primary_id: user.primary_id().to_owned(),
            mms: new.mms,
            asked: new.item,
            item: None,
            sub_type: if new.kind == "HOLD" { "PATRON_PHYSICAL".to_owned() } else { format!("PATRON_{}", new.kind) },
            kind: new.kind,
            pickup: new.pickup,
            comment: new.comment,
            description: new.description,
            material_type: new.material_type,
            last_interest: new.last_interest,
            status: RequestStatus::NotStarted,
            placed: self.now,
            expiry: None,
            closed_as: None,
            printed: false,
        };
        let id = self.add_request(request);
        self.activate_first(new.mms);
        self.recall(id);
        self.emit_request("REQUEST_CREATED", id);
        Ok(id)
    }

    pub(super) fn add_request(&mut self, mut request: Request) -> Id {
        let id = self.next_id(8, 11);
        request.id = id;
        if let Some(bib) = self.bibs.get_mut(&request.mms) {
            bib.requests.push(id);
        }
        if let Some(user) = request.user.and_then(|key| self.users.get_mut(&key)) {
            user.requests.push(id);
        }
        self.requests.insert(id, request);
        self.active_requests.insert(id);
        id
    }

    /// A pickup place must exist, have a hold shelf, and not be the resource sharing library.
    fn check_pickup(&self, pickup: &Pickup) -> Result<(), Refusal> {
        if !matches!(pickup.kind.as_str(), "LIBRARY" | "CIRCULATION_DESK") {
            return match pickup.kind.as_str() {
                "" => Err(Refusal::missing("pickup_location_type")),
                "USER_HOME_ADDRESS" | "USER_WORK_ADDRESS" => {
                    Err(Refusal::new("60308", "Delivery to personal address is not supported."))
                }
                "INSTITUTION" => Err(Refusal::new("60324", "Fulfillment network is not configured.")),
                _ => Err(Refusal::general()),
            };
        }
        if pickup.library.is_empty() {
            return Err(Refusal::missing("pickup_location_library"));
        }
        let library = self.library(&pickup.library).ok_or_else(Refusal::not_requestable)?;
        let shelf = match pickup.desk.as_deref().filter(|_| pickup.kind == "CIRCULATION_DESK") {
            Some(code) => {
                let unknown = || {
                    let library = &pickup.library;
                    let text =
                        format!("Pickup circulation desk with code {code} and library code {library} was not found.");
                    Refusal::new("401895", text)
                };
                library.find_desk(code).ok_or_else(unknown)?.has_hold_shelf
            }
            None if pickup.kind == "CIRCULATION_DESK" => {
                return Err(Refusal::missing("pickup_location_circulation_desk"));
            }
            None => library.desks.iter().any(|desk| desk.has_hold_shelf),
        };
        if library.resource_sharing || !shelf { Err(Refusal::not_requestable()) } else { Ok(()) }
    }

    /// Returns whether fulfilment rules let this user place a hold. The pickup place is not considered.
    pub(crate) fn may_request(&self, user: Id, mms: Id, item: Option<Id>) -> bool {
        let Some(user) = self.users.get(&user) else { return false };
        let rules = &self.behaviour.rules;
        if rules.groups_without_holds.contains(code_of(&user.data, "user_group"))
            || self.behaviour.blocks_refuse_requests && user.blocked(self.now).is_some()
        {
            return false;
        }
        match item {
            Some(pid) => self.items.get(&pid).is_some_and(|item| self.item_requestable(item)),
            None => self.items_of(mms).any(|item| self.item_requestable(item)),
        }
    }

    pub(crate) fn item_requestable(&self, item: &Item) -> bool {
        let rules = &self.behaviour.rules;
        let (library, location) = self.place_of(item);
        item.process.requestable()
            && item.settled_at <= self.now
            && !rules.policies_without_holds.contains(&item.policy)
            && !rules.locations_without_holds.contains(&format!("{library}/{location}"))
    }

    pub(crate) fn items_of(&self, mms: Id) -> impl Iterator<Item = &Item> {
        let holdings = self.bibs.get(&mms).map(|bib| bib.holdings.as_slice()).unwrap_or_default();
        holdings
            .iter()
            .filter_map(|id| self.holdings.get(id))
            .flat_map(|holding| &holding.items)
            .filter_map(|pid| self.items.get(pid))
    }

    fn has_same_request(&self, new: &NewRequest) -> bool {
        let active = self.users.get(&new.user).map(|user| user.requests.as_slice()).unwrap_or_default();
        active.iter().filter_map(|id| self.requests.get(id)).any(|request| {
            request.kind == new.kind
                && request.mms == new.mms
                && match new.item {
                    Some(_) => request.item == new.item || request.asked == new.item,
                    None => request.asked.is_none() && request.description == new.description,
                }
        })
    }

    /// Returns the holds that the item could serve; the hold for which it is taken comes first.
    pub(crate) fn queue_of(&self, pid: Id) -> Vec<Id> {
        let Some(item) = self.items.get(&pid) else { return Vec::new() };
        let Some(bib) = self.bibs.get(&item.mms) else { return Vec::new() };
        let mut queue: Vec<Id> = Vec::new();
        for request in bib.requests.iter().filter_map(|id| self.requests.get(id)) {
            if queues_for(request, item) {
                queue.push(request.id);
            }
        }
        if let Some(at) = item.bound.and_then(|bound| queue.iter().position(|id| *id == bound)) {
            queue[..=at].rotate_right(1);
        }
        queue
    }

    /// Whether any hold waits for, or has, this item.
    pub(crate) fn is_queued(&self, item: &Item) -> bool {
        let ids = self.bibs.get(&item.mms).map(|bib| bib.requests.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.requests.get(id)).any(|request| queues_for(request, item))
    }

    /// Whether a hold names this very item.
    pub(super) fn asked_for(&self, pid: Id) -> bool {
        let named = |id: &Id| self.requests.get(id).is_some_and(|request| request.asked == Some(pid));
        self.queue_of(pid).iter().any(named)
    }

    /// Place of a hold in its queue, from 1.
    pub(crate) fn place_in_queue(&self, request: &Request) -> usize {
        let position = |queue: &[Id]| queue.iter().position(|id| *id == request.id).map_or(1, |at| at + 1);
        if let Some(pid) = request.item.or(request.asked) {
            return position(&self.queue_of(pid));
        }
        let all = self.bibs.get(&request.mms).map(|bib| bib.requests.as_slice()).unwrap_or_default();
        let holds: Vec<Id> =
            all.iter().copied().filter(|id| self.requests.get(id).is_some_and(Request::is_hold)).collect();
        position(&holds)
    }

    /// Starts holds if the site does so at once: the first hold of each queue whose copy is in place becomes
    /// `IN_PROCESS`.
    pub(super) fn activate_first(&mut self, mms: Id) {
        if self.behaviour.first_request_status != FirstRequestStatus::InProcess {
            return;
        }
        let free: Vec<Id> = self.items_of(mms).filter(|item| item.in_place()).map(|item| item.pid).collect();
        for pid in free {
            let first = self.queue_of(pid).first().copied();
            if let Some(request) = first.and_then(|id| self.requests.get_mut(&id)) {
                request.status = RequestStatus::InProcess;
            }
        }
    }

    /// Recalls the loan of an item if the site does so: a hold on a lent item shortens its loan.
    fn recall(&mut self, request: Id) {
        let Some(limit) = self.behaviour.recall_days else { return };
        let due = self.now + days(limit);
        let Some(pid) = self.requests.get(&request).and_then(|request| request.asked) else { return };
        let Some(loan) = self.items.get(&pid).and_then(|item| item.loan) else { return };
        if let Some(loan) = self.loans.get_mut(&loan).filter(|loan| loan.process_status != "LOST") {
            loan.process_status = "RECALL".to_owned();
            loan.due = loan.due.min(due);
        }
        self.emit_loan("LOAN_DUE_DATE", loan);
    }

    /// Cancels an active request. The item stays where it is until the next scan.
    ///
    /// # Errors
    /// 401694 when it is not active, 401666 for a reason that the code table does not have.
    pub(crate) fn cancel_request(&mut self, id: Id, reason: &str, notify: bool) -> Result<(), Refusal> {
        if !self.requests.get(&id).is_some_and(Request::active) {
            return Err(Refusal::no_request());
        }
        if !self.tables.get("RequestCancellationReasons").is_some_and(|table| table.enabled(reason)) {
            return Err(Refusal::new("401666", "reason parameter is not valid."));
        }
        if notify && let Some(request) = self.requests.get(&id) {
            let (user, detail) = (request.user, written(&crate::render::request(self, request)));
            self.emit_letter("FulCancelRequestLetter", user, ("request", detail));
        }
        self.close_request(id, "Canceled", Some("REQUEST_CANCELED"));
        Ok(())
    }

    /// Removes a request from the active lists and releases its item. Messages carry its last active status.
    pub(crate) fn close_request(&mut self, id: Id, closure: &str, event: Option<&str>) {
        if let Some(event) = event {
            self.emit_request(event, id);
        }
        let Some(request) = self.requests.get_mut(&id) else { return };
        request.status = RequestStatus::History;
        request.closed_as = Some(closure.to_owned());
        let (user, mms, item) = (request.user, request.mms, request.item);
        self.active_requests.remove(&id);
        if let Some(bib) = self.bibs.get_mut(&mms) {
            bib.requests.retain(|each| *each != id);
        }
        if let Some(user) = user.and_then(|key| self.users.get_mut(&key)) {
            user.requests.retain(|each| *each != id);
            if self.behaviour.keep_history {
                user.past_requests.push(id);
            }
        }
        if let Some(item) = item.and_then(|pid| self.items.get_mut(&pid)) {
            item.bound = item.bound.filter(|bound| *bound != id);
        }
        if !self.behaviour.keep_history {
            self.requests.remove(&id);
        }
        self.activate_first(mms);
    }

    /// Takes an item for a request.
    pub(super) fn bind(&mut self, pid: Id, request: Id, status: RequestStatus) {
        if let Some(item) = self.items.get_mut(&pid) {
            item.bound = Some(request);
        }
        if let Some(request) = self.requests.get_mut(&request) {
            request.item = Some(pid);
            request.status = status;
        }
    }

    /// Releases an item. Its request goes back to the queue.
    pub(super) fn unbind(&mut self, pid: Id) {
        let Some(bound) = self.items.get_mut(&pid).and_then(|item| item.bound.take()) else { return };
        if let Some(request) = self.requests.get_mut(&bound) {
            request.item = None;
            request.expiry = None;
            request.status = RequestStatus::NotStarted;
        }
    }

    /// Ends Alma's own request that brings an item home.
    pub(super) fn drop_reshelving(&mut self, pid: Id) {
        if let Some(id) = self.items.get_mut(&pid).and_then(|item| item.reshelving_request.take()) {
            self.close_request(id, "Completed", None);
            self.requests.remove(&id);
        }
    }

    /// Adds Alma's own request for an item that travels home without a hold: WORK_ORDER, visible among the item's
    /// requests.
    pub(super) fn add_reshelving(&mut self, pid: Id, home: &str) {
        let Some(item) = self.items.get(&pid).filter(|item| item.reshelving_request.is_none()) else { return };
        let request = Request {
            id: 0,
            user: None,
            primary_id: String::new(),
            mms: item.mms,
            asked: Some(pid),
            item: Some(pid),
            kind: "WORK_ORDER".to_owned(),
            sub_type: "TRANSIT_FOR_RESHELVING".to_owned(),
            pickup: Pickup { kind: "LIBRARY".to_owned(), library: home.to_owned(), desk: None },
            comment: None,
            description: String::new(),
            material_type: String::new(),
            last_interest: None,
            status: RequestStatus::InProcess,
            placed: self.now,
            expiry: None,
            closed_as: None,
            printed: false,
        };
        let id = self.add_request(request);
        if let Some(item) = self.items.get_mut(&pid) {
            item.reshelving_request = Some(id);
        }
    }

    /// Handles the requests for a copy that went missing or was lost: another copy serves them, or they are cancelled.
    pub(super) fn reassign(&mut self, pid: Id) {
        self.unbind(pid);
        let Some(mms) = self.items.get(&pid).map(|item| item.mms) else { return };
        let pending = self.bibs.get(&mms).map(|bib| bib.requests.clone()).unwrap_or_default();
        for id in pending {
            let Some(request) = self.requests.get(&id).filter(|request| request.is_hold() && request.item.is_none())
            else {
                continue;
            };
            let fits = match request.asked {
                Some(asked) => asked != pid,
                None => self.items_of(mms).any(|item| item.process.requestable() && item.process != Process::Acq),
            };
            if !fits {
                self.close_request(id, "Failed", Some("REQUEST_CANCELED"));
            }
        }
    }
}

/// Returns whether a request is a hold for which this item is taken, which names it, or which it may serve.
fn queues_for(request: &Request, item: &Item) -> bool {
    let free = request.item.is_none() && request.asked.is_none() && item.process.requestable();
    let named = request.item.is_none() && request.asked == Some(item.pid);
    request.is_hold() && (request.item == Some(item.pid) || named || free)
}
