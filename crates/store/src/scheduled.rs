//! The polls and deadlines that a request's status asks for.

use jiff::Timestamp;
use lending::RequestId;
use sea_query::{CaseStatement, Expr, ExprTrait, Query};

use crate::db::Tx;
use crate::error::Error;
use crate::intents::{Col, DEADLINE, NewIntent, POLL, Table, kind_and_name, on_list, open_of};
use crate::time::micros;

/// An open look or deadline: id, kind, what for, institution, end of the lease, and where it stands on a list.
type There = (String, String, String, String, i64, String, String, i64);

impl Tx {
    /// Makes the open polls and deadlines of a request these: missing ones are queued, others taken away, and those
    /// that are there keep their time. One under way stays until it ends by itself.
    pub async fn set_scheduled(
        &mut self,
        request: RequestId,
        wanted: &[NewIntent],
        now: Timestamp,
    ) -> Result<(), Error> {
        let statement = Query::select()
            .columns([
                Col::Id,
                Col::Kind,
                Col::Target,
                Col::Institution,
                Col::LeaseUntil,
                Col::List,
                Col::ListKey,
                Col::ListExpected,
            ])
            .from(Table)
            .cond_where(open_of(request))
            .and_where(Expr::col(Col::Kind).is_in([POLL, DEADLINE]))
            .to_owned();
        let there: Vec<There> = self.fetch(&statement).await?;
        let same = |kind: &str, what: &str, institution: &str, wanted: &NewIntent| {
            (kind, what) == kind_and_name(wanted.work) && institution == wanted.institution.as_str()
        };
        for (id, kind, what, institution, until, ..) in &there {
            let is_wanted = wanted.iter().any(|wanted| same(kind, what, institution, wanted));
            if !is_wanted && *until <= micros(now) {
                let delete = Query::delete().from_table(Table).and_where(Expr::col(Col::Id).eq(id.as_str())).to_owned();
                self.defer(&delete).await?;
            }
        }
        for wanted in wanted {
            let found = there.iter().find(|(_, kind, what, institution, ..)| same(kind, what, institution, wanted));
            match found {
                None => self.add_intent(wanted, now).await?,
                Some((id, .., list, key, has)) => {
                    if (list.as_str(), key.as_str(), *has) != on_list(wanted.on_list.as_ref()) {
                        self.change_list(id, wanted, now).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What happens next shows in another list, so that its time is another too, unless it is polled now or something
    /// was reported about it.
    async fn change_list(&mut self, id: &str, wanted: &NewIntent, now: Timestamp) -> Result<(), Error> {
        let (list, key, has) = on_list(wanted.on_list.as_ref());
        let waits = Expr::col(Col::LeaseUntil).lte(micros(now)).and(Expr::col(Col::Hints).eq(""));
        let due = CaseStatement::new().case(waits, Expr::val(micros(wanted.due_at))).finally(Expr::col(Col::DueAt));
        let statement = Query::update()
            .table(Table)
            .value(Col::List, list)
            .value(Col::ListKey, key)
            .value(Col::ListExpected, has)
            .value(Col::DueAt, Expr::expr(due))
            .and_where(Expr::col(Col::Id).eq(id))
            .to_owned();
        self.defer(&statement).await
    }
}
