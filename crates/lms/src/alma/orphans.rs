//! Finds records and holds with the hub's marker in an Alma, so that orphans can be removed.

use alma::{Cancellation, EmptyHoldingPolicy, RequestFilter, RequestId as AlmaRequestId, UserId};
use jiff::Timestamp;
use lending::{BibId, HoldId, PatronId, RequestId};

use super::Alma;
use super::absence::removed;
use super::errors::to_lms_error;
use super::records::{marked_request, record_marker};
use super::shown::{former_virtual_patron_id, virtual_patron_id};
use crate::error::Result;
use crate::host::{MarkedHold, VirtualItemDeletion, VirtualPatron};

impl Alma {
    /// Finds the records with the marker of this request, in one call.
    pub(super) async fn find_records_of(&self, request: RequestId) -> Result<Vec<BibId>> {
        let found = self.client.bibs().find_by_other_system_id(&record_marker(request)).await.map_err(to_lms_error)?;
        Ok(found.iter().map(|bib| BibId::from(bib.mms_id.as_str())).collect())
    }

    /// Finds the active holds of a virtual patron, with a call for each hundred. A virtual patron that doesn't exist
    /// has none. Holds that can't be read are left out, so they stay in Alma.
    pub(super) async fn find_holds_of(&self, patron: &VirtualPatron) -> Result<Vec<MarkedHold>> {
        let id = match &patron.known_id {
            Some(known) => known.as_str().to_owned(),
            None => virtual_patron_id(self.pseudonyms()?, patron)?,
        };
        let mut found = self.find_holds_of_user(&PatronId::from(id)).await?;
        if patron.known_id.is_none() && patron.may_have_former_id {
            found.extend(self.find_holds_of_user(&PatronId::from(former_virtual_patron_id(patron))).await?);
        }
        Ok(found)
    }

    async fn find_holds_of_user(&self, holder: &PatronId) -> Result<Vec<MarkedHold>> {
        let requests = self.client.user_requests(&UserId::from(holder.as_str()));
        let holds = match requests.list(&RequestFilter::holds()).whole().await {
            Ok(holds) => holds,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(to_lms_error(error)),
        };
        let ours = holds.into_iter().filter_map(|hold| {
            let request = marked_request(hold.comment.as_deref()?)?;
            Some(MarkedHold { request, hold: HoldId::from(hold.id.as_str()), holder: holder.clone() })
        });
        Ok(ours.collect())
    }

    pub(super) async fn cancel_marked(&self, hold: &MarkedHold) -> Result<()> {
        let (user, hold) = (UserId::from(hold.holder.as_str()), AlmaRequestId::from(hold.hold.as_str()));
        let silent = Cancellation::silent(&self.settings.cancel_reason_other);
        let answered = self.client.user_requests(&user).cancel(&hold, &silent).await;
        removed(answered, self.lists_hold_of(&user, &hold)).await.map(drop)
    }

    /// Deletes a record with its holding and item if it is suppressed and has the marker of this request.
    pub(super) async fn delete_record_of(&self, request: RequestId, bib: &BibId) -> Result<()> {
        if let Some(item) = self.only_item(bib).await? {
            let (holding, item) = (item.holding_id.as_str().into(), item.pid.as_str().into());
            self.verify_ownership(request, bib).await?;
            let what = VirtualItemDeletion {
                request,
                bib,
                holding: &holding,
                agency: None,
                item: Some(&item),
                barcode: None,
                item_bib: None,
                is_new: false,
                holder: None,
                prefetch: &[],
                now: Timestamp::MIN,
            };
            self.delete_item(&what, EmptyHoldingPolicy::Retain).await?;
        }
        self.delete_bib(request, bib).await
    }
}
