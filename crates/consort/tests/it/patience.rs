//! Waiting for other processes.

use std::fmt::Display;
use std::time::Duration;

/// How long a test waits for another process before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

/// Repeats the attempt until it succeeds, and returns its value. If no attempt succeeds within [`PATIENCE`], the test
/// fails.
///
/// `what` names what the test waits for, such as "the hub answers". An attempt's error says what the attempt has found
/// instead. The message of the failure consists of `what` and the last error.
///
/// An attempt may itself wait, for instance for the end of a child process. It is dropped when the time is over.
///
/// The test waits for another process, and nothing notifies this process of a change there. That is why there is a
/// short pause between two attempts. The pause is awaited, so that other tasks of the test run meanwhile.
pub(crate) async fn eventually<T, E: Display>(what: &str, attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    eventually_within(PATIENCE, what, attempt).await
}

/// As [`eventually`], with a limit of its own. It is for a test in which a change that comes later would prove nothing.
pub(crate) async fn eventually_within<T, E: Display>(
    limit: Duration,
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let mut last_error = None;
    let attempts = async {
        let mut pause = tokio::time::interval(BETWEEN_ATTEMPTS);
        loop {
            match attempt().await {
                Ok(value) => break value,
                Err(error) => last_error = Some(error),
            }
            // The pause begins now, however long the attempt has taken.
            pause.reset();
            pause.tick().await;
        }
    };
    let succeeded = tokio::time::timeout(limit, attempts).await;
    match (succeeded, last_error) {
        (Ok(value), _) => value,
        (Err(_), Some(error)) => panic!("{what}: this has not happened within {limit:?}. Last found: {error}"),
        (Err(_), None) => panic!("{what}: this has not happened within {limit:?}. No attempt came to its end."),
    }
}
