//! Applies agencies' rules: deadlines, limits of a patron's requests, copies of agencies that don't lend.

use jiff::Timestamp;
use lending::{
    AgencyEvidence, Deadline, EffectResult, Event, Observed, Refusal, Request, Rules, Side, VerifiedPatron,
    check_limits,
};
use runtime::Runtime;
use store::{Intent, Unit};

use crate::error::Error;

/// Returns the time at which a deadline that has run for `request` since `since` ends.
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

/// Returns the time until which a deadline that ended at `end` waits for a library that can't be polled.
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
        Deadline::LenderAnswers | Deadline::ItemReturns | Deadline::CopyReappears | Deadline::CopyReturns => {
            runtime.rules_at(request, Side::Lender).await?
        }
    })
}

/// Returns the event with the moments at which the last days of a hold end, by the clock of the library.
pub(crate) async fn with_local_times(runtime: &Runtime, request: &Request, mut event: Event) -> Result<Event, Error> {
    if let Event::Observed(Observed::Seen { side, observation, .. }) = &mut event
        && (observation.last_shelf_day.is_some() || observation.last_interest_day.is_some())
    {
        let rules = runtime.rules_at(request, *side).await?;
        rules.set_shelf_end(observation);
        rules.set_interest_end(observation);
    }
    Ok(event)
}

/// Returns the event, or a refusal of the patron. A patron whose library lets them borrow may have too many open
/// requests, or one for the same copy. The unit rests on the count.
pub(crate) async fn within_limits(
    runtime: &Runtime,
    unit: &mut Unit,
    request: &Request,
    event: &Event,
) -> Result<Event, Error> {
    let Event::EffectResult(EffectResult::PatronVerified(verified)) = event else { return Ok(event.clone()) };
    let max = runtime.rules_of_patron(request).await?.max_requests;
    let institution = &request.patron.institution;
    let open = runtime.store().open_requests_of_verified_patron(institution, &verified.id).await?;
    unit.expect_open_requests(institution, &verified.id, &open)?;
    let checked = check_limits(request, open.iter().map(|stored| &stored.request), max);
    Ok(checked.map_or_else(|refusal| EffectResult::PatronRefused(refusal).into(), |()| event.clone()))
}

/// Returns the result, changed where several agencies share a system. A copy may belong to an agency that doesn't lend,
/// and a patron's agency may be known from the caller only.
pub(crate) async fn check_agencies(
    runtime: &Runtime,
    intent: &Intent,
    result: EffectResult,
) -> Result<EffectResult, Error> {
    if let EffectResult::PatronVerified(verified) = &result
        && verified.agency == AgencyEvidence::OnlyAgency
        && runtime.has_several_agencies(&intent.institution).await?
    {
        return Ok(EffectResult::PatronVerified(VerifiedPatron { agency: AgencyEvidence::Caller, ..verified.clone() }));
    }
    let EffectResult::SupplierChosen(copy) = &result else { return Ok(result) };
    if runtime.rules_of(&intent.institution, Some(&copy.library)).await?.lends {
        return Ok(result);
    }
    Ok(EffectResult::CandidateUnfit(not_lending(copy)))
}

/// Returns the refusal of a copy whose library's agency doesn't lend.
pub(crate) fn not_lending(copy: &lending::Copy) -> Refusal {
    let explanation = format!("The library {} does not lend to others; its agency's rules say so.", copy.library);
    Refusal::new("NOT_LENDING", explanation)
}
