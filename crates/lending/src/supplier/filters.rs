//! Leaves out the copies that can't supply the wish. A copy that several reasons exclude has the first one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::candidate::{Candidate, Lender, UnmappedType, Wish};
use super::explanation::{Reason, ReasonCode};
use super::policy::{SupplierPolicy, UnknownCopies};
use super::ranking::Standing;
use crate::held_copy::{CopyState, HeldCopy};
use crate::ids::{BibId, InstitutionCode};
use crate::refusal::Refusal;
use crate::volume::Volume;
use crate::volume_choice::choose_volume;

/// All that the choice depends on.
pub(super) struct Facts<'a> {
    pub(super) policy: &'a SupplierPolicy,
    pub(super) wish: &'a Wish,
    pub(super) lenders: &'a [Lender],
    pub(super) now: Timestamp,
    volumes: BTreeMap<(&'a InstitutionCode, &'a BibId), Result<BTreeSet<u32>, Refusal>>,
}

/// A copy with the lenders that it may belong to. There are several if its library is known to no agency.
#[derive(Clone)]
pub(super) struct Offer<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) lenders: Vec<&'a Lender>,
    pub(super) standing: Standing,
    pub(super) is_staff_choice: bool,
}

impl Offer<'_> {
    /// Returns its lender, if there is no doubt which it is.
    pub(super) fn lender(&self) -> Option<&Lender> {
        match self.lenders[..] {
            [lender] => Some(lender),
            _ => None,
        }
    }
}

