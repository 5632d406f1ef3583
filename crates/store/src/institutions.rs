//! Institutions with their sealed credentials, agencies and pickup locations.

use jiff::Timestamp;
use lending::{AgencyCode, InstitutionCode, PickupLocation, PickupLocationCode, Rules};
use sea_query::{ExprTrait, Iden, OnConflict, Query, SelectStatement};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::db::{Store, Tx};
use crate::error::Error;
use crate::seal::Sealer;
use crate::time::micros;

/// An installation of a library system.
#[derive(Clone, Debug)]
pub struct Institution {
    /// Its code.
    pub code: InstitutionCode,
    /// Its name, for people.
    pub name: String,
    /// The kind of library system.
    pub kind: String,
    /// Its settings; the keys depend on the kind.
    pub settings: Value,
    /// Its API key; sealed at rest.
    pub credentials: SecretString,
}

/// A library that lends or borrows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agency {
    /// Its code.
    pub code: AgencyCode,
    /// Its name, for people.
    pub name: String,
    /// The institution whose system it uses.
    pub institution: InstitutionCode,
    /// Its library there, where several agencies share a system.
    pub library: Option<lending::LibraryCode>,
    /// What it takes part in, how much, and how long things may take.
    pub rules: Rules,
}

/// A pickup location with its agency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredPickupLocation {
    /// The location as requests carry it.
    pub location: PickupLocation,
    /// Whose it is.
    pub agency: AgencyCode,
}

#[derive(Iden)]
#[iden = "institution"]
struct InstitutionTable;

#[derive(Iden)]
#[iden = "agency"]
struct AgencyTable;

#[derive(Iden)]
#[iden = "pickup_location"]
struct PickupTable;

#[derive(Iden, Clone, Copy)]
enum Col {
    Code,
    Name,
    Kind,
    Settings,
    Credentials,
    CreatedAt,
    UpdatedAt,
    Institution,
    Agency,
    Library,
    Desk,
    Rules,
}

impl Store {
    /// One institution.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the credentials were sealed with another master key.
    pub async fn institution(&self, code: &InstitutionCode) -> Result<Option<Institution>, Error> {
        let statement = select_institutions().and_where(sea_query::Expr::col(Col::Code).eq(code.as_str())).to_owned();
        let rows: Vec<InstitutionRow> = self.fetch(&statement).await?;
        rows.into_iter().next().map(|row| institution(&self.sealer, row)).transpose()
    }

    /// All institutions, by code.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the credentials were sealed with another master key.
    pub async fn institutions(&self) -> Result<Vec<Institution>, Error> {
        let rows: Vec<InstitutionRow> = self.fetch(&select_institutions()).await?;
        rows.into_iter().map(|row| institution(&self.sealer, row)).collect()
    }

    /// One agency.
    pub async fn agency(&self, code: &AgencyCode) -> Result<Option<Agency>, Error> {
        let statement = select_agencies().and_where(sea_query::Expr::col(Col::Code).eq(code.as_str())).to_owned();
        let rows: Vec<AgencyRow> = self.fetch(&statement).await?;
        rows.into_iter().next().map(agency).transpose()
    }

    /// All agencies, by code.
    pub async fn agencies(&self) -> Result<Vec<Agency>, Error> {
        let rows: Vec<AgencyRow> = self.fetch(&select_agencies()).await?;
        rows.into_iter().map(agency).collect()
    }

    /// One pickup location.
    pub async fn pickup_location(&self, code: &PickupLocationCode) -> Result<Option<StoredPickupLocation>, Error> {
        let wanted = sea_query::Expr::col((PickupTable, Col::Code)).eq(code.as_str());
        let rows: Vec<PickupRow> = self.fetch(&select_pickups().and_where(wanted).to_owned()).await?;
        Ok(rows.into_iter().next().map(pickup))
    }

    /// All pickup locations, by code.
    pub async fn pickup_locations(&self) -> Result<Vec<StoredPickupLocation>, Error> {
        let rows: Vec<PickupRow> = self.fetch(&select_pickups()).await?;
        Ok(rows.into_iter().map(pickup).collect())
    }
}

