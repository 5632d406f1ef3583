//! The catalogue's work on a node of the hub: scheduled harvests, grouping, and the index.
//!
//! It has a thread of its own with the lowest priority, and a runtime that nothing else uses, so that it never delays the
//! engine.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use runtime::Clock;
use search::Index;
use store::{Database, Institution, Store};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::database::Catalogue;
use crate::error::Error;
use crate::harvest::Harvest;
use crate::indexing::AgencyOf;
use crate::settings::HarvestSettings;
use crate::sources::{Kind, SourceState};

/// How often the node asks whether other nodes have changed something. A change is searchable within a second.
const INTERVAL: Duration = Duration::from_millis(400);
/// The wait before an institution's next harvest after one that failed.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_mins(15);

/// What the work needs.
#[derive(Debug)]
pub struct Service {
    /// The hub's database; the catalogue's belongs to it.
    pub database: Database,
    /// The hub's store, which knows institutions and agencies.
    pub hub: Store,
    /// The directory of this node's index.
    pub index: PathBuf,
    /// The node's name.
    pub node: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The catalogue and index of a node whose work is under way.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// The index.
    pub index: Arc<Index>,
}

/// The work of a node, under way.
#[derive(Debug)]
pub struct Running {
    /// The catalogue and the index.
    pub opened: Opened,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// Stops the work. Records that are fetched and not stored will be fetched once more.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.ended.await;
    }
}

impl Service {
    /// Starts the work.
    ///
    /// # Errors
    ///
    /// What keeps catalogue or index from being opened, in a sentence.
    pub async fn start(self) -> Result<Running, String> {
        let (stop, stopped) = watch::channel(false);
        let (opened, is_opened) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let work = move || {
            lower_priority();
            let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(opened.send(Err(error.to_string()))),
            };
            runtime.block_on(self.run(opened, stopped));
            let _ = end.send(());
        };
        let thread = std::thread::Builder::new().name("catalogue".to_owned()).spawn(work);
        thread.map_err(|error| error.to_string())?;
        let opened = is_opened.await.map_err(|_| "the catalogue's thread ended".to_owned())??;
        Ok(Running { opened, stop, ended })
    }

    async fn run(self, opened: oneshot::Sender<Result<Opened, String>>, stopped: watch::Receiver<bool>) {
        let (catalogue, index) = match self.open().await {
            Ok(both) => both,
            Err(error) => return drop(opened.send(Err(error.to_string()))),
        };
        let _ = opened.send(Ok(Opened { catalogue: catalogue.clone(), index: Arc::clone(&index) }));
        let grouping =
            tokio::spawn(keep_grouped(catalogue.clone(), self.node.clone(), Arc::clone(&self.clock), stopped.clone()));
        let indexing = tokio::spawn(keep_indexed(catalogue.clone(), index, self.hub.clone(), stopped.clone()));
        let mut harvests: JoinSet<String> = JoinSet::new();
        let mut running: BTreeSet<String> = BTreeSet::new();
        let mut stop = stopped.clone();
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(ended) = harvests.join_next(), if !harvests.is_empty() => {
                    running.remove(&ended.unwrap_or_default());
                }
                () = pause(&catalogue.records_changed) => {
                    for (institution, settings, kind) in self.due(&catalogue, &running).await {
                        running.insert(institution.clone());
                        harvests.spawn(self.harvest(catalogue.clone(), institution, settings, kind, stopped.clone()));
                    }
                }
            }
        }
        while harvests.join_next().await.is_some() {}
        let _ = (grouping.await, indexing.await);
        if let Err(error) = catalogue.release_all_of(&self.node).await {
            warn!(%error, "the catalogue's leases can't be given back; they end by themselves");
        }
        catalogue.close().await;
    }

    async fn open(&self) -> Result<(Catalogue, Arc<Index>), Error> {
        let catalogue = Catalogue::open(&Catalogue::database(&self.database), Some(self.hub.clone())).await?;
        catalogue.release_all_of(&self.node).await?;
        Ok((catalogue, Arc::new(Index::open(&self.index)?)))
    }

    /// Returns the harvests that are due.
    async fn due(&self, catalogue: &Catalogue, running: &BTreeSet<String>) -> Vec<(String, HarvestSettings, Kind)> {
        let read = async { Ok::<_, Error>((self.hub.institutions().await?, catalogue.sources().await?)) };
        let (institutions, sources) = match read.await {
            Ok(both) => both,
            Err(error) => {
                warn!(%error, "the schedule of harvests can't be read now");
                return Vec::new();
            }
        };
        let now = self.clock.now();
        let due = |institution: &Institution| {
            let code = institution.code.to_string();
            if running.contains(&code) {
                return None;
            }
            let settings = settings_of(institution)?;
            let kind = due_kind(&settings, sources.iter().find(|source| source.institution == code), now)?;
            Some((code, settings, kind))
        };
        institutions.iter().filter_map(due).collect()
    }

    fn harvest(
        &self,
        catalogue: Catalogue,
        institution: String,
        settings: HarvestSettings,
        kind: Kind,
        stopped: watch::Receiver<bool>,
    ) -> impl Future<Output = String> + use<> {
        let (node, clock) = (self.node.clone(), Arc::clone(&self.clock));
        async move {
            let harvest = Harvest {
                catalogue: &catalogue,
                clock,
                client_clock: None,
                node: &node,
                institution: &institution,
                settings: &settings,
            };
            // It has logged and stored its end.
            let _ = harvest.run(kind, &stopped).await;
            institution
        }
    }
}

