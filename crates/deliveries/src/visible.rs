//! Decides which requests' events a caller sees, by the same rule as for lists of requests.

use std::collections::HashSet;

use access::{Caller, Role};
use engine::{Engine, Error, agencies_of_library};
use lending::{AgencyCode, InstitutionCode};
use store::OfAgencies;

/// Returns the requests that a caller sees; `None` for all. A discovery system stands for patrons alone.
///
/// # Errors
///
/// The agencies had to be read, and could not be.
pub async fn visible_requests(engine: &Engine, caller: &Caller) -> Result<Option<OfAgencies>, Error> {
    if caller.is_consortium_admin() {
        return Ok(None);
    }
    if caller.role() == Role::Discovery {
        let borrowers = caller.agencies().iter().cloned().collect();
        return Ok(Some(OfAgencies { borrowers, ..OfAgencies::default() }));
    }
    Ok(Some(requests_of(engine, &|agency| caller.owns(agency)).await?))
}

/// Returns the requests at which one of some agencies stands on a side.
///
/// # Errors
///
/// The agencies had to be read, and could not be.
pub async fn requests_of(engine: &Engine, owns: &(dyn Fn(&AgencyCode) -> bool + Sync)) -> Result<OfAgencies, Error> {
    let agencies = engine.agencies().await?;
    let own = || agencies.iter().filter(|agency| owns(&agency.code));
    let with_library =
        |agency: &store::Agency| agency.library.clone().map(|library| (agency.institution.clone(), library));
    // The agencies of a library that none is registered for.
    let lends_otherwise = |institution: &InstitutionCode| {
        let found = agencies_of_library(&agencies, institution, None);
        found.iter().any(|agency| owns(&agency.code))
    };
    let lenders: HashSet<_> = own().map(|agency| agency.institution.clone()).filter(lends_otherwise).collect();
    let in_lenders = agencies.iter().filter(|agency| lenders.contains(&agency.institution));
    let pickup = engine.pickup_agencies().await?;
    let pickup = pickup.iter().filter(|(_, agency)| owns(agency));
    Ok(OfAgencies {
        borrowers: own().map(|agency| agency.code.clone()).collect(),
        lender_libraries: own().filter_map(with_library).collect(),
        other_libraries: in_lenders.filter_map(with_library).collect(),
        lenders: lenders.into_iter().collect(),
        pickup_locations: pickup.map(|(code, _)| code.clone()).collect(),
    })
}