impl Tx {
    /// Keeps an institution, new or changed.
    pub async fn put_institution(&mut self, institution: &Institution, now: Timestamp) -> Result<(), Error> {
        let code = institution.code.as_str();
        let sealed = self.sealer.seal(&credentials_place(code), institution.credentials.expose_secret())?;
        let statement = Query::insert()
            .into_table(InstitutionTable)
            .columns([Col::Code, Col::Name, Col::Kind, Col::Settings, Col::Credentials, Col::CreatedAt, Col::UpdatedAt])
            .values_panic([
                code.into(),
                institution.name.as_str().into(),
                institution.kind.as_str().into(),
                institution.settings.to_string().into(),
                sealed.into(),
                micros(now).into(),
                micros(now).into(),
            ])
            .on_conflict(
                OnConflict::column(Col::Code)
                    .update_columns([Col::Name, Col::Kind, Col::Settings, Col::Credentials, Col::UpdatedAt])
                    .to_owned(),
            )
            .to_owned();
        self.execute(&statement).await.map(drop)
    }

    /// Keeps an agency, new or changed; its institution must be there.
    ///
    /// # Errors
    ///
    /// [`Error::Referred`] if the institution isn't there.
    pub async fn put_agency(&mut self, agency: &Agency) -> Result<(), Error> {
        self.must_exist(Table::Institution, agency.institution.as_str()).await?;
        let rules = serde_json::to_string(&agency.rules)
            .map_err(|error| Error::Corrupt { table: "agency", what: error.to_string() })?;
        let statement = Query::insert()
            .into_table(AgencyTable)
            .columns([Col::Code, Col::Name, Col::Institution, Col::Library, Col::Rules])
            .values_panic([
                agency.code.as_str().into(),
                agency.name.as_str().into(),
                agency.institution.as_str().into(),
                agency.library.as_ref().map(|library| library.as_str().to_owned()).into(),
                rules.into(),
            ])
            .on_conflict(
                OnConflict::column(Col::Code)
                    .update_columns([Col::Name, Col::Institution, Col::Library, Col::Rules])
                    .to_owned(),
            )
            .to_owned();
        self.execute(&statement).await.map(drop)
    }

    /// Keeps a pickup location, new or changed; its agency must be there.
    ///
    /// # Errors
    ///
    /// [`Error::Referred`] if the agency isn't there.
    pub async fn put_pickup_location(&mut self, location: &PickupLocation, agency: &AgencyCode) -> Result<(), Error> {
        self.must_exist(Table::Agency, agency.as_str()).await?;
        let statement = Query::insert()
            .into_table(PickupTable)
            .columns([Col::Code, Col::Name, Col::Agency, Col::Library, Col::Desk])
            .values_panic([
                location.code.as_str().into(),
                location.name.as_str().into(),
                agency.as_str().into(),
                location.library.as_str().into(),
                location.desk.as_ref().map(|desk| desk.as_str().to_owned()).into(),
            ])
            .on_conflict(
                OnConflict::column(Col::Code)
                    .update_columns([Col::Name, Col::Agency, Col::Library, Col::Desk])
                    .to_owned(),
            )
            .to_owned();
        self.execute(&statement).await.map(drop)
    }

    /// Removes an institution that no agency and no open request refers to. Answers whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::Referred`] while something refers to it.
    pub async fn remove_institution(&mut self, code: &InstitutionCode) -> Result<bool, Error> {
        let used = Query::select()
            .column(Col::Code)
            .from(AgencyTable)
            .and_where(sea_query::Expr::col(Col::Institution).eq(code.as_str()))
            .to_owned();
        self.refuse_if_any(&used, || format!("The institution {code} still has agencies; remove those first.")).await?;
        if self.has_open_requests(code).await? {
            return Err(Error::Referred(format!("The institution {code} still has open requests.")));
        }
        self.remove_webhook(code).await?;
        self.remove(Table::Institution, code.as_str()).await
    }

    /// Removes an agency without pickup locations. Answers whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::Referred`] while a pickup location refers to it.
    pub async fn remove_agency(&mut self, code: &AgencyCode) -> Result<bool, Error> {
        let used = Query::select()
            .column(Col::Code)
            .from(PickupTable)
            .and_where(sea_query::Expr::col(Col::Agency).eq(code.as_str()))
            .to_owned();
        self.refuse_if_any(&used, || format!("The agency {code} still has pickup locations; remove those first."))
            .await?;
        self.remove(Table::Agency, code.as_str()).await
    }

