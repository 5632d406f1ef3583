//! Views of requests as JSON, kept in memory: a request that programs ask for again and again is not read from its document
//! and written out each time.
//!
//! Only a view that every caller gets alike is kept: one that shows nothing about the patron and no text that a person wrote.
//! Nothing that the store seals is in it. So a kept view shows nothing that a role or a side hides, and an erasure finds
//! nothing here. A view is shown for the version of the request from which it was made, as long as the agencies are the same:
//! their time zones are in the sentence for the patron.

use std::collections::HashMap;
use std::sync::Arc;

use lending::{AgencyCode, InstitutionCode, LibraryCode, PickupLocationCode, Request, RequestId};
use messages::Language;
use parking_lot::Mutex;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use store::{Agency, RequestVersion};

use crate::problem::Problem;
use crate::request_view::RequestView;

/// The memory that kept views may take.
const MOST_BYTES: usize = 192 * 1_024 * 1_024;
/// About the memory that a view takes besides its JSON.
const BYTES_BESIDES_JSON: usize = 400;

/// The agency and places of a request from which it follows at which sides a caller stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parties<'a> {
    pub(crate) agency: &'a AgencyCode,
    pub(crate) lender: Option<(&'a InstitutionCode, &'a LibraryCode)>,
    pub(crate) pickup: &'a PickupLocationCode,
}

impl<'a> Parties<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        let lender = request.supply.as_ref().map(|supply| (&supply.institution, &supply.copy.library));
        Self { agency: &request.patron.agency, lender, pickup: &request.pickup.code }
    }
}

/// [`Parties`], kept with a view.
#[derive(Debug)]
pub(crate) struct OwnedParties {
    agency: AgencyCode,
    lender: Option<(InstitutionCode, LibraryCode)>,
    pickup: PickupLocationCode,
}

impl OwnedParties {
    pub(crate) fn of(request: &Request) -> Self {
        let Parties { agency, lender, pickup } = Parties::of(request);
        let lender = lender.map(|(institution, library)| (institution.clone(), library.clone()));
        Self { agency: agency.clone(), lender, pickup: pickup.clone() }
    }
}

/// The view of a request as JSON. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RenderedView(Arc<Rendered>);

#[derive(Debug)]
struct Rendered {
    json: Box<RawValue>,
    parties: OwnedParties,
}

impl RenderedView {
    pub(crate) fn new(parties: OwnedParties, view: &RequestView) -> Result<Self, Problem> {
        let json = serde_json::value::to_raw_value(view).map_err(|_| Problem::internal())?;
        Ok(Self(Arc::new(Rendered { json, parties })))
    }

    pub(crate) fn parties(&self) -> Parties<'_> {
        let OwnedParties { agency, lender, pickup } = &self.0.parties;
        Parties { agency, lender: lender.as_ref().map(|(institution, library)| (institution, library)), pickup }
    }

    /// Returns the length of the JSON.
    pub(crate) fn bytes(&self) -> usize {
        self.0.json.get().len()
    }

    fn memory(&self) -> usize {
        self.bytes() + BYTES_BESIDES_JSON
    }
}

impl Serialize for RenderedView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.json.serialize(serializer)
    }
}

/// Returns whether every caller who may see a request gets the same view of it in a list: there is no pickup code, and nothing
/// that a person wrote.
pub(crate) fn is_alike_for_all(request: &Request) -> bool {
    let code = request.patron.verified.as_ref().and_then(|patron| patron.pickup_code.as_ref());
    let reason = request.cancellation.as_ref().and_then(|cancellation| cancellation.reason.as_ref());
    code.is_none() && reason.is_none() && request.damage.is_none()
}

/// The views that are kept.
#[derive(Debug)]
pub(crate) struct Views(Mutex<Kept>);

type Key = (RequestId, Language);

#[derive(Debug)]
struct KeptView {
    key: Key,
    version: i64,
    view: RenderedView,
}

#[derive(Debug)]
struct Kept {
    most_bytes: usize,
    /// The agencies as they were when the views were made.
    agencies: Arc<[Agency]>,
    places: HashMap<Key, usize>,
    views: Vec<KeptView>,
    bytes: usize,
    /// Chooses the view that makes room.
    dice: usize,
}

impl Default for Views {
    fn default() -> Self {
        Self::with_room(MOST_BYTES)
    }
}

impl Views {
    fn with_room(most_bytes: usize) -> Self {
        let agencies = Arc::new([]);
        Self(Mutex::new(Kept { most_bytes, agencies, places: HashMap::new(), views: Vec::new(), bytes: 0, dice: 1 }))
    }

    /// Returns the view of a request in this version, if it is kept.
    pub(crate) fn get(
        &self,
        request: RequestVersion,
        language: Language,
        agencies: &Arc<[Agency]>,
    ) -> Option<RenderedView> {
        self.get_all(&[request], language, agencies).pop().flatten()
    }

    /// Returns the views of requests in these versions, in the same order; `None` for those that are not kept.
    pub(crate) fn get_all(
        &self,
        requests: &[RequestVersion],
        language: Language,
        agencies: &Arc<[Agency]>,
    ) -> Vec<Option<RenderedView>> {
        let mut kept = self.0.lock();
        kept.expect(agencies);
        requests.iter().map(|request| kept.get(*request, language)).collect()
    }

