//! Reschedules intents and batch polls to an earlier time: after a webhook message, when an institution is reachable again,
//! and when the clock was set back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lending::{InstitutionCode, RequestId};
use sea_query::{BinOper, CaseStatement, Expr, ExprTrait, Query};

use crate::db::{Store, Tx};
use crate::error::Error;
use crate::intents::{Col, EFFECT, NOTHING_NEW, OPEN, POLL, Table, polls_of};
use crate::time::micros;
use crate::{batch_polls, webhooks};

impl Store {
    /// Lets effects and polls be done, and lists be read, now that are due later than any pause could put them off: they were put off by a
    /// clock that has been set back since. Deadlines stay. Answers how many there were.
    pub async fn reschedule_after_clock_change(
        &self,
        now: Timestamp,
        effects: Duration,
        polls: Duration,
    ) -> Result<u64, Error> {
        let mut tx = self.begin().await?;
        let mut touched = 0;
        for (kind, longest_pause) in [(EFFECT, effects), (POLL, polls)] {
            let longest = SignedDuration::try_from(longest_pause).unwrap_or(SignedDuration::MAX);
            let latest = now.checked_add(longest).unwrap_or(Timestamp::MAX);
            let statement = Query::update()
                .table(Table)
                .value(Col::DueAt, micros(now))
                .and_where(Expr::col(Col::State).eq(OPEN))
                .and_where(Expr::col(Col::Kind).eq(kind))
                .and_where(Expr::col(Col::DueAt).gt(micros(latest)))
                .to_owned();
            touched += tx.execute(&statement).await?;
        }
        let longest = SignedDuration::try_from(polls).unwrap_or(SignedDuration::MAX);
        let latest = now.checked_add(longest).unwrap_or(Timestamp::MAX);
        let lists = Query::update()
            .table(batch_polls::Table)
            .value(batch_polls::Col::DueAt, micros(now))
            .and_where(Expr::col(batch_polls::Col::DueAt).gt(micros(latest)))
            .to_owned();
        touched += tx.execute(&lists).await?;
        tx.commit().await?;
        Ok(touched)
    }

    /// Lets all lists of an institution be read at once, and its polls that stand on none be made at `latest`.
    pub async fn reschedule_unlisted_polls(
        &self,
        institution: &InstitutionCode,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.reschedule_lists(institution, now).await?;
        let statement = Query::update()
            .table(Table)
            .value(Col::DueAt, micros(latest))
            .and_where(Expr::col(Col::Institution).eq(institution.as_str()))
            .and_where(Expr::col(Col::State).eq(OPEN))
            .and_where(Expr::col(Col::Kind).eq(POLL))
            .and_where(Expr::col(Col::List).eq(""))
            .and_where(Expr::col(Col::DueAt).gt(micros(latest)))
            .to_owned();
        tx.execute(&statement).await?;
        tx.commit().await
    }

    /// Lets the lists of all institutions that have a webhook be read at once, and those that were read less than `apart` ago
    /// when that has passed. Answers how many there are.
    pub async fn reschedule_webhook_lists(&self, now: Timestamp, apart: Duration) -> Result<u64, Error> {
        let apart = i64::try_from(apart.as_micros()).unwrap_or(i64::MAX);
        let soonest = || {
            let then = || Expr::col(batch_polls::Col::LastReadAt).add(apart);
            CaseStatement::new().case(then().gt(micros(now)), then()).finally(micros(now))
        };
        let hints = Query::select().column(webhooks::Col::Institution).from(webhooks::WebhookTable).to_owned();
        let is_read = Expr::col(batch_polls::Col::LeaseUntil).gt(micros(now));
        let lists = Query::update()
            .table(batch_polls::Table)
            .value(batch_polls::Col::DueAt, Expr::expr(soonest()))
            .and_where(Expr::col(batch_polls::Col::Institution).in_subquery(hints))
            // What is being read may have been read too early.
            .and_where(Expr::col(batch_polls::Col::DueAt).gt(Expr::expr(soonest())).or(is_read))
            .to_owned();
        let mut tx = self.begin().await?;
        let touched = tx.execute(&lists).await?;
        tx.commit().await?;
        Ok(touched)
    }
}

impl Tx {
    /// Lets the open polls of a request be made at once, with a line in [`Intent::hints`](crate::Intent::hints); one that is
    /// under way may have read before, and is made once more.
    pub async fn reschedule_polls(&mut self, request: RequestId, hints: &str, due_at: Timestamp) -> Result<(), Error> {
        let due = CaseStatement::new()
            .case(Expr::col(Col::DueAt).lt(micros(due_at)), Expr::col(Col::DueAt))
            .finally(micros(due_at));
        let statement = Query::update()
            .table(Table)
            .value(Col::DueAt, Expr::expr(due))
            .value(Col::HintedAt, micros(due_at))
            .value(Col::Hints, Expr::col(Col::Hints).binary(BinOper::Custom("||"), Expr::val(hints)))
            .cond_where(polls_of(request))
            .to_owned();
        self.execute(&statement).await.map(drop)
    }

    /// Lets what was put off for an institution be done at once: effects, and polls that could not be made. Its lists are
    /// read, too.
    pub async fn reschedule_postponed(&mut self, institution: &InstitutionCode, now: Timestamp) -> Result<(), Error> {
        let not_made = Expr::col(Col::Kind).eq(POLL).and(Expr::col(Col::Outcome).ne(NOTHING_NEW));
        let statement = Query::update()
            .table(Table)
            .value(Col::DueAt, micros(now))
            .and_where(Expr::col(Col::Institution).eq(institution.as_str()))
            .and_where(Expr::col(Col::State).eq(OPEN))
            .and_where(Expr::col(Col::Kind).eq(EFFECT).or(not_made))
            .and_where(Expr::col(Col::DueAt).gt(micros(now)))
            .to_owned();
        self.execute(&statement).await?;
        self.reschedule_lists(institution, now).await
    }

    async fn reschedule_lists(&mut self, institution: &InstitutionCode, now: Timestamp) -> Result<(), Error> {
        let lists = Query::update()
            .table(batch_polls::Table)
            .value(batch_polls::Col::DueAt, micros(now))
            .and_where(Expr::col(batch_polls::Col::Institution).eq(institution.as_str()))
            .and_where(is_not_waiting(now))
            .to_owned();
        self.execute(&lists).await.map(drop)
    }
}

/// What is being read may have been read too early.
fn is_not_waiting(now: Timestamp) -> Expr {
    Expr::col(batch_polls::Col::DueAt).gt(micros(now)).or(Expr::col(batch_polls::Col::LeaseUntil).gt(micros(now)))
}
