//! Waits until the hub shows a change. It reads the request repeatedly, and makes the hub poll, since in production the
//! hub polls at long intervals.

#![allow(clippy::disallowed_methods, reason = "scenarios wait for other processes, each with a deadline and a message")]

use std::time::Duration;

use lending::Status;
use tokio::time::{Instant, sleep};

use super::{Stage, StageEvent};
use crate::alma::SimAlma;
use crate::failure::{Failure, Result};
use crate::view::RequestView;

/// The pause between two reads of the request.
const PAUSE: Duration = Duration::from_millis(15);
/// The number of reads after which the hub is made to poll again.
const READS_PER_POLL: u32 = 6;
/// The calls by which the hub polls an item: one or both.
const READS: [&str; 2] = [
    "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}",
    "GET /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests",
];

async fn reads_at(alma: &SimAlma) -> Result<u64> {
    let mut reads = 0;
    for call in READS {
        reads += alma.calls_to(call).await?;
    }
    Ok(reads)
}

/// The meaning of a read of the request for the caller that waits.
enum Seen {
    Enough,
    NotYet,
    /// The change can't come any more; the text gives the reason.
    Never(String),
}

impl Stage {
    /// Waits until the request has reached `status` once more. It may already be beyond it.
    ///
    /// Each time the request reached a status counts once: after `until(Resolved)` another `until(Resolved)` waits for
    /// the next supplier, unless the request still has that status.
    ///
    /// # Errors
    /// The request ended or needs staff before, or the time is over. The sentence names its status and the reason.
    pub async fn until(&mut self, status: Status) -> Result<RequestView> {
        let reached = self.reached;
        let request = self
            .wait(true, &format!("come to {status}"), |request| {
                if request.came_to(status, reached).is_some() || request.is(status) {
                    Seen::Enough
                } else if request.is(Status::Finalised) {
                    Seen::Never("it has ended".to_owned())
                } else if request.needs_staff() {
                    Seen::Never("only staff can bring it on".to_owned())
                } else {
                    Seen::NotYet
                }
            })
            .await?;
        self.reached = request.came_to(status, reached).unwrap_or(reached);
        Ok(request)
    }

    /// Waits until `holds` returns true for the request; `what` completes "The request didn't …".
    ///
    /// # Errors
    /// The time is over. The sentence names the request's status and the reason.
    pub async fn until_that(&mut self, what: &str, holds: impl Fn(&RequestView) -> bool) -> Result<RequestView> {
        self.wait(true, what, |request| if holds(request) { Seen::Enough } else { Seen::NotYet }).await
    }

    /// Waits until the hub has no open work for the request and no retry to come.
    ///
    /// # Errors
    /// The time is over. The sentence names the request's status and the reason.
    pub async fn settled(&mut self) -> Result<RequestView> {
        self.wait(false, "come to rest", |request| if request.is_busy() { Seen::NotYet } else { Seen::Enough }).await
    }

    /// Waits until the request waits for `on`, such as `lender_system`.
    ///
    /// # Errors
    /// The time is over. The sentence names the request's status and the reason.
    pub async fn until_waiting_for(&mut self, on: &str) -> Result<RequestView> {
        let waits = |request: &RequestView| request.attention.on.as_deref() == Some(on);
        self.until_that(&format!("wait for {on}"), waits).await
    }

    /// Waits until the hub has polled the items of an Alma twice more, so that it could notice the present state. Polls
    /// are counted at the simulator, since the hub shows nothing of a poll that finds nothing new.
    ///
    /// # Errors
    /// The time is over.
    pub async fn polled(&self, alma: &SimAlma) -> Result<()> {
        let deadline = Instant::now() + self.patience;
        let before = reads_at(alma).await?;
        // Two polls of two calls each.
        while reads_at(alma).await? < before + 4 {
            if Instant::now() > deadline {
                return Err(Failure::new(format!("The hub doesn't poll {}.", alma.institution)));
            }
            self.hub.poll(self.id()?).await?;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Waits until the hub could notice the present state of the libraries and has acted on it. That is so if the
    /// request ended, needs staff or was stopped by an Alma that is out of order, or if the hub has polled some Alma
    /// four times without a change of status (a hold counts as gone once two polls in a row missed it).
    ///
    /// # Errors
    /// The time is over.
    pub async fn noticed(&mut self) -> Result<RequestView> {
        let deadline = Instant::now() + self.patience;
        let begun = self.request().await?.passed().len();
        let mut passed = begun;
        let mut before = self.reads_of_items().await?;
        loop {
            let request = self.request().await?;
            self.note_timeline(&request);
            let stopped = request.passed().len() > begun && request.attention.next_try.is_some();
            if request.is(Status::Finalised) || request.needs_staff() || stopped {
                return Ok(request);
            }
            if request.passed().len() != passed {
                passed = request.passed().len();
                before = self.reads_of_items().await?;
            }
            let now = self.reads_of_items().await?;
            // If only one Alma is polled, the counts of the others don't change.
            if now.iter().zip(&before).any(|(now, before)| *now >= before + 8) {
                return Ok(request);
            }
            if Instant::now() > deadline {
                return Err(Failure::new(format!("The hub doesn't poll any more: it is {}.", request.stand())));
            }
            let _ = self.hub.poll(&request.id).await;
            sleep(2 * PAUSE).await;
        }
    }

    async fn reads_of_items(&self) -> Result<[u64; 3]> {
        let [first, second] = &self.lenders;
        Ok([reads_at(first).await?, reads_at(second).await?, reads_at(&self.borrower).await?])
    }

    async fn wait(&mut self, poll: bool, what: &str, seen: impl Fn(&RequestView) -> Seen) -> Result<RequestView> {
        let deadline = Instant::now() + self.patience;
        let id = self.id()?.to_owned();
        let mut reads = 0_u32;
        loop {
            if poll && reads.is_multiple_of(READS_PER_POLL) {
                // A hub that is being restarted doesn't answer. The deadline applies all the same.
                let _ = self.hub.poll(&id).await;
            }
            reads += 1;
            let read = self.hub.request(&id).await;
            if let Ok(request) = &read {
                self.note_timeline(request);
                match seen(request) {
                    Seen::Enough => return read,
                    Seen::NotYet => {}
                    Seen::Never(reason) => {
                        let stand = request.stand();
                        return Err(Failure::new(format!("The request didn't {what}, and {reason}: it is {stand}.")));
                    }
                }
            }
            if Instant::now() > deadline {
                let (stand, seconds) = (read?.stand(), self.patience.as_secs());
                return Err(Failure::new(format!("The request didn't {what} in {seconds} seconds: it is {stand}.")));
            }
            sleep(PAUSE).await;
        }
    }

    /// Notifies the observer of new statuses.
    fn note_timeline(&mut self, request: &RequestView) {
        let Some(observer) = &self.observer else { return };
        let narrated = self.narrated;
        for row in request.timeline.iter().filter(|row| row.seq > narrated) {
            if let Some(status) = &row.to {
                observer(&StageEvent::Passed { status: status.clone(), reason: row.reason.clone() });
            }
            self.narrated = row.seq;
        }
    }
}
