//! Finds the copies of a wanted title, and ranks them by the consortium's policy for the choice of the supplier.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use lending::supplier::{Candidate, ChoiceRecord, Lender, Place, ReasonCode, Wish};
use lending::{AgencyCode, CopyRef, EffectResult, InstitutionCode, Request, TitleRef, WantedTitle};
use lms::missing;
use runtime::agency_of_copy;
use store::Agency;

use crate::engine::Engine;
use crate::error::Error;
use crate::titles::{CatalogueTitle, RecordCopies, TitleRecord};

/// How long the institutions have to say which copies are there. Records of those that don't answer count as unknown.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most reasons that a summary names.
const MOST_REASONS: usize = 3;

/// The choice among the copies of a title, with all that it depends on.
#[derive(Clone, Debug)]
pub struct CopyChoice {
    /// The version of the policy.
    pub policy: i64,
    /// The copies, their lenders, and the choice.
    pub record: ChoiceRecord,
}

impl Engine {
    /// Finds the copies that a request for a title can be supplied from, best first, and keeps the choice with the request.
    ///
    /// # Errors
    ///
    /// The store failed. A catalogue that can't be read is a result: the hub tries again.
    pub(crate) async fn find_copies(&self, request: &Request) -> Result<lms::Result<EffectResult>, Error> {
        let Some(wanted) = &request.wanted else { return Ok(Err(missing("the wanted title"))) };
        let title = match self.title_now(wanted).await {
            Ok(Some(title)) => title,
            Ok(None) => {
                let summary = "The title is not in the shared catalogue any more.".to_owned();
                return Ok(Ok(EffectResult::CopiesFound { copies: Vec::new(), summary }));
            }
            Err(reason) => return Ok(Err(lms::Error::retryable(reason))),
        };
        let wish = self.wish(request, wanted).await?;
        let chosen = self.choose_copies(&title.records, request, wish).await?;
        let now = self.runtime.now();
        self.runtime.store().record_choice(request.id, chosen.policy, &chosen.record, now).await?;
        Ok(Ok(EffectResult::CopiesFound { copies: chosen.copies(), summary: chosen.summary() }))
    }

    /// Returns the title as the catalogue has it now: under its id, or else as the request named it.
    pub(crate) async fn title_now(&self, wanted: &WantedTitle) -> Result<Option<CatalogueTitle>, String> {
        let titles = self.titles.get().ok_or("the hub has no shared catalogue now")?;
        match titles.find(&TitleRef::Title(wanted.title.clone())).await? {
            Some(title) => Ok(Some(title)),
            None => titles.find(&wanted.named).await,
        }
    }

    /// Asks the institutions for the copies of these records, and chooses among them. Writes nothing.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub(crate) async fn choose_copies(
        &self,
        records: &[TitleRecord],
        request: &Request,
        wish: Wish,
    ) -> Result<CopyChoice, Error> {
        let answers = match self.titles.get() {
            Some(titles) => titles.held_copies(records, PATIENCE).await,
            None => Vec::new(),
        };
        let (now, agencies) = (self.runtime.now(), self.runtime.agencies().await?);
        let stored = self.runtime.supplier_policy().await?;
        let mut candidates = candidates(answers, &agencies, now);
        for candidate in &mut candidates {
            let item_type = candidate.copy.as_ref().and_then(|copy| copy.item_type.as_ref());
            let unmapped = self.unmapped_type(request, &candidate.institution, item_type).await;
            candidate.unmapped = unmapped.map(|(unmapped, _)| unmapped);
        }
        let lenders = self.lenders(&candidates).await?;
        let record = ChoiceRecord::new(&stored.policy, wish, candidates, lenders, now);
        Ok(CopyChoice { policy: stored.version, record })
    }

    /// Returns what a request wants, without naming its patron.
    pub(crate) async fn wish(&self, request: &Request, wanted: &WantedTitle) -> Result<Wish, Error> {
        let mut left_out: Vec<CopyRef> = wanted.tried.iter().map(tried).collect();
        left_out.extend(request.lenders_that_did_not_supply().map(|lender| anything_of(lender.clone())));
        let rules = self.runtime.rules_of_patron(request).await?;
        Ok(Wish {
            seed: request.id.0,
            borrower: request.patron.agency.clone(),
            institution: request.patron.institution.clone(),
            pickup: request.pickup.code.clone(),
            pickup_institution: request.pickup.institution.clone(),
            pickup_place: self.place_of_pickup(&request.pickup.code).await?,
            volume: wanted.volume.clone(),
            needed_until: request.needed_until.map(|day| rules.end_of_day(day)),
            left_out,
            staff_choice: None,
        })
    }

    /// Returns where the library of a pickup location is.
    pub(crate) async fn place_of_pickup(&self, code: &lending::PickupLocationCode) -> Result<Place, Error> {
        let pickup = self.runtime.pickup_agencies().await?;
        let agencies = self.runtime.agencies().await?;
        let of = |agency: &AgencyCode| agencies.iter().find(|known| known.code == *agency);
        Ok(pickup.get(code).and_then(of).map(|agency| agency.rules.place.clone()).unwrap_or_default())
    }

    /// Returns the facts about the lenders of these candidates.
    async fn lenders(&self, candidates: &[Candidate]) -> Result<Vec<Lender>, Error> {
        let institutions: BTreeSet<&InstitutionCode> = candidates.iter().map(|one| &one.institution).collect();
        let institutions: Vec<InstitutionCode> = institutions.into_iter().cloned().collect();
        let mut lenders = self.runtime.lenders(&institutions).await?;
        for lender in &mut lenders {
            lender.is_down = self.systems.is_down(&lender.institution);
        }
        Ok(lenders)
    }
}

