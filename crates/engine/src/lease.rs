//! The lease under which an intent is worked on: kept alive while the work goes on, and the work's end where it ran out.

#![allow(
    clippy::disallowed_methods,
    reason = "the loop sleeps by the machine's clock; what is due is decided by the node's"
)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;

use jiff::Timestamp;
use store::Intent;

use crate::engine::Engine;
use crate::error::Error;
use runtime::saturating_add;

impl Engine {
    /// Does `work` on an intent whose lease holds until `until`, and longer as it is renewed.
    ///
    /// A process that was stopped past its lease goes on where it stood, perhaps just before a call that another node
    /// has made meanwhile. So the clock is asked before each step of the work, and nothing more is done once it ran out.
    pub(crate) async fn while_leased<T>(
        &self,
        intent: &Intent,
        until: Timestamp,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let until = AtomicI64::new(until.as_microsecond());
        let lost = || Err(Error::Store(store::Error::LeaseLost));
        let mut work = pin!(work);
        let guarded = poll_fn(|context| {
            if self.runtime.now().as_microsecond() >= until.load(Ordering::Relaxed) {
                return Poll::Ready(lost());
            }
            work.as_mut().poll(context)
        });
        tokio::select! {
            done = guarded => done,
            () = self.keep_lease(intent, &until) => lost(),
        }
    }

    /// Ready only when the lease is lost.
    async fn keep_lease(&self, intent: &Intent, until: &AtomicI64) {
        let beat = self.settings.lease / 3;
        loop {
            tokio::time::sleep(beat).await;
            let next = saturating_add(self.runtime.now(), self.settings.lease);
            match self.runtime.store().renew_lease(intent, next).await {
                Ok(()) => until.store(next.as_microsecond(), Ordering::Relaxed),
                Err(store::Error::LeaseLost) => return,
                // The lease may still hold when the database answers again.
                Err(_) => {}
            }
        }
    }
}
