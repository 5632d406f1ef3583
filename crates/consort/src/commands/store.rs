//! `consort backup`, `restore` and `migrate`: save the store, restore it, and move it to another database.

use std::path::{Path, PathBuf};

use catalogue::Catalogue;
use clap::Args;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use store::{Database, Store, StoreDigest};

use crate::commands::catalogue::INDEX;
use crate::commands::serve::{database, load_keys, open_store};
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::output::print_result;
use crate::private;
use crate::progress::Progress;

/// Save the embedded store into a file, also while the hub runs.
#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file to write; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Restore a saved store; the hub must not run.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file that `consort backup` wrote.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Replace an existing store, which is kept under another name.
    #[arg(long)]
    replace: bool,
}

/// Copy the store into another, empty database; the hub must not run.
#[derive(Args, Debug)]
pub(crate) struct Migrate {
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The target: `postgres://…`, or the path of a file.
    #[arg(long, value_name = "DATABASE")]
    to: String,
}

fn failed(what: &str) -> impl Fn(store::Error) -> Failure {
    move |error| Failure::new(format!("{what}: {error}."))
}

fn result(contents: &StoreDigest) -> Value {
    json!({"rows": contents.rows, "digest": contents.digest})
}

fn describe(contents: &StoreDigest) -> String {
    format!("{} rows, digest {}", contents.rows, contents.digest)
}

/// Copies a file as a whole or not at all. Only this user may read the copy, whatever the mode of the original.
fn copy_private(from: &Path, to: &Path) -> std::io::Result<()> {
    let temporary = to.with_extension("db.being-restored");
    let copied = private::create(&temporary).and_then(|mut file| {
        std::io::copy(&mut std::fs::File::open(from)?, &mut file)?;
        file.sync_all()
    });
    let placed = copied.and_then(|()| std::fs::rename(&temporary, to));
    if placed.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    placed
}

/// Returns the file of the catalogue that belongs to a saved store.
fn catalogue_of(saved: &Path) -> PathBuf {
    let mut name = saved.as_os_str().to_owned();
    name.push(".catalogue");
    PathBuf::from(name)
}

/// Saves the embedded catalogue next to the saved store, if there is one. Returns the file.
async fn back_up_catalogue(config: &Config, to: &Path) -> Result<Option<PathBuf>> {
    if config.database.is_some() || !Catalogue::path(&config.data_dir).exists() {
        return Ok(None);
    }
    let failed = |error: catalogue::Error| Failure::new(format!("The catalogue can't be saved: {error}."));
    let catalogue = Catalogue::open_to_read(&Catalogue::database(&database(config))).await.map_err(failed)?;
    let file = catalogue_of(to);
    catalogue.back_up(&file).await.map_err(failed)?;
    catalogue.close().await;
    Ok(Some(file))
}

/// Puts a saved catalogue in the place of the present one, which is kept under another name.
fn restore_catalogue(config: &Config, from: &Path) -> std::io::Result<()> {
    let (saved, place) = (catalogue_of(from), Catalogue::path(&config.data_dir));
    if !saved.exists() {
        return Ok(());
    }
    for suffix in ["", "-wal", "-shm"] {
        let present = PathBuf::from(format!("{}{suffix}", place.display()));
        if present.exists() {
            std::fs::rename(&present, format!("{}{suffix}", place.with_extension("db.before-restore").display()))?;
        }
    }
    copy_private(&saved, &place)?;
    // The index may have gone on from another history with the same positions.
    forget_index(config)
}

