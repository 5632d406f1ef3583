//! How often what is looked at: seldom where the library's system tells by itself, since a look is then only for what was
//! told and lost.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use lending::{InstitutionCode, Request, Side};
use store::Store;

use crate::engine::Engine;
use crate::error::Error;
use crate::settings::Polling;

/// For how long it is remembered who has a webhook; another node may have changed it.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(30);

/// Who has a webhook, as last read.
#[derive(Debug, Default)]
pub(crate) struct Ears {
    read: RwLock<Option<(Timestamp, Arc<HashSet<InstitutionCode>>)>>,
}

impl Ears {
    async fn all(&self, store: &Store, now: Timestamp) -> Result<Arc<HashSet<InstitutionCode>>, Error> {
        if let Some((at, all)) = &*self.read.read().unwrap_or_else(PoisonError::into_inner)
            && now.duration_since(*at).abs() < REMEMBERED
        {
            return Ok(Arc::clone(all));
        }
        let all: Arc<HashSet<_>> = Arc::new(store.institutions_with_webhook().await?.into_iter().collect());
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&all)));
        Ok(all)
    }

    pub(crate) fn forget(&self) {
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Engine {
    /// How often `side` of the request is looked at. That a lender has sent its item is told by no message of Alma's, so
    /// until then the lender is looked at as if it told nothing.
    pub(crate) async fn polling(&self, request: &Request, side: Side, now: Timestamp) -> Result<Polling, Error> {
        let untold = side == Side::Lender && !request.is_dispatched();
        let Some(institution) = request.institution(side).filter(|_| !untold) else { return Ok(self.settings.polling) };
        let all = self.ears.all(&self.store, now).await?;
        Ok(if all.contains(institution) { self.settings.told_polling } else { self.settings.polling })
    }
}
