//! Places a request: reports all its faults at once, or stores it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use lending::{
    AgencyCode, Command, CopyRef, InstitutionCode, Patron, PatronId, PickupLocation, PickupLocationCode, Request,
    RequestId, Title, TitleRef, WantedTitle, decide, is_duplicate, is_same_title_wanted,
};
use store::{Agency, AuditEntry, StoredPickupLocation};

use crate::engine::Engine;
use crate::error::Error;
use crate::titles::CatalogueTitle;
use crate::validation::ValidationError;

/// A request as a discovery system or staff place it.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// The agency the patron belongs to.
    pub agency: AgencyCode,
    /// The patron: primary id, barcode or e-mail.
    pub patron: PatronId,
    /// The pickup location.
    pub pickup_location: PickupLocationCode,
    /// The acceptable copies, best first; none if the request names a title.
    pub copies: Vec<CopyRef>,
    /// The title whose copies the hub chooses from, in place of copies.
    pub title: Option<NewTitle>,
    /// The last day on which the patron can use the item.
    pub needed_until: Option<Date>,
    /// Whether the patron is at the lender's desk with the item in hand.
    pub expedited: bool,
}

/// A title as a new request names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTitle {
    /// The title.
    pub title: TitleRef,
    /// The wanted volume, if the title has several.
    pub volume: Option<String>,
}

/// A new request without faults.
struct Checked {
    patron: Patron,
    pickup: PickupLocation,
    wanted: Option<(WantedTitle, Title)>,
}

impl Engine {
    /// Stores a request with its first intent, or returns all its faults.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with all problems. After [`Error::Store`] nothing was stored.
    pub async fn place(&self, placing: NewRequest, actor: &str) -> Result<RequestId, Error> {
        let request = self.new_request(&placing).await?;
        let now = request.placed_at;
        let decision = decide(&request, &Command::Place.into(), now);
        let accepted = AuditEntry {
            request: request.id,
            at: now,
            event: Command::Place.name().to_owned(),
            actor: actor.to_owned(),
            from: None,
            to: Some(request.status),
            reason: Some("the request is accepted".to_owned()),
            note: None,
            evidence: None,
        };
        self.commits.place(&decision, accepted, now).await?;
        Ok(request.id)
    }

    /// Returns the request as it would be placed, or all its faults. Nothing is stored.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with all problems.
    pub(crate) async fn new_request(&self, placing: &NewRequest) -> Result<Request, Error> {
        let Checked { patron, pickup, wanted } = self.validate(placing).await?;
        let now = self.runtime.now();
        let id = self.runtime.ids().request(now);
        let mut request = Request::new(id, now, patron, pickup, placing.copies.clone());
        if let Some((wanted, title)) = wanted {
            (request.wanted, request.title) = (Some(Box::new(wanted)), Some(title));
        }
        request.needed_until = placing.needed_until;
        request.expedited = placing.expedited;
        let rules = self.runtime.rules_of_patron(&request).await?;
        request.virtual_item_at_dispatch = rules.virtual_item_at_dispatch;
        request.lender_extension = rules.lender_extension;
        Ok(request)
    }

