//! `consort serve`: runs the hub.

#![allow(clippy::disallowed_methods, reason = "the process stops within a time of the machine's clock")]

use std::future::Future;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use availability::Availability;
use catalogue::{Running, Service};
use clap::Args;
use deliveries::Deliveries;
use desk::Desk;
use engine::{Clock as _, Engine, Ids, SystemClock};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;
use serving::Tls;
use store::{Database, KeyError, MasterKey, MasterKeys, Store};
use tokio::net::TcpListener;
use tracing::{info, warn};
use web::{ApiKeys, WebState};

use crate::commands::catalogue::INDEX;
use crate::config::{Config, DEFAULTS};
use crate::config_keys;
use crate::failure::{Failure, Result};
use crate::output::{self, print_out};
use crate::private;
use crate::titles::LiveTitles;

/// The time that answers and intents in progress have at a stop. Together with the rest, the hub stops within 10
/// seconds.
const LONGEST_STOP: Duration = Duration::from_secs(7);
/// The time that the store has to close.
const LONGEST_CLOSE: Duration = Duration::from_secs(1);

/// How often the hub reads the files of its certificate, to find out whether they have changed.
const TLS_READ_EVERY: Duration = Duration::from_secs(10);

/// Run the hub.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Show every setting with its default, and exit.
    #[arg(long)]
    print_config: bool,
    /// Stop when standard input ends, for example because the program that started this one has ended.
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<()> {
        if self.print_config {
            print_out(DEFAULTS);
            return Ok(());
        }
        let config = Config::load(self.config.as_deref())?;
        let configured = config_keys::api_keys(&config.api_keys);
        if config.api_keys.is_empty() && !has_store(&config).await {
            return Err(no_api_key(&config));
        }
        if config.file.is_none() {
            warn!("serve runs without --config: only the defaults and the CONSORT_ variables apply");
        }
        let tls = load_tls(&config)?;
        if let Some(warning) = config.exposure() {
            warn!("{warning}");
        }
        // The port comes first: a second hub then fails before it touches the store.
        let listener = listen(&config).await?;
        let store = open_store(&config).await?;
        check_keys(&config, &store).await?;
        warn_of_unknown_agencies(&config, &store).await?;
        for found in private::too_open(&config) {
            warn!("{found}");
        }
        let engine = join(&config, &store).await?;
        self.serve(&config, (listener, tls), store, engine, configured).await
    }

    /// Serves the API and works until the hub is to stop. Then finishes the work in progress and closes the store.
    async fn serve(
        self,
        config: &Config,
        (listener, tls): (TcpListener, Option<Arc<Tls>>),
        store: Store,
        engine: Arc<Engine>,
        keys: ApiKeys,
    ) -> Result<()> {
        let limits = config.limits(descriptors());
        if limits.connections < config.http.connections {
            warn!(
                connections = limits.connections,
                "the process may open few files: fewer connections than http.connections are served; raise the limit (ulimit -n)"
            );
        }

        let (stop, stopped) = tokio::sync::watch::channel(false);
        let catalogue = start_catalogue(config, &store).await?;
        let index = Arc::clone(&catalogue.opened.index);
        let opened = catalogue.opened.catalogue.clone();
        let (runtime, systems) = engine.shared();
        let availability = Arc::new(Availability::new(runtime, systems, config.availability_settings()));
        engine.set_titles(Arc::new(LiveTitles::new(opened.clone(), Arc::clone(&availability))));
        let state = web_state(config, &engine, keys)
            .with_index(index)
            .with_catalogue(opened)
            .with_availability(availability)
            .stopped_by(stopped.clone());
        let router = with_pages(config, &state, &engine).await?;
        let worker = tokio::spawn(Arc::clone(&engine).run(on(stopped.clone())));
        start_deliveries(config, &engine, stopped.clone())?;
        info!(address = %config.listen, tls = tls.is_some(), node = %config.engine.node, "the hub is ready");
        let mut server = serve_api(listener, tls, router, limits, stopped);
        let mut served = None;
        tokio::select! {
            () = wait_for_shutdown(self.until_stdin_ends) => {}
            ended = &mut server => served = Some(ended),
        }
        info!("stopping");
        let _ = stop.send(true);
        let deadline = tokio::time::Instant::now() + LONGEST_STOP;
        end_worker(worker, deadline).await;
        if tokio::time::timeout_at(deadline, catalogue.stop()).await.is_err() {
            warn!("the catalogue's work does not end in time; the next start resumes it");
        }
        let served = match served {
            Some(ended) => Ok(ended),
            None => tokio::time::timeout_at(deadline, server).await,
        };
        if tokio::time::timeout(LONGEST_CLOSE, state.write_reads()).await.is_err() {
            warn!("the last reads of patron data can't be written in time");
        }
        if tokio::time::timeout(LONGEST_CLOSE, store.close()).await.is_err() {
            warn!("the store does not close in time; nothing that was committed is lost");
        }
        match served {
            Ok(Err(error)) => Err(Failure::new(format!("The API stopped by a fault of the program: {error}."))),
            // A supervisor of the hub restarts it after a failure.
            _ if output::is_closed() => Err(Failure::new("The hub stopped: nobody reads its output any more.")),
            _ => Ok(()),
        }
    }
}

