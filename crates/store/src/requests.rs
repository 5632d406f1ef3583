//! Patron requests: a JSON document each, with columns for what is searched by.

use std::sync::Arc;

use jiff::Timestamp;
use lending::{
    Attention, Barcode, Cancellation, InstitutionCode, ItemId, LibraryCode, Patron, PatronId, Request, RequestId, Side,
    Status,
};

use crate::audit::{AuditEntry, AuditRow, ENTRIES, chain};
use crate::audit_chain::Link;
use crate::audit_text::{self, TextKey};
use crate::database::Store;
use crate::error::Error;
use crate::seal::Sealer;
use crate::sql::{Row, values, word_set};
use crate::unit::Unit;

/// A request as stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    /// The request.
    pub request: Request,
    /// How often it was saved; a save names the version it rests on.
    pub version: i64,
    /// When it was saved last.
    pub updated_at: Timestamp,
    /// Where its audit ends.
    pub(crate) audit: AuditEnd,
    /// The key of the texts in its audit.
    pub(crate) text_key: Option<TextKey>,
}

/// A request as lists show it: without what names its patron, which stays sealed. It can't be saved.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    /// The request. The patron's identifiers are blank, and so are names and cards.
    pub request: Request,
    /// How often it was saved.
    pub version: i64,
    /// When it was saved last.
    pub updated_at: Timestamp,
}

impl From<Stored> for Listed {
    fn from(stored: Stored) -> Self {
        let Stored { request, version, updated_at, .. } = stored;
        Self { request, version, updated_at }
    }
}

/// Names a request as it was saved once. A caller that keeps what it made of this version needs no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestVersion {
    /// Its id.
    pub id: RequestId,
    /// How often it was saved.
    pub version: i64,
}

impl RequestVersion {
    pub(crate) fn of(row: &Row) -> Result<Self, Error> {
        Ok(Self { id: row.parse("id")?, version: row.int("version")? })
    }
}

/// The end of a request's audit, which the next entry follows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct AuditEnd {
    pub(crate) hash: String,
    pub(crate) count: i64,
}

/// The start of every statement that reads requests.
macro_rules! select {
    ($($rest:tt)+) => {
        concat!(
            "SELECT id, version, updated_at, document, audit_head, audit_count, audit_key, finished_at FROM patron_request WHERE ",
            $($rest)+
        )
    };
}
pub(crate) use select;

/// A request by its id.
pub(crate) const ONE_REQUEST: &str = select!("id = $1");

/// Open requests with an item at an institution. SQLite uses the indexes of open requests only if each condition says so.
const WITH_ITEM: &str = select!(
    "(open = 1 AND lender_item = $1 AND lender = $2) OR (open = 1 AND borrower_item = $1 AND borrower = $2) \
     OR (open = 1 AND pickup_item = $1)"
);

impl Store {
    /// One request.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] with another master key; [`Error::Corrupt`] if the document is of another program.
    pub async fn request(&self, id: RequestId) -> Result<Option<Stored>, Error> {
        let rows = self.lookup(ONE_REQUEST, values![id]).await?;
        rows.first().map(|row| stored(&self.sealer, row)).transpose()
    }

    /// One request, for a person or program that looks at it. The engine, which works with what it has just saved, uses
    /// [`Store::request`].
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn shown_request(&self, id: RequestId) -> Result<Option<Stored>, Error> {
        let found = self.read_short(vec![(ONE_REQUEST, values![id])]).await?;
        found.first().and_then(|rows| rows.first()).map(|row| stored(&self.sealer, row)).transpose()
    }

    /// The version of a request, for a person or program that looks at it.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if the database can't be read.
    pub async fn request_version(&self, id: RequestId) -> Result<Option<i64>, Error> {
        let sql = "SELECT id, version FROM patron_request WHERE id = $1";
        let found = self.read_short(vec![(sql, values![id])]).await?;
        found.first().and_then(|rows| rows.first()).map(|row| row.int("version")).transpose()
    }

