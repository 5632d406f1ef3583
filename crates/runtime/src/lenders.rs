//! The policy for the choice of the supplier and the facts about lenders, remembered for a short time.

use std::collections::BTreeMap;
use std::sync::Arc;

use cache::Cache;
use jiff::{SignedDuration, Timestamp};
use lending::supplier::{Balance, Lender};
use lending::{AgencyCode, InstitutionCode, LibraryCode, Rules};
use store::{Agency, Error, LendingCounts, Store, StoredPolicy, SupplyCounts};
use tokio::sync::Mutex;

use crate::agencies::agencies_of_library;

/// How long the policy is cached. Another node announces a change; this is for an announcement that got lost.
const POLICY_TTL: SignedDuration = SignedDuration::from_secs(30);
/// How long balances are cached. They cover weeks, and counting them reads all requests of that time.
const BALANCES_TTL: SignedDuration = SignedDuration::from_mins(10);
/// The period over which loans are counted if the policy names none. A later trial of a policy needs them too.
const BALANCE_DAYS: u32 = 90;

/// The balance of each agency.
type Balances = BTreeMap<AgencyCode, Balance>;

/// The policy and the balances as last read.
#[derive(Debug)]
pub(crate) struct Lenders {
    policy: Cache<(), Arc<StoredPolicy>>,
    balances: Cache<u32, Arc<Balances>>,
    /// Only one task counts at a time.
    counting: Mutex<()>,
}

impl Default for Lenders {
    fn default() -> Self {
        Self { policy: Cache::new(POLICY_TTL), balances: Cache::new(BALANCES_TTL), counting: Mutex::default() }
    }
}

impl Lenders {
    pub(crate) fn forget(&self) {
        self.policy.clear();
        self.balances.clear();
    }

    /// Returns the policy that applies.
    pub(crate) async fn policy(&self, store: &Store, now: Timestamp) -> Result<Arc<StoredPolicy>, Error> {
        if let Some(known) = self.policy.get(&(), now) {
            return Ok(known);
        }
        let generation = self.policy.generation();
        let read = Arc::new(store.supplier_policy().await?);
        self.policy.insert_read(generation, (), Arc::clone(&read), now);
        Ok(read)
    }

    /// Returns the facts about the lenders of these institutions.
    pub(crate) async fn of(
        &self,
        institutions: &[InstitutionCode],
        agencies: &[Agency],
        store: &Store,
        now: Timestamp,
    ) -> Result<Vec<Lender>, Error> {
        let days = self.policy(store, now).await?.policy.balance_days().unwrap_or(BALANCE_DAYS);
        let balances = self.balances(days, agencies, store, now).await?;
        let counts = store.supply_counts(institutions).await?;
        let lenders = institutions.iter().flat_map(|institution| lenders_of(institution, agencies, now));
        let counted = lenders.map(|lender| Lender {
            balance: lender.agency.as_ref().map(|agency| balances.get(agency).copied().unwrap_or_default()),
            ..with_counts(lender, &counts, agencies)
        });
        Ok(counted.collect())
    }

    async fn balances(
        &self,
        days: u32,
        agencies: &[Agency],
        store: &Store,
        now: Timestamp,
    ) -> Result<Arc<Balances>, Error> {
        if let Some(known) = self.balances.get(&days, now) {
            return Ok(known);
        }
        let _alone = self.counting.lock().await;
        if let Some(known) = self.balances.get(&days, now) {
            return Ok(known);
        }
        let generation = self.balances.generation();
        let since = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN);
        let counted = Arc::new(balances_of(&store.lending_counts(since).await?, agencies));
        self.balances.insert_read(generation, days, Arc::clone(&counted), now);
        Ok(counted)
    }
}

/// Returns the agency that a copy belongs to; `None` if that is in doubt.
pub fn agency_of_copy<'a>(
    agencies: &'a [Agency],
    institution: &InstitutionCode,
    library: &LibraryCode,
) -> Option<&'a Agency> {
    match agencies_of_library(agencies, institution, Some(library))[..] {
        [agency] => Some(agency),
        _ => None,
    }
}

