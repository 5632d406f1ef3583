//! Keys of the API: name, role, agencies and a digest. The key itself is not kept.

use access::Role;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use lending::AgencyCode;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values, word_set};
use crate::unit::{StepId, Unit};

/// A key of the API, as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKey {
    /// Its id.
    pub id: Uuid,
    /// Its name, which timelines show. During a rotation two keys have one name.
    pub name: String,
    /// The digest of the key.
    pub digest: String,
    /// The role of its holder.
    pub role: Role,
    /// The agencies for which its holder stands.
    pub agencies: Vec<AgencyCode>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends or ended; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, within a minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Returns whether the key is valid at a time.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

/// Returns the text of a new key, from 32 random bytes. The prefix lets programs that search for leaked keys find it.
pub fn new_api_key(random: [u8; 32]) -> SecretString {
    format!("consort_{}", URL_SAFE_NO_PAD.encode(random)).into()
}

/// Returns the digest by which a key is stored. Its text has 256 random bits, so a plain hash can't be reversed.
pub fn api_key_digest(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Store {
    /// Returns all keys, those that have ended too, by name and age.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, Error> {
        let sql = "SELECT id, name, digest, role, agencies, created_at, created_by, expires_at, last_used_at \
                   FROM api_key ORDER BY name, created_at, id";
        self.read(sql, values![]).await?.iter().map(api_key).collect()
    }
}

impl Unit {
    /// Adds a key. At the commit, [`Error::Referred`] if a valid key has its name, or if the name was or is another caller's.
    pub fn insert_api_key(&mut self, key: &ApiKey) {
        self.lock(&format!("api key {}", key.name));
        self.refuse_any(
            VALID,
            values![&key.name, key.created_at],
            Error::Referred(format!("There is a valid key {} already. Rotate it, or revoke it first.", key.name)),
        );
        // Timelines and logs name callers. So a name stays with whoever had it first.
        let taken = || Error::Referred(format!("The name {} is taken. Choose another.", key.name));
        self.refuse_any(
            "SELECT id FROM api_key WHERE name = $1 AND (role <> $2 OR agencies <> $3) LIMIT 1",
            values![&key.name, key.role.name(), lines(&key.agencies)],
            taken(),
        );
        self.refuse_any("SELECT name FROM hub_user WHERE name = $1", values![&key.name], taken());
        self.add_api_key(key);
    }

    /// Adds a key in the place of the valid one of its name, which ends at `overlap_until`. At the commit,
    /// [`Error::Referred`] unless exactly one key of the name is valid.
    pub fn rotate_api_key(&mut self, key: &ApiKey, overlap_until: Timestamp) {
        self.lock(&format!("api key {}", key.name));
        self.run_on_one(
            VALID,
            values![&key.name, key.created_at],
            Error::Referred(format!(
                "The key {} can't be rotated: none of this name is valid, or two are, since a rotation is under way.",
                key.name
            )),
        );
        self.run(
            "UPDATE api_key SET expires_at = $1 WHERE name = $2 AND (expires_at = 0 OR expires_at > $1)",
            values![overlap_until, &key.name],
        );
        self.add_api_key(key);
    }

    fn add_api_key(&mut self, key: &ApiKey) {
        self.run(
            "INSERT INTO api_key (id, name, digest, role, agencies, created_at, created_by, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                key.id,
                &key.name,
                &key.digest,
                key.role.name(),
                lines(&key.agencies),
                key.created_at,
                &key.created_by,
                end(key)
            ],
        );
    }

    /// Lets the unit fail with [`Error::Conflict`] unless these are the keys of a name, each with its end.
    pub fn expect_api_keys(&mut self, name: &str, keys: &[ApiKey]) {
        self.lock(&format!("api key {name}"));
        let known: Vec<String> = keys.iter().map(|key| format!("{}@{}", key.id, end(key))).collect();
        self.refuse_any(
            "SELECT id FROM api_key WHERE name = $1 AND $2 NOT LIKE '%,' || id || '@' || expires_at || ',%' LIMIT 1",
            values![name, word_set(known.iter().map(String::as_str))],
            Error::Conflict,
        );
    }

    /// Ends all valid keys of a name. It touches a row for each.
    pub fn end_api_keys(&mut self, name: &str, now: Timestamp) -> StepId {
        self.run(
            "UPDATE api_key SET expires_at = $1 WHERE name = $2 AND (expires_at = 0 OR expires_at > $1)",
            values![now, name],
        )
    }

    /// Notes that a key was used.
    pub fn note_api_key_use(&mut self, id: Uuid, now: Timestamp) {
        self.run("UPDATE api_key SET last_used_at = $1 WHERE id = $2 AND last_used_at < $1", values![now, id]);
    }
}

/// Returns the end of a key as a column holds it.
fn end(key: &ApiKey) -> i64 {
    key.expires_at.map_or(0, crate::time::micros)
}

const VALID: &str = "SELECT id FROM api_key WHERE name = $1 AND (expires_at = 0 OR expires_at > $2)";

/// Returns agencies as a column holds them.
pub(crate) fn lines(agencies: &[AgencyCode]) -> String {
    agencies.iter().map(AgencyCode::as_str).collect::<Vec<_>>().join("\n")
}

/// Returns agencies from a column.
pub(crate) fn agencies(row: &Row) -> Result<Vec<AgencyCode>, Error> {
    Ok(row.text("agencies")?.lines().map(AgencyCode::from).collect())
}

fn api_key(row: &Row) -> Result<ApiKey, Error> {
    Ok(ApiKey {
        id: row.parse("id")?,
        name: row.text("name")?,
        digest: row.text("digest")?,
        role: row.parse("role")?,
        agencies: agencies(row)?,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
        expires_at: row.time_unless_zero("expires_at")?,
        last_used_at: row.time_unless_zero("last_used_at")?,
    })
}