/// Starts harvests, grouping and index, on threads of their own.
async fn start_catalogue(config: &Config, store: &Store) -> Result<Running> {
    let service = Service {
        database: database(config),
        hub: store.clone(),
        index: config.data_dir.join(INDEX),
        node: config.engine.node.clone(),
        clock: Arc::new(SystemClock::default()),
    };
    service.start().await.map_err(|error| {
        Failure::new(format!("The catalogue can't be opened: {error}."))
            .advice("The hub needs the right to write in its data directory, and on PostgreSQL to create the schema `catalogue`.")
    })
}

/// Starts to send events to subscriptions, until the hub stops.
fn start_deliveries(config: &Config, engine: &Arc<Engine>, stopped: tokio::sync::watch::Receiver<bool>) -> Result<()> {
    let deliveries = Deliveries::new(Arc::clone(engine), config.engine.node.clone())
        .map_err(|error| Failure::new(format!("No HTTP client for events can be made: {error}.")))?;
    tokio::spawn(Arc::new(deliveries).run(on(stopped)));
    Ok(())
}

/// Returns the router of the API and of the pages for staff. A hub without users prints the code for the first one.
async fn with_pages(config: &Config, state: &WebState, engine: &Arc<Engine>) -> Result<axum::Router> {
    let cant_start = |error| Failure::new(format!("The hub can't start: {error}."));
    let api = web::router(state.clone()).map_err(cant_start)?;
    let is_secure = config.tls.is_some() || config.http.behind_proxy;
    let desk = Desk::new(Arc::clone(engine), api, config.desk.name.clone(), is_secure);
    let users = engine.store().users().await;
    if users.map_err(|error| Failure::new(format!("The users can't be read: {error}.")))?.is_empty() {
        let code = desk.first_code().expose_secret();
        info!(code, "the hub has no users; open /first-run in a browser and type this code to make the first one");
    }
    web::router_with(state.clone(), desk::pages(desk)).map_err(cant_start)
}

/// Creates the state of the API.
fn web_state(config: &Config, engine: &Arc<Engine>, keys: ApiKeys) -> WebState {
    WebState::new(Arc::clone(engine), keys)
        .with_body_time(Duration::from_secs(config.http.body_seconds))
        .with_cors_origins(config.cors_origins())
        .with_proxies(config.proxies())
        .with_limits(config.rate_limits())
        .with_open_sru(config.http.open_sru)
        .with_wait_limits(config.wait_limits())
}

/// Serves the API in a task of its own, over TLS if there is a certificate.
fn serve_api(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    router: axum::Router,
    limits: serving::Limits,
    stopped: tokio::sync::watch::Receiver<bool>,
) -> tokio::task::JoinHandle<()> {
    let Some(tls) = tls else { return tokio::spawn(serving::serve(listener, router, limits, on(stopped))) };
    tokio::spawn(Arc::clone(&tls).watch(TLS_READ_EVERY, on(stopped.clone())));
    tokio::spawn(serving::serve_tls(listener, router, limits, on(stopped), tls))
}

/// Loads the certificate and key of the API, if there are any.
pub(crate) fn load_tls(config: &Config) -> Result<Option<Arc<Tls>>> {
    let Some(files) = &config.tls else { return Ok(None) };
    let tls = Tls::load(&files.certificate, &files.key).map_err(|error| {
        Failure::usage(format!("The API can't be served over TLS: {error}.")).advice(
            "Under [tls], `certificate` names a PEM file with the hub's certificate and those of its issuers, and `key` \
             one with its unencrypted key. This user must be able to read both.",
        )
    })?;
    Ok(Some(Arc::new(tls)))
}

