//! Placing a request: everything that is wrong with it is told at once, and what is right is stored.

use lending::{
    AgencyCode, CopyRef, Event, Patron, PatronId, PickupLocation, PickupLocationCode, Request, RequestId, decide,
};
use store::AuditEntry;

use crate::engine::Engine;
use crate::error::Error;

/// A request as a discovery system or staff place it.
#[derive(Clone, Debug)]
pub struct Placing {
    /// The agency the patron belongs to.
    pub agency: AgencyCode,
    /// The patron: primary id, barcode or e-mail.
    pub patron: PatronId,
    /// Where the patron collects.
    pub pickup_location: PickupLocationCode,
    /// Copies that would do, best first.
    pub copies: Vec<CopyRef>,
}

/// One thing that is wrong with a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Which part of the request, such as `pickup_location`.
    pub field: String,
    /// A stable code, such as `UNKNOWN_PICKUP_LOCATION`.
    pub code: &'static str,
    /// A sentence: what is wrong, and what to do.
    pub message: String,
}

impl Problem {
    fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }
}

impl Engine {
    /// Stores a request with its first intent, or tells everything that is wrong with it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with all problems; the store's failures.
    pub async fn place(&self, placing: Placing, actor: &str) -> Result<RequestId, Error> {
        let (patron, pickup) = self.checked(&placing).await?;
        let now = self.clock.now();
        let request = Request::new(self.ids.request(now), now, patron, pickup, placing.copies);
        let decision = decide(&request, &Event::Placed, now);

        let mut tx = self.store.begin().await?;
        tx.insert_request(&decision.next, now).await?;
        tx.append_audit(&AuditEntry {
            request: request.id,
            at: now,
            event: Event::Placed.name().to_owned(),
            actor: actor.to_owned(),
            from: None,
            to: Some(request.status),
            because: Some("the request is accepted".to_owned()),
            note: None,
            evidence: None,
        })
        .await?;
        self.queue(&mut tx, &decision.next, decision.effect, now).await?;
        tx.commit().await?;
        self.tell(&decision, 1);
        Ok(request.id)
    }

    async fn checked(&self, placing: &Placing) -> Result<(Patron, PickupLocation), Error> {
        let mut problems = Vec::new();
        let agency = self.store.agency(&placing.agency).await?;
        if agency.is_none() {
            let message = format!("There is no agency {}.", placing.agency);
            problems.push(Problem::new("agency", "UNKNOWN_AGENCY", message));
        }
        if placing.patron.as_str().is_empty() {
            problems.push(Problem::new("patron", "PATRON_NOT_NAMED", "The request names no patron."));
        }
        let pickup = self.store.pickup_location(&placing.pickup_location).await?;
        match (&pickup, &agency) {
            (None, _) => {
                let message = format!("There is no pickup location {}.", placing.pickup_location);
                problems.push(Problem::new("pickup_location", "UNKNOWN_PICKUP_LOCATION", message));
            }
            (Some(pickup), Some(agency)) if pickup.institution != agency.institution => {
                let message = format!(
                    "The pickup location {} belongs to another institution than the patron; the patron collects at home.",
                    placing.pickup_location
                );
                problems.push(Problem::new("pickup_location", "PICKUP_ELSEWHERE", message));
            }
            _ => {}
        }
        if placing.copies.is_empty() {
            problems.push(Problem::new("copies", "NO_COPY", "The request names no copy to borrow."));
        }
        for (index, copy) in placing.copies.iter().enumerate() {
            let own = agency.as_ref().is_some_and(|agency| agency.institution == copy.institution);
            problems.extend(self.check_copy(index, copy, own).await?);
        }
        match (agency, pickup) {
            (Some(agency), Some(pickup)) if problems.is_empty() => {
                let patron = Patron {
                    institution: agency.institution,
                    agency: agency.code,
                    given: placing.patron.clone(),
                    verified: None,
                };
                self.refuse_duplicate(&patron, &placing.copies).await?;
                Ok((patron, pickup.location))
            }
            _ => Err(Error::Invalid(problems)),
        }
    }

    async fn check_copy(&self, index: usize, copy: &CopyRef, own: bool) -> Result<Option<Problem>, Error> {
        let field = format!("copies[{index}]");
        if (copy.bib.is_none() || copy.item.is_none()) && copy.barcode.is_none() {
            let message = "A copy is named by its barcode, or by its record and item.";
            return Ok(Some(Problem::new(field, "COPY_NOT_NAMED", message)));
        }
        if own {
            let message =
                "The copy belongs to the patron's own institution; it is requested there, not through the hub.";
            return Ok(Some(Problem::new(field, "OWN_COPY", message)));
        }
        if self.store.institution(&copy.institution).await?.is_none() {
            let message = format!("There is no institution {}.", copy.institution);
            return Ok(Some(Problem::new(field, "UNKNOWN_INSTITUTION", message)));
        }
        Ok(None)
    }

    /// The same patron asking for the same copy again, most likely by a second click.
    async fn refuse_duplicate(&self, patron: &Patron, copies: &[CopyRef]) -> Result<(), Error> {
        let open = self.store.open_requests_of_patron(&patron.institution, &patron.given).await?;
        for stored in open {
            let same = |copy: &CopyRef| {
                stored.request.candidates.contains(copy)
                    || stored.request.supply.as_ref().is_some_and(|supply| {
                        supply.institution == copy.institution
                            && (copy.barcode.as_ref() == Some(&supply.copy.barcode)
                                || copy.item.as_ref() == Some(&supply.copy.item))
                    })
            };
            if copies.iter().any(same) {
                let id = stored.request.id;
                let message = format!("The patron has an open request for this copy already: {id}.");
                return Err(Error::Invalid(vec![Problem::new("copies", "DUPLICATE_REQUEST", message)]));
            }
        }
        Ok(())
    }
}
