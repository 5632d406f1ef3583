//! The agencies' rules in use, remembered for a short time.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use lending::{InstitutionCode, LibraryCode, Request, Rules, Side};
use store::{Agency, Error, Store};

/// For how long agencies are remembered; another node may have changed them.
const CACHE_TTL: SignedDuration = SignedDuration::from_secs(30);
/// They are read again from then on where nothing waits for them in a transaction.
const REFRESH_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// The agencies as last read.
#[derive(Debug, Default)]
pub(crate) struct Agencies {
    read: RwLock<Option<(Timestamp, Arc<[Agency]>)>>,
    /// One at a time reads.
    reading: tokio::sync::Mutex<()>,
}

impl Agencies {
    pub(crate) async fn all(&self, store: &Store, now: Timestamp) -> Result<Arc<[Agency]>, Error> {
        if let Some(agencies) = self.read_within(CACHE_TTL, now) {
            return Ok(agencies);
        }
        let _alone = self.reading.lock().await;
        if let Some(agencies) = self.read_within(CACHE_TTL, now) {
            return Ok(agencies);
        }
        self.read_anew(store, now).await
    }

    /// Reads what will have to be read soon, so that no transaction waits for it.
    pub(crate) async fn refresh(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        if self.read_within(REFRESH_AFTER, now).is_some() {
            return Ok(());
        }
        let _alone = self.reading.lock().await;
        match self.read_within(REFRESH_AFTER, now) {
            Some(_) => Ok(()),
            None => self.read_anew(store, now).await.map(drop),
        }
    }

    fn read_within(&self, time: SignedDuration, now: Timestamp) -> Option<Arc<[Agency]>> {
        let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
        let (at, agencies) = read.as_ref()?;
        (now.duration_since(*at).abs() < time).then(|| Arc::clone(agencies))
    }

    async fn read_anew(&self, store: &Store, now: Timestamp) -> Result<Arc<[Agency]>, Error> {
        let agencies: Arc<[Agency]> = store.agencies().await?.into();
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&agencies)));
        Ok(agencies)
    }

    pub(crate) fn forget(&self) {
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Returns the rules of the agency that a patron belongs to.
pub(crate) fn rules_of_patron(agencies: &[Agency], request: &Request) -> Rules {
    let found = agencies.iter().find(|agency| agency.code == request.patron.agency);
    found.map(|agency| agency.rules.clone()).unwrap_or_default()
}

/// Returns the rules of the agency that a library of an institution belongs to.
pub(crate) fn rules_of(agencies: &[Agency], institution: &InstitutionCode, library: Option<&LibraryCode>) -> Rules {
    let mut of_institution = agencies.iter().filter(|agency| agency.institution == *institution);
    let exact = of_institution.clone().find(|agency| agency.library.is_some() && agency.library.as_ref() == library);
    exact.or_else(|| of_institution.next()).map(|agency| agency.rules.clone()).unwrap_or_default()
}

/// Returns the rules of the agency whose staff act at a side of a request.
pub(crate) fn rules_at(agencies: &[Agency], request: &Request, side: Side) -> Rules {
    match (side, &request.supply) {
        (Side::Lender, Some(supply)) => rules_of(agencies, &supply.institution, Some(&supply.copy.library)),
        (Side::Lender, None) => Rules::default(),
        (Side::Borrower, _) => rules_of_patron(agencies, request),
        (Side::Pickup, _) => rules_of(agencies, &request.pickup.institution, Some(&request.pickup.library)),
    }
}
