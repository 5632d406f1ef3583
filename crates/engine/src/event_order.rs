//! The order of events, and the sentence for a request as it is now.

use lending::{Request, Rules};
use messages::Message;
use store::Agency;

use crate::engine::Engine;
use crate::error::Error;

impl Engine {
    /// Gives positions to new events, and returns the position of the newest; 0 if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn newest_event(&self) -> Result<i64, Error> {
        match self.store().place_events().await {
            // Another node was quicker.
            Ok(_) | Err(store::Error::Contended | store::Error::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.store().event_positions().await?.map_or(0, |(_, newest)| newest))
    }
}

/// Returns the sentence that the patron of a request should read now. The time zone is that of the patron's library, one of
/// `agencies`.
pub fn patron_message(agencies: &[Agency], request: &Request) -> Message {
    let agency = agencies.iter().find(|agency| agency.code == request.patron.agency);
    let zone = agency.map_or_else(|| Rules::default().calendar.zone(), |agency| agency.rules.calendar.zone());
    Message::of_request(request, &zone)
}
