//! Reads a patron's record and account, and finds each reason why they may not borrow.

use alma::{Code, LoanFilter, LoanProcess, User, UserId};
use jiff::Timestamp;
use lending::{
    AccountLimits, AgencyCode, AgencyEvidence, PatronAccount, PatronId, PatronRefusal, PatronType, VerifiedPatron,
};

use super::Alma;
use super::errors::to_lms_error;
use super::shown::{pickup_code, shown};
use crate::error::Result;
use crate::host::PatronCheck;

impl Alma {
    /// Reads a patron and checks that they may borrow: a patron's record that is active, not expired and without an
    /// active block, a mapped user group (requirements page, "Patron verification"; field names by Alma's `rest_user`),
    /// and an account within the limits of the patron's agency.
    pub(super) async fn read_patron(&self, check: &PatronCheck<'_>) -> Result<Result<VerifiedPatron, PatronRefusal>> {
        let user = match self.read_with_counts(&UserId::from(check.id.as_str()), check.limits.consider_fees()).await {
            Ok(user) => user,
            Err(error) if error.is_not_found() => return Ok(Err(PatronRefusal::Unknown)),
            Err(error) => return Err(to_lms_error(error)),
        };
        if let Some(refusal) = self.agency_refusal(&user, check.agency) {
            return Ok(Err(refusal));
        }
        let group = user.user_group().map(|coded| coded.as_str().to_owned());
        let patron_type = group.as_ref().and_then(|group| self.settings.patron_types.get(group)).cloned();
        let mut causes = record_causes(&user, check);
        let Some(patron_type) = patron_type else {
            causes.push(PatronRefusal::UnmappedType { group: group.clone() });
            return Ok(Err(PatronRefusal::all(causes).unwrap_or(PatronRefusal::UnmappedType { group })));
        };
        causes.extend(self.account_causes(&user, &patron_type, check, causes.is_empty()).await?);
        Ok(match PatronRefusal::all(causes) {
            None => {
                let is_shared = !self.settings.campus_agencies.is_empty();
                let agency = if is_shared { AgencyEvidence::Campus } else { AgencyEvidence::OnlyAgency };
                let id = user.primary_id().as_str();
                Ok(VerifiedPatron {
                    id: PatronId::from(id),
                    patron_type,
                    agency,
                    pickup_code: Some(pickup_code(self.pseudonyms()?, self.settings.institution.as_str(), id)?),
                    shown_to_lender: shown(&user, self.settings.patron_shown_to_lender, &self.settings),
                    shown_at_pickup: shown(&user, self.settings.patron_shown_at_pickup, &self.settings),
                })
            }
            Some(refusal) => Err(refusal),
        })
    }

    /// Returns the refusal if the campus in the user's record belongs to another agency than the request names, or to
    /// none. An Alma that several libraries share has no other field for the library of a user, and no default
    /// (alma-field-notes.md, "Users" and "Added 2026-11-29"). The rules of another agency would decide on everything
    /// else, so this is the only reason.
    fn agency_refusal(&self, user: &User, named: &AgencyCode) -> Option<PatronRefusal> {
        let agencies = &self.settings.campus_agencies;
        if agencies.is_empty() {
            return None;
        }
        let campus = user.campus_code().map(|coded| coded.as_str().to_owned());
        match campus.as_ref().and_then(|campus| agencies.get(campus)) {
            Some(agency) if agency == named => None,
            Some(agency) => Some(PatronRefusal::OtherAgency { agency: agency.clone() }),
            None => Some(PatronRefusal::UnmappedCampus { campus }),
        }
    }

    /// Reads the user with the counts of their account. Alma was seen to refuse `expand=fees` for patrons who owe fees
    /// (pulibrary/bibdata#2059). Their fees are unknown then.
    async fn read_with_counts(&self, id: &UserId, with_fees: bool) -> alma::Result<User> {
        match self.client.users().get_with_counts(id, with_fees).await {
            Err(error) if with_fees && error.is_refused_with(&Code::General) => {
                self.client.users().get_with_counts(id, false).await
            }
            read => read,
        }
    }

    /// Returns the limits that the account has reached. The loans are read only if a loan may be overdue and nothing
    /// else speaks against the patron, since that costs a call.
    async fn account_causes(
        &self,
        user: &User,
        patron_type: &PatronType,
        check: &PatronCheck<'_>,
        is_fit: bool,
    ) -> Result<Vec<PatronRefusal>> {
        let limits: AccountLimits = check.limits.of(patron_type);
        let mut account = PatronAccount {
            loans: user.loan_count(),
            requests: user.request_count(),
            overdue: None,
            fees: user.unpaid_fees(),
        };
        let causes = limits.check(&account);
        if !is_fit || !causes.is_empty() || !limits.needs_overdue(account.loans) {
            return Ok(causes);
        }
        account.overdue = self.count_overdue(user.primary_id(), check.now).await?;
        Ok(limits.check(&account))
    }

    /// Counts the user's overdue loans. A loan whose item the patron claims to have returned doesn't count, nor does one
    /// whose due date can't be read. Returns `None` if Alma refuses the list.
    async fn count_overdue(&self, user: &UserId, now: Timestamp) -> Result<Option<u32>> {
        let loans = match self.client.user_loans(user).list(LoanFilter::Active).whole().await {
            Ok(loans) => loans,
            Err(alma::Error::Refused { .. } | alma::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(to_lms_error(error)),
        };
        let is_overdue = |loan: &&alma::Loan| {
            loan.due_date.is_some_and(|due| due < now)
                && !matches!(loan.process_status, Some(LoanProcess::ClaimedReturned))
        };
        Ok(u32::try_from(loans.iter().filter(is_overdue).count()).ok())
    }
}

/// Returns the reasons in the user's record, but for the user group.
fn record_causes(user: &User, check: &PatronCheck<'_>) -> Vec<PatronRefusal> {
    let mut causes = Vec::new();
    if user.record_type().is_some_and(|kind| kind.as_str().eq_ignore_ascii_case("CONTACT")) {
        causes.push(PatronRefusal::Contact);
    }
    if !user.is_active() {
        let deleted = user.status().is_some_and(|status| status.as_str().eq_ignore_ascii_case("DELETED"));
        causes.push(if deleted { PatronRefusal::Deleted } else { PatronRefusal::Inactive });
    }
    // Alma's dates have no zone. A card is valid until the end of its last day at the patron's library.
    if let Some(last) = user.expiry_date().filter(|last| *last < check.today) {
        causes.push(PatronRefusal::Expired { on: Some(last.to_string()) });
    }
    let blocks: Vec<String> =
        user.blocks().iter().filter(|block| block.stops_at(check.now)).map(describe_block).collect();
    if !blocks.is_empty() {
        causes.push(PatronRefusal::Blocked { blocks });
    }
    causes
}

fn describe_block(block: &alma::Block) -> String {
    let named = block.block_description.as_ref().or(block.block_type.as_ref());
    named.map_or_else(
        || "a block without a description".to_owned(),
        |coded| coded.desc.clone().unwrap_or_else(|| coded.value.clone()),
    )
}
