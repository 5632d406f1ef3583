//! Institutions with their sealed credentials, agencies and pickup locations.

use jiff::Timestamp;
use lending::{AgencyCode, InstitutionCode, PickupLocation, PickupLocationCode, Rules};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::database::Store;
use crate::error::Error;
use crate::seal::Sealer;
use crate::sql::{Row, Value as SqlValue, values};
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

/// The state in which a change must find an object; otherwise it fails with [`Error::Conflict`], and changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Any state, or no object.
    Anything,
    /// No object.
    Nothing,
    /// This version of it.
    Version(i64),
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
        concat!("SELECT code, name, kind, settings, credentials, version FROM institution ", $($condition,)? " ORDER BY code")
    };
}

macro_rules! agencies {
    ($($condition:literal)?) => {
        concat!("SELECT code, name, institution, library, rules, version FROM agency ", $($condition,)? " ORDER BY code")
    };
}

macro_rules! pickup_locations {
    ($($condition:literal)?) => {
        concat!(
            "SELECT pickup_location.code, pickup_location.name, pickup_location.agency, pickup_location.library, \
                 pickup_location.desk, pickup_location.route_code, pickup_location.version, agency.institution \
             FROM pickup_location JOIN agency ON pickup_location.agency = agency.code ",
            $($condition,)?
            " ORDER BY pickup_location.code"
        )
    };
}

macro_rules! insert_institution {
    () => {
        "INSERT INTO institution (code, name, kind, settings, credentials, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)"
    };
}

macro_rules! insert_agency {
    () => {
        "INSERT INTO agency (code, name, institution, library, rules) VALUES ($1, $2, $3, $4, $5)"
    };
}

