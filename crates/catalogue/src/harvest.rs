//! The harvest of one institution: fetch, prepare and store, each page before the next one is needed.
//!
//! Three stages run side by side: the source is read, records are prepared on a thread of their own, and pages are stored.
//! Between them wait few records, so that memory stays small however fast the source is.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use oai_pmh::{Checkpoint, Client, Event, Selection};
use runtime::Clock;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::database::Catalogue;
use crate::error::Error;
use crate::prepare::{Preparer, Raw};
use crate::records::{Page, SetAside};
use crate::settings::HarvestSettings;
use crate::sources::{Kind, Run, RunEnd, RunState, SourceLease};

/// Records that are stored together, unless the source's pages are larger.
const TOGETHER: usize = 2_000;
/// The bytes after which records are stored before their page has ended.
const MOST_BYTES: usize = 16 << 20;
/// Batches that wait for the stage after them.
const WAITING: usize = 2;
/// How often a lease is renewed while the source makes the harvest wait. A third of its length.
const RENEWAL: Duration = Duration::from_secs(20);

/// Why a harvest ended early. The next one resumes it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarvestError {
    /// The source.
    #[error("{}", with_cause(.0))]
    Source(#[from] oai_pmh::Error),
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] Error),
    /// The hub stops.
    #[error("the hub stopped; the next harvest resumes this one")]
    Stopped,
    /// A fault of the program.
    #[error("a stage of the harvest ended early ({0}); this is a fault of the program")]
    Stage(String),
}

fn with_cause(error: &oai_pmh::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// One harvest of one institution.
#[derive(Debug)]
pub struct Harvest<'a> {
    /// Where its records go.
    pub catalogue: &'a Catalogue,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The clock and waits of the client; the machine's if there is none.
    pub client_clock: Option<Arc<dyn oai_pmh::Clock>>,
    /// The node that does it. The lease carries its name.
    pub node: &'a str,
    /// The institution.
    pub institution: &'a str,
    /// Its settings.
    pub settings: &'a HarvestSettings,
}

/// Records that were fetched, and the state of the harvest after them.
#[derive(Debug, Default)]
struct Fetched {
    records: Vec<Raw>,
    set_aside: Vec<SetAside>,
    bytes: usize,
    checkpoint: Option<Box<Checkpoint>>,
}

impl Fetched {
    fn append(&mut self, mut page: Self) {
        self.records.append(&mut page.records);
        self.set_aside.append(&mut page.set_aside);
        self.bytes += page.bytes;
        self.checkpoint = page.checkpoint.or(self.checkpoint.take());
    }

    fn set_aside(&mut self, place: oai_pmh::SetAside) {
        self.bytes += place.bytes.len();
        self.set_aside.push(SetAside {
            local_id: place.identifier.as_deref().map(crate::prepare::local_id),
            reason: place.fault.to_string(),
            bytes: Some(place.bytes),
        });
    }

    fn add(&mut self, record: Raw) {
        self.bytes += record.metadata.as_ref().map_or(0, Vec::len) + record.identifier.len();
        self.records.push(record);
    }
}

