//! The priority of the calls that a piece of work makes.

use std::future::Future;

use lending::Priority;

tokio::task_local! {
    static CURRENT: Priority;
}

/// Gives the calls of `work` this priority. Calls of tasks that `work` spawns don't have it.
pub async fn with_priority<F: Future>(priority: Priority, work: F) -> F::Output {
    CURRENT.scope(priority, work).await
}

/// Returns the priority of the running task's calls, for adapters.
pub fn current_priority() -> Priority {
    CURRENT.try_with(|priority| *priority).unwrap_or_default()
}
