//! The list of requests: filters, sorting, pages and totals.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use lending::{
    AgencyCode, Barcode, Case, InstitutionCode, LibraryCode, PatronId, PickupLocationCode, Queue, Request, RequestId,
    Side, Status, Wait,
};

use crate::database::Store;
use crate::error::Error;
use crate::events::RequestEvent;
use crate::requests::{RequestVersion, Stored, digest, in_lower_case, place, searchable, select};
use crate::sql::{Row, Value, values, word_set};
use crate::time::micros;

/// How many characters of a title count for the order of a list.
const SORTED_CHARACTERS: usize = 60;

/// Which requests to list.
#[derive(Clone, Debug)]
pub struct RequestFilter {
    /// In any of these statuses; all when empty.
    pub statuses: Vec<Status>,
    /// Of this institution, as lender or as borrower.
    pub institution: Option<InstitutionCode>,
    /// Of patrons of this agency.
    pub agency: Option<AgencyCode>,
    /// Of this patron of an institution, by the identifier as given or as the library knows it.
    pub patron: Option<(InstitutionCode, PatronId)>,
    /// Placed at this time or later.
    pub placed_from: Option<Timestamp>,
    /// Placed before this time.
    pub placed_before: Option<Timestamp>,
    /// With a title that contains this text, in any case.
    pub title: Option<String>,
    /// Only those that aren't finalised.
    pub open_only: bool,
    /// Only those that staff must decide on.
    pub needs_staff: bool,
    /// Only those with an item that has or had this barcode, at the lender or as a virtual item.
    pub barcode: Option<Barcode>,
    /// Only those of some agencies; all if it is left out.
    pub of_agencies: Option<OfAgencies>,
    /// Only those that wait in this queue.
    pub queue: Option<Queue>,
    /// Only those in this wait that began before a time; on loan, that were due before it.
    pub waiting: Option<(Wait, Timestamp)>,
    /// Only those that are cases of this kind, or of any.
    pub case: Option<AnyOr<Case>>,
    /// Only those with messages that one of these agencies has not read.
    pub unread_by: Option<Vec<AgencyCode>>,
    /// The order.
    pub sort: Sort,
    /// Only what comes after this, in an order of the same kind.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: u32,
}

impl Default for RequestFilter {
    fn default() -> Self {
        Self {
            statuses: Vec::new(),
            institution: None,
            agency: None,
            patron: None,
            placed_from: None,
            placed_before: None,
            title: None,
            open_only: false,
            needs_staff: false,
            barcode: None,
            of_agencies: None,
            queue: None,
            waiting: None,
            case: None,
            unread_by: None,
            sort: Sort::NewestFirst,
            after: None,
            limit: 50,
        }
    }
}

/// Anything, or one thing alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnyOr<T> {
    /// Anything.
    Any,
    /// This alone.
    One(T),
}

/// The order of a list of requests. Requests that are equal in it are in the order of their ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    /// By the time of placing, newest first.
    #[default]
    NewestFirst,
    /// By the time of placing, oldest first.
    OldestFirst,
    /// By the time of the last change, newest first.
    ChangedLast,
    /// By the time of the last change, oldest first.
    ChangedFirst,
    /// By title.
    Title,
}

impl Sort {
    /// All orders.
    pub const ALL: [Self; 5] =
        [Self::NewestFirst, Self::OldestFirst, Self::ChangedLast, Self::ChangedFirst, Self::Title];

    /// Returns its name in the API and in cursors. A minus stands for the descending order.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewestFirst => "-placed_at",
            Self::OldestFirst => "placed_at",
            Self::ChangedLast => "-updated_at",
            Self::ChangedFirst => "updated_at",
            Self::Title => "title",
        }
    }

    /// Returns the value before that of every request.
    fn start(self) -> Place {
        match self {
            Self::NewestFirst | Self::ChangedLast => Place::Time(i64::MAX),
            Self::OldestFirst | Self::ChangedFirst => Place::Time(i64::MIN),
            Self::Title => Place::Title(String::new()),
        }
    }

    fn place_of(self, request: &Request, updated_at: Timestamp) -> Place {
        match self {
            Self::NewestFirst | Self::OldestFirst => Place::Time(micros(request.placed_at)),
            Self::ChangedLast | Self::ChangedFirst => Place::Time(micros(updated_at)),
            Self::Title => {
                let title = request.title.as_ref().map(|title| searchable(&title.title)).unwrap_or_default();
                Place::Title(title.chars().take(SORTED_CHARACTERS).collect())
            }
        }
    }
}

