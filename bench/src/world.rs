//! Runs a hub in this process on a clock of its own, with simulated Almas over real sockets. A month passes in seconds.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use alma_sim::{Server, Sim, SimClock, WebhookProfile};
use engine::{Clock, Engine, Ids, NewRequest, NewTitle, Settings};
use jiff::{SignedDuration, Timestamp};
use lending::{Calendar, CopyRef, InstitutionCode, PickupLocation, Request, RequestId, Rules, Status};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use store::{Agency, Database, Institution, MasterKey, Store, WebhookUpdate};
use tempfile::TempDir;

use crate::simulate::sim_setup::{self, BORROWER, LENDERS};

pub(crate) const SECRET: &str = "secret-of-the-benchmark";
/// The opening hours of the libraries.
const HOURS: (i8, i8) = (9, 17);
/// An Alma and its agency.
pub(crate) type Member<'a> = (&'a str, &'a str);
const SIM: [Member<'static>; 3] = [(LENDERS[0], "LEND"), (LENDERS[1], "LEND2"), (BORROWER, "BORROW")];
/// The smallest number of patrons, so that each has few requests at the same time.
const PATRONS: usize = 400;
/// The time within which due work is done together. In a month there are far more due times than a benchmark can visit.
const TOGETHER: SignedDuration = SignedDuration::from_mins(4);
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that the benchmark sets. Each read moves it by a microsecond, since the hub distinguishes before from after.
#[derive(Debug)]
pub(crate) struct Set(AtomicI64);

impl Set {
    fn to(&self, now: Timestamp) {
        self.0.store(now.as_microsecond(), Ordering::SeqCst);
    }
}

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.fetch_add(1, Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// The webhook messages that the Almas send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Messages {
    /// Messages about loans, holds, and items as they move.
    All,
    /// Messages about loans and holds only. An Alma doesn't send a message about a dispatch unless it is configured to.
    NoItems,
    /// All messages are sent, but none arrives.
    Lost,
    Nothing,
}

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) engine: Arc<Engine>,
    /// Work that becomes due within this time is done together, at the end of it.
    pub(crate) together: SignedDuration,
    almas: Vec<String>,
    clock: Arc<Set>,
    work: tokio::task::JoinHandle<()>,
    ears: Option<(SocketAddr, tokio::task::JoinHandle<()>)>,
    _server: Server,
    dir: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.work.abort();
        if let Some((_, ears)) = &self.ears {
            ears.abort();
        }
    }
}

