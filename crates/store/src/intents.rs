//! Intents: effects, polls and deadlines, each with its due time. This table is the queue.
//!
//! A claim gives a lease and raises the intent's fence. Whoever writes an intent's result names the fence, so
//! that a node that was paused past its lease, and whose intent another node has taken, can't write.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lending::{Deadline, Effect, InstitutionCode, RequestId, Side};
use sea_query::{CaseStatement, Cond, Expr, ExprTrait, Func, Iden, Order, Query, UnionType};
use serde_json::Value;
use uuid::Uuid;

use crate::batch_polls::{self, ListEntry};
use crate::db::{Store, Tx};
use crate::error::Error;
use crate::time::{at, micros};

/// What an intent is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Work {
    /// An act in a library's system.
    Effect(Effect),
    /// A poll of one side.
    Poll(Side),
    /// The end of a time that something may take.
    Deadline(Deadline),
}

/// An intent to be queued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewIntent {
    /// Its id.
    pub id: Uuid,
    /// For which request.
    pub request: RequestId,
    /// What for.
    pub work: Work,
    /// Whose system it speaks to.
    pub institution: InstitutionCode,
    /// Not before this.
    pub due_at: Timestamp,
    /// The batch-polled list that covers it, if there is one.
    pub on_list: Option<ListEntry>,
}

/// An intent that was claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// Its id.
    pub id: Uuid,
    /// For which request.
    pub request: RequestId,
    /// What for.
    pub work: Work,
    /// Whose system it speaks to.
    pub institution: InstitutionCode,
    /// How often it was postponed before; for a poll, how often nothing was new.
    pub attempts: u32,
    /// Whether an earlier attempt may have been done without our hearing of it.
    pub unclear: bool,
    /// The number that this claim writes with.
    pub fencing_token: i64,
    /// When it was due.
    pub due_at: Timestamp,
    /// Whether a person or a hint made it due.
    pub has_hint: bool,
    /// The hints since the last poll, one line each; the caller defines the format of a line.
    pub hints: String,
    /// When the last hint came.
    pub hinted_at: Timestamp,
    /// Whether a batch-polled list covers it.
    pub on_list: bool,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// How often in a row it could not be made, of a poll.
    pub failures: u32,
    /// When the first of these was.
    pub failing_since: Timestamp,
}

/// Polls at an institution that keep failing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailingPolls {
    /// The institution.
    pub institution: InstitutionCode,
    /// How many.
    pub polls: u64,
    /// Since when the one that has failed longest does.
    pub since: Timestamp,
}

/// How full the queue is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueCounts {
    /// Open intents, due or not.
    pub open: u64,
}

#[derive(Iden)]
#[iden = "intent"]
pub(crate) struct Table;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Col {
    Id,
    Request,
    Kind,
    Target,
    Institution,
    State,
    Attempts,
    Unclear,
    DueAt,
    LeaseOwner,
    LeaseUntil,
    FencingToken,
    Outcome,
    CreatedAt,
    UpdatedAt,
    HintedAt,
    Hints,
    List,
    ListKey,
    ListExpected,
    LastPolledAt,
    Failures,
    FailingSince,
}

/// The outcome of a successful poll that showed nothing new.
pub const NOTHING_NEW: &str = "nothing new";

/// What an index of the few that are or were under lease asks for; bound to a parameter no database would see that it fits.
pub(crate) fn is_leased() -> Expr {
    Expr::cust("lease_until > 0")
}

pub(crate) const OPEN: &str = "open";
const DONE: &str = "done";
pub(crate) const EFFECT: &str = "effect";
pub(crate) const POLL: &str = "poll";
pub(crate) const DEADLINE: &str = "deadline";

impl Store {
    /// Keeps a lease alive.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] when it is somebody else's by now.
    pub async fn renew_lease(&self, intent: &Intent, until: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let statement = Query::update()
            .table(Table)
            .value(Col::LeaseUntil, micros(until))
            .cond_where(owned_by_claim(intent))
            .to_owned();
        let touched = tx.execute(&statement).await?;
        tx.commit().await?;
        if touched == 1 { Ok(()) } else { Err(Error::LeaseLost) }
    }

