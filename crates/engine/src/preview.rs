//! Says what would become of a request, without placing it: nothing is written, neither here nor in a library's system.

use std::sync::Arc;

use lending::supplier::Wish;
use lending::{
    CopyRef, Effect, EffectResult, ExpectedTerms, InstitutionCode, PatronRefusal, Refusal, Request, Title,
    VerifiedPatron, check_limits,
};
use lms::{Attempt, HostLms};
use store::{KnownVirtualPatron, StoredPickupLocation};

use crate::engine::Engine;
use crate::error::Error;
use crate::find_copies::CopyChoice;
use crate::perform::EffectExecution;
use crate::place::NewRequest;
use crate::validation::ValidationError;

/// The number of a lender's last requests from which the terms are derived.
const MOST_PAST: u32 = 200;

/// What would become of a request.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// The faults of the request itself, a duplicate among them.
    pub faults: Vec<ValidationError>,
    /// The title, if it is known.
    pub title: Option<Title>,
    /// Whether the patron may borrow; `None` if that can't be known because of the faults.
    pub patron: Option<PatronTerms>,
    /// The choice among the copies of a title.
    pub choice: Option<CopyChoice>,
    /// The copies that the request names, up to the first that can be lent, each with its refusal if it can't.
    pub copies: Vec<(CopyRef, Option<Refusal>)>,
    /// The lender that would be asked first, and what its last requests let the patron expect.
    pub expected: Option<(InstitutionCode, ExpectedTerms)>,
    /// The cost of a loan from that lender by the consortium's policy, in its unit.
    pub cost: Option<u32>,
    /// Where the patron may collect.
    pub pickup_locations: Vec<StoredPickupLocation>,
}

/// Whether a patron may borrow.
#[derive(Clone, Debug)]
pub enum PatronTerms {
    /// The patron may.
    MayBorrow(VerifiedPatron),
    /// The patron may not, for each of these reasons.
    MayNot(Vec<Refusal>),
    /// The patron's library doesn't answer now.
    Unknown(String),
}

impl Preview {
    /// Returns whether the request could be placed now and would find a copy.
    pub fn is_possible(&self) -> bool {
        let may_borrow = matches!(self.patron, Some(PatronTerms::MayBorrow(_)));
        self.faults.is_empty() && may_borrow && self.lender().is_some()
    }

    /// Returns the lender that would be asked first.
    fn lender(&self) -> Option<&InstitutionCode> {
        if let Some(choice) = &self.choice {
            return choice.lender();
        }
        self.copies.iter().find(|(_, refusal)| refusal.is_none()).map(|(copy, _)| &copy.institution)
    }
}

impl Engine {
    /// Says what would become of a request. It makes the same checks as the request itself, by reads alone.
    ///
    /// # Errors
    ///
    /// The store or the catalogue can't be read.
    pub async fn preview(&self, placing: NewRequest) -> Result<Preview, Error> {
        let mut preview = Preview { pickup_locations: self.pickup_locations(&placing).await?, ..Preview::default() };
        let mut request = match self.new_request(&placing).await {
            Ok(request) => request,
            Err(Error::Invalid(faults)) => return Ok(Preview { faults, ..preview }),
            Err(error) => return Err(error),
        };
        preview.title = request.title.clone();
        let patron = self.patron_terms(&request).await?;
        if let PatronTerms::MayBorrow(verified) = &patron {
            request.patron.verified = Some(verified.clone());
        }
        preview.patron = Some(patron);
        if request.wanted.is_some() {
            preview.choice = self.choice_for(&request).await?;
        } else {
            preview.copies = self.named_copies(&request).await?;
        }
        if let Some(lender) = preview.lender().cloned() {
            let past = self.runtime.store().past_supplies(&lender, MOST_PAST).await?;
            preview.expected = Some((lender, ExpectedTerms::of(&past)));
            preview.cost = self.cost_of(&preview).await?;
        }
        Ok(preview)
    }

