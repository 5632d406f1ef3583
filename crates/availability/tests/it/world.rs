//! A node with two simulated Almas, whose availability a test asks for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use alma_sim::{ApiCall, Server, Sim, SimClock, SimOptions, Staff, presets};
use availability::{Asking, Availability, Record, Report, Settings};
use jiff::{SignedDuration, Timestamp};
use lms::CopiesDetail;
use prometheus_client::registry::Registry;
use rand::SeedableRng;
use rand::rngs::StdRng;
use runtime::{Clock, Ids, Runtime};
use serde_json::{Value, json};
use store::{Database, Institution, MasterKey, Store};
use systems::{BreakerSettings, Systems};

pub(crate) const NORTH: &str = "01NORTH_INST";
pub(crate) const SOUTH: &str = "01SOUTH_INST";
pub(crate) const DESK: &str = "DEFAULT_CIRC_DESK";
pub(crate) const ITEMS: &str = "GET /bibs/{mms_id}/holdings/{holding_id}/items";
/// Longer than any answer takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) systems: Arc<Systems>,
    pub(crate) availability: Arc<Availability>,
    pub(crate) clock: Arc<ManualClock>,
    store: Store,
    server: Server,
    _dir: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let begin: Timestamp = "2026-03-03T10:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock(Mutex::new(begin)));
        let sim = Sim::new(&SimOptions { clock: SimClock::Stepped(begin), ..SimOptions::default() });
        for code in [NORTH, SOUTH] {
            sim.add_institution(presets::university(code, &key(code))).unwrap();
        }
        let server = Server::start(sim.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let master = MasterKey::generate(&mut rng);
        let store = Store::open(&Database::Sqlite(dir.path().join("consort.db")), master, rng).await.unwrap();
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let runtime = Arc::new(Runtime::new(store.clone(), shared, Ids::seeded(1), "node".to_owned()));
        let breaker = BreakerSettings { failures: 1, ..BreakerSettings::default() };
        let mut metrics = Registry::default();
        let systems = Arc::new(Systems::new(Arc::clone(&runtime), breaker, PATIENCE, &mut metrics));
        let availability = Availability::new(runtime, Arc::clone(&systems), Settings::default());
        let availability = Arc::new(availability);
        let world = Self { sim, systems, availability, clock, store, server, _dir: dir };
        for code in [NORTH, SOUTH] {
            world.set(code, json!({})).await;
        }
        world
    }

    /// Changes settings of an institution.
    pub(crate) async fn set(&self, code: &str, changes: Value) {
        let mut settings = json!({
            "base_url": self.server.base_url(), "sharing_library": "SHARING", "virtual_library": "DCB_LIB",
            "virtual_location": "dcbvirtual", "virtual_item_policy": "DCB", "calls_per_second": 1000,
            "retry_wait_ms": 5, "circulation_desks": {"MAIN": DESK, "DCB_LIB": DESK, "SHARING": DESK},
            "patron_types": {"UNDRGRD": "undergraduate"}, "user_groups": {"undergraduate": "DCB"},
            "item_types": {"BOOK": "book"}, "material_types": {"book": "BOOK"},
        });
        for (key, value) in changes.as_object().unwrap() {
            settings[key] = value.clone();
        }
        let (kind, credentials) = ("alma".to_owned(), key(code).into());
        let institution = Institution { code: code.into(), name: code.to_owned(), kind, settings, credentials };
        let mut unit = self.store.unit();
        unit.put_institution(&institution, self.clock.now()).unwrap();
        self.store.commit(unit).await.unwrap();
        self.systems.forget(&code.into());
    }

    pub(crate) fn at(&self, code: &str) -> Staff {
        self.sim.staff(code).unwrap()
    }

    /// Puts an item into a temporary location, as staff do.
    pub(crate) fn move_for_a_time(&self, barcode: &str, library: &str, location: &str) {
        let item = self.at(NORTH).item(barcode).unwrap();
        let path = format!("/almaws/v1/bibs/{}/holdings/{}/items/{}", item.mms_id, item.holding_id, item.pid);
        let call = |method: &str, body: &str| {
            let answer = self.sim.call(&ApiCall {
                method: method.to_owned(),
                path: path.clone(),
                key: Some(key(NORTH)),
                accept: Some("application/json".to_owned()),
                content_type: Some("application/json".to_owned()),
                body: body.as_bytes().to_vec(),
                ..ApiCall::default()
            });
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.body
        };
        let mut record: Value = serde_json::from_str(&call("GET", "")).unwrap();
        record["holding_data"]["in_temp_location"] = json!(true);
        record["holding_data"]["temp_library"] = json!({"value": library});
        record["holding_data"]["temp_location"] = json!({"value": location});
        call("PUT", &record.to_string());
    }

    /// Returns the record of one of an institution's numbered books in its main library.
    pub(crate) fn record(&self, code: &str, number: usize) -> Record {
        let item = self.at(code).item(&presets::barcode(code, 'M', number)).unwrap();
        record(code, &item.mms_id)
    }

    /// Asks for records and waits for every answer.
    pub(crate) async fn ask(&self, records: &[Record]) -> Report {
        self.availability.of(records, self.patiently()).await
    }

    pub(crate) fn patiently(&self) -> Asking {
        Asking { deadline: PATIENCE, ..self.availability.ordinary() }
    }

    pub(crate) fn counting(&self) -> Asking {
        Asking { detail: CopiesDetail::Waiting, ..self.patiently() }
    }

    /// Returns how often an institution's lists of items were read.
    pub(crate) fn reads(&self, code: &str) -> u64 {
        self.sim.calls(code).unwrap().get(ITEMS).copied().unwrap_or_default()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.sim.advance(SignedDuration::try_from(by).unwrap());
    }
}

pub(crate) fn record(code: &str, bib: &str) -> Record {
    Record { institution: code.into(), bib: bib.into() }
}

fn key(code: &str) -> String {
    format!("key-of-{code}")
}
