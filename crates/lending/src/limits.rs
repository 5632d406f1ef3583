//! Limits on a patron's open requests: their number, and no two for the same copy.

use crate::copy::CopyRef;
use crate::ids::BibId;
use crate::refusal::PatronRefusal;
use crate::request::Request;
use crate::status::Status;
use crate::wanted_title::WantedTitle;

/// Returns why the patron of `request` may not borrow, given their other open requests: there are too many of them, or
/// one is for the same copy. `max` is the limit of the agency's rules; `None` means no limit.
pub fn check_limits<'a>(
    request: &Request,
    open: impl IntoIterator<Item = &'a Request>,
    max: Option<u32>,
) -> Result<(), PatronRefusal> {
    let others: Vec<&Request> = open.into_iter().filter(|other| other.id != request.id).collect();
    let mut causes = Vec::new();
    let is_same = |other: &Request| {
        is_duplicate(other, &request.candidates)
            || request.wanted.as_ref().is_some_and(|wanted| is_same_title_wanted(other, wanted))
    };
    if let Some(same) = others.iter().find(|other| is_same(other)) {
        causes.push(PatronRefusal::AlreadyRequested { request: same.id });
    }
    let under_way = others.iter().filter(|other| counts(other)).count();
    if let Some(most) = max.filter(|max| under_way >= usize::try_from(*max).unwrap_or(usize::MAX)) {
        causes.push(PatronRefusal::TooManyRequests { most });
    }
    PatronRefusal::all(causes).map_or(Ok(()), Err)
}

/// Returns whether a request counts towards the limit. It doesn't once the patron has returned the item.
fn counts(request: &Request) -> bool {
    let status = request.status;
    !(status.is_ending() || status.is_final() || status == Status::ReturnTransit)
}

/// Returns whether a request is for one of these copies, and so a second request for them is a duplicate.
pub fn is_duplicate(one: &Request, copies: &[CopyRef]) -> bool {
    if one.status.is_ending() {
        return false;
    }
    copies.iter().any(|copy| {
        one.candidates.iter().any(|asked| {
            is_same_wish(asked, copy)
                || (asked.institution == copy.institution && is_same_title(asked.bib.as_ref(), copy))
        }) || one.supply.as_ref().is_some_and(|supply| {
            supply.institution == copy.institution
                && (copy.barcode.as_ref() == Some(&supply.copy.barcode)
                    || copy.item.as_ref() == Some(&supply.copy.item)
                    || is_same_title(Some(&supply.copy.bib), copy))
        })
    })
}

/// Returns whether a request is for the same volume of the same title, and so a second request for it is a duplicate.
pub fn is_same_title_wanted(one: &Request, wanted: &WantedTitle) -> bool {
    !one.status.is_ending() && one.wanted.as_ref().is_some_and(|other| other.is_same_wish(wanted))
}

fn is_same_wish(one: &CopyRef, other: &CopyRef) -> bool {
    let wish =
        |copy: &CopyRef| CopyRef { tried_items: Vec::new(), chosen_by_staff: false, queued: false, ..copy.clone() };
    wish(one) == wish(other)
}

/// Returns whether `copy` accepts any copy of a record, and the other request is for that record.
fn is_same_title(bib: Option<&BibId>, copy: &CopyRef) -> bool {
    let any = copy.item.is_none() && copy.barcode.is_none();
    any && copy.volume.is_none() && copy.bib.is_some() && copy.bib.as_ref() == bib
}
