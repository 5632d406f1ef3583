//! Institutions with their sealed credentials, agencies and pickup locations.

use jiff::Timestamp;
use lending::{AgencyCode, InstitutionCode, PickupLocation, PickupLocationCode, Rules};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::database::Store;
use crate::error::Error;
use crate::seal::Sealer;
use crate::sql::{Row, values};
use crate::unit::{StepId, Unit};

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

macro_rules! institutions {
    ($($condition:literal)?) => {
        concat!("SELECT code, name, kind, settings, credentials FROM institution ", $($condition,)? " ORDER BY code")
    };
}

macro_rules! agencies {
    ($($condition:literal)?) => {
        concat!("SELECT code, name, institution, library, rules FROM agency ", $($condition,)? " ORDER BY code")
    };
}

macro_rules! pickup_locations {
    ($($condition:literal)?) => {
        concat!(
            "SELECT pickup_location.code, pickup_location.name, pickup_location.agency, pickup_location.library, \
                 pickup_location.desk, agency.institution \
             FROM pickup_location JOIN agency ON pickup_location.agency = agency.code ",
            $($condition,)?
            " ORDER BY pickup_location.code"
        )
    };
}

impl Store {
    /// One institution.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the credentials were sealed with another master key.
    pub async fn institution(&self, code: &InstitutionCode) -> Result<Option<Institution>, Error> {
        let rows = self.lookup(institutions!("WHERE code = $1"), values![code]).await?;
        rows.first().map(|row| institution(&self.sealer, row)).transpose()
    }

    /// All institutions, by code.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the credentials were sealed with another master key.
    pub async fn institutions(&self) -> Result<Vec<Institution>, Error> {
        let rows = self.read(institutions!(), values![]).await?;
        rows.iter().map(|row| institution(&self.sealer, row)).collect()
    }

    /// One agency.
    pub async fn agency(&self, code: &AgencyCode) -> Result<Option<Agency>, Error> {
        self.lookup(agencies!("WHERE code = $1"), values![code]).await?.first().map(agency).transpose()
    }

    /// All agencies, by code.
    pub async fn agencies(&self) -> Result<Vec<Agency>, Error> {
        self.lookup(agencies!(), values![]).await?.iter().map(agency).collect()
    }

    /// One pickup location.
    pub async fn pickup_location(&self, code: &PickupLocationCode) -> Result<Option<StoredPickupLocation>, Error> {
        let rows = self.lookup(pickup_locations!("WHERE pickup_location.code = $1"), values![code]).await?;
        rows.first().map(pickup).transpose()
    }

    /// All pickup locations, by code.
    pub async fn pickup_locations(&self) -> Result<Vec<StoredPickupLocation>, Error> {
        self.read(pickup_locations!(), values![]).await?.iter().map(pickup).collect()
    }
}

impl Unit {
    /// Keeps an institution, new or changed.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if its credentials can't be sealed.
    pub fn put_institution(&mut self, institution: &Institution, now: Timestamp) -> Result<(), Error> {
        let place = credentials_place(institution.code.as_str());
        let sealed = self.sealer.seal(&place, institution.credentials.expose_secret())?;
        self.run(
            "INSERT INTO institution (code, name, kind, settings, credentials, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $6) \
             ON CONFLICT (code) DO UPDATE SET name = excluded.name, kind = excluded.kind, settings = excluded.settings, \
                 credentials = excluded.credentials, updated_at = excluded.updated_at",
            values![
                &institution.code,
                &institution.name,
                &institution.kind,
                institution.settings.to_string(),
                sealed,
                now
            ],
        );
        Ok(())
    }

    /// Keeps an agency, new or changed. At the commit, [`Error::Referred`] if its institution isn't there.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if its rules can't be written.
    pub fn put_agency(&mut self, agency: &Agency) -> Result<(), Error> {
        let rules = serde_json::to_string(&agency.rules)
            .map_err(|error| Error::Corrupt { table: "agency", what: error.to_string() })?;
        self.run_on_one(
            "SELECT code FROM institution WHERE code = $1",
            values![&agency.institution],
            Error::Referred(format!("There is no institution {}.", agency.institution)),
        );
        self.run(
            "INSERT INTO agency (code, name, institution, library, rules) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (code) DO UPDATE SET name = excluded.name, institution = excluded.institution, \
                 library = excluded.library, rules = excluded.rules",
            values![&agency.code, &agency.name, &agency.institution, agency.library.as_ref(), rules],
        );
        Ok(())
    }