impl<'a> Facts<'a> {
    /// Gathers the facts. The candidates come in the order of their numbers.
    pub(super) fn new(
        policy: &'a SupplierPolicy,
        wish: &'a Wish,
        candidates: &[&'a Candidate],
        lenders: &'a [Lender],
        now: Timestamp,
    ) -> Self {
        Self { policy, wish, lenders, now, volumes: volumes(wish, candidates) }
    }

    /// Returns the offer of a copy.
    pub(super) fn offer(&self, candidate: &'a Candidate) -> Offer<'a> {
        let mut here: Vec<&Lender> =
            self.lenders.iter().filter(|lender| lender.institution == candidate.institution).collect();
        if candidate.agency.is_some() {
            here.retain(|lender| lender.agency == candidate.agency);
        }
        here.sort_by_key(|lender| &lender.agency);
        let is_staff_choice = self.wish.staff_choice.as_ref().is_some_and(|named| candidate.is_named_by(named));
        let standing = self.standing(candidate, &here);
        Offer { candidate, lenders: here, standing, is_staff_choice }
    }

    fn standing(&self, candidate: &Candidate, lenders: &[&Lender]) -> Standing {
        let oldest = i64::from(self.policy.oldest_answer_minutes) * 60;
        let is_old = candidate.answered_at.is_some_and(|at| self.now.duration_since(at).as_secs() > oldest);
        let is_down = lenders.iter().any(|lender| lender.is_down);
        match &candidate.copy {
            Some(copy) if !is_old && !is_down => match copy.state {
                CopyState::Lent { .. } => Standing::Lent,
                CopyState::Available | CopyState::NotLendable(_) => Standing::Available,
            },
            Some(_) | None => Standing::Unknown,
        }
    }

    /// Returns the reason why a copy can't supply the wish, whatever other copies there are.
    pub(super) fn reason_against(&self, offer: &Offer<'_>) -> Option<Reason> {
        self.against_by_request(offer)
            .or_else(|| against_copy(offer))
            .or_else(|| against_unmapped(offer))
            .or_else(|| self.against_pickup(offer))
            .or_else(|| self.against_volume(offer))
            .or_else(|| self.against_lenders(offer))
            .or_else(|| self.against_unknown(offer))
            .or_else(|| self.against_queue(offer))
    }

    /// Returns the reason why a copy on loan isn't waited for: another one is available.
    pub(super) fn against_waiting(&self, offer: &Offer<'_>, offers: &[Offer<'_>]) -> Option<Reason> {
        let others = offers.iter().any(|other| other.standing == Standing::Available);
        (offer.standing == Standing::Lent && others)
            .then(|| Reason::new(ReasonCode::OthersAvailable, "It is on loan, and another copy is available now."))
    }

    fn against_by_request(&self, offer: &Offer<'_>) -> Option<Reason> {
        if offer.is_staff_choice {
            return None;
        }
        if self.wish.staff_choice.is_some() {
            return Some(Reason::new(ReasonCode::StaffChoseAnother, "Staff chose another copy for this request."));
        }
        if self.wish.left_out.iter().any(|named| offer.candidate.is_named_by(named)) {
            let explanation = "The request leaves this copy out, as a rule because its lender refused it before.";
            return Some(Reason::new(ReasonCode::LeftOutByRequest, explanation));
        }
        let was_tried = offer.lenders.iter().any(|lender| lender.was_tried);
        was_tried.then(|| {
            let explanation = "Its lender had a hold for this request before, and didn't supply the item.";
            Reason::new(ReasonCode::LenderTried, explanation)
        })
    }

    /// Returns the reason against a copy of the institution where a patron of another one would collect it.
    fn against_pickup(&self, offer: &Offer<'_>) -> Option<Reason> {
        let lender = &offer.candidate.institution;
        (*lender == self.wish.pickup_institution && *lender != self.wish.institution).then(|| {
            let explanation = "The patron would collect it at its own library, which lends it there itself. Another pickup \
                               location would do.";
            Reason::new(ReasonCode::PickupAtLender, explanation)
        })
    }

    fn against_volume(&self, offer: &Offer<'_>) -> Option<Reason> {
        let found = self.volumes.get(&(&offer.candidate.institution, &offer.candidate.bib))?;
        offer.candidate.copy.as_ref()?;
        match found {
            Ok(found) if found.contains(&offer.candidate.index) => None,
            Ok(_) => {
                let explanation = "It is another volume than the wanted one. The record has a copy that fits better.";
                Some(Reason::new(ReasonCode::VolumeDiffers, explanation))
            }
            Err(refusal) if refusal.code == "VOLUME_AMBIGUOUS" => {
                Some(Reason::new(ReasonCode::VolumeAmbiguous, &refusal.explanation))
            }
            Err(refusal) => Some(Reason::new(ReasonCode::VolumeNotFound, &refusal.explanation)),
        }
    }

    /// Returns the reason against the lender. Where the copy may belong to several, one that may lend is enough.
    fn against_lenders(&self, offer: &Offer<'_>) -> Option<Reason> {
        let mut reasons = offer.lenders.iter().map(|lender| self.against_lender(lender, offer));
        let Some(mut first) = reasons.next() else {
            let explanation = "No agency of the hub lends for this copy's library.";
            return Some(Reason::new(ReasonCode::LenderNotKnown, explanation));
        };
        for reason in reasons {
            first = first.and_then(|first| reason.is_some().then_some(first));
        }
        first
    }

    fn against_lender(&self, lender: &Lender, offer: &Offer<'_>) -> Option<Reason> {
        let name = lender.name();
        let is_own = self.is_own(lender);
        if is_own && !lender.lends_to_own_patrons {
            let explanation = format!(
                "It belongs to the patron's own library {name}, whose patrons request its items there (rule \
                 lends_to_own_patrons)."
            );
            return Some(Reason::new(ReasonCode::OwnCopy, explanation));
        }
        if !is_own && !lender.lends {
            let explanation = format!("The library {name} doesn't lend to others (rule lends).");
            return Some(Reason::new(ReasonCode::NotLending, explanation));
        }
        // Staff who choose a copy know about a suspension or a limit: they have agreed on it with the lender.
        if !is_own
            && !offer.is_staff_choice
            && let Some(reason) = self.against_now(lender, name)
        {
            return Some(reason);
        }
        let needed = self.wish.needed_until?;
        let opens = lender.opens_at.filter(|opens| *opens > needed)?;
        let explanation = format!("The library {name} opens at {opens}, and the item is needed until {needed} only.");
        Some(Reason::new(ReasonCode::LenderClosed, explanation))
    }

    fn against_now(&self, lender: &Lender, name: &str) -> Option<Reason> {
        if let Some(until) = lender.suspended_until.filter(|until| *until > self.now) {
            let explanation =
                format!("The library {name} has suspended its lending until {until} (rule suspended_until).");
            return Some(Reason::new(ReasonCode::LenderSuspended, explanation));
        }
        let most = lender.most_open_supplies.filter(|most| lender.open_supplies >= *most)?;
        let explanation = format!(
            "The library {name} supplies {open} requests now; it allows {most} at a time (rule most_open_supplies).",
            open = lender.open_supplies
        );
        Some(Reason::new(ReasonCode::LenderAtLimit, explanation))
    }

    fn against_unknown(&self, offer: &Offer<'_>) -> Option<Reason> {
        let is_excluded = offer.standing == Standing::Unknown
            && !offer.is_staff_choice
            && self.policy.unknown_copies == UnknownCopies::Never;
        is_excluded.then(|| {
            let explanation = "The library's system didn't say in time whether the copy is available, and the policy asks \
                               for no such copies (unknown_copies).";
            Reason::new(ReasonCode::AvailabilityUnknown, explanation)
        })
    }

    fn against_queue(&self, offer: &Offer<'_>) -> Option<Reason> {
        let copy = offer.candidate.copy.as_ref()?;
        let CopyState::Lent { due } = copy.state else { return None };
        if !self.policy.queue_on_lent_copies && !offer.is_staff_choice {
            let explanation =
                "It is on loan, and the policy lets no request wait for such a copy (queue_on_lent_copies).";
            return Some(Reason::new(ReasonCode::QueueNotAllowed, explanation));
        }
        // Where the lender is in doubt, the strictest rule counts.
        let longest = offer.lenders.iter().map(|lender| lender.longest_queue).min().flatten();
        let Some(longest) = longest else {
            let explanation =
                "It is on loan, and its lender lets no request wait for such a copy (rule longest_queue).";
            return Some(Reason::new(ReasonCode::QueueNotAllowed, explanation));
        };
        let waiting = copy.waiting.unwrap_or(0);
        if waiting >= longest {
            let explanation = format!(
                "It is on loan, and {waiting} requests wait for it; its lender allows {longest} (rule longest_queue)."
            );
            return Some(Reason::new(ReasonCode::QueueTooLong, explanation));
        }
        let needed = self.wish.needed_until?;
        let due = due.filter(|due| *due > needed)?;
        let explanation = format!("It is on loan until {due}, and needed until {needed} only.");
        Some(Reason::new(ReasonCode::ReturnsTooLate, explanation))
    }

    /// Returns whether a lender is the patron's own library.
    pub(super) fn is_own(&self, lender: &Lender) -> bool {
        let same_agency = lender.agency.as_ref().is_none_or(|agency| *agency == self.wish.borrower);
        lender.institution == self.wish.institution && same_agency
    }
}

fn against_copy(offer: &Offer<'_>) -> Option<Reason> {
    let HeldCopy { barcode, item_type, state, .. } = offer.candidate.copy.as_ref()?;
    if let CopyState::NotLendable(refusal) = state {
        let explanation = format!("{} ({})", refusal.explanation, refusal.code);
        return Some(Reason::new(ReasonCode::CopyNotLendable, explanation));
    }
    if barcode.is_none() {
        let explanation = "Its item has no barcode, so nobody can scan it. The library must add one first.";
        return Some(Reason::new(ReasonCode::CopyWithoutBarcode, explanation));
    }
    item_type.is_none().then(|| {
        let explanation = "The hub has no item type for it. Add its type to the institution's item_types.";
        Reason::new(ReasonCode::ItemTypeUnmapped, explanation)
    })
}

fn against_unmapped(offer: &Offer<'_>) -> Option<Reason> {
    let explanation = match offer.candidate.unmapped.as_ref()? {
        UnmappedType::Item { item_type, institution } => format!(
            "The institution {institution} has no material type for the item type {:?}, so it can't represent the item. \
             Add the type to its material_types.",
            item_type.0
        ),
        UnmappedType::Patron { institution } => format!(
            "The institution {institution} has no user group for the patron's type. Add the type to its user_groups."
        ),
    };
    Some(Reason::new(ReasonCode::TypeUnmapped, explanation))
}

/// Finds the copies of the wanted volume, record by record: each library describes its volumes in its own way.
fn volumes<'a>(
    wish: &Wish,
    candidates: &[&'a Candidate],
) -> BTreeMap<(&'a InstitutionCode, &'a BibId), Result<BTreeSet<u32>, Refusal>> {
    let Some(wanted) = &wish.volume else { return BTreeMap::new() };
    let mut records: BTreeMap<(&InstitutionCode, &BibId), Vec<(u32, Volume)>> = BTreeMap::new();
    for candidate in candidates {
        if let Some(copy) = &candidate.copy {
            let record = records.entry((&candidate.institution, &candidate.bib)).or_default();
            record.push((candidate.index, copy.volume.clone()));
        }
    }
    let found = records.into_iter().map(|(record, copies)| {
        let (indices, labels): (Vec<u32>, Vec<Volume>) = copies.into_iter().unzip();
        let found = choose_volume(wanted, &labels);
        (record, found.map(|found| found.into_iter().filter_map(|at| indices.get(at).copied()).collect()))
    });
    found.collect()
}
