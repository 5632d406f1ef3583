//! Titles, copies and terms as the API answers them: the fields that pages show.

use jiff::Timestamp;
use serde::Deserialize;

/// The answer to a search.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    pub(crate) total: u64,
    pub(crate) titles: Vec<Title>,
    pub(crate) facets: Option<Facets>,
    pub(crate) advice: Option<Advice>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Title {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) original_title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) edition: Option<String>,
    pub(crate) publisher: Option<String>,
    pub(crate) year: Option<u16>,
    pub(crate) format: String,
    pub(crate) languages: Vec<String>,
}

impl Title {
    /// Returns what distinguishes the title from others of its name, in one line.
    pub(crate) fn line(&self) -> String {
        let year = self.year.map(|year| year.to_string());
        let language = self.languages.join(", ");
        let parts = [&self.author, &self.edition, &self.publisher, &year];
        let parts = parts.into_iter().flatten().map(String::as_str).chain([self.format.as_str(), language.as_str()]);
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct TitleWithRecord {
    #[serde(flatten)]
    pub(crate) title: Title,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Facets {
    pub(crate) formats: Vec<FacetValue>,
    pub(crate) languages: Vec<FacetValue>,
    pub(crate) agencies: Vec<FacetValue>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FacetValue {
    pub(crate) value: String,
    pub(crate) titles: u64,
}

/// What to try when nothing was found.
#[derive(Debug, Deserialize)]
pub(crate) struct Advice {
    pub(crate) explanation: String,
    pub(crate) did_you_mean: Option<String>,
}

/// Who can lend a title now.
#[derive(Debug, Deserialize)]
pub(crate) struct Availability {
    pub(crate) records: Vec<RecordAvailability>,
    pub(crate) missing: Vec<Missing>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RecordAvailability {
    pub(crate) institution: String,
    pub(crate) copies: Vec<Copy>,
    pub(crate) missing: Option<Reason>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Missing {
    pub(crate) institution: String,
    pub(crate) reason: Reason,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reason {
    pub(crate) explanation: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Copy {
    pub(crate) library: String,
    pub(crate) library_name: Option<String>,
    pub(crate) location: String,
    pub(crate) location_name: Option<String>,
    pub(crate) volume: Option<String>,
    pub(crate) state: String,
    pub(crate) due: Option<Timestamp>,
    pub(crate) requestable: bool,
    pub(crate) reason: Option<Reason>,
}

/// What would become of a request.
#[derive(Debug, Deserialize)]
pub(crate) struct Preview {
    pub(crate) possible: bool,
    pub(crate) faults: Vec<crate::api::FieldFault>,
    pub(crate) patron: Option<PatronTerms>,
    pub(crate) copies: Vec<PreviewCopy>,
    pub(crate) expected: Option<Expected>,
    pub(crate) pickup_locations: Vec<PickupLocation>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PatronTerms {
    pub(crate) may_borrow: Option<bool>,
    pub(crate) patron_type: Option<String>,
    pub(crate) reasons: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PreviewCopy {
    pub(crate) place: Option<usize>,
    pub(crate) institution: String,
    pub(crate) explanation: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    pub(crate) days_to_pickup: Option<u32>,
    pub(crate) loan_days: Option<u32>,
    pub(crate) cost: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PickupLocation {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) agency: String,
    pub(crate) institution: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PickupLocations {
    pub(crate) pickup_locations: Vec<PickupLocation>,
}
