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
use store::{DeliveryQueue, Intent, SetupCheck};

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

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Receiver {
    subscription: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Sent {
    result: &'static str,
}

/// The deliveries of events to subscriptions.
#[derive(Debug, Default)]
struct Events {
    queue: Family<Receiver, Gauge>,
    oldest_age: Family<Receiver, Gauge>,
    dead_letters: Family<Receiver, Gauge>,
    stopped: Gauge,
    attempts: Family<Sent, Counter>,
}

impl Events {
    fn register(registry: &mut Registry) -> Self {
        let events = Self::default();
        registry.register(
            "event_queue_length",
            "Events that are to be sent to a subscription, or to be considered for it",
            events.queue.clone(),
        );
        registry.register(
            "event_oldest_age_seconds",
            "Seconds since the oldest event that has not arrived at a subscription was to be sent",
            events.oldest_age.clone(),
        );
        registry.register(
            "event_dead_letters",
            "Events that could not be delivered to a subscription for three days",
            events.dead_letters.clone(),
        );
        registry.register(
            "event_subscriptions_stopped",
            "Subscriptions to which no events are sent: their receivers answered 410, or an admin stopped them",
            events.stopped.clone(),
        );
        registry.register(
            "event_attempts",
            "Attempts of this node to send an event, by result",
            events.attempts.clone(),
        );
        events
    }

    fn set(&self, queues: &[DeliveryQueue], now: Timestamp) {
        for family in [&self.queue, &self.oldest_age, &self.dead_letters] {
            family.clear();
        }
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for queue in queues {
            let of = Receiver { subscription: queue.subscription.clone() };
            let age = queue.oldest.map_or(0, |oldest| now.duration_since(oldest).as_secs().max(0));
            self.queue.get_or_create(&of).set(number(queue.pending));
            self.oldest_age.get_or_create(&of).set(age);
            self.dead_letters.get_or_create(&of).set(number(queue.dead));
        }
        let stopped = queues.iter().filter(|queue| !queue.active).count();
        self.stopped.set(i64::try_from(stopped).unwrap_or(i64::MAX));
    }
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
    events: Events,
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
            events: Events::register(registry),
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

    /// Counts an attempt to send an event.
    pub(crate) fn count_delivery(&self, has_arrived: bool) {
        let result = if has_arrived { "arrived" } else { "failed" };
        self.events.attempts.get_or_create(&Sent { result }).inc();
    }

    /// Sets the gauges of the subscriptions' events.
    pub(crate) fn set_delivery_queues(&self, queues: &[DeliveryQueue], now: Timestamp) {
        self.events.set(queues, now);
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
