//! Finds out whether an item can wait at a pickup location: one of its library's desks must have a hold shelf (Alma refuses
//! a hold for a desk without one, alma-field-notes.md, "Requests").

use alma::{CircDesk, DeskCode as AlmaDesk, Error, LibraryCode as AlmaLibrary};
use cache::Cache;
use jiff::{SignedDuration, Timestamp};
use lending::{DeskCode, LibraryCode, PickupLocation};

use super::Alma;
use super::errors::to_lms_error;

/// The time for which an answer is kept. Desks change rarely, and the hold itself would still be refused.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// The same if there is no hold shelf.
const REFUSAL_REMEMBERED: SignedDuration = SignedDuration::from_mins(2);

/// Pickup locations that were asked for, by library and desk, with what Alma showed. `None` means that it can't be read.
#[derive(Debug)]
pub(super) struct Shelves(Cache<(LibraryCode, Option<DeskCode>), Option<bool>>);

impl Default for Shelves {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Alma {
    /// Returns whether a pickup location has a hold shelf. Reads one desk a day and location as a rule; all desks of the
    /// library only if the first has none.
    pub(super) async fn shelf_of(&self, pickup: &PickupLocation, now: Timestamp) -> crate::Result<Option<bool>> {
        let place = (pickup.library.clone(), pickup.desk.clone());
        // Staff may give the desk a hold shelf when they read why a request was refused.
        match self.shelves.0.get(&place, now) {
            Some(Some(false)) => {
                if let Some(known) = self.shelves.0.get_within(&place, REFUSAL_REMEMBERED, now) {
                    return Ok(known);
                }
            }
            Some(known) => return Ok(known),
            None => {}
        }
        let read = self.read_shelf(pickup).await;
        // A desk that can't be read is not asked for with every request.
        self.shelves.0.insert(place, read.as_ref().ok().copied().flatten(), now);
        read
    }

    async fn read_shelf(&self, pickup: &PickupLocation) -> crate::Result<Option<bool>> {
        let library = AlmaLibrary::from(pickup.library.as_str());
        let likely = pickup.desk.as_ref().or_else(|| self.settings.desk(&pickup.library));
        if let Some(desk) = likely {
            let has_shelf =
                self.desk(&library, &AlmaDesk::from(desk.as_str())).await?.and_then(|desk| desk.has_hold_shelf);
            if has_shelf != Some(false) || pickup.desk.is_some() {
                return Ok(has_shelf);
            }
        }
        let desks = self.client.conf().circulation_desks(&library).whole().await.map_err(to_lms_error)?;
        let mut all_without = desks.is_complete();
        for desk in desks.iter() {
            match self.desk(&library, &desk.code).await?.and_then(|desk| desk.has_hold_shelf) {
                Some(true) => return Ok(Some(true)),
                Some(false) => {}
                None => all_without = false,
            }
        }
        Ok(all_without.then_some(false))
    }

    /// Reads a desk; `None` if Alma doesn't show it.
    async fn desk(&self, library: &AlmaLibrary, desk: &AlmaDesk) -> crate::Result<Option<CircDesk>> {
        match self.client.conf().circulation_desk(library, desk).await {
            Ok(desk) => Ok(Some(desk)),
            Err(Error::Refused { .. } | Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(to_lms_error(error)),
        }
    }
}
