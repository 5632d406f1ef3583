//! Administrative acts: who changed what, from where, with the state before and after. One chain of entries, which are
//! only ever added.
//!
//! Acts are few, so one chain for all of them makes no commit wait long. The setting `admin_audit_end` holds the number
//! of entries and the hash of the last one, so that an entry cut off at the end shows too.

use jiff::Timestamp;
use lending::AgencyCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::api_keys::{agencies, lines};
use crate::audit_chain::AuditFault;
use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values};
use crate::time::micros;
use crate::unit::{Done, Unit};

/// How often a commit is tried while others add entries at the same moment.
const TRIES: usize = 16;
/// How many entries are read at once.
const AT_ONCE: i64 = 200;
/// The name of the chain in faults.
const CHAIN: &str = "administrative acts";

/// An administrative act. Holds no secret: a secret that changed is "changed".
#[derive(Clone, PartialEq, Debug)]
pub struct AdminAct {
    /// When.
    pub at: Timestamp,
    /// By whom: the name of a key or a user, or `command line`.
    pub actor: String,
    /// From where: an address, or `command line`.
    pub origin: String,
    /// What was done, such as `put_agency`.
    pub act: String,
    /// To what, such as `agency NORTH`.
    pub object: String,
    /// The agencies that it concerns.
    pub agencies: Vec<AgencyCode>,
    /// The object before; `None` if it is new.
    pub before: Option<Value>,
    /// The object after; `None` if it is gone.
    pub after: Option<Value>,
}

/// An administrative act in its place.
#[derive(Clone, PartialEq, Debug)]
pub struct AdminRow {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// The act.
    pub act: AdminAct,
}

/// The end of the chain, which the next entry follows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct End {
    count: i64,
    hash: String,
}

impl End {
    fn read(text: &str) -> Result<Self, Error> {
        let corrupt = || Error::Corrupt { table: "setting", what: "no end of the administrative audit".to_owned() };
        let (count, hash) = text.split_once(' ').ok_or_else(corrupt)?;
        Ok(Self { count: count.parse().map_err(|_| corrupt())?, hash: hash.to_owned() })
    }

    fn written(&self) -> String {
        format!("{} {}", self.count, self.hash)
    }
}

/// An entry as it is stored.
struct Link {
    seq: i64,
    at: i64,
    actor: String,
    origin: String,
    act: String,
    object: String,
    agencies: String,
    before: Option<String>,
    after: Option<String>,
}

impl Link {
    fn new(seq: i64, act: &AdminAct) -> Self {
        Self {
            seq,
            at: micros(act.at),
            actor: act.actor.clone(),
            origin: act.origin.clone(),
            act: act.act.clone(),
            object: act.object.clone(),
            agencies: lines(&act.agencies),
            before: act.before.as_ref().map(ToString::to_string),
            after: act.after.as_ref().map(ToString::to_string),
        }
    }

