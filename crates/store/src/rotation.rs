//! Replaces the master key while nodes run.
//!
//! The store names the key that seals (`master_key_id`). Each unit with sealed text rests on that key: once the store names
//! another, the unit fails and is sealed anew. So no text is sealed with the former key after the change, and one pass
//! over the sealed columns finds all that is left of it. While that pass isn't finished, the store names the former key too
//! (`previous_master_key_id`), so that nobody opens it without. See docs/decisions/0043-master-key.md.

use crate::database::{KEY_ID, Store};
use crate::error::Error;
use crate::master_keys::MasterKeys;
use crate::nodes::NodeEvent;
use crate::seal::{MasterKey, Secrets, former_digest_key, hex};
use crate::sealed::{COLUMNS, SealedColumn};
use crate::sql::values;
use crate::unit::{KEY_LOCK, Unit};

/// The id of the key that some text may still be sealed with.
const FORMER_KEY_ID: &str = "SELECT value FROM setting WHERE name = 'previous_master_key_id'";
/// How many rows are sealed anew in one transaction.
const AT_ONCE: i64 = 100;

/// The names of the secrets in the store.
const DIGEST: &str = "digest_key";
const PSEUDONYM: &str = "pseudonym_key";

/// The keys that a store names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreKeys {
    /// The id of the key that seals.
    pub current: String,
    /// The id of the key before, while some text may still be sealed with it.
    pub former: Option<String>,
}

impl Store {
    /// Checks that the store's sealed data opens with these keys. A store without sealed data takes any key.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] if it doesn't.
    pub async fn check_key(&self, keys: &MasterKeys) -> Result<(), Error> {
        let Some(StoreKeys { current, former }) = self.keys().await? else { return Ok(()) };
        let is_there = |id: &String| keys.with_id(id).is_some();
        if is_there(&current) && former.iter().all(is_there) { Ok(()) } else { Err(Error::WrongKey) }
    }

    /// The keys that the store names; none before the first.
    pub async fn keys(&self) -> Result<Option<StoreKeys>, Error> {
        let mut rows = self.read_all(vec![(KEY_ID, values![]), (FORMER_KEY_ID, values![])]).await?.into_iter();
        let mut value = || rows.next().unwrap_or_default().first().map(|row| row.text("value")).transpose();
        let (current, former) = (value()?, value()?);
        Ok(current.map(|current| StoreKeys { current, former }))
    }

    /// Makes the store ready to seal and open. The first key to open it is noted by its id, and another is refused from then
    /// on. The store's secrets are made once: nodes that start at the same time agree on those that were committed first.
    pub(crate) async fn prepare_keys(&self) -> Result<(), Error> {
        let copy = "SELECT 1 AS unfinished FROM setting WHERE name = 'unfinished_copy'";
        if !self.read(copy, values![]).await?.is_empty() {
            return Err(Error::UnfinishedCopy);
        }
        if self.keys().await?.is_none() {
            let mut unit = self.unit();
            unit.run(
                "INSERT INTO setting (name, value) VALUES ('master_key_id', $1) ON CONFLICT (name) DO NOTHING",
                values![self.sealer.key_id()],
            );
            self.insert_secrets(unit, self.sealer.new_secret()).await?;
        }
        // Another node may have been quicker, with another key.
        self.use_current_key().await?;
        let secrets = match self.read_secrets().await? {
            Some(secrets) => secrets,
            None => {
                // A store of an earlier program: its digests are by a key that was derived from the master key.
                self.insert_secrets(self.unit(), former_digest_key(&self.sealer.master_key())).await?;
                let missing = || Error::Corrupt { table: "secret", what: "a secret is missing".to_owned() };
                self.read_secrets().await?.ok_or_else(missing)?
            }
        };
        self.sealer.keep_secrets(secrets);
        Ok(())
    }

    async fn insert_secrets(&self, mut unit: Unit, digest_key: [u8; 32]) -> Result<(), Error> {
        for (name, secret) in [(DIGEST, digest_key), (PSEUDONYM, self.sealer.new_secret())] {
            // The store may name no key yet, so the unit doesn't rest on one.
            let sealed = self.sealer.seal(&secret_place(name), &hex(&secret))?;
            unit.run(
                "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                values![name, sealed],
            );
        }
        self.commit(unit).await.map(drop)
    }

    async fn read_secrets(&self) -> Result<Option<Secrets>, Error> {
        let rows = self.read("SELECT name, value FROM secret", values![]).await?;
        let find = |name: &str| {
            let row = rows.iter().find(|row| row.text("name").is_ok_and(|found| found == name));
            row.map(|row| self.sealer.open(&secret_place(name), &row.text("value")?)).transpose()
        };
        let (digest, pseudonym) = (find(DIGEST)?, find(PSEUDONYM)?);
        Ok(digest
            .zip(pseudonym)
            .map(|(digest, pseudonym)| Secrets { digest: digest.into(), pseudonym: pseudonym.into() }))
    }

