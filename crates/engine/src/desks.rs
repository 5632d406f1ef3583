//! What waits at lenders' desks, read by the hundred: a hold that is still on its desk's list of tasks was neither sent nor
//! ended, so its item need not be read.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use lending::{HoldId, InstitutionCode, LibraryCode, Request, Side};
use lms::{HostLms, Outcome};
use store::Intent;

use crate::engine::Engine;

/// A list of one library, as last read. `None` where the system offers none.
type Listed = Option<(Timestamp, Option<Arc<HashSet<HoldId>>>)>;
/// A list that one at a time may read.
type Shared = Arc<tokio::sync::Mutex<Listed>>;

type Desk = (InstitutionCode, LibraryCode);

/// A desk from which nothing was sent for so long is asked less often.
const QUIET_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The lists as last read.
#[derive(Debug, Default)]
pub(crate) struct DeskLists {
    /// A lock for each, so that one that is slow keeps nobody from the others.
    known: Mutex<HashMap<Desk, Shared>>,
    /// When a hold was last seen to have left each list.
    left: Mutex<HashMap<Desk, Timestamp>>,
}

impl DeskLists {
    fn of(&self, desk: &Desk) -> Shared {
        Arc::clone(self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(desk.clone()).or_default())
    }

    fn note(&self, desk: &Desk, has_left: bool, now: Timestamp) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let last = left.entry(desk.clone()).or_insert(now);
        if has_left {
            *last = now;
        }
    }

    /// Whether nothing has been sent from a desk for a while.
    pub(crate) fn is_quiet(&self, institution: &InstitutionCode, library: &LibraryCode, now: Timestamp) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let last = left.get(&(institution.clone(), library.clone()));
        last.is_some_and(|last| now.duration_since(*last) > QUIET_AFTER)
    }
}

impl Engine {
    /// Whether the request's hold still waits at the lender's desk, by a list that is new enough. `false` says nothing: the
    /// item must be read. Where somebody asked for the look, or the lender told of the item, the list isn't asked.
    pub(crate) async fn waits_at_desk(
        &self,
        lms: &dyn HostLms,
        intent: &Intent,
        request: &Request,
        side: Side,
    ) -> Outcome<bool> {
        let Some(supply) = request.supply.as_ref().filter(|_| side == Side::Lender && !request.is_dispatched()) else {
            return Ok(false);
        };
        let Some(hold) = supply.hold.open().filter(|_| !intent.hinted) else { return Ok(false) };
        let desk = (intent.institution.clone(), supply.copy.library.clone());
        let list = self.desk_lists.of(&desk);
        let mut list = list.lock().await;
        let now = self.clock.now();
        // All that wait at a desk fall due at the same moment. A list of the time before isn't new by a few milliseconds.
        let interval = SignedDuration::try_from(self.settings.desk_list).unwrap_or(SignedDuration::MAX);
        let is_new = list.as_ref().is_some_and(|(at, _)| {
            let age = now.duration_since(*at).abs();
            age < interval / 2 || (age < interval && *at >= intent.due_at)
        });
        if !is_new {
            let read = lms.waiting_holds(&supply.copy.library).await?;
            *list = Some((now, read.map(Arc::new)));
        }
        let Some(holds) = list.as_ref().and_then(|(_, holds)| holds.as_ref()) else { return Ok(false) };
        let waits = holds.contains(&hold.id);
        self.desk_lists.note(&desk, !waits, now);
        Ok(waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_is_quiet_once_nothing_has_left_it_for_an_hour() {
        let (lists, desk) = (DeskLists::default(), (InstitutionCode::from("01LEND_INST"), LibraryCode::from("MAIN")));
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let is_quiet = |minutes| lists.is_quiet(&desk.0, &desk.1, at(minutes));
        assert!(!is_quiet(600), "nothing is known of it");
        lists.note(&desk, false, at(0));
        lists.note(&desk, false, at(50));
        assert!(!is_quiet(60) && is_quiet(61));
        lists.note(&desk, true, at(70));
        assert!(!is_quiet(130) && is_quiet(131));
    }
}
