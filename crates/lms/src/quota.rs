//! Calls that a library's system counts: what they are for, and how many there may be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lending::Priority;

/// One call as the system counts it. Nothing in it is personal.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// Method and path with placeholders, such as `GET /users/{user}`.
    pub endpoint: &'static str,
    /// What it was made for.
    pub priority: Priority,
    /// How it ended, such as `answered` or `refused`.
    pub outcome: &'static str,
    /// Whether the system counted it.
    pub counted: bool,
    /// Whether the system refused it for the limit per second.
    pub rate_limited: bool,
    /// How long it waited for its turn.
    pub waited: Duration,
    /// From sending to the end of the answer.
    pub duration: Duration,
    /// How many calls the institution has left today, where the system shows.
    pub remaining: Option<u64>,
    /// How many it has in a whole day, where the system shows.
    pub day: Option<u64>,
}

/// Whoever is reported about every call.
#[derive(Clone)]
pub struct CallObserver {
    on_call: Arc<dyn Fn(&CallReport) + Send + Sync>,
    unreadable: Option<Arc<dyn Fn(&'static str) + Send + Sync>>,
}

impl CallObserver {
    /// Calls `told` after every call.
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

/// How much an institution lets the hub use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotaSettings {
    /// The part of the calls per second that what can wait may use.
    pub background_percent: u32,
    /// Calls in a day, for all applications of the institution, where the system doesn't tell.
    pub calls_per_day: Option<u64>,
    /// Calls of a day that are left for the institution's other applications, and for patrons. A tenth where it isn't set.
    pub reserve: Option<u64>,
    /// How many minutes of opening hours pass at most between two readings of a list, although the system sends messages
    /// of what it shows: a message that gets lost is noticed within these. Lists are read far more rarely there where it
    /// isn't set.
    pub lost_message_detection_minutes: Option<u32>,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self { background_percent: 50, calls_per_day: None, reserve: None, lost_message_detection_minutes: None }
    }
}

/// How fast a system is called.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CallRate {
    /// Calls per second that were set.
    pub configured: u32,
    /// Calls per second that may leave now.
    pub allowed: f64,
    /// How many of these may be for what can wait.
    pub background: f64,
    /// Calls per second of the institution's other applications, as far as is known.
    pub other_apps: f64,
    /// How many calls wait for their turn.
    pub waiting: usize,
}
