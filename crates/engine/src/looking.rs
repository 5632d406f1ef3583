//! One look at one side of a request.

use lending::{Event, HoldId, ItemState, Progress, Request, Side, Watch, watches};
use lms::{HostLms, Outcome, Watched};

use crate::perform::{real_item, virtual_item};

/// What `side` is to be looked at for, if it still is.
pub fn wanted(request: &Request, side: Side) -> Option<Watch> {
    watches(request).into_iter().find(|watch| watch.side == side)
}

/// Looks at one side; briefly, where one call will do as long as nothing has happened. `told` is the state in which the item
/// was told to be.
pub async fn look(
    lms: &dyn HostLms,
    request: &Request,
    watch: Watch,
    brief: bool,
    told: Option<ItemState>,
) -> Outcome<Option<Event>> {
    let Some(what) = watched(request, watch)? else { return Ok(None) };
    let what = Watched { brief: brief && !is_in_doubt(request, watch), told, ..what };
    let seen = lms.observe(&what).await?;
    Ok(Some(Event::Observed { side: watch.side, seen }))
}

pub(crate) fn open_hold(request: &Request, side: Side) -> Option<&HoldId> {
    let hold = match side {
        Side::Lender => request.supply.as_ref()?.hold.open(),
        side => request.stand_in(side)?.hold.open(),
    };
    hold.map(|hold| &hold.id)
}

/// Whether the hold alone doesn't tell enough: while somebody else has the item, and while it should be on the hold shelf,
/// from where a hold that waits anew shows that it is gone.
fn is_in_doubt(request: &Request, watch: Watch) -> bool {
    let shelved = |here: &lending::Borrowing| watch.hold && here.progress == Progress::OnHoldShelf;
    request.is_lent_to_another(watch.side) || request.stand_in(watch.side).is_some_and(shelved)
}

pub(crate) fn watched(request: &Request, watch: Watch) -> Outcome<Option<Watched>> {
    let Some(patron) = request.holder(watch.side).cloned() else { return Ok(None) };
    let item = match (watch.side, &request.supply) {
        (Side::Lender, Some(supply)) => real_item(supply),
        (Side::Lender, None) => return Ok(None),
        (side, _) => virtual_item(request, side)?,
    };
    let wanted_back = watch.side == Side::Lender && watch.loan;
    Ok(Some(Watched {
        request: request.id,
        item,
        patron,
        hold: watch.hold,
        hold_id: open_hold(request, watch.side).cloned(),
        loan: watch.loan,
        wanted_back,
        brief: false,
        told: None,
    }))
}
