//! The hub's configuration: defaults, then a TOML file, then the environment (`CONSORT_LISTEN=…`).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::HeaderValue;
use engine::{Backoff, BreakerSettings, PollInterval, PollSettings, Settings};
use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format, Toml};
use lending::WaitLimits;
use secrecy::SecretString;
use serde::Deserialize;
use serving::Limits;
use web::{ForwardedHeader, Proxies, Rate, RateLimits};

use crate::config_keys::{self, KeyConfig};
use crate::failure::{Exit, Failure, Result};
use crate::toml_fault;

/// The compiled-in defaults; also what `consort serve --print-config` shows.
pub(crate) const DEFAULTS: &str = include_str!("config.default.toml");

/// `CONSORT_…` variables that aren't settings of the hub: those of its clients, and of its tests.
const NOT_SETTINGS: &[&str] =
    &["log", "log_format", "hub", "api_key", "test_postgres", "cargo_profile", "browser", "dies_at", "every_point"];

/// Keys that a message may show if the file isn't valid TOML.
const KEYS: &[&str] = &[
    "listen",
    "data_dir",
    "database",
    "certificate",
    "node",
    "workers",
    "workers_per_institution",
    "lease_ms",
    "batch_poll_interval_ms",
    "poll_interval_initial_ms",
    "poll_interval_max_ms",
    "webhook_poll_interval_initial_ms",
    "webhook_poll_interval_max_ms",
    "webhook_max_age_ms",
    "retry_initial_ms",
    "retry_max_ms",
    "breaker_failures",
    "breaker_initial_ms",
    "breaker_max_ms",
    "setup_check_interval_ms",
    "retention_days",
    "deadline_ms",
    "fresh_seconds",
    "stale_seconds",
    "remembered_copies",
];

/// The shortest allowed lease. A shorter one would run out while the database is merely slow to renew it.
const LEAST_LEASE_MS: u64 = 500;

/// The hub's settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The file from which it was read.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// The address of the API.
    pub(crate) listen: SocketAddr,
    /// The directory of the embedded store and of the key for credentials.
    pub(crate) data_dir: PathBuf,
    /// A PostgreSQL database to use instead of the embedded store.
    pub(crate) database: Option<SecretString>,
    /// The keys of the API: for each a name for the audit, and a key, or a table with key, role and agencies.
    #[serde(default)]
    pub(crate) api_keys: BTreeMap<String, KeyConfig>,
    /// Limits on waits for clients of the API and on their number.
    pub(crate) http: HttpConfig,
    /// The certificate with which the API is served over TLS.
    #[serde(default)]
    pub(crate) tls: Option<TlsConfig>,
    /// How long data about patrons is kept.
    pub(crate) privacy: PrivacyConfig,
    /// The pages for staff.
    pub(crate) desk: DeskConfig,
    /// The engine's settings.
    pub(crate) engine: EngineConfig,
    /// The settings of live availability.
    pub(crate) availability: AvailabilityConfig,
    /// The days after which a request waits too long.
    pub(crate) too_long: TooLongConfig,
}

/// The days after which each wait of a request takes too long.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TooLongConfig {
    /// Until the lender sends the item.
    pub(crate) at_lender_days: u16,
    /// On the way to the pickup library.
    pub(crate) in_transit_days: u16,
    /// At the pickup library.
    pub(crate) on_shelf_days: u16,
    /// After the due date.
    pub(crate) overdue_days: u16,
    /// On the way home.
    pub(crate) returning_days: u16,
    /// Until a case is settled.
    pub(crate) case_days: u16,
}

/// The settings of the pages for staff.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeskConfig {
    /// The name of the consortium, which the sign-in page shows.
    pub(crate) name: String,
}

/// The settings of live availability.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AvailabilityConfig {
    /// Time that a question waits for the institutions' systems, in milliseconds.
    pub(crate) deadline_ms: u64,
    /// Age in seconds up to which an answer needs no new question.
    pub(crate) fresh_seconds: u64,
    /// Age in seconds up to which an answer stands in for a system that doesn't answer.
    pub(crate) stale_seconds: u64,
    /// The number of copies that are remembered.
    pub(crate) remembered_copies: u64,
}

