//! Scan-in: the rule table of the "Scan In Items" page. The first rule that applies decides.

use super::Alma;
use super::model::{Id, Pickup, Process, RequestStatus, Stop};
use crate::clock::days;
use crate::refusal::Refusal;

/// Where an item is scanned, and with which options of the page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scan {
    pub(crate) library: String,
    pub(crate) desk: Option<String>,
    pub(crate) department: Option<String>,
    /// The request that the scan serves, if several fit.
    pub(crate) request: Option<Id>,
    pub(crate) place_on_hold_shelf: bool,
    pub(crate) register_in_house_use: bool,
    pub(crate) work_order_type: Option<String>,
    pub(crate) done: bool,
}

/// The result of a scan.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ScanResult {
    /// Item id.
    pub pid: String,
    /// Barcode.
    pub barcode: String,
    /// `1` in place, `0` not in place.
    pub base_status: String,
    /// Code of table PROCESSTYPE; empty in place.
    pub process_type: String,
    /// The request it serves now, if any.
    pub request_id: Option<String>,
    /// The library it travels to, if any.
    pub destination: Option<String>,
    /// The page's message. The wording varies by site, so no program may depend on it.
    pub additional_info: String,
}

impl Alma {
    /// Scans an item in. Closes its loan, clears "missing", then shelf, transit, or home.
    ///
    /// # Errors
    /// 401664 library missing, 40166415 neither desk nor department, 402502 unknown desk, 402504 unknown item.
    pub(crate) fn scan_in(&mut self, pid: Id, scan: &Scan) -> Result<ScanResult, Refusal> {
        self.check_scan(pid, scan)?;
        let place = scan.desk.clone().or_else(|| scan.department.clone()).unwrap_or_default();
        self.close_loan(pid, &scan.library, &place);
        if self.items.get(&pid).is_some_and(|item| item.process == Process::Missing) {
            self.set_process(pid, Process::None);
        }
        if let Some(item) = self.items.get_mut(&pid) {
            item.seen_at = Some(Stop { library: scan.library.clone(), desk: scan.desk.clone() });
        }
        if let Some(department) = scan.department.clone() {
            if self.work_order(pid, &department, scan) {
                return Ok(self.scanned(pid, format!("Manage Locally ({department})"), None));
            }
        } else if self
            .items
            .get(&pid)
            .is_some_and(|item| item.process == Process::Acq || item.process == Process::Technical)
        {
            self.set_process(pid, Process::None);
        }
        self.expire_on_scan(pid, &scan.library);
        match self.next_to_serve(pid, scan.request) {
            Some(request) => Ok(self.serve(pid, request, scan)),
            None => Ok(self.send_home(pid, scan)),
        }
    }

    fn check_scan(&self, pid: Id, scan: &Scan) -> Result<(), Refusal> {
        if !self.items.contains_key(&pid) {
            return Err(Refusal::new("402504", "Scan in has failed due to item retrieve issue."));
        }
        if scan.library.is_empty() {
            return Err(Refusal::missing("library"));
        }
        let failed = || Refusal::new("402502", "Scan in of item failed.");
        match (&scan.desk, &scan.department) {
            (None, None) => {
                let text = "Must send at least one of the following parameters: [circ_desk,department]";
                Err(Refusal::new("40166415", text))
            }
            (Some(desk), _) => self.desk(&scan.library, desk).map(|_| ()).ok_or_else(failed),
            (None, Some(code)) => {
                self.departments.iter().find(|(each, ..)| each == code).map(|_| ()).ok_or_else(failed)
            }
        }
    }

    /// Scans the item in at a department, which takes it in or finishes with it. Returns whether the department keeps
    /// it.
    fn work_order(&mut self, pid: Id, department: &str, scan: &Scan) -> bool {
        if scan.done {
            if let Some(item) = self.items.get_mut(&pid) {
                item.work_order = None;
            }
            self.set_process(pid, Process::None);
            return false;
        }
        if let Some(item) = self.items.get_mut(&pid) {
            item.work_order = Some((scan.work_order_type.clone().unwrap_or_default(), department.to_owned()));
        }
        self.set_process(pid, Process::WorkOrder);
        true
    }

    /// Rule 9: a hold whose time on this shelf is over ends at the scan.
    fn expire_on_scan(&mut self, pid: Id, library: &str) {
        let Some(request) = self.items.get(&pid).and_then(|item| item.bound).and_then(|id| self.requests.get(&id))
        else {
            return;
        };
        let over = request.expiry.is_some_and(|at| at < self.now);
        if over && request.status == RequestStatus::OnHoldShelf && request.pickup.library == library {
            let id = request.id;
            self.close_expired(id);
        }
    }

    pub(super) fn close_expired(&mut self, id: Id) {
        let event = if self.behaviour.expiry_is_cancellation { "REQUEST_CANCELED" } else { "REQUEST_CLOSED" };
        self.close_request(id, "Hold Shelf Expired", Some(event));
    }

    fn next_to_serve(&self, pid: Id, wanted: Option<Id>) -> Option<Id> {
        let queue = self.queue_of(pid);
        wanted.filter(|id| queue.contains(id)).or_else(|| queue.first().copied())
    }

