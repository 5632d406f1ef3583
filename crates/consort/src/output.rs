//! Standard output and standard error, whose reader may go away (`consort demo | head -3`) or whose disk may be full.
//!
//! Rust's `print` macros panic then. Here a closed pipe is noted: commands that would go on running end quietly
//! ([`closed`]), and those that end anyway just end.

use std::io::{self, Write};
use std::sync::{LazyLock, OnceLock};

use tokio::sync::watch;

use crate::failure::{Failure, Result};

static CLOSED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));
/// Why something could not be written, for another reason than a closed pipe.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Writes a paragraph to standard output, and a line break after it.
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

/// Whether nobody reads standard output or standard error any more, as far as is known.
pub(crate) fn is_closed() -> bool {
    *CLOSED.borrow()
}

/// Passes unless something could not be written to standard output, a closed pipe excepted.
pub(crate) fn check() -> Result<()> {
    match UNWRITTEN.get() {
        None => Ok(()),
        Some(reason) => Err(Failure::new(format!("The output can't be written: {reason}.")).advice(
            "What was asked for may be done all the same: look before you repeat it. Check the disk that the output goes to.",
        )),
    }
}

/// Ready when nobody reads standard output or standard error any more, even when nothing is written.
pub(crate) async fn closed() {
    watch_pipes();
    let mut closed = CLOSED.subscribe();
    let _ = closed.wait_for(|closed| *closed).await;
}

/// Waits on a thread of its own for the other end of a pipe to be closed. Files and `/dev/null` are never closed.
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
        // Nothing is asked for: an error or the end of the other side is answered nevertheless.
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

/// The same pipe, where it is one.
#[cfg(unix)]
fn pipe(output: std::os::fd::BorrowedFd<'_>) -> Option<std::fs::File> {
    use std::os::unix::fs::FileTypeExt as _;
    let file = std::fs::File::from(output.try_clone_to_owned().ok()?);
    file.metadata().ok()?.file_type().is_fifo().then_some(file)
}

#[cfg(not(unix))]
fn watch_pipes() {}

/// Standard error for the log, which never fails: nobody could be reported.
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
