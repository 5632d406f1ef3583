//! The patron's account at their own library, and the limits that the library sets for it.
//!
//! Alma stores a block that staff set on the user's record. It works out blocks by limits (too many loans, overdue
//! items, fees) only when a desk lends, and reports none of them (`GET /users/{user_id}`, alma-api.md 2.1). So the hub
//! reads the counts that Alma does report, and compares them with limits that the agency's rules set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::refusal::PatronRefusal;
use crate::request::PatronType;

/// The entry that holds for each patron type without an entry of its own.
const ANY_TYPE: &str = "*";

/// The counts of a patron's account. A count that the library's system doesn't report is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PatronAccount {
    /// The number of open loans.
    pub loans: Option<u32>,
    /// The number of open requests in the library's own system.
    pub requests: Option<u32>,
    /// The number of loans that are overdue.
    pub overdue: Option<u32>,
    /// The unpaid fees, in hundredths of the library's currency.
    pub fees: Option<u64>,
}

/// The limits of one patron type. A limit that is absent isn't checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountLimits {
    /// The largest number of open loans. With as many loans a patron gets no further one.
    pub max_loans: Option<u32>,
    /// The largest number of open requests in the library's own system.
    pub max_library_requests: Option<u32>,
    /// The largest number of overdue items with which a patron may still borrow.
    pub max_overdue: Option<u32>,
    /// The largest sum of unpaid fees with which a patron may still borrow, in whole units of the library's currency.
    pub max_fees: Option<u32>,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self { max_loans: None, max_library_requests: None, max_overdue: Some(0), max_fees: None }
    }
}

impl AccountLimits {
    /// Returns whether the number of overdue items can still decide, so that it must be known. An unknown number of loans
    /// costs no call.
    pub fn needs_overdue(&self, loans: Option<u32>) -> bool {
        loans.zip(self.max_overdue).is_some_and(|(loans, most)| loans > most)
    }

    /// Returns each reason why the account doesn't allow another loan. An unknown count gives no reason.
    pub fn check(&self, account: &PatronAccount) -> Vec<PatronRefusal> {
        let reached = |count: Option<u32>, most: Option<u32>| count.zip(most).filter(|(count, most)| count >= most);
        let mut causes = Vec::new();
        if let Some((loans, most)) = reached(account.loans, self.max_loans) {
            causes.push(PatronRefusal::LoanLimit { loans, most });
        }
        if let Some((requests, most)) = reached(account.requests, self.max_library_requests) {
            causes.push(PatronRefusal::RequestLimit { requests, most });
        }
        if let Some((items, most)) = account.overdue.zip(self.max_overdue).filter(|(items, most)| items > most) {
            causes.push(PatronRefusal::Overdue { items, most });
        }
        if let Some((_, most)) = account.fees.zip(self.max_fees).filter(|(fees, most)| *fees > u64::from(*most) * 100) {
            causes.push(PatronRefusal::Fees { most });
        }
        causes
    }
}

/// The limits of an agency's patrons by patron type. The entry `*` holds for each type without an entry of its own.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PatronLimits(pub BTreeMap<String, AccountLimits>);

impl PatronLimits {
    /// Returns the limits of a patron type.
    pub fn of(&self, patron_type: &PatronType) -> AccountLimits {
        self.0.get(&patron_type.0).or_else(|| self.0.get(ANY_TYPE)).copied().unwrap_or_default()
    }

    /// Returns each patron type that has limits of its own.
    pub fn patron_types(&self) -> impl Iterator<Item = PatronType> {
        self.0.keys().filter(|kind| *kind != ANY_TYPE).cloned().map(PatronType)
    }

    /// Returns whether the fees of any patron decide, so that they must be read.
    pub fn consider_fees(&self) -> bool {
        self.0.values().any(|limits| limits.max_fees.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(limits: AccountLimits, account: PatronAccount) -> Vec<&'static str> {
        limits.check(&account).iter().map(PatronRefusal::code).collect()
    }

    #[test]
    fn each_limit_that_is_reached_is_a_reason() {
        let limits = AccountLimits {
            max_loans: Some(10),
            max_library_requests: Some(5),
            max_overdue: Some(2),
            max_fees: Some(20),
        };
        let within = PatronAccount { loans: Some(9), requests: Some(4), overdue: Some(2), fees: Some(2_000) };
        assert_eq!(codes(limits, within), [""; 0]);
        let beyond = PatronAccount { loans: Some(10), requests: Some(5), overdue: Some(3), fees: Some(2_001) };
        let all = ["PATRON_LOAN_LIMIT", "PATRON_REQUEST_LIMIT", "PATRON_OVERDUE", "PATRON_FEES"];
        assert_eq!(codes(limits, beyond), all);
        assert_eq!(codes(limits, PatronAccount::default()), [""; 0], "an unknown count is no reason");
    }

    #[test]
    fn overdue_items_decide_only_where_there_are_enough_loans() {
        let usual = AccountLimits::default();
        assert!(!usual.needs_overdue(Some(0)) && usual.needs_overdue(Some(1)) && !usual.needs_overdue(None));
        let lenient = AccountLimits { max_overdue: Some(3), ..usual };
        assert!(!lenient.needs_overdue(Some(3)) && lenient.needs_overdue(Some(4)));
        assert!(!AccountLimits { max_overdue: None, ..usual }.needs_overdue(Some(9)));
    }

    #[test]
    fn limits_of_the_patron_type_come_before_those_of_all() {
        let of = |loans| AccountLimits { max_loans: Some(loans), ..AccountLimits::default() };
        let limits = PatronLimits([("staff".to_owned(), of(50)), ("*".to_owned(), of(5))].into());
        assert_eq!(limits.of(&PatronType("staff".to_owned())).max_loans, Some(50));
        assert_eq!(limits.of(&PatronType("visitor".to_owned())).max_loans, Some(5));
        assert_eq!(PatronLimits::default().of(&PatronType("staff".to_owned())), AccountLimits::default());
    }
}
