//! The simulator as a whole: its institutions, its gateway, its clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::api::{self, ApiAnswer, ApiCall, Route};
use crate::call_log::{CallLog, LoggedCall};
use crate::clock::Clock;
use crate::gateway::{self, Fault, FaultKind, Gateway};
use crate::institution::{ApiKey, Institution};
use crate::options::{BadKey, Behaviour, SimOptions};
use crate::refusal::Refusal;
use crate::staff::Staff;
use crate::state::Alma;
use crate::webhooks::Hooks;

/// A simulator; clones share their state.
#[derive(Debug, Clone)]
pub struct Sim(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: SimOptions,
    clock: Clock,
    world: RwLock<World>,
    /// Woken when an event happened that a webhook may report, or when time moved.
    woken: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct World {
    sites: BTreeMap<String, Arc<Site>>,
    keys: HashMap<String, (Arc<Site>, Arc<ApiKey>)>,
    /// Revoked keys, and the institution to which each belonged.
    revoked: HashMap<String, Arc<Site>>,
}

/// An institution, with its gateway, log and webhooks.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) code: String,
    alma: Mutex<Alma>,
    gateway: Mutex<Gateway>,
    hooks: Mutex<Hooks>,
    log: Mutex<CallLog>,
}

impl Site {
    pub(crate) fn gateway(&self) -> MutexGuard<'_, Gateway> {
        self.gateway.lock()
    }

    pub(crate) fn hooks(&self) -> MutexGuard<'_, Hooks> {
        self.hooks.lock()
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, CallLog> {
        self.log.lock()
    }

    fn alma(&self) -> MutexGuard<'_, Alma> {
        self.alma.lock()
    }
}

/// A call that got no answer: its connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed without an answer")]
pub struct NoAnswer;

/// The result of a call, as it goes out over a connection.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) wait_after: Duration,
    /// None: close the connection, by reset if `reset`.
    pub(crate) answer: Option<ApiAnswer>,
    pub(crate) reset: bool,
}

/// A call that passed the gateway, with the fault that it will meet.
#[derive(Debug)]
pub(crate) struct Planned {
    site: Arc<Site>,
    route: &'static Route,
    params: Vec<String>,
    fault: Option<FaultKind>,
    pub(crate) wait_before: Duration,
}

impl Sim {
    /// A simulator without institutions.
    pub fn new(options: &SimOptions) -> Sim {
        let clock = Clock::new(options.clock);
        let woken = tokio::sync::Notify::new();
        Sim(Arc::new(Inner { options: options.clone(), clock, world: RwLock::default(), woken }))
    }

