//! A hub between simulated Almas over real sockets: two lenders, a borrower, and a third library as pickup library.

#![allow(clippy::disallowed_methods, reason = "the helper waits for another task, with a deadline and a message")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use alma_sim::{ApiAnswer, ApiCall, Desk, Library, Server, Sim, SimClock, SimOptions, Staff, presets};
use engine::{Backoff, BreakerSettings, Clock, Engine, Ids, NewRequest, PollInterval, PollSettings, Settings};
use jiff::{SignedDuration, Timestamp};
use lending::{
    AgencyCode, Barcode, Command, CopyRef, InstitutionCode, LibraryCode, PickupLocation, Request, RequestId, Rules,
    Status,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use store::{Agency, Database, Institution, MasterKey, Store};

pub(crate) const LENDER: &str = "01LEND_INST";
pub(crate) const OTHER: &str = "01OTHER_INST";
pub(crate) const BORROWER: &str = "01BORROW_INST";
pub(crate) const PICKUP: &str = "01PICK_INST";
pub(crate) const DESK: &str = "DEFAULT_CIRC_DESK";
pub(crate) const PATRON: &str = "jo.reader";
const HOURLY: PollInterval =
    PollInterval { initial: Duration::from_secs(3_600), max: Duration::from_secs(3_600), growth: 1.0 };
/// The time at which every test begins: a Tuesday morning, so that no test depends on the hour or the weekday at which
/// it runs.
const BEGIN: &str = "2026-03-03T10:00:00Z";
/// The time that passes while the hub settles: enough for retries and for a message to wait for its companion.
const SETTLING: SignedDuration = SignedDuration::from_secs(3);
/// How long a test waits, in real time, for an event in another task.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a test lets the hub settle before it gives up.
const ROUNDS: u32 = 40;

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub(crate) struct ManualClock {
    now: Mutex<Timestamp>,
}

impl ManualClock {
    fn new() -> Self {
        Self { now: Mutex::new(BEGIN.parse().unwrap()) }
    }

    pub(crate) fn by_hours(&self, hours: i64) {
        self.advance(SignedDuration::from_hours(hours));
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        *self.now.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

/// Runs each test body with the hub's store on both databases.
macro_rules! both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident) $body:block)+) => {
        $(mod $name {
            #[allow(unused_imports, reason = "not every body uses all of them")]
            use super::*;

            #[allow(unused_mut, reason = "not every body changes it")]
            async fn body(mut $world: crate::world::World) $body

            $(#[$meta])*
            #[tokio::test]
            async fn sqlite() {
                body(crate::world::World::on_sqlite().await).await;
            }

            $(#[$meta])*
            #[tokio::test]
            async fn postgres() {
                body(crate::world::World::on_postgres().await).await;
            }
        })+
    };
}
pub(crate) use both;

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) engine: Arc<Engine>,
    /// The hub's clock.
    pub(crate) clock: Arc<ManualClock>,
    /// The request of the test.
    pub(crate) id: RequestId,
    /// The copy that the request names first.
    pub(crate) barcode: String,
    /// The address of its PostgreSQL database.
    pub(crate) postgres: Option<String>,
    server: Server,
    dir: tempfile::TempDir,
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("consort.db"));
        Self::open(&database, dir).await
    }

    pub(crate) async fn on_postgres() -> Self {
        let url = pg_cluster::test_database("engine").await.unwrap();
        let world = Self::open(&Database::Postgres(url.clone().into()), tempfile::tempdir().unwrap()).await;
        Self { postgres: Some(url), ..world }
    }

    async fn open(database: &Database, dir: tempfile::TempDir) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(ManualClock::new());
        let sim = Sim::new(&SimOptions { clock: SimClock::Stepped(clock.now()), ..SimOptions::default() });
        for code in [LENDER, OTHER, BORROWER, PICKUP] {
            let without_shelf = Library::new("NOSHELF").desk(Desk::new(DESK).without_hold_shelf());
            sim.add_institution(presets::university(code, &key(code)).library(without_shelf)).unwrap();
        }
        let server = Server::start(sim.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let master = MasterKey::generate(&mut rng);
        let store = Store::open(database, master, rng).await.unwrap();
        set_up(&store, &server.base_url()).await;
        let settings = Settings {
            // Polls are made when a test requests them.
            polls: PollSettings { uncovered: HOURLY, batch: HOURLY.initial, ..PollSettings::default() },
            backoff: Backoff { initial: Duration::from_millis(200), max: Duration::from_secs(1) },
            retention: Some(Duration::from_secs(90 * 86_400)),
            breaker: BreakerSettings { failures: 5, initial: Duration::from_millis(500), max: Duration::from_secs(1) },
            ..Settings::default()
        };
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let engine = Arc::new(Engine::new(store, settings, shared, Ids::seeded(1)));
        engine.start().await;
        let barcode = presets::barcode(LENDER, 'M', 1);
        Self { sim, engine, clock, id: RequestId(uuid::Uuid::nil()), barcode, postgres: None, server, dir }
    }

    /// Lets the hub do the work that is due now, and the work that becomes due within the next few seconds.
    pub(crate) async fn settle(&self) {
        let until = self.now() + SETTLING;
        self.engine.step().await;
        while let Some(due) = self.engine.next_due(self.now()).await.unwrap()
            && due <= until
        {
            let wait = due.duration_since(self.now());
            self.clock.advance(wait);
            self.sim.advance(wait);
            self.engine.step().await;
        }
    }

    /// Returns how often the request of the test was saved.
    pub(crate) async fn stored_version(&self) -> i64 {
        self.engine.store().request(self.id).await.unwrap().unwrap().version
    }

    /// Restarts the hub.
    pub(crate) async fn restart(&self) {
        self.engine.start().await;
        self.settle().await;
    }

    /// Waits for a state of the simulated Almas while the hub works in another task.
    pub(crate) async fn within_patience(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds() {
            assert!(tokio::time::Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            tokio::task::yield_now().await;
        }
    }

    /// Waits for a state of the hub itself.
    pub(crate) async fn eventually(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds().await {
            assert!(tokio::time::Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            tokio::task::yield_now().await;
        }
    }

    /// Lets the hub settle until `holds` for a request.
    pub(crate) async fn reaches(&self, id: RequestId, holds: impl Fn(&Request) -> bool) -> Request {
        for _ in 0..ROUNDS {
            self.settle().await;
            let request = self.engine.store().request(id).await.unwrap().unwrap().request;
            if holds(&request) {
                return request;
            }
        }
        let request = self.engine.store().request(id).await.unwrap().unwrap().request;
        panic!(
            "the request doesn't reach the state: {} {:?} {:?}",
            request.status, request.attention, request.staff_case
        );
    }

    /// Changes the hub's database without the hub.
    pub(crate) async fn change_database(&self, sql: &'static str) {
        match &self.postgres {
            Some(url) => {
                let database = pg_cluster::connect(url).await.unwrap();
                database.batch_execute(sql).await.unwrap();
            }
            None => {
                let database = rusqlite::Connection::open(self.dir.path().join("consort.db")).unwrap();
                database.busy_timeout(PATIENCE).unwrap();
                database.execute_batch(sql).unwrap();
            }
        }
    }

    /// Makes a call of Alma's API as a third party would.
    fn call(&self, code: &str, method: &str, path: String, query: String, body: &str) -> ApiAnswer {
        let call = ApiCall {
            method: method.to_owned(),
            path,
            query,
            key: Some(key(code)),
            accept: Some("application/json".to_owned()),
            base: self.server.base_url(),
            body: body.as_bytes().to_vec(),
            ..ApiCall::default()
        };
        self.sim.call(&call).unwrap()
    }

    pub(crate) fn delete_user(&self, code: &str, user: &str) {
        let answer = self.call(code, "DELETE", format!("/almaws/v1/users/{user}"), String::new(), "");
        assert_eq!(answer.status, 204, "{}", answer.body);
    }

    /// Returns whether there is such a user.
    pub(crate) fn has_user(&self, code: &str, user: &str) -> bool {
        self.call(code, "GET", format!("/almaws/v1/users/{user}"), String::new(), "").status == 200
    }

    /// Cancels all holds of a user.
    pub(crate) fn cancel_holds(&self, code: &str, user: &str) {
        let path = format!("/almaws/v1/users/{user}/requests");
        let answer = self.call(code, "GET", path.clone(), String::new(), "");
        let holds: Value = serde_json::from_str(&answer.body).unwrap();
        for hold in holds["user_request"].as_array().into_iter().flatten() {
            let path = format!("{path}/{}", hold["request_id"].as_str().unwrap());
            let answer = self.call(code, "DELETE", path, "reason=CancelledAtPatronRequest".to_owned(), "");
            assert_eq!(answer.status, 204, "{}", answer.body);
        }
    }

    /// Replaces a user by one that differs only in one field.
    pub(crate) fn replace_user(&self, code: &str, user: &str, field: &str, value: &str) {
        let answer = self.call(code, "GET", format!("/almaws/v1/users/{user}"), String::new(), "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let mut record: Value = serde_json::from_str(&answer.body).unwrap();
        record[field] = json!(value);
        self.delete_user(code, user);
        let answer = self.call(code, "POST", "/almaws/v1/users".to_owned(), String::new(), &record.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Places a hold with the request's marker, which the hub doesn't know of.
    pub(crate) fn place_marked_hold(&self, code: &str, patron: &str, item: &str, pickup_library: &str) {
        let hold = json!({
            "request_type": "HOLD", "pickup_location_type": "LIBRARY", "pickup_location_library": pickup_library,
            "comment": format!("[DCB-REQUEST:{}]", self.id),
        });
        let (path, query) = (format!("/almaws/v1/users/{patron}/requests"), format!("item_pid={item}"));
        let answer = self.call(code, "POST", path, query, &hold.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Changes a hold, as the library's staff do.
    pub(crate) fn change_hold(&self, code: &str, user: &str, hold: &str, body: &Value) {
        let path = format!("/almaws/v1/users/{user}/requests/{hold}");
        let answer = self.call(code, "PUT", path, String::new(), &body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Lets a hold's last day of interest pass and runs Alma's nightly job, which ends the hold.
    pub(crate) fn let_interest_end(&self, code: &str, hold: &str) {
        let held = self.at(code).requests().into_iter().find(|held| held.id == hold).unwrap();
        let change = json!({"request_type": "HOLD", "comment": held.comment, "last_interest_date": "2026-03-01Z"});
        self.change_hold(code, &held.user, hold, &change);
        assert_eq!(self.at(code).run_interest_expiry(), 1);
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.engine.clock().now()
    }

    pub(crate) fn at(&self, institution: &str) -> Staff {
        self.sim.staff(institution).unwrap()
    }

    /// Returns a request by a patron of the borrower: the first copy of the lender, and one of the other lender as a
    /// second choice.
    pub(crate) fn placing(&self) -> NewRequest {
        NewRequest {
            agency: "BORROW".into(),
            patron: PATRON.into(),
            pickup_location: "BORROW-MAIN".into(),
            title: None,
            copies: vec![copy(LENDER, &self.barcode), copy(OTHER, &presets::barcode(OTHER, 'M', 2))],
            needed_until: None,
            expedited: false,
        }
    }

    pub(crate) async fn place(&mut self) -> Request {
        self.place_as(self.placing()).await
    }

    pub(crate) async fn place_as(&mut self, placing: NewRequest) -> Request {
        self.id = self.engine.place(placing, "test").await.unwrap();
        self.settled().await
    }

    /// Returns the request, once the hub has finished its present work.
    pub(crate) async fn settled(&self) -> Request {
        self.settle().await;
        let request = self.request().await;
        assert!(request.in_flight.is_none(), "the hub is still busy: {request:?}");
        request
    }

    pub(crate) async fn request(&self) -> Request {
        self.engine.store().request(self.id).await.unwrap().unwrap().request
    }

    /// Polls until the request has `status` and the hub has done the work that follows.
    pub(crate) async fn until(&self, status: Status) -> Request {
        self.until_it(status.name(), |request| request.status == status).await
    }

    /// Polls until `holds` and the hub has done the work that follows.
    pub(crate) async fn until_it(&self, what: &str, holds: impl Fn(&Request) -> bool) -> Request {
        for _ in 0..ROUNDS {
            let now = self.request().await;
            if holds(&now) && now.in_flight.is_none() {
                return now;
            }
            let stuck = format!("{what} is not reached: {} {:?} {:?}", now.status, now.attention, now.staff_case);
            assert!(now.status != Status::Finalised, "{stuck}");
            self.engine.poll_now(self.id).await.unwrap();
            self.settle().await;
        }
        let now = self.request().await;
        panic!("{what} is not reached: {} {:?} {:?}", now.status, now.attention, now.staff_case);
    }

    pub(crate) async fn ask(&self, command: Command) -> Request {
        self.engine.execute_command(self.id, &command, "test").await.unwrap();
        self.settled().await
    }

    /// Returns the barcode of the virtual item.
    pub(crate) async fn virtual_barcode(&self) -> String {
        self.request().await.at_pickup().barcode.clone().unwrap().as_str().to_owned()
    }

    /// Returns the present lender's staff, and the barcode and library of its copy.
    pub(crate) async fn supplier(&self) -> (Staff, String, String) {
        let supply = self.request().await.supply.unwrap();
        let barcode = supply.copy.barcode.as_str().to_owned();
        (self.at(supply.institution.as_str()), barcode, supply.copy.library.as_str().to_owned())
    }

    pub(crate) async fn dispatch(&self) -> Request {
        let (staff, barcode, library) = self.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        self.until(Status::PickupTransit).await
    }

    pub(crate) async fn receive(&self) -> Request {
        self.at(BORROWER).scan_in(&self.virtual_barcode().await, "MAIN", DESK).unwrap();
        self.until(Status::ReadyForPickup).await
    }

    pub(crate) async fn lend(&self) -> Request {
        self.at(BORROWER).lend(&self.virtual_barcode().await, PATRON, "MAIN", DESK).unwrap();
        self.until(Status::Loaned).await
    }

    pub(crate) async fn end_batch_poll(&self) -> Request {
        self.at(BORROWER).scan_in(&self.virtual_barcode().await, "MAIN", DESK).unwrap();
        self.until(Status::ReturnTransit).await
    }

    pub(crate) async fn bring_home(&self) -> Request {
        let (staff, barcode, library) = self.supplier().await;
        staff.scan_in(&barcode, &library, DESK).unwrap();
        self.until_ended().await
    }

    /// Takes the item from the lender's shelf to the patron and home.
    pub(crate) async fn supply(&self) -> Request {
        self.dispatch().await;
        self.receive().await;
        self.lend().await;
        self.end_batch_poll().await;
        self.bring_home().await
    }

    /// Polls until the request has passed `status`. Gives up after a number of rounds.
    pub(crate) async fn poll_until_passed(&self, status: Status) {
        for _ in 0..ROUNDS {
            if self.path().await.contains(&status) {
                return;
            }
            self.engine.poll_now(self.id).await.unwrap();
            self.settle().await;
        }
    }

    pub(crate) async fn until_ended(&self) -> Request {
        for _ in 0..ROUNDS {
            let now = self.request().await;
            if now.status.is_final() {
                return now;
            }
            self.engine.poll_now(self.id).await.unwrap();
            self.settle().await;
        }
        let now = self.request().await;
        panic!("the request doesn't end: {} {:?}", now.status, now.attention);
    }

    /// Brings a placed request to a status, as libraries do.
    pub(crate) async fn bring_to(&mut self, status: Status) {
        self.place().await;
        for (reached, step) in
            [(Status::PickupTransit, 0), (Status::ReadyForPickup, 1), (Status::Loaned, 2), (Status::ReturnTransit, 3)]
        {
            if self.request().await.status == status || !status.is_dispatched() {
                break;
            }
            let now = match step {
                0 => self.dispatch().await,
                1 => self.receive().await,
                2 => self.lend().await,
                _ => self.end_batch_poll().await,
            };
            assert_eq!(now.status, reached);
        }
        assert_eq!(self.request().await.status, status);
    }

    /// Checks that the hub left nothing anywhere: no virtual record, no hold with its marker, no loan of a virtual
    /// patron.
    pub(crate) fn assert_clean(&self) {
        for code in [LENDER, OTHER, BORROWER, PICKUP] {
            let staff = self.at(code);
            let holds: Vec<_> = staff.requests().into_iter().filter(|hold| is_ours(hold.comment.as_deref())).collect();
            assert!(holds.is_empty(), "{code}: holds are left: {holds:?}");
            let loans: Vec<_> = staff.loans().into_iter().filter(|loan| loan.user.starts_with("dcb-")).collect();
            assert!(loans.is_empty(), "{code}: loans are left: {loans:?}");
            let made = staff.counts();
            assert_eq!(made["bibs"], self.seeded_bibs(code), "{code}: virtual records are left");
        }
    }

    fn seeded_bibs(&self, code: &str) -> Value {
        let fresh = Sim::new(&SimOptions::default());
        fresh.add_institution(presets::university(code, &key(code))).unwrap();
        fresh.staff(code).unwrap().counts()["bibs"].clone()
    }

    /// Returns how often an endpoint of an institution was called.
    pub(crate) fn calls(&self, institution: &str, endpoint: &str) -> u64 {
        self.sim.calls(institution).unwrap().get(endpoint).copied().unwrap_or_default()
    }

    /// Returns the statuses of the timeline, in order.
    pub(crate) async fn path(&self) -> Vec<Status> {
        let rows = self.engine.store().timeline(self.id).await.unwrap();
        rows.into_iter().filter_map(|row| row.entry.to).collect()
    }
}

fn is_ours(comment: Option<&str>) -> bool {
    comment.is_some_and(|comment| comment.contains("[DCB-REQUEST:"))
}

pub(crate) fn key(code: &str) -> String {
    format!("key-of-{code}")
}

pub(crate) fn copy(institution: &str, barcode: &str) -> CopyRef {
    CopyRef {
        institution: institution.into(),
        bib: None,
        holding: None,
        item: None,
        barcode: Some(Barcode::from(barcode)),
        volume: None,
        queued: false,
        chosen_by_staff: false,
        tried_items: Vec::new(),
    }
}

fn settings(base_url: &str) -> Value {
    json!({
        "base_url": base_url, "sharing_library": "SHARING", "virtual_library": "DCB_LIB",
        "virtual_location": "dcbvirtual", "virtual_item_policy": "DCB", "virtual_item_policy_no_renewal": "DCB_NR", "calls_per_second": 1000,
        "retry_wait_ms": 5, "batch_poll_percent": 0,
        "circulation_desks": {"MAIN": DESK, "BRANCH": DESK, "DCB_LIB": DESK, "SHARING": DESK},
        "patron_types": {"UNDRGRD": "undergraduate", "STAFF": "staff"},
        "user_groups": {"undergraduate": "DCB", "staff": "DCB"},
        "item_types": {"BOOK": "book"}, "material_types": {"book": "BOOK"},
    })
}

fn institution(code: &str, name: &str, settings: Value) -> Institution {
    Institution {
        code: code.into(),
        name: name.to_owned(),
        kind: "alma".to_owned(),
        settings,
        credentials: key(code).into(),
    }
}

async fn set_up(store: &Store, base_url: &str) {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut unit = store.unit();
    for (code, agency) in [(LENDER, "LEND"), (OTHER, "OTHER"), (BORROWER, "BORROW"), (PICKUP, "PICK")] {
        unit.put_institution(&institution(code, agency, settings(base_url)), now).unwrap();
        unit.put_agency(&agency_of(code, agency, Rules::default())).unwrap();
    }
    for (institution, agency, library) in [
        (BORROWER, "BORROW", "MAIN"),
        (BORROWER, "BORROW", "BRANCH"),
        (PICKUP, "PICK", "MAIN"),
        (LENDER, "LEND", "MAIN"),
    ] {
        let place = PickupLocation {
            code: format!("{agency}-{library}").as_str().into(),
            name: format!("{agency} {library}"),
            institution: InstitutionCode::from(institution),
            library: LibraryCode::from(library),
            desk: None,
            route_code: None,
        };
        unit.put_pickup_location(&place, &AgencyCode::from(agency));
    }
    store.commit(unit).await.unwrap();
}

pub(crate) fn agency_of(institution: &str, code: &str, rules: Rules) -> Agency {
    Agency { code: code.into(), name: code.to_owned(), institution: institution.into(), library: None, rules }
}

impl World {
    /// Returns the adapter of an institution.
    pub(crate) fn lms(&self, code: &str) -> Arc<dyn lms::HostLms> {
        let settings = settings(&self.server.base_url());
        let credentials = key(code).into();
        let connection = lms::Connection { institution: code.into(), kind: "alma".to_owned(), settings, credentials };
        lms::connect(&connection).unwrap()
    }

    /// Changes one of an institution's settings, as staff do.
    pub(crate) async fn change_settings(&self, code: &str, key: &str, value: Value) {
        let mut settings = settings(&self.server.base_url());
        settings[key] = value;
        let mut unit = self.engine.store().unit();
        unit.put_institution(&institution(code, code, settings), self.now()).unwrap();
        self.engine.store().commit(unit).await.unwrap();
        self.engine.institution_changed(&code.into()).await.unwrap();
    }

    /// Changes one more setting and keeps the others.
    pub(crate) async fn change_more(&self, code: &str, key: &str, value: Value) {
        let mut stored = self.engine.store().institution(&code.into()).await.unwrap().unwrap();
        stored.settings[key] = value;
        let mut unit = self.engine.store().unit();
        unit.put_institution(&stored, self.now()).unwrap();
        self.engine.store().commit(unit).await.unwrap();
        self.engine.institution_changed(&code.into()).await.unwrap();
    }

    /// Adds a pickup location `{agency}-{library}` of the borrower or another institution.
    pub(crate) async fn add_pickup_location(&self, institution: &str, agency: &str, library: &str) {
        let place = PickupLocation {
            code: format!("{agency}-{library}").as_str().into(),
            name: format!("{agency} {library}"),
            institution: InstitutionCode::from(institution),
            library: LibraryCode::from(library),
            desk: None,
            route_code: None,
        };
        let mut unit = self.engine.store().unit();
        unit.put_pickup_location(&place, &AgencyCode::from(agency));
        self.engine.store().commit(unit).await.unwrap();
    }

    pub(crate) async fn set_rules(&self, institution: &str, code: &str, rules: Rules) {
        let mut unit = self.engine.store().unit();
        unit.put_agency(&agency_of(institution, code, rules)).unwrap();
        self.engine.store().commit(unit).await.unwrap();
        self.engine.agency_changed().await.unwrap();
    }
}
