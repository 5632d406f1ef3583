//! `consort catalogue …`: the shared catalogue of a data directory, or of a running hub.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalogue::{Catalogue as Opened, HarvestSettings};
use clap::{Args, Subcommand};
use engine::{Clock as _, SystemClock};
use rand::SeedableRng;
use rand::rngs::StdRng;
use search::{Index, Search as Searching};
use serde_json::{Map, Value, json};
use store::Store;

use crate::commands::catalogue_api::{self, Where};
use crate::commands::harvest;
use crate::commands::serve::{database, load_keys};
use crate::config::Config;
use crate::failure::{Exit, Failure, Result};
use crate::output::print_result;
use crate::private;
use crate::progress::Progress;

/// Search the shared catalogue, explain its records, and load files into it.
#[derive(Subcommand, Debug)]
pub(crate) enum Catalogue {
    /// Load the records of a file: ISO 2709 or MARCXML.
    Load(Load),
    /// Explain why a record is shown or not, and with which others it is grouped.
    Explain(Explain),
    /// Show the records and harvests of each institution.
    Status(Status),
    /// Fill this node's search index anew from the catalogue. The hub must not run.
    RebuildIndex(RebuildIndex),
    /// Show what harvests could not read, and write its bytes into files.
    Damage(Damage),
    /// Search the catalogue.
    Search(Search),
}

/// Load the records of a file: ISO 2709 or MARCXML.
#[derive(Args, Debug)]
pub(crate) struct Load {
    /// The file.
    file: PathBuf,
    /// The institution whose records they are.
    #[arg(long)]
    institution: String,
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Explain why a record is shown or not, and with which others it is grouped.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The record's id in its institution, such as the MMS id.
    id: String,
    /// The institution; without it, every institution's record of this id is explained.
    #[arg(long)]
    institution: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// Show the records and harvests of each institution.
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    place: Where,
}

/// Fill this node's search index anew from the catalogue. The hub must not run.
#[derive(Args, Debug)]
pub(crate) struct RebuildIndex {
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Show what a harvest could not read.
#[derive(Args, Debug)]
pub(crate) struct Damage {
    /// The institution.
    institution: String,
    /// The most places to show.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// A directory, into which the beginning of each place is written as a file.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// The configuration file that `serve` uses.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Search the catalogue.
#[derive(Args, Debug)]
pub(crate) struct Search {
    /// The query: words, "phrases", field:word.
    query: String,
    /// The most titles to show.
    #[arg(long, default_value_t = 10)]
    limit: usize,
    #[command(flatten)]
    place: Where,
}

/// The catalogue of a data directory or server, with the hub's store.
pub(crate) struct Place {
    pub(crate) catalogue: Opened,
    pub(crate) hub: Store,
    /// The name under which leases are taken. Another process of this node has another.
    pub(crate) owner: String,
}

/// Returns the failure for an error of the catalogue.
pub(crate) fn failed(error: &catalogue::Error) -> Failure {
    let failure = Failure::new(format!("The catalogue can't be used: {error}."));
    if error.is_passing() { failure.exit(Exit::Unavailable) } else { failure }
}

impl Place {
    /// Opens the catalogue next to the hub's store, which must be there.
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let hub_database = database(config);
        // The settings of institutions lie next to their sealed credentials.
        let hub = Store::open_shared(&hub_database, load_keys(config).await?, StdRng::from_os_rng()).await;
        let hub =
            hub.map_err(|error| config.about_store(Failure::new(format!("The store can't be opened: {error}."))))?;
        let catalogue = Opened::open(&Opened::database(&hub_database), None).await.map_err(|error| failed(&error))?;
        let command = format!("{} (command ", config.engine.node);
        let owners = catalogue.lease_owners().await.map_err(|error| failed(&error))?;
        for owner in owners.iter().filter(|owner| is_gone(owner, &command)) {
            catalogue.release_all_of(owner).await.map_err(|error| failed(&error))?;
        }
        Ok(Self { catalogue, hub, owner: format!("{command}{})", std::process::id()) })
    }

