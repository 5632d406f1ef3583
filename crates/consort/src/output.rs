//! Standard output and standard error, whose reader may go away (`consort demo | head -3`) or whose disk may be full.
//!
//! Rust's `print` macros panic in these cases. This module records a closed pipe instead: commands that would continue
//! to run end quietly ([`closed`]), and other commands finish as usual.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, OnceLock};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::failure::{Failure, Result};

static CLOSED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));
/// The reason why a write failed, other than a closed pipe.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Whether results are printed as JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// Sets whether results are printed as JSON.
pub(crate) fn set_json(json: bool) {
    JSON.store(json, Ordering::Relaxed);
}

/// Returns whether results are printed as JSON.
pub(crate) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// Prints a command's result: as JSON, or as text for people.
pub(crate) fn print_result(value: &Value, text: impl FnOnce() -> String) {
    if is_json() {
        print_out(&serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()));
    } else {
        print_out(&text());
    }
}

/// Prints a remark to standard error, where it doesn't disturb a result that a program reads.
pub(crate) fn remark(text: &str) {
    note_to_reader("remark", text.to_owned());
}

/// Prints a warning to standard error.
pub(crate) fn warn(text: &str) {
    note_to_reader("warning", if is_json() { text.to_owned() } else { format!("warning: {text}") });
}

fn note_to_reader(kind: &str, text: String) {
    let text = if is_json() { json!({ kind: text }).to_string() } else { text };
    // Nobody could be notified of a failure.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a paragraph and a line break to standard output.
pub(crate) fn print_out(text: &str) {
    write_text(&format!("{}\n", text.trim_end()));
}

/// Writes text to standard output as it is.
pub(crate) fn write_text(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        note(&error);
    }
}

fn note(error: &io::Error) {
    if error.kind() == io::ErrorKind::BrokenPipe {
        CLOSED.send_replace(true);
    } else {
        let _ = UNWRITTEN.set(error.to_string());
    }
}

/// Returns whether nobody reads standard output or standard error any more, as far as is known.
pub(crate) fn is_closed() -> bool {
    *CLOSED.borrow()
}

/// Fails if a write to standard output failed. A closed pipe doesn't count.
pub(crate) fn check() -> Result<()> {
    match UNWRITTEN.get() {
        None => Ok(()),
        Some(reason) => Err(Failure::new(format!("The output can't be written: {reason}.")).advice(
            "What was asked for may be done all the same: look before you repeat it. Check the disk that the output goes to.",
        )),
    }
}

/// Completes when nobody reads standard output or standard error any more, even if nothing is written.
pub(crate) async fn closed() {
    watch_pipes();
    let mut closed = CLOSED.subscribe();
    let _ = closed.wait_for(|closed| *closed).await;
}

/// Waits on a thread of its own until the other end of a pipe is closed. Files and `/dev/null` are never closed.
#[cfg(unix)]
fn watch_pipes() {
    use std::os::fd::AsFd as _;

    use rustix::event::{PollFd, PollFlags, poll};
    static WATCHING: OnceLock<()> = OnceLock::new();
    if WATCHING.set(()).is_err() {
        return;
    }
    let (out, err) = (io::stdout(), io::stderr());
    let pipes: Vec<_> = [pipe(out.as_fd()), pipe(err.as_fd())].into_iter().flatten().collect();
    if pipes.is_empty() {
        return;
    }
    std::thread::spawn(move || {
        // No event is requested: the system reports errors and the closing of the other end in any case.
        let mut pipes: Vec<_> = pipes.iter().map(|pipe| PollFd::new(pipe, PollFlags::empty())).collect();
        loop {
            match poll(&mut pipes, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        CLOSED.send_replace(true);
    });
}

/// Returns a copy of the descriptor if it is a pipe.
#[cfg(unix)]
fn pipe(output: std::os::fd::BorrowedFd<'_>) -> Option<std::fs::File> {
    use std::os::unix::fs::FileTypeExt as _;
    let file = std::fs::File::from(output.try_clone_to_owned().ok()?);
    file.metadata().ok()?.file_type().is_fifo().then_some(file)
}

#[cfg(not(unix))]
fn watch_pipes() {}

/// Standard error for the log. A write never fails, since nobody could be notified.
#[derive(Debug)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = io::stderr().lock().write_all(bytes)
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            note(&error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
