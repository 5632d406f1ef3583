//! Batch polls: when each list is due, and which polls it covers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::{InstitutionCode, LibraryCode, RequestId, Side};
use sea_query::{CaseStatement, Cond, Expr, ExprTrait, Func, Iden, JoinType, OnConflict, Order, Query};
use uuid::Uuid;

use crate::db::{Store, Tx};
use crate::error::Error;
use crate::intents::{self, Col as IntentCol, OPEN, POLL};
use crate::time::{at, micros};

/// A poll's entry on a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListEntry {
    /// The list's name, which is the library system's own.
    pub list: String,
    /// What stands on it for the request.
    pub key: String,
    /// Whether it is there as long as nothing happens.
    pub expected_present: bool,
}

/// A list that is to be read from time to time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewBatchPoll {
    /// Whose system it is of.
    pub institution: InstitutionCode,
    /// Its name.
    pub list: String,
    /// The library whose hours it goes by.
    pub library: Option<LibraryCode>,
    /// How many times the shortest interval lies between two readings.
    pub interval_factor: u32,
    /// Whether what it shows is reported by those only that report each change of an item.
    pub needs_item_messages: bool,
    /// Not before this.
    pub due_at: Timestamp,
}

/// A list that was taken to be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchPoll {
    /// Whose system it is of.
    pub institution: InstitutionCode,
    /// Its name.
    pub list: String,
    /// The library whose hours it goes by.
    pub library: Option<LibraryCode>,
    /// How many times the shortest interval lies between two readings.
    pub interval_factor: u32,
    /// Whether what it shows is reported by those only that report each change of an item.
    pub needs_item_messages: bool,
    /// When something on it was last seen to have happened.
    pub last_change_at: Timestamp,
    /// When it was last read, or first wanted.
    pub read_at: Timestamp,
    /// When it was due.
    due_at: i64,
    /// The end of the lease.
    until: i64,
}

/// An open look that stands on a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedPoll {
    /// The intent.
    pub id: Uuid,
    /// For which request.
    pub request: RequestId,
    /// At which side.
    pub side: Side,
    /// What stands on the list for it.
    pub key: String,
    /// Whether it is there as long as nothing happens.
    pub expected_present: bool,
    /// How often it showed nothing new.
    pub attempts: u32,
    /// When it was last made or changed.
    pub updated_at: Timestamp,
}

#[derive(Iden)]
#[iden = "batch_poll"]
pub(crate) struct Table;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Col {
    Institution,
    List,
    Library,
    IntervalFactor,
    NeedsItemMessages,
    LastChangeAt,
    LastReadAt,
    DueAt,
    LeaseOwner,
    LeaseUntil,
}

type Row = (String, String, Option<String>, i64, i64, i64, i64, i64, i64);

impl Store {
    /// Takes lists that are due, the longest due ones first.
    pub async fn claim_batch_polls(
        &self,
        owner: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<BatchPoll>, Error> {
        let statement = Query::select()
            .columns([
                Col::Institution,
                Col::List,
                Col::Library,
                Col::IntervalFactor,
                Col::NeedsItemMessages,
                Col::LastChangeAt,
                Col::LastReadAt,
                Col::LeaseUntil,
                Col::DueAt,
            ])
            .from(Table)
            .and_where(Expr::col(Col::DueAt).lte(micros(now)))
            .and_where(Expr::col(Col::LeaseUntil).lte(micros(now)))
            .order_by(Col::DueAt, Order::Asc)
            .limit(u64::try_from(limit).unwrap_or(u64::MAX))
            .to_owned();
        // Outside a transaction: as a rule there is none, and a reader keeps nobody from writing.
        let rows: Vec<Row> = self.fetch(&statement).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let until = now.checked_add(SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX));
        let until = micros(until.unwrap_or(Timestamp::MAX));
        let mut taken = Vec::new();
        for row in rows {
            taken.extend(tx.lease_batch_poll(row, owner, now, until).await?);
        }
        tx.commit().await?;
        Ok(taken)
    }

