//! Replaces the present lender by another one. The hub keeps the present lender until it knows that another can take
//! over, or until staff confirm that they want to give it up anyway.

use std::sync::Arc;
use std::time::Duration;

use lending::supplier::Wish;
use lending::{Action, Command, CopyRef, Effect, Refusal, Request, RequestId, Side};
use lms::HostLms;
use store::Stored;
use tracing::debug;

use crate::commit::{Call, Cause};
use crate::engine::Engine;
use crate::error::Error;
use crate::find_copies::CopyChoice;
use crate::rules::not_lending;
use crate::titles::TitleRecord;
use crate::validation::ValidationError;

/// How long a caller who asks for another lender waits for a library's system.
const PATIENCE: Duration = Duration::from_secs(5);

/// The parameters of staff's request for another lender.
#[derive(Clone, Debug, Default)]
pub struct AnotherLender {
    /// The reason, in their words.
    pub reason: Option<String>,
    /// The copy they want, if they name one.
    pub copy: Option<CopyRef>,
    /// Whether to give the present lender up even if no other is left, which ends the request.
    pub confirm_no_candidate: bool,
    /// The version of the request that they have seen, if only that one will do.
    pub version: Option<i64>,
}

impl Engine {
    /// Replaces the present lender by another, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::NotAllowed`] if the request's state doesn't allow it, for example because the lender has sent the item;
    /// [`Error::Invalid`] and [`Error::Unfit`] if no other lender can take over; [`Error::Lms`] if a system that must
    /// be asked doesn't answer; [`Error::VersionChanged`]. In each case the present lender is kept.
    pub async fn ask_another_lender(
        &self,
        id: RequestId,
        wanted: AnotherLender,
        actor: &str,
    ) -> Result<Request, Error> {
        let AnotherLender { reason, copy, confirm_no_candidate, version } = wanted;
        let stored = self.runtime.store().request(id).await?.ok_or(Error::UnknownRequest(id))?;
        if version.is_some_and(|version| version != stored.version) {
            return Err(Error::VersionChanged);
        }
        let action = if copy.is_some() { Action::ChooseSupplier } else { Action::NextSupplier };
        let may = |request: &Request| request.may(action).map_err(Error::NotAllowed);
        may(&stored.request)?;
        let Stored { request, version: polled, .. } = self.after_polling_the_lender(stored).await?;
        may(&request)?;
        let mut choice = None;
        match &copy {
            Some(copy) => {
                self.check_named(&request, copy).await?;
                choice = self.choice_of_staff(&request, copy).await?;
            }
            None if confirm_no_candidate => {}
            None => self.check_any_is_left(&request).await?,
        }
        let command = Command::NextSupplier { reason, copy };
        // The poll itself may have changed the request, which is nobody else's change.
        let call = Call { reason: None, version: version.map(|_| polled) };
        let applied = self.commits.apply(id, &command.into(), actor, &Cause::Person(call), None).await?;
        if let Some(CopyChoice { policy, record }) = choice {
            self.runtime.store().record_choice(id, policy, &record, self.runtime.now()).await?;
        }
        Ok(applied.stored.request)
    }

    /// Polls the lender and returns the request with its version: the item may have been sent since the last poll. Cancelling the hold
    /// finds that out too, but then the hold is gone and the patron gets nothing. A lender whose system doesn't answer
    /// is given up anyway.
    async fn after_polling_the_lender(&self, stored: Stored) -> Result<Stored, Error> {
        let request = &stored.request;
        match tokio::time::timeout(PATIENCE, self.polling.poll_fully(request, Side::Lender)).await {
            Ok(Ok(Some(event))) => {
                let (id, cause) = (request.id, Cause::Person(Call::default()));
                match self.commits.apply(id, &event.into(), "hub", &cause, Some(stored)).await {
                    Ok(applied) => Ok(applied.stored),
                    // What was read before the change says nothing about the request as it is now.
                    Err(Error::Outdated) => {
                        let now = self.runtime.store().request(id).await?;
                        now.ok_or(Error::UnknownRequest(id))
                    }
                    Err(failure) => Err(failure),
                }
            }
            Ok(Ok(None)) | Err(_) => Ok(stored),
            Ok(Err(not_done)) => {
                debug!(request = %request.id, reason = %not_done, "the lender could not be polled before it is given up");
                Ok(stored)
            }
        }
    }