    /// Returns the harvest settings of an institution; none if it has none.
    pub(crate) async fn settings(&self, code: &str) -> Result<Option<HarvestSettings>> {
        let institutions = self.hub.institutions().await;
        let institutions =
            institutions.map_err(|error| Failure::new(format!("The institutions can't be read: {error}.")))?;
        let institution =
            institutions.iter().find(|institution| institution.code.as_str() == code).ok_or_else(|| {
                Failure::new(format!("There is no institution {code}."))
                    .advice("`consort institution list` shows those that there are.")
                    .exit(Exit::NotFound)
            })?;
        let settings = institution.settings.as_object().map_or(Ok(None), HarvestSettings::read);
        settings.map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(|fault| format!("\n  - {fault}")).collect();
            Failure::new(format!("The harvest settings of {code} can't be used:{}", faults.concat()))
        })
    }

    /// Groups what has changed and brings the index up to date, unless the hub does it.
    pub(crate) async fn group_and_index(&self, config: &Config) -> Result<()> {
        let clock = SystemClock::default();
        let progress = Progress::start("Grouping");
        self.catalogue.group_all(&self.owner, || clock.now()).await.map_err(|error| failed(&error))?;
        self.catalogue.release_all_of(&self.owner).await.map_err(|error| failed(&error))?;
        progress.set("Indexing");
        let index = open_index(config)?;
        let agencies = catalogue::agencies(&self.hub).await.map_err(|error| failed(&error))?;
        match self.catalogue.index_changes(&index, &agencies).await {
            Ok(_) => index.close_writer().map_err(|error| failed(&error.into())),
            // The hub runs, and it updates its index.
            Err(catalogue::Error::Index(search::Error::Locked { .. })) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    pub(crate) async fn close(&self) {
        self.catalogue.close().await;
        self.hub.close().await;
    }
}

/// Returns whether a lease is that of an earlier command of this node whose process was killed.
#[cfg(unix)]
fn is_gone(owner: &str, command: &str) -> bool {
    let id = owner.strip_prefix(command).and_then(|rest| rest.strip_suffix(')')).and_then(|id| id.parse().ok());
    let process = id.and_then(rustix::process::Pid::from_raw);
    process.is_some_and(|process| matches!(rustix::process::test_kill_process(process), Err(rustix::io::Errno::SRCH)))
}

#[cfg(not(unix))]
fn is_gone(_owner: &str, _command: &str) -> bool {
    false
}

/// Opens this node's index.
fn open_index(config: &Config) -> Result<Arc<Index>> {
    let index = Index::open(&config.data_dir.join(INDEX)).map_err(|error| failed(&error.into()))?;
    Ok(Arc::new(index))
}

/// The directory of the index within the data directory.
pub(crate) const INDEX: &str = "index";

impl Catalogue {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Load(load) => load.run().await,
            Self::Explain(explain) => explain.run().await,
            Self::Status(status) => status.run().await,
            Self::RebuildIndex(place) => place.rebuild().await,
            Self::Damage(damage) => damage.run().await,
            Self::Search(search) => search.run().await,
        }
    }
}

impl Load {
    async fn run(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let place = Place::open(&config).await?;
        let settings = match place.settings(&self.institution).await? {
            Some(settings) => settings,
            // Records of a file need no source; the rules are those of the settings, if there are any.
            None => without_source()?,
        };
        let progress = Progress::start(format!("Loading {}", self.file.display()));
        let clock = SystemClock::default();
        let loaded = place.catalogue.load_file(&self.file, &self.institution, settings, &place.owner, || clock.now());
        let run = loaded.await.map_err(|error| {
            Failure::new(format!("{} can't be loaded: {error}.", self.file.display()))
                .advice("What was stored stays. The file can be loaded once more.")
        })?;
        drop(progress);
        place.group_and_index(&config).await?;
        place.close().await;
        print_result(&harvest::view(&run), || harvest::describe(&run));
        Ok(())
    }
}

fn without_source() -> Result<HarvestSettings> {
    let mut settings = Map::new();
    settings.insert("harvest".to_owned(), json!({"url": "https://localhost/none"}));
    let read = HarvestSettings::read(&settings).ok().flatten();
    read.ok_or_else(|| Failure::new("The settings of a file can't be made; this is a fault of the program."))
}

