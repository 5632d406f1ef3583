//! The facts that the choice of the supplier depends on: the copies, their lenders, and the wish.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::copy::{CopyRef, ItemType};
use crate::held_copy::{CopyState, HeldCopy};
use crate::ids::{AgencyCode, BibId, InstitutionCode, PickupLocationCode};
use crate::rules::Rules;

/// A copy that may supply a wish.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The number by which the explanation names it. Each candidate of a choice has its own.
    pub index: u32,
    /// The institution that owns it.
    pub institution: InstitutionCode,
    /// The agency of its library, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<AgencyCode>,
    /// Its record.
    pub bib: BibId,
    /// The copy; `None` if the institution's system didn't answer, so that only the record is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<HeldCopy>,
    /// When the institution's system answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The type that an institution has no counterpart for, so that it can't represent the copy or the patron.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmapped: Option<UnmappedType>,
}

/// A type that an institution can't represent: its settings map it to none of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum UnmappedType {
    /// The copy's item type.
    Item {
        /// The item type.
        item_type: ItemType,
        /// The institution of the patron or of the pickup location, which would hold a virtual item.
        institution: InstitutionCode,
    },
    /// The patron's type. It isn't named: a choice says nothing about the patron.
    Patron {
        /// The institution of the lender or of the pickup location, which would have a virtual patron.
        institution: InstitutionCode,
    },
}

impl Candidate {
    /// Returns the copy as a request names it. A candidate without a copy names its record and the wanted volume.
    pub fn to_copy_ref(&self, volume: Option<&str>) -> CopyRef {
        let copy = self.copy.as_ref();
        CopyRef {
            institution: self.institution.clone(),
            bib: Some(self.bib.clone()),
            holding: copy.map(|copy| copy.holding.clone()),
            item: copy.map(|copy| copy.item.clone()),
            barcode: copy.and_then(|copy| copy.barcode.clone()),
            volume: volume.map(str::to_owned),
            queued: copy.is_some_and(|copy| matches!(copy.state, CopyState::Lent { .. })),
            chosen_by_staff: false,
            tried_items: Vec::new(),
        }
    }

    /// Returns whether `named` means this copy: each part that it names is the same. One that names an institution alone
    /// means all copies there.
    pub(super) fn is_named_by(&self, named: &CopyRef) -> bool {
        let copy = self.copy.as_ref();
        let same_item = named.item.is_none() || named.item.as_ref() == copy.map(|copy| &copy.item);
        let same_barcode = named.barcode.is_none() || named.barcode.as_ref() == copy.and_then(|it| it.barcode.as_ref());
        let same_holding = named.holding.is_none() || named.holding.as_ref() == copy.map(|copy| &copy.holding);
        let same_bib = named.bib.as_ref().is_none_or(|bib| *bib == self.bib);
        self.institution == named.institution && same_bib && same_holding && same_item && same_barcode
    }
}

/// The facts about a lender on which the choice depends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lender {
    /// Its institution.
    pub institution: InstitutionCode,
    /// Its agency; `None` if the institution has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<AgencyCode>,
    /// Whether it lends to others.
    pub lends: bool,
    /// Whether its own patrons may request its items through the hub.
    pub lends_to_own_patrons: bool,
    /// Until when it has suspended its lending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_until: Option<Timestamp>,
    /// The largest number of open requests that it supplies at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_open_supplies: Option<u32>,
    /// The number of open requests that it supplies now, until the items are back.
    #[serde(default)]
    pub open_supplies: u32,
    /// The number of these whose items its staff still have to send.
    #[serde(default)]
    pub to_send: u32,
    /// The longest queue of requests for one of its copies that is on loan; `None` if nobody may wait for such a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_queue: Option<u32>,
    /// What it lent and what its patrons borrowed, in the policy's period; `None` if the policy doesn't use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Balance>,
    /// Where it is.
    #[serde(default)]
    pub place: Place,
    /// When it is open next; the present moment if it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Timestamp>,
    /// Whether it had a hold for this request before, and didn't supply.
    #[serde(default)]
    pub was_tried: bool,
    /// Whether the hub can't reach its system now.
    #[serde(default)]
    pub is_down: bool,
}

