//! The guard: decides by the caller's role before an operation, and by the caller's agencies at each object.
//!
//! [`guard`] runs before every handler that needs a key. It lets a call pass only if the table of `access` gives the
//! caller's role the permission that the operation needs. A handler then gets its object from [`Access`], which decides by
//! the caller's side. Another agency's object is answered as one that doesn't exist.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use access::{Caller, PatronData, Permission, Role, Sides, Verdict};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use engine::agencies_of_library;
use lending::{AgencyCode, InstitutionCode, PickupLocationCode, RequestId};
use messages::Language;
use store::{Agency, Institution, Listed, OfAgencies, RequestVersion, Stored, StoredPickupLocation};

use crate::auth::{self, Actor};
use crate::problem::Problem;
use crate::removed_guard::is_removed;
use crate::request_view::RequestView;
use crate::sentence::Sentence;
use crate::state::WebState;
use crate::views::{OwnedParties, Parties, RenderedView, is_alike_for_all};
use crate::{idempotency, limits};

/// An operation that needs a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    /// Its id in the OpenAPI document.
    pub(crate) id: &'static str,
    /// The permission that it needs.
    pub(crate) permission: Permission,
}

/// The operations that need a key, by path and method.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    known: HashMap<(String, Method), Operation>,
    paths: HashSet<String>,
}

impl Operations {
    /// Adds the operation with this id.
    pub(crate) fn add(&mut self, path: &str, method: Method, id: &str) {
        if let Some((id, permission)) = access::OPERATIONS.iter().find(|(known, _)| *known == id) {
            self.paths.insert(path.to_owned());
            self.known.insert((path.to_owned(), method), Operation { id, permission: *permission });
        }
    }

    fn of(&self, path: &str, method: &Method) -> Option<Operation> {
        // axum answers HEAD as GET without the body.
        let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
        self.known.get(&(path.to_owned(), method)).copied()
    }
}

/// The state of [`guard`].
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) state: WebState,
    pub(crate) operations: Arc<Operations>,
}

/// Lets a call pass if it has a valid key whose role may have the operation's permission.
pub(crate) async fn guard(State(guard): State<Guard>, mut call: Request, next: Next) -> Result<Response, Problem> {
    let caller = auth::authenticate(&guard.state, call.headers(), call.extensions()).await?;
    let caller = caller.ok_or_else(Problem::no_key)?;
    let path = call.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    match guard.operations.of(path, call.method()) {
        Some(mut operation) => {
            if let Err(denial) = caller.may_ever(operation.permission) {
                if !is_removed(operation.id, "row") {
                    return Err(Problem::forbidden(denial));
                }
                operation.permission = Permission::Open;
            }
            let address = auth::address(call.extensions());
            let actor = Actor::new(Arc::clone(&caller));
            limits::check_key(&guard.state, &actor)?;
            let language = language(call.headers());
            let access = Access {
                is_signed_in: call.extensions().get::<auth::SignedIn>().is_some(),
                caller,
                actor: actor.clone(),
                operation,
                address,
                language,
            };
            call.extensions_mut().insert(actor);
            call.extensions_mut().insert(access);
        }
        // The path has no such method, which the router answers.
        None if guard.operations.paths.contains(path) => {}
        None => return Err(Problem::internal()),
    }
    // The handlers don't need the key.
    call.headers_mut().remove(AUTHORIZATION);
    // After the guard: an answer is repeated only to the caller that got it.
    idempotency::replay(&guard.state, call, next).await
}

/// The access of a call: its caller, its operation, and the address from which it came.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    caller: Arc<Caller>,
    actor: Actor,
    operation: Operation,
    address: Option<IpAddr>,
    language: Language,
    is_signed_in: bool,
}

impl<S: Sync> FromRequestParts<S> for Access {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::no_key)
    }
}

/// A request that the caller may see, and the sides at which the caller stands.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) stored: Stored,
    pub(crate) sides: Sides,
}

impl Access {
    /// Returns the caller.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns the caller's name.
    pub(crate) fn name(&self) -> &str {
        self.actor.name()
    }

    /// Returns whether the caller is a user who has signed in to the desk, and no key.
    pub(crate) const fn is_signed_in(&self) -> bool {
        self.is_signed_in
    }

    /// Returns the language in which the caller wants sentences for patrons.
    pub(crate) const fn language(&self) -> Language {
        self.language
    }

    /// Returns the sentence that the patron of a request should read now, in the caller's language.
    pub(crate) async fn patron_message(
        &self,
        state: &WebState,
        request: &lending::Request,
    ) -> Result<Sentence, Problem> {
        Ok(self.message(&state.engine.agencies().await?, request))
    }