    fn world(&self) -> RwLockReadGuard<'_, World> {
        self.0.world.read()
    }

    fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.0.world.write()
    }

    /// Adds an institution.
    ///
    /// # Errors
    /// When its code or one of its keys is taken, or one of its users, holdings or items is refused.
    pub fn add_institution(&self, spec: Institution) -> Result<(), Refusal> {
        let keys = spec.keys.clone();
        let defaults = Behaviour::from_options(&self.0.options);
        let suffix = u16::try_from(7001 + self.world().sites.len()).unwrap_or(9999);
        let alma = Alma::new(spec, suffix, &defaults, self.now())?;
        self.insert(alma, keys)
    }

    pub(crate) fn insert(&self, alma: Alma, keys: Vec<ApiKey>) -> Result<(), Refusal> {
        let mut world = self.world_mut();
        let taken = |what: &str| Err(Refusal::new("SIM", format!("{what} is taken")));
        if world.sites.contains_key(&alma.code) {
            return taken(&alma.code);
        }
        if keys.iter().any(|key| world.keys.contains_key(&key.key)) {
            return taken(&format!("a key of {}", alma.code));
        }
        let options = &self.0.options;
        let site = Arc::new(Site {
            code: alma.code.clone(),
            gateway: Mutex::new(Gateway::new(options.calls_per_second, options.calls_per_day)),
            hooks: Mutex::new(Hooks::new(alma.events.count)),
            log: Mutex::default(),
            alma: Mutex::new(alma),
        });
        world.sites.insert(site.code.clone(), Arc::clone(&site));
        for key in keys {
            world.keys.insert(key.key.clone(), (Arc::clone(&site), Arc::new(key)));
        }
        Ok(())
    }

    /// Adds a key to an institution, or replaces it.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn add_key(&self, institution: &str, key: ApiKey) -> Result<(), Refusal> {
        let site = self.site(institution)?;
        self.world_mut().keys.insert(key.key.clone(), (site, Arc::new(key)));
        Ok(())
    }

    /// Removes a key. Its calls are refused from now on.
    pub fn revoke_key(&self, key: &str) {
        let mut world = self.world_mut();
        if let Some((site, _)) = world.keys.remove(key) {
            world.revoked.insert(key.to_owned(), site);
        }
    }

    /// Removes an institution and its keys.
    pub fn remove_institution(&self, code: &str) {
        let mut world = self.world_mut();
        world.sites.remove(code);
        world.keys.retain(|_, (site, _)| site.code != code);
        world.revoked.retain(|_, site| site.code != code);
    }

    pub(crate) fn keys_of(&self, code: &str) -> Vec<ApiKey> {
        self.world().keys.values().filter(|(site, _)| site.code == code).map(|(_, key)| ApiKey::clone(key)).collect()
    }

    /// The institution that a key belongs to.
    pub(crate) fn owner_of(&self, key: &str) -> Option<String> {
        self.world().keys.get(key).map(|(site, _)| site.code.clone())
    }

    /// Codes of the institutions.
    pub fn institutions(&self) -> Vec<String> {
        self.world().sites.keys().cloned().collect()
    }

    pub(crate) fn site(&self, code: &str) -> Result<Arc<Site>, Refusal> {
        let unknown = || Refusal { status: 404, ..Refusal::new("SIM", format!("There is no institution {code}.")) };
        self.world().sites.get(code).cloned().ok_or_else(unknown)
    }

    pub(crate) fn sites(&self) -> Vec<Arc<Site>> {
        self.world().sites.values().cloned().collect()
    }

    /// Simulated time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Moves simulated time ahead; due webhooks go out.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        let now = self.0.clock.advance(by);
        self.wake();
        now
    }

    /// Returns how long it takes until `then` in real time; `None` if the clock stands still until it is moved.
    pub(crate) fn real_time_until(&self, then: Timestamp) -> Option<Duration> {
        self.0.clock.real_time_until(then)
    }

    pub(crate) fn wake(&self) {
        self.0.woken.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.0.woken.notified().await;
    }

    /// Returns the actions of an institution's staff at their desks, and reads for tests.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn staff(&self, institution: &str) -> Result<Staff, Refusal> {
        Ok(Staff::new(self.clone(), self.site(institution)?))
    }

    /// Works on an institution's state at the present time.
    pub(crate) fn with<T>(&self, site: &Site, act: impl FnOnce(&mut Alma) -> T) -> T {
        let mut alma = site.alma();
        alma.now = self.now();
        let before = alma.events.count;
        let result = act(&mut alma);
        let has_new = alma.events.count != before;
        drop(alma);
        if has_new {
            self.wake();
        }
        result
    }

    /// Sets an institution's limits of calls, per second and per day, and the calls that other applications make
    /// in each second within the same limits.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn set_limits(
        &self,
        institution: &str,
        per_second: Option<u32>,
        per_day: Option<u64>,
        others: u32,
    ) -> Result<(), Refusal> {
        let site = self.site(institution)?;
        let mut gateway = site.gateway();
        (gateway.per_second, gateway.per_day, gateway.others_per_second) = (per_second, per_day, others);
        Ok(())
    }

    /// Arms a fault of an institution.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn arm(&self, institution: &str, fault: Fault) -> Result<(), Refusal> {
        self.site(institution)?.gateway().arm(fault);
        Ok(())
    }

    /// Removes all faults of an institution.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn disarm(&self, institution: &str) -> Result<(), Refusal> {
        self.site(institution)?.gateway().disarm();
        Ok(())
    }

    /// Seeds the random source of an institution's faults.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn seed_faults(&self, institution: &str, seed: u64) -> Result<(), Refusal> {
        self.site(institution)?.gateway().seed(seed);
        Ok(())
    }

    /// Calls counted so far, by `METHOD /path/{x}` below `/almaws/v1`.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn calls(&self, institution: &str) -> Result<BTreeMap<String, u64>, Refusal> {
        Ok(self.site(institution)?.gateway().calls.clone())
    }

    /// Returns how many calls were refused because of a limit. No other counter includes them.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn refused(&self, institution: &str) -> Result<u64, Refusal> {
        Ok(self.site(institution)?.gateway().refused)
    }

    /// Returns the last calls and their answers, newest first.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn call_log(&self, institution: &str) -> Result<Vec<LoggedCall>, Refusal> {
        Ok(self.site(institution)?.log().newest_first().collect())
    }

    /// Sets the counters to zero.
    ///
    /// # Errors
    /// For an unknown institution.
    pub fn reset_calls(&self, institution: &str) -> Result<(), Refusal> {
        self.site(institution)?.gateway().reset_counters();
        Ok(())
    }

    /// Makes a REST call in process. Delays that a fault orders are skipped.
    ///
    /// # Errors
    /// [`NoAnswer`] when a fault closes the connection.
    pub fn call(&self, call: &ApiCall) -> Result<ApiAnswer, NoAnswer> {
        match self.plan(call) {
            Ok(planned) => self.execute(&planned, call).answer.ok_or(NoAnswer),
            Err(answer) => Ok(*answer),
        }
    }

    /// Passes a call through the gateway: key, limits, area. Decides which fault the call will meet.
    pub(crate) fn plan(&self, call: &ApiCall) -> Result<Planned, Box<ApiAnswer>> {
        let found = call.api_key().and_then(|key| self.world().keys.get(&*key).cloned());
        let (site, key) = found.ok_or_else(|| Box::new(self.refuse_key(call)))?;
        let planned = self.admit(&site, &key, call);
        if let Err(answer) = &planned {
            site.log().record(call, self.now(), Some(answer));
        }
        planned
    }

    /// Answers a call whose key isn't valid. A key that was never valid belongs to no institution, so the gateway answers
    /// it in the usual way.
    fn refuse_key(&self, call: &ApiCall) -> ApiAnswer {
        let revoked = call.api_key().and_then(|key| self.world().revoked.get(&*key).cloned());
        let answer = revoked.map(|site| {
            let alma = site.alma();
            (alma.behaviour.bad_key, alma.behaviour.gateway_errors_as_xml)
        });
        let (answer, as_xml) = answer.unwrap_or((BadKey::default(), true));
        // The gateway answers a bad key in XML, whatever format the caller wants.
        api::envelope(&Refusal::bad_key(answer), !as_xml && call.wants_json(), None)
    }

    fn admit(&self, site: &Arc<Site>, key: &ApiKey, call: &ApiCall) -> Result<Planned, Box<ApiAnswer>> {
        let admitted = site.gateway().admit(self.now());
        if let Err(refusal) = admitted {
            return Err(self.stamp(site, api::refuse(&refusal, call, None)));
        }
        let segments = api::segments(call.path.trim_start_matches("/almaws/v1"));
        let Some((split, params)) = api::find(&call.method, segments) else {
            let unknown = Refusal { status: 404, ..Refusal::new("INVALID_REQUEST", "No such API path.") };
            return Err(self.stamp(site, api::refuse(&unknown, call, None)));
        };
        let route = split.route;
        let fault = site.gateway().take(&split.name);
        let alma = site.alma();
        let behaviour = &alma.behaviour;
        let (no_encoded_slash, errors_as_xml) = (behaviour.refuse_encoded_slash, behaviour.gateway_errors_as_xml);
        let (bad_key, scan_delay) = (behaviour.bad_key, behaviour.scan_delay_ms);
        drop(alma);
        if no_encoded_slash && call.path.to_ascii_lowercase().contains("%2f") {
            return Err(Box::new(plain_failure(400)));
        }
        let is_revoked = fault == Some(FaultKind::KeyRevoked);
        if is_revoked || !api::allowed(key, route, call) {
            let refusal = if is_revoked { Refusal::bad_key(bad_key) } else { Refusal::unauthorized() };
            let as_json = !errors_as_xml && call.wants_json();
            return Err(self.stamp(site, api::envelope(&refusal, as_json, None)));
        }
        let is_scan = route.method == "POST" && route.template.ends_with("/items/{item_pid}");
        let wait_before = match &fault {
            Some(FaultKind::Delay { ms, before: true }) => Duration::from_millis(*ms),
            _ if is_scan => Duration::from_millis(scan_delay),
            _ => Duration::ZERO,
        };
        Ok(Planned { site: Arc::clone(site), route, params, fault, wait_before })
    }

    /// Adds the headers that every answer through the gateway carries.
    fn stamp(&self, site: &Site, mut answer: ApiAnswer) -> Box<ApiAnswer> {
        let (remaining, quota) = site.gateway().remaining();
        answer.headers.push(("x-exl-api-remaining", remaining.to_string()));
        answer.headers.push(("x-exl-api-quota", quota.to_string()));
        Box::new(answer)
    }

    /// Executes the call, and the fault that it meets.
    pub(crate) fn execute(&self, planned: &Planned, call: &ApiCall) -> Outcome {
        let outcome = self.perform(planned, call);
        planned.site.log().record(call, self.now(), outcome.answer.as_ref());
        outcome
    }

    fn perform(&self, planned: &Planned, call: &ApiCall) -> Outcome {
        let site = &planned.site;
        let fault = planned.fault.as_ref();
        if matches!(fault, Some(FaultKind::DropBefore | FaultKind::Reset)) {
            return Outcome { reset: fault == Some(&FaultKind::Reset), ..Outcome::default() };
        }
        let mut answer = match fault.and_then(|fault| instead(fault, call)) {
            Some(answer) => answer,
            None => {
                let now = self.now();
                self.with(site, |alma| api::run(alma, planned.route, planned.params.clone(), call, now))
            }
        };
        let mut outcome = Outcome::default();
        match fault {
            Some(FaultKind::DropAfter) => return outcome,
            Some(FaultKind::StatusAfter { status, body }) => answer = failure(*status, body.as_deref()),
            Some(FaultKind::Delay { ms, before: false }) => outcome.wait_after = Duration::from_millis(*ms),
            Some(FaultKind::Truncated) => {
                let mut end = answer.body.len() / 2;
                while !answer.body.is_char_boundary(end) {
                    end -= 1;
                }
                answer.body.truncate(end);
            }
            Some(FaultKind::WrongJson) => answer.body = "{\"unexpected\":[1,2,3]}".to_owned(),
            Some(FaultKind::EditAnswer { at, value }) => {
                if let Some(body) = gateway::edited(&answer.body, at, value) {
                    answer.body = body;
                }
            }
            _ => {}
        }
        outcome.answer = Some(*self.stamp(site, answer));
        outcome
    }
}

