//! Claims: what is due is taken under lease, effects before polls, and no more at an institution than it is to bear.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::InstitutionCode;
use sea_query::{Alias, CaseStatement, Expr, ExprTrait, Func, LockBehavior, LockType, Order, Query, SelectStatement};

use crate::db::{Store, Tx};
use crate::error::Error;
use crate::intents::{Col, EFFECT, Intent, OPEN, POLL, Table, Work, is_leased, owned_by_claim, work};
use crate::time::{at, micros};

/// What to claim.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who claims: the node's name.
    pub owner: &'a str,
    /// Now.
    pub now: Timestamp,
    /// How long the lease holds.
    pub lease: Duration,
    /// How many at most.
    pub limit: usize,
    /// How many under lease for one institution at the same time.
    pub max_per_institution: usize,
    /// How many of the claimed may be polls.
    pub max_polls: usize,
    /// How many of those under lease for one institution may be polls, so that effects always find room.
    pub max_polls_per_institution: usize,
    /// Institutions to leave alone.
    pub except: &'a [InstitutionCode],
}

/// What was claimed.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The intents, now under lease.
    pub intents: Vec<Intent>,
    /// Whether there may be more to claim at once, which was not polled for what was passed over.
    pub more: bool,
}

type Row = (String, String, String, String, String, i64, i64, i64, i64, i64, String, String, i64, i64, i64, i64);

impl Store {
    /// Takes intents that are due, effects before polls, and at most one of a request. An effect whose
    /// lease ran out comes back as unclear: whoever had it may have sent it.
    pub async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        let mut tx = self.begin().await?;
        let mut leased = tx.leases(claim.now).await?;
        let rows = tx.due(claim, &leased, self.is_postgres()).await?;
        let until = micros(claim.now.saturating_add(lease(claim.lease)).unwrap_or(Timestamp::MAX));
        let mut requests = std::collections::HashSet::new();
        let mut polls = 0;
        let mut claimed = Vec::new();
        let mut more = rows.len() >= window(claim);
        for row in rows {
            if claimed.len() >= claim.limit {
                more = true;
                break;
            }
            let intent = read(row, claim.now)?;
            let is_poll = matches!(intent.work, Work::Poll(_));
            let count = leased.entry(intent.institution.as_str().to_owned()).or_default();
            if count.is_full(claim) || requests.contains(&intent.request) {
                continue;
            }
            if is_poll && (polls >= claim.max_polls || count.is_full_of_polls(claim)) {
                continue;
            }
            if let Some(intent) = tx.lease(intent, claim, until).await? {
                count.all += 1;
                count.polls += usize::from(is_poll);
                polls += usize::from(is_poll);
                requests.insert(intent.request);
                claimed.push(intent);
            }
        }
        tx.commit().await?;
        // What nothing came of this time nothing would come of the next.
        Ok(Claimed { more: more && !claimed.is_empty(), intents: claimed })
    }
}

impl Tx {
    /// How many intents each institution has under lease.
    async fn leases(&mut self, now: Timestamp) -> Result<HashMap<String, Leased>, Error> {
        let statement = Query::select()
            .columns([Col::Institution, Col::Kind])
            .expr(Func::count(Expr::col(Col::Id)))
            .from(Table)
            .and_where(Expr::col(Col::State).eq(OPEN))
            .and_where(is_leased())
            .and_where(Expr::col(Col::LeaseUntil).gt(micros(now)))
            .group_by_columns([Col::Institution, Col::Kind])
            .to_owned();
        let rows: Vec<(String, String, i64)> = self.fetch(&statement).await?;
        let mut leased: HashMap<String, Leased> = HashMap::new();
        for (code, kind, count) in rows {
            let count = usize::try_from(count).unwrap_or_default();
            let of = leased.entry(code).or_default();
            of.all += count;
            of.polls += if kind == POLL { count } else { 0 };
        }
        Ok(leased)
    }

    async fn due(
        &mut self,
        claim: &Claim<'_>,
        leased: &HashMap<String, Leased>,
        skip_locked: bool,
    ) -> Result<Vec<Row>, Error> {
        let those = |full: fn(&Leased, &Claim<'_>) -> bool| -> Vec<String> {
            leased.iter().filter(|(_, count)| full(count, claim)).map(|(code, _)| code.clone()).collect()
        };
        let mut full = those(Leased::is_full);
        full.extend(claim.except.iter().map(|code| code.as_str().to_owned()));
        let full_of_polls = those(Leased::is_full_of_polls);
        let mut statement = claimable(micros(claim.now));
        // Some rows are passed over: of a request, or of an institution that becomes full.
        statement.limit(u64::try_from(window(claim)).unwrap_or(u64::MAX));
        if !full.is_empty() {
            statement.and_where(Expr::col((Table, Col::Institution)).is_not_in(full));
        }
        if claim.max_polls == 0 {
            statement.and_where(Expr::col((Table, Col::Kind)).ne(POLL));
        } else if !full_of_polls.is_empty() {
            let has_room = Expr::col((Table, Col::Institution)).is_not_in(full_of_polls);
            statement.and_where(Expr::col((Table, Col::Kind)).ne(POLL).or(has_room));
        }
        if skip_locked {
            statement.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        }
        self.fetch(&statement).await
    }

