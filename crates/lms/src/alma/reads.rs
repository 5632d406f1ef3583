//! Reads a copy, or an item with its hold and loan.

use alma::{HoldingSelector, Item, ItemPath, LoanProcess, RequestFilter, Search, UserId};

use lending::{
    Barcode, BibId, Closure, Copy, CopyRef, HoldState, ItemState, LoanState, Observation, Refusal, Title, Volume,
    check_volume, choose_volume,
};

use super::Alma;
use super::address::{Whereabouts, refuses_address};
use super::errors::to_lms_error;
use super::lender::{Lent, loan_of};
use super::mapping::{closure, hold_state, item_state};
use super::records::hold_marker;
use crate::error::{Error, Result};
use crate::host::PollQuery;

impl Alma {
    /// Reads a copy in one call: by its full path if the request has it, else by barcode.
    pub(super) async fn read_copy(&self, named: &CopyRef) -> Result<Result<Copy, Refusal>> {
        let unknown = || unfit("COPY_NOT_FOUND", "The lender has no such item.");
        let item = match (&named.bib, &named.item, &named.barcode) {
            (Some(bib), Some(item), _) => {
                // Alma reads an item under any holding and returns the true one.
                let holding = named.holding.as_ref().map_or("ALL", |holding| holding.as_str());
                let path = ItemPath { mms: bib.as_str().into(), holding: holding.into(), pid: item.as_str().into() };
                match self.find_item(&path).await? {
                    Some(item) => item,
                    None => return Ok(Err(unknown())),
                }
            }
            (Some(bib), None, None) => return self.best_copy(bib, named).await,
            (_, _, Some(barcode)) => {
                match self.client.items().by_barcode(&barcode.as_str().into()).await.map_err(to_lms_error)? {
                    Some(item) => item,
                    None => return Ok(Err(unknown())),
                }
            }
            _ => return Ok(Err(unfit("COPY_NOT_NAMED", "The request names neither item nor barcode."))),
        };
        if let Some(Err(refusal)) = named.volume.as_deref().map(|wanted| check_volume(wanted, &volume_of(&item))) {
            return Ok(Err(refusal));
        }
        let copy = self.lendable(&item, named.queued).await?;
        match &named.bib {
            Some(bib) => self.with_title_of(bib, copy).await,
            None => Ok(copy),
        }
    }

    /// Replaces the title of a bound-with volume, which Alma reports with its first record's title and address, by the
    /// title of the record that was asked for.
    async fn with_title_of(&self, asked: &BibId, copy: Result<Copy, Refusal>) -> Result<Result<Copy, Refusal>> {
        match copy {
            Ok(copy) if copy.bib != *asked => {
                let found = self.find_bib(&asked.as_str().into()).await?;
                let title = found.map(|bib| Title::bounded(&bib.title.unwrap_or_default(), bib.author.as_deref()));
                Ok(Ok(Copy { title: title.unwrap_or_else(|| copy.title.clone()), ..copy }))
            }
            copy => Ok(copy),
        }
    }

    /// Finds the first lendable copy of the wanted volume in a record, with one call for all its holdings. A copy that
    /// can't be read is skipped.
    async fn best_copy(&self, bib: &BibId, named: &CopyRef) -> Result<Result<Copy, Refusal>> {
        let items = match self.client.items().list(&bib.as_str().into(), &HoldingSelector::All).whole().await {
            Ok(items) => items,
            Err(error) if error.is_not_found() => {
                return Ok(Err(unfit("COPY_NOT_FOUND", "The lender has no such record.")));
            }
            Err(error) => return Err(to_lms_error(error)),
        };
        let mut refused = if items.is_complete() {
            unfit("COPY_NOT_FOUND", "The lender's record has no other item.")
        } else {
            unfit("COPY_UNREADABLE", "The lender's system describes the record's items in a way that can't be read.")
        };
        let is_complete = items.is_complete();
        let mut items: Vec<&Item> = items.iter().collect();
        if let Some(wanted) = &named.volume {
            let volumes: Vec<Volume> = items.iter().copied().map(volume_of).collect();
            match choose_volume(wanted, &volumes) {
                Ok(found) => items = found.into_iter().filter_map(|at| items.get(at).copied()).collect(),
                Err(refusal) if is_complete => return Ok(Err(refusal)),
                Err(_) => return Ok(Err(refused)),
            }
        }
        let is_tried = |item: &&Item| named.tried_items.iter().any(|tried| tried.as_str() == item.pid.as_str());
        for item in items.into_iter().filter(|item| !is_tried(item)) {
            match self.lendable(item, named.queued).await? {
                Ok(copy) => return self.with_title_of(bib, Ok(copy)).await,
                Err(refusal) => refused = refusal,
            }
        }
        Ok(Err(refused))
    }

