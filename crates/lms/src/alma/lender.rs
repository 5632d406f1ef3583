//! The lending side: a virtual patron, its hold, and finally its loan.

use alma::{
    Cancellation, Code, DeskCode, Error, Item, ItemPath, LibraryCode as AlmaLibrary, LoanFilter, NewIdentifier,
    NewLoan, NewRequest, NewUser, Pickup, Request, RequestFilter, RequestId as AlmaRequestId, Search, UserId,
};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lending::{
    CancelledBy, Hold, HoldId, HoldState, ItemState, LibraryCode, Loan, LoanState, Observation, PatronId,
    PickupLocation, Refusal, RequestId, ShownPatron,
};
use serde_json::json;

use super::Alma;
use super::absence::removed;
use super::errors::{certain, refusal_code, to_lms_error};
use super::mapping::{hold_state, item_state};
use super::records::{hold_comment, hold_marker};
use super::shown::{self, former_virtual_patron_id, virtual_patron_id};
use super::unrequestable::is_unrequestable;
use crate::host::{Attempt, ItemRef, LenderHold, VirtualPatron, Withdrawn};

/// The validity of a virtual patron in days, and the days that must be left for another request.
const VALID_DAYS: i64 = 730;
const LEAST_DAYS_LEFT: i64 = 180;
/// Alma's type of identifier for the number of a card.
const CARD: &str = "BARCODE";

impl Alma {
    /// Creates the virtual patron without a read before, unless the hub has verified it recently. Its id is derived
    /// from the patron's, so Alma's refusal as existing (401851) means that it was made before. Then the hub reads it
    /// and checks that it is the hub's. A user that the hub knows under another id is read first, and used if it is there.
    pub(super) async fn find_or_create_virtual_patron(
        &self,
        wanted: &VirtualPatron,
        now: Timestamp,
    ) -> crate::Result<PatronId> {
        let Some(group) = self.settings.user_groups.get(&wanted.patron_type) else {
            let refusal = self.settings.check_patron_type(&wanted.patron_type);
            return Err(
                refusal.map_or_else(|| crate::Error::retryable("the user group is unknown"), crate::Error::Refused)
            );
        };
        let (id, version) = (virtual_patron_id(self.pseudonyms()?, wanted)?, shown::version(wanted, group));
        let other = wanted.known_id.as_ref().map(PatronId::as_str).filter(|known| *known != id);
        if let Some(known) = [other, Some(&id)].into_iter().flatten().find(|id| self.patrons.has(id, &version, now)) {
            return Ok(PatronId::from(known));
        }
        let adopted = match other {
            Some(other) => self.adopt_virtual_patron(other, wanted, group, today(now)).await?,
            None => None,
        };
        let (there, expires) = match adopted {
            Some(adopted) => adopted,
            None => self.create_or_adopt_virtual_patron(&id, wanted, group, today(now)).await?,
        };
        if there.as_str() == id || Some(there.as_str()) == other {
            let last = expires.and_then(|day| day.checked_sub(jiff::Span::new().days(LEAST_DAYS_LEFT)).ok());
            let good = last.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
            self.patrons.note(there.as_str(), &version, now, good.unwrap_or(now));
        }
        Ok(there)
    }

    /// Creates the virtual patron, or finds the one that has the id. Returns the user's id and its last day.
    async fn create_or_adopt_virtual_patron(
        &self,
        id: &str,
        wanted: &VirtualPatron,
        group: &str,
        today: Date,
    ) -> crate::Result<(PatronId, Option<Date>)> {
        let user = self.new_virtual_patron(id, wanted, group, today);
        match self.client.users().create(&user).await {
            Ok(created) => return Ok((PatronId::from(created.primary_id().as_str()), user.expiry_date)),
            Err(error) if refusal_code(&error) == Some(&Code::IdentifierTaken) => {}
            Err(error) => return Err(to_lms_error(error)),
        }
        if let Some(adopted) = self.adopt_virtual_patron(id, wanted, group, today).await? {
            return Ok(adopted);
        }
        // Another user has the number of the card: the patron's own virtual patron, if the hub made it before it had a key.
        if wanted.may_have_former_id
            && let Some(adopted) =
                self.adopt_virtual_patron(&former_virtual_patron_id(wanted), wanted, group, today).await?
        {
            return Ok(adopted);
        }
        self.create_without_card(id, wanted, group, today).await
    }

