//! Decides whether a record exists in Alma, and which answers prove that it doesn't.
//!
//! Two things prove absence: an error code that means absence for the call, and a complete list in which the record
//! would be (the item's or the user's requests, the record's items or holdings). A 404 without such a code, as a
//! gateway in front of Alma answers, proves nothing. After such a 404 the hub reads the list. If the list doesn't
//! settle it, the answer counts as unintelligible and the engine retries.

use alma::{Bib, Error, HoldingId, HoldingSelector, Item, ItemPath, LibraryCode, List, LocationCode, MmsId, Request};
use alma::{RequestFilter, RequestId, UserId};

use super::Alma;
use super::errors::{certain, to_lms_error};

impl Alma {
    /// Reads an item. Returns `None` if there is none.
    pub(super) async fn find_item(&self, path: &ItemPath) -> crate::Result<Option<Item>> {
        match self.client.items().get(path).await {
            Ok(item) => Ok(Some(item)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) if error.is_unexplained() => self.listed_item(path).await.map_err(|_| to_lms_error(error)),
            Err(error) => Err(to_lms_error(error)),
        }
    }

    /// Reads the item from the list of its record's items. A record that doesn't exist has none.
    async fn listed_item(&self, path: &ItemPath) -> crate::Result<Option<Item>> {
        let items = self.client.items().list(&path.mms, &HoldingSelector::All).whole().await;
        match listed(items, |item| item.pid == path.pid, "the list of the record's items") {
            Err(refused @ crate::Error::Refused(_)) => {
                if self.lists_bib(&path.mms).await? {
                    Err(refused)
                } else {
                    Ok(None)
                }
            }
            found => found,
        }
    }

    pub(super) async fn lists_item(&self, path: &ItemPath) -> crate::Result<bool> {
        Ok(self.listed_item(path).await?.is_some())
    }

    /// Returns whether a record has an item. A record that doesn't exist has none.
    pub(super) async fn has_items(&self, mms: &MmsId) -> crate::Result<bool> {
        let items = self.client.items().list(mms, &HoldingSelector::All).whole().await;
        Ok(listed(items, |_| true, "the list of the record's items")?.is_some())
    }

    pub(super) async fn lists_holding(&self, mms: &MmsId, holding: &HoldingId) -> crate::Result<bool> {
        let holdings = self.client.holdings(mms).list().await;
        match listed(holdings, |row| row.holding_id == *holding, "the list of the record's holdings") {
            Err(refused @ crate::Error::Refused(_)) => {
                if self.lists_bib(mms).await? {
                    Err(refused)
                } else {
                    Ok(false)
                }
            }
            found => Ok(found?.is_some()),
        }
    }

    /// Reads a record. Returns `None` if there is none.
    pub(super) async fn find_bib(&self, mms: &MmsId) -> crate::Result<Option<Bib>> {
        match self.client.bibs().get(mms).await {
            Ok(bib) => Ok(Some(bib)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) if error.is_unexplained() => self.listed_bib(mms).await.map_err(|_| to_lms_error(error)),
            Err(error) => Err(to_lms_error(error)),
        }
    }

    async fn listed_bib(&self, mms: &MmsId) -> crate::Result<Option<Bib>> {
        let found = self.client.bibs().get_many(std::slice::from_ref(mms)).await;
        listed(found, |bib| bib.mms_id == *mms, "the list of records")
    }

    pub(super) async fn lists_bib(&self, mms: &MmsId) -> crate::Result<bool> {
        Ok(self.listed_bib(mms).await?.is_some())
    }

    /// Returns whether an active hold is in the item's list of requests.
    pub(super) async fn lists_hold(&self, path: &ItemPath, hold: &RequestId) -> crate::Result<bool> {
        let holds = self.client.item_requests(path).list(&RequestFilter::holds()).await.map_err(to_lms_error)?;
        Ok(certain(holds.search(|row| row.id == *hold), "the list of the item's requests")?.is_some())
    }

    /// Returns whether an active hold is in the user's list of requests.
    pub(super) async fn lists_hold_of(&self, user: &UserId, hold: &RequestId) -> crate::Result<bool> {
        let holds = self.client.user_requests(user).list(&RequestFilter::holds()).whole().await;
        Ok(listed(holds, |row: &Request| row.id == *hold, "the list of the user's requests")?.is_some())
    }

    /// Returns whether the list of a library's locations shows a location as hidden from discovery. A temporary
    /// location may be missing in the configuration's list.
    pub(super) async fn lists_as_hidden(&self, library: &LibraryCode, location: &LocationCode) -> crate::Result<bool> {
        let all = self.client.conf().locations(library).await.map_err(to_lms_error)?;
        let found = certain(all.into_search(|listed| listed.code == *location), "the list of locations")?;
        Ok(found.is_some_and(|listed| listed.suppressed))
    }
}

fn listed<T>(rows: alma::Result<List<T>>, is_it: impl Fn(&T) -> bool, list: &'static str) -> crate::Result<Option<T>> {
    match rows {
        Ok(rows) => certain(rows.into_search(is_it), list),
        // Alma's own code says that the owner of the list doesn't exist.
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(to_lms_error(error)),
    }
}

/// Evaluates the outcome of a removal. Returns whether the record was there; an absent record needs no removal.
/// `is_listed` reads the list in which the record would be, and runs only if the answer leaves that open.
pub(super) async fn removed(
    answered: alma::Result<()>,
    is_listed: impl Future<Output = crate::Result<bool>>,
) -> crate::Result<bool> {
    match answered {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        // Alma refuses to remove an absent record with various codes, and with the same codes for other reasons.
        Err(error) if error.is_unexplained() || matches!(error, Error::Refused { .. }) => match is_listed.await {
            Ok(false) => Ok(false),
            Ok(true) | Err(_) => Err(to_lms_error(error)),
        },
        Err(error) => Err(to_lms_error(error)),
    }
}
