//! Finds out which locations are hidden from discovery. The configuration's answers are cached.

#![allow(clippy::disallowed_methods, reason = "Tokio's clock is paused in this test")]

use std::collections::HashMap;
use std::time::Duration;

use alma::{Error, LibraryCode, LocationCode};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Alma;
use super::errors::to_lms_error;

/// The lifetime of an entry. Locations change rarely, so an hour's delay is acceptable.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Locations by library and code, as they were read. A location's code is unique in its library only.
#[derive(Debug, Default)]
pub(super) struct Locations {
    known: Mutex<HashMap<(LibraryCode, LocationCode), (Instant, bool)>>,
}

impl Alma {
    /// Returns whether a location's items are hidden from discovery. Makes one call for each location and hour.
    pub(super) async fn is_suppressed(&self, library: &LibraryCode, location: &LocationCode) -> crate::Result<bool> {
        let place = (library.clone(), location.clone());
        // The lock is held during the call, so that many requests at once make one call.
        let mut known = self.locations.known.lock().await;
        if let Some((read, hidden)) = known.get(&place)
            && read.elapsed() < REMEMBERED
        {
            return Ok(*hidden);
        }
        let hidden = match self.client.conf().location(library, location).await {
            Ok(found) => found.suppressed,
            // Alma answers an unknown location with codes of general errors only (alma-api.md 5). The list decides.
            Err(Error::Refused { .. } | Error::NotFound { .. }) => self.lists_as_hidden(library, location).await?,
            Err(error) if error.is_unexplained() => {
                self.lists_as_hidden(library, location).await.map_err(|_| to_lms_error(error))?
            }
            Err(error) => return Err(to_lms_error(error)),
        };
        known.insert(place, (Instant::now(), hidden));
        Ok(hidden)
    }
}
