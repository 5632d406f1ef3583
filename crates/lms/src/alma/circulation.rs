//! The hub's calls while an item is out: renewals, due dates, another pickup location, and loans that nobody else will
//! close.

use alma::{Cancellation, RequestId as AlmaRequestId, ScanIn, UserId};
use jiff::Timestamp;
use lending::{Hold, HoldId, HoldState, Loan, PatronId, Refusal};
use serde_json::json;

use super::Alma;
use super::absence::removed;
use super::errors::to_lms_error;
use super::lender::{Lent, loan_of};
use crate::error::{Error, Result};
use crate::host::{Attempt, ItemRef, PatronHold};

impl Alma {
    /// Renews a loan. Alma may report a renewal and leave the due date as it was, so the hub compares the dates
    /// (alma-api.md 8.5). After a lost answer, or one whose due date can't be read, the hub reads the loan first, since
    /// a second renewal would be one too many.
    pub(super) async fn renew_loan(&self, loan: &Loan, of: &PatronId, attempt: Attempt) -> Result<Loan> {
        let loans = self.client.user_loans(&UserId::from(of.as_str()));
        let id = loan.id.as_str().into();
        if attempt == Attempt::AfterUnclear {
            let now = loan_of(&loans.get(&id).await.map_err(to_lms_error)?);
            if now.due.is_none() {
                return Err(Error::Unreadable { what: "the due date of the loan that may be renewed".to_owned() });
            }
            if now.due > loan.due {
                return Ok(now);
            }
        }
        let renewed = loan_of(&loans.renew(&id).await.map_err(to_lms_error)?);
        if renewed.due.is_none() {
            return Err(Error::Unclear { reason: "the due date of the renewed loan can't be read".to_owned() });
        }
        if renewed.due > loan.due {
            Ok(renewed)
        } else {
            Err(Error::refused(
                "RENEWED_WITHOUT_EFFECT",
                "The lender's Alma accepted the renewal but left the due date as it was.",
            ))
        }
    }

    /// Sets the due date. Setting the same date twice does no harm, so an unclear attempt is repeated.
    pub(super) async fn change_due_date(&self, loan: &Loan, of: &PatronId, due: Timestamp) -> Result<Loan> {
        let loans = self.client.user_loans(&UserId::from(of.as_str()));
        let changed = loans.change_due_date(&loan.id.as_str().into(), due).await.map_err(to_lms_error)?;
        Ok(loan_of(&changed))
    }

    /// Stops renewals of a virtual item. A loan has no flag that denies renewal, so the item gets a policy whose loans
    /// Alma doesn't renew. The hub reads the item back, since Alma has been seen to answer a change with 200 and not
    /// make it.
    pub(super) async fn stop_renewals(&self, item: &ItemRef) -> Result<()> {
        let Some(policy) = &self.settings.virtual_item_policy_no_renewal else {
            return Err(Error::refused(
                "NO_RENEWAL_POLICY_UNSET",
                "The institution's settings name no virtual_item_policy_no_renewal, so its patrons can still renew items that their \
                 lender wants back. Name an item policy whose loans Alma doesn't renew.",
            ));
        };
        let path = Self::path(item);
        let mut fields = serde_json::Map::new();
        fields.insert("policy".to_owned(), json!({"value": policy}));
        self.client.items().update_fields(&path, fields).await.map_err(to_lms_error)?;
        let read = self.client.items().get(&path).await.map_err(to_lms_error)?;
        if read.item_policy.is_some_and(|found| found.as_str() == policy) {
            Ok(())
        } else {
            Err(Error::refused("POLICY_NOT_CHANGED", "Alma accepted the new item policy but did not keep it."))
        }
    }

    /// Moves a hold to another pickup location by placing a new one. Alma's API has no call that moves a hold and keeps
    /// its state. The hub cancels the old hold first, since Alma would refuse the new one as a duplicate.
    pub(super) async fn hold_elsewhere(&self, wanted: &PatronHold, hold: &HoldId, attempt: Attempt) -> Result<Hold> {
        let path = Self::path(&wanted.item);
        if attempt == Attempt::AfterUnclear
            && let Some(found) = self.find_hold(wanted.request, &path).await?
            && found.id != *hold
        {
            return Ok(found);
        }
        let (reason, old) = (&self.settings.cancel_reason_other, AlmaRequestId::from(hold.as_str()));
        let answered = self.client.item_requests(&path).cancel(&old, &Cancellation::silent(reason)).await;
        let was_there = removed(answered, self.lists_hold(&path, &old)).await?;
        // The patron got the item meanwhile, which fulfilled the hold. A new one would wait for a book that they have.
        if !was_there && self.is_lent(&path).await? {
            return Ok(Hold { id: hold.clone(), state: HoldState::OnHoldShelf, shelf_until: None });
        }
        self.hold_for_patron(wanted, Attempt::Fresh).await
    }

    /// Ends the item's loan if it is a loan to `of`. The hub never ends a loan to another user. Returns whether the
    /// item was on loan.
    pub(super) async fn end_loan(&self, item: &ItemRef, of: Option<&PatronId>) -> Result<bool> {
        let path = Self::path(item);
        let lent = match of {
            Some(of) => self.lent(&path, &UserId::from(of.as_str())).await?,
            None if self.is_lent(&path).await? => Lent::ToAnother,
            None => Lent::ToNobody,
        };
        match lent {
            Lent::ToNobody => Ok(false),
            Lent::To(_) => self.scan_in_at_home_library(item).await.map(|()| true),
            Lent::ToAnother | Lent::ToDeleted => Err(Error::refused(
                Refusal::LENT_TO_ANOTHER,
                "The virtual item is on loan to somebody other than the request's patron. The hub doesn't end that loan; \
                 it goes on when a library has scanned the item in.",
            )),
        }
    }

    /// Scans an item in at its own library. A second scan does no harm, so an unclear attempt is repeated.
    async fn scan_in_at_home_library(&self, item: &ItemRef) -> Result<()> {
        let (library, _) = self.settings.virtual_place(item.agency.as_ref());
        let Some(desk) = self.settings.desk(library) else {
            return Err(Error::refused(
                "NO_DESK_FOR_LIBRARY",
                format!("The settings name no circulation desk for the virtual library {library}."),
            ));
        };
        let path = Self::path(item);
        let scanned = self.client.items().scan_in(&path, &ScanIn::at_desk(library.as_str(), desk.as_str())).await;
        removed(scanned.map(drop), self.lists_item(&path)).await.map(drop)
    }
}
