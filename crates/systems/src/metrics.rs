//! Metrics of calls, in Prometheus' text format. Labels are codes and fixed words: nothing personal, no secret.

use std::sync::atomic::AtomicU64;

use lending::InstitutionCode;
use lms::CallReport;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::quota::Quota;

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

type Gauges = Family<Institution, Gauge<f64, AtomicU64>>;
type Seconds = Family<Priority, Histogram, fn() -> Histogram>;

/// From a millisecond to a minute and a half.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 17))
}

/// Metrics of calls and of the remaining quota, by institution.
#[derive(Debug)]
pub(crate) struct CallMetrics {
    calls: Family<Call, Counter>,
    call_seconds: Seconds,
    queue_seconds: Seconds,
    unreadable: Family<Endpoint, Counter>,
    remaining: Gauges,
    reserve: Gauges,
    per_second: Gauges,
}

impl CallMetrics {
    /// Registers the metrics.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            calls: Family::default(),
            call_seconds: Seconds::new_with_constructor(histogram),
            queue_seconds: Seconds::new_with_constructor(histogram),
            unreadable: Family::default(),
            remaining: Gauges::default(),
            reserve: Gauges::default(),
            per_second: Gauges::default(),
        };
        registry.register("lms_calls", "Calls to library systems, by priority and outcome", metrics.calls.clone());
        registry.register(
            "lms_call_seconds",
            "From sending a call to the end of its answer",
            metrics.call_seconds.clone(),
        );
        registry.register(
            "lms_queue_seconds",
            "Time a call waited in the client for its turn",
            metrics.queue_seconds.clone(),
        );
        registry.register(
            "lms_unreadable_rows",
            "Rows of library systems' lists that can't be read, by the list",
            metrics.unreadable.clone(),
        );
        let remaining = metrics.remaining.clone();
        registry.register("quota_remaining_calls", "Calls that an institution has left today", remaining);
        let reserve = metrics.reserve.clone();
        registry.register("quota_reserve_calls", "Calls left in the day at which polling pauses", reserve);
        let per_second = metrics.per_second.clone();
        registry.register("quota_calls_per_second", "Calls a second that may leave now", per_second);
        metrics
    }

    /// Records a call.
    pub(crate) fn called(&self, institution: &InstitutionCode, report: &CallReport) {
        let (institution, priority) = (institution.to_string(), report.priority.name());
        let (endpoint, outcome) = (report.endpoint, report.outcome);
        let of = Priority { institution: institution.clone(), priority };
        self.calls.get_or_create(&Call { institution, endpoint, priority, outcome }).inc();
        self.call_seconds.get_or_create(&of).observe(report.duration.as_secs_f64());
        self.queue_seconds.get_or_create(&of).observe(report.waited.as_secs_f64());
    }

    /// Records a row of a list that can't be read.
    pub(crate) fn unreadable_row(&self, institution: &InstitutionCode, endpoint: &'static str) {
        let institution = institution.to_string();
        self.unreadable.get_or_create(&Endpoint { institution, endpoint }).inc();
    }

    /// Sets the gauges to the present quotas.
    #[expect(clippy::cast_precision_loss, reason = "calls of a day")]
    pub(crate) fn set_quotas(&self, quotas: &[(InstitutionCode, Quota)]) {
        for gauges in [&self.remaining, &self.reserve, &self.per_second] {
            gauges.clear();
        }
        for (institution, quota) in quotas {
            let of = Institution { institution: institution.to_string() };
            for (gauges, calls) in [(&self.remaining, quota.remaining), (&self.reserve, quota.reserve)] {
                if let Some(calls) = calls {
                    gauges.get_or_create(&of).set(calls as f64);
                }
            }
            if let Some(rate) = quota.call_rate {
                self.per_second.get_or_create(&of).set(rate.allowed);
            }
        }
    }
}
