//! `consort key rotate-master`: replaces the master key, and seals everything in the store anew.
//!
//! The key file and the store show how far an earlier run came, so the command continues wherever that one ended:
//!
//! 1. The key file gets the new key next to the present one. All nodes must have it before anything is sealed with it.
//! 2. The store names the new key. From then on every node seals with it.
//! 3. Everything that is sealed with the former key is sealed anew, in small steps.
//! 4. The store forgets the former key, and the key file holds the new one alone.

#![allow(clippy::disallowed_methods, reason = "the command waits for other nodes by the machine's clock")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use engine::{Clock as _, SystemClock};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use store::{AdminAct, MasterKey, MasterKeys, Store, StoreKeys};

use crate::commands::key::ACTOR;
use crate::commands::serve::{database, key_file, load_keys};
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::output::print_result;
use crate::progress::Progress;

/// How often the command counts the nodes that don't have the new key.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);

/// Replace the master key and seal everything in the store anew.
#[derive(Args, Debug)]
pub(crate) struct RotateMaster {
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seconds to wait until all nodes have the new key.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    wait: u64,
}

fn failed(error: &store::Error) -> Failure {
    Failure::new(format!("The master key can't be replaced: {error}."))
        .advice("Run the command again when the cause is gone: it continues where it stopped.")
}

impl RotateMaster {
    pub(crate) async fn run(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let file = key_file(&config);
        let _alone = run_alone(&file)?;
        let keys = load_keys(&config).await?;
        let opened = Store::open_shared(&database(&config), keys.clone(), StdRng::from_os_rng()).await;
        let store = opened.map_err(|error| config.about_store(failed(&error)))?;
        let progress = Progress::start("Replacing the master key");
        let named = store.keys().await.map_err(|error| failed(&error))?;
        let StoreKeys { current, former } = named.ok_or_else(|| Failure::new("The store names no key."))?;
        let newest = keys.newest().id();
        // The last run ended before it could tidy the key file.
        let is_done = former.is_none() && newest == current && keys.all().count() > 1;
        if former.is_none() && !is_done {
            let new = if newest == current { add_key(&file, &keys)? } else { keys.newest().clone() };
            self.wait_for_nodes(&store, &new, &file).await?;
            announce(&store, &current, &new.id()).await.map_err(|error| failed(&error))?;
            store.replace_master_key(&new).await.map_err(|error| failed(&error))?;
        }
        let rows = seal_anew(&store).await.map_err(|error| failed(&error))?;
        let kept = tidy(&store, &file).await?;
        store.close().await;
        drop(progress);
        let result = json!({"rows": rows, "former_key_file": kept.display().to_string()});
        print_result(&result, || {
            let done = if is_done {
                "An earlier replacement of the master key is finished. Run the command once more to replace the key itself.".to_owned()
            } else {
                format!(
                    "The master key is replaced: {rows} rows are sealed anew, and nothing is sealed with the former key."
                )
            };
            format!(
                "{done}\nKeep a copy of \
                 {} apart from the backups, and copy it to every further node.\nThe former key is in {}. Only backups that were \
                 made before need it: keep it as long as those, in another place, and then delete it.",
                file.display(),
                kept.display()
            )
        });
        Ok(())
    }

    /// Waits until all nodes have the new key.
    async fn wait_for_nodes(&self, store: &Store, new: &MasterKey, file: &Path) -> Result<()> {
        store.announce_new_key().await.map_err(|error| failed(&error))?;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(self.wait);
        loop {
            let without = store.nodes_without_key(new).await.map_err(|error| failed(&error))?;
            if without == 0 {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(Failure::new(format!(
                    "{without} of the nodes that run on this database don't have the new key, so nothing in the store was changed."
                ))
                .advice(format!(
                    "Copy {} to the data directory of each further node; its hub need not be restarted. Then run the command again.",
                    file.display()
                )));
            }
            tokio::time::sleep(COUNT_INTERVAL).await;
        }
    }
}

