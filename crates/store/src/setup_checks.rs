//! Checks of institutions' set-ups: when each was last made, and with which result. All nodes read and write the same
//! rows, so that one node makes each check.

use jiff::Timestamp;
use lending::InstitutionCode;
use serde_json::{Value, json};

use crate::database::Store;
use crate::error::Error;
use crate::sql::values;
use crate::unit::Unit;

/// The name of the rows in the table `setting`, before the institution's code.
const PREFIX: &str = "setup_check:";

/// The last check of an institution's set-up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetupCheck {
    /// The institution.
    pub institution: InstitutionCode,
    /// When a node last began a scheduled check; for an institution without one, when a node first noticed it.
    pub begun_at: Timestamp,
    /// The result of the last check that ended.
    pub result: Option<SetupCheckResult>,
    /// The row as it was read, so that a change by another node is noticed.
    written: String,
}

/// The result of a check of an institution's set-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetupCheckResult {
    /// When the check ended.
    pub at: Timestamp,
    /// The number of findings of something missing.
    pub missing: u32,
    /// The number of findings that could not be read.
    pub unknown: u32,
}

impl Store {
    /// Returns the last checks of all institutions.
    pub async fn setup_checks(&self) -> Result<Vec<SetupCheck>, Error> {
        let rows = self
            .lookup("SELECT name, value FROM setting WHERE name LIKE 'setup_check:%' ORDER BY name", values![])
            .await?;
        rows.iter().map(|row| read(&row.text("name")?, row.text("value")?)).collect()
    }

    /// Takes the check of an institution for this node. Returns `false` if another node has taken it since `known` was
    /// read.
    pub async fn begin_setup_check(
        &self,
        institution: &InstitutionCode,
        known: Option<&SetupCheck>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mut unit = self.unit();
        let value = written(now, known.and_then(|known| known.result));
        let step = match known {
            None => unit.run(
                "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                values![name(institution), value],
            ),
            Some(known) => unit.run(
                "UPDATE setting SET value = $1 WHERE name = $2 AND value = $3",
                values![value, name(institution), known.written.as_str()],
            ),
        };
        Ok(self.commit(unit).await?.touched(step) == 1)
    }

    /// Keeps the result of a check.
    pub async fn finish_setup_check(
        &self,
        institution: &InstitutionCode,
        result: SetupCheckResult,
    ) -> Result<(), Error> {
        let known = self.setup_checks().await?.into_iter().find(|check| check.institution == *institution);
        let begun_at = known.map_or(result.at, |known| known.begun_at);
        let mut unit = self.unit();
        unit.run(
            "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            values![name(institution), written(begun_at, Some(result))],
        );
        self.commit(unit).await.map(drop)
    }
}

impl Unit {
    /// Forgets the checks of an institution.
    pub(crate) fn remove_setup_check(&mut self, institution: &InstitutionCode) {
        self.run("DELETE FROM setting WHERE name = $1", values![name(institution)]);
    }
}

fn name(institution: &InstitutionCode) -> String {
    format!("{PREFIX}{institution}")
}

fn written(begun_at: Timestamp, result: Option<SetupCheckResult>) -> String {
    let result = result
        .map(|result| json!({"at": result.at.as_microsecond(), "missing": result.missing, "unknown": result.unknown}));
    json!({"begun_at": begun_at.as_microsecond(), "result": result}).to_string()
}

fn read(name: &str, written: String) -> Result<SetupCheck, Error> {
    let corrupt = || Error::Corrupt { table: "setting", what: format!("the row {name} can't be read") };
    let value: Value = serde_json::from_str(&written).map_err(|_| corrupt())?;
    let time = |value: &Value| value.as_i64().and_then(|at| Timestamp::from_microsecond(at).ok());
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let result = match &value["result"] {
        Value::Null => None,
        result => Some(SetupCheckResult {
            at: time(&result["at"]).ok_or_else(corrupt)?,
            missing: number(&result["missing"]).ok_or_else(corrupt)?,
            unknown: number(&result["unknown"]).ok_or_else(corrupt)?,
        }),
    };
    Ok(SetupCheck {
        institution: name.strip_prefix(PREFIX).unwrap_or_default().into(),
        begun_at: time(&value["begun_at"]).ok_or_else(corrupt)?,
        result,
        written,
    })
}
