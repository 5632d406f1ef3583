//! Patron requests: a JSON document each, with columns for what is searched by.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use lending::{Attention, InstitutionCode, ItemId, PatronId, Request, RequestId, Side, Status};
use sea_query::{Cond, Expr, ExprTrait, Func, Iden, LockType, Order, Query, SelectStatement};
use serde_json::Value;

use crate::db::{Store, Tx};
use crate::error::Error;
use crate::seal::Sealer;
use crate::time::{at, micros};

/// A request as stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    /// The request.
    pub request: Request,
    /// How often it was saved; a save names the version it rests on.
    pub version: i64,
    /// When it was saved last.
    pub updated_at: Timestamp,
}

/// Which requests to list.
#[derive(Clone, Debug)]
pub struct RequestFilter {
    /// In any of these statuses; all when empty.
    pub statuses: Vec<Status>,
    /// Of this institution, as lender or as borrower.
    pub institution: Option<InstitutionCode>,
    /// Only those that aren't finalised.
    pub open_only: bool,
    /// Only those that staff must decide on.
    pub needs_staff: bool,
    /// Only what comes after this, in the order of the list.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: u32,
}

impl Default for RequestFilter {
    fn default() -> Self {
        Self { statuses: Vec::new(), institution: None, open_only: false, needs_staff: false, after: None, limit: 50 }
    }
}

/// A place in the list of requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    placed_at: i64,
    id: RequestId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.placed_at, self.id)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (placed_at, id) = text.split_once('.').ok_or(BadCursor)?;
        Ok(Self { placed_at: placed_at.parse().map_err(|_| BadCursor)?, id: id.parse().map_err(|_| BadCursor)? })
    }
}

/// The text is no cursor that a list gave.
#[derive(Debug, thiserror::Error)]
#[error("this is no cursor of a list of requests")]
pub struct BadCursor;

/// Some requests, newest first, and where the next ones begin.
#[derive(Clone, Debug)]
pub struct Page {
    /// The requests.
    pub requests: Vec<Stored>,
    /// Where to go on; none at the end.
    pub next: Option<Cursor>,
}

#[derive(Iden)]
#[iden = "patron_request"]
struct Table;

#[derive(Iden, Clone, Copy)]
enum Col {
    Id,
    Version,
    Status,
    Outcome,
    Open,
    Attention,
    Borrower,
    Lender,
    PatronIdentifierDigest,
    PatronVerified,
    PlacedAt,
    UpdatedAt,
    Document,
    LenderItem,
    BorrowerItem,
    PickupItem,
    AuditHead,
    AuditCount,
}

type Row = (String, i64, i64, String);

impl Store {
    /// One request.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] with another master key; [`Error::Corrupt`] if the document is of another program.
    pub async fn request(&self, id: RequestId) -> Result<Option<Stored>, Error> {
        let rows: Vec<Row> = self.fetch(&select().and_where(Expr::col(Col::Id).eq(id.to_string())).to_owned()).await?;
        rows.into_iter().next().map(|row| stored(&self.sealer, row)).transpose()
    }