macro_rules! insert_pickup_location {
    () => {
        "INSERT INTO pickup_location (code, name, agency, library, desk, route_code) VALUES ($1, $2, $3, $4, $5, $6)"
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

    /// One institution with its version.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] where the credentials were sealed with another master key.
    pub async fn institution_version(&self, code: &InstitutionCode) -> Result<Option<(Institution, i64)>, Error> {
        let rows = self.lookup(institutions!("WHERE code = $1"), values![code]).await?;
        rows.first().map(|row| Ok((institution(&self.sealer, row)?, row.int("version")?))).transpose()
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

    /// One agency with its version.
    pub async fn agency_version(&self, code: &AgencyCode) -> Result<Option<(Agency, i64)>, Error> {
        let rows = self.lookup(agencies!("WHERE code = $1"), values![code]).await?;
        rows.first().map(|row| Ok((agency(row)?, row.int("version")?))).transpose()
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

    /// One pickup location with its version.
    pub async fn pickup_location_version(
        &self,
        code: &PickupLocationCode,
    ) -> Result<Option<(StoredPickupLocation, i64)>, Error> {
        let rows = self.lookup(pickup_locations!("WHERE pickup_location.code = $1"), values![code]).await?;
        rows.first().map(|row| Ok((pickup(row)?, row.int("version")?))).transpose()
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
        self.put_institution_over(institution, Expected::Anything, now)
    }

    /// Keeps an institution, if it is as expected.
    ///
    /// # Errors
    ///
    /// As [`Unit::put_institution`].
    pub fn put_institution_over(
        &mut self,
        institution: &Institution,
        expected: Expected,
        now: Timestamp,
    ) -> Result<(), Error> {
        let place = credentials_place(institution.code.as_str());
        let sealed = self.seal(&place, institution.credentials.expose_secret())?;
        let values = values![
            &institution.code,
            &institution.name,
            &institution.kind,
            institution.settings.to_string(),
            sealed,
            now
        ];
        let statements = Put {
            anything: concat!(
                insert_institution!(),
                " ON CONFLICT (code) DO UPDATE SET name = excluded.name, \
                kind = excluded.kind, settings = excluded.settings, credentials = excluded.credentials, \
                updated_at = excluded.updated_at, version = institution.version + 1"
            ),
            nothing: concat!(insert_institution!(), " ON CONFLICT (code) DO NOTHING"),
            version: "UPDATE institution SET name = $1, kind = $2, settings = $3, credentials = $4, updated_at = $5, \
                version = version + 1 WHERE code = $6 AND version = $7",
        };
        self.put(&statements, values, expected);
        Ok(())
    }

    /// Keeps an agency, new or changed. At the commit, [`Error::Referred`] if its institution isn't there.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if its rules can't be written.
    pub fn put_agency(&mut self, agency: &Agency) -> Result<(), Error> {
        self.put_agency_over(agency, Expected::Anything)
    }

    /// Keeps an agency, if it is as expected.
    ///
    /// # Errors
    ///
    /// As [`Unit::put_agency`].
    pub fn put_agency_over(&mut self, agency: &Agency, expected: Expected) -> Result<(), Error> {
        let rules = serde_json::to_string(&agency.rules)
            .map_err(|error| Error::Corrupt { table: "agency", what: error.to_string() })?;
        self.run_on_one(
            "SELECT code FROM institution WHERE code = $1",
            values![&agency.institution],
            Error::Referred(format!("There is no institution {}.", agency.institution)),
        );
        let values = values![&agency.code, &agency.name, &agency.institution, agency.library.as_ref(), rules];
        let statements = Put {
            anything: concat!(
                insert_agency!(),
                " ON CONFLICT (code) DO UPDATE SET name = excluded.name, \
                institution = excluded.institution, library = excluded.library, rules = excluded.rules, \
                version = agency.version + 1"
            ),
            nothing: concat!(insert_agency!(), " ON CONFLICT (code) DO NOTHING"),
            version: "UPDATE agency SET name = $1, institution = $2, library = $3, rules = $4, version = version + 1 \
                WHERE code = $5 AND version = $6",
        };
        self.put(&statements, values, expected);
        Ok(())
    }

    /// Keeps a pickup location, new or changed. At the commit, [`Error::Referred`] if its agency isn't there.
    pub fn put_pickup_location(&mut self, location: &PickupLocation, agency: &AgencyCode) {
        self.put_pickup_location_over(location, agency, Expected::Anything);
    }

    /// Keeps a pickup location, if it is as expected.
    pub fn put_pickup_location_over(&mut self, location: &PickupLocation, agency: &AgencyCode, expected: Expected) {
        self.run_on_one(
            "SELECT code FROM agency WHERE code = $1",
            values![agency],
            Error::Referred(format!("There is no agency {agency}.")),
        );
        let desk = location.desk.as_ref().map(|desk| desk.as_str());
        let values =
            values![&location.code, &location.name, agency, &location.library, desk, location.route_code.as_ref()];
        let statements = Put {
            anything: concat!(
                insert_pickup_location!(),
                " ON CONFLICT (code) DO UPDATE SET name = excluded.name, \
                agency = excluded.agency, library = excluded.library, desk = excluded.desk, \
                route_code = excluded.route_code, version = pickup_location.version + 1"
            ),
            nothing: concat!(insert_pickup_location!(), " ON CONFLICT (code) DO NOTHING"),
            version: "UPDATE pickup_location SET name = $1, agency = $2, library = $3, desk = $4, \
                route_code = $5, version = version + 1 WHERE code = $6 AND version = $7",
        };
        self.put(&statements, values, expected);
    }

    fn put(&mut self, statements: &Put, mut values: Vec<SqlValue>, expected: Expected) {
        match expected {
            Expected::Anything => _ = self.run(statements.anything, values),
            Expected::Nothing => _ = self.run_on_one(statements.nothing, values, Error::Conflict),
            Expected::Version(version) => {
                // The code is the first value of an INSERT, and comes after the columns in an UPDATE.
                values.rotate_left(1);
                values.push(version.into());
                self.run_on_one(statements.version, values, Error::Conflict);
            }
        }
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
        // Without the institution's settings nothing can remove the user records in its system.
        self.run("DELETE FROM virtual_patron WHERE institution = $1", values![code]);
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

    /// Lets the unit fail with [`Error::Conflict`] unless the institution has this version. The row is then this unit's
    /// until it ends.
    pub fn expect_institution(&mut self, code: &InstitutionCode, version: i64) {
        let sql = "UPDATE institution SET version = version WHERE code = $1 AND version = $2";
        self.run_on_one(sql, values![code, version], Error::Conflict);
    }

    /// Lets the unit fail with [`Error::Conflict`] unless the agency has this version.
    pub fn expect_agency(&mut self, code: &AgencyCode, version: i64) {
        let sql = "UPDATE agency SET version = version WHERE code = $1 AND version = $2";
        self.run_on_one(sql, values![code, version], Error::Conflict);
    }

    /// Lets the unit fail with [`Error::Conflict`] unless the pickup location has this version.
    pub fn expect_pickup_location(&mut self, code: &PickupLocationCode, version: i64) {
        let sql = "UPDATE pickup_location SET version = version WHERE code = $1 AND version = $2";
        self.run_on_one(sql, values![code, version], Error::Conflict);
    }
}

/// The statements that keep an object, by what they must find. The first value is the object's code.
struct Put {
    anything: &'static str,
    nothing: &'static str,
    version: &'static str,
}

/// The place of an institution's credentials.
pub(crate) fn credentials_place(code: &str) -> String {
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
        route_code: row.optional_text("route_code")?,
    };
    Ok(StoredPickupLocation { location, agency: row.text("agency")?.into() })
}