    /// Rules 3 to 6: the item serves a hold.
    fn serve(&mut self, pid: Id, id: Id, scan: &Scan) -> ScanResult {
        self.drop_reshelving(pid);
        if self.items.get(&pid).is_some_and(|item| item.bound.is_some_and(|bound| bound != id)) {
            self.unbind(pid);
        }
        let Some(request) = self.requests.get(&id) else { return self.send_home(pid, scan) };
        let (pickup, before) = (request.pickup.clone(), request.status);
        if !self.picks_up_here(&pickup, scan) {
            self.bind(pid, id, RequestStatus::InProcess);
            if let Some(request) = self.requests.get_mut(&id) {
                request.expiry = None;
            }
            let name = self.library_name(&pickup.library).to_owned();
            self.set_process(pid, Process::Transit);
            if let Some(item) = self.items.get_mut(&pid) {
                item.transit_to = Some(Stop { library: pickup.library, desk: pickup.desk });
            }
            return self.scanned(pid, name, Some(id));
        }
        let desk = scan.desk.as_deref().and_then(|code| self.desk(&scan.library, code));
        let processing = desk.is_some_and(|desk| desk.hold_shelf_processing);
        let length = desk.and_then(|desk| desk.hold_shelf_days).unwrap_or(self.behaviour.hold_shelf_days);
        let on_shelf =
            self.items.get(&pid).is_some_and(|item| item.process == Process::HoldShelf && item.bound == Some(id));
        if processing && !scan.place_on_hold_shelf && !on_shelf {
            self.bind(pid, id, RequestStatus::InProcess);
            self.set_process(pid, Process::HoldShelf);
            return self.scanned(pid, "Hold Shelf Processing".to_owned(), Some(id));
        }
        self.bind(pid, id, RequestStatus::OnHoldShelf);
        self.set_process(pid, Process::HoldShelf);
        if before != RequestStatus::OnHoldShelf {
            let until = self.now + days(length);
            if let Some(request) = self.requests.get_mut(&id) {
                request.expiry = Some(request.last_interest.map_or(until, |last| last.min(until)));
            }
            self.emit_request("REQUEST_PLACED_ON_SHELF", id);
        }
        self.scanned(pid, "On Hold Shelf".to_owned(), Some(id))
    }

    /// Whether the scanning desk keeps the shelf of this pickup place.
    fn picks_up_here(&self, pickup: &Pickup, scan: &Scan) -> bool {
        let Some(desk) = scan.desk.as_deref().and_then(|code| self.desk(&scan.library, code)) else { return false };
        pickup.library == scan.library
            && desk.has_hold_shelf
            && (pickup.kind != "CIRCULATION_DESK" || pickup.desk.as_deref() == Some(desk.code.as_str()))
    }

    /// Rules 7 and 8: no hold; home, or on the way there.
    fn send_home(&mut self, pid: Id, scan: &Scan) -> ScanResult {
        let Some(item) = self.items.get(&pid) else { return self.scanned(pid, String::new(), None) };
        let was_in_place = item.in_place();
        let (home, location) = self.place_of(item);
        let (home, location) = (home.to_owned(), location.to_owned());
        let desk = scan.desk.as_deref().and_then(|code| self.desk(&scan.library, code));
        let serves = desk.is_none_or(|desk| desk.locations.contains(&location) || desk.reshelve_without_transit);
        if home != scan.library || !serves {
            self.set_process(pid, Process::Transit);
            self.add_reshelving(pid, &home);
            if let Some(item) = self.items.get_mut(&pid) {
                item.transit_to = Some(Stop { library: home.clone(), desk: None });
            }
            let name = self.library_name(&home).to_owned();
            return self.scanned(pid, name, None);
        }
        let reshelving = self.library(&home).and_then(|library| library.find_location(&location));
        let reshelving = reshelving.is_some_and(|location| location.reshelving);
        self.drop_reshelving(pid);
        self.set_process(pid, Process::None);
        if let Some(item) = self.items.get_mut(&pid) {
            item.awaiting_reshelving = reshelving;
            item.in_house_uses += u32::from(was_in_place && scan.register_in_house_use);
        }
        let name = self.location_name(&home, &location);
        self.scanned(pid, format!("Reshelve to {name}"), None)
    }

    fn scanned(&self, pid: Id, destination: String, request: Option<Id>) -> ScanResult {
        let request = request.and_then(|id| self.requests.get(&id));
        let Some(item) = self.items.get(&pid) else {
            return ScanResult {
                pid: pid.to_string(),
                barcode: String::new(),
                base_status: String::new(),
                process_type: String::new(),
                request_id: None,
                destination: None,
                additional_info: destination,
            };
        };
        let mut info = format!("Item's destination is: {destination}. Request/Process Type: ");
        match request {
            Some(request) => {
                let user = request.user.and_then(|key| self.users.get(&key));
                let name = user.map(|user| crate::render::sort_name(&user.data)).unwrap_or_default();
                info.push_str(&format!(
                    "Patron physical item request. Requester: {name}. Requester ID: {}. Place in Queue: 1",
                    request.primary_id
                ));
            }
            None if item.process == Process::Transit => {
                info.push_str("Transit for reshelving. Requester: . Requester ID: . Place in Queue: 1");
            }
            None => {
                let kind = item.work_order.as_ref().map(|(kind, _)| kind.as_str()).unwrap_or_default();
                info.push_str(&format!("{kind}. Requester: . Requester ID: . Place in Queue: 0"));
            }
        }
        ScanResult {
            pid: pid.to_string(),
            barcode: item.barcode.clone(),
            base_status: if item.in_place() { "1" } else { "0" }.to_owned(),
            process_type: item.process.code().to_owned(),
            request_id: request.map(|request| request.id.to_string()),
            destination: item.transit_to.as_ref().map(|stop| stop.library.clone()),
            additional_info: info,
        }
    }
}