    /// The requests with these ids, without what names their patrons, in the same order. One that doesn't exist is left out.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn listed_requests(&self, ids: &[RequestId]) -> Result<Vec<Listed>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.read_short(ids.iter().map(|id| (ONE_REQUEST, values![*id])).collect()).await?;
        found.iter().flatten().map(|row| listed(&self.sealer, row)).collect()
    }

    /// A request with everything that happened to it, oldest first.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn request_with_timeline(&self, id: RequestId) -> Result<Option<(Stored, Vec<AuditRow>)>, Error> {
        let found = self.read_short(vec![(ONE_REQUEST, values![id]), (ENTRIES, values![id])]).await?;
        let [request, entries] = &found[..] else { return Ok(None) };
        let Some(row) = request.first() else { return Ok(None) };
        let stored = stored(&self.sealer, row)?;
        let opened = |entry| {
            let mut link = Link::of(entry)?;
            audit_text::open(stored.text_key.as_ref(), &id.to_string(), link.texts())?;
            link.read(id)
        };
        let timeline = entries.iter().map(opened).collect::<Result<_, Error>>()?;
        Ok(Some((stored, timeline)))
    }

    /// The open requests of a patron, by the identifier as given or as the library knows it.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn open_requests_of_patron(
        &self,
        institution: &InstitutionCode,
        patron: &PatronId,
    ) -> Result<Vec<Stored>, Error> {
        let digest = digest(&self.sealer, institution, patron)?;
        let sql = select!("open = 1 AND (patron_identifier_digest = $1 OR patron_verified = $1)");
        self.stored(&self.lookup(sql, values![digest]).await?)
    }

    /// The open requests of a patron as the library knows them.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn open_requests_of_verified_patron(
        &self,
        institution: &InstitutionCode,
        patron: &PatronId,
    ) -> Result<Vec<Stored>, Error> {
        let digest = digest(&self.sealer, institution, patron)?;
        self.stored(&self.lookup(select!("open = 1 AND patron_verified = $1"), values![digest]).await?)
    }

    /// Open requests whose copy or virtual item at `institution` is this one. The pickup library's institution is no
    /// column, so one with a virtual item of the same number elsewhere may be among them.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn open_requests_with_item(
        &self,
        institution: &InstitutionCode,
        item: &ItemId,
    ) -> Result<Vec<Stored>, Error> {
        self.stored(&self.lookup(WITH_ITEM, values![item, institution]).await?)
    }

    /// How many requests there are in each status; statuses without any are left out.
    pub async fn count_by_status(&self) -> Result<Vec<(Status, u64)>, Error> {
        let sql = "SELECT status, COUNT(*) AS requests FROM patron_request WHERE open = 1 GROUP BY status \
                   UNION ALL \
                   SELECT final_status, COUNT(*) FROM patron_request WHERE final_status IS NOT NULL GROUP BY final_status";
        let rows = self.read(sql, values![]).await?;
        rows.iter().map(|row| Ok((row.parse("status")?, row.count("requests")?))).collect()
    }

    pub(crate) fn stored(&self, rows: &[Row]) -> Result<Vec<Stored>, Error> {
        rows.iter().map(|row| stored(&self.sealer, row)).collect()
    }
}

