//! Changes to the index, and its rebuilding.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use failpoint::Point;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{IndexWriter, TantivyError};

use super::{Generation, Index, directory};
use crate::document::Document;
use crate::error::Error;

/// The memory in which a writer collects entries before it writes them out, in bytes. It is one thread's.
const WRITER_BYTES: usize = 40_000_000;
/// From this number of titles on a part of the index isn't merged any more. It limits the memory and the time of a merge.
const MOST_MERGED: usize = 250_000;

/// A change of one title.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "nearly all changes are documents")]
pub enum Change {
    /// The title is new or changed.
    Upsert(Document),
    /// The title with this id doesn't exist any more.
    Delete(String),
}

/// What an index needs while it is written to.
#[derive(Default)]
pub(super) struct Writing {
    writer: Option<IndexWriter>,
    /// The generation that is being filled next to the one in use.
    rebuilding: Option<String>,
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writing").field("rebuilding", &self.rebuilding).finish_non_exhaustive()
    }
}

/// An index that is being filled from the start, while searches use the one before.
///
/// Dropped without [`finish`](Self::finish), it leaves everything as it was.
pub struct Rebuild<'a> {
    index: &'a Index,
    generation: Generation,
    writer: IndexWriter,
}

impl std::fmt::Debug for Rebuild<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rebuild").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Index {
    /// Applies changes in their order, and commits them together with the position of the change feed after the last of
    /// them. They are visible to searches when the call returns, and durable.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>, position: u64) -> Result<(), Error> {
        self.stage(changes)?;
        self.commit(position)
    }

    /// Takes changes without committing them. They are invisible until [`commit`](Self::commit), and lost if the process ends
    /// before it.
    pub fn stage(&self, changes: impl IntoIterator<Item = Change>) -> Result<(), Error> {
        let mut writing = self.writing.lock();
        let generation = self.generation();
        let writer = self.writer(&mut writing, &generation)?;
        for change in changes {
            match change {
                Change::Upsert(document) => {
                    writer.delete_term(generation.fields.id_term(&document.id));
                    add(writer, &generation, &document)?;
                }
                Change::Delete(id) => {
                    writer.delete_term(generation.fields.id_term(&id));
                }
            }
        }
        Ok(())
    }

    /// Takes titles of which the index has none yet, without committing them. It spares the search for what they replace. Each
    /// id must occur once since the last commit.
    pub fn stage_new(&self, documents: impl IntoIterator<Item = Document>) -> Result<(), Error> {
        let mut writing = self.writing.lock();
        let generation = self.generation();
        let writer = self.writer(&mut writing, &generation)?;
        for document in documents {
            add(writer, &generation, &document)?;
        }
        Ok(())
    }

    /// Commits what was staged together with the position of the change feed that is reached by it.
    pub fn commit(&self, position: u64) -> Result<(), Error> {
        let mut writing = self.writing.lock();
        let generation = self.generation();
        commit(self.writer(&mut writing, &generation)?, position)?;
        generation.reader.reload()?;
        Ok(())
    }

    /// Forgets what was staged since the last commit.
    pub fn rollback(&self) -> Result<(), Error> {
        if let Some(writer) = &mut self.writing.lock().writer {
            writer.rollback()?;
            self.generation().queue.clear();
        }
        Ok(())
    }

    /// Begins to fill a new index next to the one in use.
    pub fn rebuild(&self) -> Result<Rebuild<'_>, Error> {
        let mut writing = self.writing.lock();
        // Holding the writer of the index in use excludes other processes.
        self.writer(&mut writing, &self.generation())?;
        let (name, path) = directory::create_next(&self.directory).map_err(|source| self.io(source))?;
        let generation = Generation::create(&name, &path)?;
        let writer = open_writer(&generation, &path)?;
        writing.rebuilding = Some(name);
        Ok(Rebuild { index: self, generation, writer })
    }

    /// Stops writing and gives the index free for a writer in another process. Staged changes are lost.
    pub fn close_writer(&self) -> Result<(), Error> {
        if let Some(writer) = self.writing.lock().writer.take() {
            writer.wait_merging_threads()?;
        }
        Ok(())
    }

    fn writer<'w>(&self, writing: &'w mut Writing, generation: &Generation) -> Result<&'w mut IndexWriter, Error> {
        if writing.writer.is_none() {
            let writer = open_writer(generation, &self.directory)?;
            let mut kept = vec![generation.name.as_str()];
            kept.extend(writing.rebuilding.as_deref());
            directory::remove_others(&self.directory, &kept).map_err(|source| self.io(source))?;
            return Ok(writing.writer.insert(writer));
        }
        writing.writer.as_mut().ok_or_else(|| Error::Locked { directory: self.directory.clone() })
    }

    fn io(&self, source: std::io::Error) -> Error {
        Error::Io { directory: self.directory.clone(), source }
    }
}

impl Rebuild<'_> {
    /// Adds titles. Each id must occur once in the whole rebuilding.
    pub fn add(&mut self, documents: impl IntoIterator<Item = Document>) -> Result<(), Error> {
        for document in documents {
            add(&self.writer, &self.generation, &document)?;
        }
        Ok(())
    }

    /// Commits the new index with the position of the change feed that it reflects, and puts it in the place of the one
    /// before, which is removed.
    pub fn finish(mut self, position: u64) -> Result<(), Error> {
        commit(&mut self.writer, position)?;
        self.generation.reader.reload()?;
        let Self { index, generation, writer } = self;
        let mut writing = index.writing.lock();
        directory::name_current(&index.directory, &generation.name).map_err(|source| index.io(source))?;
        let name = generation.name.clone();
        *index.live.write() = Arc::new(generation);
        writing.writer = Some(writer);
        writing.rebuilding = None;
        directory::remove_others(&index.directory, &[&name]).map_err(|source| index.io(source))
    }
}

/// Hands the entry of a document over to the indexing thread.
fn add(writer: &IndexWriter, generation: &Generation, document: &Document) -> Result<(), Error> {
    let unreadable =
        |error: serde_json::Error| Error::Unreadable { id: document.id.clone(), reason: error.to_string() };
    let entry = generation.fields.entry(document).map_err(unreadable)?;
    generation.queue.enter();
    writer.add_document(entry)?;
    Ok(())
}

fn open_writer(generation: &Generation, directory: &Path) -> Result<IndexWriter, Error> {
    generation.queue.clear();
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(WRITER_BYTES)
        .build();
    let writer: IndexWriter = match generation.index.writer_with_options(options) {
        Ok(writer) => writer,
        Err(TantivyError::LockFailure(..)) => return Err(Error::Locked { directory: PathBuf::from(directory) }),
        Err(error) => return Err(error.into()),
    };
    let mut merging = LogMergePolicy::default();
    merging.set_max_docs_before_merge(MOST_MERGED);
    writer.set_merge_policy(Box::new(merging));
    Ok(writer)
}

/// Commits with the position as payload: both are written in one file, which replaces the one before in one step.
fn commit(writer: &mut IndexWriter, position: u64) -> Result<(), Error> {
    let mut prepared = writer.prepare_commit()?;
    prepared.set_payload(&position.to_string());
    failpoint::hit(Point::InIndexCommit);
    prepared.commit()?;
    Ok(())
}