/// Creates the engine and takes the node's name.
async fn join(config: &Config, store: &Store) -> Result<Arc<Engine>> {
    let clock = Arc::new(SystemClock::default());
    let engine = Engine::new(store.clone(), config.engine_settings(), clock, Ids::from_os());
    engine.join().await.map_err(|error| {
        Failure::new(format!("The hub can't join the nodes of its database: {error}."))
            .advice("Give each node a name of its own with `engine.node` in the configuration or CONSORT_ENGINE__NODE.")
    })?;
    Ok(Arc::new(engine))
}

/// Waits for the intents in progress, until `deadline`. An effect that is aborted then is *unclear*: before it is
/// repeated, this node at its next start, or another node, searches for its result.
async fn end_worker(mut worker: tokio::task::JoinHandle<()>, deadline: tokio::time::Instant) {
    if tokio::time::timeout_at(deadline, &mut worker).await.is_err() {
        warn!("steps under way don't end in time and are broken off; the next start takes them up");
        worker.abort();
    }
}

/// Returns how many files, connections included, this process may have open.
#[cfg(unix)]
fn descriptors() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    usize::try_from(limit).ok()
}

#[cfg(not(unix))]
fn descriptors() -> Option<usize> {
    None
}

/// Completes once `stopped` is true or nobody can set it any more.
async fn on(mut stopped: tokio::sync::watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Returns whether there is a store already, which may have keys. One that can't be asked fails later, with the reason.
async fn has_store(config: &Config) -> bool {
    Store::is_there(&database(config)).await.unwrap_or(true)
}

/// Refuses to start without a valid key, and with one that has a name in the configuration and another in the store:
/// timelines could not say who acted.
async fn check_keys(config: &Config, store: &Store) -> Result<()> {
    let now = SystemClock::default().now();
    let keys = store.api_keys().await.map_err(|error| Failure::new(format!("The API keys can't be read: {error}.")))?;
    if config.api_keys.is_empty() && !keys.iter().any(|key| key.is_valid(now)) {
        return Err(no_api_key(config));
    }
    for (name, configured) in &config.api_keys {
        let digest = store::api_key_digest(configured.key.expose_secret().trim());
        if let Some(stored) = keys.iter().find(|key| key.digest == digest) {
            let what = format!("The key {name} of the configuration is the key {} of the store, too.", stored.name);
            return Err(Failure::usage(what).advice("Remove it from the configuration: the key of the store suffices."));
        }
        let user =
            store.user(name).await.map_err(|error| Failure::new(format!("The users can't be read: {error}.")))?;
        if user.is_some() {
            let what = format!(
                "The key {name} of the configuration has the name of a user, so that timelines could not say who acted."
            );
            return Err(Failure::usage(what).advice("Give the key another name in the configuration."));
        }
        if keys.iter().any(|key| key.name == *name) {
            warn!(key = name, "the configuration and the store have a key of this name; timelines show both as one");
        }
    }
    Ok(())
}

/// Warns of keys that stand for agencies that don't exist: they see nothing.
async fn warn_of_unknown_agencies(config: &Config, store: &Store) -> Result<()> {
    let named: Vec<_> = config_keys::named_agencies(&config.api_keys).collect();
    if named.is_empty() {
        return Ok(());
    }
    let known =
        store.agencies().await.map_err(|error| Failure::new(format!("The agencies can't be read: {error}.")))?;
    for (name, code) in named {
        if !known.iter().any(|agency| agency.code.as_str() == code) {
            warn!(key = name, agency = code, "an API key of the configuration names an agency that doesn't exist yet");
        }
    }
    Ok(())
}

fn no_api_key(config: &Config) -> Failure {
    let failure = Failure::usage("There is no API key, so nobody could use the hub.");
    match &config.file {
        Some(_) => failure.advice(
            "Make one with `consort key create --role consortium-admin NAME`; or, for a single machine, add a table [api_keys] \
             with a name and a key of at least 16 characters, such as admin = \"…\".",
        ),
        None => failure.advice(
            "`serve` was started without --config, so only the defaults and the CONSORT_ variables apply. Name a file with \
             --config FILE; `consort serve --print-config` prints one to begin with. Then make a key with `consort key create`, \
             or add a table [api_keys] with a name and a key of at least 16 characters.",
        ),
    }
}

async fn listen(config: &Config) -> Result<TcpListener> {
    TcpListener::bind(config.listen).await.map_err(|error| {
        let failure = Failure::new(format!("The hub can't listen at {}: {error}.", config.listen));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => failure.advice(
                "Another program, perhaps another hub, uses this port. Stop it, or choose another with `listen` in the \
                 configuration or CONSORT_LISTEN.",
            ),
            _ => failure
                .advice("Choose an address of this machine with `listen` in the configuration or CONSORT_LISTEN."),
        }
    })
}