    /// Returns the sentence that the patron of a request should read now, in the caller's language.
    fn message(&self, agencies: &[Agency], request: &lending::Request) -> Sentence {
        let language = self.language;
        let text = engine::patron_message(agencies, request).text(language).unwrap_or_default();
        Sentence { text, language }
    }

    /// Returns the views of requests, for a list. They name no patron.
    pub(crate) async fn listed_views(
        &self,
        state: &WebState,
        requests: &[RequestVersion],
        names_patron: bool,
    ) -> Result<Vec<RenderedView>, Problem> {
        let agencies = state.engine.agencies().await?;
        let mut views = state.views.get_all(requests, self.language, &agencies);
        let missing: Vec<RequestId> =
            requests.iter().zip(&views).filter(|(_, view)| view.is_none()).map(|(request, _)| request.id).collect();
        let mut read = state.engine.store().listed_requests(&missing).await?.into_iter().peekable();
        for (request, view) in requests.iter().zip(&mut views).filter(|(_, view)| view.is_none()) {
            // One that is removed at this moment is missing.
            let Some(listed) = read.next_if(|listed| listed.request.id == request.id) else { continue };
            let sides = self.sides(state, Parties::of(&listed.request)).await?;
            let data = self.shown_patron(sides, false, names_patron);
            *view = Some(self.rendered(state, &agencies, listed, data)?);
        }
        Ok(views.into_iter().flatten().collect())
    }

    /// Returns the view of a request without what names its patron, and keeps it if every caller gets it alike.
    pub(crate) fn rendered(
        &self,
        state: &WebState,
        agencies: &Arc<[Agency]>,
        listed: Listed,
        data: PatronData,
    ) -> Result<RenderedView, Problem> {
        let message = self.message(agencies, &listed.request);
        let is_alike = is_alike_for_all(&listed.request);
        let request = RequestVersion { id: listed.request.id, version: listed.version };
        let parties = OwnedParties::of(&listed.request);
        let view = RequestView::new(listed, data, message).without_identifier();
        let view = RenderedView::new(parties, &view)?;
        if is_alike {
            state.views.keep(request, self.language, agencies, &view);
        }
        Ok(view)
    }

