//! Why the index gave no answer.

use std::path::PathBuf;

/// A failure of the index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The page lies too far from the first result.
    #[error(
        "the index gives the first {most} results, and the page ends at result {end}: narrow the search by more words or a filter"
    )]
    TooFar {
        /// The number of the last result that was asked for.
        end: usize,
        /// The number of the last result that can be had.
        most: usize,
    },
    /// The index can't be opened.
    #[error(
        "the search index in {directory} can't be opened: {reason}. It holds nothing of its own: stop the hub, remove the directory, and start it to fill it from the catalogue"
    )]
    Damaged {
        /// The directory of the index.
        directory: PathBuf,
        /// The reason that was found.
        reason: String,
    },
    /// Another process writes to the index.
    #[error("another process writes to the search index in {directory}: stop it first")]
    Locked {
        /// The directory of the index.
        directory: PathBuf,
    },
    /// A stored title isn't readable.
    #[error("the index holds an unreadable entry for title {id}: {reason}")]
    Unreadable {
        /// The id of the title.
        id: String,
        /// The reason that was found.
        reason: String,
    },
    /// A file couldn't be read or written.
    #[error("the search index in {directory} can't be read or written")]
    Io {
        /// The directory of the index.
        directory: PathBuf,
        /// The reason of the operating system.
        source: std::io::Error,
    },
    /// The search library failed.
    #[error("the search index failed")]
    Engine(#[from] tantivy::TantivyError),
}