/// Returns a Monday at midnight.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_second(1_799_625_600).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl World {
    /// Starts a hub with two lenders and a borrower.
    pub(crate) async fn open(titles: usize, messages: Messages, settings: Settings) -> Result<Self, String> {
        let sim = sim_setup::build_for(SimClock::Stepped(start()), titles, PATRONS.max(titles))?;
        let mut world = Self::between(sim, &SIM, settings).await?;
        world.send_messages(messages).await?;
        Ok(world)
    }

    /// Starts a hub with simulated Almas that send no messages.
    pub(crate) async fn between(sim: Sim, members: &[Member<'_>], settings: Settings) -> Result<Self, String> {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(sim.clone(), listen).await.map_err(|error| error.to_string())?;
        // The benchmark counts calls and doesn't measure the disk, so the store is in memory where the system has such
        // a place.
        let dir =
            tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).map_err(|error| error.to_string())?;
        let mut rng = StdRng::seed_from_u64(1);
        let master = MasterKey::generate(&mut rng);
        let database = Database::Sqlite(dir.path().join("consort.db"));
        let store = Store::open(&database, master, rng).await.map_err(|error| error.to_string())?;
        introduce(&store, &server.base_url(), members).await.map_err(|error| error.to_string())?;
        let clock = Arc::new(Set(AtomicI64::new(start().as_microsecond())));
        let turned: Arc<dyn Clock> = Arc::<Set>::clone(&clock);
        let engine = Arc::new(Engine::new(store, settings, turned, Ids::seeded(1)));
        let work = tokio::spawn(Arc::clone(&engine).run(std::future::pending()));
        let almas = members.iter().map(|(code, _)| (*code).to_owned()).collect();
        let together = TOGETHER;
        Ok(Self { sim, engine, together, almas, clock, work, ears: None, _server: server, dir })
    }

    /// Makes the Almas send messages to the hub's API from now on, or stop sending them.
    pub(crate) async fn send_messages(&mut self, messages: Messages) -> Result<(), String> {
        if messages == Messages::Nothing {
            for code in &self.almas {
                self.sim.remove_webhooks(code).map_err(|error| error.to_string())?;
            }
            return Ok(());
        }
        let address = self.listen().await?;
        for code in &self.almas {
            let actions = ["LOAN", "REQUEST", "ITEM"].map(str::to_owned).into();
            let profile = WebhookProfile::new(&format!("http://{address}/webhooks/{code}"), SECRET);
            let lose_chance = if messages == Messages::Lost { 1.0 } else { 0.0 };
            let profile = WebhookProfile { actions, at_once: 8, lose_chance, ..profile };
            self.sim.add_webhook(code, profile).map_err(|error| error.to_string())?;
            let staff = self.sim.staff(code).map_err(|error| error.to_string())?;
            staff.set_behaviour(|site| site.circulation_raises_item_events = messages != Messages::NoItems);
        }
        Ok(())
    }

    /// Returns the address of the hub's API, which listens from now on.
    async fn listen(&mut self) -> Result<SocketAddr, String> {
        if let Some((address, _)) = &self.ears {
            return Ok(*address);
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let keys = web::ApiKeys::default();
        let router =
            web::router(web::WebState::new(Arc::clone(&self.engine), keys)).map_err(|error| error.to_string())?;
        let ears = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        self.ears = Some((address, ears));
        for code in &self.almas {
            let set = self
                .engine
                .polling()
                .set_webhook_secret(&InstitutionCode::from(code.as_str()), &SECRET.into(), store::Expected::Anything)
                .await;
            set.map_err(|error| error.to_string())?;
        }
        Ok(address)
    }

    /// Sets the institutions' detection time for lost messages, in minutes.
    pub(crate) async fn be_sure_within(&self, minutes: u32) -> Result<(), String> {
        self.set_all("lost_message_detection_minutes", minutes).await
    }

    /// Lets lists use the default share of this number of calls in a day, which the Almas allow from now on.
    pub(crate) async fn spare(&self, calls_per_day: u64) -> Result<(), String> {
        for code in &self.almas {
            self.sim.set_limits(code, None, Some(calls_per_day), 0).map_err(|error| error.to_string())?;
        }
        self.set_all("batch_poll_percent", lms::QuotaSettings::default().batch_poll_percent).await
    }

    async fn set_all(&self, key: &str, value: u32) -> Result<(), String> {
        let store = self.engine.store();
        for code in &self.almas {
            let code = InstitutionCode::from(code.as_str());
            let stored = store.institution(&code).await.map_err(|error| error.to_string())?;
            let mut institution = stored.ok_or_else(|| format!("{code} is lost"))?;
            institution.settings[key] = json!(value);
            let mut unit = store.unit();
            unit.put_institution(&institution, self.now()).map_err(|error| error.to_string())?;
            store.commit(unit).await.map_err(|error| error.to_string())?;
            self.engine.institution_changed(&code).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Marks all webhooks as trusted, as if they had reported every change until now.
    pub(crate) async fn trust_webhooks(&self) -> Result<(), String> {
        for code in &self.almas {
            let code = InstitutionCode::from(code.as_str());
            let noted = self.engine.store().update_webhook(&code, &WebhookUpdate::Trusted).await;
            noted.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass until `then`; the hub does the work that becomes due on the way.
    pub(crate) async fn until(&self, then: Timestamp) -> Result<(), String> {
        loop {
            let next = self.settled().await?;
            let next = next.map(|due| due.saturating_add(self.together).unwrap_or(due));
            let to = next.map_or(then, |due| due.min(then));
            self.sim.advance(to.duration_since(self.now()).max(SignedDuration::ZERO));
            self.clock.to(to);
            self.engine.wake_up();
            if to >= then {
                return self.settled().await.map(drop);
            }
        }
    }

    /// Waits until the hub has no due work and has received all messages. Returns when the next work is due.
    pub(crate) async fn settled(&self) -> Result<Option<Timestamp>, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let has_reported = |code: &String| self.sim.has_sent_all(code).unwrap_or(true);
            let sent = self.almas.iter().all(has_reported);
            if sent {
                let due = self.engine.next_due(Timestamp::UNIX_EPOCH).await.map_err(|error| error.to_string())?;
                // A message sent while the store was read would be missed.
                let still = self.almas.iter().all(has_reported);
                if still && due.is_none_or(|due| due > self.now()) {
                    return Ok(due);
                }
            }
            if Instant::now() > deadline {
                return Err("the hub doesn't come to rest".to_owned());
            }
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }

    /// Places a request of a patron for the title of that number.
    pub(crate) async fn place(&self, number: usize, lenders: &[&str]) -> Result<RequestId, String> {
        self.place_as(number % PATRONS, number, lenders).await
    }

    pub(crate) async fn place_as(&self, patron: usize, number: usize, lenders: &[&str]) -> Result<RequestId, String> {
        let mut copies = Vec::new();
        for lender in lenders {
            copies.push(self.copy(lender, number)?);
        }
        self.ask("BORROW", &sim_setup::one_of_many(patron), copies).await
    }

    /// Places a request of a patron of the agency for one of these copies.
    pub(crate) async fn ask(&self, agency: &str, patron: &str, copies: Vec<CopyRef>) -> Result<RequestId, String> {
        self.stands(placing(agency, patron, copies, None)).await
    }

    /// Places a request of the patron of that number for a title.
    pub(crate) async fn place_for(&self, patron: usize, title: NewTitle) -> Result<RequestId, String> {
        self.stands(placing("BORROW", &sim_setup::one_of_many(patron), Vec::new(), Some(title))).await
    }

    /// Places a request, whose holds must stand then.
    async fn stands(&self, placing: NewRequest) -> Result<RequestId, String> {
        let id = self.engine.place(placing, "bench").await.map_err(|error| error.to_string())?;
        self.settled().await?;
        let request = self.request(id).await?;
        if request.status != Status::RequestPlacedAtBorrowingAgency {
            return Err(format!("a request stands at {}: {:?}", request.status, request.attention));
        }
        Ok(id)
    }

    /// Names the copy by its ids, as a catalogue that has harvested the record knows it.
    pub(crate) fn copy(&self, lender: &str, number: usize) -> Result<CopyRef, String> {
        let staff = self.sim.staff(lender).map_err(|error| error.to_string())?;
        let item = staff.item(&sim_setup::barcode(lender, number)).map_err(|error| error.to_string())?;
        Ok(CopyRef {
            institution: lender.into(),
            bib: Some(item.mms_id.as_str().into()),
            holding: Some(item.holding_id.as_str().into()),
            item: Some(item.pid.as_str().into()),
            barcode: None,
            volume: None,
            queued: false,
            chosen_by_staff: false,
            tried_items: Vec::new(),
        })
    }

    /// Returns the number of requests in progress.
    pub(crate) async fn in_flight(&self) -> Result<u64, String> {
        let counts = self.engine.store().count_by_status().await.map_err(|error| error.to_string())?;
        Ok(counts.into_iter().filter(|(status, _)| !status.is_final()).map(|(_, count)| count).sum())
    }

    pub(crate) async fn request(&self, id: RequestId) -> Result<Request, String> {
        let stored = self.engine.store().request(id).await.map_err(|error| error.to_string())?;
        stored.map(|stored| stored.request).ok_or_else(|| format!("{id} is lost"))
    }

    /// Returns the number of calls to one Alma.
    pub(crate) fn calls_of(&self, code: &str) -> Result<u64, String> {
        Ok(self.sim.calls(code).map_err(|error| error.to_string())?.values().sum())
    }

    /// Returns the number of calls to all Almas.
    pub(crate) fn calls(&self) -> Result<u64, String> {
        Ok(self.counts()?.values().sum())
    }

    /// Returns the number of calls to all Almas, by endpoint.
    pub(crate) fn counts(&self) -> Result<BTreeMap<String, u64>, String> {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for code in &self.almas {
            for (call, count) in self.sim.calls(code).map_err(|error| error.to_string())? {
                *all.entry(call).or_default() += count;
            }
        }
        Ok(all)
    }

    /// Returns the path of the hub's store.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("consort.db")
    }
}

fn placing(agency: &str, patron: &str, copies: Vec<CopyRef>, title: Option<NewTitle>) -> NewRequest {
    NewRequest {
        agency: agency.into(),
        patron: patron.into(),
        pickup_location: pickup_location(agency).as_str().into(),
        copies,
        title,
        needed_until: None,
        expedited: false,
    }
}

fn pickup_location(agency: &str) -> String {
    format!("{agency}-MAIN")
}

/// Returns when that day began.
pub(crate) fn midnight(then: Timestamp) -> Timestamp {
    then - SignedDuration::from_secs(then.as_second().rem_euclid(86_400))
}

/// Returns the first moment from then on at which libraries are open.
pub(crate) fn open_at(then: Timestamp) -> Timestamp {
    let (opens, closes) = (i64::from(HOURS.0), i64::from(HOURS.1));
    let (second, midnight) = (then.as_second().rem_euclid(86_400), midnight(then));
    let opening = |hours| midnight + SignedDuration::from_hours(hours) + SignedDuration::from_secs(second % 3_600);
    match second / 3_600 {
        hour if hour < opens => opening(opens),
        hour if hour < closes => then,
        _ => opening(24 + opens),
    }
}

async fn introduce(store: &Store, almas: &str, members: &[Member<'_>]) -> Result<(), store::Error> {
    let now = start();
    let mut unit = store.unit();
    for &(code, agency) in members {
        let mut settings = sim_setup::settings();
        settings["base_url"] = json!(almas);
        settings["calls_per_second"] = json!(1_000);
        // Lists at their ordinary intervals; `World::spare` changes that.
        settings["batch_poll_percent"] = json!(0);
        let institution = Institution {
            code: code.into(),
            name: agency.to_owned(),
            kind: "alma".to_owned(),
            settings,
            credentials: sim_setup::key(code).into(),
        };
        unit.put_institution(&institution, now)?;
        let hour = |hour| jiff::civil::Time::new(hour, 0, 0, 0).ok();
        let calendar = Calendar { opens: hour(HOURS.0), closes: hour(HOURS.1), ..Calendar::default() };
        let rules = Rules { days_to_supply: 30, max_days_in_transit: 30, calendar, ..Rules::default() };
        let agency =
            Agency { code: agency.into(), name: agency.to_owned(), institution: code.into(), library: None, rules };
        unit.put_agency(&agency)?;
        let code = pickup_location(agency.code.as_str()).as_str().into();
        let pickup = PickupLocation { code, institution: agency.institution.clone(), ..sim_setup::pickup() };
        unit.put_pickup_location(&pickup, &agency.code);
    }
    store.commit(unit).await.map(drop)
}
