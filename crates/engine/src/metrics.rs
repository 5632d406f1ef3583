//! What is measured, in Prometheus' text format. Labels are codes and fixed words: nothing personal, no secret.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lending::InstitutionCode;
use lms::CallReport;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use store::Intent;

use crate::engine::Engine;
use crate::error::Error;
use crate::webhooks;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Call {
    institution: String,
    endpoint: &'static str,
    priority: &'static str,
    outcome: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Endpoint {
    institution: String,
    endpoint: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Priority {
    institution: String,
    priority: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Institution {
    institution: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

type Gauges = Family<Institution, Gauge<f64, AtomicU64>>;
type Seconds<Labels> = Family<Labels, Histogram, fn() -> Histogram>;

/// Everything that is measured on this node.
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    call_seconds: Seconds<Priority>,
    queue_seconds: Seconds<Priority>,
    reaction: Seconds<Cause>,
    missed_messages: Family<Institution, Counter>,
    unreadable: Family<Endpoint, Counter>,
    failing: Family<Institution, Gauge>,
    poll_age: Gauges,
    remaining: Gauges,
    reserve: Gauges,
    per_second: Gauges,
    open_intents: Gauge,
    commits: Counter,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// From a millisecond to a minute and a half.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 17))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("consort");
        let (calls, queued, commits) = (Family::<Call, Counter>::default(), Gauge::default(), Counter::default());
        let seconds: fn() -> Histogram = histogram;
        let (took, waited) = (Seconds::new_with_constructor(seconds), Seconds::new_with_constructor(seconds));
        let reaction = Seconds::new_with_constructor(seconds);
        let (evidence, remaining, reserve, per_second) =
            (Gauges::default(), Gauges::default(), Gauges::default(), Gauges::default());
        registry.register("alma_calls", "Calls to Alma, by priority and outcome", calls.clone());
        registry.register("alma_call_seconds", "From sending a call to the end of its answer", took.clone());
        registry.register("alma_queue_seconds", "Time a call waited in the client for its turn", waited.clone());
        registry.register(
            "reaction_seconds",
            "From when an intent was due, or a webhook message arrived, to the committed transition",
            reaction.clone(),
        );
        let missed = Family::<Institution, Counter>::default();
        registry.register(
            "webhook_messages_missed",
            "Changes that a scheduled poll found and the webhook did not report",
            missed.clone(),
        );
        let unreadable = Family::<Endpoint, Counter>::default();
        registry.register(
            "alma_unreadable_rows",
            "Rows of Alma's lists that can't be read, by the list",
            unreadable.clone(),
        );
        let failing = Family::<Institution, Gauge>::default();
        registry.register("polls_failing", "Polls of requests that keep failing, by institution", failing.clone());
        registry.register(
            "oldest_poll_age_seconds",
            "Seconds since the least recently polled open request, or batch-polled list, was last polled successfully",
            evidence.clone(),
        );
        registry.register("quota_remaining_calls", "Calls that an institution has left today", remaining.clone());
        registry.register("quota_reserve_calls", "Calls left in the day at which polling pauses", reserve.clone());
        registry.register("quota_calls_per_second", "Calls a second that may leave now", per_second.clone());
        registry.register("open_intents", "Intents that are not finished, due or not", queued.clone());
        registry.register("store_commits", "Transactions committed since the node started", commits.clone());
        Self {
            commits,
            registry,
            calls,
            call_seconds: took,
            queue_seconds: waited,
            reaction,
            missed_messages: missed,
            unreadable,
            failing,
            poll_age: evidence,
            remaining,
            reserve,
            per_second,
            open_intents: queued,
        }
    }

    pub(crate) fn called(&self, institution: &InstitutionCode, report: &CallReport) {
        let (institution, priority) = (institution.to_string(), report.priority.name());
        let (endpoint, outcome) = (report.endpoint, report.outcome);
        let of = Priority { institution: institution.clone(), priority };
        self.calls.get_or_create(&Call { institution, endpoint, priority, outcome }).inc();
        self.call_seconds.get_or_create(&of).observe(report.duration.as_secs_f64());
        self.queue_seconds.get_or_create(&of).observe(report.waited.as_secs_f64());
    }

    /// A row of a list can't be read.
    pub(crate) fn unreadable_row(&self, institution: &InstitutionCode, endpoint: &'static str) {
        let institution = institution.to_string();
        self.unreadable.get_or_create(&Endpoint { institution, endpoint }).inc();
    }

    /// Something was seen that the library's system should have reported.
    pub(crate) fn message_missed(&self, institution: &InstitutionCode) {
        self.missed_messages.get_or_create(&Institution { institution: institution.to_string() }).inc();
    }

    /// What an intent brought is committed.
    pub(crate) fn committed(&self, intent: &Intent, now: Timestamp) {
        let cause = match intent.work {
            store::Work::Effect(_) => "effect",
            store::Work::Poll(_) if webhooks::has_hint(intent) => "webhook",
            store::Work::Poll(_) => "poll",
            store::Work::Deadline(_) => "deadline",
        };
        let took = Duration::try_from(now.duration_since(intent.due_at)).unwrap_or_default();
        self.reaction.get_or_create(&Cause { cause }).observe(took.as_secs_f64());
    }
}

impl Engine {
    /// What is measured on this node, in OpenMetrics' text format.
    ///
    /// # Errors
    ///
    /// The store's failures.
    pub async fn metrics(&self) -> Result<String, Error> {
        let metrics = &self.metrics;
        let now = self.clock.now();
        let (counts, oldest) = (self.store.queue_counts().await?, self.store.oldest_polls().await?);
        metrics.commits.inner().store(self.store.commits(), Ordering::Relaxed);
        metrics.open_intents.set(i64::try_from(counts.open).unwrap_or(i64::MAX));
        for gauges in [&metrics.poll_age, &metrics.remaining, &metrics.reserve, &metrics.per_second] {
            gauges.clear();
        }
        let of = |institution: &InstitutionCode| Institution { institution: institution.to_string() };
        for (institution, since) in oldest {
            metrics.poll_age.get_or_create(&of(&institution)).set(now.duration_since(since).as_secs_f64().max(0.0));
        }
        metrics.failing.clear();
        for failing in self.polls_failing().await? {
            let polls = i64::try_from(failing.polls).unwrap_or(i64::MAX);
            metrics.failing.get_or_create(&of(&failing.institution)).set(polls);
        }
        for lms in self.registry.known() {
            let institution = lms.institution();
            let Ok(quota) = self.quota(institution).await else { continue };
            #[allow(clippy::cast_precision_loss, reason = "calls of a day")]
            for (gauges, calls) in [(&metrics.remaining, quota.remaining), (&metrics.reserve, quota.reserve)] {
                if let Some(calls) = calls {
                    gauges.get_or_create(&of(institution)).set(calls as f64);
                }
            }
            if let Some(call_rate) = quota.call_rate {
                metrics.per_second.get_or_create(&of(institution)).set(call_rate.allowed);
            }
        }
        let mut rendered = String::new();
        if text::encode(&mut rendered, &metrics.registry).is_err() {
            let _ = write!(rendered, "# EOF");
        }
        Ok(rendered)
    }
}
