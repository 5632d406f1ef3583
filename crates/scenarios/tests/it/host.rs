//! A whole consortium in one process: three simulated Almas on one port, and a hub on another.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alma_sim::{Bib, Holding, Institution, Item, Server, Sim, SimOptions, presets};
use engine::{Clock, Engine, Ids, Polling, Retrying, Settings, SystemClock};
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use scenarios::{Hub, Scenario, SimAlma, Stage, Told};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::{Database, MasterKey, Store};
use tokio::net::TcpListener;
use web::{ApiKeys, WebState};

const KEY: &str = "key-of-the-scenarios";
const INSTITUTIONS: [&str; 3] = ["01LEND_INST", "02LEND_INST", "01BORROW_INST"];

/// The machine's clock, and how far it was moved ahead.
#[derive(Debug, Default)]
struct MovedClock {
    ahead_ms: AtomicU64,
}

impl MovedClock {
    fn move_ahead(&self, time: Duration) {
        self.ahead_ms.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        let ahead = i64::try_from(self.ahead_ms.load(Ordering::SeqCst)).unwrap();
        SystemClock.now() + SignedDuration::from_millis(ahead)
    }
}

/// Everything that must live as long as the stage.
pub(crate) struct Host {
    pub(crate) stage: Stage,
    steps: Arc<Mutex<String>>,
    _almas: Server,
    _dir: tempfile::TempDir,
}

impl Host {
    pub(crate) async fn on_sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("consort.db"));
        Self::start(&database, dir).await
    }

    /// On a database of its own on the server that `CONSORT_TEST_POSTGRES` names; none without it.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let Ok(server) = std::env::var("CONSORT_TEST_POSTGRES") else {
            println!("left out: CONSORT_TEST_POSTGRES names no server; ./test starts one");
            return None;
        };
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("scenarios_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect(&server).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let database = Database::Postgres(format!("{base}/{name}").into());
        Some(Self::start(&database, tempfile::tempdir().unwrap()).await)
    }

    async fn start(database: &Database, dir: tempfile::TempDir) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = scenarios::http_client().unwrap();
        let almas = almas().await;
        let alma = |code: &str| SimAlma::at(&almas.base_url(), code, &key_of(code), http.clone());
        let [first, second, borrower] = INSTITUTIONS.map(alma);

        let clock = Arc::new(MovedClock::default());
        let hub = hub(database, Arc::clone(&clock)).await;
        let hub = Hub::at(&hub, KEY.into(), http);
        let steps = Arc::new(Mutex::new(String::new()));
        let notes = Arc::clone(&steps);
        let stage = Stage::new(hub, [first, second], borrower)
            .calls_per_second(1_000)
            .moving_time_by(Arc::new(move |time| clock.move_ahead(time)))
            .observed_by(Arc::new(move |told| note(&notes, told)));
        stage.introduce().await.unwrap();
        Self { stage, steps, _almas: almas, _dir: dir }
    }

    /// Plays a scenario; where it fails, tells every step that led there.
    pub(crate) async fn play(&mut self, scenario: &Scenario) {
        let played = (scenario.play)(&mut self.stage).await;
        if let Err(failure) = played {
            panic!("{}\n{}\n{}", scenario.title, self.steps(), failure);
        }
    }

    /// Every step so far, a line each.
    pub(crate) fn steps(&self) -> String {
        self.steps.lock().unwrap().clone()
    }
}

fn note(notes: &Mutex<String>, told: &Told) {
    let mut notes = notes.lock().unwrap();
    match told {
        Told::Act { who, what } => writeln!(notes, "  {who} {what}").unwrap(),
        Told::Passed { status, because } => {
            writeln!(notes, "      -> {status}: {}", because.as_deref().unwrap_or("-")).unwrap();
        }
    }
}

fn key_of(institution: &str) -> String {
    format!("l8xx-{}", institution.to_lowercase())
}

async fn almas() -> Server {
    let sim = Sim::new(&SimOptions::default());
    for code in INSTITUTIONS {
        sim.add_institution(institution(code)).unwrap();
    }
    Server::start(sim, SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap()
}

/// The preset with the few titles that scenarios ask for, since its whole catalogue takes a while to read.
fn institution(code: &str) -> Institution {
    let titles = [
        Bib::new("Cats & dogs : \"a < b\" and other <signs>").author("O'Brien, Zoë"),
        Bib::new("Война и мир").author("Толстой, Лев"),
        Bib::new("紅樓夢").author("曹雪芹"),
        Bib::new("كتاب ألف ليلة وليلة"),
    ];
    let mut institution = presets::empty_university(code, &key_of(code));
    for (at, title) in titles.into_iter().enumerate() {
        let copy = Item::new(&presets::barcode(code, 'M', at + 1));
        institution = institution.bib(title.holding(Holding::new("MAIN", "stacks").item(copy)));
    }
    institution
}

/// A hub that looks often, so that tests are quick; its address.
async fn hub(database: &Database, clock: Arc<MovedClock>) -> String {
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut rng);
    let store = Store::open(database, key, rng).await.unwrap();
    let settings = Settings {
        polling: Polling { first: Duration::from_millis(20), most: Duration::from_millis(100), ..Polling::default() },
        retrying: Retrying { first: Duration::from_millis(5), most: Duration::from_millis(50) },
        ..Settings::default()
    };
    let engine = Arc::new(Engine::new(store, settings, clock, Ids::seeded(1)));
    let keys = ApiKeys::new([("scenarios".to_owned(), KEY.into())]);
    let router = web::router(WebState::new(Arc::clone(&engine), keys));
    tokio::spawn(engine.run(std::future::pending()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}
