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

/// The lists as last read.
#[derive(Debug, Default)]
pub(crate) struct DeskLists {
    /// A lock for each, so that one that is slow keeps nobody from the others.
    known: Mutex<HashMap<(InstitutionCode, LibraryCode), Shared>>,
}

impl DeskLists {
    fn of(&self, institution: &InstitutionCode, library: &LibraryCode) -> Shared {
        let key = (institution.clone(), library.clone());
        Arc::clone(self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
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
        let list = self.desk_lists.of(&intent.institution, &supply.copy.library);
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
        let waits = list.as_ref().and_then(|(_, holds)| holds.as_ref()).is_some_and(|holds| holds.contains(&hold.id));
        Ok(waits)
    }
}