    async fn validate(&self, placing: &NewRequest) -> Result<Checked, Error> {
        let mut problems = Vec::new();
        let agency = self.runtime.store().agency(&placing.agency).await?;
        match &agency {
            None => {
                let message = format!("There is no agency {}.", placing.agency);
                problems.push(ValidationError::new("agency", "UNKNOWN_AGENCY", message));
            }
            Some(agency) if !agency.rules.borrows => {
                let message = format!("The agency {} does not borrow from others; its rules say so.", agency.code);
                problems.push(ValidationError::new("agency", "NOT_BORROWING", message));
            }
            Some(_) => {}
        }
        if placing.patron.as_str().is_empty() {
            problems.push(ValidationError::new("patron", "PATRON_NOT_NAMED", "The request names no patron."));
        }
        let pickup = self.runtime.store().pickup_location(&placing.pickup_location).await?;
        problems.extend(self.check_pickup(placing, pickup.as_ref(), agency.as_ref()).await?);
        problems.extend(self.check_date(placing, agency.as_ref()));
        problems.extend(check_wish(placing));
        for (index, copy) in placing.copies.iter().enumerate() {
            problems.extend(self.check_copy(index, copy, agency.as_ref()).await?);
        }
        let mut title = None;
        if let Some(named) = &placing.title {
            match self.find_title(&named.title).await? {
                Ok(found) => {
                    title = Some((WantedTitle::new(named.title.clone(), &found.id, named.volume.clone()), found));
                }
                Err(problem) => problems.push(problem),
            }
        }
        if let Some(agency) = &agency {
            problems.extend(self.duplicate(agency, placing, title.as_ref()).await?);
        }
        match (agency, pickup) {
            (Some(agency), Some(pickup)) if problems.is_empty() => {
                let patron = Patron {
                    institution: agency.institution,
                    agency: agency.code,
                    identifier: placing.patron.clone(),
                    verified: None,
                };
                let wanted = title.map(|(wanted, found)| (wanted, found.title));
                Ok(Checked { patron, pickup: pickup.location, wanted })
            }
            _ => Err(Error::Invalid(problems)),
        }
    }

    async fn check_pickup(
        &self,
        placing: &NewRequest,
        pickup: Option<&StoredPickupLocation>,
        agency: Option<&Agency>,
    ) -> Result<Option<ValidationError>, Error> {
        let Some(pickup) = pickup else {
            let message = format!("There is no pickup location {}.", placing.pickup_location);
            return Ok(Some(ValidationError::new("pickup_location", "UNKNOWN_PICKUP_LOCATION", message)));
        };
        let Some(agency) = agency else { return Ok(None) };
        let place = &pickup.location.institution;
        if placing.expedited {
            let at_lender = placing.title.is_none() && placing.copies.iter().all(|copy| copy.institution == *place);
            let message =
                "The patron takes the item at the lender's desk, so the pickup location must be the lender's.";
            return Ok((!at_lender).then(|| ValidationError::new("pickup_location", "PICKUP_NOT_AT_LENDER", message)));
        }
        if *place == agency.institution {
            return Ok(None);
        }
        let at_lender = |copy: &CopyRef| copy.institution == *place;
        if !placing.copies.is_empty() && placing.copies.iter().all(at_lender) {
            let message = "The patron would collect the copies at their own library, which lends them there itself. Name \
                           another pickup location or other copies, or let the patron take the item at the desk (expedited).";
            return Ok(Some(ValidationError::new("pickup_location", "PICKUP_AT_LENDER", message)));
        }
        let host = self.runtime.store().agency(&pickup.agency).await?;
        if host.is_some_and(|host| host.rules.allows_visiting_pickup) {
            return Ok(None);
        }
        let message = format!(
            "The pickup location {} belongs to another institution than the patron; the patron collects at home, unless \
             the rules of the pickup location's agency let patrons of others collect there (allows_visiting_pickup).",
            placing.pickup_location
        );
        Ok(Some(ValidationError::new("pickup_location", "PICKUP_ELSEWHERE", message)))
    }

    fn check_date(&self, placing: &NewRequest, agency: Option<&Agency>) -> Option<ValidationError> {
        let day = placing.needed_until?;
        let zone = agency.and_then(|agency| TimeZone::get(&agency.rules.calendar.time_zone).ok());
        let today = zone.unwrap_or(TimeZone::UTC).to_datetime(self.runtime.now()).date();
        let message = format!("The last day on which the item is needed, {day}, has passed.");
        (day < today).then(|| ValidationError::new("needed_until", "NEEDED_UNTIL_PAST", message))
    }