fn lenders_of(institution: &InstitutionCode, agencies: &[Agency], now: Timestamp) -> Vec<Lender> {
    let here = agencies.iter().filter(|agency| agency.institution == *institution);
    let mut lenders: Vec<Lender> = here
        .map(|agency| Lender::with_rules(institution.clone(), Some(agency.code.clone()), &agency.rules, now))
        .collect();
    // An institution without an agency lends by the rules that an agency begins with.
    if lenders.is_empty() {
        lenders.push(Lender::with_rules(institution.clone(), None, &Rules::default(), now));
    }
    lenders
}

/// Adds the numbers of open requests. Those of a library that may be of several agencies count for each of them.
fn with_counts(mut lender: Lender, counts: &[SupplyCounts], agencies: &[Agency]) -> Lender {
    for count in counts.iter().filter(|count| count.institution == lender.institution) {
        let of = agencies_of_library(agencies, &count.institution, Some(&count.library));
        let is_its_own = of.iter().any(|agency| Some(&agency.code) == lender.agency.as_ref());
        if is_its_own || lender.agency.is_none() {
            lender.open_supplies += count.open;
            lender.to_send += count.to_send;
        }
    }
    lender
}

fn balances_of(counts: &[LendingCounts], agencies: &[Agency]) -> Balances {
    let mut balances = Balances::new();
    for count in counts {
        let of = agencies_of_library(agencies, &count.institution, Some(&count.library));
        // An item for the library's own patron is no lending to others.
        if of.iter().any(|agency| agency.code == count.borrower) {
            continue;
        }
        for agency in of {
            balances.entry(agency.code.clone()).or_default().lent += count.items;
        }
        balances.entry(count.borrower.clone()).or_default().borrowed += count.items;
    }
    balances
}

#[cfg(test)]
mod tests {
    use lending::example;

    use super::*;

    fn agency(code: &str, institution: &str, library: Option<&str>) -> Agency {
        Agency {
            code: code.into(),
            name: code.to_owned(),
            institution: institution.into(),
            library: library.map(Into::into),
            rules: Rules { most_open_supplies: Some(9), ..Rules::default() },
        }
    }

    fn agencies() -> [Agency; 3] {
        [agency("A", "I", Some("MAIN")), agency("B", "I", None), agency("C", "J", None)]
    }

    fn lent(library: &str, borrower: &str, items: u32) -> LendingCounts {
        LendingCounts { institution: "I".into(), library: library.into(), borrower: borrower.into(), items }
    }

    #[test]
    fn open_supplies_count_for_the_agency_of_the_library() {
        let count = |library: &str, open, to_send| SupplyCounts {
            institution: "I".into(),
            library: library.into(),
            open,
            to_send,
        };
        let counts = [count("MAIN", 5, 2), count("LAW", 7, 3), count("ART", 1, 1)];
        let lenders = lenders_of(&"I".into(), &agencies(), example::noon());
        let counted = lenders.into_iter().map(|lender| with_counts(lender, &counts, &agencies()));
        let found: Vec<_> =
            counted.map(|lender| (lender.open_supplies, lender.to_send, lender.most_open_supplies)).collect();
        assert_eq!(found, [(5, 2, Some(9)), (8, 4, Some(9))]);
    }

    #[test]
    fn balance_leaves_out_what_a_library_lends_to_its_own_patrons() {
        let counts = [lent("MAIN", "C", 4), lent("MAIN", "A", 100), lent("LAW", "A", 3)];
        let balances = balances_of(&counts, &agencies());
        let of = |agency: &str| balances.get(&AgencyCode::from(agency)).copied().unwrap_or_default();
        assert_eq!(of("A"), Balance { lent: 4, borrowed: 3 });
        assert_eq!(of("B"), Balance { lent: 3, borrowed: 0 });
        assert_eq!(of("C"), Balance { lent: 0, borrowed: 4 });
    }

    #[test]
    fn institution_without_an_agency_lends_by_the_first_rules() {
        let lenders = lenders_of(&"K".into(), &agencies(), example::noon());
        assert_eq!((lenders.len(), lenders[0].agency.as_ref(), lenders[0].lends), (1, None, true));
    }

    #[test]
    fn copy_belongs_to_the_agency_of_its_library_if_there_is_one_only() {
        let agencies = [agencies().as_slice(), &[agency("D", "J", None)]].concat();
        let of = |institution: &str, library: &str| {
            agency_of_copy(&agencies, &institution.into(), &library.into()).map(|agency| agency.code.as_str())
        };
        assert_eq!((of("I", "MAIN"), of("I", "LAW"), of("J", "MAIN")), (Some("A"), Some("B"), None));
    }
}
