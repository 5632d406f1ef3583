//! Kills the real hub with SIGKILL at each named point around calls and commits, in three kinds of lifecycle and on
//! both databases. The result is judged from outside: by the public API and the simulated Almas.
//!
//! `./test` kills the hub at a few visits of each point, all in one lifecycle; with `CONSORT_EVERY_POINT=1` each visit has
//! a lifecycle of its own. The points exist only with the feature `failpoints`.

#![allow(clippy::disallowed_methods, reason = "the pace of the polls is measured")]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use failpoint::Point;
use reqwest::Method;
use serde_json::{Value, json};

use crate::patience::eventually;
use crate::program::{BORROWER, DESK, LENDER, Processes, placement};

const BETWEEN_READS: Duration = Duration::from_millis(100);
const BARCODE: &str = "01LEND-M001";
/// The visits of a point at which the hub is killed, each counted from the hub's last start. The later ones are in the
/// return and the clean-up.
const SOME: [u32; 4] = [2, 5, 8, 13];
/// More than the visits of any point in one lifecycle.
const MOST: u32 = 200;

/// The course of the lifecycle if nothing fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// The patron gets the item and returns it.
    Supplied,
    /// The patron cancels before the lender sends the item.
    Cancelled,
    /// The patron never collects the item.
    Expired,
}

impl Way {
    /// Returns the possible outcomes. Alma doesn't distinguish an expired hold from a cancelled one. The hub can, if it
    /// polled in between.
    fn outcomes(self) -> &'static [&'static str] {
        match self {
            Self::Supplied => &["SUPPLIED"],
            Self::Cancelled => &["CANCELLED"],
            Self::Expired => &["NOT_COLLECTED", "CANCELLED"],
        }
    }
}

/// One lifecycle, in which the hub may die several times.
struct Lifecycle<'a> {
    processes: &'a mut Processes,
    way: Way,
    point: Point,
    /// The visits of the point at which the restarted hub dies, one for each restart.
    next_deaths: std::slice::Iter<'a, u32>,
    id: Option<String>,
    acted: HashSet<String>,
    deaths: u32,
    polled: Option<Instant>,
}

impl<'a> Lifecycle<'a> {
    fn new(processes: &'a mut Processes, way: Way, point: Point, next_deaths: &'a [u32]) -> Self {
        let next_deaths = next_deaths.iter();
        Self { processes, way, point, next_deaths, id: None, acted: HashSet::new(), deaths: 0, polled: None }
    }

    /// Runs the lifecycle to its end and restarts the hub whenever it is dead.
    async fn run(&mut self, case: &str) -> Value {
        eventually(&format!("{case}: the lifecycle ends"), async || {
            if self.processes.hub_is_dead() {
                self.deaths += 1;
                match self.next_deaths.next() {
                    Some(visit) => self.processes.start_hub_that_dies_at(&format!("{}:{visit}", self.point.name())),
                    None => self.processes.restart_hub().await,
                }
            }
            self.step().await.ok_or_else(|| format!("request {:?} has not ended", self.id))
        })
        .await
    }

    /// Makes the next step. Returns the request once it has ended. If the hub is dead, the step has no effect.
    async fn step(&mut self) -> Option<Value> {
        let Some(id) = self.id.clone() else {
            self.id = self.place().await;
            return None;
        };
        let request = self.processes.ask(Method::GET, &format!("/requests/{id}"), None).await?;
        let status = request["status"].as_str()?.to_owned();
        if status == "FINALISED" {
            return Some(request);
        }
        if request["current_effect"].is_null()
            && !self.acted.contains(&status)
            && self.act(&id, &status, &request).await?
        {
            self.acted.insert(status);
        }
        // Each poll is a commit of its own: without a pause there would be no end of visits at which to kill the hub.
        // The time since the last poll is measured because the steps between two polls take different times.
        if self.polled.is_none_or(|polled| polled.elapsed() > BETWEEN_READS) {
            self.polled = Some(Instant::now());
            self.processes.ask(Method::POST, &format!("/requests/{id}/poll"), None).await;
        }
        None
    }

    /// Places the request, or finds it if an earlier answer was lost.
    async fn place(&self) -> Option<String> {
        let open = self.processes.ask(Method::GET, "/requests?open=true", None).await?;
        let found = match open["requests"].get(0) {
            Some(request) => request.clone(),
            None => self.processes.ask(Method::POST, "/requests?wait=0", Some(&placement(BARCODE))).await?,
        };
        Some(found["id"].as_str()?.to_owned())
    }

