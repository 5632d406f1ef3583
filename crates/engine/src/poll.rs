//! One look at one side of a request.

use lending::{Event, HoldId, ItemState, PollTarget, Progress, Request, Side, poll_targets};
use lms::{HostLms, PollQuery};

use crate::perform::{real_item, virtual_item};

/// What `side` is to be polled for, if it still is.
pub fn poll_target(request: &Request, side: Side) -> Option<PollTarget> {
    poll_targets(request).into_iter().find(|target| target.side == side)
}

/// Looks at one side; briefly, where one call will do as long as nothing has happened. `told` is the state in which the item
/// was reported to be.
pub async fn poll_side(
    lms: &dyn HostLms,
    request: &Request,
    target: PollTarget,
    shallow: bool,
    hinted_state: Option<ItemState>,
) -> lms::Result<Option<Event>> {
    let Some(what) = poll_query(request, target)? else { return Ok(None) };
    let what = PollQuery { shallow: shallow && !is_in_doubt(request, target), hinted_state, ..what };
    let observation = lms.poll(&what).await?;
    Ok(Some(Event::Observed { side: target.side, observation, source: lending::ObservationSource::Poll }))
}

pub(crate) fn open_hold(request: &Request, side: Side) -> Option<&HoldId> {
    let hold = match side {
        Side::Lender => request.supply.as_ref()?.hold.open(),
        side => request.virtual_side(side)?.hold.open(),
    };
    hold.map(|hold| &hold.id)
}

/// Whether the hold alone doesn't tell enough: while somebody else has the item, and while it should be on the hold shelf,
/// from where a hold that waits anew shows that it is gone.
fn is_in_doubt(request: &Request, target: PollTarget) -> bool {
    let shelved = |here: &lending::VirtualSide| target.hold && here.progress == Progress::OnHoldShelf;
    request.is_lent_to_another(target.side) || request.virtual_side(target.side).is_some_and(shelved)
}

pub(crate) fn poll_query(request: &Request, target: PollTarget) -> lms::Result<Option<PollQuery>> {
    let Some(patron) = request.holder(target.side).cloned() else { return Ok(None) };
    let item = match (target.side, &request.supply) {
        (Side::Lender, Some(supply)) => real_item(supply),
        (Side::Lender, None) => return Ok(None),
        (side, _) => virtual_item(request, side)?,
    };
    let wanted_back = target.side == Side::Lender && target.loan;
    Ok(Some(PollQuery {
        request: request.id,
        item,
        patron,
        hold: target.hold,
        hold_id: open_hold(request, target.side).cloned(),
        loan: target.loan,
        wanted_back,
        shallow: false,
        hinted_state: None,
    }))
}
