//! Batch polls: lists that show changes of many requests in one call. The hub polls requests whose entry differs from
//! the expectation, so a list that lags costs one call and no more. If a row of a list can't be read, every request
//! that isn't found on the list is unclear.
//!
//! - Items that staff must pick at a desk (`GET /task-lists/requested-resources`): a hold leaves the list when its item
//!   is sent.
//! - Virtual items on the hold shelf, and in transit: two saved searches of staff, which Alma runs anew each time they
//!   are read as sets (`GET /conf/sets/{id}/members`).
//! - The items of a hundred records that are not available (`GET /bibs?mms_id=…&expand=p_avail,requests`).

use std::collections::HashSet;

use alma::{Bib, Error, MmsId};
use lending::{ChangeKind, ItemState, LibraryCode};

use super::Alma;
use super::errors::to_lms_error;
use crate::list::{ExpectedChange, ListContents, ListEntry};

/// The items that staff of a library must pick.
const PICK: &str = "pick";
const ON_SHELF: &str = "on_shelf";
const IN_TRANSIT: &str = "in_transit";
/// Lenders' items that the patron has brought back, and those that are still with patrons.
const RETURNING: &str = "returning";
const ON_LOAN: &str = "on_loan";

impl Alma {
    pub(super) fn list_of(&self, expected: &ExpectedChange<'_>) -> Option<ListEntry> {
        let item = || expected.item.item.as_str().to_owned();
        let bib = || expected.item.bib.as_str().to_owned();
        let listing =
            |list: &str, key, is_there| Some(ListEntry { list: list.to_owned(), key, expected_present: is_there });
        let (virtual_library, _) = self.settings.virtual_place(expected.item.agency.as_ref());
        match expected.kind {
            ChangeKind::Dispatch => self.pick_list(expected, expected.library?),
            ChangeKind::HoldWaiting => self.pick_list(expected, virtual_library),
            ChangeKind::Arrival => self.settings.on_shelf_set.as_ref().and_then(|_| listing(ON_SHELF, item(), false)),
            ChangeKind::Collection => self.settings.on_shelf_set.as_ref().and_then(|_| listing(ON_SHELF, item(), true)),
            // A virtual item that was returned isn't in transit if its own library is the pickup library.
            ChangeKind::Return if expected.pickup == Some(virtual_library) => None,
            ChangeKind::Return => {
                self.settings.in_transit_set.as_ref().and_then(|_| listing(IN_TRANSIT, item(), false))
            }
            ChangeKind::ReturnToLender => listing(RETURNING, bib(), true),
            ChangeKind::OnLoan => listing(ON_LOAN, bib(), true),
        }
    }

    fn pick_list(&self, expected: &ExpectedChange<'_>, library: &LibraryCode) -> Option<ListEntry> {
        self.settings.desk(library)?;
        let key = expected.hold?.as_str().to_owned();
        Some(ListEntry { list: format!("{PICK} {library}"), key, expected_present: true })
    }

    pub(super) async fn read(&self, list: &str, keys: &[String]) -> crate::Result<Option<ListContents>> {
        let set = |id: Option<&String>| id.map(|id| alma::SetId::from(id.as_str()));
        let read = match list.split_once(' ') {
            Some((PICK, library)) => self.read_picks(&library.into()).await,
            None if list == ON_SHELF => {
                let likely = (Some(ItemState::OnHoldShelf), Some(ItemState::OnLoan));
                self.read_set(set(self.settings.on_shelf_set.as_ref()), likely).await
            }
            None if list == IN_TRANSIT => {
                self.read_set(set(self.settings.in_transit_set.as_ref()), (Some(ItemState::InTransit), None)).await
            }
            None if list == RETURNING || list == ON_LOAN => self.read_records(keys).await,
            _ => return Ok(None),
        };
        match read {
            Ok(read) => Ok(read.map(|(read, is_complete)| if is_complete { read } else { presence_only(read, keys) })),
            // The set is gone, or the key may not read any. That is no fault: the hub polls each request by a call of
            // its own.
            Err(Error::Refused { .. } | Error::NotFound { .. }) => Ok(None),
            // The hub must not wait for a list that a gateway hides.
            Err(error) if error.is_unexplained() => Ok(None),
            Err(error) => Err(to_lms_error(error)),
        }
    }

    async fn read_picks(&self, library: &LibraryCode) -> alma::Result<Option<(ListContents, bool)>> {
        let Some(desk) = self.settings.desk(library) else { return Ok(None) };
        let listed = self.client.task_lists().requested_resources(&library.as_str().into(), &desk.as_str().into());
        let titles = listed.whole().await?;
        let holds = titles.iter().flat_map(|title| &title.requests);
        let there = holds.map(|hold| hold.id.as_str().to_owned()).collect();
        Ok(Some((ListContents { present: there, ..ListContents::default() }, titles.is_complete())))
    }

    async fn read_set(
        &self,
        set: Option<alma::SetId>,
        (state_if_present, state_if_absent): (Option<ItemState>, Option<ItemState>),
    ) -> alma::Result<Option<(ListContents, bool)>> {
        let Some(set) = set else { return Ok(None) };
        let members = self.client.sets().members(&set).whole().await?;
        let is_complete = members.is_complete();
        let there = members.into_iter().map(|member| member.id).collect();
        Ok(Some((
            ListContents { present: there, unclear: HashSet::new(), state_if_present, state_if_absent },
            is_complete,
        )))
    }

    async fn read_records(&self, keys: &[String]) -> alma::Result<Option<(ListContents, bool)>> {
        let ids: Vec<MmsId> = keys.iter().map(|key| MmsId::from(key.as_str())).collect();
        let mut read = ListContents { state_if_absent: Some(ItemState::InPlace), ..ListContents::default() };
        let bibs = self.client.bibs().get_many_with_availability(&ids).await?;
        let is_complete = bibs.is_complete();
        for bib in bibs {
            let key = bib.mms_id.as_str().to_owned();
            match is_away(&bib) {
                Some(true) => read.present.insert(key),
                Some(false) => false,
                None => read.unclear.insert(key),
            };
        }
        Ok(Some((read, is_complete)))
    }
}

/// Keeps what the list proves: the keys on it are present, and all others are unclear.
fn presence_only(mut read: ListContents, keys: &[String]) -> ListContents {
    read.unclear.extend(keys.iter().filter(|key| !read.present.contains(*key)).cloned());
    read
}

/// Returns whether the only item of a record is away and nobody waits for it; `None` if the record has other items.
///
/// `AVA` `$f` counts a holding's items, `$g` those of them that are not available (Alma REST API, "Retrieve Bibs").
fn is_away(bib: &Bib) -> Option<bool> {
    let record = marc::marcxml::read_one(bib.marcxml.as_deref()?).ok()?.record;
    let mut items = 0_u32;
    let mut away = 0_u32;
    for place in record.fields_tagged("AVA") {
        let count = |code| place.subfield(code).and_then(|count| count.trim().parse::<u32>().ok());
        items = items.saturating_add(count('f')?);
        away = away.saturating_add(count('g')?);
    }
    (items == 1).then_some(away == 1 && bib.requests? == 0)
}