/// Returns the answer of a fault that replaces the work.
fn instead(fault: &FaultKind, call: &ApiCall) -> Option<ApiAnswer> {
    let refused = |refusal: &Refusal| api::refuse(refusal, call, Some("E01-FAULT"));
    let page = "<html><body>Please wait</body></html>";
    Some(match fault {
        FaultKind::PerSecond => api::refuse(&gateway::per_second(), call, None),
        FaultKind::PerDay => api::refuse(&gateway::daily(), call, None),
        FaultKind::Status { status, body } => failure(*status, body.as_deref()),
        FaultKind::Refuse { code, message } => refused(&Refusal::new(code, message.clone())),
        FaultKind::NotSettled => refused(&Refusal::not_requestable()),
        FaultKind::Html => ApiAnswer::new(200, "text/html;charset=UTF-8", page),
        FaultKind::WrongHost => wrong_host(),
        _ => return None,
    })
}

/// A status without Alma's envelope: gateways answer with a page, with a line of text or with nothing (alma-api.md
/// 1.4).
fn failure(status: u16, body: Option<&str>) -> ApiAnswer {
    match body {
        None => plain_failure(status),
        Some("") => ApiAnswer { status, headers: Vec::new(), body: String::new() },
        Some(text) => ApiAnswer::new(status, "text/plain;charset=UTF-8", text),
    }
}

fn plain_failure(status: u16) -> ApiAnswer {
    ApiAnswer::new(status, "text/html;charset=UTF-8", format!("<html><body>HTTP Status {status}</body></html>"))
}

/// Returns the answer of the institution's own domain to a REST call, whatever the key.
pub(crate) fn wrong_host() -> ApiAnswer {
    let page = "<!doctype html><html lang=\"en\"><head><title>HTTP Status 401 \u{2013} Unauthorized</title></head>\
                <body><h1>HTTP Status 401 \u{2013} Unauthorized</h1></body></html>";
    ApiAnswer::new(401, "text/html;charset=utf-8", page)
}