    async fn check_named(&self, request: &Request, copy: &CopyRef) -> Result<(), Error> {
        let agency = self.runtime.store().agency(&request.patron.agency).await?;
        if let Some(problem) = self.check_copy(0, copy, agency.as_ref()).await? {
            return Err(Error::Invalid(vec![ValidationError { field: "copy".to_owned(), ..problem }]));
        }
        self.fitness(request, copy).await?.map_err(Error::Unfit)
    }

    /// Puts the copy that staff named for a title through the same choice as the hub's own, which explains it, and in which
    /// it overrides suspensions, limits and earlier refusals. Returns `None` if the request is for no title, the copy is none
    /// of that title, or the catalogue can't be read: staff may choose all the same.
    async fn choice_of_staff(&self, request: &Request, copy: &CopyRef) -> Result<Option<CopyChoice>, Error> {
        let Some(wanted) = &request.wanted else { return Ok(None) };
        let title = match self.title_now(wanted).await {
            Ok(title) => title,
            Err(reason) => {
                debug!(request = %request.id, reason, "the choice of staff is not explained, since the catalogue can't be read");
                return Ok(None);
            }
        };
        let records: Vec<TitleRecord> = title.into_iter().flat_map(|title| title.records).collect();
        let named = |record: &&TitleRecord| {
            record.institution == copy.institution && copy.bib.as_ref().is_none_or(|bib| *bib == record.bib)
        };
        let records: Vec<TitleRecord> = records.iter().filter(named).cloned().collect();
        let wish = Wish { staff_choice: Some(copy.clone()), ..self.wish(request, wanted).await? };
        let chosen = self.choose_copies(&records, request, wish).await?;
        if let Some(reason) = chosen.reason_against_staff_choice() {
            return Err(Error::Unfit(Refusal::new(Refusal::NO_CANDIDATE_LEFT, reason)));
        }
        Ok(chosen.lender().is_some().then_some(chosen))
    }

    /// Checks that one of the copies which the request names can take over.
    async fn check_any_is_left(&self, request: &Request) -> Result<(), Error> {
        let mut reason = "It names no other copy.".to_owned();
        for copy in request.candidates_without_supplier() {
            match self.fitness(request, &copy).await? {
                Ok(()) => return Ok(()),
                Err(refusal) => reason = format!("The last that was tried: {}", refusal.explanation),
            }
        }
        Err(Error::Unfit(Refusal::new(
            Refusal::NO_CANDIDATE_LEFT,
            format!(
                "No other library can supply the request now. {reason} The present lender is kept. To give it up all the same, \
                 which cancels its hold and ends the request as not supplied, confirm that (confirm_no_candidate, on the \
                 command line --yes); or name a copy."
            ),
        )))
    }

    /// Checks whether a copy could be supplied for the request now, with one call to its institution's system.
    pub(crate) async fn fitness(&self, request: &Request, copy: &CopyRef) -> Result<Result<(), Refusal>, Error> {
        if let Err(refusal) = request.may_be_supplied_by(&copy.institution) {
            return Ok(Err(refusal));
        }
        let found = match tokio::time::timeout(PATIENCE, self.read_copy(copy)).await {
            Ok(Ok(found)) => found,
            Ok(Err(lms::Error::Refused(refusal))) => Err(refusal),
            Ok(Err(lms::Error::NotFound { what })) => {
                Err(Refusal::new(Refusal::GONE, format!("In the library's system {what} is not there any more.")))
            }
            Ok(Err(not_done)) => return Err(unchecked(copy, &not_done.to_string())),
            Err(_) => return Err(unchecked(copy, "its system takes too long to answer.")),
        };
        let copy_there = match found {
            Ok(copy) => copy,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !self.runtime.rules_of(&copy.institution, Some(&copy_there.library)).await?.lends {
            return Ok(Err(not_lending(&copy_there)));
        }
        Ok(self.check_mappings(request, &copy.institution, &copy_there).await)
    }

    async fn read_copy(&self, copy: &CopyRef) -> lms::Result<Result<lending::Copy, Refusal>> {
        let priority = Effect::ChooseSupplier.priority();
        self.systems
            .call(&copy.institution, priority, |lms: Arc<dyn HostLms>| async move { lms.resolve_copy(copy).await })
            .await
    }
}

fn unchecked(copy: &CopyRef, reason: &str) -> Error {
    let institution = &copy.institution;
    let reason = format!("The copy of {institution} can't be looked up, so the present lender is kept: {reason}");
    Error::Lms(lms::Error::retryable(reason))
}