    /// A node that starts takes back what an earlier run of it held: those leases count as run out.
    pub async fn release_own_leases(&self, owner: &str, now: Timestamp) -> Result<u64, Error> {
        let mut tx = self.begin().await?;
        let statement = Query::update()
            .table(Table)
            .value(Col::LeaseUntil, micros(now))
            .and_where(Expr::col(Col::State).eq(OPEN))
            .and_where(is_leased())
            .and_where(Expr::col(Col::LeaseUntil).gt(micros(now)))
            .and_where(Expr::col(Col::LeaseOwner).eq(owner))
            .to_owned();
        let touched = tx.execute(&statement).await?;
        let lists = Query::update()
            .table(batch_polls::Table)
            .value(batch_polls::Col::LeaseUntil, micros(now))
            .and_where(Expr::col(batch_polls::Col::LeaseUntil).gt(micros(now)))
            .and_where(Expr::col(batch_polls::Col::LeaseOwner).eq(owner))
            .to_owned();
        tx.execute(&lists).await?;
        tx.commit().await?;
        Ok(touched)
    }

    /// Requests with an effect at `institution` that was unclear at some time since `since`: where something may have
    /// been done twice.
    pub async fn requests_ever_unclear(
        &self,
        institution: &InstitutionCode,
        since: Timestamp,
    ) -> Result<Vec<RequestId>, Error> {
        let statement = Query::select()
            .distinct()
            .column(Col::Request)
            .from(Table)
            .and_where(Expr::col(Col::Institution).eq(institution.as_str()))
            .and_where(Expr::col(Col::Kind).eq(EFFECT))
            .and_where(Expr::col(Col::Unclear).eq(1))
            .and_where(Expr::col(Col::UpdatedAt).gte(micros(since)))
            .order_by(Col::Request, Order::Asc)
            .to_owned();
        let rows: Vec<(String,)> = self.fetch(&statement).await?;
        let corrupt = || Error::Corrupt { table: "intent", what: "a request's id that is none".to_owned() };
        rows.into_iter().map(|row| row.0.parse().map_err(|_| corrupt())).collect()
    }

    /// Whether an intent or a list is due that nobody has under lease.
    pub async fn is_due(&self, now: Timestamp) -> Result<bool, Error> {
        let now = micros(now);
        let intent = Query::select()
            .expr(Expr::val(1_i64))
            .from(Table)
            .and_where(Expr::col(Col::State).eq(OPEN))
            .and_where(Expr::col(Col::DueAt).lte(now))
            .and_where(Expr::col(Col::LeaseUntil).lte(now))
            .to_owned();
        let list = Query::select()
            .expr(Expr::val(1_i64))
            .from(batch_polls::Table)
            .and_where(Expr::col(batch_polls::Col::DueAt).lte(now))
            .and_where(Expr::col(batch_polls::Col::LeaseUntil).lte(now))
            .to_owned();
        let either = intent.clone().union(UnionType::All, list).limit(1).to_owned();
        let found: Vec<(i64,)> = self.fetch(&either).await?;
        Ok(!found.is_empty())
    }

