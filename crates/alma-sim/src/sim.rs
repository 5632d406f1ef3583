//! The simulator as a whole: institutions, keys, the clock and the count of calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::api::{self, ApiAnswer, ApiCall};
use crate::clock::Clock;
use crate::institution::{ApiKey, Institution};
use crate::options::{Behaviour, SimOptions};
use crate::refusal::Refusal;
use crate::render;
use crate::state::Alma;
use crate::state::loans::NewLoan;
use crate::state::model::Id;
use crate::state::scan::{Scan, ScanResult};
use crate::state::staff::Mark;

/// A simulator. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Sim(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    behaviour: Behaviour,
    houses: Mutex<Houses>,
}

#[derive(Debug, Default)]
struct Houses {
    almas: HashMap<String, House>,
    keys: HashMap<String, (String, ApiKey)>,
}

#[derive(Debug)]
struct House {
    alma: Alma,
    calls: BTreeMap<String, u64>,
}

impl Sim {
    /// A simulator without institutions.
    pub fn new(options: &SimOptions) -> Sim {
        let behaviour = Behaviour::from_options(options);
        Sim(Arc::new(Inner { clock: Clock::new(options.clock), behaviour, houses: Mutex::default() }))
    }

    /// Adds an institution with what it starts with.
    ///
    /// # Errors
    /// When its users or titles contradict each other, as by the same barcode twice.
    pub fn add_institution(&self, spec: Institution) -> Result<(), Refusal> {
        let mut houses = self.houses();
        let (code, keys) = (spec.code.clone(), spec.keys.clone());
        let suffix = u16::try_from(houses.almas.len() % 8_000 + 1_001).unwrap_or(1_001);
        let alma = Alma::new(spec, suffix, &self.0.behaviour, self.0.clock.now())?;
        for key in keys {
            houses.keys.insert(key.key.clone(), (code.clone(), key));
        }
        houses.almas.insert(code, House { alma, calls: BTreeMap::new() });
        Ok(())
    }

    /// Moves the clock on.
    pub fn advance(&self, by: SignedDuration) {
        self.0.clock.advance(by);
    }

    fn houses(&self) -> MutexGuard<'_, Houses> {
        self.0.houses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a call of the REST API; counted by the institution of its key.
    pub fn call(&self, call: &ApiCall) -> ApiAnswer {
        let now = self.0.clock.now();
        let mut houses = self.houses();
        let Some((code, key)) = call.api_key().and_then(|key| houses.keys.get(&key).cloned()) else {
            // The gateway speaks XML whatever it was asked for.
            return api::envelope(&Refusal::unauthorized(), false, None);
        };
        let segments = api::segments(call.path.strip_prefix("/almaws/v1").unwrap_or(&call.path));
        let Some((route, params)) = api::find(&call.method, &segments) else {
            let refusal = Refusal { status: 404, ..Refusal::general() };
            return api::refuse(&refusal, call, None);
        };
        let Some(house) = houses.almas.get_mut(&code) else {
            return api::envelope(&Refusal::unauthorized(), false, None);
        };
        *house.calls.entry(format!("{} {}", route.method, route.template)).or_default() += 1;
        if !api::allowed(&key, route, call) {
            return api::envelope(&Refusal::unauthorized(), false, None);
        }
        let mut answer = api::run(&mut house.alma, route, params, call, now);
        answer.headers.push(("x-exl-api-remaining", "900000".to_owned()));
        answer
    }

    /// How often each endpoint was called.
    pub fn calls(&self, institution: &str) -> BTreeMap<String, u64> {
        self.houses().almas.get(institution).map(|house| house.calls.clone()).unwrap_or_default()
    }