    fn new_virtual_patron(&self, id: &str, wanted: &VirtualPatron, group: &str, today: Date) -> NewUser {
        let (first, last) = shown::names(wanted);
        let mut user = NewUser::external(id, last, group, self.settings.external_system.as_str());
        user.first_name = Some(first);
        // Two identifiers of one user can't have the same value.
        let value = format!("{id}-id");
        user.identifiers = vec![NewIdentifier { id_type: self.settings.identifier_type.clone(), value }];
        if let Some(card) = &wanted.shown.card {
            let value = card.as_str().to_owned();
            user.identifiers.push(NewIdentifier { id_type: CARD.to_owned(), value });
        }
        user.expiry_date = today.checked_add(jiff::Span::new().days(VALID_DAYS)).ok();
        user
    }

    /// Creates the virtual patron without the number of the card, which another user of this Alma has.
    async fn create_without_card(
        &self,
        id: &str,
        wanted: &VirtualPatron,
        group: &str,
        today: Date,
    ) -> crate::Result<(PatronId, Option<Date>)> {
        let user = self.new_virtual_patron(id, &without_card(wanted), group, today);
        let created = self.client.users().create(&user).await.map_err(to_lms_error)?;
        Ok((PatronId::from(created.primary_id().as_str()), user.expiry_date))
    }

    /// Checks that the existing user is the hub's, and corrects its group, its validity and what it shows of the
    /// patron. Returns its id and its last day; `None` if there is no such user.
    async fn adopt_virtual_patron(
        &self,
        id: &str,
        wanted: &VirtualPatron,
        group: &str,
        today: Date,
    ) -> crate::Result<Option<(PatronId, Option<Date>)>> {
        let user_id = UserId::from(id);
        let user = match self.client.users().get(&user_id).await {
            Ok(user) => user,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(to_lms_error(error)),
        };
        let ours = user.external_id() == Some(self.settings.external_system.as_str())
            && user.primary_id().as_str().eq_ignore_ascii_case(id);
        if !ours {
            return Err(crate::Error::refused(
                "VIRTUAL_PATRON_ID_TAKEN",
                "The lender has another user with the identifier of the virtual patron. Its staff must change that user's \
                 identifier.",
            ));
        }
        let least = today.checked_add(jiff::Span::new().days(LEAST_DAYS_LEFT)).unwrap_or(today);
        let expires_soon = user.expiry_date().is_none_or(|day| day < least);
        let moved = user.user_group().is_none_or(|coded| coded.as_str() != group);
        let primary_id = PatronId::from(user.primary_id().as_str());
        if !expires_soon && !moved && user.is_active() && shows(&user, wanted) {
            return Ok(Some((primary_id, user.expiry_date())));
        }
        let until = today.checked_add(jiff::Span::new().days(VALID_DAYS)).unwrap_or(today);
        match self.correct_virtual_patron(&user_id, wanted, group, until).await {
            // Another user has the number of the card.
            Err(error) if refusal_code(&error) == Some(&Code::IdentifierTaken) && wanted.shown.card.is_some() => {
                self.correct_virtual_patron(&user_id, &without_card(wanted), group, until)
                    .await
                    .map_err(to_lms_error)?;
            }
            corrected => corrected.map_err(to_lms_error)?,
        }
        Ok(Some((primary_id, Some(until))))
    }