    /// Returns the open polls on a list that have neither a lease nor hints.
    pub async fn listed(
        &self,
        institution: &InstitutionCode,
        list: &str,
        now: Timestamp,
    ) -> Result<Vec<ListedPoll>, Error> {
        let statement = Query::select()
            .columns([
                IntentCol::Id,
                IntentCol::Request,
                IntentCol::Target,
                IntentCol::ListKey,
                IntentCol::ListExpected,
                IntentCol::Attempts,
                IntentCol::UpdatedAt,
            ])
            .from(intents::Table)
            .and_where(Expr::col(IntentCol::Institution).eq(institution.as_str()))
            .and_where(Expr::col(IntentCol::List).eq(list))
            .and_where(Expr::col(IntentCol::State).eq(OPEN))
            .and_where(Expr::col(IntentCol::Kind).eq(POLL))
            .and_where(Expr::col(IntentCol::Hints).eq(""))
            .and_where(Expr::col(IntentCol::LeaseUntil).lte(micros(now)))
            .to_owned();
        let rows: Vec<(String, String, String, String, i64, i64, i64)> = self.fetch(&statement).await?;
        let corrupt = |what: &str| Error::Corrupt { table: "intent", what: what.to_owned() };
        rows.into_iter()
            .map(|(id, request, side, key, is_there, attempts, updated_at)| {
                Ok(ListedPoll {
                    id: id.parse().map_err(|_| corrupt("an id that is none"))?,
                    request: request.parse().map_err(|_| corrupt("a request's id that is none"))?,
                    side: intents::side(&side)?,
                    key,
                    expected_present: is_there != 0,
                    attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                    updated_at: at("intent", updated_at)?,
                })
            })
            .collect()
    }
}

impl Store {
    /// Returns when a request is polled next, alone or with a list.
    pub async fn next_poll(&self, request: RequestId) -> Result<Option<Timestamp>, Error> {
        let statement = Query::select()
            .column((intents::Table, IntentCol::DueAt))
            .column((Table, Col::DueAt))
            .from(intents::Table)
            .join(
                JoinType::LeftJoin,
                Table,
                Cond::all()
                    .add(Expr::col((Table, Col::Institution)).equals((intents::Table, IntentCol::Institution)))
                    .add(Expr::col((Table, Col::List)).equals((intents::Table, IntentCol::List))),
            )
            .cond_where(intents::polls_of(request))
            .to_owned();
        let rows: Vec<(i64, Option<i64>)> = self.fetch(&statement).await?;
        let first = rows.into_iter().flat_map(|(poll, list)| std::iter::once(poll).chain(list)).min();
        first.map(|due| at("intent", due)).transpose()
    }

    /// When, for each institution, the list was read that was not read for the longest time, of those that are wanted.
    pub(crate) async fn oldest_lists(&self) -> Result<Vec<(String, i64)>, Error> {
        let wanted = Query::select()
            .expr(Expr::val(1_i64))
            .from(intents::Table)
            .and_where(Expr::col((intents::Table, IntentCol::Institution)).equals((Table, Col::Institution)))
            .and_where(Expr::col((intents::Table, IntentCol::List)).equals((Table, Col::List)))
            .and_where(Expr::col((intents::Table, IntentCol::State)).eq(OPEN))
            .to_owned();
        let statement = Query::select()
            .column((Table, Col::Institution))
            .expr(Func::min(Expr::col((Table, Col::LastReadAt))))
            .from(Table)
            .and_where(Expr::exists(wanted))
            .group_by_col((Table, Col::Institution))
            .to_owned();
        self.fetch(&statement).await
    }
}