/// How long data about patrons is kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrivacyConfig {
    /// Days from the end of a request to the erasure of its patron's data; 0 for no erasure.
    pub(crate) retention_days: u32,
}

/// Limits on waits for clients of the API and on their number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpConfig {
    /// Seconds from the first byte of a request to the end of its header.
    pub(crate) header_seconds: u64,
    /// Seconds from the end of a request's header to the end of its body.
    pub(crate) body_seconds: u64,
    /// Seconds that a connection stays open without a request.
    pub(crate) idle_seconds: u64,
    /// Connections open at the same time.
    pub(crate) connections: usize,
    /// Connections open at the same time from one address.
    pub(crate) connections_per_address: usize,
    /// Addresses without the limits per address, which are believed about the address of their client.
    pub(crate) proxies: Vec<IpAddr>,
    /// The header in which the proxies name their client.
    pub(crate) forwarded_header: ForwardedHeaderConfig,
    /// Whether a reverse proxy encrypts the connections of clients.
    pub(crate) behind_proxy: bool,
    /// Calls per second with one API key, in the long run; 0 for any number;
    pub(crate) key_calls_per_second: u32,
    /// and at once.
    pub(crate) key_burst: u32,
    /// Calls per second from one client address, in the long run; 0 for any number;
    pub(crate) address_calls_per_second: u32,
    /// and at once.
    pub(crate) address_burst: u32,
    /// Webhook messages per second from one client address, in the long run; 0 for any number;
    pub(crate) webhook_messages_per_second: u32,
    /// and at once.
    pub(crate) webhook_burst: u32,
    /// Origins whose pages may call the API from a browser.
    pub(crate) cors_origins: Vec<String>,
    /// Whether SRU is answered without a key.
    pub(crate) open_sru: bool,
}

/// The header in which proxies name their client.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum ForwardedHeaderConfig {
    /// The usual one.
    #[serde(rename = "x-forwarded-for")]
    XForwardedFor,
    /// RFC 7239.
    #[serde(rename = "forwarded")]
    Forwarded,
}

/// The files of a certificate and its key, in PEM format.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// The certificate, followed by those of its issuers.
    pub(crate) certificate: PathBuf,
    /// The private key, unencrypted.
    pub(crate) key: PathBuf,
}

/// The engine's settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineConfig {
    /// This node's name, which its leases contain.
    pub(crate) node: String,
    /// How many intents are worked on at the same time.
    pub(crate) workers: usize,
    /// How many of them may be at one institution.
    pub(crate) workers_per_institution: usize,
    /// Lease duration in milliseconds.
    pub(crate) lease_ms: u64,
    /// Shortest interval between two batch polls of a list, in milliseconds.
    pub(crate) batch_poll_interval_ms: u64,
    /// Interval between two polls of one side without a webhook, in milliseconds: after a change,
    pub(crate) poll_interval_initial_ms: u64,
    /// and at most.
    pub(crate) poll_interval_max_ms: u64,
    /// Interval between two polls of one side with a trusted webhook, in milliseconds: after a change,
    pub(crate) webhook_poll_interval_initial_ms: u64,
    /// and at most.
    pub(crate) webhook_poll_interval_max_ms: u64,
    /// Age in milliseconds up to which a signed message can replace a poll.
    pub(crate) webhook_max_age_ms: u64,
    /// Wait before failed work is retried, in milliseconds: after the first failure,
    pub(crate) retry_initial_ms: u64,
    /// and at most.
    pub(crate) retry_max_ms: u64,
    /// Calls in a row that must fail before an institution's system counts as down.
    pub(crate) breaker_failures: u32,
    /// Time between two probes of a system that is down, in milliseconds: the first,
    pub(crate) breaker_initial_ms: u64,
    /// and at most.
    pub(crate) breaker_max_ms: u64,
    /// Time between two scheduled checks of an institution's set-up, in milliseconds; 0 for none.
    pub(crate) setup_check_interval_ms: u64,
}

fn faulty(faults: &[String]) -> Failure {
    Failure::usage(format!("The configuration has faults: {}.", faults.join("; ")))
        .advice("The settings and their defaults are shown by `consort serve --print-config`.")
}