    /// Keeps a pickup location, new or changed. At the commit, [`Error::Referred`] if its agency isn't there.
    pub fn put_pickup_location(&mut self, location: &PickupLocation, agency: &AgencyCode) {
        self.run_on_one(
            "SELECT code FROM agency WHERE code = $1",
            values![agency],
            Error::Referred(format!("There is no agency {agency}.")),
        );
        self.run(
            "INSERT INTO pickup_location (code, name, agency, library, desk) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (code) DO UPDATE SET name = excluded.name, agency = excluded.agency, \
                 library = excluded.library, desk = excluded.desk",
            values![
                &location.code,
                &location.name,
                agency,
                &location.library,
                location.desk.as_ref().map(|desk| desk.as_str())
            ],
        );
    }

    /// Removes an institution; it touches one row where it was there. At the commit, [`Error::Referred`] while an agency
    /// or an open request refers to it.
    pub fn remove_institution(&mut self, code: &InstitutionCode) -> StepId {
        self.refuse_any(
            "SELECT code FROM agency WHERE institution = $1 LIMIT 1",
            values![code],
            Error::Referred(format!("The institution {code} still has agencies; remove those first.")),
        );
        self.refuse_open_requests(code);
        self.remove_webhook(code);
        self.remove_setup_check(code);
        self.run("DELETE FROM institution WHERE code = $1", values![code])
    }

    /// Removes an institution with its agencies and their pickup locations; it touches one row where it was there. At the
    /// commit, [`Error::Referred`] while an open request refers to it: then nothing is removed.
    pub fn remove_institution_with_agencies(&mut self, code: &InstitutionCode) -> StepId {
        self.run(
            "DELETE FROM pickup_location WHERE agency IN (SELECT code FROM agency WHERE institution = $1)",
            values![code],
        );
        self.run("DELETE FROM agency WHERE institution = $1", values![code]);
        self.remove_institution(code)
    }

    /// Removes an agency; it touches one row where it was there. At the commit, [`Error::Referred`] while a pickup
    /// location refers to it.
    pub fn remove_agency(&mut self, code: &AgencyCode) -> StepId {
        self.refuse_any(
            "SELECT code FROM pickup_location WHERE agency = $1 LIMIT 1",
            values![code],
            Error::Referred(format!("The agency {code} still has pickup locations; remove those first.")),
        );
        self.run("DELETE FROM agency WHERE code = $1", values![code])
    }

    /// Removes a pickup location; requests carry what they need of it. It touches one row where it was there.
    pub fn remove_pickup_location(&mut self, code: &PickupLocationCode) -> StepId {
        self.run("DELETE FROM pickup_location WHERE code = $1", values![code])
    }
}

fn credentials_place(code: &str) -> String {
    format!("institution:{code}:credentials")
}

fn institution(sealer: &Sealer, row: &Row) -> Result<Institution, Error> {
    let code = row.text("code")?;
    let credentials = sealer.open(&credentials_place(&code), &row.text("credentials")?)?.into();
    let settings = row.json("settings")?;
    Ok(Institution { code: code.into(), name: row.text("name")?, kind: row.text("kind")?, settings, credentials })
}

fn agency(row: &Row) -> Result<Agency, Error> {
    let rules = serde_json::from_value(row.json("rules")?)
        .map_err(|error| Error::Corrupt { table: "agency", what: error.to_string() })?;
    Ok(Agency {
        code: row.text("code")?.into(),
        name: row.text("name")?,
        institution: row.text("institution")?.into(),
        library: row.optional_text("library")?.map(Into::into),
        rules,
    })
}

fn pickup(row: &Row) -> Result<StoredPickupLocation, Error> {
    let location = PickupLocation {
        code: row.text("code")?.into(),
        name: row.text("name")?,
        institution: row.text("institution")?.into(),
        library: row.text("library")?.into(),
        desk: row.optional_text("desk")?.map(Into::into),
    };
    Ok(StoredPickupLocation { location, agency: row.text("agency")?.into() })
}
