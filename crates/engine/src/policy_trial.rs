//! Tries a policy for the choice of the supplier on choices of the past. It changes nothing.

use jiff::Timestamp;
use lending::supplier::{PolicyTrial, SupplierPolicy};
use store::ChoiceCursor;

use crate::engine::Engine;
use crate::error::Error;

/// The largest number of choices that a trial compares.
const MOST_CHOICES: u32 = 20_000;
/// How many choices are in memory at once.
const AT_ONCE: u32 = 200;

/// A policy that was tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TriedPolicy {
    /// The results.
    pub trial: PolicyTrial,
    /// Whether all choices since then were compared; otherwise only the oldest 20,000.
    pub is_complete: bool,
}

impl Engine {
    /// Compares the first choice for each request since a time with the choice of another policy. Later choices for the same
    /// request depend on the first one, so they are left out.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the choices can't be read.
    pub async fn try_supplier_policy(&self, policy: SupplierPolicy, since: Timestamp) -> Result<TriedPolicy, Error> {
        let mut trial = PolicyTrial::new(policy);
        let mut next = Some(ChoiceCursor::since(since));
        while let Some(cursor) = next.take() {
            if trial.choices >= MOST_CHOICES {
                return Ok(TriedPolicy { trial, is_complete: false });
            }
            let (choices, after) = self.store().first_choices(&cursor, AT_ONCE).await?;
            for stored in &choices {
                trial.add(stored.request, stored.at, &stored.record);
            }
            next = after;
            // Other work of this node goes first.
            tokio::task::yield_now().await;
        }
        Ok(TriedPolicy { trial, is_complete: true })
    }
}