    /// When, after `now`, an intent or a list falls due or a lease runs out.
    pub async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let earliest = |column: Col| {
            Query::select()
                .expr(Func::min(Expr::col(column)))
                .from(Table)
                .and_where(Expr::col(Col::State).eq(OPEN))
                .and_where(Expr::col(column).gt(micros(now)))
                .to_owned()
        };
        let earliest_list = |column: batch_polls::Col| {
            Query::select()
                .expr(Func::min(Expr::col(column)))
                .from(batch_polls::Table)
                .and_where(Expr::col(column).gt(micros(now)))
                .to_owned()
        };
        let earliest_lease = earliest(Col::LeaseUntil).and_where(is_leased()).to_owned();
        let both = earliest(Col::DueAt)
            .union(UnionType::All, earliest_lease)
            .union(UnionType::All, earliest_list(batch_polls::Col::DueAt))
            .union(UnionType::All, earliest_list(batch_polls::Col::LeaseUntil))
            .to_owned();
        let found: Vec<(Option<i64>,)> = self.fetch(&both).await?;
        let first = found.into_iter().filter_map(|row| row.0).min();
        first.map(|micros| at("intent", micros)).transpose()
    }

    /// Since when, at the longest, an open look of each institution has seen nothing: since it was made last, or since it
    /// was wanted where it was not made since. What stands on a list is seen when that is read.
    pub async fn oldest_polls(&self) -> Result<Vec<(InstitutionCode, Timestamp)>, Error> {
        let statement = Query::select()
            .column(Col::Institution)
            .expr(Func::min(Expr::col(Col::LastPolledAt)))
            .from(Table)
            .and_where(Expr::col(Col::State).eq(OPEN))
            .and_where(Expr::col(Col::Kind).eq(POLL))
            .and_where(Expr::col(Col::List).eq(""))
            .group_by_col(Col::Institution)
            .to_owned();
        let mut rows: BTreeMap<String, i64> = self.fetch(&statement).await?.into_iter().collect();
        for (code, read_at) in self.oldest_lists().await? {
            let oldest = rows.entry(code).or_insert(read_at);
            *oldest = std::cmp::min(read_at, *oldest);
        }
        rows.into_iter().map(|(code, since)| Ok((code.into(), at("intent", since)?))).collect()
    }

    /// Polls that have failed so often in a row, by institution.
    pub async fn failing_polls(&self, times: u32) -> Result<Vec<FailingPolls>, Error> {
        let statement = Query::select()
            .column(Col::Institution)
            .expr(Func::count(Expr::col(Col::Id)))
            .expr(Func::min(Expr::col(Col::FailingSince)))
            .from(Table)
            // So that both databases see that the index of the few fits.
            .and_where(Expr::cust("failures > 0"))
            .and_where(Expr::col(Col::Failures).gte(i64::from(times)))
            .and_where(Expr::col(Col::State).eq(OPEN))
            .group_by_col(Col::Institution)
            .order_by(Col::Institution, Order::Asc)
            .to_owned();
        let rows: Vec<(String, i64, i64)> = self.fetch(&statement).await?;
        let read = |(code, polls, since): (String, i64, i64)| {
            let polls = u64::try_from(polls).unwrap_or_default();
            Ok(FailingPolls { institution: code.into(), polls, since: at("intent", since)? })
        };
        rows.into_iter().map(read).collect()
    }

    /// How full the queue is.
    pub async fn queue_counts(&self) -> Result<QueueCounts, Error> {
        let statement = Query::select()
            .expr(Func::count(Expr::col(Col::Id)))
            .from(Table)
            .and_where(Expr::col(Col::State).eq(OPEN))
            .to_owned();
        let rows: Vec<(i64,)> = self.fetch(&statement).await?;
        Ok(QueueCounts { open: rows.first().map_or(0, |row| u64::try_from(row.0).unwrap_or_default()) })
    }
}

impl Tx {
    /// Queues an intent. A request has one open effect at most; the schema sees to it.
    pub async fn add_intent(&mut self, intent: &NewIntent, now: Timestamp) -> Result<(), Error> {
        self.add(intent, now, ("", 0, 0)).await
    }

