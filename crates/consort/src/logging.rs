//! Logs to standard error: text for people at a terminal, JSON for collectors (CONSORT_LOG_FORMAT=json). Sends traces
//! to a collector by OTLP over HTTP if OpenTelemetry's own variables name one.

use std::io::{self, IsTerminal};
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::failure::{Failure, Result};
use crate::output;

/// Each of these variables can name the collector (OpenTelemetry, "OTLP Exporter Configuration").
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// The targets that are traced: calls of the hub's API, its intents, and its calls of Alma.
const TRACED: [&str; 5] = ["alma", "engine", "polling", "systems", "web"];

/// The time for sending the last traces.
const LONGEST_END: Duration = Duration::from_secs(1);

/// The traces that have not been sent to the collector yet.
#[derive(Debug)]
pub(crate) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends the remaining traces. An unreachable collector is no fault of the program.
    pub(crate) fn end(self) {
        if let Some(Err(failure)) = self.0.map(|provider| provider.shutdown_with_timeout(LONGEST_END)) {
            tracing::warn!(error = %failure, "the last traces could not be sent");
        }
    }
}

/// Starts logging with the filter `asked`, or else `default`. Starts tracing if a collector is named.
///
/// # Errors
///
/// Fails if the collector's address can't be one.
pub(crate) fn start(asked: Option<&str>, default: &str) -> Result<Traces> {
    let filter =
        asked.and_then(|directives| EnvFilter::try_new(directives).ok()).unwrap_or_else(|| EnvFilter::new(default));
    let json = std::env::var("CONSORT_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let logs = fmt::layer().with_writer(|| output::Log);
    let logs =
        if json { logs.json().boxed() } else { logs.with_target(false).with_ansi(io::stderr().is_terminal()).boxed() };
    let provider = collector().then(provider).transpose()?;
    tracing_subscriber::registry().with(logs.with_filter(filter)).with(provider.as_ref().map(spans)).init();
    Ok(Traces(provider))
}

fn collector() -> bool {
    ENDPOINTS.iter().any(|name| std::env::var(name).is_ok_and(|endpoint| !endpoint.trim().is_empty()))
}

fn provider() -> Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder().with_http().build().map_err(|error| {
        Failure::new(format!("Traces can't be sent: {error}.")).advice(
            "Set OTEL_EXPORTER_OTLP_ENDPOINT to the collector's address for OTLP over HTTP, such as \
             http://localhost:4318; or unset it.",
        )
    })?;
    let mut about = Resource::builder();
    if std::env::var("OTEL_SERVICE_NAME").is_err() {
        about = about.with_service_name("consort");
    }
    Ok(SdkTracerProvider::builder().with_resource(about.build()).with_batch_exporter(exporter).build())
}

fn spans<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let traced = Targets::new().with_targets(TRACED.map(|name| (name, LevelFilter::DEBUG)));
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("consort"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(traced)
}