    /// Reads a side. If staff have moved its item, the observation has the new address.
    pub(super) async fn read_side(&self, what: &PollQuery) -> Result<Observation> {
        let seen = self.read_side_at_address(what).await;
        let may_be_elsewhere = match &seen {
            Ok(seen) => seen.item == Some(ItemState::Absent),
            Err(error) => refuses_address(error),
        };
        if !may_be_elsewhere {
            return seen;
        }
        let Whereabouts::Moved(item) = self.find_address(&what.item).await? else { return seen };
        let (bib, holding) = (Some(item.bib.clone()), Some(item.holding.clone()));
        let seen = self.read_side_at_address(&PollQuery { item, ..what.clone() }).await?;
        Ok(Observation { bib, holding, ..seen })
    }

    /// Reads a side, the hold first. The item need not be read if the hold is on the shelf, or if it has ended and the
    /// item is on loan to its patron.
    async fn read_side_at_address(&self, what: &PollQuery) -> Result<Observation> {
        let path = Self::path(&what.item);
        let mut seen = Observation::default();
        // It has left the hold shelf, as a rule with its patron, whose loan has fulfilled the hold.
        if what.hold
            && what.loan
            && what.hinted_state == Some(ItemState::OnLoan)
            && let Some((item, loan)) = self.plain_loan(what, &path).await?
        {
            return Ok(Observation { hold: Some(HoldState::Gone), item: Some(item), loan: Some(loan), ..seen });
        }
        if what.hold {
            let hold = match self.find_request(what.request, &path).await {
                // Alma also refuses the call for an item that doesn't exist. Reading the item decides.
                Err(refused @ (Error::Refused(_) | Error::NotFound { .. })) => {
                    let seen = self.read_item_state(what, &path, seen).await?;
                    return if seen.item == Some(ItemState::Absent) { Ok(seen) } else { Err(refused) };
                }
                found => found?,
            };
            seen.hold = Some(hold.as_ref().map_or(HoldState::Gone, hold_state));
            seen.pickup_library =
                hold.as_ref().and_then(|hold| hold.pickup_library.as_ref()).map(|library| library.as_str().into());
            seen.last_shelf_day = hold.and_then(|hold| hold.expiry_date);
            if what.shallow && matches!(seen.hold, Some(HoldState::NotStarted | HoldState::InProcess)) {
                return Ok(seen);
            }
            // The item left for this hold. If it had left for another hold, this one would still be waiting and not in
            // process.
            if what.hinted_state == Some(ItemState::InTransit) && seen.hold == Some(HoldState::InProcess) {
                seen.item = what.hinted_state.clone();
                return Ok(seen);
            }
        }
        let known = match seen.hold {
            // Staff may still lend it to somebody else at a desk.
            Some(HoldState::OnHoldShelf) if what.hinted_state == Some(ItemState::OnLoan) => None,
            Some(HoldState::OnHoldShelf) => Some((ItemState::OnHoldShelf, LoanState::None)),
            Some(HoldState::Gone) if what.loan && !what.wanted_back => self.plain_loan(what, &path).await?,
            None if what.loan && what.shallow => self.plain_loan(what, &path).await?,
            _ => None,
        };
        if let Some((item, loan)) = known {
            seen.item = Some(item);
            seen.loan = what.loan.then_some(loan);
            return Ok(seen);
        }
        self.read_item_state(what, &path, seen).await
    }

    /// Reads the loan to the item's patron. Returns `None` unless it is an ordinary loan, neither recalled nor lost.
    async fn plain_loan(&self, what: &PollQuery, path: &ItemPath) -> Result<Option<(ItemState, LoanState)>> {
        let loan = match self.find_loan(path, &UserId::from(what.patron.as_str())).await {
            // If the list of the item's loans can't answer it, the hub reads the item.
            Err(Error::Refused(_) | Error::NotFound { .. } | Error::Unreadable { .. }) => None,
            found => found?,
        };
        let plain = loan.filter(|loan| matches!(loan.process_status, Some(LoanProcess::Normal | LoanProcess::Renewed)));
        Ok(plain.map(|loan| {
            let loan = loan_of(&loan);
            (ItemState::OnLoan, LoanState::Active { id: loan.id, due: loan.due })
        }))
    }