/// Returns an institution's harvest settings, if it has any that can be used.
pub(crate) fn settings_of(institution: &Institution) -> Option<HarvestSettings> {
    match HarvestSettings::read(institution.settings.as_object()?) {
        Ok(settings) => settings,
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            warn!(institution = %institution.code, faults = faults.join("; "), "the harvest settings can't be used");
            None
        }
    }
}

/// Returns the kind of the harvest that is due now, if one is.
fn due_kind(settings: &HarvestSettings, source: Option<&SourceState>, now: Timestamp) -> Option<Kind> {
    let later = |at: Timestamp, wait: SignedDuration| at.saturating_add(wait).unwrap_or(Timestamp::MAX);
    let Some(source) = source else { return settings.interval_minutes.map(|_| Kind::Full) };
    if source.lease_owner.is_some() && source.lease_until > now {
        return None;
    }
    if let Some(requested) = source.requested {
        return Some(requested);
    }
    let interval = SignedDuration::from_mins(i64::from(settings.interval_minutes?));
    let wait = if source.is_unfinished { interval.min(AFTER_FAILURE) } else { interval };
    if source.last_started_at.is_some_and(|started| later(started, wait) > now) {
        return None;
    }
    let days = settings.full_interval_days.map(|days| SignedDuration::from_hours(24 * i64::from(days)));
    let is_full_due = days.is_some_and(|days| source.last_full_at.is_none_or(|last| later(last, days) <= now));
    Some(if is_full_due { Kind::Full } else { Kind::Changes })
}

/// Groups what harvests have changed, until the node stops.
async fn keep_grouped(catalogue: Catalogue, node: String, clock: Arc<dyn Clock>, mut stopped: watch::Receiver<bool>) {
    loop {
        let result = async {
            // An idle node writes nothing.
            if !catalogue.has_pending().await? {
                return Ok(0);
            }
            match catalogue.lease_grouping(&node, clock.now()).await? {
                Some(lease) => catalogue.group_some(&lease, clock.now()).await,
                None => Ok(0),
            }
        };
        let count = match result.await {
            Ok(count) => count,
            Err(error) => {
                if !error.is_lease_lost() {
                    warn!(%error, "records can't be grouped now");
                }
                0
            }
        };
        let rest = async {
            if count == 0 {
                pause(&catalogue.records_changed).await;
            }
        };
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            () = rest => {}
        }
    }
}