    pub(crate) async fn check_copy(
        &self,
        index: usize,
        copy: &CopyRef,
        agency: Option<&Agency>,
    ) -> Result<Option<ValidationError>, Error> {
        let field = format!("copies[{index}]");
        if copy.bib.is_none() && copy.barcode.is_none() {
            let message = "A copy is named by its barcode, or by its record, with or without an item of it.";
            return Ok(Some(ValidationError::new(field, "COPY_NOT_NAMED", message)));
        }
        if self.runtime.store().institution(&copy.institution).await?.is_none() {
            let message = format!("There is no institution {}.", copy.institution);
            return Ok(Some(ValidationError::new(field, "UNKNOWN_INSTITUTION", message)));
        }
        if let Some(agency) = agency.filter(|agency| agency.institution == copy.institution) {
            let allowed = agency.rules.lends_to_own_patrons || self.shares_its_system(&copy.institution).await?;
            let message = "The copy belongs to the patron's own institution; it is requested there, not through the hub, \
                           unless the agency's rules say otherwise (lends_to_own_patrons).";
            return Ok((!allowed).then(|| ValidationError::new(field, "OWN_COPY", message)));
        }
        if self.lends(&copy.institution).await? {
            return Ok(None);
        }
        let message =
            format!("The institution {} does not lend to others; its agency's rules say so.", copy.institution);
        Ok(Some(ValidationError::new(field, "NOT_LENDING", message)))
    }

    /// Returns whether any agency of an institution lends. Whether the copy's own agency lends is known only once the
    /// copy is.
    async fn lends(&self, institution: &InstitutionCode) -> Result<bool, Error> {
        let agencies = self.runtime.store().agencies().await?;
        let mut here = agencies.iter().filter(|agency| agency.institution == *institution).peekable();
        Ok(here.peek().is_none() || here.any(|agency| agency.rules.lends))
    }

    /// Returns whether several agencies use one library system, so that a copy there may be another agency's.
    async fn shares_its_system(&self, institution: &InstitutionCode) -> Result<bool, Error> {
        let agencies = self.runtime.store().agencies().await?;
        Ok(agencies.iter().filter(|agency| agency.institution == *institution).count() > 1)
    }

    /// Detects a second request of the same patron for the same copy or title, most likely caused by a second click.
    async fn duplicate(
        &self,
        agency: &Agency,
        placing: &NewRequest,
        title: Option<&(WantedTitle, CatalogueTitle)>,
    ) -> Result<Option<ValidationError>, Error> {
        let open = self.runtime.store().open_requests_of_patron(&agency.institution, &placing.patron).await?;
        let mut copies = placing.copies.clone();
        // A request for a copy of one of the title's records is a request for the title.
        if let Some((wanted, found)) = title {
            copies.extend(found.records.iter().map(|record| record.any_copy(wanted.volume.as_deref())));
        }
        let same = open.iter().find(|stored| {
            let is_same_title = title.is_some_and(|(wanted, _)| is_same_title_wanted(&stored.request, wanted));
            is_same_title || is_duplicate(&stored.request, &copies)
        });
        Ok(same.map(|same| {
            // The message doesn't name the request: only the field does, which a caller without the right to see it
            // doesn't get.
            let (field, message) = match title {
                Some(_) => ("title", "The patron has an open request for this title already."),
                None => ("copies", "The patron has an open request for this copy already."),
            };
            let problem = ValidationError::new(field, "DUPLICATE_REQUEST", message);
            ValidationError { request: Some(same.request.id), ..problem }
        }))
    }
}

/// Checks that the request names copies or a title, and not both.
fn check_wish(placing: &NewRequest) -> Option<ValidationError> {
    match (&placing.title, placing.copies.is_empty()) {
        (None, true) => {
            let message = "The request names neither a title nor a copy to borrow.";
            Some(ValidationError::new("copies", "NO_COPY", message))
        }
        (Some(_), false) => {
            let message = "The request names a title and copies. Name the title, from whose copies the hub chooses; or the \
                           copies that will do.";
            Some(ValidationError::new("title", "TITLE_AND_COPIES", message))
        }
        (None, false) | (Some(_), true) => None,
    }
}