    /// Seals with the key that the store names from now on.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKey`] if neither this node nor its key file has it.
    pub async fn use_current_key(&self) -> Result<(), Error> {
        let Some(StoreKeys { current, former }) = self.keys().await? else { return Ok(()) };
        self.sealer.seal_with(&current)?;
        let known = self.sealer.key_ids();
        if former.is_none_or(|former| known.contains(&former)) { Ok(()) } else { Err(Error::WrongKey) }
    }

    /// The secret from which the ids of virtual patrons and the pickup codes are made.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the store was opened to read what isn't sealed.
    pub fn pseudonym_key(&self) -> Result<secrecy::SecretString, Error> {
        Ok(self.sealer.secrets()?.pseudonym.clone())
    }

    /// Asks all nodes to read their key files again.
    pub async fn announce_new_key(&self) -> Result<(), Error> {
        let mut unit = self.unit();
        unit.notify("", &NodeEvent::SettingsChanged);
        self.commit(unit).await.map(drop)
    }

    /// Makes `new` the key that seals, in place of the present one. Waits until no unit is under way that rests on that.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if the key was replaced by somebody else at the same moment, or the last replacement isn't finished.
    pub async fn replace_master_key(&self, new: &MasterKey) -> Result<(), Error> {
        let mut unit = self.unit();
        unit.lock(KEY_LOCK);
        unit.refuse_any(FORMER_KEY_ID, values![], Error::Conflict);
        unit.run("INSERT INTO setting (name, value) SELECT 'previous_master_key_id', value FROM setting WHERE name = 'master_key_id'", values![]);
        unit.run_on_one(
            "UPDATE setting SET value = $1 WHERE name = 'master_key_id' AND value = $2",
            values![new.id(), self.sealer.key_id()],
            Error::Conflict,
        );
        unit.notify("", &NodeEvent::SettingsChanged);
        self.commit(unit).await?;
        self.use_current_key().await
    }

    /// Seals everything anew that is sealed with the former key. Returns the number of rows. What somebody else writes at the same
    /// time is sealed with the present key already.
    pub async fn seal_anew(&self) -> Result<u64, Error> {
        let Some(former) = self.sealed_with_former_key().await? else { return Ok(0) };
        let mut count = 0;
        for column in COLUMNS {
            count += self.seal_column_anew(column, &former).await?;
        }
        Ok(count)
    }

    async fn seal_column_anew(&self, column: &'static SealedColumn, former: &str) -> Result<u64, Error> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let rows = self.read(column.page, values![former, &after, AT_ONCE]).await?;
            let Some(last) = rows.last() else { return Ok(count) };
            after = last.text("key")?;
            let mut unit = self.unit();
            for row in &rows {
                let (key, sealed) = (row.text("key")?, row.text("sealed")?);
                unit.note_sealing();
                let anew = (column.seal_anew)(&self.sealer, &key, &sealed).map_err(|error| Error::Corrupt {
                    table: column.table,
                    what: format!("the column {} of {key} can't be sealed anew: {error}", column.column),
                })?;
                // Somebody else may have written it meanwhile, with the present key.
                unit.run(column.save, values![anew, key, sealed]);
            }
            self.commit_once(unit).await?;
            failpoint::hit(failpoint::Point::InKeyRotation);
            count += rows.len() as u64;
        }
    }

    /// Commits, unless another transaction got in the way: [`Store::count_sealed_with_former_key`] says whether another pass is
    /// needed.
    async fn commit_once(&self, unit: Unit) -> Result<(), Error> {
        match self.commit(unit).await {
            Ok(_) | Err(Error::Contended) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// How many rows hold text that is sealed with the former key.
    pub async fn count_sealed_with_former_key(&self) -> Result<u64, Error> {
        let Some(former) = self.sealed_with_former_key().await? else { return Ok(0) };
        self.count_sealed(&former).await
    }

    /// How many rows hold text that this key has sealed.
    pub async fn count_sealed_with(&self, key: &MasterKey) -> Result<u64, Error> {
        self.count_sealed(&sealed_start(&key.id())).await
    }

    async fn count_sealed(&self, start: &str) -> Result<u64, Error> {
        let mut count = 0;
        for column in COLUMNS {
            let rows = self.read(column.count, values![start]).await?;
            count += rows.first().map_or(Ok(0), |row| row.count("rows"))?;
        }
        Ok(count)
    }

    /// Ends the replacement: from now on the store opens without the former key.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if something is still sealed with it.
    pub async fn forget_former_key(&self) -> Result<(), Error> {
        if self.count_sealed_with_former_key().await? > 0 {
            return Err(Error::Conflict);
        }
        let mut unit = self.unit();
        unit.run("DELETE FROM setting WHERE name = 'previous_master_key_id'", values![]);
        self.commit(unit).await.map(drop)
    }

    /// The start of text that the former key has sealed; none if the key wasn't replaced.
    async fn sealed_with_former_key(&self) -> Result<Option<String>, Error> {
        Ok(self.keys().await?.and_then(|keys| keys.former).map(|id| sealed_start(&id)))
    }
}

/// The start of text that the key of this id has sealed.
fn sealed_start(id: &str) -> String {
    format!("v1:{id}:")
}

/// The place of a secret.
pub(crate) fn secret_place(name: &str) -> String {
    format!("secret:{name}")
}
