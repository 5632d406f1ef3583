//! Calls that a library's system counts: their reports and their limits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lending::Priority;

/// A report of one call, as the system counts it. It contains nothing personal.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// Method and path with placeholders, such as `GET /users/{user}`.
    pub endpoint: &'static str,
    /// The priority of the call.
    pub priority: Priority,
    /// The outcome, such as `answered` or `refused`.
    pub outcome: &'static str,
    /// Whether the system counted it.
    pub counted: bool,
    /// Whether the system refused it because of the limit per second.
    pub rate_limited: bool,
    /// The time it waited for its turn.
    pub waited: Duration,
    /// The time from sending to the end of the answer.
    pub duration: Duration,
    /// The calls that the institution has left today, if the system reports it.
    pub remaining: Option<u64>,
    /// The calls that the institution has in a whole day, if the system reports it.
    pub day: Option<u64>,
}

/// A receiver of reports about every call.
#[derive(Clone)]
pub struct CallObserver {
    on_call: Arc<dyn Fn(&CallReport) + Send + Sync>,
    unreadable: Option<Arc<dyn Fn(&'static str) + Send + Sync>>,
}

impl CallObserver {
    /// Creates an observer that runs `on_call` after every call.
    pub fn new(on_call: impl Fn(&CallReport) + Send + Sync + 'static) -> Self {
        Self { on_call: Arc::new(on_call), unreadable: None }
    }

    /// Calls `unreadable` for each row of a list that can't be read, with the endpoint of the list.
    #[must_use]
    pub fn and_of_unreadable_rows(mut self, unreadable: impl Fn(&'static str) + Send + Sync + 'static) -> Self {
        self.unreadable = Some(Arc::new(unreadable));
        self
    }

    pub(crate) fn notify(&self, report: &CallReport) {
        (self.on_call)(report);
    }

    pub(crate) fn unreadable_row(&self, endpoint: &'static str) {
        if let Some(unreadable) = &self.unreadable {
            unreadable(endpoint);
        }
    }
}

impl fmt::Debug for CallObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// The limits that an institution sets for the hub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotaSettings {
    /// The percentage of the calls per second that deferrable calls may use.
    pub background_percent: u32,
    /// Calls in a day, for all applications of the institution, if the system doesn't report it.
    pub calls_per_day: Option<u64>,
    /// Daily calls that are left for the institution's other applications and for patrons. Default: a tenth.
    pub reserve: Option<u64>,
    /// The percentage of the day's calls that questions for the availability of copies may use. They are never asked if it
    /// is 0.
    pub availability_percent: u32,
    /// The percentage of the day's calls that reading lists may use, so that lost messages are noticed sooner. Lists are
    /// read at their ordinary intervals if it is 0, or if the number of the day's calls isn't known.
    pub batch_poll_percent: u32,
    /// The longest time between two reads of a list in minutes of opening hours. A lost message is noticed within this
    /// time. If it isn't set, the time follows from `batch_poll_percent`.
    pub lost_message_detection_minutes: Option<u32>,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self {
            background_percent: 50,
            calls_per_day: None,
            reserve: None,
            availability_percent: 20,
            batch_poll_percent: 4,
            lost_message_detection_minutes: None,
        }
    }
}

/// The rate of calls to a system.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CallRate {
    /// The configured calls per second.
    pub configured: u32,
    /// Calls per second that may leave now.
    pub allowed: f64,
    /// The part of these that deferrable calls may use.
    pub background: f64,
    /// Calls per second of the institution's other applications, as far as is known.
    pub other_apps: f64,
    /// The number of calls that wait for their turn.
    pub waiting: usize,
}
