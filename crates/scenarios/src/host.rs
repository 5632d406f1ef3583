//! A whole consortium in one process: three simulated Almas on one port, a hub on another, and a hub's clock that can
//! be moved ahead.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alma_sim::{Bib, Holding, Institution, Item, Server, Sim, SimOptions, presets};
use engine::{Backoff, BreakerSettings, Clock, Engine, Ids, PollInterval, PollSettings, Settings, SystemClock};
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::{Database, MasterKey, Store};
use tokio::net::TcpListener;
use web::{ApiKeys, WebState};

use crate::alma::SimAlma;
use crate::failure::{Failure, Result};
use crate::hub::Hub;
use crate::stage::{Observer, Stage};
use crate::titles::ListedTitles;

const KEY: &str = "key-of-the-scenarios";
const INSTITUTIONS: [&str; 3] = ["01LEND_INST", "02LEND_INST", "01BORROW_INST"];

/// The machine's clock, with an offset by which it was moved ahead.
#[derive(Debug, Default)]
struct MovedClock {
    machine: SystemClock,
    ahead_ms: AtomicU64,
}

impl MovedClock {
    fn move_ahead(&self, time: Duration) {
        self.ahead_ms.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        let ahead = i64::try_from(self.ahead_ms.load(Ordering::SeqCst)).unwrap_or(i64::MAX);
        self.machine.now().saturating_add(SignedDuration::from_millis(ahead)).unwrap_or(Timestamp::MAX)
    }
}

/// A stage, with everything that must live as long as it does.
#[derive(Debug)]
pub struct Host {
    /// The stage, set up.
    pub stage: Stage,
    /// The address of the hub.
    pub hub: String,
    /// The address of the simulated Almas.
    pub almas: String,
    _almas: Server,
}

impl Host {
    /// Starts everything on free ports of the loopback, with the hub's store in `dir`.
    ///
    /// # Errors
    /// A part could not be started.
    pub async fn start(dir: &Path, observer: Observer) -> Result<Self> {
        let http = crate::http_client()?;
        let server = almas().await?;
        let alma = |code: &str| SimAlma::at(&server.base_url(), code, &key_of(code), http.clone());
        let [first, second, borrower] = INSTITUTIONS.map(alma);
        let clock = Arc::new(MovedClock::default());
        let titles = Arc::new(ListedTitles::default());
        let base = hub(&Database::Sqlite(dir.join("consort.db")), Arc::clone(&clock), &titles).await?;
        let stage = Stage::new(Hub::at(&base, KEY.into(), http), [first, second], borrower)
            .calls_per_second(1_000)
            .moving_time_by(Arc::new(move |time| clock.move_ahead(time)))
            .listing_titles_by(Arc::new(move |id, records| {
                let titles = Arc::clone(&titles);
                Box::pin(async move { titles.list(&id, &records).await })
            }))
            .observed_by(observer);
        stage.introduce().await?;
        let almas = server.base_url();
        Ok(Self { stage, hub: base, almas, _almas: server })
    }

    /// The hub's API key.
    pub fn api_key(&self) -> &'static str {
        KEY
    }
}

fn key_of(institution: &str) -> String {
    format!("l8xx-{}", institution.to_lowercase())
}

fn cannot(what: &str) -> impl Fn(&dyn std::fmt::Display) -> Failure {
    move |error| Failure::new(format!("{what} can't be started: {error}."))
}

async fn almas() -> Result<Server> {
    let cannot = cannot("The simulated Almas");
    let sim = Sim::new(&SimOptions::default());
    for code in INSTITUTIONS {
        sim.add_institution(institution(code)).map_err(|error| cannot(&error))?;
    }
    Server::start(sim, SocketAddr::from(([127, 0, 0, 1], 0))).await.map_err(|error| cannot(&error))
}

/// Returns the preset with only the few titles that scenarios use, since its whole catalogue takes a while to read.
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

/// Starts a hub that polls often, so that scenarios are quick. Returns its address.
async fn hub(database: &Database, clock: Arc<MovedClock>, titles: &Arc<ListedTitles>) -> Result<String> {
    let cannot = cannot("The hub");
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut rng);
    let store = Store::open(database, key, rng).await.map_err(|error| cannot(&error))?;
    let short = Duration::from_millis;
    let often = PollInterval { initial: short(20), max: short(100), ..PollSettings::default().uncovered };
    let settings = Settings {
        polls: PollSettings { uncovered: often, listed: often, batch: short(20), ..PollSettings::default() },
        backoff: Backoff { initial: short(5), max: short(50) },
        breaker: BreakerSettings { initial: short(20), max: short(100), ..BreakerSettings::default() },
        ..Settings::default()
    };
    let engine = Arc::new(Engine::new(store, settings, clock, Ids::seeded(1)));
    titles.serve(&engine);
    let keys = ApiKeys::new([("scenarios".to_owned(), KEY.into())]);
    let router = web::router(WebState::new(Arc::clone(&engine), keys)).map_err(|error| cannot(&error))?;
    tokio::spawn(engine.run(std::future::pending()));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| cannot(&error))?;
    let address = listener.local_addr().map_err(|error| cannot(&error))?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}
