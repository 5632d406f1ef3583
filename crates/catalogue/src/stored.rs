//! Reads single records from the database, and counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use marc::CompactRecord;
use store::{Row, Sql, Value};

use crate::copies::Copies;
use crate::database::{Catalogue, in_list, values};
use crate::error::Error;
use crate::packing::unpack;
use crate::records::RecordState;
use crate::sources::optional_time;

/// A record as it is stored, without its content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Its number in the catalogue.
    pub number: i64,
    /// The institution whose it is.
    pub institution: String,
    /// Its id there.
    pub local_id: String,
    /// The source's datestamp.
    pub datestamp: Option<Timestamp>,
    /// When its content was last stored.
    pub harvested_at: Timestamp,
    /// Whether it is shown.
    pub state: RecordState,
    /// The rule or failure.
    pub reason: Option<String>,
    /// The group that it belongs to, or belonged to last.
    pub edition: Option<i64>,
    /// Whether a change of it waits for grouping.
    pub is_pending: bool,
}

/// A shown record with its content.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its number in the catalogue.
    pub number: i64,
    /// The institution whose it is.
    pub institution: String,
    /// Its id there.
    pub local_id: String,
    /// The record.
    pub record: CompactRecord,
    /// Its holdings and items.
    pub copies: Copies,
}

/// How many records an institution has, by state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// By state.
    pub by_state: BTreeMap<&'static str, u64>,
    /// Suppressed ones, by rule.
    pub suppressed: BTreeMap<String, u64>,
}

macro_rules! stored_where {
    ($condition:literal) => {
        concat!(
            "SELECT record.id, institution, local_id, datestamp, harvested_at, state, reason, edition, \
             CASE WHEN EXISTS (SELECT 1 FROM pending WHERE pending.record = record.id) THEN 1 ELSE 0 END AS is_pending \
             FROM record JOIN source ON source.number = record.source WHERE ",
            $condition
        )
    };
}

const CONTENTS: Sql = in_list!(
    "SELECT record.id, institution, local_id, edition, marc, copies FROM record \
     JOIN source ON source.number = record.source JOIN content ON content.record = record.id \
     WHERE state = 0 AND edition",
    "$1",
    " ORDER BY edition, record.id"
);

impl Catalogue {
    /// Returns a record by its institution and id.
    pub async fn stored(&self, institution: &str, local_id: &str) -> Result<Option<Stored>, Error> {
        let sql = stored_where!("institution = $1 AND local_id = $2");
        let rows = self.store.read(sql, values![institution, local_id]).await?;
        rows.first().map(read_stored).transpose()
    }

    /// Returns the records that belong to a group, or belonged to it last.
    pub async fn stored_in_edition(&self, edition: i64) -> Result<Vec<Stored>, Error> {
        let rows = self.store.read(stored_where!("edition = $1 ORDER BY record.id"), values![edition]).await?;
        rows.iter().map(read_stored).collect()
    }

    /// Returns the content of a record by its number; none if it never had one.
    pub async fn content(&self, number: i64) -> Result<Option<(CompactRecord, Copies)>, Error> {
        let rows = self.store.read("SELECT marc, copies FROM content WHERE record = $1", values![number]).await?;
        rows.first().map(|row| read_content(number, row)).transpose()
    }

    /// Returns the shown records of groups, by group.
    pub async fn members(&self, editions: &[i64]) -> Result<BTreeMap<i64, Vec<Member>>, Error> {
        let list: Value = editions.iter().copied().map(Value::from).collect();
        let rows = self.store.read(CONTENTS, vec![list]).await?;
        let mut members: BTreeMap<i64, Vec<Member>> = BTreeMap::new();
        for row in &rows {
            let number = row.int("id")?;
            let (record, copies) = read_content(number, row)?;
            let (institution, local_id) = (row.text("institution")?, row.text("local_id")?);
            let member = Member { number, institution, local_id, record, copies };
            members.entry(row.int("edition")?).or_default().push(member);
        }
        Ok(members)
    }

    /// Counts the records of an institution.
    pub async fn counts(&self, institution: &str) -> Result<Counts, Error> {
        let sql = "SELECT state, CASE WHEN state = 1 THEN reason END AS rule, COUNT(*) AS records FROM record \
                   JOIN source ON source.number = record.source WHERE institution = $1 \
                   GROUP BY state, CASE WHEN state = 1 THEN reason END";
        let mut counts = Counts::default();
        for row in self.store.read(sql, values![institution]).await? {
            let (state, records) = (RecordState::read(row.int("state")?), row.count("records")?);
            *counts.by_state.entry(state.name()).or_default() += records;
            if let Some(rule) = row.optional_text("rule")? {
                *counts.suppressed.entry(rule).or_default() += records;
            }
        }
        Ok(counts)
    }

    /// Returns how many records wait for grouping.
    pub async fn pending(&self) -> Result<u64, Error> {
        let rows = self.store.read("SELECT COUNT(*) AS records FROM pending", values![]).await?;
        Ok(rows.first().map_or(Ok(0), |row| row.count("records"))?)
    }

    /// Returns whether a record waits for grouping.
    pub async fn has_pending(&self) -> Result<bool, Error> {
        Ok(!self.store.read("SELECT record FROM pending LIMIT 1", values![]).await?.is_empty())
    }

    /// Returns how many groups have a shown record.
    pub async fn groups(&self) -> Result<u64, Error> {
        let rows = self.store.read("SELECT COUNT(*) AS editions FROM edition WHERE members > 0", values![]).await?;
        Ok(rows.first().map_or(Ok(0), |row| row.count("editions"))?)
    }
}

fn read_stored(row: &Row) -> Result<Stored, Error> {
    Ok(Stored {
        number: row.int("id")?,
        institution: row.text("institution")?,
        local_id: row.text("local_id")?,
        datestamp: optional_time(row, "datestamp")?,
        harvested_at: row.time("harvested_at")?,
        state: RecordState::read(row.int("state")?),
        reason: row.optional_text("reason")?,
        edition: row.optional_int("edition")?,
        is_pending: row.yes("is_pending")?,
    })
}

fn read_content(number: i64, row: &Row) -> Result<(CompactRecord, Copies), Error> {
    let damaged = |what: String| Error::Damaged { record: number, what };
    let packed = row.optional_bytes("marc")?.ok_or_else(|| damaged("it has no content".to_owned()))?;
    let record = unpack(packed).map_err(damaged)?;
    let copies = match row.optional_text("copies")? {
        Some(text) => serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?,
        None => Copies::default(),
    };
    Ok((record, copies))
}
