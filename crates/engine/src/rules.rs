//! Agencies' rules where they decide: deadlines, limits of a patron's requests, copies of agencies that don't lend.

use jiff::Timestamp;
use lending::{Deadline, EffectResult, Event, Refusal, Request, Rules, Side, check_limits};
use runtime::Runtime;
use store::{Intent, Tx};

use crate::error::Error;

/// Returns when a deadline that has run for `request` since `since` has passed.
pub(crate) async fn deadline_end(
    runtime: &Runtime,
    request: &Request,
    deadline: Deadline,
    since: Timestamp,
) -> Result<Timestamp, Error> {
    let rules = rules_of_deadline(runtime, request, deadline).await?;
    Ok(match (deadline, request.needed_until) {
        (Deadline::NoLongerNeeded, Some(day)) => rules.end_of_day(day),
        _ => rules.end_of(deadline, since),
    })
}

/// Returns until when a deadline that has ended at `end` waits for a library that can't be polled.
pub(crate) async fn latest_deadline_end(
    runtime: &Runtime,
    request: &Request,
    deadline: Deadline,
    end: Timestamp,
) -> Result<Timestamp, Error> {
    Ok(rules_of_deadline(runtime, request, deadline).await?.latest_end(end))
}

async fn rules_of_deadline(runtime: &Runtime, request: &Request, deadline: Deadline) -> Result<Rules, Error> {
    Ok(match deadline {
        Deadline::ItemArrives | Deadline::NoLongerNeeded => runtime.rules_of_patron(request).await?,
        Deadline::LenderAnswers | Deadline::ItemReturns => runtime.rules_at(request, Side::Lender).await?,
    })
}

/// Returns the event, or that the patron is refused: one who may borrow by their library's word may have too many requests under way,
/// or one for the same copy. What is counted stays true until the transaction ends.
pub(crate) async fn within_limits(
    runtime: &Runtime,
    tx: &mut Tx,
    request: &Request,
    event: &Event,
) -> Result<Event, Error> {
    let Event::EffectResult(EffectResult::PatronVerified(verified)) = event else { return Ok(event.clone()) };
    let max = runtime.rules_of_patron(request).await?.max_requests;
    let open = tx.open_requests_of_patron(&request.patron.institution, &verified.id).await?;
    let checked = check_limits(request, open.iter().map(|stored| &stored.request), max);
    Ok(checked.map_or_else(|refusal| EffectResult::PatronRefused(refusal).into(), |()| event.clone()))
}

/// Returns the result, or that the copy is unfit: in a system that several agencies share, it may be one's that doesn't lend.
pub(crate) async fn check_participation(
    runtime: &Runtime,
    intent: &Intent,
    result: EffectResult,
) -> Result<EffectResult, Error> {
    let EffectResult::SupplierChosen(copy) = &result else { return Ok(result) };
    if runtime.rules_of(&intent.institution, Some(&copy.library)).await?.lends {
        return Ok(result);
    }
    Ok(EffectResult::CandidateUnfit(not_lending(copy)))
}

/// The refusal of a copy whose library's agency doesn't lend.
pub(crate) fn not_lending(copy: &lending::Copy) -> Refusal {
    let explanation = format!("The library {} does not lend to others; its agency's rules say so.", copy.library);
    Refusal::new("NOT_LENDING", explanation)
}