impl Lender {
    /// Creates the lender of an agency with the facts that its rules hold. Counts and the state of its system follow.
    pub fn with_rules(institution: InstitutionCode, agency: Option<AgencyCode>, rules: &Rules, now: Timestamp) -> Self {
        let suspended_until = rules.suspended_until.map(|day| rules.end_of_day(day)).filter(|end| *end > now);
        Self {
            institution,
            agency,
            lends: rules.lends,
            lends_to_own_patrons: rules.lends_to_own_patrons,
            suspended_until,
            most_open_supplies: rules.most_open_supplies,
            open_supplies: 0,
            to_send: 0,
            longest_queue: rules.longest_queue,
            balance: None,
            place: rules.place.clone(),
            opens_at: Some(rules.calendar.open_from(now)),
            was_tried: false,
            is_down: false,
        }
    }

    /// Returns its name in explanations: the agency, or else the institution.
    pub(super) fn name(&self) -> &str {
        self.agency.as_ref().map_or(self.institution.as_str(), AgencyCode::as_str)
    }
}

/// The numbers of items that an agency lent to others and that its patrons borrowed from others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Balance {
    /// The number of items that it lent.
    pub lent: u32,
    /// The number of items that its patrons borrowed.
    pub borrowed: u32,
}

/// The place of a library.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Place {
    /// Its region, in words of the consortium's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Its coordinates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<Coordinates>,
}

/// A point on the earth, in degrees.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Degrees")]
pub struct Coordinates {
    latitude: f64,
    longitude: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Degrees {
    latitude: f64,
    longitude: f64,
}

// Its numbers are never NaN.
impl Eq for Coordinates {}

impl Coordinates {
    /// Creates a point; `None` if no such point exists.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let exists = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        exists.then_some(Self { latitude, longitude })
    }

    /// Returns the distance on the surface of the earth, in whole kilometres, by the haversine formula.
    pub fn kilometres_to(self, other: Self) -> u32 {
        const EARTH_RADIUS_KM: f64 = 6_371.0;
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_latitude = ((to - from) / 2.0).sin();
        let half_longitude = ((other.longitude - self.longitude).to_radians() / 2.0).sin();
        let chord = half_latitude.powi(2) + from.cos() * to.cos() * half_longitude.powi(2);
        let kilometres = 2.0 * EARTH_RADIUS_KM * chord.clamp(0.0, 1.0).sqrt().asin();
        // The largest distance is 20,016 km.
        kilometres.round() as u32
    }
}

impl TryFrom<Degrees> for Coordinates {
    type Error = &'static str;

    fn try_from(degrees: Degrees) -> Result<Self, Self::Error> {
        Self::new(degrees.latitude, degrees.longitude)
            .ok_or("coordinates need a latitude from -90 to 90 and a longitude from -180 to 180, in degrees")
    }
}

/// A wish for a title: what the borrower's side asks for. It names no patron.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wish {
    /// The number that decides between equal copies, as a rule the request's id. The same seed gives the same choice.
    pub seed: Uuid,
    /// The patron's agency.
    pub borrower: AgencyCode,
    /// The patron's institution.
    pub institution: InstitutionCode,
    /// The pickup location.
    pub pickup: PickupLocationCode,
    /// The institution of the pickup location.
    pub pickup_institution: InstitutionCode,
    /// The place of the pickup location's library.
    #[serde(default)]
    pub pickup_place: Place,
    /// The wanted volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// The end of the last day on which the patron has use for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_until: Option<Timestamp>,
    /// Copies that are not to be asked for, such as those that their lender refused. One that names an institution alone
    /// means all copies there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<CopyRef>,
    /// The copy that staff chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff_choice: Option<CopyRef>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_that_on_the_surface_of_the_earth() {
        let at = |latitude, longitude| Coordinates::new(latitude, longitude).unwrap();
        // Two quarters of the equator, and a way across the date line.
        assert_eq!(at(0.0, 0.0).kilometres_to(at(0.0, 180.0)), 20_015);
        assert_eq!(at(0.0, 179.5).kilometres_to(at(0.0, -179.5)), 111);
        assert_eq!(at(47.0, 8.0).kilometres_to(at(47.0, 8.0)), 0);
    }

    #[test]
    fn coordinates_outside_of_the_earth_cannot_be_read() {
        for text in [r#"{"latitude": 91, "longitude": 0}"#, r#"{"latitude": 0, "longitude": -181}"#] {
            let error = serde_json::from_str::<Coordinates>(text).unwrap_err().to_string();
            assert!(error.contains("from -90 to 90"), "{error}");
        }
    }
}