    async fn correct_virtual_patron(
        &self,
        id: &UserId,
        wanted: &VirtualPatron,
        group: &str,
        until: Date,
    ) -> alma::Result<()> {
        let (first, last) = shown::names(wanted);
        let card = wanted.shown.card.as_ref().map(|card| card.as_str().to_owned());
        let group = group.to_owned();
        let change = move |record: &mut serde_json::Map<String, serde_json::Value>| {
            record.insert("expiry_date".to_owned(), json!(format!("{until}Z")));
            record.insert("status".to_owned(), json!({"value": "ACTIVE"}));
            record.insert("user_group".to_owned(), json!({"value": group}));
            record.insert("first_name".to_owned(), json!(first));
            record.insert("last_name".to_owned(), json!(last));
            let mut identifiers =
                record.get("user_identifier").and_then(|rows| rows.as_array()).cloned().unwrap_or_default();
            identifiers.retain(|row| row["id_type"]["value"] != CARD);
            identifiers.extend(card.map(|card| json!({"id_type": {"value": CARD}, "value": card, "status": "ACTIVE"})));
            record.insert("user_identifier".to_owned(), json!(identifiers));
        };
        self.client.users().update_overriding(id, &["user_group"], change).await.map(drop)
    }

    pub(super) async fn hold_for_virtual_patron(&self, wanted: &LenderHold, attempt: Attempt) -> crate::Result<Hold> {
        let request = self.new_lender_hold(wanted)?;
        let placed = self.place_hold(wanted.request, &wanted.item, &wanted.holder, &request, attempt).await;
        match placed {
            // The virtual patron was only assumed to exist, so it is created again.
            Err(crate::Error::Refused(refusal))
                if is_of_no_user(&refusal) && self.patrons.forget(wanted.holder.as_str()) =>
            {
                Err(crate::Error::refused(Refusal::NO_SUCH_PATRON, refusal.explanation))
            }
            // Staff may have moved or expired it since then.
            Err(crate::Error::Refused(refusal))
                if is_unrequestable(&refusal) && self.patrons.invalidate_if_assumed(wanted.holder.as_str()) =>
            {
                Err(crate::Error::refused(Refusal::NO_SUCH_PATRON, refusal.explanation))
            }
            Err(crate::Error::Refused(refusal)) if is_unrequestable(&refusal) => Err(crate::Error::Refused(
                self.explain_refused_hold(&wanted.item, &wanted.holder, &request.pickup, refusal).await,
            )),
            other => other,
        }
    }

    /// Returns the lender's hold. Its comment, which Alma prints on slips, names the library where the patron collects:
    /// the pickup library of the hold is the sharing library, which stands for all of them.
    fn new_lender_hold(&self, wanted: &LenderHold) -> crate::Result<NewRequest> {
        let (pickup, words) = match &wanted.pickup {
            Some(pickup) => (pickup_at(pickup), "DCB request"),
            None => (self.outside(&wanted.library)?, "DCB loan to another library"),
        };
        let details = [("pickup", wanted.destination.as_deref()), ("volume", wanted.volume.as_deref())];
        // Alma ends a hold that isn't filled by that day, and shortens its time on a hold shelf. The hub's own deadline
        // ends the request then, so only the lender's staff need the date.
        let last_interest_date = wanted.needed_until.filter(|_| wanted.pickup.is_none());
        Ok(NewRequest {
            last_interest_date,
            material_type: self.settings.own_material_type(&wanted.item_type).map(str::to_owned),
            ..NewRequest::hold(pickup).comment(hold_comment(words, &details, wanted.request))
        })
    }

    /// Replaces the comment of the lender's hold. The same change twice does no harm, so an unclear attempt is repeated.
    pub(super) async fn change_lender_hold(&self, wanted: &LenderHold, hold: &HoldId) -> crate::Result<()> {
        let (path, hold) = (Self::path(&wanted.item), AlmaRequestId::from(hold.as_str()));
        let changed = self.client.item_requests(&path).update(&hold, &self.new_lender_hold(wanted)?).await;
        removed(changed.map(drop), self.lists_hold(&path, &hold)).await.map(drop)
    }