    /// Requests by what `filter` says, newest first.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn requests(&self, filter: &RequestFilter) -> Result<Page, Error> {
        let mut statement = select();
        if !filter.statuses.is_empty() {
            statement.and_where(Expr::col(Col::Status).is_in(filter.statuses.iter().map(|status| status.name())));
        }
        if let Some(institution) = &filter.institution {
            let code = institution.as_str();
            let either = Cond::any().add(Expr::col(Col::Borrower).eq(code)).add(Expr::col(Col::Lender).eq(code));
            statement.cond_where(either);
        }
        if filter.open_only {
            statement.and_where(Expr::col(Col::Open).eq(1_i64));
        }
        if filter.needs_staff {
            statement.and_where(Expr::col(Col::Attention).eq("needs_staff"));
        }
        if let Some(after) = filter.after {
            let same_moment = Cond::all()
                .add(Expr::col(Col::PlacedAt).eq(after.placed_at))
                .add(Expr::col(Col::Id).lt(after.id.to_string()));
            statement.cond_where(Cond::any().add(Expr::col(Col::PlacedAt).lt(after.placed_at)).add(same_moment));
        }
        let limit = u64::from(filter.limit);
        statement.order_by(Col::PlacedAt, Order::Desc).order_by(Col::Id, Order::Desc).limit(limit + 1);
        let rows: Vec<Row> = self.fetch(&statement).await?;
        let more = rows.len() as u64 > limit;
        let requests: Vec<Stored> = rows
            .into_iter()
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|row| stored(&self.sealer, row))
            .collect::<Result<_, _>>()?;
        let next = requests
            .last()
            .filter(|_| more)
            .map(|last| Cursor { placed_at: micros(last.request.placed_at), id: last.request.id });
        Ok(Page { requests, next })
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
        let either = Cond::any()
            .add(Expr::col(Col::PatronIdentifierDigest).eq(digest.as_str()))
            .add(Expr::col(Col::PatronVerified).eq(digest.as_str()));
        let statement = select().and_where(Expr::col(Col::Open).eq(1_i64)).cond_where(either).to_owned();
        let rows: Vec<Row> = self.fetch(&statement).await?;
        rows.into_iter().map(|row| stored(&self.sealer, row)).collect()
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
        let at = |place: Col, column: Col| {
            Cond::all().add(Expr::col(place).eq(institution.as_str())).add(Expr::col(column).eq(item.as_str()))
        };
        let any = Cond::any()
            .add(at(Col::Lender, Col::LenderItem))
            .add(at(Col::Borrower, Col::BorrowerItem))
            .add(Expr::col(Col::PickupItem).eq(item.as_str()));
        let statement = select().and_where(Expr::col(Col::Open).eq(1_i64)).cond_where(any).to_owned();
        let rows: Vec<Row> = self.fetch(&statement).await?;
        rows.into_iter().map(|row| stored(&self.sealer, row)).collect()
    }

    /// How many requests there are in each status; statuses without any are left out.
    pub async fn count_by_status(&self) -> Result<Vec<(Status, u64)>, Error> {
        let statement = Query::select()
            .column(Col::Status)
            .expr(Func::count(Expr::col(Col::Id)))
            .from(Table)
            .group_by_col(Col::Status)
            .to_owned();
        let rows: Vec<(String, i64)> = self.fetch(&statement).await?;
        rows.into_iter()
            .map(|(name, count)| {
                let status = name.parse().map_err(|_| corrupt("an unknown status"))?;
                Ok((status, u64::try_from(count).unwrap_or_default()))
            })
            .collect()
    }
}

impl Tx {
    /// The open requests of a patron as the library knows them, as this transaction sees them. Until it ends, no other
    /// transaction gets past this for the same patron, so that what is counted stays true.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn open_requests_of_patron(
        &mut self,
        institution: &InstitutionCode,
        patron: &PatronId,
    ) -> Result<Vec<Stored>, Error> {
        let digest = digest(&self.sealer, institution, patron)?;
        self.lock(&digest).await?;
        let statement = select()
            .and_where(Expr::col(Col::Open).eq(1_i64))
            .and_where(Expr::col(Col::PatronVerified).eq(digest.as_str()))
            .to_owned();
        let rows: Vec<Row> = self.fetch(&statement).await?;
        rows.into_iter().map(|row| stored(&self.sealer, row)).collect()
    }

    /// One request, as this transaction sees it; no other changes it until this one ends.
    ///
    /// # Errors
    ///
    /// As [`Store::request`].
    pub async fn request(&mut self, id: RequestId) -> Result<Option<Stored>, Error> {
        let mut statement = select();
        statement.columns([Col::AuditHead, Col::AuditCount]).and_where(Expr::col(Col::Id).eq(id.to_string()));
        if self.is_postgres() {
            statement.lock(LockType::Update);
        }
        let rows: Vec<(String, i64, i64, String, String, i64)> = self.fetch(&statement).await?;
        let Some((id, version, updated_at, document, head, count)) = rows.into_iter().next() else { return Ok(None) };
        self.chains.insert(id.clone(), (head, count));
        stored(&self.sealer, (id, version, updated_at, document)).map(Some)
    }

    /// Waits until no other transaction decides about a request, and keeps it from changing until this one ends. SQLite's
    /// writer is alone already.
    pub async fn lock_request(&mut self, id: RequestId) -> Result<(), Error> {
        if !self.is_postgres() {
            return Ok(());
        }
        let statement = Query::select()
            .column(Col::Id)
            .from(Table)
            .and_where(Expr::col(Col::Id).eq(id.to_string()))
            .lock(LockType::Update)
            .to_owned();
        self.fetch::<_, (String,)>(&statement).await.map(drop)
    }

    /// Keeps a new request, with version 1.
    pub async fn insert_request(&mut self, request: &Request, now: Timestamp) -> Result<(), Error> {
        let cells = cells(&self.sealer, request)?;
        let mut columns = vec![Col::Id, Col::Version, Col::PlacedAt, Col::UpdatedAt];
        let mut values: Vec<Expr> =
            vec![request.id.to_string().into(), 1_i64.into(), micros(request.placed_at).into(), micros(now).into()];
        for (column, value) in cells {
            columns.push(column);
            values.push(value);
        }
        let statement = Query::insert().into_table(Table).columns(columns).values_panic(values).to_owned();
        self.execute(&statement).await.map(drop)
    }

    /// Keeps a changed request; answers its new version.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when `version` isn't the stored one any more.
    pub async fn save_request(&mut self, request: &Request, version: i64, now: Timestamp) -> Result<i64, Error> {
        let cells = cells(&self.sealer, request)?;
        let statement = Query::update()
            .table(Table)
            .value(Col::Version, version + 1)
            .value(Col::UpdatedAt, micros(now))
            .values(cells)
            .and_where(Expr::col(Col::Id).eq(request.id.to_string()))
            .and_where(Expr::col(Col::Version).eq(version))
            .to_owned();
        self.defer_expecting_one(&statement, || Error::Conflict).await?;
        Ok(version + 1)
    }

    pub(crate) async fn has_open_requests(&mut self, institution: &InstitutionCode) -> Result<bool, Error> {
        let code = institution.as_str();
        let either = Cond::any().add(Expr::col(Col::Borrower).eq(code)).add(Expr::col(Col::Lender).eq(code));
        let statement = Query::select()
            .column(Col::Id)
            .from(Table)
            .and_where(Expr::col(Col::Open).eq(1_i64))
            .cond_where(either)
            .limit(1)
            .to_owned();
        let rows: Vec<(String,)> = self.fetch(&statement).await?;
        Ok(!rows.is_empty())
    }
}