    /// Returns the operation's id.
    pub(crate) fn operation(&self) -> &'static str {
        self.operation.id
    }

    /// Returns the address from which the call came, for logs.
    pub(crate) fn origin(&self) -> String {
        self.address.map_or_else(|| "unknown address".to_owned(), |address| address.to_string())
    }

    /// Returns the request with this id.
    ///
    /// # Errors
    ///
    /// A 404 if there is none or the caller stands at no side of it; a 403 if the caller's side doesn't permit the
    /// operation.
    pub(crate) async fn request(&self, state: &WebState, id: RequestId) -> Result<Seen, Problem> {
        let missing = || Problem::not_found("request", &id.to_string());
        let stored = state.engine.store().shown_request(id).await?.ok_or_else(missing)?;
        self.seen(state, stored).await
    }

    /// Decides about a request that was read.
    ///
    /// # Errors
    ///
    /// As [`Access::request`].
    pub(crate) async fn seen(&self, state: &WebState, stored: Stored) -> Result<Seen, Problem> {
        let sides = self.permitted_sides(state, stored.request.id, Parties::of(&stored.request)).await?;
        Ok(Seen { stored, sides })
    }

    /// Returns the sides of a request at which the caller stands.
    ///
    /// # Errors
    ///
    /// As [`Access::request`].
    pub(crate) async fn permitted_sides(
        &self,
        state: &WebState,
        id: RequestId,
        parties: Parties<'_>,
    ) -> Result<Sides, Problem> {
        let sides = self.sides(state, parties).await?;
        let missing = || Problem::not_found("request", &id.to_string());
        self.permitted("request", self.caller.at_request(self.operation.permission, sides), missing)?;
        Ok(sides)
    }

    /// Returns whether the caller may read the request with this id.
    pub(crate) async fn sees(&self, state: &WebState, id: RequestId) -> Result<bool, Problem> {
        let Some(stored) = state.engine.store().shown_request(id).await? else { return Ok(false) };
        let sides = self.sides(state, Parties::of(&stored.request)).await?;
        let verdict = self.caller.at_request(Permission::ReadRequests, sides);
        Ok(verdict == Verdict::Allowed || self.is_removed("sees"))
    }

    /// Returns the sides of a request at which the caller stands.
    pub(crate) async fn sides(&self, state: &WebState, parties: Parties<'_>) -> Result<Sides, Problem> {
        if self.caller.is_consortium_admin() {
            return Ok(Sides::default());
        }
        let agencies = state.engine.agencies().await?;
        let lenders = parties
            .lender
            .map_or_else(Vec::new, |(institution, library)| agencies_of_library(&agencies, institution, Some(library)));
        let pickup = state.engine.pickup_agencies().await?;
        let pickup = pickup.get(parties.pickup);
        Ok(self.caller.sides(parties.agency, lenders.into_iter().map(|agency| &agency.code), pickup))
    }

    /// Returns the sides of a request at which one of the caller's agencies stands, or this one alone; for the consortium admin
    /// without an agency, all sides.
    pub(crate) async fn sides_of(
        &self,
        state: &WebState,
        request: &lending::Request,
        agency: Option<&AgencyCode>,
    ) -> Result<Vec<lending::Side>, Problem> {
        let agencies = state.engine.agencies().await?;
        let stands = |code: &AgencyCode| agency.map_or_else(|| self.owns(code), |wanted| wanted == code);
        let mut sides = Vec::new();
        if stands(&request.patron.agency) {
            sides.push(lending::Side::Borrower);
        }
        if let Some(supply) = &request.supply {
            let lenders = agencies_of_library(&agencies, &supply.institution, Some(&supply.copy.library));
            if lenders.iter().any(|lender| stands(&lender.code)) {
                sides.push(lending::Side::Lender);
            }
        }
        if state.engine.pickup_agencies().await?.get(&request.pickup.code).is_some_and(stands) {
            sides.push(request.pickup_role());
            sides.push(lending::Side::Pickup);
        }
        Ok(sides)
    }

    /// Returns the data of a request's patron that the caller sees when the call neither names the patron nor gives a
    /// reason.
    pub(crate) fn patron_data(&self, sides: Sides) -> PatronData {
        self.shown_patron(sides, false, false)
    }

    /// Returns the data of a request's patron that the caller sees: see [`Caller::patron_data`].
    pub(crate) fn shown_patron(&self, sides: Sides, has_reason: bool, names_patron: bool) -> PatronData {
        if self.is_removed("patron_data") {
            return PatronData::Full;
        }
        self.caller.patron_data(sides, has_reason, names_patron)
    }

    /// Decides about a list or a request by whether the call names a patron: see [`Caller::may_list`].
    ///
    /// # Errors
    ///
    /// A 403.
    pub(crate) fn may_list(&self, names_patron: bool) -> Result<(), Problem> {
        if self.is_removed("may_list") {
            return Ok(());
        }
        self.caller.may_list(names_patron).map_err(Problem::forbidden)
    }

    /// Returns whether the caller may manage a key, user or subscription of this role and these agencies.
    pub(crate) fn may_give(&self, role: Role, agencies: &BTreeSet<AgencyCode>) -> bool {
        self.caller.may_give(role, agencies) || self.is_removed("may_give")
    }

    /// Returns whether a test has removed this check of the operation.
    pub(crate) fn is_removed(&self, check: &'static str) -> bool {
        is_removed(self.operation.id, check)
    }

    fn permitted(
        &self,
        check: &'static str,
        verdict: Verdict,
        missing: impl FnOnce() -> Problem,
    ) -> Result<(), Problem> {
        match verdict {
            Verdict::Allowed => Ok(()),
            _ if self.is_removed(check) => Ok(()),
            Verdict::Denied(denial) => Err(Problem::forbidden(denial)),
            Verdict::Hidden => Err(missing()),
        }
    }

    /// Returns the requests that the caller may list; `None` for all. A list of the requests of a patron whom the caller
    /// names has only those of its own patrons: otherwise it would say who the patron of another library is.
    pub(crate) async fn listed_requests(
        &self,
        state: &WebState,
        names_patron: bool,
    ) -> Result<Option<OfAgencies>, Problem> {
        if self.is_removed("listed_requests") {
            return Ok(None);
        }
        if names_patron && !self.caller.is_consortium_admin() {
            let borrowers = self.caller.agencies().iter().cloned().collect();
            return Ok(Some(OfAgencies { borrowers, ..OfAgencies::default() }));
        }
        Ok(deliveries::visible_requests(&state.engine, &self.caller).await?)
    }

    /// Returns whether a list has only requests of the caller's own patrons.
    pub(crate) fn sees_patrons_alone(&self, names_patron: bool) -> bool {
        self.caller.role() == Role::Discovery || names_patron && !self.caller.is_consortium_admin()
    }

    /// Decides about the agency of a new or existing object.
    ///
    /// # Errors
    ///
    /// A 404 if it is another's.
    pub(crate) fn agency(&self, code: &AgencyCode) -> Result<(), Problem> {
        let missing = || Problem::not_found("agency", code.as_str());
        self.permitted("agency", self.caller.at_agency(self.operation.permission, code), missing)
    }

    /// Returns whether an agency that the caller names in a body or a list is the caller's own.
    pub(crate) fn owns(&self, agency: &AgencyCode) -> bool {
        self.caller.owns(agency) || self.is_removed("owns")
    }

    /// Returns how many messages of a request the caller's agencies have not read.
    pub(crate) async fn unread_messages(&self, state: &WebState, id: RequestId) -> Result<u64, Problem> {
        if self.caller.agencies().is_empty() {
            return Ok(0);
        }
        let unread = state.engine.store().unread_of_request(id).await?.into_iter();
        let own = unread.filter(|(agency, _)| self.caller.agencies().contains(agency));
        Ok(own.map(|(_, number)| number).max().unwrap_or_default())
    }

    /// Returns how many messages of each request the caller's agencies have not read.
    pub(crate) async fn all_unread_messages(&self, state: &WebState) -> Result<HashMap<RequestId, u64>, Problem> {
        let agencies: Vec<AgencyCode> = self.caller.agencies().iter().cloned().collect();
        Ok(state.engine.store().unread_messages(&agencies).await?)
    }

    /// Returns whether an agency exists and is the caller's own.
    pub(crate) async fn knows_agency(&self, state: &WebState, code: &AgencyCode) -> Result<bool, Problem> {
        Ok(self.owns(code) && state.engine.agencies().await?.iter().any(|known| known.code == *code))
    }

    /// Decides about an institution, whether it exists or not.
    ///
    /// # Errors
    ///
    /// A 404 if no agency of it is the caller's; a 403 if a change would concern others.
    pub(crate) async fn may_use_institution(&self, state: &WebState, code: &InstitutionCode) -> Result<(), Problem> {
        let verdict = self.institution_verdict(state, code).await?;
        self.permitted("institution", verdict, || Problem::not_found("institution", code.as_str()))
    }

    async fn institution_verdict(&self, state: &WebState, code: &InstitutionCode) -> Result<Verdict, Problem> {
        let agencies = state.engine.agencies().await?;
        let here = agencies.iter().filter(|agency| agency.institution == *code).map(|agency| &agency.code);
        Ok(self.caller.at_institution(self.operation.permission, here))
    }

    /// Returns whether the caller may do this to an institution.
    pub(crate) async fn allows_institution(&self, state: &WebState, code: &InstitutionCode) -> Result<bool, Problem> {
        Ok(self.institution_verdict(state, code).await? == Verdict::Allowed || self.is_removed("allows_institution"))
    }

    /// Returns the agencies of an institution.
    pub(crate) async fn agencies_of(
        &self,
        state: &WebState,
        code: &InstitutionCode,
    ) -> Result<Vec<AgencyCode>, Problem> {
        let agencies = state.engine.agencies().await?;
        let here = agencies.iter().filter(|agency| agency.institution == *code);
        Ok(here.map(|agency| agency.code.clone()).collect())
    }

    /// Returns the institution with this code.
    ///
    /// # Errors
    ///
    /// As [`Access::may_use_institution`]; a 404 if there is none.
    pub(crate) async fn institution(&self, state: &WebState, code: &str) -> Result<Institution, Problem> {
        Ok(self.institution_version(state, code).await?.0)
    }

    /// Returns the institution with this code and its version.
    ///
    /// # Errors
    ///
    /// As [`Access::institution`].
    pub(crate) async fn institution_version(
        &self,
        state: &WebState,
        code: &str,
    ) -> Result<(Institution, i64), Problem> {
        let wanted = InstitutionCode::from(code);
        self.may_use_institution(state, &wanted).await?;
        let found = state.engine.store().institution_version(&wanted).await?;
        found.ok_or_else(|| Problem::not_found("institution", code))
    }

    /// Returns the pickup location with this code and its version, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// A 404 if it is another agency's.
    pub(crate) async fn pickup_location(
        &self,
        state: &WebState,
        code: &str,
    ) -> Result<Option<(StoredPickupLocation, i64)>, Problem> {
        let found = state.engine.store().pickup_location_version(&PickupLocationCode::from(code)).await?;
        if let Some((stored, _)) = &found {
            let missing = || Problem::not_found("pickup location", code);
            let verdict = self.caller.at_agency(self.operation.permission, &stored.agency);
            self.permitted("pickup_location", verdict, missing)?;
        }
        Ok(found)
    }
}

/// Returns the language that the header `Accept-Language` prefers.
fn language(headers: &HeaderMap) -> Language {
    headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok()).map(Language::accepted).unwrap_or_default()
}