    /// Takes the lease, if nobody was quicker.
    async fn lease(&mut self, intent: Intent, claim: &Claim<'_>, until: i64) -> Result<Option<Intent>, Error> {
        let unclear = CaseStatement::new()
            .case(Expr::col(Col::LeaseUntil).gt(0_i64).and(Expr::col(Col::Kind).eq(EFFECT)), 1_i64)
            .finally(Expr::col(Col::Unclear));
        let statement = Query::update()
            .table(Table)
            .value(Col::Unclear, Expr::expr(unclear))
            .value(Col::LeaseOwner, claim.owner)
            .value(Col::LeaseUntil, until)
            .value(Col::FencingToken, intent.fencing_token + 1)
            .value(Col::UpdatedAt, micros(claim.now))
            .cond_where(owned_by_claim(&intent))
            .to_owned();
        let touched = self.execute(&statement).await?;
        Ok((touched == 1).then(|| Intent { fencing_token: intent.fencing_token + 1, ..intent }))
    }
}

/// What of an institution is under lease.
#[derive(Clone, Copy, Default)]
struct Leased {
    all: usize,
    polls: usize,
}

impl Leased {
    fn is_full(&self, claim: &Claim<'_>) -> bool {
        self.all >= claim.max_per_institution
    }

    fn is_full_of_polls(&self, claim: &Claim<'_>) -> bool {
        self.polls >= claim.max_polls_per_institution
    }
}

/// How many due intents are polled for a claim.
fn window(claim: &Claim<'_>) -> usize {
    claim.limit.saturating_mul(4)
}

fn read(row: Row, claimed_at: Timestamp) -> Result<Intent, Error> {
    let (.., failures, failing_since) = row;
    let (
        id,
        request,
        kind,
        what,
        institution,
        attempts,
        unclear,
        fencing_token,
        due_at,
        until,
        hints,
        list,
        created,
        has_hint,
        ..,
    ) = row;
    let corrupt = |what: &str| Error::Corrupt { table: "intent", what: what.to_owned() };
    let work = work(&kind, &what)?;
    // A lease that ran out, and not one given back: what was begun may have been done.
    let ran_out = until > 0 && matches!(work, Work::Effect(_));
    Ok(Intent {
        id: id.parse().map_err(|_| corrupt("an id that is none"))?,
        request: request.parse().map_err(|_| corrupt("a request's id that is none"))?,
        work,
        institution: institution.into(),
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        unclear: unclear != 0 || ran_out,
        fencing_token,
        due_at: at("intent", due_at)?,
        has_hint: !hints.is_empty(),
        hints,
        on_list: !list.is_empty(),
        hinted_at: at("intent", has_hint)?,
        created_at: at("intent", created)?,
        claimed_at,
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
        failing_since: at("intent", failing_since)?,
    })
}

/// Selects the open intents that are due and without a lease, of requests for which nothing else is under way: effects
/// first, then what is due longest.
fn claimable(now: i64) -> SelectStatement {
    let other = Alias::new("other");
    let busy = Query::select()
        .expr(Expr::val(1_i64))
        .from_as(Table, other.clone())
        .and_where(Expr::col((other.clone(), Col::Request)).equals((Table, Col::Request)))
        .and_where(Expr::col((other.clone(), Col::State)).eq(OPEN))
        .and_where(Expr::col((other, Col::LeaseUntil)).gt(now))
        .to_owned();
    let columns = [
        Col::Id,
        Col::Request,
        Col::Kind,
        Col::Target,
        Col::Institution,
        Col::Attempts,
        Col::Unclear,
        Col::FencingToken,
        Col::DueAt,
        Col::LeaseUntil,
        Col::Hints,
        Col::List,
        Col::CreatedAt,
        Col::HintedAt,
        Col::Failures,
        Col::FailingSince,
    ];
    Query::select()
        .columns(columns.map(|col| (Table, col)))
        .from(Table)
        .and_where(Expr::col((Table, Col::State)).eq(OPEN))
        .and_where(Expr::col((Table, Col::DueAt)).lte(now))
        .and_where(Expr::col((Table, Col::LeaseUntil)).lte(now))
        .and_where(Expr::exists(busy).not())
        .order_by((Table, Col::Kind), Order::Asc)
        .order_by((Table, Col::DueAt), Order::Asc)
        .to_owned()
}

fn lease(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