    fn of(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            seq: row.int("seq")?,
            at: row.int("at")?,
            actor: row.text("actor")?,
            origin: row.text("origin")?,
            act: row.text("act")?,
            object: row.text("object")?,
            agencies: row.text("agencies")?,
            before: row.optional_text("before")?,
            after: row.optional_text("after")?,
        })
    }

    fn hash_after(&self, earlier: &str) -> String {
        let Self { seq, at, actor, origin, act, object, agencies, before, after } = self;
        let text = json!([earlier, seq, at, actor, origin, act, object, agencies, before, after]).to_string();
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

const ENTRIES: &str = "SELECT seq, at, actor, origin, act, object, agencies, before, after, hash FROM admin_audit \
                       WHERE seq > $1 ORDER BY seq LIMIT $2";
const LATEST: &str = "SELECT seq, at, actor, origin, act, object, agencies, before, after, hash FROM admin_audit \
                      WHERE seq < $1 ORDER BY seq DESC LIMIT $2";

impl Store {
    /// Commits the unit that `build` fills together with the entry of an administrative act: both are done or neither.
    ///
    /// # Errors
    ///
    /// Those of `build` and of the unit's statements; [`Error::Conflict`] if others add entries all the time.
    pub async fn commit_act<T>(
        &self,
        act: &AdminAct,
        build: impl Fn(&mut Unit) -> Result<T, Error>,
    ) -> Result<(Done, T), Error> {
        for _ in 0..TRIES {
            let end = self.admin_audit_end().await?;
            let mut unit = self.unit();
            let built = build(&mut unit)?;
            unit.insert_act(&end, act);
            match self.commit(unit).await {
                Err(Error::Conflict | Error::Contended) => {}
                done => return Ok((done?, built)),
            }
        }
        Err(Error::Conflict)
    }

    async fn admin_audit_end(&self) -> Result<End, Error> {
        let rows = self.lookup("SELECT value FROM setting WHERE name = 'admin_audit_end'", values![]).await?;
        rows.first().map_or_else(|| Ok(End::default()), |row| End::read(&row.text("value")?))
    }

    /// Returns administrative acts that concern one of `of`, or all of them, newest first: at most `limit`, with a place
    /// below `before`.
    pub async fn admin_acts(
        &self,
        of: Option<&[AgencyCode]>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AdminRow>, Error> {
        self.admin_acts_that(of, before, limit, |_| true).await
    }

    /// Returns as [`Store::admin_acts`] those acts that are `wanted`.
    pub async fn admin_acts_that(
        &self,
        of: Option<&[AgencyCode]>,
        before: Option<i64>,
        limit: usize,
        wanted: impl Fn(&AdminAct) -> bool + Send,
    ) -> Result<Vec<AdminRow>, Error> {
        let (mut found, mut below) = (Vec::new(), before.unwrap_or(i64::MAX));
        loop {
            let rows = self.read(LATEST, values![below, AT_ONCE]).await?;
            for row in &rows {
                let entry = admin_row(row)?;
                below = entry.seq;
                let concerns = of.is_none_or(|of| entry.act.agencies.iter().any(|agency| of.contains(agency)));
                if concerns && wanted(&entry.act) {
                    found.push(entry);
                }
                if found.len() == limit {
                    return Ok(found);
                }
            }
            if i64::try_from(rows.len()) != Ok(AT_ONCE) {
                return Ok(found);
            }
        }
    }

    /// Checks the chain of administrative acts. Returns the number of entries and the first fault.
    pub(crate) async fn verify_admin_audit(&self) -> Result<(u64, Option<AuditFault>), Error> {
        let mut checked = self.check_admin_chain().await?;
        for _ in 0..3 {
            if checked.1.is_none() {
                break;
            }
            // The hub may have added an entry between the two reads.
            checked = self.check_admin_chain().await?;
        }
        Ok(checked)
    }

    async fn check_admin_chain(&self) -> Result<(u64, Option<AuditFault>), Error> {
        let fault = |entry, what| Some(AuditFault { request: CHAIN.to_owned(), entry, what });
        let (end, mut found) = (self.admin_audit_end().await?, End::default());
        loop {
            let rows = self.read(ENTRIES, values![found.count, AT_ONCE]).await?;
            for row in &rows {
                let (link, place) = (Link::of(row)?, found.count + 1);
                let checked = u64::try_from(found.count).unwrap_or_default();
                if link.seq != place {
                    return Ok((checked, fault(Some(place), "an entry is missing here")));
                }
                let hash = link.hash_after(&found.hash);
                if hash != row.text("hash")? {
                    return Ok((
                        checked,
                        fault(Some(place), "the entry is not as it was written, or not in its place"),
                    ));
                }
                found = End { count: place, hash };
            }
            if i64::try_from(rows.len()) != Ok(AT_ONCE) {
                break;
            }
        }
        let differs = if found.count != end.count {
            fault(None, "there are more or fewer entries than the store says")
        } else if found.hash != end.hash {
            fault(None, "the last entry is not the one that the store says")
        } else {
            None
        };
        Ok((u64::try_from(found.count).unwrap_or_default(), differs))
    }
}

impl Unit {
    /// Adds an entry after `end`. At the commit, [`Error::Conflict`] where somebody else has added one.
    fn insert_act(&mut self, end: &End, act: &AdminAct) {
        let link = Link::new(end.count + 1, act);
        let next = End { count: link.seq, hash: link.hash_after(&end.hash) };
        if end.count == 0 {
            self.run_on_one(
                "INSERT INTO setting (name, value) VALUES ('admin_audit_end', $1) ON CONFLICT (name) DO NOTHING",
                values![next.written()],
                Error::Conflict,
            );
        } else {
            self.run_on_one(
                "UPDATE setting SET value = $1 WHERE name = 'admin_audit_end' AND value = $2",
                values![next.written(), end.written()],
                Error::Conflict,
            );
        }
        self.run(
            "INSERT INTO admin_audit (seq, at, actor, origin, act, object, agencies, before, after, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                link.seq,
                link.at,
                link.actor,
                link.origin,
                link.act,
                link.object,
                link.agencies,
                link.before,
                link.after,
                next.hash
            ],
        );
    }
}

fn admin_row(row: &Row) -> Result<AdminRow, Error> {
    let json = |column: &'static str| {
        let text = row.optional_text(column)?;
        let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
        parsed.map_err(|_| Error::Corrupt { table: "admin_audit", what: "a state that is no JSON".to_owned() })
    };
    let act = AdminAct {
        at: row.time("at")?,
        actor: row.text("actor")?,
        origin: row.text("origin")?,
        act: row.text("act")?,
        object: row.text("object")?,
        agencies: agencies(row)?,
        before: json("before")?,
        after: json("after")?,
    };
    Ok(AdminRow { seq: row.int("seq")?, act })
}
