//! Metrics of the engine's own work, in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use lms::Verdict;
use polling::has_hint;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use store::{Intent, SetupCheck};

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct CheckedFor {
    institution: String,
    verdict: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Institution {
    institution: String,
}

/// The node's reactions, open intents and commits.
#[derive(Debug)]
pub(crate) struct Metrics {
    reaction: Family<Cause, Histogram, fn() -> Histogram>,
    open_intents: Gauge,
    commits: Counter,
    wrong_keys: Counter,
    setup_findings: Family<CheckedFor, Gauge>,
    setup_check_age: Family<Institution, Gauge>,
}

/// Creates a histogram with buckets from a millisecond to a minute and a half.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 17))
}

impl Metrics {
    /// Registers the metrics.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            reaction: Family::new_with_constructor(histogram),
            open_intents: Gauge::default(),
            commits: Counter::default(),
            wrong_keys: Counter::default(),
            setup_findings: Family::default(),
            setup_check_age: Family::default(),
        };
        registry.register(
            "reaction_seconds",
            "From when an intent was due, or a webhook message arrived, to the committed transition",
            metrics.reaction.clone(),
        );
        let open_intents = metrics.open_intents.clone();
        registry.register("open_intents", "Intents that are not finished, due or not", open_intents);
        let commits = metrics.commits.clone();
        registry.register("store_commits", "Transactions committed since the node started", commits);
        let wrong_keys = metrics.wrong_keys.clone();
        registry.register("wrong_api_keys", "Calls of the hub's API with a wrong key", wrong_keys);
        registry.register(
            "setup_findings",
            "Findings of the last check of an institution's set-up that are missing or unknown",
            metrics.setup_findings.clone(),
        );
        registry.register(
            "setup_check_age_seconds",
            "Seconds since the last check of an institution's set-up ended",
            metrics.setup_check_age.clone(),
        );
        metrics
    }

    /// Counts a call of the hub's API with a wrong key.
    pub(crate) fn count_wrong_key(&self) {
        self.wrong_keys.inc();
    }

    /// Sets the gauges of the checks of institutions' set-ups.
    pub(crate) fn set_setup_checks(&self, checks: &[SetupCheck], now: Timestamp) {
        self.setup_findings.clear();
        self.setup_check_age.clear();
        for check in checks {
            let Some(result) = check.result else { continue };
            let institution = check.institution.to_string();
            for (verdict, found) in [(Verdict::Missing, result.missing), (Verdict::Unknown, result.unknown)] {
                let of = CheckedFor { institution: institution.clone(), verdict: verdict.name() };
                self.setup_findings.get_or_create(&of).set(found.into());
            }
            let age = now.duration_since(result.at).as_secs().max(0);
            self.setup_check_age.get_or_create(&Institution { institution }).set(age);
        }
    }

    /// Records that the result of an intent is committed.
    pub(crate) fn committed(&self, intent: &Intent, now: Timestamp) {
        let cause = match intent.work {
            store::Work::Effect(_) => "effect",
            store::Work::Poll(_) if has_hint(intent) => "webhook",
            store::Work::Poll(_) => "poll",
            store::Work::Deadline(_) => "deadline",
        };
        let took = Duration::try_from(now.duration_since(intent.due_at)).unwrap_or_default();
        self.reaction.get_or_create(&Cause { cause }).observe(took.as_secs_f64());
    }

    /// Records that a message was decided on and committed in one unit; the message waited for nothing.
    pub(crate) fn message_committed(&self, took: Duration) {
        self.reaction.get_or_create(&Cause { cause: "webhook" }).observe(took.as_secs_f64());
    }

    /// Sets the gauges to their current values.
    pub(crate) fn set(&self, open_intents: u64, commits: u64) {
        self.open_intents.set(i64::try_from(open_intents).unwrap_or(i64::MAX));
        self.commits.inner().store(commits, Ordering::Relaxed);
    }
}

/// Writes a registry in OpenMetrics' text format.
pub(crate) fn render(registry: &Registry) -> String {
    let mut rendered = String::new();
    if text::encode(&mut rendered, registry).is_err() {
        let _ = write!(rendered, "# EOF");
    }
    rendered
}