impl Unit {
    /// Keeps a new request, with version 1, and the first entries of its audit; returns the stored request.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it can't be written.
    pub fn insert_request(
        &mut self,
        request: &Request,
        entries: &[AuditEntry],
        now: Timestamp,
    ) -> Result<Stored, Error> {
        self.note_sealing();
        let sealer = Arc::clone(&self.sealer);
        let key = TextKey::new(&sealer);
        let seal = |id: &str, link: &mut Link| key.seal(&sealer, id, link.texts());
        let (links, end) = chain(request.id, &AuditEnd::default(), entries, seal)?;
        let sealed_key = key.sealed(&sealer, &request.id.to_string())?;
        let found_by = FoundBy::of(&sealer, request)?;
        let patron = &request.patron;
        self.run(
            "INSERT INTO patron_request (id, version, placed_at, updated_at, status, outcome, borrower, \
                 patron_identifier_digest, document, audit_head, audit_count, open, final_status, needs_staff, \
                 lender, patron_verified, lender_item, borrower_item, pickup_item, agency, lender_place, \
                 pickup_location, title, finished_at, audit_key) \
             VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
                 $21, $22, $23, $24)",
            values![
                request.id,
                request.placed_at,
                now,
                request.status.name(),
                request.outcome.map(|outcome| outcome.name()),
                &patron.institution,
                digest(&sealer, &patron.institution, &patron.identifier)?,
                document(&sealer, request)?,
                &end.hash,
                end.count,
                found_by.open,
                found_by.final_status,
                found_by.needs_staff,
                found_by.lender,
                found_by.patron_verified,
                found_by.lender_item,
                found_by.borrower_item,
                found_by.pickup_item,
                found_by.agency,
                found_by.lender_place,
                found_by.pickup_location,
                found_by.title,
                found_by.finished_at,
                sealed_key,
            ],
        );
        self.insert_audit(request.id, links);
        self.insert_barcodes(request.id, barcodes(request));
        self.save_open_work(None, request, now);
        self.add_to_summary(None, request, 1, now);
        Ok(Stored { request: request.clone(), version: 1, updated_at: now, audit: end, text_key: Some(key) })
    }

    /// Keeps a changed request, and adds entries at the end of its audit; returns the stored request. At the commit,
    /// [`Error::Conflict`] where somebody else has changed it since `before` was read.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it can't be written.
    pub fn save_request(
        &mut self,
        before: &Stored,
        next: &Request,
        entries: &[AuditEntry],
        now: Timestamp,
    ) -> Result<Stored, Error> {
        let sealer = Arc::clone(&self.sealer);
        self.note_sealing();
        let document = document(&sealer, next)?;
        // A request of an earlier program has no key, and neither has one whose patron's data is erased.
        let text_key = match &before.text_key {
            None if has_text(entries) => Some(TextKey::new(&sealer)),
            known => known.clone(),
        };
        let seal =
            |id: &str, link: &mut Link| text_key.as_ref().map_or(Ok(()), |key| key.seal(&sealer, id, link.texts()));
        let (links, end) = chain(next.id, &before.audit, entries, seal)?;
        // First, since it locks the row: whoever decides about the same request at the same time waits here.
        self.run_on_one(
            "UPDATE patron_request SET version = version + 1, updated_at = $1, status = $2, outcome = $3, document = $4, \
                 audit_head = $5, audit_count = $6 \
             WHERE id = $7 AND version = $8",
            values![
                now,
                next.status.name(),
                next.outcome.map(|outcome| outcome.name()),
                document,
                &end.hash,
                end.count,
                next.id,
                before.version,
            ],
            Error::Conflict,
        );
        self.insert_audit(next.id, links);
        if let Some(key) = text_key.as_ref().filter(|_| before.text_key.is_none()) {
            let sealed = key.sealed(&sealer, &next.id.to_string())?;
            self.run("UPDATE patron_request SET audit_key = $1 WHERE id = $2", values![sealed, next.id]);
        }
        self.save_found_by(&before.request, next)?;
        self.save_open_work(Some(&before.request), next, now);
        self.add_to_summary(Some(&before.request), next, before.version + 1, now);
        let known = barcodes(&before.request);
        self.insert_barcodes(next.id, barcodes(next).filter(|barcode| !known.clone().any(|other| other == *barcode)));
        Ok(Stored { request: next.clone(), version: before.version + 1, updated_at: now, audit: end, text_key })
    }

    /// Rests the unit on a request being as it was read. At the commit, [`Error::Conflict`] where somebody else has changed
    /// it since.
    pub fn expect_unchanged(&mut self, stored: &Stored) {
        self.run_on_one(
            "UPDATE patron_request SET version = version WHERE id = $1 AND version = $2",
            values![stored.request.id, stored.version],
            Error::Conflict,
        );
    }

    /// Adds the barcodes by which a request is found.
    fn insert_barcodes<'a>(&mut self, request: RequestId, barcodes: impl Iterator<Item = &'a Barcode>) {
        for barcode in barcodes {
            self.run(
                "INSERT INTO request_barcode (barcode, request) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                values![in_lower_case(barcode), request],
            );
        }
    }

    /// What a request is found by changes a few times in its life, and each column of it has an index.
    fn save_found_by(&mut self, before: &Request, next: &Request) -> Result<(), Error> {
        let sealer = Arc::clone(&self.sealer);
        let (was, is) = (FoundBy::of(&sealer, before)?, FoundBy::of(&sealer, next)?);
        if was != is {
            self.run(
                "UPDATE patron_request SET open = $1, final_status = $2, needs_staff = $3, lender = $4, \
                     patron_verified = $5, lender_item = $6, borrower_item = $7, pickup_item = $8, agency = $9, \
                     lender_place = $10, pickup_location = $11, title = $12, finished_at = $13 \
                 WHERE id = $14",
                values![
                    is.open,
                    is.final_status,
                    is.needs_staff,
                    is.lender,
                    is.patron_verified,
                    is.lender_item,
                    is.borrower_item,
                    is.pickup_item,
                    is.agency,
                    is.lender_place,
                    is.pickup_location,
                    is.title,
                    is.finished_at,
                    next.id
                ],
            );
        }
        Ok(())
    }

    /// Rests the unit on the open requests of a patron, as the library knows them, being among `known`: at the commit,
    /// [`Error::Conflict`] where there is another. Until then no other unit that rests on the same patron's is done, so
    /// that what was counted stays true.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the patron's digest can't be made.
    pub fn expect_open_requests(
        &mut self,
        institution: &InstitutionCode,
        patron: &PatronId,
        known: &[Stored],
    ) -> Result<(), Error> {
        let digest = digest(&self.sealer, institution, patron)?;
        self.lock(&digest);
        let ids: Vec<String> = known.iter().map(|stored| stored.request.id.to_string()).collect();
        self.refuse_any(
            "SELECT id FROM patron_request WHERE open = 1 AND patron_verified = $1 AND $2 NOT LIKE '%,' || id || ',%'",
            values![digest, word_set(ids.iter().map(String::as_str))],
            Error::Conflict,
        );
        Ok(())
    }

    pub(crate) fn refuse_open_requests(&mut self, institution: &InstitutionCode) {
        self.refuse_any(
            "SELECT id FROM patron_request WHERE open = 1 AND (borrower = $1 OR lender = $1) LIMIT 1",
            values![institution],
            Error::Referred(format!("The institution {institution} still has open requests.")),
        );
    }
}