    /// Acts as staff and patron do at this status. Returns whether it is done.
    async fn act(&self, id: &str, status: &str, request: &Value) -> Option<bool> {
        let here = request["borrower"]["barcode"].as_str().unwrap_or_default();
        let scan = |barcode: &str| json!({"barcode": barcode, "library": "MAIN", "desk": DESK});
        match (status, self.way) {
            ("REQUEST_PLACED_AT_BORROWING_AGENCY", Way::Cancelled) => {
                self.processes.ask(Method::DELETE, &format!("/requests/{id}?by=patron"), None).await?;
            }
            ("REQUEST_PLACED_AT_BORROWING_AGENCY", _) => self.processes.staff(LENDER, "scan-in", &scan(BARCODE)).await,
            ("PICKUP_TRANSIT", _) | ("LOANED", _) => self.processes.staff(BORROWER, "scan-in", &scan(here)).await,
            ("READY_FOR_PICKUP", Way::Expired) => {
                let holds = self.processes.sim(BORROWER, "requests").await;
                let ours = holds.as_array()?.iter().find(|hold| hold["barcode"] == here)?;
                let expire = format!("requests/{}/expire", ours["id"].as_str()?);
                self.processes.staff(BORROWER, &expire, &json!({})).await;
                self.processes.staff(BORROWER, "jobs/hold-shelf-expiry", &json!({})).await;
                self.processes.staff(BORROWER, "scan-in", &scan(here)).await;
            }
            ("READY_FOR_PICKUP", _) => {
                let lent = json!({"barcode": here, "user": "jo.reader", "library": "MAIN", "desk": DESK});
                self.processes.staff(BORROWER, "loan", &lent).await;
            }
            ("RETURN_TRANSIT", _) => self.processes.staff(LENDER, "scan-in", &scan(BARCODE)).await,
            _ => return Some(false),
        }
        Some(true)
    }
}

/// Kills the hub at one visit of the point after the other.
async fn kill_at(point: Point, way: Way, database: Option<String>) {
    let every = std::env::var_os("CONSORT_EVERY_POINT").is_some();
    let lifecycles: Vec<Vec<u32>> =
        if every { (1..MOST).map(|visit| vec![visit]).collect() } else { vec![SOME.to_vec()] };
    let mut processes = Processes::start_on(database.as_deref()).await;
    let mut deaths = 0;
    // One complete lifecycle comes first, since the virtual patron stays.
    let full_run = Lifecycle::new(&mut processes, way, point, &[]).run("first").await;
    assert!(way.outcomes().iter().any(|outcome| full_run["outcome"] == *outcome), "{full_run}");
    let before = (counts(&processes, LENDER).await, counts(&processes, BORROWER).await);
    for visits in lifecycles {
        let case = format!("{}:{visits:?}, {way:?}", point.name());
        processes.stop_hub().await;
        processes.start_hub_that_dies_at(&format!("{}:{}", point.name(), visits[0]));
        let holds = (holds_made(&processes, LENDER).await, holds_made(&processes, BORROWER).await);
        let mut lifecycle = Lifecycle::new(&mut processes, way, point, &visits[1..]);
        let ended = lifecycle.run(&case).await;
        let died = lifecycle.deaths;
        assert!(way.outcomes().iter().any(|outcome| ended["outcome"] == *outcome), "{case}: {ended}");
        let after = (holds_made(&processes, LENDER).await, holds_made(&processes, BORROWER).await);
        assert_eq!(after, (holds.0 + 1, holds.1 + 1), "{case}: one hold on each side");
        assert_eq!(
            (counts(&processes, LENDER).await, counts(&processes, BORROWER).await),
            before,
            "{case}: what is left"
        );
        if died == 0 {
            break;
        }
        deaths += died;
    }
    assert!(if every { deaths > 0 } else { deaths >= 2 }, "the hub died {deaths} times");
    println!("{deaths} deaths at {}", point.name());
}

/// Counts the objects that could be left behind, or be created twice.
async fn counts(processes: &Processes, institution: &str) -> Vec<Value> {
    let counts = processes.sim(institution, "counts").await;
    ["users", "bibs", "holdings", "items", "requests", "loans"].iter().map(|what| counts[what].clone()).collect()
}

/// Counts the holds that Alma has made: the calls that it answered with success.
async fn holds_made(processes: &Processes, institution: &str) -> u64 {
    let events = processes.sim(institution, "events").await;
    let made =
        events.as_array().map(|events| events.iter().filter(|event| event["event"] == "REQUEST_CREATED").count());
    made.and_then(|made| u64::try_from(made).ok()).unwrap_or_default()
}

macro_rules! points {
    ($database:ident, $kill:ident: $($name:ident: $point:ident;)+) => {
        mod $database {
            use super::*;
            $(mod $name {
                use super::*;
                #[tokio::test]
                async fn supplied() { $kill(Point::$point, Way::Supplied).await; }
                #[tokio::test]
                async fn cancelled() { $kill(Point::$point, Way::Cancelled).await; }
                #[tokio::test]
                async fn expired() { $kill(Point::$point, Way::Expired).await; }
            })+
        }
    };
}

points! { sqlite, on_sqlite:
    killed_before_send: BeforeSend;
    killed_after_send: AfterSend;
    killed_after_answer: AfterAnswer;
    killed_in_a_shared_commit: InSharedCommit;
    killed_before_commit: BeforeCommit;
    killed_after_commit: AfterCommit;
}

// Units share a commit on the embedded database only.
points! { postgres, on_postgres:
    killed_before_send: BeforeSend;
    killed_after_send: AfterSend;
    killed_after_answer: AfterAnswer;
    killed_before_commit: BeforeCommit;
    killed_after_commit: AfterCommit;
}

async fn on_sqlite(point: Point, way: Way) {
    kill_at(point, way, None).await;
}

async fn on_postgres(point: Point, way: Way) {
    kill_at(point, way, Some(crate::program::postgres().await)).await;
}
