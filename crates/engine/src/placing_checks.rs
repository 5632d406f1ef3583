//! Finds what would stop a request later, as soon as patron and copy are known: a pickup library without a hold shelf, and
//! types that an institution doesn't map.

use std::sync::Arc;
use std::time::Duration;

use lending::supplier::UnmappedType;
use lending::{Copy, Effect, EffectResult, InstitutionCode, ItemType, PatronRefusal, Refusal, Request};
use lms::HostLms;
use tracing::debug;

use crate::engine::Engine;

/// How long the pickup library's system may take to say whether it has a hold shelf.
const PATIENCE: Duration = Duration::from_secs(5);

impl Engine {
    /// Returns the result, or the reason why the request can't be supplied although the library's system agreed.
    pub(crate) async fn check_placing(&self, request: &Request, result: EffectResult) -> EffectResult {
        match result {
            EffectResult::PatronVerified(_) if self.lacks_hold_shelf(request).await => {
                EffectResult::PatronRefused(PatronRefusal::NoHoldShelf { pickup: request.pickup.name.clone() })
            }
            EffectResult::SupplierChosen(copy) => {
                let lender = request.candidates.first().map(|copy| copy.institution.clone());
                match lender {
                    Some(lender) => match self.check_mappings(request, &lender, &copy).await {
                        Ok(()) => EffectResult::SupplierChosen(copy),
                        Err(refusal) => EffectResult::CandidateUnfit(refusal),
                    },
                    None => EffectResult::SupplierChosen(copy),
                }
            }
            other => other,
        }
    }

    /// Returns whether the pickup library certainly has no hold shelf. A system that doesn't answer is no reason to
    /// refuse the request.
    async fn lacks_hold_shelf(&self, request: &Request) -> bool {
        if request.expedited {
            return false;
        }
        let institution = &request.pickup.institution;
        if self.systems.is_down(institution) {
            return false;
        }
        // A failure says nothing about the system's other calls, so the circuit breaker doesn't count it: the key may
        // lack the right to read the configuration.
        let Some(lms) = self.adapter(institution).await else { return false };
        let (pickup, now) = (&request.pickup, self.runtime.now());
        let read = lms::with_priority(Effect::VerifyPatron.priority(), lms.has_hold_shelf(pickup, now));
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(Ok(has_shelf)) => has_shelf == Some(false),
            Ok(Err(not_done)) => {
                debug!(request = %request.id, reason = %not_done, "the hold shelf of the pickup library can't be read");
                false
            }
            Err(_) => false,
        }
    }

    /// Checks that the institutions which represent copy and patron map their types.
    pub(crate) async fn check_mappings(
        &self,
        request: &Request,
        lender: &InstitutionCode,
        copy: &Copy,
    ) -> Result<(), Refusal> {
        match self.unmapped_type(request, lender, Some(&copy.item_type)).await {
            Some((_, refusal)) => Err(refusal),
            None => Ok(()),
        }
    }

    /// Returns the first type that an institution would have to represent and doesn't map, with the refusal that this gives.
    pub(crate) async fn unmapped_type(
        &self,
        request: &Request,
        lender: &InstitutionCode,
        item_type: Option<&ItemType>,
    ) -> Option<(UnmappedType, Refusal)> {
        let (home, pickup) = (&request.patron.institution, &request.pickup.institution);
        let collects_elsewhere = request.is_collected_elsewhere();
        let with_virtual_item = [(home, lender != home), (pickup, collects_elsewhere)];
        let with_virtual_patron = [(lender, lender != home), (pickup, collects_elsewhere)];
        if let Some(item_type) = item_type {
            for (institution, _) in with_virtual_item.into_iter().filter(|(_, is_needed)| *is_needed) {
                let lms = self.adapter(institution).await;
                if let Some(refusal) = lms.and_then(|lms| lms.check_item_type(item_type)) {
                    let (item_type, institution) = (item_type.clone(), institution.clone());
                    return Some((UnmappedType::Item { item_type, institution }, refusal));
                }
            }
        }
        let patron = request.patron.verified.as_ref()?;
        for (institution, _) in with_virtual_patron.into_iter().filter(|(_, is_needed)| *is_needed) {
            let lms = self.adapter(institution).await;
            if let Some(refusal) = lms.and_then(|lms| lms.check_patron_type(&patron.patron_type)) {
                return Some((UnmappedType::Patron { institution: institution.clone() }, refusal));
            }
        }
        None
    }

    /// Returns an institution's adapter. An institution that isn't set up is a fault that its effects report.
    async fn adapter(&self, institution: &InstitutionCode) -> Option<Arc<dyn HostLms>> {
        self.systems.adapter(institution).await.ok()
    }
}