    /// Returns the pickup location for items that leave this system. An item that is scanned in at its hold's pickup
    /// library goes onto the hold shelf and not into transit, so items of the sharing library itself need its desk.
    pub(super) fn outside(&self, owner: &LibraryCode) -> crate::Result<Pickup> {
        let library = AlmaLibrary::from(self.settings.sharing_library.as_str());
        match &self.settings.sharing_desk {
            Some(desk) => Ok(Pickup::Desk { library, desk: DeskCode::from(desk.as_str()) }),
            None if *owner == self.settings.sharing_library => Err(crate::Error::refused(
                "ITEM_OF_SHARING_LIBRARY",
                "The item belongs to the sharing library, where scanning it in would put it on the hold shelf instead of \
                 sending it out. Set sharing_desk for this institution to lend such items.",
            )),
            None => Ok(Pickup::Library(library)),
        }
    }

    /// Places a hold, or finds the one that an earlier attempt placed by the hub's marker in its comment.
    pub(super) async fn place_hold(
        &self,
        request: RequestId,
        item: &ItemRef,
        patron: &PatronId,
        wanted: &NewRequest,
        attempt: Attempt,
    ) -> crate::Result<Hold> {
        let path = Self::path(item);
        if attempt == Attempt::AfterUnclear
            && let Some(hold) = self.find_hold(request, &path).await?
        {
            return Ok(hold);
        }
        match self.client.item_requests(&path).create(&UserId::from(patron.as_str()), wanted).await {
            Ok(placed) => Ok(hold_of(&placed)),
            Err(error) if refusal_code(&error) == Some(&Code::DuplicateRequest) => {
                match self.find_hold(request, &path).await? {
                    Some(hold) => Ok(hold),
                    // The patron's own hold on this item isn't the hub's to use.
                    None => Err(to_lms_error(error)),
                }
            }
            Err(error) => Err(to_lms_error(error)),
        }
    }

    /// Finds the request's hold among the item's active ones.
    pub(super) async fn find_hold(&self, request: RequestId, path: &ItemPath) -> crate::Result<Option<Hold>> {
        Ok(self.find_request(request, path).await?.as_ref().map(hold_of))
    }

    /// Finds the request's hold among the item's active ones, as Alma shows it.
    pub(super) async fn find_request(&self, request: RequestId, path: &ItemPath) -> crate::Result<Option<Request>> {
        let marker = hold_marker(request);
        let all = self.client.item_requests(path).list(&RequestFilter::holds()).await;
        let ours = |hold: &Request| hold.comment.as_deref().is_some_and(|comment| comment.contains(&marker));
        match all {
            Ok(all) => Ok(certain(all.search(ours), "the list of the item's requests")?.cloned()),
            Err(error) => Err(to_lms_error(error)),
        }
    }

    /// Lends at a desk of the owning library: Alma allows it at no other desk (401153). Alma sets the due date.
    pub(super) async fn lend_to_virtual_patron(
        &self,
        item: &ItemRef,
        library: &LibraryCode,
        to: &PatronId,
        hold: Option<&HoldId>,
        attempt: Attempt,
    ) -> crate::Result<Loan> {
        let Some(desk) = self.settings.desk(library) else {
            return Err(crate::Error::refused(
                "NO_DESK_FOR_LIBRARY",
                format!(
                    "The lender's settings name no circulation desk for the library {library}, so the hub can't lend its \
                     items. Add it to circulation_desks."
                ),
            ));
        };
        let request_id = hold.map(|hold| AlmaRequestId::from(hold.as_str()));
        let wanted = NewLoan { request_id, ..NewLoan::at(library.as_str(), desk.as_str()) };
        self.lend_at(item, &wanted, to, attempt).await
    }

