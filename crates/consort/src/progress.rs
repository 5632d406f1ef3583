//! A line on standard error that shows that a long command is still at work. It appears only on a terminal.

#![allow(clippy::disallowed_methods, reason = "the line counts the seconds that a person waits")]

use std::io::{IsTerminal as _, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

/// The time after which the line appears. Most commands end before it.
const PATIENCE: Duration = Duration::from_millis(700);
const TICK: Duration = Duration::from_millis(200);

/// The line. It disappears when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What the line shows; nothing once it has disappeared.
    text: Arc<Mutex<Option<String>>>,
    line: Option<JoinHandle<()>>,
}

impl Progress {
    /// Shows what a command is doing until this is dropped.
    pub(crate) fn start(what: impl Into<String>) -> Self {
        let text = Arc::new(Mutex::new(Some(what.into())));
        let shown = Arc::clone(&text);
        let line = std::io::stderr().is_terminal().then(|| tokio::spawn(show(shown)));
        Self { text, line }
    }

    /// Changes the text of the line.
    pub(crate) fn set(&self, what: impl Into<String>) {
        *lock(&self.text) = Some(what.into());
    }
}

fn lock(text: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn show(text: Arc<Mutex<Option<String>>>) {
    tokio::time::sleep(PATIENCE).await;
    let mut ticks = tokio::time::interval(TICK);
    for tick in 0u32.. {
        ticks.tick().await;
        // The lock is held while the line is written, so that none is written after the line has disappeared.
        let shown = lock(&text);
        let Some(what) = shown.as_deref() else { return };
        write(&line_of(what, PATIENCE + TICK * tick));
    }
}

/// Returns the line for the time that has passed. It returns to the beginning of the line, and clears what was there.
fn line_of(text: &str, passed: Duration) -> String {
    format!("\r\x1b[K{text} … {} s", passed.as_secs())
}

fn write(text: &str) {
    let mut err = std::io::stderr().lock();
    // Nobody could be notified of a failure.
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.abort();
            let mut shown = lock(&self.text);
            *shown = None;
            write("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_replaces_the_one_before_and_counts_the_seconds() {
        assert_eq!(line_of("Checking 01X", Duration::from_millis(2_900)), "\r\x1b[KChecking 01X … 2 s");
    }
}