/// Removes the search index of this node, which is filled anew from the catalogue.
fn forget_index(config: &Config) -> std::io::Result<()> {
    match std::fs::remove_dir_all(config.data_dir.join(INDEX)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the codes of the institutions that are harvested.
async fn harvested(store: &Store) -> std::result::Result<Vec<String>, store::Error> {
    let institutions = store.institutions().await?;
    let is_harvested = |institution: &&store::Institution| institution.settings["harvest"].is_object();
    Ok(institutions.iter().filter(is_harvested).map(|institution| institution.code.to_string()).collect())
}

impl Backup {
    pub(crate) async fn run(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let failed = failed("The store can't be saved");
        let progress = Progress::start("Saving the store");
        let opened = Store::open_to_read(&database(&config), StdRng::from_os_rng()).await;
        let store = opened.map_err(|error| config.about_store(failed(error)))?;
        store.back_up(&self.to).await.map_err(&failed)?;
        let catalogue = back_up_catalogue(&config, &self.to).await?;
        let saved =
            Store::open_to_read(&Database::Sqlite(self.to.clone()), StdRng::from_os_rng()).await.map_err(&failed)?;
        let contents = saved.digest().await.map_err(&failed)?;
        drop(progress);
        let with_catalogue =
            catalogue.map(|file| format!(" The catalogue is in {}.", file.display())).unwrap_or_default();
        print_result(&result(&contents), || {
            format!(
                "Saved to {}: {}.{with_catalogue}\nKeep the file master.key of the data directory too, in another place: without it the \
             institutions' credentials can't be read.",
                self.to.display(),
                describe(&contents)
            )
        });
        Ok(())
    }
}

impl Restore {
    pub(crate) async fn run(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        if config.database.is_some() {
            return Err(Failure::new(
                "The configuration names a PostgreSQL server, so there is no embedded store to restore.",
            )
            .advice("Use pg_restore, or take `database` out of the configuration."));
        }
        let failed = failed("The store can't be restored");
        let progress = Progress::start("Restoring the store");
        let saved =
            Store::open_to_read(&Database::Sqlite(self.from.clone()), StdRng::from_os_rng()).await.map_err(&failed)?;
        // The check comes before any change: without its key the saved store is useless.
        saved.check_key(&load_keys(&config).await?).await.map_err(&failed)?;
        let before = saved.digest().await.map_err(&failed)?;
        saved.close().await;
        let place = config.data_dir.join("consort.db");
        if place.exists() {
            self.set_aside(&config, &place).await?;
        }
        let cannot = |error: std::io::Error| Failure::new(format!("The store can't be restored: {error}."));
        copy_private(&self.from, &place).map_err(cannot)?;
        let store = open_store(&config).await?;
        let after = store.digest().await.map_err(&failed)?;
        if after != before {
            return Err(Failure::new("What was restored is not what was saved."));
        }
        restore_catalogue(&config, &self.from).map_err(cannot)?;
        drop(progress);
        print_result(&result(&after), || format!("Restored from {}: {}.", self.from.display(), describe(&after)));
        Ok(())
    }

    /// Moves an existing store aside, so that it is never lost. Fails if a hub runs on it.
    async fn set_aside(&self, config: &Config, place: &Path) -> Result<()> {
        if !self.replace {
            return Err(Failure::new(format!("There is a store already: {}.", place.display()))
                .advice("Say --replace to put the saved one in its place; the present one is kept beside it."));
        }
        open_store(config).await?.close().await;
        let aside = place.with_extension("db.before-restore");
        if aside.exists() {
            return Err(Failure::new(format!("There is {} already, from an earlier restore.", aside.display()))
                .advice("Move it away first."));
        }
        // Data that SQLite has not written into the main file yet belong to that file alone.
        for suffix in ["", "-wal", "-shm"] {
            let with = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
            let (from, to) = (with(place), with(&aside));
            if from.exists() {
                std::fs::rename(&from, &to)
                    .map_err(|error| Failure::new(format!("The present store can't be moved: {error}.")))?;
            }
        }
        Ok(())
    }
}

impl Migrate {
    pub(crate) async fn run(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let failed = failed("The store can't be copied");
        let progress = Progress::start("Copying the store");
        // A misspelt address must not count as the name of a file: the name would be shown with the address's password.
        let Ok(target) = self.to.parse::<Database>();
        if matches!(target, Database::Sqlite(_)) && self.to.contains("://") {
            return Err(Failure::new("The address of the database to copy into can't be used.")
                .advice("Write postgres://USER:PASSWORD@HOST/DATABASE, or the path of a file."));
        }
        // The store is opened as the hub opens it, so that no hub can run on it in the meantime.
        let from = open_store(&config).await?;
        let keys = load_keys(&config).await?;
        let to = Store::open(&target, keys, StdRng::from_os_rng()).await.map_err(&failed)?;
        let before = from.digest().await.map_err(&failed)?;
        let after = from.copy_into(&to).await.map_err(&failed)?;
        if after != before {
            return Err(Failure::new("What was copied is not what was there.")
                .advice("Does a hub run on the database? Stop all nodes, empty the target, and try again."));
        }
        let harvested = harvested(&to).await.map_err(&failed)?;
        // The positions of the new catalogue's changes begin anew, so the index must not go on from its own.
        forget_index(&config).map_err(|error| Failure::new(format!("The search index can't be removed: {error}.")))?;
        drop(progress);
        let mut view = result(&after);
        view["to_harvest"] = json!(harvested);
        print_result(&view, || {
            let mut text = format!(
                "Copied: {}. The store that was copied is as it was. Now name the new database in the configuration, and keep \
                 master.key.",
                describe(&after)
            );
            if !harvested.is_empty() {
                text.push_str(
                    "\nThe shared catalogue is not copied. It is filled by full harvests, which need no API calls; the hub \
                     also makes them by its schedule:",
                );
                for code in &harvested {
                    text.push_str(&format!("\n  consort harvest {code} --full"));
                }
            }
            text
        });
        Ok(())
    }
}
