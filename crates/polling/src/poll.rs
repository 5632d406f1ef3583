//! One poll of one side of a request: its reads and its outcome.

use std::sync::Arc;

use jiff::Timestamp;
use lending::{
    Hint, HintResult, HoldId, InstitutionCode, ItemState, ObservationSource, Observed, PollTarget, Priority, Progress,
    Request, Side, interpret_hints, poll_target,
};
use lms::{HostLms, PollQuery, real_item, virtual_item};
use store::Intent;
use tracing::warn;

use crate::hints::{fresh_hints, has_hint};
use crate::polling::Polling;

/// Polls one side. A shallow poll makes one call as long as nothing has changed. `hinted_state` is the item's state as
/// a message or list reported it.
///
/// # Errors
///
/// The library's system doesn't answer, or its answer proves nothing.
pub async fn poll_side(
    lms: &dyn HostLms,
    request: &Request,
    target: PollTarget,
    shallow: bool,
    hinted_state: Option<ItemState>,
) -> lms::Result<Option<Observed>> {
    let Some(what) = poll_query(request, target)? else { return Ok(None) };
    let what = PollQuery { shallow: shallow && !is_in_doubt(request, target), hinted_state, ..what };
    let observation = lms.poll(&what).await?;
    Ok(Some(Observed::Seen { side: target.side, observation, source: ObservationSource::Poll }))
}

/// Every fourth scheduled poll of a request is a full poll.
const POLLS_PER_FULL_POLL: u32 = 4;

/// The outcome of a poll.
#[derive(Debug)]
pub enum PollOutcome {
    /// The request waits for nothing at that side any more.
    NothingToPoll,
    /// The side was observed, by a call or by fresh hints.
    Observed(Observed),
    /// The hints add no new information, so no call was made. Contains the time of the next poll.
    NoChange(Timestamp),
    /// Polling is paused: the rest of the day's calls is kept for others.
    Paused(lms::Error),
    /// The side could not be polled.
    Failed(lms::Error),
}

impl Polling {
    /// Polls one side of a request. It uses the intent's hints if they are fresh and prove the expected change, and
    /// makes calls otherwise.
    ///
    /// # Errors
    ///
    /// The store failed, so the poll has no result and can be made again.
    pub async fn poll(&self, intent: &Intent, request: &Request, side: Side) -> Result<PollOutcome, store::Error> {
        let Some(target) = poll_target(request, side) else { return Ok(PollOutcome::NothingToPoll) };
        let hints = fresh_hints(intent, self.settings.webhook_max_age);
        let hinted_state = match hints.map(|hints| interpret_hints(request, side, &hints, self.runtime.now())) {
            Some(HintResult::Observed(observation)) => {
                let source = ObservationSource::Notification;
                return Ok(PollOutcome::Observed(Observed::Seen { side, observation: *observation, source }));
            }
            Some(HintResult::NoChange) => {
                return Ok(PollOutcome::NoChange(self.next_poll(request, side, 0, intent.on_list).await?));
            }
            Some(HintResult::PollNeeded(hinted_state)) => {
                if has_hint(intent) {
                    self.note_item_message(&intent.institution, side, hinted_state.as_ref()).await?;
                }
                hinted_state
            }
            None => None,
        };
        // A hint means that somebody has acted.
        let priority = if has_hint(intent) { Priority::Circulation } else { Priority::Poll };
        if priority.is_deferrable()
            && let Ok(lms) = self.systems.adapter(&intent.institution).await
            && let Err(paused) = self.systems.check_budget(lms.institution(), priority).await
        {
            return Ok(PollOutcome::Paused(paused));
        }
        let shallow = is_shallow(intent, target);
        let poll = |lms: Arc<dyn HostLms>| async move {
            poll_side(lms.as_ref(), request, target, shallow, hinted_state).await
        };
        Ok(match self.systems.call(&intent.institution, priority, poll).await {
            Ok(Some(observed)) => PollOutcome::Observed(observed),
            Ok(None) => PollOutcome::NothingToPoll,
            Err(error) => {
                warn!(request = %intent.request, side = side.name(), reason = %error, "poll failed");
                PollOutcome::Failed(error)
            }
        })
    }

    /// Polls a side for a message that shows too little. `hint` is what it shows, if that can be used. Returns none if
    /// there is nothing to poll or no answer; whoever polls next reports the failure.
    pub(crate) async fn poll_for_message(
        &self,
        institution: &InstitutionCode,
        request: &Request,
        side: Side,
        hint: Option<Hint>,
    ) -> Option<Observed> {
        let target = poll_target(request, side)?;
        let hinted_state = match hint.map(|hint| interpret_hints(request, side, &[hint], self.runtime.now())) {
            Some(HintResult::PollNeeded(state)) => state,
            Some(HintResult::Observed(_) | HintResult::NoChange) | None => None,
        };
        self.note_item_message(institution, side, hinted_state.as_ref()).await.ok()?;
        let poll =
            |lms: Arc<dyn HostLms>| async move { poll_side(lms.as_ref(), request, target, false, hinted_state).await };
        self.systems.call(institution, Priority::Circulation, poll).await.ok()?
    }

    /// Takes note of a message that reports a lender's item as sent: few Almas send these.
    async fn note_item_message(
        &self,
        institution: &InstitutionCode,
        side: Side,
        hinted_state: Option<&ItemState>,
    ) -> Result<(), store::Error> {
        if side == Side::Lender && hinted_state == Some(&ItemState::InTransit) {
            let (store, now) = (self.runtime.store(), self.runtime.now());
            self.webhook_health.record_item_message(store, institution, now).await?;
        }
        Ok(())
    }

    /// Reads everything at a side, whatever was observed before, for a caller that is about to act on it.
    ///
    /// # Errors
    ///
    /// The library's system doesn't answer.
    pub async fn poll_fully(&self, request: &Request, side: Side) -> lms::Result<Option<Observed>> {
        let (Some(target), Some(institution)) = (poll_target(request, side), request.institution(side)) else {
            return Ok(None);
        };
        let poll = |lms: Arc<dyn HostLms>| async move { poll_side(lms.as_ref(), request, target, false, None).await };
        self.systems.call(institution, Priority::Circulation, poll).await
    }
}

/// Returns whether the poll is shallow. A scheduled poll finds nothing as a rule, so only some of them read everything.
/// Only the item shows whether a lender has sent it.
fn is_shallow(intent: &Intent, target: PollTarget) -> bool {
    let unsent = target.side == Side::Lender && target.hold;
    intent.hints.is_empty() && !unsent && intent.attempts % POLLS_PER_FULL_POLL != POLLS_PER_FULL_POLL - 1
}

pub(crate) fn open_hold(request: &Request, side: Side) -> Option<&HoldId> {
    let hold = match side {
        Side::Lender => request.supply.as_ref()?.hold.open(),
        side => request.virtual_side(side)?.hold.open(),
    };
    hold.map(|hold| &hold.id)
}

/// Returns whether the hold alone shows too little. That is so while somebody else has the item, and while the item
/// should be on the hold shelf: a hold that waits again means that the item has left the shelf.
fn is_in_doubt(request: &Request, target: PollTarget) -> bool {
    let shelved = |here: &lending::VirtualSide| target.hold && here.progress == Progress::OnHoldShelf;
    request.is_lent_to_another(target.side) || request.virtual_side(target.side).is_some_and(shelved)
}

/// Returns the query for the library's system; `None` if the request has nothing there.
///
/// # Errors
///
/// The stored request is damaged.
pub fn poll_query(request: &Request, target: PollTarget) -> lms::Result<Option<PollQuery>> {
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