/// What a request is found by, beside its patron's identifier as given.
#[derive(PartialEq)]
struct FoundBy {
    open: bool,
    final_status: Option<&'static str>,
    needs_staff: bool,
    lender: Option<String>,
    patron_verified: Option<String>,
    lender_item: Option<String>,
    borrower_item: Option<String>,
    pickup_item: Option<String>,
    agency: String,
    lender_place: Option<String>,
    pickup_location: String,
    title: String,
    /// When it ended, until it is anonymous.
    finished_at: Option<Timestamp>,
}

impl FoundBy {
    fn of(sealer: &Sealer, request: &Request) -> Result<Self, Error> {
        let patron = &request.patron;
        let verified = patron.verified.as_ref().filter(|_| request.anonymised_at.is_none());
        let is_final = request.status.is_final();
        Ok(Self {
            open: !is_final,
            final_status: is_final.then(|| request.status.name()),
            needs_staff: matches!(request.attention, Attention::NeedsStaff { .. }),
            lender: request.institution(Side::Lender).map(|code| code.as_str().to_owned()),
            patron_verified: verified.map(|known| digest(sealer, &patron.institution, &known.id)).transpose()?,
            lender_item: request.supply.as_ref().map(|supply| supply.copy.item.as_str().to_owned()),
            borrower_item: item_at(request, Side::Borrower),
            pickup_item: item_at(request, Side::Pickup),
            agency: patron.agency.to_string(),
            lender_place: request.supply.as_ref().map(|supply| place(&supply.institution, &supply.copy.library)),
            pickup_location: request.pickup.code.to_string(),
            title: request.title.as_ref().map(|title| searchable(&title.title)).unwrap_or_default(),
            finished_at: (is_final && request.anonymised_at.is_none()).then_some(request.status_since),
        })
    }
}

