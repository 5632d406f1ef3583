//! One look at one side of a request.

use lending::{Event, Request, Side, Watch, watches};
use lms::{HostLms, Outcome, Watched};

use crate::perform::{real_item, virtual_item};

/// What `side` is to be looked at for, if it still is.
pub(crate) fn wanted(request: &Request, side: Side) -> Option<Watch> {
    watches(request).into_iter().find(|watch| watch.side == side)
}

/// Looks at one side.
pub(crate) async fn look(lms: &dyn HostLms, request: &Request, watch: Watch) -> Outcome<Option<Event>> {
    let Some(what) = watched(request, watch)? else { return Ok(None) };
    let seen = lms.observe(&what).await?;
    Ok(Some(Event::Observed { side: watch.side, seen }))
}

fn watched(request: &Request, watch: Watch) -> Outcome<Option<Watched>> {
    let (item, patron) = match watch.side {
        Side::Lender => {
            let Some(supply) = &request.supply else { return Ok(None) };
            let Some(patron) = &supply.virtual_patron else { return Ok(None) };
            (real_item(supply), patron.clone())
        }
        Side::Borrower => {
            let Some(patron) = &request.patron.verified else { return Ok(None) };
            (virtual_item(request)?, patron.id.clone())
        }
    };
    Ok(Some(Watched { request: request.id, item, patron, hold: watch.hold, loan: watch.loan }))
}
