//! Simulates patrons who place requests, and staff who do what the hub's list shows. They use the hub's public API and
//! the simulated Almas.

use alma_sim::Sim;
use reqwest::Method;
use scenarios::{Hub, RequestView};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Seen;
use crate::simulate::sim_setup::{BORROWER, DESK, LENDERS, barcode, patron};

/// The number of placements that are sent at the same time.
const TOGETHER: usize = 16;
const PAGE: usize = 200;

/// A request as the hub's list shows it.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) outcome: String,
    /// The code of what the request waits for.
    pub(crate) waits: String,
    lender: Option<(String, String)>,
    here: Option<String>,
    may_cancel: bool,
}

/// The course that a request takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Supplied,
    PatronCancels,
    LenderCancels,
}

impl Open {
    fn new(view: RequestView) -> Self {
        let attention = view.attention;
        Self {
            status: view.status,
            outcome: view.outcome.unwrap_or_else(|| "none".to_owned()),
            waits: [attention.on, attention.code, attention.reason]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
            lender: view.lender.map(|lender| (lender.institution, lender.barcode)),
            here: view.borrower.barcode,
            may_cancel: view.actions.iter().any(|action| action == "cancel"),
            id: view.id,
        }
    }

    /// Returns the course of the request, derived from the barcode, since the answer to the placement may have been
    /// lost.
    fn number(&self) -> usize {
        let barcode = self.lender.as_ref().map(|(_, barcode)| barcode.as_str()).unwrap_or_default();
        barcode.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
    }

    fn way(&self) -> Way {
        match self.number() % 10 {
            3 => Way::PatronCancels,
            7 => Way::LenderCancels,
            _ => Way::Supplied,
        }
    }
}

pub(crate) struct Desk {
    sim: Sim,
    hub: Hub,
    titles: usize,
    next: usize,
}

impl Desk {
    pub(crate) fn new(sim: Sim, hub: Hub, titles: usize) -> Self {
        Self { sim, hub, titles, next: 0 }
    }

    /// Returns whether every title has been requested.
    pub(crate) fn is_through(&self) -> bool {
        self.next >= self.titles
    }

    /// Returns the requests that haven't ended; `None` while the hub doesn't answer.
    pub(crate) async fn open(&self) -> Option<Vec<Open>> {
        self.list("&open=true").await.ok()
    }

    /// Returns all requests.
    pub(crate) async fn all(&self) -> Result<Vec<Open>, String> {
        self.list("").await
    }

    async fn list(&self, filter: &str) -> Result<Vec<Open>, String> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/requests?limit={PAGE}{filter}{cursor}");
            let page = self.hub.call(Method::GET, &path, None).await.map_err(|failure| failure.to_string())?;
            let rows: Vec<RequestView> =
                serde_json::from_value(page["requests"].clone()).map_err(|error| format!("the list: {error}"))?;
            found.extend(rows.into_iter().map(Open::new));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
    }

    /// Places this many requests, as long as the hub answers.
    pub(crate) async fn place(&mut self, wanted: usize, seen: &mut Seen) {
        let mut sent = JoinSet::new();
        for _ in 0..wanted.min(TOGETHER) {
            if self.next >= self.titles {
                break;
            }
            let number = self.next;
            self.next += 1;
            let hub = self.hub.clone();
            let copies: Vec<Value> = LENDERS
                .iter()
                .map(|lender| json!({"institution": lender, "barcode": barcode(lender, number)}))
                .collect();
            let body = json!({
                "agency": "BORROW", "patron": patron(number), "pickup_location": "BORROW-MAIN", "copies": copies,
            });
            sent.spawn(async move { hub.try_call(Method::POST, "/api/v1/requests?wait=0", Some(&body)).await });
        }
        while let Some(Ok(answer)) = sent.join_next().await {
            match answer {
                Ok((_, answer)) if answer["id"].is_string() => {
                    let id = answer["id"].as_str().unwrap_or_default().to_owned();
                    seen.accepted.insert(id);
                }
                _ => seen.unanswered += 1,
            }
        }
    }

    /// Performs the next action of staff and patrons for each request, and asks the hub to poll it.
    pub(crate) async fn work(&self, open: &[Open]) {
        let mut sent = JoinSet::new();
        for request in open {
            let hub = self.hub.clone();
            let id = request.id.clone();
            if request.status == "REQUEST_PLACED_AT_BORROWING_AGENCY"
                && request.way() == Way::PatronCancels
                && request.may_cancel
            {
                sent.spawn(async move { hub.cancel(&id, "patron", "No longer needed").await });
            } else if self.act(request) == Some(true) {
                sent.spawn(async move { hub.poll(&id).await });
            }
            if sent.len() >= TOGETHER {
                let _ = sent.join_next().await;
            }
        }
        // A hub that was killed meanwhile polls the request after its restart, so errors don't matter.
        while sent.join_next().await.is_some() {}
    }

    /// Performs the next action. Returns whether something was done, which is not the case if Alma refuses it.
    fn act(&self, request: &Open) -> Option<bool> {
        let (institution, copy) = request.lender.as_ref()?;
        let lender = self.sim.staff(institution).ok()?;
        let borrower = self.sim.staff(BORROWER).ok()?;
        match request.status.as_str() {
            "REQUEST_PLACED_AT_BORROWING_AGENCY" if request.way() != Way::PatronCancels => {
                let item = lender.item(copy).ok()?;
                if !item.process_type.is_empty() {
                    return None;
                }
                if request.way() == Way::LenderCancels && institution == LENDERS[0] {
                    let holds = lender.requests();
                    let hold = holds.iter().find(|hold| hold.barcode.as_deref() == Some(copy.as_str()))?;
                    return Some(lender.cancel(&hold.id, "CannotBeFulfilled").is_ok());
                }
                Some(lender.scan_in(copy, "MAIN", DESK).is_ok())
            }
            "PICKUP_TRANSIT" => {
                let here = request.here.as_ref()?;
                let wanted = borrower.item(here).ok()?.process_type == "TRANSIT";
                Some(wanted && borrower.scan_in(here, "MAIN", DESK).is_ok())
            }
            "READY_FOR_PICKUP" => {
                let here = request.here.as_ref()?;
                let on_shelf = borrower.item(here).ok()?.process_type == "HOLDSHELF";
                Some(on_shelf && borrower.lend(here, &patron(request.number()), "MAIN", DESK).is_ok())
            }
            "LOANED" => {
                let here = request.here.as_ref()?;
                let out = borrower.item(here).ok()?.process_type == "LOAN";
                Some(out && borrower.scan_in(here, "MAIN", DESK).is_ok())
            }
            "RETURN_TRANSIT" => {
                let away = !lender.item(copy).ok()?.process_type.is_empty();
                Some(away && lender.scan_in(copy, "MAIN", DESK).is_ok())
            }
            _ => None,
        }
    }
}