    /// Returns the cost that the policy names for the lender of the best copy.
    async fn cost_of(&self, preview: &Preview) -> Result<Option<u32>, Error> {
        let Some(agency) = preview.choice.as_ref().and_then(CopyChoice::lending_agency) else { return Ok(None) };
        let stored = self.runtime.supplier_policy().await?;
        Ok(stored.policy.lenders.get(agency).and_then(|terms| terms.cost))
    }

    /// Returns the choice among the copies of the wanted title. A title that has left the catalogue has none.
    async fn choice_for(&self, request: &Request) -> Result<Option<CopyChoice>, Error> {
        let Some(wanted) = &request.wanted else { return Ok(None) };
        let title = self.title_now(wanted).await.map_err(Error::Catalogue)?;
        let Some(title) = title else { return Ok(None) };
        let wish: Wish = self.wish(request, wanted).await?;
        self.choose_copies(&title.records, request, wish).await.map(Some)
    }

    /// Reads the copies that the request names, in their order, until one can be lent.
    async fn named_copies(&self, request: &Request) -> Result<Vec<(CopyRef, Option<Refusal>)>, Error> {
        let mut read = Vec::new();
        for copy in &request.candidates {
            let refusal = match self.fitness(request, copy).await {
                Ok(fit) => fit.err(),
                Err(Error::Lms(not_done)) => Some(Refusal::new("NO_ANSWER", not_done.to_string())),
                Err(error) => return Err(error),
            };
            let is_fit = refusal.is_none();
            read.push((copy.clone(), refusal));
            if is_fit {
                break;
            }
        }
        Ok(read)
    }

    /// Asks the patron's library whether the patron may borrow, and checks the hub's own limits.
    async fn patron_terms(&self, request: &Request) -> Result<PatronTerms, Error> {
        let rules = self.runtime.rules_of_patron(request).await?;
        let (effect, now) = (Effect::VerifyPatron, self.runtime.now());
        let read = async |lms: Arc<dyn HostLms>| {
            let execution = EffectExecution {
                lms: lms.as_ref(),
                request,
                attempt: Attempt::Fresh,
                attempts: 0,
                now,
                rules: &rules,
                prefetch: &[],
                virtual_patron: KnownVirtualPatron::default(),
            };
            execution.run(effect).await
        };
        let answer = self.systems.call(&request.patron.institution, effect.priority(), read).await;
        let result = match answer {
            Ok(result) => self.check_placing(request, result).await,
            Err(lms::Error::Refused(refusal)) => return Ok(PatronTerms::MayNot(vec![refusal])),
            Err(not_done) => return Ok(PatronTerms::Unknown(not_done.to_string())),
        };
        let refused = match result {
            EffectResult::PatronVerified(verified) => {
                let institution = &request.patron.institution;
                let open = self.runtime.store().open_requests_of_verified_patron(institution, &verified.id).await?;
                match check_limits(request, open.iter().map(|stored| &stored.request), rules.max_requests) {
                    Ok(()) => return Ok(PatronTerms::MayBorrow(verified)),
                    Err(refused) => refused,
                }
            }
            EffectResult::PatronRefused(refused) => refused,
            other => return Ok(PatronTerms::Unknown(format!("the patron's library answered with {}", other.name()))),
        };
        let each = refused.each().iter().map(PatronRefusal::refusal);
        Ok(PatronTerms::MayNot(each.collect()))
    }

    /// Returns the pickup locations where patrons of the request's agency may collect.
    async fn pickup_locations(&self, placing: &NewRequest) -> Result<Vec<StoredPickupLocation>, Error> {
        let agencies = self.runtime.agencies().await?;
        let Some(home) = agencies.iter().find(|agency| agency.code == placing.agency) else { return Ok(Vec::new()) };
        let allows = |code: &lending::AgencyCode| {
            agencies.iter().any(|agency| agency.code == *code && agency.rules.allows_visiting_pickup)
        };
        let all = self.runtime.store().pickup_locations().await?.into_iter();
        Ok(all.filter(|one| one.location.institution == home.institution || allows(&one.agency)).collect())
    }
}
