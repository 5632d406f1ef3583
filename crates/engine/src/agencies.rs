//! Agencies' rules in use: how long things may take, and how much a patron may have under way.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use lending::{
    BibId, CopyRef, Deadline, Event, InstitutionCode, LibraryCode, PatronRefusal, Refusal, Request, Rules, Status,
};
use store::{Agency, Intent, NodeEvent, Store, Stored, Tx};

use crate::engine::Engine;
use crate::error::Error;

/// For how long agencies are remembered; another node may have changed them.
const CACHE_TTL: SignedDuration = SignedDuration::from_secs(30);
/// They are read again from then on where nothing waits for them in a transaction.
const REFRESH_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// The agencies as last read.
#[derive(Debug, Default)]
pub(crate) struct Agencies {
    read: RwLock<Option<(Timestamp, Arc<[Agency]>)>>,
    /// One at a time reads.
    reading: tokio::sync::Mutex<()>,
}

impl Agencies {
    async fn all(&self, store: &Store, now: Timestamp) -> Result<Arc<[Agency]>, Error> {
        if let Some(agencies) = self.read_within(CACHE_TTL, now) {
            return Ok(agencies);
        }
        let _alone = self.reading.lock().await;
        if let Some(agencies) = self.read_within(CACHE_TTL, now) {
            return Ok(agencies);
        }
        self.read_anew(store, now).await
    }

    /// Reads what will have to be read soon, so that no transaction waits for it.
    pub(crate) async fn refresh(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        if self.read_within(REFRESH_AFTER, now).is_some() {
            return Ok(());
        }
        let _alone = self.reading.lock().await;
        match self.read_within(REFRESH_AFTER, now) {
            Some(_) => Ok(()),
            None => self.read_anew(store, now).await.map(drop),
        }
    }

    fn read_within(&self, time: SignedDuration, now: Timestamp) -> Option<Arc<[Agency]>> {
        let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
        let (at, agencies) = read.as_ref()?;
        (now.duration_since(*at).abs() < time).then(|| Arc::clone(agencies))
    }

    async fn read_anew(&self, store: &Store, now: Timestamp) -> Result<Arc<[Agency]>, Error> {
        let agencies: Arc<[Agency]> = store.agencies().await?.into();
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&agencies)));
        Ok(agencies)
    }

    pub(crate) fn forget(&self) {
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Engine {
    /// Takes changed rules of an agency into use.
    ///
    /// # Errors
    ///
    /// The store's failures; other nodes then hear of it later.
    pub async fn agency_changed(&self) -> Result<(), Error> {
        self.agencies.forget();
        let mut tx = self.store.begin().await?;
        tx.notify(&self.settings.node, &NodeEvent::SettingsChanged);
        Ok(tx.commit().await?)
    }

    /// When a deadline that has run for `request` since then has passed.
    pub(crate) async fn deadline_end(
        &self,
        request: &Request,
        deadline: Deadline,
        since: Timestamp,
    ) -> Result<Timestamp, Error> {
        if let (Deadline::NoLongerNeeded, Some(day)) = (deadline, request.needed_until) {
            let rules = self.rules_of_patron(request).await?;
            let zone = jiff::tz::TimeZone::get(&rules.calendar.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
            let end = day.checked_add(jiff::Span::new().days(1)).ok();
            let end = end.and_then(|end| zone.to_timestamp(end.at(0, 0, 0, 0)).ok());
            return Ok(end.unwrap_or(Timestamp::MAX));
        }
        let rules = match deadline {
            Deadline::ItemArrives | Deadline::NoLongerNeeded => self.rules_of_patron(request).await?,
            Deadline::LenderAnswers | Deadline::ItemReturns => match &request.supply {
                Some(supply) => self.rules_of(&supply.institution, Some(&supply.copy.library)).await?,
                None => Rules::default(),
            },
        };
        Ok(rules.end_of(deadline, since))
    }

    pub(crate) async fn rules_of_patron(&self, request: &Request) -> Result<Rules, Error> {
        let agencies = self.agencies.all(&self.store, self.clock.now()).await?;
        let found = agencies.iter().find(|agency| agency.code == request.patron.agency);
        Ok(found.map(|agency| agency.rules.clone()).unwrap_or_default())
    }

    /// The rules of the agency that a library of an institution belongs to.
    pub(crate) async fn rules_of(
        &self,
        institution: &InstitutionCode,
        library: Option<&LibraryCode>,
    ) -> Result<Rules, Error> {
        let agencies = self.agencies.all(&self.store, self.clock.now()).await?;
        let mut of_institution = agencies.iter().filter(|agency| agency.institution == *institution);
        let exact =
            of_institution.clone().find(|agency| agency.library.is_some() && agency.library.as_ref() == library);
        Ok(exact.or_else(|| of_institution.next()).map(|agency| agency.rules.clone()).unwrap_or_default())
    }

    /// In a system that several agencies share, a copy may be one's that doesn't lend.
    pub(crate) async fn check_participation(&self, intent: &Intent, event: Event) -> Result<Event, Error> {
        let Event::SupplierChosen(copy) = &event else { return Ok(event) };
        if self.rules_of(&intent.institution, Some(&copy.library)).await?.lends {
            return Ok(event);
        }
        let explanation = format!("The library {} does not lend to others; its agency's rules say so.", copy.library);
        Ok(Event::CandidateUnfit(Refusal::new("NOT_LENDING", explanation)))
    }

    /// A patron who may borrow by their library's word may have too much under way, or the same copy already. What is
    /// counted stays true until the transaction ends.
    pub(crate) async fn check_limits(&self, tx: &mut Tx, request: &Request, event: &Event) -> Result<Event, Error> {
        let Event::PatronVerified(verified) = event else { return Ok(event.clone()) };
        let most = self.rules_of_patron(request).await?.max_requests;
        let open = tx.open_requests_of_patron(&request.patron.institution, &verified.id).await?;
        let others: Vec<&Stored> = open.iter().filter(|stored| stored.request.id != request.id).collect();
        let mut causes = Vec::new();
        if let Some(same) = others.iter().find(|stored| is_duplicate(&stored.request, &request.candidates)) {
            causes.push(PatronRefusal::AlreadyRequested { request: same.request.id });
        }
        let under_way = others.iter().filter(|stored| counts(&stored.request)).count();
        if let Some(most) = most.filter(|most| under_way >= usize::try_from(*most).unwrap_or(usize::MAX)) {
            causes.push(PatronRefusal::TooManyRequests { most });
        }
        Ok(PatronRefusal::all(causes).map_or_else(|| event.clone(), Event::PatronRefused))
    }
}

/// What the patron has brought back doesn't count any more.
fn counts(request: &Request) -> bool {
    let status = request.status;
    !(status.is_ending() || status.is_final() || status == Status::ReturnTransit)
}

/// Whether both are for the same copy.
pub(crate) fn is_duplicate(one: &Request, copies: &[CopyRef]) -> bool {
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

fn is_same_wish(one: &CopyRef, other: &CopyRef) -> bool {
    let wish = |copy: &CopyRef| CopyRef { tried_items: Vec::new(), chosen_by_staff: false, ..copy.clone() };
    wish(one) == wish(other)
}

/// Whether any copy of a record would do, and the other request is for one.
fn is_same_title(bib: Option<&BibId>, copy: &CopyRef) -> bool {
    let any = copy.item.is_none() && copy.barcode.is_none();
    any && copy.volume.is_none() && copy.bib.is_some() && copy.bib.as_ref() == bib
}