    /// The same, under lease from the beginning: whoever queues it does it too.
    pub async fn add_leased_intent(
        &mut self,
        intent: &NewIntent,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Intent, Error> {
        self.add(intent, now, (owner, micros(until), 1)).await?;
        Ok(Intent {
            id: intent.id,
            request: intent.request,
            work: intent.work,
            institution: intent.institution.clone(),
            attempts: 0,
            unclear: false,
            fencing_token: 1,
            due_at: intent.due_at,
            has_hint: false,
            hints: String::new(),
            hinted_at: Timestamp::UNIX_EPOCH,
            on_list: false,
            created_at: now,
            claimed_at: now,
            failures: 0,
            failing_since: Timestamp::UNIX_EPOCH,
        })
    }

    async fn add(&mut self, intent: &NewIntent, now: Timestamp, lease: (&str, i64, i64)) -> Result<(), Error> {
        let (kind, what) = kind_and_name(intent.work);
        let (owner, until, fencing_token) = lease;
        let (list, key, has) = on_list(intent.on_list.as_ref());
        let statement = Query::insert()
            .into_table(Table)
            .columns([
                Col::Id,
                Col::Request,
                Col::Kind,
                Col::Target,
                Col::Institution,
                Col::State,
                Col::Attempts,
                Col::Unclear,
                Col::DueAt,
                Col::LeaseOwner,
                Col::LeaseUntil,
                Col::FencingToken,
                Col::CreatedAt,
                Col::UpdatedAt,
                Col::List,
                Col::ListKey,
                Col::ListExpected,
                Col::LastPolledAt,
            ])
            .values_panic([
                intent.id.to_string().into(),
                intent.request.to_string().into(),
                kind.into(),
                what.into(),
                intent.institution.as_str().into(),
                OPEN.into(),
                0_i64.into(),
                0_i64.into(),
                micros(intent.due_at).into(),
                Some(owner).filter(|owner| !owner.is_empty()).into(),
                until.into(),
                fencing_token.into(),
                micros(now).into(),
                micros(now).into(),
                list.into(),
                key.into(),
                has.into(),
                micros(now).into(),
            ])
            .to_owned();
        self.defer(&statement).await
    }

    /// Ends an intent. Effects are kept with their outcome; polls leave nothing.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] when the lease is somebody else's by now.
    pub async fn finish_intent(&mut self, intent: &Intent, outcome: &str, now: Timestamp) -> Result<(), Error> {
        match intent.work {
            Work::Effect(_) => {
                let statement = Query::update()
                    .table(Table)
                    .value(Col::State, DONE)
                    .value(Col::Unclear, i64::from(intent.unclear))
                    .value(Col::Outcome, outcome)
                    .value(Col::LeaseUntil, 0_i64)
                    .value(Col::UpdatedAt, micros(now))
                    .cond_where(owned_by_claim(intent))
                    .to_owned();
                self.defer_expecting_one(&statement, || Error::LeaseLost).await
            }
            Work::Poll(_) | Work::Deadline(_) => {
                let statement = Query::delete().from_table(Table).cond_where(owned_by_claim(intent)).to_owned();
                self.defer_expecting_one(&statement, || Error::LeaseLost).await
            }
        }
    }

    /// Puts an intent off and gives its lease back. A poll with another outcome than [`NOTHING_NEW`] was not made: what was
    /// reported about it stays.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] when the lease is somebody else's by now.
    pub async fn postpone_intent(
        &mut self,
        intent: &Intent,
        due_at: Timestamp,
        unclear: bool,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let failed = if reason == NOTHING_NEW { (0, 0) } else { (intent.failures, micros(intent.failing_since)) };
        self.postpone(intent, due_at, (unclear, reason), failed, now).await
    }

    /// The same of a poll that could not be made, which counts as failed.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] when the lease is somebody else's by now.
    pub async fn postpone_failed_poll(
        &mut self,
        intent: &Intent,
        due_at: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let since = if intent.failures == 0 { now } else { intent.failing_since };
        let failed = (intent.failures.saturating_add(1), micros(since));
        self.postpone(intent, due_at, (false, reason), failed, now).await
    }

    async fn postpone(
        &mut self,
        intent: &Intent,
        due_at: Timestamp,
        (unclear, reason): (bool, &str),
        (failures, failing_since): (u32, i64),
        now: Timestamp,
    ) -> Result<(), Error> {
        let hints_since_claim = || Expr::col(Col::Hints).ne(intent.hints.as_str());
        let due = CaseStatement::new().case(hints_since_claim(), Expr::col(Col::HintedAt)).finally(micros(due_at));
        // A poll that failed is still due to its hints.
        let is_made = reason == NOTHING_NEW;
        let hints = CaseStatement::new().case(hints_since_claim(), Expr::col(Col::Hints)).finally(if is_made {
            ""
        } else {
            intent.hints.as_str()
        });
        let seen = if is_made { Expr::val(micros(now)) } else { Expr::col(Col::LastPolledAt) };
        let statement = Query::update()
            .table(Table)
            .value(Col::Attempts, i64::from(intent.attempts.saturating_add(1)))
            .value(Col::Unclear, i64::from(unclear))
            .value(Col::DueAt, Expr::expr(due))
            .value(Col::Hints, Expr::expr(hints))
            .value(Col::LastPolledAt, seen)
            .value(Col::Failures, i64::from(failures))
            .value(Col::FailingSince, failing_since)
            .value(Col::LeaseUntil, 0_i64)
            .value(Col::Outcome, reason)
            .value(Col::UpdatedAt, micros(now))
            .cond_where(owned_by_claim(intent))
            .to_owned();
        self.defer_expecting_one(&statement, || Error::LeaseLost).await
    }

    /// Returns the hints that have come since the poll was claimed; `None` where there are none.
    pub async fn hints_since_claim(&mut self, intent: &Intent) -> Result<Option<String>, Error> {
        let statement = Query::select()
            .column(Col::Hints)
            .from(Table)
            .cond_where(owned_by_claim(intent))
            .and_where(Expr::col(Col::Hints).ne(intent.hints.as_str()))
            .to_owned();
        let rows: Vec<(String,)> = self.fetch(&statement).await?;
        let hints = rows.into_iter().next().map(|(hints,)| hints);
        let new = hints.map(|hints| hints.strip_prefix(&intent.hints).map_or(hints.clone(), str::to_owned));
        Ok(new.filter(|hints| !hints.is_empty()))
    }

    /// Whether the request's open effect was never given to a worker, so that nothing of it can have been sent.
    pub async fn effect_never_claimed(&mut self, request: RequestId) -> Result<bool, Error> {
        let statement = Query::select()
            .column(Col::FencingToken)
            .from(Table)
            .cond_where(open_of(request))
            .and_where(Expr::col(Col::Kind).eq(EFFECT))
            .and_where(Expr::col(Col::FencingToken).gt(0_i64))
            .to_owned();
        let touched: Vec<(i64,)> = self.fetch(&statement).await?;
        Ok(touched.is_empty())
    }
}

pub(crate) fn on_list(on_list: Option<&ListEntry>) -> (&str, &str, i64) {
    on_list.map_or(("", "", 0), |on| (&on.list, &on.key, i64::from(on.expected_present)))
}

pub(crate) fn owned_by_claim(intent: &Intent) -> Cond {
    Cond::all()
        .add(Expr::col(Col::Id).eq(intent.id.to_string()))
        .add(Expr::col(Col::FencingToken).eq(intent.fencing_token))
        .add(Expr::col(Col::State).eq(OPEN))
}

pub(crate) fn open_of(request: RequestId) -> Cond {
    Cond::all().add(Expr::col(Col::Request).eq(request.to_string())).add(Expr::col(Col::State).eq(OPEN))
}

pub(crate) fn polls_of(request: RequestId) -> Cond {
    open_of(request).add(Expr::col(Col::Kind).eq(POLL))
}

pub(crate) fn kind_and_name(work: Work) -> (&'static str, &'static str) {
    match work {
        Work::Effect(effect) => (EFFECT, effect.name()),
        Work::Poll(side) => (POLL, side.name()),
        Work::Deadline(deadline) => (DEADLINE, deadline.name()),
    }
}

/// The side that a poll reads.
pub(crate) fn side(what: &str) -> Result<Side, Error> {
    match work(POLL, what)? {
        Work::Poll(side) => Ok(side),
        Work::Effect(_) | Work::Deadline(_) => {
            Err(Error::Corrupt { table: "intent", what: "a poll of no side".to_owned() })
        }
    }
}

pub(crate) fn work(kind: &str, what: &str) -> Result<Work, Error> {
    let unknown = || Error::Corrupt { table: "intent", what: format!("an unknown {kind} {what:?}") };
    let name = Value::String(what.to_owned());
    match kind {
        EFFECT => serde_json::from_value(name).map(Work::Effect).map_err(|_| unknown()),
        POLL => serde_json::from_value(name).map(Work::Poll).map_err(|_| unknown()),
        DEADLINE => serde_json::from_value(name).map(Work::Deadline).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}