/// The value of a request by which a list is ordered.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    Time(i64),
    Title(String),
}

impl From<&Place> for Value {
    fn from(place: &Place) -> Self {
        match place {
            Place::Time(time) => Self::from(*time),
            Place::Title(title) => Self::from(title),
        }
    }
}

/// Returns the pattern of `LIKE` for titles that contain the text. `!` marks the characters that are no wildcards.
fn pattern(title: &str) -> String {
    let mut pattern = "%".to_owned();
    for character in searchable(title).chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern + "%"
}

/// The requests of some agencies: as the patron's agency, the lender's, or the pickup location's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OfAgencies {
    /// The agencies of patrons.
    pub borrowers: Vec<AgencyCode>,
    /// Libraries that lend for one of the agencies alone.
    pub lender_libraries: Vec<(InstitutionCode, LibraryCode)>,
    /// Institutions whose other libraries lend for one of the agencies too,
    pub lenders: Vec<InstitutionCode>,
    /// except for these libraries, which lend for others.
    pub other_libraries: Vec<(InstitutionCode, LibraryCode)>,
    /// Pickup locations of the agencies.
    pub pickup_locations: Vec<PickupLocationCode>,
}

impl OfAgencies {
    /// Returns those of them at which the agencies stand on one side.
    #[must_use]
    pub fn at(self, side: Side) -> Self {
        match side {
            Side::Borrower => Self { borrowers: self.borrowers, ..Self::default() },
            Side::Lender => Self { borrowers: Vec::new(), pickup_locations: Vec::new(), ..self },
            Side::Pickup => Self { pickup_locations: self.pickup_locations, ..Self::default() },
        }
    }

    /// Returns whether the request of an event is one of these.
    pub fn contain(&self, event: &RequestEvent) -> bool {
        let lends = |(institution, library): &(InstitutionCode, LibraryCode)| {
            let place = (institution.clone(), library.clone());
            let by_institution = self.lenders.contains(institution) && !self.other_libraries.contains(&place);
            by_institution || self.lender_libraries.contains(&place)
        };
        self.borrowers.contains(&event.borrower)
            || event.lender.as_ref().is_some_and(lends)
            || self.pickup_locations.contains(&event.pickup_location)
    }

    /// The parameters of [`select_page`] for it, each a set of lines.
    pub(crate) fn parameters(of: Option<&Self>) -> [String; 5] {
        let Some(of) = of else { return ["*".to_owned(), String::new(), String::new(), String::new(), String::new()] };
        let places = |all: &[(InstitutionCode, LibraryCode)]| lines(all.iter().map(|(at, library)| place(at, library)));
        [
            lines(of.borrowers.iter().map(ToString::to_string)),
            places(&of.lender_libraries),
            lines(of.lenders.iter().map(ToString::to_string)),
            places(&of.other_libraries),
            lines(of.pickup_locations.iter().map(ToString::to_string)),
        ]
    }
}

/// Returns a set of lines: no identifier contains a line break.
fn lines(words: impl Iterator<Item = String>) -> String {
    words.fold("\n".to_owned(), |set, word| set + &word + "\n")
}

/// A place in a list of requests. It stays where it is when requests are added or change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    sort: Sort,
    place: Place,
    id: RequestId,
}

impl Cursor {
    /// Returns the place after a request.
    fn at(sort: Sort, request: &Request, updated_at: Timestamp) -> Self {
        Self { sort, place: sort.place_of(request, updated_at), id: request.id }
    }

    /// Returns the place after the request of a row that has what lists are ordered by.
    fn in_row(sort: Sort, row: &Row) -> Result<Self, Error> {
        let place = match sort {
            Sort::NewestFirst | Sort::OldestFirst => Place::Time(row.int("placed_at")?),
            Sort::ChangedLast | Sort::ChangedFirst => Place::Time(row.int("updated_at")?),
            Sort::Title => Place::Title(row.text("title")?),
        };
        Ok(Self { sort, place, id: row.parse("id")? })
    }