/// Describes a fault by its place and key, without the value, which may be a key or a password.
fn in_words(fault: &figment::Error, read: Option<(&Path, &str)>) -> String {
    let mut path = fault.path.clone();
    let what = match &fault.kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) | Kind::InvalidLength(_, expected) => {
            format!("expected {expected}")
        }
        Kind::UnknownVariant(_, known) => format!("expected one of {}", known.join(", ")),
        Kind::UnknownField(name, known) => {
            if path.last() != Some(name) {
                path.push(name.clone());
            }
            format!("there is no such setting; settings here are: {}", known.join(", "))
        }
        Kind::MissingField(name) => {
            path.push(name.to_string());
            "it is missing".to_owned()
        }
        Kind::DuplicateField(name) => format!("{name} is there twice"),
        _ => "a value that can't be used".to_owned(),
    };
    let key = path.join(".");
    let from_environment = fault.metadata.as_ref().is_some_and(|source| source.name.contains("environment"));
    let place = if from_environment {
        format!("environment variable CONSORT_{}", path.join("__").to_uppercase())
    } else {
        let in_file = read.and_then(|(file, text)| {
            toml_fault::place_of(text, &path).map(|place| format!("{}, {place}, {key}", file.display()))
        });
        in_file.unwrap_or(key)
    };
    let hint = if path == ["listen"] { " (an address and port, such as 127.0.0.1:8080)" } else { "" };
    format!("{place}: {what}{hint}")
}

/// Returns an origin as browsers send it; `None` if the text is something else.
fn cors_origin(text: &str) -> Option<HeaderValue> {
    let url = reqwest::Url::parse(text).ok()?;
    let is_origin = matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text;
    is_origin.then(|| HeaderValue::from_str(text).ok()).flatten()
}

fn path_of(key: &str) -> Vec<String> {
    key.split('.').map(str::to_owned).collect()
}

/// Returns the place of a setting: the environment variable that sets it, its line in the file, or its name alone.
fn place(path: &[String], read: Option<(&Path, &str)>) -> String {
    let variable = format!("CONSORT_{}", path.join("__").to_uppercase());
    if std::env::var_os(&variable).is_some() {
        return format!("environment variable {variable}");
    }
    let key = path.join(".");
    let in_file = read.and_then(|(file, text)| {
        toml_fault::place_of(text, path).map(|place| format!("{}, {place}, {key}", file.display()))
    });
    in_file.unwrap_or(key)
}

