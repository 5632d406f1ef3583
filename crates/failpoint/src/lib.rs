//! Points at which a test kills the process with SIGKILL in the middle of its work, like a power failure.
//!
//! Without the feature `armed` a point does nothing. With it, `CONSORT_DIES_AT=before_commit:3` kills the process the
//! third time it reaches that point.

/// A moment around a call of a library's system, around a commit of the store or the search index, or in a replacement of the
/// master key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Point {
    /// The call is recorded as an intent, and not sent yet.
    BeforeSend,
    /// The call was answered, so it is done. Only the head of the answer has arrived.
    AfterSend,
    /// The answer has arrived, and nothing has been done with it.
    AfterAnswer,
    /// The decision is written, and the transaction, which may hold others too, is not committed (embedded database only).
    InSharedCommit,
    /// The decision is complete, and nothing is stored.
    BeforeCommit,
    /// The decision is stored, and nobody has been notified.
    AfterCommit,
    /// Some text is sealed with a new master key, and the next rows are about to be.
    InKeyRotation,
    /// Harvested records and their checkpoint are ready, and nothing of them is stored.
    BeforeRecordsStored,
    /// Harvested records and their checkpoint are stored, and nobody has been notified.
    AfterRecordsStored,
    /// The groups of some records are decided, and nothing of that is stored.
    BeforeGroupsStored,
    /// The groups of some records are stored, and nobody has been notified.
    AfterGroupsStored,
    /// Changes of the search index are written, and the position of the change feed is not committed yet.
    InIndexCommit,
    /// A rebuilt search index is complete, and not in use yet.
    BeforeIndexSwap,
}

impl Point {
    /// Every point.
    pub const ALL: [Self; 13] = [
        Self::BeforeSend,
        Self::AfterSend,
        Self::AfterAnswer,
        Self::InSharedCommit,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::InKeyRotation,
        Self::BeforeRecordsStored,
        Self::AfterRecordsStored,
        Self::BeforeGroupsStored,
        Self::AfterGroupsStored,
        Self::InIndexCommit,
        Self::BeforeIndexSwap,
    ];

    /// Returns its name, such as `before_send`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeSend => "before_send",
            Self::AfterSend => "after_send",
            Self::AfterAnswer => "after_answer",
            Self::InSharedCommit => "in_shared_commit",
            Self::BeforeCommit => "before_commit",
            Self::AfterCommit => "after_commit",
            Self::InKeyRotation => "in_key_rotation",
            Self::BeforeRecordsStored => "before_records_stored",
            Self::AfterRecordsStored => "after_records_stored",
            Self::BeforeGroupsStored => "before_groups_stored",
            Self::AfterGroupsStored => "after_groups_stored",
            Self::InIndexCommit => "in_index_commit",
            Self::BeforeIndexSwap => "before_index_swap",
        }
    }
}

/// Marks that the process has reached a point, and may kill it.
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

    /// The point at which this process dies, and the number of visits until then.
    static END: OnceLock<Option<(Point, AtomicU64)>> = OnceLock::new();

    /// Marks that the process has reached a point, and may kill it.
    ///
    /// # Panics
    ///
    /// If the variable names no point: a test that kills nothing must not pass.
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