    /// Returns the order of the list that gave it.
    pub const fn sort(&self) -> Sort {
        self.sort
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.sort.name())?;
        match &self.place {
            Place::Time(time) => write!(f, "{time}")?,
            Place::Title(title) => write!(f, "{}", BASE64.encode(title))?,
        }
        write!(f, ".{}", self.id)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(BadCursor);
        let (sort, place, id) = (part()?, part()?, part()?);
        let sort = Sort::ALL.into_iter().find(|known| known.name() == sort).ok_or(BadCursor)?;
        let place = match sort {
            Sort::Title => {
                let bytes = BASE64.decode(place).map_err(|_| BadCursor)?;
                // PostgreSQL takes no text with this character.
                let title = String::from_utf8(bytes).ok().filter(|title| !title.contains('\0'));
                Place::Title(title.ok_or(BadCursor)?)
            }
            Sort::NewestFirst | Sort::OldestFirst | Sort::ChangedLast | Sort::ChangedFirst => {
                Place::Time(place.parse().map_err(|_| BadCursor)?)
            }
        };
        Ok(Self { sort, place, id: id.parse().map_err(|_| BadCursor)? })
    }
}

/// The text is no cursor that a list gave.
#[derive(Debug, thiserror::Error)]
#[error("this is no cursor of a list of requests")]
pub struct BadCursor;

/// Some requests, in the order of the list, and where the next ones begin.
#[derive(Clone, Debug)]
pub struct Page<R> {
    /// The requests.
    pub requests: Vec<R>,
    /// Where to go on; none at the end.
    pub next: Option<Cursor>,
}

/// The index that narrows a list most.
#[derive(Clone, Copy, Debug)]
enum Index {
    Wait,
    Case,
    Unread,
    Barcode,
    Patron,
    NeedsStaff,
    FinalStatus,
    Institution,
    Open,
    Placed,
}

impl RequestFilter {
    fn index(&self) -> Index {
        if self.queue.is_some() || self.waiting.is_some() {
            return Index::Wait;
        }
        if self.case.is_some() {
            return Index::Case;
        }
        if self.unread_by.is_some() {
            return Index::Unread;
        }
        if self.barcode.is_some() {
            return Index::Barcode;
        }
        if self.patron.is_some() {
            return Index::Patron;
        }
        if self.needs_staff {
            return Index::NeedsStaff;
        }
        let open_only =
            self.open_only || !self.statuses.is_empty() && !self.statuses.iter().any(|status| status.is_final());
        match (self.statuses.as_slice(), &self.institution, open_only) {
            ([only], ..) if only.is_final() => Index::FinalStatus,
            (_, Some(_), _) => Index::Institution,
            (_, None, true) => Index::Open,
            (_, None, false) => Index::Placed,
        }
    }

    fn parameters(&self, store: &Store, after: &Place, id: String, limit: i64) -> Result<Vec<Value>, Error> {
        let statuses = self.statuses.iter().map(|status| status.name());
        let statuses = if self.statuses.is_empty() { String::new() } else { word_set(statuses) };
        let institution = self.institution.as_ref().map_or("", |code| code.as_str());
        let barcode = self.barcode.as_ref().map(in_lower_case).unwrap_or_default();
        let [borrowers, libraries, lenders, others, pickup] = OfAgencies::parameters(self.of_agencies.as_ref());
        let patron = self.patron.as_ref().map(|(institution, patron)| digest(&store.sealer, institution, patron));
        let mut parameters = values![
            statuses,
            institution,
            self.open_only,
            self.needs_staff,
            after,
            id,
            barcode,
            borrowers,
            libraries,
            lenders,
            others,
            pickup,
            patron.transpose()?.unwrap_or_default(),
            self.agency.as_ref().map_or("", |code| code.as_str()),
            self.placed_from.map_or(i64::MIN, micros),
            self.placed_before.map_or(i64::MAX, micros),
            self.title.as_deref().map(pattern).unwrap_or_default(),
        ];
        let wait = self.waiting.map(|(wait, _)| wait).or(self.queue.map(Queue::wait));
        let unread_by = self.unread_by.as_ref();
        let unread_by = unread_by.map(|agencies| lines(agencies.iter().map(ToString::to_string)));
        if matches!(self.index(), Index::Unread) {
            parameters.push(unread_by.unwrap_or_default().into());
        } else if matches!(self.index(), Index::Wait | Index::Case) {
            parameters.extend(values![
                wait.map_or("", Wait::name),
                self.queue.map_or("", Queue::name),
                // A loan without a due date is in its queue, and never late.
                self.waiting.map_or(i64::MAX, |(_, before)| micros(before)),
                match self.case {
                    Some(AnyOr::One(case)) => case.name(),
                    Some(AnyOr::Any) => "*",
                    None => "",
                },
                unread_by.unwrap_or_default(),
            ]);
        }
        parameters.push(limit.into());
        Ok(parameters)
    }
}