/// Adds the replacement to the administrative acts before it is made, so that none is missing after a crash.
async fn announce(store: &Store, former: &str, new: &str) -> std::result::Result<(), store::Error> {
    let act = AdminAct {
        at: SystemClock::default().now(),
        actor: ACTOR.to_owned(),
        origin: ACTOR.to_owned(),
        act: "rotate_master_key".to_owned(),
        object: "master key".to_owned(),
        agencies: Vec::new(),
        before: Some(json!({"key_id": former})),
        after: Some(json!({"key_id": new})),
    };
    store.commit_act(&act, |_| Ok(())).await.map(drop)
}

/// Lets one run at a time change the key file. A second one would overwrite the key that the first has given to the store. The
/// lock lasts as long as the returned file.
fn run_alone(file: &Path) -> Result<std::fs::File> {
    let cannot = |error: std::io::Error| {
        Failure::new(format!("The key file {} can't be changed: {error}.", file.display()))
            .advice("Run the command as the user of the hub.")
    };
    belongs_to_this_user(file)?;
    let lock = std::fs::File::create(file.with_extension("key.lock")).map_err(cannot)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(error)),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(Failure::new("Another run of this command replaces the master key at this moment.")
                .advice("Wait until it has ended, and run this one again if it failed."))
        }
    }
}

/// Refuses to replace a key file of another user: the new file would be this user's, and the hub could not read it.
#[cfg(unix)]
fn belongs_to_this_user(file: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = std::fs::metadata(file).map(|found| found.uid()).ok();
    if owner.is_none_or(|owner| owner == rustix::process::geteuid().as_raw()) {
        return Ok(());
    }
    Err(Failure::new(format!("The key file {} belongs to another user, who could not read a new one.", file.display()))
        .advice("Run the command as the user of the hub."))
}

#[cfg(not(unix))]
fn belongs_to_this_user(_: &Path) -> Result<()> {
    Ok(())
}

/// Adds a new key to the key file. Returns it.
fn add_key(file: &Path, keys: &MasterKeys) -> Result<MasterKey> {
    let mut rng = StdRng::from_os_rng();
    let new = MasterKey::generate(&mut rng);
    let all: Vec<&MasterKey> = std::iter::once(&new).chain(keys.all()).collect();
    write(file, &all)?;
    Ok(new)
}

fn write(file: &Path, keys: &[&MasterKey]) -> Result<()> {
    MasterKeys::write(file, keys, &mut StdRng::from_os_rng()).map_err(|error| {
        Failure::new(format!("{error}. It is as it was."))
            .advice("Make room on the disk, and give this user the right to write there.")
    })
}

/// Seals everything anew that is sealed with the former key. Returns the number of rows.
async fn seal_anew(store: &Store) -> std::result::Result<u64, store::Error> {
    let mut rows = 0;
    loop {
        rows += store.seal_anew().await?;
        // A row is left where another transaction got in the way.
        if store.count_sealed_with_former_key().await? == 0 {
            store.forget_former_key().await?;
            return Ok(rows);
        }
    }
}

/// Leaves only the present key in the key file. The others go into a file of their own, which is returned.
async fn tidy(store: &Store, file: &Path) -> Result<PathBuf> {
    let named = store.keys().await.map_err(|error| failed(&error))?;
    let current = named.map(|keys| keys.current).unwrap_or_default();
    let keys = MasterKeys::load(file).map_err(|error| Failure::new(error.to_string()))?;
    let kept = file.with_extension(format!("key.before-{current}"));
    let former: Vec<&MasterKey> = keys.all().filter(|key| key.id() != current).collect();
    if !former.is_empty() {
        write(&kept, &former)?;
    }
    let present = keys.with_id(&current).ok_or_else(|| Failure::new("The key file lost the new key meanwhile."))?;
    write(file, &[present])?;
    Ok(kept)
}
