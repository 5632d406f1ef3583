//! Waiting until something shows at the hub: the request is read again and again, and the hub is asked to look, since
//! in production it looks at long intervals.

#![allow(clippy::disallowed_methods, reason = "scenarios wait for other processes, each with a deadline and a message")]

use std::time::Duration;

use lending::Status;
use tokio::time::{Instant, sleep};

use super::{Stage, StageEvent};
use crate::alma::SimAlma;
use crate::failure::{Failure, Result};
use crate::view::RequestView;

/// Between two reads of the request.
const PAUSE: Duration = Duration::from_millis(15);
/// After so many reads the hub is asked to look again.
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

/// What a read of the request means to whoever waits.
enum Seen {
    Enough,
    NotYet,
    /// It can't come any more, since…
    Never(String),
}

impl Stage {
    /// Waits until the request has come to `status` once more, perhaps already beyond it.
    ///
    /// Each time it came to a status counts once: after `until(Resolved)` another `until(Resolved)` waits for the
    /// next supplier, unless the request still stands there.
    ///
    /// # Errors
    /// It ended or needs staff without, or patience is over: where it stands, and why.
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

    /// Waits until `holds` holds for the request; `what` completes "The request didn't …".
    ///
    /// # Errors
    /// Patience is over: where it stands, and why.
    pub async fn until_that(&mut self, what: &str, holds: impl Fn(&RequestView) -> bool) -> Result<RequestView> {
        self.wait(true, what, |request| if holds(request) { Seen::Enough } else { Seen::NotYet }).await
    }

    /// Waits until the hub does nothing about the request and tries nothing again by itself.
    ///
    /// # Errors
    /// Patience is over: where it stands, and why.
    pub async fn settled(&mut self) -> Result<RequestView> {
        self.wait(false, "come to rest", |request| if request.is_busy() { Seen::NotYet } else { Seen::Enough }).await
    }

    /// Waits until the request waits for `on`, such as `lender_system`.
    ///
    /// # Errors
    /// Patience is over: where it stands, and why.
    pub async fn until_waiting_for(&mut self, on: &str) -> Result<RequestView> {
        let waits = |request: &RequestView| request.attention.on.as_deref() == Some(on);
        self.until_that(&format!("wait for {on}"), waits).await
    }

    /// Waits until the hub has polled the items of an Alma twice more, so that it has had the chance to notice what is
    /// there now. Counted at the simulator, since the hub shows nothing of a poll that finds nothing new.
    ///
    /// # Errors
    /// Patience is over.
    pub async fn polled(&self, alma: &SimAlma) -> Result<()> {
        let deadline = Instant::now() + self.patience;
        let before = reads_at(alma).await?;
        // Two polls of two calls each.
        while reads_at(alma).await? < before + 4 {
            if Instant::now() > deadline {
                return Err(Failure::new(format!("The hub doesn't look at {}.", alma.institution)));
            }
            self.hub.poll(self.id()?).await?;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Waits until the hub has had the chance to notice what is at the libraries now, and has done what it makes of
    /// that: it ended, needs staff, was stopped by an Alma that is out of order, or has polled some Alma four times
    /// without coming to another status (a hold counts as gone when it was missed twice in a row).
    ///
    /// # Errors
    /// Patience is over.
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
            // Where one Alma alone is polled, the others' counts stand still.
            if now.iter().zip(&before).any(|(now, before)| *now >= before + 8) {
                return Ok(request);
            }
            if Instant::now() > deadline {
                return Err(Failure::new(format!("The hub doesn't look any more: it is {}.", request.stand())));
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
                // A hub that is being started again doesn't answer; the deadline holds all the same.
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

    /// Notifies the observer of statuses that are new.
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