impl Store {
    /// Requests by what `filter` says, in its order.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn requests(&self, filter: &RequestFilter) -> Result<Page<Stored>, Error> {
        let (rows, is_last) = self.page(filter, by_index!(filter, select_page, filter.sort, select)).await?;
        let requests = self.stored(&rows)?;
        let last = requests.last().filter(|_| !is_last).map(|last| (&last.request, last.updated_at));
        let next = last.map(|(request, updated_at)| Cursor::at(filter.sort, request, updated_at));
        Ok(Page { requests, next })
    }

    /// The versions of requests by what `filter` says, in its order. [`Store::listed_requests`] reads the requests themselves.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn list(&self, filter: &RequestFilter) -> Result<Page<RequestVersion>, Error> {
        let (rows, is_last) = self.page(filter, by_index!(filter, select_page, filter.sort, select_version)).await?;
        let next = rows.last().filter(|_| !is_last).map(|last| Cursor::in_row(filter.sort, last)).transpose()?;
        Ok(Page { requests: rows.iter().map(RequestVersion::of).collect::<Result<_, _>>()?, next })
    }

    /// The rows of a page by this statement, and whether it is the last one.
    async fn page(&self, filter: &RequestFilter, statement: &'static str) -> Result<(Vec<Row>, bool), Error> {
        let after = filter.after.as_ref().filter(|after| after.sort == filter.sort);
        let (place, id) =
            after.map_or_else(|| (filter.sort.start(), String::new()), |at| (at.place.clone(), at.id.to_string()));
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let query = (statement, filter.parameters(self, &place, id, i64::from(filter.limit) + 1)?);
        let found = match filter.index() {
            Index::Patron | Index::Barcode => self.read_short(vec![query]).await?,
            _ => self.read_all(vec![query]).await?,
        };
        let mut rows = found.into_iter().next().unwrap_or_default();
        let is_last = rows.len() <= limit;
        rows.truncate(limit);
        Ok((rows, is_last))
    }

    /// The number of requests by what `filter` says, on all pages.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if the database can't be read.
    pub async fn count_requests(&self, filter: &RequestFilter) -> Result<u64, Error> {
        let parameters = filter.parameters(self, &Sort::NewestFirst.start(), String::new(), i64::MAX)?;
        let rows = self.read(by_index!(filter, count), parameters).await?;
        rows.first().map_or(Ok(0), |row| row.count("requests"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{plan, prepared_anew};

    #[test]
    fn requests_of_a_patron_are_found_by_the_indexes_of_the_identifiers() {
        let filter = RequestFilter { patron: Some(("01A".into(), "p".into())), ..RequestFilter::default() };
        for sort in Sort::ALL {
            let plan = plan(by_index!(filter, select_page, sort, select_version)).join("; ");
            for index in ["patron_request_identifier", "patron_request_verified"] {
                assert!(plan.contains(&format!("SEARCH patron_request USING INDEX {index}")), "{plan}");
            }
        }
    }

    #[test]
    fn statement_of_a_list_keeps_its_plan_when_the_filter_changes() {
        let filter = RequestFilter { patron: Some(("01A".into(), "p".into())), ..RequestFilter::default() };
        for sort in Sort::ALL {
            assert_eq!(prepared_anew(by_index!(filter, select_page, sort, select_version)), 0, "{}", sort.name());
        }
    }

    #[test]
    fn cursor_reads_back_as_it_was_written_and_nothing_else_is_one() {
        let id = RequestId(uuid::Uuid::from_u128(7));
        for (sort, place) in [
            (Sort::NewestFirst, Place::Time(-5)),
            (Sort::ChangedFirst, Place::Time(i64::MAX)),
            (Sort::Title, Place::Title("l'été. 100 % à".to_owned())),
        ] {
            let cursor = Cursor { sort, place, id };
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        for text in
            ["", "placed_at", "placed_at.x.y", "placed_at.1.y", "nothing.1.00000000-0000-0000-0000-000000000007"]
        {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn wildcards_in_a_searched_title_stand_for_themselves() {
        assert_eq!(pattern("100%  A_b!"), "%100!% a!_b!!%");
    }
}