impl Explain {
    async fn run(self) -> Result<()> {
        if let Some(hub) = self.place.hub()? {
            return catalogue_api::explain(&hub, &self.id, self.institution.as_deref()).await;
        }
        let config = Config::load(self.place.config.as_deref())?;
        let place = Place::open(&config).await?;
        let institutions = match &self.institution {
            Some(institution) => vec![institution.clone()],
            None => {
                let sources = place.catalogue.sources().await.map_err(|error| failed(&error))?;
                sources.into_iter().map(|source| source.institution).collect()
            }
        };
        let mut found = Vec::new();
        for institution in institutions {
            let explained = place.catalogue.explain(&institution, &self.id).await.map_err(|error| failed(&error))?;
            found.extend(explained);
        }
        place.close().await;
        if found.is_empty() {
            return Err(Failure::new(format!("The catalogue has never had a record {}.", self.id))
                .advice("Has its institution been harvested? `consort catalogue status` shows it.")
                .exit(Exit::NotFound));
        }
        let view = json!(found);
        print_result(&view, || found.iter().map(describe).collect::<Vec<_>>().join("\n\n"));
        Ok(())
    }
}

fn describe(explained: &catalogue::Explanation) -> String {
    let mut text = format!(
        "{} of {}: {}\n  {}, harvested {}",
        explained.id,
        explained.institution,
        explained.title.as_deref().unwrap_or("without a title"),
        explained.state,
        explained.harvested_at.strftime("%Y-%m-%d %H:%M UTC"),
    );
    if let Some(reason) = &explained.reason {
        text.push_str(&format!(" ({reason})"));
    }
    match &explained.group {
        Some(group) if explained.state == "shown" => text.push_str(&format!("\n  group {group}")),
        _ if explained.is_waiting_for_group => text.push_str("\n  waits for its group"),
        _ => {}
    }
    for mate in &explained.grouped_with {
        text.push_str(&format!("\n  grouped with {} of {}: {}", mate.id, mate.institution, mate.because));
    }
    for copy in explained.items.iter().chain(&explained.holdings) {
        let place = [copy.library.as_deref(), copy.location.as_deref()];
        let place: Vec<&str> = place.into_iter().flatten().collect();
        text.push_str(&format!("\n  copy {} {}", copy.id, place.join("/")));
        if let Some(rule) = &copy.suppressed_by {
            text.push_str(&format!(", suppressed by {rule}"));
        }
    }
    for reason in &explained.not_requestable_because {
        text.push_str(&format!("\n  not requestable: {reason}"));
    }
    text
}

impl Status {
    async fn run(self) -> Result<()> {
        if let Some(hub) = self.place.hub()? {
            return catalogue_api::status(&hub).await;
        }
        let config = Config::load(self.place.config.as_deref())?;
        let place = Place::open(&config).await?;
        let (view, lines) = status(&place.catalogue).await.map_err(|error| failed(&error))?;
        place.close().await;
        print_result(&view, || lines.join("\n"));
        Ok(())
    }
}

impl Damage {
    async fn run(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let place = Place::open(&config).await?;
        let damage =
            place.catalogue.damage(&self.institution, None, self.limit).await.map_err(|error| failed(&error))?;
        place.close().await;
        let (mut views, mut lines) = (Vec::new(), Vec::new());
        for place in &damage {
            let file = match (&self.to, &place.bytes) {
                (Some(directory), Some(bytes)) => Some(write_damage(directory, place.number, bytes)?),
                _ => None,
            };
            let id = place.local_id.as_deref().unwrap_or("without a readable id");
            let kept = place.bytes.as_ref().map_or(0, Vec::len);
            let named = file.as_ref().map(|file| format!(", in {}", file.display())).unwrap_or_default();
            lines.push(format!("{id}: {} ({kept} bytes kept{named})", place.reason));
            views.push(json!({
                "id": place.local_id,
                "harvest": place.harvest.to_string(),
                "reason": place.reason,
                "bytes": kept,
                "file": file.map(|file| file.display().to_string()),
            }));
        }
        print_result(&json!(views), || {
            if lines.is_empty() { "Everything could be read.".to_owned() } else { lines.join("\n") }
        });
        Ok(())
    }
}