fn select() -> SelectStatement {
    Query::select().columns([Col::Id, Col::Version, Col::UpdatedAt, Col::Document]).from(Table).to_owned()
}

fn cells(sealer: &Sealer, request: &Request) -> Result<Vec<(Col, Expr)>, Error> {
    let attention = match request.attention {
        Attention::None => "none",
        Attention::Waiting { .. } => "waiting",
        Attention::NeedsStaff { .. } => "needs_staff",
    };
    let patron = &request.patron;
    let verified =
        patron.verified.as_ref().map(|verified| digest(sealer, &patron.institution, &verified.id)).transpose()?;
    let lender = request.institution(Side::Lender).map(|code| code.as_str().to_owned());
    Ok(vec![
        (Col::Status, request.status.name().into()),
        (Col::Outcome, request.outcome.map(|outcome| outcome.name().to_owned()).into()),
        (Col::Open, i64::from(!request.status.is_final()).into()),
        (Col::Attention, attention.into()),
        (Col::Borrower, patron.institution.as_str().into()),
        (Col::Lender, lender.into()),
        (Col::PatronIdentifierDigest, digest(sealer, &patron.institution, &patron.identifier)?.into()),
        (Col::PatronVerified, verified.into()),
        (Col::LenderItem, request.supply.as_ref().map(|supply| supply.copy.item.as_str().to_owned()).into()),
        (Col::BorrowerItem, item_at(request, Side::Borrower).into()),
        (Col::PickupItem, item_at(request, Side::Pickup).into()),
        (Col::Document, document(sealer, request)?.into()),
    ])
}

fn item_at(request: &Request, side: Side) -> Option<String> {
    request.virtual_side(side)?.item.open().map(|item| item.as_str().to_owned())
}

/// Identifiers of patrons know no case (Alma's primary ids don't).
fn digest(sealer: &Sealer, institution: &InstitutionCode, patron: &PatronId) -> Result<String, Error> {
    sealer.digest(&["patron", institution.as_str(), &patron.as_str().to_lowercase()])
}

/// Where the document holds a patron's identifier; there it is sealed.
const PERSONAL: [&str; 4] =
    ["/patron/identifier", "/patron/verified/id", "/undo/patron/identifier", "/undo/patron/verified/id"];

fn document(sealer: &Sealer, request: &Request) -> Result<String, Error> {
    let mut document = serde_json::to_value(request).map_err(|error| corrupt(&error.to_string()))?;
    replace_personal(&mut document, |place, plain| sealer.seal(&format!("request:{}:{place}", request.id), plain))?;
    Ok(document.to_string())
}

fn replace_personal(document: &mut Value, change: impl Fn(&str, &str) -> Result<String, Error>) -> Result<(), Error> {
    for place in PERSONAL {
        if let Some(value) = document.pointer_mut(place)
            && let Some(text) = value.as_str()
        {
            *value = Value::String(change(place, text)?);
        }
    }
    Ok(())
}

fn stored(sealer: &Sealer, (id, version, updated_at, document): Row) -> Result<Stored, Error> {
    let mut document: Value = serde_json::from_str(&document).map_err(|error| corrupt(&error.to_string()))?;
    replace_personal(&mut document, |place, sealed| sealer.open(&format!("request:{id}:{place}"), sealed))?;
    let request = serde_json::from_value(document).map_err(|error| corrupt(&error.to_string()))?;
    Ok(Stored { request, version, updated_at: at("patron_request", updated_at)? })
}

fn corrupt(what: &str) -> Error {
    Error::Corrupt { table: "patron_request", what: what.to_owned() }
}