    /// Lends, or finds the loan that an earlier attempt made.
    pub(super) async fn lend_at(
        &self,
        item: &ItemRef,
        wanted: &NewLoan,
        to: &PatronId,
        attempt: Attempt,
    ) -> crate::Result<Loan> {
        let path = Self::path(item);
        let user = UserId::from(to.as_str());
        if attempt == Attempt::AfterUnclear
            && let Some(loan) = self.find_loan(&path, &user).await?
        {
            return Ok(loan_of(&loan));
        }
        match self.client.user_loans(&user).create(path.pid.clone(), wanted).await {
            Ok(loan) => Ok(loan_of(&loan)),
            // An item can be on one loan only. If that is the hub's, the effect is done, whatever the code.
            Err(error @ Error::Refused { .. }) => match self.find_loan(&path, &user).await? {
                Some(loan) => Ok(loan_of(&loan)),
                // Staff may have cancelled the hold without the hub's knowledge. The loan doesn't need it.
                None if wanted.request_id.is_some() && refusal_code(&error) == Some(&Code::RequestNotFound) => {
                    let without = NewLoan { request_id: None, ..wanted.clone() };
                    let lent = self.client.user_loans(&user).create(path.pid.clone(), &without).await;
                    lent.map(|loan| loan_of(&loan)).map_err(to_lms_error)
                }
                None => Err(to_lms_error(error)),
            },
            Err(Error::NotFound { message, .. }) => {
                self.patrons.forget(to.as_str());
                Err(crate::Error::refused(
                    Refusal::NO_SUCH_PATRON,
                    format!("Alma has no such user any more: {message}"),
                ))
            }
            Err(error) => Err(to_lms_error(error)),
        }
    }

    /// Finds the open loan of the item to this user.
    pub(super) async fn find_loan(&self, path: &ItemPath, user: &UserId) -> crate::Result<Option<alma::Loan>> {
        match self.lent(path, user).await? {
            Lent::To(loan) => Ok(Some(*loan)),
            Lent::ToAnother | Lent::ToDeleted | Lent::ToNobody => Ok(None),
        }
    }

    /// Finds out to whom the item is lent. A loan that names the user by the id that Alma uses is theirs. Alma accepts
    /// a user's identifier in any case, and any of the user's identifiers, and may use it in a loan. If a loan names
    /// another id, or none, the list of the user's loans decides.
    pub(super) async fn lent(&self, path: &ItemPath, user: &UserId) -> crate::Result<Lent> {
        let loans = self.client.item_loans(path).list(LoanFilter::Active).whole().await.map_err(to_lms_error)?;
        if loans.is_empty() {
            let none = if loans.is_complete() { Search::Absent } else { Search::Unknown };
            return Ok(certain(none, "the list of the item's loans")?.unwrap_or(Lent::ToNobody));
        }
        let of_user = |loan: &&alma::Loan| loan.user.as_ref().is_some_and(|who| who.as_str() == user.as_str());
        if let Some(loan) = loans.iter().find(of_user) {
            return Ok(Lent::To(Box::new(loan.clone())));
        }
        let theirs = match self.client.user_loans(user).list(LoanFilter::Active).whole().await {
            Ok(theirs) => theirs,
            Err(error) if error.is_not_found() => return Ok(Lent::ToDeleted),
            Err(error) => return Err(to_lms_error(error)),
        };
        let on_it = |loan: &alma::Loan| loans.iter().any(|other| other.id == loan.id);
        let found = certain(theirs.into_search(on_it), "the list of the patron's loans")?;
        Ok(found.map_or(Lent::ToAnother, |loan| Lent::To(Box::new(loan))))
    }

    /// Cancels a hold without a letter to anybody. An absent hold needs no cancelling.
    pub(super) async fn cancel(&self, item: &ItemRef, hold: &HoldId, by: Option<CancelledBy>) -> crate::Result<()> {
        let reason = match by {
            Some(CancelledBy::Patron) => &self.settings.cancel_reason_patron,
            Some(CancelledBy::Staff | CancelledBy::AtBorrower | CancelledBy::Deadline) | None => {
                &self.settings.cancel_reason_other
            }
        };
        let (path, hold) = (Self::path(item), AlmaRequestId::from(hold.as_str()));
        let answered = self.client.item_requests(&path).cancel(&hold, &Cancellation::silent(reason)).await;
        removed(answered, self.lists_hold(&path, &hold)).await.map(drop)
    }

