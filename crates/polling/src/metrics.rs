//! Metrics of polls and webhooks, in Prometheus' text format.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use lending::InstitutionCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::FailingPolls;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Institution {
    institution: String,
}

fn of(institution: &InstitutionCode) -> Institution {
    Institution { institution: institution.to_string() }
}

/// Polls and webhook messages, by institution.
#[derive(Debug)]
pub(crate) struct PollMetrics {
    missed_messages: Family<Institution, Counter>,
    failing: Family<Institution, Gauge>,
    poll_age: Family<Institution, Gauge<f64, AtomicU64>>,
}

impl PollMetrics {
    /// Registers the metrics.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics =
            Self { missed_messages: Family::default(), failing: Family::default(), poll_age: Family::default() };
        registry.register(
            "webhook_messages_missed",
            "Changes that a scheduled poll found and the webhook did not report",
            metrics.missed_messages.clone(),
        );
        let failing = metrics.failing.clone();
        registry.register("polls_failing", "Polls of requests that keep failing, by institution", failing);
        registry.register(
            "oldest_poll_age_seconds",
            "Seconds since the least recently polled open request, or batch-polled list, was last polled successfully",
            metrics.poll_age.clone(),
        );
        metrics
    }

    /// Records a change that a webhook should have reported.
    pub(crate) fn message_missed(&self, institution: &InstitutionCode) {
        self.missed_messages.get_or_create(&of(institution)).inc();
    }

    /// Sets the gauges.
    pub(crate) fn set(&self, oldest: &[(InstitutionCode, Timestamp)], failing: &[FailingPolls], now: Timestamp) {
        self.poll_age.clear();
        for (institution, since) in oldest {
            let age = now.duration_since(*since).as_secs_f64().max(0.0);
            self.poll_age.get_or_create(&of(institution)).set(age);
        }
        self.failing.clear();
        for failing in failing {
            let polls = i64::try_from(failing.polls).unwrap_or(i64::MAX);
            self.failing.get_or_create(&of(&failing.institution)).set(polls);
        }
    }
}
