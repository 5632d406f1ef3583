//! The lease of an intent. It is renewed while the work continues, and the work ends if the lease runs out.

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
    /// Runs `work` on an intent whose lease lasts until `until`, or longer once it is renewed.
    ///
    /// A process that was stopped past its lease continues where it stood, perhaps just before a call that another node
    /// has made in the meantime. So the clock is checked before each step of the work, and the work ends once the lease
    /// has run out.
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

    /// Completes only when the lease is lost.
    async fn keep_lease(&self, intent: &Intent, until: &AtomicI64) {
        let beat = self.settings.lease / 3;
        loop {
            tokio::time::sleep(beat).await;
            let next = saturating_add(self.runtime.now(), self.settings.lease);
            match self.runtime.store().renew_lease(intent, next).await {
                Ok(()) => until.store(next.as_microsecond(), Ordering::Relaxed),
                Err(store::Error::LeaseLost) => return,
                // The lease may still be valid when the database answers again.
                Err(_) => {}
            }
        }
    }
}