/// Writes the bytes of a place into a new file that only this user may read.
fn write_damage(directory: &Path, number: i64, bytes: &[u8]) -> Result<PathBuf> {
    let file = directory.join(format!("{number}.xml"));
    let written =
        private::make_dir(directory).and_then(|()| private::create(&file)).and_then(|mut open| open.write_all(bytes));
    written.map_err(|error| Failure::new(format!("{} can't be written: {error}.", file.display())))?;
    Ok(file)
}

impl RebuildIndex {
    async fn rebuild(self) -> Result<()> {
        let config = Config::load(self.config.as_deref())?;
        let place = Place::open(&config).await?;
        let progress = Progress::start("Filling the index");
        let index = open_index(&config)?;
        let agencies = catalogue::agencies(&place.hub).await.map_err(|error| failed(&error))?;
        let count = place.catalogue.rebuild_index(&index, &agencies).await.map_err(|error| failed(&error))?;
        index.close_writer().map_err(|error| failed(&error.into()))?;
        drop(progress);
        place.close().await;
        print_result(&json!({"titles": count}), || format!("The index has {count} titles."));
        Ok(())
    }
}

async fn status(catalogue: &Opened) -> std::result::Result<(Value, Vec<String>), catalogue::Error> {
    let (mut views, mut lines) = (Vec::new(), Vec::new());
    for source in catalogue.sources().await? {
        let counts = catalogue.counts(&source.institution).await?;
        let last = catalogue.runs(&source.institution, 1).await?.into_iter().next();
        let parts: Vec<String> = counts.by_state.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let mut line = format!(
            "{}: {}",
            source.institution,
            if parts.is_empty() { "no records".to_owned() } else { parts.join(", ") }
        );
        if let Some(run) = &last {
            line.push_str(&format!(
                "; last harvest {} ({})",
                run.started_at.strftime("%Y-%m-%d %H:%M UTC"),
                run.state.name()
            ));
            if let Some(error) = &run.report.error {
                line.push_str(&format!(": {error}"));
            }
        }
        lines.push(line);
        views.push(json!({
            "institution": source.institution,
            "records": counts.by_state,
            "suppressed": counts.suppressed,
            "last_harvest": last.as_ref().map(harvest::view),
        }));
    }
    let (groups, waiting) = (catalogue.groups().await?, catalogue.pending().await?);
    lines.push(format!("{groups} titles; {waiting} records wait for their group"));
    Ok((json!({"institutions": views, "titles": groups, "waiting_for_group": waiting}), lines))
}

impl Search {
    async fn run(self) -> Result<()> {
        if let Some(hub) = self.place.hub()? {
            return catalogue_api::search(&hub, &self.query, self.limit).await;
        }
        let config = Config::load(self.place.config.as_deref())?;
        let index = open_index(&config)?;
        let query = search::plain::parse(&self.query)
            .map_err(|error| Failure::usage(format!("The query can't be read: {error}.")))?;
        let searching = Searching { query: Some(query), limit: self.limit, ..Searching::default() };
        let answer = index.search(&searching).map_err(|error| failed(&error.into()))?;
        let hits: Vec<Value> = answer.hits.iter().map(|hit| json!({"id": hit.id, "title": hit.brief})).collect();
        print_result(&json!({"total": answer.total, "titles": hits}), || {
            let mut text = format!("{} titles", answer.total);
            for hit in &answer.hits {
                let brief = &hit.brief;
                let holders: Vec<&str> = brief.institutions.iter().map(String::as_str).collect();
                text.push_str(&format!("\n{}  {}", hit.id, brief.title));
                if let Some(author) = &brief.author {
                    text.push_str(&format!(" / {author}"));
                }
                if let Some(year) = brief.year {
                    text.push_str(&format!(", {year}"));
                }
                text.push_str(&format!(" [{}] {}", brief.format, holders.join(", ")));
            }
            text
        });
        Ok(())
    }
}
