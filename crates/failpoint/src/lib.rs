//! Points at which a test ends the process as a loss of power would: by SIGKILL, in the middle of things.
//!
//! Without the feature `armed` a point is nothing. With it, `CONSORT_DIES_AT=before_commit:3` kills the process the
//! third time it comes to that point, and no other time.

/// A moment around a call of a library's system, or around a commit of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Point {
    /// The call is written down as an intent, and not sent yet.
    BeforeSend,
    /// The call was answered, so it is done; of the answer only the head has come.
    AfterSend,
    /// The answer has come, and nothing was made of it.
    AfterAnswer,
    /// All is decided and nothing is stored.
    BeforeCommit,
    /// It is stored, and nobody was reported.
    AfterCommit,
}

impl Point {
    /// Every point.
    pub const ALL: [Self; 5] =
        [Self::BeforeSend, Self::AfterSend, Self::AfterAnswer, Self::BeforeCommit, Self::AfterCommit];

    /// The word for it, such as `before_send`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeSend => "before_send",
            Self::AfterSend => "after_send",
            Self::AfterAnswer => "after_answer",
            Self::BeforeCommit => "before_commit",
            Self::AfterCommit => "after_commit",
        }
    }
}

/// The process has come to a point; it may be its end.
#[cfg(not(feature = "armed"))]
pub fn hit(_point: Point) {}

#[cfg(feature = "armed")]
pub use armed::hit;

#[cfg(feature = "armed")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::Point;

    const VARIABLE: &str = "CONSORT_DIES_AT";

    /// Where this process dies, and how many times it still passes there.
    static END: OnceLock<Option<(Point, AtomicU64)>> = OnceLock::new();

    /// The process has come to a point; it may be its end.
    ///
    /// # Panics
    ///
    /// The variable names no point: a test that kills nothing must not pass.
    pub fn hit(point: Point) {
        let end = END.get_or_init(|| {
            let reported = std::env::var(VARIABLE).ok()?;
            let read = read(&reported);
            assert!(read.is_some(), "{VARIABLE} is {reported}, and should be like before_commit:3");
            read.map(|(point, times)| (point, AtomicU64::new(times)))
        });
        if let Some((fatal, left)) = end
            && *fatal == point
            && left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            let _ = kill_process(getpid(), Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }

    fn read(reported: &str) -> Option<(Point, u64)> {
        let (name, times) = reported.split_once(':')?;
        let point = Point::ALL.into_iter().find(|point| point.name() == name)?;
        Some((point, times.parse().ok().filter(|times| *times > 0)?))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn point_and_number_are_read_and_nonsense_is_refused() {
            assert_eq!(read("before_commit:3"), Some((Point::BeforeCommit, 3)));
            for nonsense in ["", "before_commit", "before_commit:0", "at_noon:1", "before_commit:x"] {
                assert_eq!(read(nonsense), None, "{nonsense}");
            }
        }
    }
}