impl CopyChoice {
    /// Returns the chosen copies as a request names them, best first.
    pub fn copies(&self) -> Vec<CopyRef> {
        let ChoiceRecord { wish, candidates, choice, .. } = &self.record;
        let numbered = |index: u32| candidates.iter().find(|candidate| candidate.index == index);
        let ranked = choice.ranked.iter().filter_map(|copy| numbered(copy.index));
        ranked.map(|candidate| candidate.to_copy_ref(wish.volume.as_deref())).collect()
    }

    /// Returns the institution of the best copy.
    pub fn lender(&self) -> Option<&InstitutionCode> {
        self.best().map(|copy| &copy.institution)
    }

    /// Returns the agency of the best copy, if it is known.
    pub fn lending_agency(&self) -> Option<&AgencyCode> {
        self.best().and_then(|copy| copy.agency.as_ref())
    }

    fn best(&self) -> Option<&Candidate> {
        let best = self.record.choice.best()?;
        self.record.candidates.iter().find(|candidate| candidate.index == best)
    }

    /// Returns why the copy that staff named can't be chosen.
    pub(crate) fn reason_against_staff_choice(&self) -> Option<String> {
        let ChoiceRecord { choice, .. } = &self.record;
        let against = choice.left_out.iter().find(|copy| copy.reason.code != ReasonCode::StaffChoseAnother)?;
        choice.ranked.is_empty().then(|| format!("{} The present lender is kept.", against.reason.explanation))
    }

    /// Returns the choice in a few sentences for staff.
    pub fn summary(&self) -> String {
        let ChoiceRecord { candidates, choice, .. } = &self.record;
        let all = candidates.len();
        if let Some(best) = choice.ranked.first() {
            let lender = candidates.iter().find(|candidate| candidate.index == best.index);
            let lender = lender.map(|candidate| candidate.institution.as_str()).unwrap_or_default();
            let count = choice.ranked.len();
            return format!(
                "{count} of {all} copies can be asked for, first one of {lender}. {}",
                best.reason.explanation
            );
        }
        let mut reasons: Vec<&str> = Vec::new();
        for copy in &choice.left_out {
            if !reasons.contains(&copy.reason.explanation.as_str()) && reasons.len() < MOST_REASONS {
                reasons.push(&copy.reason.explanation);
            }
        }
        if all == 0 {
            return "No library holds a copy of the title now.".to_owned();
        }
        format!("None of the {all} copies of the title can be lent now. {}", reasons.join(" "))
    }
}

/// Returns the candidates that the answers contain. A record without an answer is one, since it may have copies.
fn candidates(answers: Vec<RecordCopies>, agencies: &[Agency], now: Timestamp) -> Vec<Candidate> {
    let mut found = Vec::new();
    for RecordCopies { record: TitleRecord { institution, bib }, answer } in answers {
        let (copies, answered_at) = match answer {
            Ok((copies, age)) => (copies.into_iter().map(Some).collect(), Some(now - age)),
            Err(_) => (vec![None], None),
        };
        for copy in copies {
            let library = copy.as_ref().map(|copy| &copy.library);
            let index = u32::try_from(found.len()).unwrap_or(u32::MAX);
            let agency = match library {
                Some(library) => agency_of_copy(agencies, &institution, library).map(|agency| agency.code.clone()),
                None => None,
            };
            let (institution, bib) = (institution.clone(), bib.clone());
            found.push(Candidate { index, institution, agency, bib, copy, answered_at, unmapped: None });
        }
    }
    found
}

fn tried(copy: &lending::TriedCopy) -> CopyRef {
    CopyRef { bib: copy.record.clone(), item: copy.item.clone(), ..anything_of(copy.institution.clone()) }
}

/// Returns a name for every copy of an institution.
fn anything_of(institution: InstitutionCode) -> CopyRef {
    CopyRef {
        institution,
        bib: None,
        holding: None,
        item: None,
        barcode: None,
        volume: None,
        queued: false,
        chosen_by_staff: false,
        tried_items: Vec::new(),
    }
}