    /// Reads the item, and loan and closed hold if they can still add information.
    async fn read_item_state(&self, what: &PollQuery, path: &ItemPath, mut seen: Observation) -> Result<Observation> {
        let Some(item) = self.find_item(path).await? else {
            return Ok(Observation { item: Some(ItemState::Absent), ..Observation::default() });
        };
        let state = item_state(&item);
        seen.barcode = item.barcode.as_ref().map(|barcode| Barcode::from(barcode.as_str()));
        seen.bib = Some(item.mms_id.as_str().into());
        seen.holding = Some(item.holding_id.as_str().into());
        if seen.hold == Some(HoldState::Gone) && self.settings.keeps_closed_requests {
            self.read_closed_hold(what, path, &mut seen).await?;
        }
        if matches!(state, ItemState::OnLoan | ItemState::Lost | ItemState::ClaimedReturned) {
            self.read_loan_state(what, path, &item, &mut seen).await?;
        } else if what.loan {
            // An item that isn't out is on no loan. The hub needs no call for that.
            seen.loan = Some(LoanState::None);
        }
        seen.item = Some(state);
        Ok(seen)
    }

    /// Reads what Alma keeps of a hold that is gone, with one call: the closed requests of its record (requirements page,
    /// "Retrieving Request Closure Status via API"). A row has the status `HISTORY`, which shows no closure, and the days
    /// that the hold had (alma-api.md 9). If the status has one of the page's words, it counts as reported. The loan
    /// decides about "completed", which it shows better: hold and loan change at nearly, not exactly, the same moment.
    async fn read_closed_hold(&self, what: &PollQuery, path: &ItemPath, seen: &mut Observation) -> Result<()> {
        let closed = RequestFilter { history: true, ..RequestFilter::holds() };
        let listed = match self.client.bib_requests(&path.mms).list(&closed).await {
            Ok(listed) => listed,
            // What Alma keeps only explains the end, so a refusal explains nothing.
            Err(alma::Error::Refused { .. } | alma::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(to_lms_error(error)),
        };
        if let Some(row) = listed.iter().find(|row| is_polled_hold(what, row)) {
            seen.closure = closure(&row.status).filter(|closure| *closure != Closure::Completed);
            seen.last_shelf_day = row.expiry_date;
            seen.last_interest_day = row.last_interest_date;
        }
        Ok(())
    }

    /// Reads the loan's due date, and whether the lender wants the item back, by recall or because others wait.
    async fn read_loan_state(
        &self,
        what: &PollQuery,
        path: &ItemPath,
        item: &Item,
        seen: &mut Observation,
    ) -> Result<()> {
        let user = UserId::from(what.patron.as_str());
        let lent = self.lent(path, &user).await?;
        if what.wanted_back {
            let recalled =
                matches!(&lent, Lent::To(loan) if matches!(loan.process_status, Some(LoanProcess::Recalled)));
            // The flag alone isn't enough: Alma's own work orders set it too.
            seen.wanted_back = match (recalled, item.requested) {
                (true, _) => Some(true),
                (false, Some(true)) => self.others_wait(what, path).await?,
                (false, _) => Some(false),
            };
        }
        seen.holder_deleted = Some(matches!(lent, Lent::ToDeleted));
        seen.loan = Some(match lent {
            Lent::To(loan) => {
                let loan = loan_of(&loan);
                LoanState::Active { id: loan.id, due: loan.due }
            }
            Lent::ToAnother => LoanState::Another,
            // The loan that the hub knows of may go on.
            Lent::ToDeleted => return Ok(()),
            Lent::ToNobody => LoanState::None,
        });
        Ok(())
    }

    /// Returns whether somebody else has a hold on the item; `None` if that is unknown.
    async fn others_wait(&self, what: &PollQuery, path: &ItemPath) -> Result<Option<bool>> {
        let marker = hold_marker(what.request);
        let holds = self.client.item_requests(path).list(&RequestFilter::holds()).await.map_err(to_lms_error)?;
        let others = holds.search(|hold| !hold.comment.as_deref().is_some_and(|comment| comment.contains(&marker)));
        Ok(match others {
            Search::Found(_) => Some(true),
            Search::Absent => Some(false),
            Search::Unknown => None,
        })
    }
}

/// Returns whether a closed request is the polled hold. An earlier hold of the same request, which the hub has replaced,
/// isn't.
fn is_polled_hold(what: &PollQuery, row: &alma::Request) -> bool {
    match &what.hold_id {
        Some(wanted) => wanted.as_str() == row.id.as_str(),
        None => row.comment.as_deref().is_some_and(|comment| comment.contains(&hold_marker(what.request))),
    }
}

pub(super) fn volume_of(item: &Item) -> Volume {
    Volume::new(item.description.as_deref(), &item.enumeration, &item.chronology)
}

pub(super) fn unfit(code: &str, explanation: &str) -> Refusal {
    Refusal::new(code, explanation)
}