    /// Cancels the hold and then reads the item. Alma leaves an item in transit as it is until its next scan when its
    /// hold is cancelled (alma-api.md 8.2), so the item still shows whether it had left. If the hub read the item
    /// before, a scan between read and cancellation could send it off unnoticed.
    pub(super) async fn withdraw(&self, what: &Withdrawn<'_>) -> crate::Result<Option<Observation>> {
        self.cancel(what.item, what.hold, what.by).await?;
        let path = Self::path(what.item);
        let Some(item) = self.find_item(&path).await? else { return Ok(None) };
        let state = item_state(&item);
        let loan = match state {
            ItemState::InTransit if !self.travels_for_another(what.request, &path, &item).await? => LoanState::None,
            ItemState::OnLoan | ItemState::Lost | ItemState::ClaimedReturned => {
                let Some(holder) = what.holder else { return Ok(None) };
                match self.find_loan(&path, &UserId::from(holder.as_str())).await? {
                    Some(loan) => {
                        let loan = loan_of(&loan);
                        LoanState::Active { id: loan.id, due: loan.due }
                    }
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(Observation { item: Some(state), loan: Some(loan), ..Observation::default() }))
    }

    /// Returns whether an item in transit is on its way for another hold. That hold is then in process and names the
    /// item; a hold that only waits for the item hasn't been started. In doubt the item travels for the request's hold:
    /// the cost is some unnecessary polls.
    async fn travels_for_another(&self, request: RequestId, path: &ItemPath, item: &Item) -> crate::Result<bool> {
        let marker = hold_marker(request);
        let holds = match self.client.item_requests(path).list(&RequestFilter::holds()).await {
            Ok(holds) => holds,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(to_lms_error(error)),
        };
        let is_ours = |hold: &Request| hold.comment.as_deref().is_some_and(|comment| comment.contains(&marker));
        let has_item = |hold: &Request| {
            hold.item_id.as_ref() == Some(&path.pid) || (hold.barcode.is_some() && hold.barcode == item.barcode)
        };
        Ok(holds.iter().any(|hold| !is_ours(hold) && has_item(hold) && hold_state(hold) == HoldState::InProcess))
    }
}

/// The user to whom an item is lent.
#[derive(Debug)]
pub(super) enum Lent {
    /// The loan is to the user in question.
    To(Box<alma::Loan>),
    /// The loan is to somebody else.
    ToAnother,
    /// The user doesn't exist any more, and no loan names them. The loan may have been theirs.
    ToDeleted,
    /// The item isn't on loan.
    ToNobody,
}

/// Returns whether an existing virtual patron shows of the patron what it may, and nothing else.
fn shows(user: &alma::User, wanted: &VirtualPatron) -> bool {
    let (first, last) = shown::names(wanted);
    let cards: Vec<String> = user.active_barcodes().map(|card| card.as_str().to_owned()).collect();
    let card: Vec<&str> = wanted.shown.card.iter().map(PatronId::as_str).collect();
    user.first_name() == Some(&first) && user.last_name() == Some(&last) && cards == card
}

fn without_card(wanted: &VirtualPatron) -> VirtualPatron {
    VirtualPatron { shown: ShownPatron { card: None, ..wanted.shown.clone() }, ..wanted.clone() }
}

fn is_of_no_user(refusal: &Refusal) -> bool {
    [Code::UserNotFound, Code::UserOfTypeNotFound].iter().any(|code| code.as_str() == refusal.code)
}

fn today(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}

pub(super) fn hold_of(request: &Request) -> Hold {
    Hold { id: HoldId::from(request.id.as_str()), state: hold_state(request), shelf_until: None }
}

/// Converts a pickup location into Alma's form.
pub(super) fn pickup_at(pickup: &PickupLocation) -> Pickup {
    let library = AlmaLibrary::from(pickup.library.as_str());
    match &pickup.desk {
        Some(desk) => Pickup::Desk { library, desk: DeskCode::from(desk.as_str()) },
        None => Pickup::Library(library),
    }
}

pub(super) fn loan_of(loan: &alma::Loan) -> Loan {
    Loan { id: loan.id.as_str().into(), due: loan.due_date }
}