/// Returns the barcodes of the request's present items: the lender's, and those of the virtual items.
fn barcodes(request: &Request) -> impl Iterator<Item = &Barcode> + Clone {
    let copy = request.supply.as_ref().map(|supply| &supply.copy.barcode);
    let here = |side| request.virtual_side(side).and_then(|here| here.barcode.as_ref());
    [copy, here(Side::Borrower), here(Side::Pickup)].into_iter().flatten()
}

/// Alma's barcodes know no case.
pub(crate) fn in_lower_case(barcode: &Barcode) -> String {
    barcode.as_str().trim().to_lowercase()
}

/// A library of an institution as the list's filter compares it.
pub(crate) fn place(institution: &InstitutionCode, library: &LibraryCode) -> String {
    format!("{institution}/{library}")
}

/// Returns a title as it is searched for and sorted: in lower case, with single spaces.
pub(crate) fn searchable(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn item_at(request: &Request, side: Side) -> Option<String> {
    request.virtual_side(side)?.item.open().map(|item| item.as_str().to_owned())
}

/// Identifiers of patrons know no case (Alma's primary ids don't).
pub(crate) fn digest(sealer: &Sealer, institution: &InstitutionCode, patron: &PatronId) -> Result<String, Error> {
    sealer.digest(&["patron", institution.as_str(), &patron.as_str().to_lowercase()])
}

/// Changes the personal data that are sealed in the document, each with its place there: the patron's, and free texts.
fn change_personal(request: &mut Request, change: impl Fn(&str, &str) -> Result<String, Error>) -> Result<(), Error> {
    change_person(&mut request.patron, "/patron", &change)?;
    change_texts(request.cancellation.as_mut(), &mut request.damage, "", &change)?;
    if let Some(undo) = &mut request.undo {
        change_person(&mut undo.patron, "/undo/patron", &change)?;
        change_texts(undo.cancellation.as_mut(), &mut undo.damage, "/undo", &change)?;
    }
    Ok(())
}

type Change<'a> = &'a dyn Fn(&str, &str) -> Result<String, Error>;

/// Changes what people wrote, which may name a person.
fn change_texts(
    cancellation: Option<&mut Cancellation>,
    damage: &mut Option<String>,
    place: &str,
    change: Change<'_>,
) -> Result<(), Error> {
    let reason = cancellation.and_then(|cancellation| cancellation.reason.as_mut());
    for (field, text) in [("cancellation/reason", reason), ("damage", damage.as_mut())] {
        if let Some(text) = text {
            *text = change(&format!("{place}/{field}"), text)?;
        }
    }
    Ok(())
}

fn change_person(patron: &mut Patron, place: &str, change: Change<'_>) -> Result<(), Error> {
    let change = |field: &str, plain: &str| change(&format!("{place}/{field}"), plain);
    patron.identifier = change("identifier", patron.identifier.as_str())?.into();
    let Some(known) = &mut patron.verified else { return Ok(()) };
    known.id = change("verified/id", known.id.as_str())?.into();
    if let Some(code) = &mut known.pickup_code {
        *code = change("verified/pickup_code", code.as_str())?.into();
    }
    for (to, shown) in
        [("shown_to_lender", &mut known.shown_to_lender), ("shown_at_pickup", &mut known.shown_at_pickup)]
    {
        if let Some(card) = &mut shown.card {
            *card = change(&format!("verified/{to}/card"), card.as_str())?.into();
        }
        for (part, name) in [("first_name", &mut shown.first_name), ("last_name", &mut shown.last_name)] {
            if let Some(name) = name {
                *name = change(&format!("verified/{to}/{part}"), name.as_str())?.into();
            }
        }
    }
    Ok(())
}

/// Opens a text of a document. An earlier program didn't seal what people wrote.
fn open(sealer: &Sealer, id: &str, place: &str, sealed: &str) -> Result<String, Error> {
    if !place.contains("/patron/") && !Sealer::is_sealed(sealed) {
        return Ok(sealed.to_owned());
    }
    sealer.open(&format!("request:{id}:{place}"), sealed)
}

fn document(sealer: &Sealer, request: &Request) -> Result<String, Error> {
    let mut sealed = request.clone();
    change_personal(&mut sealed, |place, plain| sealer.seal(&format!("request:{}:{place}", request.id), plain))?;
    serde_json::to_string(&sealed).map_err(|error| corrupt(&error.to_string()))
}

/// Seals the document of a request anew.
pub(crate) fn seal_document_anew(sealer: &Sealer, id: &str, sealed: &str) -> Result<String, Error> {
    let mut request: Request = serde_json::from_str(sealed).map_err(|error| corrupt(&error.to_string()))?;
    change_personal(&mut request, |place, sealed| {
        sealer.seal(&format!("request:{id}:{place}"), &open(sealer, id, place, sealed)?)
    })?;
    serde_json::to_string(&request).map_err(|error| corrupt(&error.to_string()))
}

/// Returns whether entries have texts, which are sealed with the request's own key.
fn has_text(entries: &[AuditEntry]) -> bool {
    entries.iter().any(|entry| entry.note.is_some() || entry.evidence.is_some())
}

pub(crate) fn stored(sealer: &Sealer, row: &Row) -> Result<Stored, Error> {
    let id = row.str("id")?;
    let mut request = read_document(row)?;
    change_personal(&mut request, |place, sealed| open(sealer, id, place, sealed))?;
    let audit = AuditEnd { hash: row.text("audit_head")?, count: row.int("audit_count")? };
    let text_key = row.optional_str("audit_key")?.map(|sealed| TextKey::open(sealer, id, sealed)).transpose()?;
    Ok(Stored { request, version: row.int("version")?, updated_at: row.time("updated_at")?, audit, text_key })
}

/// Returns the request in a row, of which only the pickup code and what people wrote are opened.
pub(crate) fn listed(sealer: &Sealer, row: &Row) -> Result<Listed, Error> {
    let id = row.str("id")?;
    let mut request = read_document(row)?;
    change_personal(&mut request, |place, sealed| {
        let names_patron = place.contains("/patron/") && !place.ends_with("/pickup_code");
        if names_patron { Ok(String::new()) } else { open(sealer, id, place, sealed) }
    })?;
    Ok(Listed { request, version: row.int("version")?, updated_at: row.time("updated_at")? })
}

fn read_document(row: &Row) -> Result<Request, Error> {
    serde_json::from_str(row.str("document")?).map_err(|error| corrupt(&error.to_string()))
}

fn corrupt(what: &str) -> Error {
    Error::Corrupt { table: "patron_request", what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{indexes, plan};

    #[test]
    fn columns_that_change_with_every_decision_have_no_index() {
        let indexes = indexes("patron_request").join("; ");
        assert!(indexes.contains("needs_staff"), "{indexes}");
        for column in
            ["version", "updated_at", " status", "(status", "outcome", "document", "audit_head", "audit_count"]
        {
            assert!(!indexes.contains(column), "{column}: {indexes}");
        }
    }

    #[test]
    fn requests_with_an_item_are_found_by_the_indexes_of_its_columns() {
        let plan = plan(WITH_ITEM).join("; ");
        for column in ["lender_item", "borrower_item", "pickup_item"] {
            assert!(plan.contains(&format!("SEARCH patron_request USING INDEX patron_request_{column}")), "{plan}");
        }
        assert!(!plan.contains("SCAN"), "{plan}");
    }
}