/// Keeps the index at the end of the change feed, until the node stops.
async fn keep_indexed(catalogue: Catalogue, index: Arc<Index>, hub: Store, mut stopped: watch::Receiver<bool>) {
    let mut shown = None;
    loop {
        let result = async {
            // A command next to the hub may have brought the index up to date.
            let position = index.position()?;
            if position != shown {
                index.reload()?;
                shown = position;
            }
            let agencies = agencies(&hub).await?;
            catalogue.index_changes(&index, &agencies).await
        };
        match result.await {
            Ok(_) => {}
            Err(Error::Index(search::Error::Locked { .. })) => {
                info!("a command writes to the search index; the hub continues after it");
            }
            Err(error) => warn!(%error, "the search index can't follow the catalogue now"),
        }
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => break,
            () = pause(&catalogue.groups_changed) => {}
        }
    }
    if let Err(error) = index.close_writer() {
        info!(%error, "the search index was closed in the middle of its work; it goes on at the next start");
    }
}

/// Returns the agencies of the hub, for the index.
///
/// # Errors
///
/// The store can't be read.
pub async fn agencies(hub: &Store) -> Result<Vec<AgencyOf>, Error> {
    let agencies = hub.agencies().await?;
    let of = |agency: &store::Agency| AgencyOf {
        agency: agency.code.to_string(),
        institution: agency.institution.to_string(),
        library: agency.library.as_ref().map(ToString::to_string),
    };
    Ok(agencies.iter().map(of).collect())
}

/// Waits for a change of this process, or until another node may have changed something.
async fn pause(changed: &tokio::sync::Notify) {
    let _ = tokio::time::timeout(INTERVAL, changed.notified()).await;
}

/// Lets all other threads go first. Threads that this one starts have the same priority.
#[cfg(target_os = "linux")]
fn lower_priority() {
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        info!(%error, "the catalogue's threads keep the normal priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can not go on fails")]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_796_000_000 + minute * 60).unwrap()
    }

    fn settings(further: &serde_json::Value) -> HarvestSettings {
        let mut harvest = json!({"url": "https://alma.example.org/oai"});
        harvest.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        HarvestSettings::read(json!({"harvest": harvest}).as_object().unwrap()).unwrap().unwrap()
    }

    fn source() -> SourceState {
        SourceState {
            institution: "01TEST".to_owned(),
            lease_owner: None,
            lease_until: at(0),
            is_unfinished: false,
            last_started_at: Some(at(0)),
            last_full_at: Some(at(0)),
            requested: None,
            judged_by: None,
        }
    }

    #[test]
    fn harvest_is_due_after_its_interval_or_when_somebody_asks() {
        let hourly = settings(&json!({"interval_minutes": 60}));
        assert_eq!(due_kind(&hourly, None, at(0)), Some(Kind::Full));
        assert_eq!(due_kind(&hourly, Some(&source()), at(59)), None);
        assert_eq!(due_kind(&hourly, Some(&source()), at(60)), Some(Kind::Changes));
        let asked = SourceState { requested: Some(Kind::Full), ..source() };
        assert_eq!(due_kind(&settings(&json!({})), Some(&asked), at(1)), Some(Kind::Full));
        assert_eq!(due_kind(&settings(&json!({})), Some(&source()), at(9_999)), None);
    }

    #[test]
    fn unfinished_harvest_is_resumed_sooner_and_a_leased_one_is_left_alone() {
        let daily = settings(&json!({"interval_minutes": 1_440}));
        let unfinished = SourceState { is_unfinished: true, ..source() };
        assert_eq!(due_kind(&daily, Some(&unfinished), at(15)), Some(Kind::Changes));
        let leased = SourceState { lease_owner: Some("node-2".to_owned()), lease_until: at(16), ..unfinished };
        assert_eq!(due_kind(&daily, Some(&leased), at(15)), None);
    }

    #[test]
    fn full_harvest_is_due_after_its_days() {
        let weekly = settings(&json!({"interval_minutes": 60, "full_interval_days": 7}));
        let old = SourceState { last_started_at: Some(at(7 * 1_440 - 60)), ..source() };
        assert_eq!(due_kind(&weekly, Some(&old), at(7 * 1_440)), Some(Kind::Full));
    }
}