impl Config {
    /// Reads the configuration. Fails with a message about its faults.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        let mut read = None;
        if let Some(file) = file {
            let text = std::fs::read_to_string(file).map_err(|error| {
                let what = if error.kind() == std::io::ErrorKind::NotFound {
                    format!("There is no configuration file {}.", file.display())
                } else {
                    format!("The configuration file {} can't be read: {error}.", file.display())
                };
                Failure::usage(what).advice("Check the path and that this user may read it.")
            })?;
            toml_fault::check_syntax(file, &text, KEYS).map_err(|fault| faulty(&[fault]))?;
            figment = figment.merge(Toml::string(&text));
            read = Some((file, text));
        }
        let figment = figment.merge(Env::prefixed("CONSORT_").ignore(NOT_SETTINGS).split("__"));
        let mut config: Self = figment.extract().map_err(|error| {
            let read = read.as_ref().map(|(file, text)| (*file, text.as_str()));
            let faults: Vec<String> = error.into_iter().map(|fault| in_words(&fault, read)).collect();
            faulty(&faults)
        })?;
        config.file = file.map(Path::to_owned);
        let read = read.as_ref().map(|(file, text)| (*file, text.as_str()));
        let faults: Vec<String> =
            config.faults().iter().map(|(key, fault)| format!("{}: {fault}", place(key, read))).collect();
        if faults.is_empty() { Ok(config) } else { Err(faulty(&faults)) }
    }

    /// Returns the faults of the values, each with the path of its setting.
    fn faults(&self) -> Vec<(Vec<String>, String)> {
        let (http, engine) = (&self.http, &self.engine);
        let mut faults = Vec::new();
        let mut least = |key: &str, value: u64, least: u64, what: &str| {
            if value < least {
                faults.push((path_of(key), format!("{what} must be at least {least}")));
            }
        };
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        least("http.header_seconds", http.header_seconds, 1, "the time in seconds");
        least("http.body_seconds", http.body_seconds, 1, "the time in seconds");
        least("http.idle_seconds", http.idle_seconds, 1, "the time in seconds");
        least("availability.deadline_ms", self.availability.deadline_ms, 1, "the time in milliseconds");
        least("http.connections", number(http.connections), 1, "the number");
        least("http.connections_per_address", number(http.connections_per_address), 1, "the number");
        least("http.key_burst", http.key_burst.into(), 1, "the number");
        least("http.address_burst", http.address_burst.into(), 1, "the number");
        least("http.webhook_burst", http.webhook_burst.into(), 1, "the number");
        least("engine.workers", number(engine.workers), 1, "the number");
        least("engine.workers_per_institution", number(engine.workers_per_institution), 1, "the number");
        least("engine.lease_ms", engine.lease_ms, LEAST_LEASE_MS, "the time in milliseconds");
        least("engine.breaker_failures", engine.breaker_failures.into(), 1, "the number");
        for (key, value) in [
            ("engine.batch_poll_interval_ms", engine.batch_poll_interval_ms),
            ("engine.poll_interval_initial_ms", engine.poll_interval_initial_ms),
            ("engine.webhook_poll_interval_initial_ms", engine.webhook_poll_interval_initial_ms),
            ("engine.retry_initial_ms", engine.retry_initial_ms),
            ("engine.breaker_initial_ms", engine.breaker_initial_ms),
        ] {
            least(key, value, 1, "the time in milliseconds");
        }
        for (name, initial, max) in [
            ("poll_interval", engine.poll_interval_initial_ms, engine.poll_interval_max_ms),
            ("webhook_poll_interval", engine.webhook_poll_interval_initial_ms, engine.webhook_poll_interval_max_ms),
            ("retry", engine.retry_initial_ms, engine.retry_max_ms),
            ("breaker", engine.breaker_initial_ms, engine.breaker_max_ms),
        ] {
            if max < initial {
                let fault = format!("the time must not be less than engine.{name}_initial_ms, which is {initial}");
                faults.push((path_of(&format!("engine.{name}_max_ms")), fault));
            }
        }
        for (index, origin) in http.cors_origins.iter().enumerate() {
            if cors_origin(origin).is_none() {
                let fault = "it must be an origin, with scheme, host and port if it is another than usual, and without a \
                             path, such as https://discovery.example.org";
                faults.push((vec!["http".to_owned(), "cors_origins".to_owned(), index.to_string()], fault.to_owned()));
            }
        }
        faults.extend(config_keys::faults(&self.api_keys));
        faults
    }

    /// Returns a warning if the API's clients send their keys over a network unencrypted.
    pub(crate) fn exposure(&self) -> Option<String> {
        let is_protected =
            self.listen.ip().to_canonical().is_loopback() || self.tls.is_some() || self.http.behind_proxy;
        (!is_protected).then(|| {
            format!(
                "the hub listens at {} without TLS, so keys and data of patrons cross the network unencrypted; set \
                 certificate and key under [tls], or http.behind_proxy = true if a reverse proxy encrypts",
                self.listen
            )
        })
    }

    /// Returns the proxies that are believed about the address of their client.
    pub(crate) fn proxies(&self) -> Proxies {
        let header = match self.http.forwarded_header {
            ForwardedHeaderConfig::XForwardedFor => ForwardedHeader::XForwardedFor,
            ForwardedHeaderConfig::Forwarded => ForwardedHeader::Forwarded,
        };
        Proxies { addresses: self.http.proxies.clone(), header }
    }

    /// Returns how many calls a caller may make.
    pub(crate) fn rate_limits(&self) -> RateLimits {
        let rate = |per_second, burst| {
            NonZeroU32::new(per_second)
                .map(|per_second| Rate { per_second, burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN) })
        };
        let http = &self.http;
        RateLimits {
            per_key: rate(http.key_calls_per_second, http.key_burst),
            per_address: rate(http.address_calls_per_second, http.address_burst),
            webhooks: rate(http.webhook_messages_per_second, http.webhook_burst),
        }
    }

    /// Returns the origins whose pages may call the API.
    pub(crate) fn cors_origins(&self) -> Vec<HeaderValue> {
        self.http.cors_origins.iter().filter_map(|origin| cors_origin(origin)).collect()
    }

    /// Adds to a failure of the store which setting names the store.
    pub(crate) fn about_store(&self, failure: Failure) -> Failure {
        let advice = match (&self.database, &self.file) {
            (Some(_), _) => {
                "The store is the PostgreSQL database that the setting `database` (CONSORT_DATABASE) names.".to_owned()
            }
            (None, Some(file)) => format!(
                "The store is in {}, which `data_dir` in {} (or CONSORT_DATA_DIR) names.",
                self.data_dir.display(),
                file.display()
            ),
            (None, None) => format!(
                "No --config was given, so the store is expected in {}. Name the configuration with --config FILE.",
                self.data_dir.display()
            ),
        };
        failure.advice(advice).exit(Exit::Unavailable)
    }

    /// Returns the limits of the API's server, for a process that may have `descriptors` file descriptors open.
    pub(crate) fn limits(&self, descriptors: Option<usize>) -> Limits {
        Limits {
            header: Duration::from_secs(self.http.header_seconds),
            idle: Duration::from_secs(self.http.idle_seconds),
            connections: descriptors.map_or(usize::MAX, |all| (all / 2).max(1)).min(self.http.connections),
            per_address: self.http.connections_per_address,
            exempt: self.http.proxies.clone(),
            ..Limits::default()
        }
    }

    /// Returns the engine's settings.
    pub(crate) fn engine_settings(&self) -> Settings {
        Settings {
            // Other nodes read the name as one word.
            node: self.engine.node.split_whitespace().collect::<Vec<_>>().join("-"),
            workers: self.engine.workers,
            workers_per_institution: self.engine.workers_per_institution,
            polls_per_institution: (self.engine.workers_per_institution / 2).max(1),
            lease: Duration::from_millis(self.engine.lease_ms),
            polls: self.poll_settings(),
            backoff: Backoff {
                initial: Duration::from_millis(self.engine.retry_initial_ms),
                max: Duration::from_millis(self.engine.retry_max_ms),
            },
            breaker: BreakerSettings {
                failures: self.engine.breaker_failures,
                initial: Duration::from_millis(self.engine.breaker_initial_ms),
                max: Duration::from_millis(self.engine.breaker_max_ms),
            },
            webhook_max_age: Duration::from_millis(self.engine.webhook_max_age_ms),
            setup_checks: (self.engine.setup_check_interval_ms > 0)
                .then(|| Duration::from_millis(self.engine.setup_check_interval_ms)),
            retention: (self.privacy.retention_days > 0)
                .then(|| Duration::from_secs(u64::from(self.privacy.retention_days) * 86_400)),
        }
    }

    /// Returns the settings of live availability.
    pub(crate) fn availability_settings(&self) -> availability::Settings {
        let AvailabilityConfig { deadline_ms, fresh_seconds, stale_seconds, remembered_copies } = self.availability;
        availability::Settings {
            fresh_for: Duration::from_secs(fresh_seconds),
            stale_for: Duration::from_secs(stale_seconds),
            deadline: Duration::from_millis(deadline_ms),
            remembered_copies,
        }
    }

    /// Returns the days after which each wait of a request takes too long.
    pub(crate) fn wait_limits(&self) -> WaitLimits {
        let TooLongConfig { at_lender_days, in_transit_days, on_shelf_days, overdue_days, returning_days, case_days } =
            self.too_long;
        WaitLimits {
            at_lender: at_lender_days,
            in_transit: in_transit_days,
            on_shelf: on_shelf_days,
            overdue: overdue_days,
            returning: returning_days,
            case: case_days,
        }
    }

    fn poll_settings(&self) -> PollSettings {
        let (engine, usual) = (&self.engine, PollSettings::default());
        let interval = |initial, max, usual: PollInterval| PollInterval {
            initial: Duration::from_millis(initial),
            max: Duration::from_millis(max),
            ..usual
        };
        PollSettings {
            uncovered: interval(engine.poll_interval_initial_ms, engine.poll_interval_max_ms, usual.uncovered),
            webhook: interval(
                engine.webhook_poll_interval_initial_ms,
                engine.webhook_poll_interval_max_ms,
                usual.webhook,
            ),
            batch: Duration::from_millis(engine.batch_poll_interval_ms),
            ..usual
        }
    }
}