    /// Removes a pickup location; requests carry what they need of it. Answers whether it was there.
    pub async fn remove_pickup_location(&mut self, code: &PickupLocationCode) -> Result<bool, Error> {
        self.remove(Table::Pickup, code.as_str()).await
    }

    async fn refuse_if_any(&mut self, used: &SelectStatement, reason: impl FnOnce() -> String) -> Result<(), Error> {
        let rows: Vec<(String,)> = self.fetch(used).await?;
        if rows.is_empty() { Ok(()) } else { Err(Error::Referred(reason())) }
    }

    async fn must_exist(&mut self, table: Table, code: &str) -> Result<(), Error> {
        let mut statement = Query::select();
        statement.column(Col::Code).and_where(sea_query::Expr::col(Col::Code).eq(code));
        let what = match table {
            Table::Institution => {
                statement.from(InstitutionTable);
                "institution"
            }
            Table::Agency => {
                statement.from(AgencyTable);
                "agency"
            }
            Table::Pickup => {
                statement.from(PickupTable);
                "pickup location"
            }
        };
        let rows: Vec<(String,)> = self.fetch(&statement).await?;
        if rows.is_empty() { Err(Error::Referred(format!("There is no {what} {code}."))) } else { Ok(()) }
    }

    async fn remove(&mut self, table: Table, code: &str) -> Result<bool, Error> {
        let mut statement = Query::delete();
        match table {
            Table::Institution => statement.from_table(InstitutionTable),
            Table::Agency => statement.from_table(AgencyTable),
            Table::Pickup => statement.from_table(PickupTable),
        };
        statement.and_where(sea_query::Expr::col(Col::Code).eq(code));
        Ok(self.execute(&statement).await? > 0)
    }
}

#[derive(Clone, Copy)]
enum Table {
    Institution,
    Agency,
    Pickup,
}

type InstitutionRow = (String, String, String, String, String);
type AgencyRow = (String, String, String, Option<String>, String);
type PickupRow = (String, String, String, String, Option<String>, String);

fn select_institutions() -> SelectStatement {
    Query::select()
        .columns([Col::Code, Col::Name, Col::Kind, Col::Settings, Col::Credentials])
        .from(InstitutionTable)
        .order_by(Col::Code, sea_query::Order::Asc)
        .to_owned()
}

fn select_agencies() -> SelectStatement {
    Query::select()
        .columns([Col::Code, Col::Name, Col::Institution, Col::Library, Col::Rules])
        .from(AgencyTable)
        .order_by(Col::Code, sea_query::Order::Asc)
        .to_owned()
}

fn select_pickups() -> SelectStatement {
    Query::select()
        .columns([Col::Code, Col::Name, Col::Agency, Col::Library, Col::Desk].map(|col| (PickupTable, col)))
        .column((AgencyTable, Col::Institution))
        .from(PickupTable)
        .inner_join(AgencyTable, sea_query::Expr::col((PickupTable, Col::Agency)).equals((AgencyTable, Col::Code)))
        .order_by((PickupTable, Col::Code), sea_query::Order::Asc)
        .to_owned()
}

fn credentials_place(code: &str) -> String {
    format!("institution:{code}:credentials")
}

fn institution(sealer: &Sealer, row: InstitutionRow) -> Result<Institution, Error> {
    let (code, name, kind, settings, sealed) = row;
    let credentials = sealer.open(&credentials_place(&code), &sealed)?.into();
    let settings = serde_json::from_str(&settings)
        .map_err(|error| Error::Corrupt { table: "institution", what: error.to_string() })?;
    Ok(Institution { code: code.into(), name, kind, settings, credentials })
}

fn agency((code, name, institution, library, rules): AgencyRow) -> Result<Agency, Error> {
    let rules =
        serde_json::from_str(&rules).map_err(|error| Error::Corrupt { table: "agency", what: error.to_string() })?;
    Ok(Agency { code: code.into(), name, institution: institution.into(), library: library.map(Into::into), rules })
}

fn pickup((code, name, agency, library, desk, institution): PickupRow) -> StoredPickupLocation {
    StoredPickupLocation {
        location: PickupLocation {
            code: code.into(),
            name,
            institution: institution.into(),
            library: library.into(),
            desk: desk.map(Into::into),
        },
        agency: agency.into(),
    }
}