/// Returns the address of the store.
pub(crate) fn database(config: &Config) -> Database {
    match &config.database {
        Some(url) => Database::Postgres(url.expose_secret().into()),
        None => Database::Sqlite(config.data_dir.join("consort.db")),
    }
}

/// Returns the path of the key that seals secrets in the store.
pub(crate) fn key_file(config: &Config) -> PathBuf {
    config.data_dir.join("master.key")
}

/// Opens the store with its key. A new store gets a new key. An existing store never does, since the new key could open
/// nothing in it.
pub(crate) async fn open_store(config: &Config) -> Result<Store> {
    let dir = &config.data_dir;
    private::make_dir(dir).map_err(|error| unusable(dir, &error))?;
    let database = database(config);
    let path = key_file(config);
    let mut rng = StdRng::from_os_rng();
    let (keys, made) = match MasterKeys::load(&path) {
        Ok(keys) => (keys, false),
        Err(KeyError::Missing(_)) if !Store::is_there(&database).await.map_err(|error| unopened(config, &error))? => {
            let made = MasterKey::create(&path, &mut rng).and_then(|_| MasterKeys::load(&path));
            let keys = made.map_err(|error| {
                Failure::new(format!("{error}. Nothing was changed."))
                    .advice("Make room on the disk, and give this user the right to write there.")
            })?;
            (keys, true)
        }
        Err(error) => return Err(no_key(&error, &database).await),
    };
    let opened = Store::open(&database, keys, rng).await;
    if made && matches!(opened, Err(store::Error::WrongKey)) {
        // Another node created the store at this moment, with its own key. This key opens nothing.
        let _ = std::fs::remove_file(&path);
    }
    opened.map_err(|error| unopened(config, &error))
}

/// Loads the keys of an existing store, for a command that never creates one.
pub(crate) async fn load_keys(config: &Config) -> Result<MasterKeys> {
    match MasterKeys::load(&key_file(config)) {
        Ok(keys) => Ok(keys),
        Err(error) => Err(no_key(&error, &database(config)).await),
    }
}

fn unopened(config: &Config, error: &store::Error) -> Failure {
    let what = format!("The store can't be opened: {error}. Nothing was changed; `consort doctor` checks further.");
    config.about_store(Failure::new(what))
}

/// Returns the failure for a store that can't be opened because its key is missing, or for a file in the key's place
/// before there is a store.
async fn no_key(error: &KeyError, database: &Database) -> Failure {
    let failure = Failure::new(format!("The store can't be opened: {error}. Nothing was changed."));
    match (error, Store::is_there(database).await) {
        (KeyError::Empty(_) | KeyError::NoKey(_), Ok(false)) => {
            failure.advice("There is no store yet, so remove this file and start again: a new key is made then.")
        }
        (KeyError::File { .. }, _) => failure.advice("This user must be able to read the key."),
        _ => failure.advice(KEY_ADVICE),
    }
}

const KEY_ADVICE: &str = "A store that is there opens only with the key that it was made with, so no new one is made. Put \
                          back the copy of master.key that is kept apart from the backups; a further node needs a copy of \
                          the first node's. If it is lost, the institutions' API keys and the patrons' identifiers can't be \
                          read any more: begin a new store in another data directory or database.";

fn unusable(dir: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("The data directory {} can't be used: {error}.", dir.display()))
        .advice("Give this user the right to write there, or choose another with `data_dir` in the configuration or CONSORT_DATA_DIR.")
}

/// Completes at Ctrl-C, at SIGTERM, when nobody reads the program's output any more, and, with `until_stdin_ends`, when
/// standard input ends.
pub(crate) async fn wait_for_shutdown(until_stdin_ends: bool) {
    tokio::select! {
        () = signalled() => {}
        () = output::closed() => {}
        // The read starts only if it is wanted: a shell stops a background program that reads its input.
        () = async { stdin_ended().await }, if until_stdin_ends => {}
    }
}

#[cfg(unix)]
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn signalled() {
    let _ = tokio::signal::ctrl_c().await;
}

/// Waits for the end of standard input on a thread of its own: such a read can't be cancelled.
fn stdin_ended() -> impl Future<Output = ()> {
    let (ended, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock().by_ref(), &mut std::io::sink());
        let _ = ended.send(());
    });
    async move {
        let _ = wait.await;
    }
}