impl Tx {
    /// Takes the lease of a list, if nobody was quicker.
    async fn lease_batch_poll(
        &mut self,
        row: Row,
        owner: &str,
        now: Timestamp,
        until: i64,
    ) -> Result<Option<BatchPoll>, Error> {
        let (institution, list, library, pace, needs_item_messages, last_change_at, read_at, lease_until, due_at) = row;
        let statement = Query::update()
            .table(Table)
            .value(Col::LeaseOwner, owner)
            .value(Col::LeaseUntil, until)
            .and_where(Expr::col(Col::Institution).eq(institution.as_str()))
            .and_where(Expr::col(Col::List).eq(list.as_str()))
            .and_where(Expr::col(Col::LeaseUntil).eq(lease_until))
            .and_where(Expr::col(Col::DueAt).lte(micros(now)))
            .to_owned();
        if self.execute(&statement).await? != 1 {
            return Ok(None);
        }
        Ok(Some(BatchPoll {
            institution: institution.into(),
            list,
            library: library.map(Into::into),
            interval_factor: u32::try_from(pace).unwrap_or(1),
            needs_item_messages: needs_item_messages != 0,
            last_change_at: at("batch_poll", last_change_at)?,
            read_at: at("batch_poll", read_at)?,
            due_at,
            until,
        }))
    }

    /// Sees to it that a list is read from time to time; one that is keeps its time.
    pub async fn add_batch_poll(&mut self, batch_poll: &NewBatchPoll, now: Timestamp) -> Result<(), Error> {
        let statement = Query::insert()
            .into_table(Table)
            .columns([
                Col::Institution,
                Col::List,
                Col::Library,
                Col::IntervalFactor,
                Col::NeedsItemMessages,
                Col::LastChangeAt,
                Col::LastReadAt,
                Col::DueAt,
                Col::LeaseUntil,
            ])
            .values_panic([
                batch_poll.institution.as_str().into(),
                batch_poll.list.as_str().into(),
                batch_poll.library.as_ref().map(LibraryCode::as_str).into(),
                i64::from(batch_poll.interval_factor).into(),
                i64::from(batch_poll.needs_item_messages).into(),
                micros(now).into(),
                micros(now).into(),
                micros(batch_poll.due_at).into(),
                0_i64.into(),
            ])
            .on_conflict(OnConflict::columns([Col::Institution, Col::List]).do_nothing().to_owned())
            .to_owned();
        self.defer(&statement).await
    }

    /// Gives a list back, with [`BatchPoll::moved_at`] and [`BatchPoll::read_at`] as they are now. One that was to be read at once
    /// meanwhile is read once more.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] when somebody else reads it by now.
    pub async fn finish_batch_poll(&mut self, batch_poll: &BatchPoll, due_at: Timestamp) -> Result<(), Error> {
        let due = CaseStatement::new()
            .case(Expr::col(Col::DueAt).ne(batch_poll.due_at), Expr::col(Col::DueAt))
            .finally(micros(due_at));
        let statement = Query::update()
            .table(Table)
            .value(Col::DueAt, Expr::expr(due))
            .value(Col::LastChangeAt, micros(batch_poll.last_change_at))
            .value(Col::LastReadAt, micros(batch_poll.read_at))
            .value(Col::LeaseUntil, 0_i64)
            .and_where(Expr::col(Col::Institution).eq(batch_poll.institution.as_str()))
            .and_where(Expr::col(Col::List).eq(batch_poll.list.as_str()))
            .and_where(Expr::col(Col::LeaseUntil).eq(batch_poll.until))
            .to_owned();
        self.defer_expecting_one(&statement, || Error::LeaseLost).await
    }

    /// Makes polls due one by one from `due_at` on, where no list covers them any more.
    pub async fn detach_from_list(&mut self, polls: &[Uuid], due_at: Timestamp) -> Result<(), Error> {
        for poll in polls {
            let statement = Query::update()
                .table(intents::Table)
                .value(IntentCol::List, "")
                .value(IntentCol::DueAt, micros(due_at))
                .and_where(Expr::col(IntentCol::Id).eq(poll.to_string()))
                .and_where(Expr::col(IntentCol::State).eq(OPEN))
                .and_where(Expr::col(IntentCol::DueAt).gt(micros(due_at)))
                .to_owned();
            self.defer(&statement).await?;
        }
        Ok(())
    }
}