    /// Items, requests and loans of an institution, with titles; `None` when there is no such institution.
    pub fn state(&self, institution: &str) -> Option<Value> {
        let houses = self.houses();
        let alma = &houses.almas.get(institution)?.alma;
        let mut items: Vec<_> = alma.items.values().collect();
        items.sort_by_key(|item| item.pid);
        let mut bibs: Vec<_> = alma.bibs.values().collect();
        bibs.sort_by_key(|bib| bib.mms);
        let mut loans: Vec<_> = alma.loans.values().collect();
        loans.sort_by_key(|loan| loan.id);
        Some(json!({
            "items": items.iter().map(|item| render::item(alma, item, "")).collect::<Vec<_>>(),
            "bibs": bibs.iter().map(|bib| json!({
                "mms_id": bib.mms.to_string(), "title": bib.title, "author": bib.author, "suppressed": bib.suppressed,
                "network_numbers": bib.network_numbers,
            })).collect::<Vec<_>>(),
            "requests": alma.active().map(|request| render::request(alma, request)).collect::<Vec<_>>(),
            "loans": loans.iter().map(|loan| render::loan(alma, loan, false)).collect::<Vec<_>>(),
        }))
    }

    fn staff<T>(&self, institution: &str, act: impl FnOnce(&mut Alma) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let now = self.0.clock.now();
        let mut houses = self.houses();
        let house = houses.almas.get_mut(institution).ok_or_else(|| Refusal {
            status: 404,
            ..Refusal::new("NO_INSTITUTION", format!("There is no institution {institution}."))
        })?;
        house.alma.now = now;
        act(&mut house.alma)
    }

    /// Staff scan an item in at a desk; this is also how it is returned.
    ///
    /// # Errors
    /// No such item, library or desk.
    pub fn scan_in(&self, institution: &str, barcode: &str, library: &str, desk: &str) -> Result<ScanResult, Refusal> {
        self.staff(institution, |alma| {
            let pid = item(alma, barcode)?;
            let scan = Scan { library: library.to_owned(), desk: Some(desk.to_owned()), ..Scan::default() };
            alma.scan_in(pid, &scan)
        })
    }

    /// Staff lend an item to a user at a desk.
    ///
    /// # Errors
    /// What the desk would refuse: another's hold, a blocked or expired user, an item that isn't lent.
    pub fn lend(&self, institution: &str, barcode: &str, user: &str, library: &str, desk: &str) -> Result<(), Refusal> {
        self.staff(institution, |alma| {
            let item = item(alma, barcode)?;
            let user = alma.find_user(user).ok_or_else(|| Refusal::no_user(user))?;
            let new = NewLoan { user, item, library: library.to_owned(), desk: desk.to_owned(), override_hold: false };
            alma.lend(&new).map(|_| ())
        })
    }

    /// Staff cancel a request.
    ///
    /// # Errors
    /// No such request, or a reason that isn't in the code table.
    pub fn cancel_request(&self, institution: &str, request: &str, reason: &str) -> Result<(), Refusal> {
        let id: Id = request.trim().parse().map_err(|_| Refusal::no_request())?;
        self.staff(institution, |alma| alma.cancel_request(id, reason))
    }

    /// Staff mark an item.
    ///
    /// # Errors
    /// When the item's state doesn't allow it.
    pub fn mark(&self, institution: &str, barcode: &str, mark: Mark) -> Result<(), Refusal> {
        self.staff(institution, |alma| {
            let pid = item(alma, barcode)?;
            alma.mark(pid, mark)
        })
    }

    /// Staff block a user, or lift the block.
    ///
    /// # Errors
    /// No such user.
    pub fn block(&self, institution: &str, user: &str, code: &str, blocked: bool) -> Result<(), Refusal> {
        self.staff(institution, |alma| {
            let key = alma.find_user(user).ok_or_else(|| Refusal::no_user(user))?;
            if blocked {
                alma.add_block(key, code, "")
            } else {
                alma.remove_blocks(key, Some(code))
            }
            Ok(())
        })
    }
}

fn item(alma: &Alma, barcode: &str) -> Result<Id, Refusal> {
    alma.find_barcode(barcode).ok_or_else(|| Refusal::no_barcode(barcode))
}