impl Harvest<'_> {
    /// Harvests the institution, or resumes an unfinished harvest. Returns the run with its report. A harvest of changes
    /// becomes a full one where no full one was done yet, or where the rules have changed since.
    ///
    /// # Errors
    ///
    /// Everything that was stored stays, and the next harvest resumes this one. The report of the run says the reason.
    pub async fn run(&self, wanted: Kind, stopped: &tokio::sync::watch::Receiver<bool>) -> Result<Run, HarvestError> {
        let lease = self.catalogue.lease(self.institution, self.node, self.now()).await?;
        let mut lease = lease.ok_or_else(|| Error::InUse(self.institution.to_owned()))?;
        let result = self.run_leased(&mut lease, wanted, stopped).await;
        // If the lease was lost there is nothing to give back.
        let _ = self.catalogue.release(&lease).await;
        result
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn run_leased(
        &self,
        lease: &mut SourceLease,
        wanted: Kind,
        stopped: &tokio::sync::watch::Receiver<bool>,
    ) -> Result<Run, HarvestError> {
        let (mut run, checkpoint) = self.begin(lease, wanted).await?;
        info!(institution = self.institution, kind = run.kind.name(), resumed = checkpoint.is_some(), "harvest begins");
        let mut stages = Stages { harvest: self, lease, run: &mut run, last: checkpoint.clone() };
        let result = stages.all(checkpoint, stopped).await;
        let last = stages.last.take();
        let ended = match result {
            Ok(()) => self.complete(lease, &mut run, last.as_deref(), stopped).await,
            Err(error) => Err(error),
        };
        match &ended {
            Ok(()) => info!(institution = self.institution, records = run.report.records, "harvest ends"),
            Err(error) => self.fail(lease, &mut run, error).await,
        }
        ended?;
        let stored = self.catalogue.run(run.id).await?;
        Ok(stored.unwrap_or(run))
    }

    /// Begins a run, or takes up the unfinished one.
    async fn begin(
        &self,
        lease: &mut SourceLease,
        wanted: Kind,
    ) -> Result<(Run, Option<Box<Checkpoint>>), HarvestError> {
        let judgement = self.settings.judgement();
        let same_rules = lease.judged_by.as_deref() == Some(judgement.as_str());
        let unfinished = match lease.harvest {
            Some(id) if same_rules => self.catalogue.run(id).await?,
            _ => None,
        };
        if let Some(run) = unfinished.filter(|run| run.kind == Kind::Full || wanted == Kind::Changes) {
            let checkpoint = lease.checkpoint.as_deref().and_then(|text| serde_json::from_str(text).ok());
            let mut run = self.catalogue.resume_run(lease, run.id, self.now()).await?;
            run.report.resumed += 1;
            run.report.error = None;
            return Ok((run, checkpoint));
        }
        let kind = if wanted == Kind::Full || lease.next_from.is_none() || !same_rules { Kind::Full } else { wanted };
        let id = self.catalogue.begin_run(lease, kind, &judgement, self.now()).await?;
        let run = self.catalogue.run(id).await?;
        let run = run.ok_or_else(|| Error::Damaged { record: id, what: "its harvest is missing".to_owned() })?;
        Ok((run, None))
    }

    pub(crate) fn client(&self) -> Result<Client, oai_pmh::Error> {
        let mut client =
            Client::builder(self.settings.url.as_str()).allow_unencrypted(self.settings.allow_unencrypted_http);
        if let Some(clock) = &self.client_clock {
            client = client.clock(Arc::clone(clock));
        }
        client.build()
    }

    pub(crate) fn selection(&self, kind: Kind, from: Option<Timestamp>) -> Selection {
        let from = if kind == Kind::Full { None } else { from };
        Selection {
            metadata_prefix: self.settings.metadata_prefix.clone(),
            set: self.settings.set.clone(),
            from,
            step_back: Duration::from_secs(u64::from(self.settings.overlap_minutes) * 60),
            ..Selection::default()
        }
    }

    /// Ends a run whose source was read to its end.
    async fn complete(
        &self,
        lease: &SourceLease,
        run: &mut Run,
        last: Option<&Checkpoint>,
        stopped: &tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), HarvestError> {
        run.report.source_count = last.and_then(|last| last.complete_list_size);
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        // A record that came twice, as after an interruption, counts once.
        let read =
            if run.kind == Kind::Full { self.catalogue.read_by(lease, run.id).await? } else { run.report.records };
        run.report.difference = run.report.source_count.map(|count| signed(count).saturating_sub(signed(read)));
        if run.kind == Kind::Full {
            if run.report.records == 0 {
                run.report.notes.push(
                    "The source has no records. Nothing was removed: is the set the right one, and has the publishing job \
                     run?"
                    .to_owned(),
                );
            } else if self.is_removal_safe(lease, run, stopped).await? {
                let (id, report) = (run.id, &mut run.report);
                self.catalogue.remove_unseen(lease, id, report, || self.now()).await?;
            }
        }
        let next_from = last.and_then(Checkpoint::next_from);
        let end =
            RunEnd { kind: run.kind, state: RunState::Done, report: &run.report, next_from, forget_checkpoint: false };
        self.catalogue.end_run(lease, run.id, end, self.now()).await?;
        Ok(())
    }

    /// Returns whether the records that a full harvest has not read are gone. Where the source has more records than were
    /// read, its list of ids decides; if that can't be had, nothing is removed.
    async fn is_removal_safe(
        &self,
        lease: &SourceLease,
        run: &mut Run,
        stopped: &tokio::sync::watch::Receiver<bool>,
    ) -> Result<bool, HarvestError> {
        if run.report.difference.unwrap_or_default() <= 0 && !run.report.has_unnamed_failures {
            return Ok(true);
        }
        match self.compare_with_source(lease, run, stopped).await {
            Ok(()) => Ok(true),
            Err(HarvestError::Source(error)) => {
                let error = HarvestError::from(error);
                run.report.notes.push(format!(
                    "The source has records that could not be read, and its list of ids can't be had: {error}. Nothing was \
                     removed, since these records may be there."
                ));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Notes why a run ended early.
    async fn fail(&self, lease: &SourceLease, run: &mut Run, error: &HarvestError) {
        if matches!(error, HarvestError::Catalogue(error) if error.is_lease_lost()) {
            warn!(institution = self.institution, "another node has taken over the harvest");
            return;
        }
        warn!(institution = self.institution, %error, "harvest ends early; the next one resumes it");
        run.report.error = Some(error.to_string());
        let state = if matches!(error, HarvestError::Stopped) { RunState::Running } else { RunState::Failed };
        // A checkpoint without progress can't be resumed where the source itself refuses it.
        let useless = matches!(
            error,
            HarvestError::Source(oai_pmh::Error::TokensRefused { .. } | oai_pmh::Error::Repeats { .. })
        );
        let end = RunEnd { kind: run.kind, state, report: &run.report, next_from: None, forget_checkpoint: useless };
        if let Err(error) = self.catalogue.end_run(lease, run.id, end, self.now()).await {
            warn!(institution = self.institution, %error, "the report of the harvest can't be stored");
        }
    }
}

/// The stages of a harvest.
struct Stages<'a, 'h> {
    harvest: &'a Harvest<'h>,
    lease: &'a mut SourceLease,
    run: &'a mut Run,
    /// The last state that was stored.
    last: Option<Box<Checkpoint>>,
}

impl Stages<'_, '_> {
    async fn all(
        &mut self,
        checkpoint: Option<Box<Checkpoint>>,
        stopped: &tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), HarvestError> {
        if checkpoint.as_deref().is_some_and(|checkpoint| checkpoint.complete) {
            return Ok(());
        }
        let client = self.harvest.client()?;
        let source = match checkpoint {
            Some(checkpoint) => client.resume(*checkpoint),
            None => client.harvest(self.harvest.selection(self.run.kind, self.lease.next_from)),
        };
        let (to_prepare, fetched) = mpsc::channel(WAITING);
        let (to_store, prepared) = mpsc::channel(WAITING);
        let preparer = Preparer::new(self.harvest.settings.clone());
        // Both end when the stage after them does: their channel is closed then.
        let fetching = tokio::spawn(fetch(source, to_prepare, stopped.clone()));
        let preparing = tokio::spawn(prepare(preparer, fetched, to_store));
        let stored = self.store(prepared).await;
        let fetched = fetching.await.map_err(|error| HarvestError::Stage(error.to_string()))?;
        let prepared = preparing.await.map_err(|error| HarvestError::Stage(error.to_string()))?;
        stored.and(fetched).and(prepared)
    }

    /// Stores what is prepared, until the other stages end.
    async fn store(
        &mut self,
        mut prepared: mpsc::Receiver<(Page, Option<Box<Checkpoint>>, bool)>,
    ) -> Result<(), HarvestError> {
        loop {
            let next = match tokio::time::timeout(RENEWAL, prepared.recv()).await {
                Ok(Some(next)) => next,
                Ok(None) => return Ok(()),
                Err(_) => {
                    self.harvest.catalogue.renew(self.lease, self.harvest.now()).await?;
                    continue;
                }
            };
            let (page, checkpoint, has_unnamed_failures) = next;
            let report = &mut self.run.report;
            report.has_unnamed_failures |= has_unnamed_failures;
            report.source_count =
                checkpoint.as_ref().and_then(|checkpoint| checkpoint.complete_list_size).or(report.source_count);
            let catalogue = self.harvest.catalogue;
            catalogue.commit_page(self.lease, self.run.id, page, report, self.harvest.now()).await?;
            self.last = checkpoint.or(self.last.take());
        }
    }
}

/// Reads the source, and hands over its records in batches.
async fn fetch(
    mut source: oai_pmh::Harvest,
    to_prepare: mpsc::Sender<Fetched>,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) -> Result<(), HarvestError> {
    let (mut batch, mut page) = (Fetched::default(), Fetched::default());
    loop {
        let event = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return Err(HarvestError::Stopped),
            event = source.next() => event?,
        };
        let Some(event) = event else { break };
        match event {
            Event::Record(record) => page.add(Raw::from(record)),
            Event::SetAside(place) => page.set_aside(place),
            Event::Page(checkpoint) => {
                let is_complete = checkpoint.complete;
                page.checkpoint = Some(checkpoint);
                batch.append(std::mem::take(&mut page));
                let is_full = batch.records.len() >= TOGETHER || batch.bytes >= MOST_BYTES || is_complete;
                if is_full && to_prepare.send(std::mem::take(&mut batch)).await.is_err() {
                    return Ok(());
                }
            }
            // The records of the page come once more.
            Event::Retrying { wait, reason } => {
                warn!(wait_s = wait.as_secs(), reason, "the source can't be read now; waiting");
                page = Fetched::default();
                if !batch.records.is_empty() && to_prepare.send(std::mem::take(&mut batch)).await.is_err() {
                    return Ok(());
                }
            }
            Event::Restarted { from, text } => {
                warn!(from = ?from, text, "the source refused its token; its window begins anew");
                page = Fetched::default();
            }
        }
        if page.bytes >= MOST_BYTES {
            // A page that is too large to be kept. Its records are stored without a checkpoint, and twice after a crash.
            batch.append(std::mem::take(&mut page));
            if to_prepare.send(std::mem::take(&mut batch)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Prepares batches on threads for such work.
async fn prepare(
    mut preparer: Preparer,
    mut fetched: mpsc::Receiver<Fetched>,
    to_store: mpsc::Sender<(Page, Option<Box<Checkpoint>>, bool)>,
) -> Result<(), HarvestError> {
    while let Some(batch) = fetched.recv().await {
        let work = move || {
            let page = prepare_batch(&mut preparer, batch);
            (preparer, page)
        };
        let done = tokio::task::spawn_blocking(work).await;
        let (returned, page) = done.map_err(|error| HarvestError::Stage(error.to_string()))?;
        preparer = returned;
        if to_store.send(page).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn prepare_batch(preparer: &mut Preparer, batch: Fetched) -> (Page, Option<Box<Checkpoint>>, bool) {
    let Fetched { records, set_aside, checkpoint, .. } = batch;
    let mut page = Page { checkpoint: checkpoint.as_ref().map(crate::sources::json), ..Page::default() };
    page.records = records.into_iter().map(|raw| preparer.prepare(raw)).collect();
    let mut has_unnamed_failures = false;
    for place in set_aside {
        match place.local_id {
            // Its record is there, and failed. It must not count as removed.
            Some(local_id) => {
                page.records.push(preparer.failed(local_id, place.reason, place.bytes.unwrap_or_default()));
            }
            None => {
                has_unnamed_failures = true;
                page.set_aside.push(place);
            }
        }
    }
    (page, checkpoint, has_unnamed_failures)
}
