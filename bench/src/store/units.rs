//! The units that are measured, like those with which a lifecycle goes from one effect to the next: the request and its
//! audit, the effect that is done, the effect that follows, and the poll of a side.
//!
//! Each caller has requests of its own, and takes them in turn. Ids and times follow from the number of the caller and the
//! number of the unit, so that another program can name them too.

use jiff::{SignedDuration, Timestamp};
use lending::{Effect, Request, RequestId, Side, Title, example};
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::{AuditEntry, Database, Intent, MasterKey, NewIntent, Store, Stored, Unit, Work};
use uuid::Uuid;

/// The number of requests of each caller.
pub(super) const REQUESTS: u64 = 8;
/// The largest number of units of a caller, and a power of ten.
pub(super) const UNITS: u64 = 1_000_000_000;
/// The time from one unit of a caller to the next.
pub(super) const BETWEEN: SignedDuration = SignedDuration::from_secs(1);
/// How long a unit's effect is under lease.
pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// The time from a unit to the poll that it asks for.
pub(super) const POLL_AFTER: SignedDuration = SignedDuration::from_secs(600);
/// The beginning of every id. Twelve decimal digits follow.
pub(super) const ID: &str = "00000000-0000-7000-8000-";
const ID_BITS: u128 = 0x7000_8000 << 48;
/// The size of a request's document in the middle of a lifecycle, in bytes.
const DOCUMENT: usize = 2_500;

/// Opens the store, with any key.
pub(crate) async fn open(database: &Database) -> Result<Store, String> {
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut rng);
    Store::open(database, key, rng).await.map_err(text)
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Returns the id of a caller's request (below [`REQUESTS`]), or of an effect or poll, by its number.
pub(super) fn id(caller: u64, number: u64) -> Uuid {
    let digits = (caller * UNITS + number).to_string();
    let digits = digits.bytes().fold(0, |read: u128, digit| read * 16 + u128::from(digit - b'0'));
    Uuid::from_u128(ID_BITS | digits)
}

/// Returns the time of a unit.
pub(super) fn time(number: u64) -> Timestamp {
    let since = i32::try_from(number).map_or(SignedDuration::ZERO, |number| BETWEEN * number);
    example::noon() + since
}

/// A caller, and what it knows of its requests.
pub(crate) struct Caller {
    number: u64,
    cases: Vec<Case>,
    /// The number of effects that it has queued.
    effects: u64,
}

/// A request as it is stored, and its open effect.
struct Case {
    stored: Stored,
    effect: Intent,
}

impl Caller {
    /// Returns a caller, and the unit that puts its requests into the store.
    pub(super) fn new(number: u64, store: &Store) -> Result<(Self, Unit), String> {
        let mut unit = store.unit();
        let mut caller = Self { number, cases: Vec::new(), effects: 0 };
        for place in 0..REQUESTS {
            let now = time(place);
            let request = request(RequestId(id(number, place)))?;
            let stored = unit.insert_request(&request, &[entry(request.id, now)], now).map_err(text)?;
            let effect = caller.queue(&mut unit, request.id, now);
            unit.add_intent(&poll(request.id, id(number, place), now), now);
            caller.cases.push(Case { stored, effect });
        }
        Ok((caller, unit))
    }

    /// Builds the next unit. Whoever calls commits it: the unit after it rests on it.
    pub(crate) fn next(&mut self, store: &Store) -> Result<Unit, String> {
        let number = self.effects;
        let place = usize::try_from(number % REQUESTS).map_err(text)?;
        let mut case = self.cases.swap_remove(place);
        let (request, now) = (case.stored.request.id, time(number));
        let mut next = case.stored.request.clone();
        next.out_of_sequence = !next.out_of_sequence;
        let mut unit = store.unit();
        case.stored = unit.save_request(&case.stored, &next, &[entry(request, now)], now).map_err(text)?;
        unit.finish_intent(&case.effect, "done", now);
        case.effect = self.queue(&mut unit, request, now);
        unit.ensure_poll(&poll(request, id(self.number, number), now), now);
        self.cases.push(case);
        let last = self.cases.len() - 1;
        self.cases.swap(place, last);
        Ok(unit)
    }

    /// Queues the effect of the next number.
    fn queue(&mut self, unit: &mut Unit, request: RequestId, now: Timestamp) -> Intent {
        let effect = NewIntent {
            id: id(self.number, self.effects),
            request,
            work: Work::Effect(Effect::ChooseSupplier),
            institution: "01LEND".into(),
            due_at: now,
            on_list: None,
        };
        self.effects += 1;
        unit.add_leased_intent(&effect, "node-1", now + LEASE, now)
    }
}

fn request(id: RequestId) -> Result<Request, String> {
    let mut request = Request { id, ..example::placed() };
    let size = |request: &Request| serde_json::to_string(request).map(|document| document.len()).map_err(text);
    // Digits that differ: a single letter, repeated, would be compressed to nothing.
    let words = (1..).map(|number: u64| format!("{:x} ", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let title: String = words.take(DOCUMENT / 16).collect();
    let missing = DOCUMENT.saturating_sub(size(&request)?);
    request.title = Some(Title { title: title.chars().take(missing).collect(), author: None });
    Ok(request)
}

fn entry(request: RequestId, at: Timestamp) -> AuditEntry {
    AuditEntry {
        request,
        at,
        event: "supplier_chosen".to_owned(),
        actor: "hub".to_owned(),
        from: None,
        to: None,
        reason: None,
        note: None,
        evidence: None,
    }
}

fn poll(request: RequestId, id: Uuid, now: Timestamp) -> NewIntent {
    let (work, institution) = (Work::Poll(Side::Lender), "01LEND".into());
    NewIntent { id, request, work, institution, due_at: now + POLL_AFTER, on_list: None }
}
