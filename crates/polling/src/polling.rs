//! The polling service: its state, and its reactions to changes.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use cache::Cache;
use jiff::SignedDuration;
use lending::{Event, InstitutionCode, Observed, PollSettings, Request, RequestId, Side, Status};
use prometheus_client::registry::Registry;
use runtime::{Runtime, saturating_add};
use store::{FailingPolls, Intent, NodeEvent, Work};
use systems::Systems;
use tracing::warn;

use crate::companions::Companions;
use crate::hints::{FULL_POLL, has_hint};
use crate::metrics::PollMetrics;
use crate::refused_lists::RefusedLists;
use crate::webhook_health::{MessageKind, WebhookHealth};

/// The number of failed polls in a row from which the request shows the failure.
pub const FAILS_OFTEN: u32 = 3;

/// How long the interval of an institution's lists stays as it was worked out.
const BUDGET_KNOWN_FOR: SignedDuration = SignedDuration::from_mins(5);

/// How long the length of a list counts that was read.
const ROWS_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24 * 7);

/// The settings of polling.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The settings that both tables of poll intervals start from.
    pub intervals: PollSettings,
    /// The largest age of a signed message that may replace a poll. At zero none does.
    pub webhook_max_age: Duration,
    /// The number of intents that the node works on at the same time. Batch polls take at most half of them.
    pub workers: usize,
}

/// Polls the libraries' systems, and takes in their messages. One per node.
#[derive(Debug)]
pub struct Polling {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) systems: Arc<Systems>,
    pub(crate) settings: Settings,
    pub(crate) webhook_health: WebhookHealth,
    pub(crate) refused_lists: RefusedLists,
    pub(crate) companions: Companions,
    /// The interval between two reads of each list that an institution's budget allows.
    pub(crate) spared_intervals: Cache<InstitutionCode, Option<Duration>>,
    /// The number of rows that each list had when it was read last.
    pub(crate) list_rows: Cache<(InstitutionCode, String), u64>,
    /// The number of lists being read now.
    pub(crate) active_batch_polls: Arc<AtomicUsize>,
    metrics: PollMetrics,
}

impl Polling {
    /// Creates the polling of a node.
    pub fn new(runtime: Arc<Runtime>, systems: Arc<Systems>, settings: Settings, metrics: &mut Registry) -> Self {
        Self {
            runtime,
            systems,
            settings,
            webhook_health: WebhookHealth::default(),
            refused_lists: RefusedLists::default(),
            companions: Companions::default(),
            spared_intervals: Cache::new(BUDGET_KNOWN_FOR),
            list_rows: Cache::new(ROWS_KNOWN_FOR),
            active_batch_polls: Arc::default(),
            metrics: PollMetrics::register(metrics),
        }
    }

    /// Makes all polls of a request due now, as full polls.
    pub async fn poll_now(&self, id: RequestId) -> Result<(), store::Error> {
        let now = self.runtime.now();
        self.runtime
            .retry_transaction(async || {
                let mut unit = self.runtime.store().unit();
                unit.add_hint_to_all(id, FULL_POLL, now);
                unit.notify(self.runtime.node(), &NodeEvent::WorkAvailable);
                self.runtime.store().commit(unit).await.map(drop)
            })
            .await?;
        self.runtime.wake();
        Ok(())
    }

    /// Reads the state of webhooks if it is about to expire, so that no transaction waits for it.
    pub async fn refresh(&self) -> Result<(), store::Error> {
        self.webhook_health.refresh(self.runtime.store(), self.runtime.now()).await
    }

    /// Takes note of a committed change that a poll found. If the institution's webhook should have reported that
    /// change and did not, it may have missed other messages too. Then the webhook is distrusted, and the institution
    /// is polled as if it had none.
    pub async fn change_committed(&self, intent: &Intent, before: &Request, event: &Event, status: Option<Status>) {
        let was_polled = matches!(event, Event::Observed(Observed::Seen { .. })) && !has_hint(intent);
        let (Work::Poll(side), true, Some(status)) = (intent.work, was_polled, status) else { return };
        let kind = MessageKind::expected_for(status);
        if let Err(failure) = self.message_missed(&intent.institution, before, side, kind).await {
            warn!(institution = %intent.institution, error = %failure, "could not record that a webhook missed a message");
        }
    }

    async fn message_missed(
        &self,
        institution: &InstitutionCode,
        before: &Request,
        side: Side,
        kind: MessageKind,
    ) -> Result<(), store::Error> {
        let now = self.runtime.now();
        if self.webhook_health.is_catching_up(now) || !self.webhook_covers(before, side).await? {
            return Ok(());
        }
        self.metrics.message_missed(institution);
        if self.webhook_health.record_missed(self.runtime.store(), institution, kind, now).await? {
            warn!(%institution, "webhook missed a change; polling this institution as if it had no webhook until messages arrive again");
            self.poll_as_without_webhook(institution).await?;
        }
        Ok(())
    }

    /// Reschedules polls that wait for messages, to the interval of an institution without a webhook.
    pub(crate) async fn poll_as_without_webhook(&self, institution: &InstitutionCode) -> Result<(), store::Error> {
        let (now, initial) = (self.runtime.now(), self.settings.intervals.uncovered.initial);
        let latest = saturating_add(now, initial + self.runtime.ids().jitter(initial));
        self.runtime
            .retry_transaction(async || self.runtime.store().reschedule_unlisted_polls(institution, now, latest).await)
            .await?;
        self.runtime.wake();
        Ok(())
    }

    /// Marks that messages may have been missed: while no node listened, or while they could not be stored.
    pub fn intake_failed(&self) {
        self.webhook_health.mark_intake_failed();
    }

    /// Returns the longest time for which a poll can be postponed. If a poll is due later, a wrong clock postponed it.
    pub fn longest_interval(&self) -> Duration {
        self.settings.intervals.longest()
    }

    /// Returns the polls that keep failing, on any node, by institution.
    pub async fn failing(&self) -> Result<Vec<FailingPolls>, store::Error> {
        self.runtime.store().failing_polls(FAILS_OFTEN).await
    }

    /// Sets the gauges to the present values.
    pub async fn collect_metrics(&self) -> Result<(), store::Error> {
        let (oldest, failing) = (self.runtime.store().oldest_polls().await?, self.failing().await?);
        self.metrics.set(&oldest, &failing, self.runtime.now());
        Ok(())
    }

    /// Forgets which lists an institution refused, since its settings have changed.
    pub fn forget(&self, institution: &InstitutionCode) {
        self.refused_lists.forget(institution);
    }

    /// Forgets the cached state of all institutions, since another node has changed something.
    pub fn forget_all(&self) {
        self.refused_lists.forget_all();
        self.webhook_health.invalidate();
    }
}
