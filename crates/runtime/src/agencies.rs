//! The agencies' rules in use, remembered for a short time.

use std::collections::BTreeMap;
use std::sync::Arc;

use cache::Cache;
use jiff::{SignedDuration, Timestamp};
use lending::{AgencyCode, InstitutionCode, LibraryCode, PickupLocationCode, Request, Rules, Side};
use store::{Agency, Error, Store};
use tokio::sync::Mutex;

/// How long agencies are cached. Another node may have changed them.
const CACHE_TTL: SignedDuration = SignedDuration::from_secs(30);
/// The age from which the cache is refreshed where no transaction waits for it.
const REFRESH_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// The agency of each pickup location.
pub type PickupAgencies = BTreeMap<PickupLocationCode, AgencyCode>;

/// The agencies and the pickup locations as last read.
#[derive(Debug)]
pub(crate) struct Agencies {
    read: Cache<(), Arc<[Agency]>>,
    pickup: Cache<(), Arc<PickupAgencies>>,
    /// Only one task reads at a time.
    reading: Mutex<()>,
}

impl Default for Agencies {
    fn default() -> Self {
        Self { read: Cache::new(CACHE_TTL), pickup: Cache::new(CACHE_TTL), reading: Mutex::default() }
    }
}

impl Agencies {
    pub(crate) async fn all(&self, store: &Store, now: Timestamp) -> Result<Arc<[Agency]>, Error> {
        self.within(CACHE_TTL, store, now).await
    }

    /// Reads the agencies if the cache is about to expire, so that no transaction waits for it.
    pub(crate) async fn refresh(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        self.within(REFRESH_AFTER, store, now).await.map(drop)
    }

    async fn within(&self, age: SignedDuration, store: &Store, now: Timestamp) -> Result<Arc<[Agency]>, Error> {
        if let Some(agencies) = self.read.get_within(&(), age, now) {
            return Ok(agencies);
        }
        let _alone = self.reading.lock().await;
        if let Some(agencies) = self.read.get_within(&(), age, now) {
            return Ok(agencies);
        }
        let generation = self.read.generation();
        let agencies: Arc<[Agency]> = store.agencies().await?.into();
        self.read.insert_read(generation, (), Arc::clone(&agencies), now);
        Ok(agencies)
    }

    /// Returns the agency of each pickup location.
    pub(crate) async fn of_pickup_locations(
        &self,
        store: &Store,
        now: Timestamp,
    ) -> Result<Arc<PickupAgencies>, Error> {
        if let Some(known) = self.pickup.get(&(), now) {
            return Ok(known);
        }
        let generation = self.pickup.generation();
        let read = store.pickup_locations().await?.into_iter();
        let read: Arc<PickupAgencies> = Arc::new(read.map(|stored| (stored.location.code, stored.agency)).collect());
        self.pickup.insert_read(generation, (), Arc::clone(&read), now);
        Ok(read)
    }

    pub(crate) fn forget(&self) {
        self.read.clear();
        self.pickup.clear();
    }
}

/// Returns the agencies that a library of an institution may belong to. If one is registered for exactly this library,
/// it is the only one; otherwise those of the institution that are registered for no library, or else all of them.
pub fn agencies_of_library<'a>(
    agencies: &'a [Agency],
    institution: &InstitutionCode,
    library: Option<&LibraryCode>,
) -> Vec<&'a Agency> {
    let here: Vec<&Agency> = agencies.iter().filter(|agency| agency.institution == *institution).collect();
    let of =
        |is_such: &dyn Fn(&Agency) -> bool| here.iter().copied().filter(|agency| is_such(agency)).collect::<Vec<_>>();
    let exact = of(&|agency| agency.library.is_some() && agency.library.as_ref() == library);
    let general = of(&|agency| agency.library.is_none());
    [exact, general].into_iter().find(|found| !found.is_empty()).unwrap_or(here)
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