    /// Keeps a view of a request in this version, which was made with these agencies.
    pub(crate) fn keep(
        &self,
        RequestVersion { id, version }: RequestVersion,
        language: Language,
        agencies: &Arc<[Agency]>,
        view: &RenderedView,
    ) {
        let mut kept = self.0.lock();
        kept.expect(agencies);
        kept.insert(KeptView { key: (id, language), version, view: view.clone() });
    }
}

impl Kept {
    fn get(&self, request: RequestVersion, language: Language) -> Option<RenderedView> {
        let place = *self.places.get(&(request.id, language))?;
        self.views.get(place).filter(|kept| kept.version == request.version).map(|kept| kept.view.clone())
    }

    /// Forgets all views if the agencies have changed. They are read every half minute, and are the same as a rule.
    fn expect(&mut self, agencies: &Arc<[Agency]>) {
        if Arc::ptr_eq(&self.agencies, agencies) {
            return;
        }
        if self.agencies != *agencies {
            self.places.clear();
            self.views.clear();
            self.bytes = 0;
        }
        self.agencies = Arc::clone(agencies);
    }

    fn insert(&mut self, new: KeptView) {
        self.bytes += new.view.memory();
        let place = *self.places.entry(new.key).or_insert(self.views.len());
        match self.views.get_mut(place) {
            Some(known) => {
                self.bytes -= known.view.memory();
                *known = new;
            }
            None => self.views.push(new),
        }
        while self.bytes > self.most_bytes && !self.views.is_empty() {
            self.remove_any();
        }
    }

    /// Removes a view by chance. To remove the oldest one would leave none of use where all requests are read in turn.
    fn remove_any(&mut self) {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = (self.dice >> 16) % self.views.len();
        let removed = self.views.swap_remove(place);
        self.places.remove(&removed.key);
        self.bytes -= removed.view.memory();
        if let Some(moved) = self.views.get(place) {
            self.places.insert(moved.key, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use access::PatronData;
    use lending::{Cancellation, CancelledBy, Patron, VerifiedPatron, example};
    use store::Listed;
    use uuid::Uuid;

    use super::*;
    use crate::sentence::Sentence;

    fn id(number: u128) -> RequestId {
        RequestId(Uuid::from_u128(number))
    }

    fn view() -> RenderedView {
        let request = example::placed();
        let listed = Listed { request: request.clone(), version: 1, updated_at: example::noon() };
        let view =
            RequestView::new(listed, PatronData::Hidden, Sentence { text: String::new(), language: Language::English })
                .without_identifier();
        RenderedView::new(OwnedParties::of(&request), &view).unwrap()
    }

    fn agencies(name: &str) -> Arc<[Agency]> {
        Arc::new([Agency {
            code: "A".into(),
            name: name.to_owned(),
            institution: "I".into(),
            library: None,
            rules: lending::Rules::default(),
        }])
    }

    #[test]
    fn view_is_found_for_its_version_language_and_agencies_alone() {
        let (views, now) = (Views::default(), agencies("A"));
        let of = |id, version| RequestVersion { id, version };
        views.keep(of(id(1), 7), Language::English, &now, &view());
        let found =
            |id, version, language, agencies: &Arc<[Agency]>| views.get(of(id, version), language, agencies).is_some();
        assert!(found(id(1), 7, Language::English, &now));
        assert!(found(id(1), 7, Language::English, &agencies("A")), "they were read once more");
        assert!(!found(id(1), 8, Language::English, &now) && !found(id(1), 6, Language::English, &now));
        assert!(!found(id(1), 7, Language::German, &now) && !found(id(2), 7, Language::English, &now));
        assert!(!found(id(1), 7, Language::English, &agencies("B")));
        assert!(!found(id(1), 7, Language::English, &now), "the agencies have changed meanwhile");
    }

    #[test]
    fn memory_is_limited_and_every_kept_view_is_found() {
        let (agencies, view) = (agencies("A"), view());
        let views = Views::with_room(10 * view.memory());
        for version in 1..3 {
            let of = |number| RequestVersion { id: id(number), version };
            (0..100).for_each(|number| views.keep(of(number), Language::English, &agencies, &view));
            let kept = (0..100).filter(|number| views.get(of(*number), Language::English, &agencies).is_some());
            assert_eq!(kept.count(), 10);
        }
        assert_eq!(views.0.lock().bytes, 10 * view.memory());
    }

    #[test]
    fn view_with_a_pickup_code_or_a_persons_words_is_not_alike_for_all() {
        let placed = example::placed();
        assert!(is_alike_for_all(&placed));
        let reason = Some("canary".to_owned());
        let cancellation = Some(Cancellation { by: CancelledBy::Staff, reason: reason.clone() });
        assert!(!is_alike_for_all(&Request { cancellation, ..placed.clone() }));
        assert!(!is_alike_for_all(&Request { damage: reason, ..placed.clone() }));
        let verified = VerifiedPatron { pickup_code: Some("canary".into()), ..example::verified() };
        let patron = Patron { verified: Some(verified), ..placed.patron.clone() };
        assert!(!is_alike_for_all(&Request { patron, ..placed }));
    }
}
