//! Which locations are hidden: a read of the configuration, remembered for a while.

#![allow(clippy::disallowed_methods, reason = "Tokio's clock is paused in this test")]

use std::collections::HashMap;
use std::time::Duration;

use alma::{Error, LibraryCode, LocationCode};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Alma;
use super::errors::to_lms_error;

/// Locations change rarely; an hour late is soon enough.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Locations as they were read, by library and code: a location's code is unique in its library only.
#[derive(Debug, Default)]
pub(super) struct Locations {
    known: Mutex<HashMap<(LibraryCode, LocationCode), (Instant, bool)>>,
}

impl Alma {
    /// Whether a location's items are hidden from discovery. One call for each location and hour.
    pub(super) async fn is_suppressed(&self, library: &LibraryCode, location: &LocationCode) -> crate::Result<bool> {
        let place = (library.clone(), location.clone());
        // Held over the call, so that many requests at once make one call.
        let mut known = self.locations.known.lock().await;
        if let Some((read, hidden)) = known.get(&place)
            && read.elapsed() < REMEMBERED
        {
            return Ok(*hidden);
        }
        let hidden = match self.client.conf().location(library, location).await {
            Ok(found) => found.suppressed,
            // Alma shows an unknown location by codes of general errors only (alma-api.md 5); the list says it.
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
