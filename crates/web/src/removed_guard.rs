//! Removes one check of one operation at run time, so that a test can show that its absence is noticed. Only the feature
//! `removable-guards` has this, which is on in this crate's tests and in no hub.

#[cfg(feature = "removable-guards")]
pub use chosen::{remove_guard, used_guards};

/// Returns whether a test has removed this check of an operation.
#[cfg(not(feature = "removable-guards"))]
pub(crate) const fn is_removed(_operation: &str, _check: &str) -> bool {
    false
}

#[cfg(feature = "removable-guards")]
pub(crate) use chosen::is_removed;

#[cfg(feature = "removable-guards")]
mod chosen {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::sync::LazyLock;

    thread_local! {
        static REMOVED: RefCell<Option<String>> = const { RefCell::new(None) };
        static USED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// The guard that a run of all tests does without.
    static REMOVED_IN_THIS_RUN: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("REMOVED_GUARD").ok());

    /// Removes a guard, written as `operation:check`, for hubs that run on this thread; `None` removes none.
    pub fn remove_guard(guard: Option<&str>) {
        REMOVED.set(guard.map(str::to_owned));
    }

    /// Returns the guards that calls on this thread have met since the last time, and forgets them.
    pub fn used_guards() -> BTreeSet<String> {
        USED.take()
    }

    pub(crate) fn is_removed(operation: &str, check: &str) -> bool {
        let guard = format!("{operation}:{check}");
        let removed = REMOVED.with_borrow(|removed| removed.as_ref() == Some(&guard));
        let removed = removed || REMOVED_IN_THIS_RUN.as_ref() == Some(&guard);
        USED.with_borrow_mut(|used| used.insert(guard));
        removed
    }
}
