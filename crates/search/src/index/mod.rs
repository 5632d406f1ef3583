//! The index in its directory: opened, changed, rebuilt.

mod directory;
mod queue;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tantivy::collector::TopDocs;
use tantivy::query::TermQuery;
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::store::Compressor;
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{DocAddress, IndexReader, IndexSettings, ReloadPolicy, Searcher, TantivyDocument};

pub(crate) use schema::{Fields, Key};
pub use writer::{Change, Rebuild};

use crate::analysis::Words;
use crate::document::Brief;
use crate::error::Error;
use queue::{Ids, Queue};
use writer::Writing;

/// The size of a block of stored titles before compression, in bytes: larger ones are smaller on disk and slower to read. The
/// titles of a page are in as many blocks.
const BLOCK_BYTES: usize = 16 * 1024;
/// Blocks of stored titles that each part of the index keeps in memory.
const BLOCKS_IN_MEMORY: usize = 8;

/// The search index in one directory.
///
/// It can be used from several threads. Searches see the last commit, and never wait for a writer. One process at a time
/// can write; others can open the index and search it.
#[derive(Debug)]
pub struct Index {
    directory: PathBuf,
    live: RwLock<Arc<Generation>>,
    writing: Mutex<Writing>,
}

/// A title that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The id of the title.
    pub id: String,
    /// Its brief form.
    pub brief: Brief,
    /// Its display record, if it was asked for.
    pub record: Option<marc::CompactRecord>,
}

/// One complete index with its reader.
pub(crate) struct Generation {
    name: String,
    index: tantivy::Index,
    reader: IndexReader,
    queue: Queue,
    pub(crate) fields: Fields,
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index in a directory, or creates an empty one. An index of another version is left where it is, and an
    /// empty one takes its place: [`position`](Self::position) is then `None`.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { directory: directory.to_owned(), source };
        let generation = match directory::current(directory).map_err(io)? {
            Some(name) => Generation::open(&name, &directory.join(&name))
                .map_err(|reason| Error::Damaged { directory: directory.to_owned(), reason: reason.to_string() })?,
            None => {
                let (name, path) = directory::create_next(directory).map_err(io)?;
                let generation = Generation::create(&name, &path)?;
                directory::name_current(directory, &name).map_err(io)?;
                generation
            }
        };
        Ok(Self {
            directory: directory.to_owned(),
            live: RwLock::new(Arc::new(generation)),
            writing: Mutex::new(Writing::default()),
        })
    }

    /// Returns the position in the change feed that the last commit reflects. An index that was never filled has none.
    pub fn position(&self) -> Result<Option<u64>, Error> {
        self.generation().position()
    }

    /// Returns the number of titles.
    #[must_use]
    pub fn titles(&self) -> u64 {
        self.searcher().num_docs()
    }

    /// Returns the title with this id, or the one that has taken its records, whose id is another one. The display record is
    /// read only on demand.
    pub fn title(&self, id: &str, with_record: bool) -> Result<Option<Found>, Error> {
        let generation = self.generation();
        let searcher = generation.searcher();
        for term in [generation.fields.id_term(id), generation.fields.key_term(Key::FormerId, id)] {
            let query = TermQuery::new(term, IndexRecordOption::Basic);
            let found = searcher.search(&query, &TopDocs::with_limit(1).order_by_score())?;
            if let Some((_, address)) = found.first() {
                return generation.found(&searcher, *address, with_record).map(Some);
            }
        }
        Ok(None)
    }

    /// Makes commits of another process visible. Those of this process are visible at once.
    pub fn reload(&self) -> Result<(), Error> {
        let io = |source| Error::Io { directory: self.directory.clone(), source };
        let named = directory::current(&self.directory).map_err(io)?;
        let generation = self.generation();
        match named.filter(|name| *name != generation.name) {
            Some(name) => {
                let opened = Generation::open(&name, &self.directory.join(&name))?;
                *self.live.write() = Arc::new(opened);
            }
            None => generation.reader.reload()?,
        }
        Ok(())
    }

    pub(crate) fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.live.read())
    }

    fn searcher(&self) -> Searcher {
        self.generation().searcher()
    }
}

impl Generation {
    fn create(name: &str, path: &Path) -> Result<Self, tantivy::TantivyError> {
        let settings = IndexSettings {
            docstore_compression: Compressor::Lz4,
            docstore_blocksize: BLOCK_BYTES,
            ..IndexSettings::default()
        };
        let index = tantivy::Index::builder().schema(Fields::new().schema).settings(settings).create_in_dir(path)?;
        Self::with(name, index)
    }

    fn open(name: &str, path: &Path) -> Result<Self, tantivy::TantivyError> {
        Self::with(name, tantivy::Index::open_in_dir(path)?)
    }

    fn with(name: &str, index: tantivy::Index) -> Result<Self, tantivy::TantivyError> {
        index.tokenizers().register(schema::TOKENIZER, TextAnalyzer::from(Words));
        let queue = Queue::default();
        index.tokenizers().register(schema::ID_TOKENIZER, TextAnalyzer::from(Ids::new(queue.clone())));
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(BLOCKS_IN_MEMORY)
            .try_into()?;
        Ok(Self { name: name.to_owned(), index, reader, queue, fields: Fields::new() })
    }

    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    fn position(&self) -> Result<Option<u64>, Error> {
        let payload = self.index.load_metas()?.payload;
        Ok(payload.and_then(|position| position.parse().ok()))
    }

    /// Reads the stored form of a title.
    pub(crate) fn found(&self, searcher: &Searcher, address: DocAddress, with_record: bool) -> Result<Found, Error> {
        let entry: TantivyDocument = searcher.doc(address)?;
        let id = entry.get_first(self.fields.id).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        let unreadable = |reason: String| Error::Unreadable { id: id.clone(), reason };
        let bytes = |field| entry.get_first(field).and_then(|value| value.as_bytes()).unwrap_or_default();
        let brief = serde_json::from_slice(bytes(self.fields.brief)).map_err(|error| unreadable(error.to_string()))?;
        let record = if with_record {
            Some(
                marc::CompactRecord::decode(bytes(self.fields.record))
                    .map_err(|error| unreadable(error.to_string()))?,
            )
        } else {
            None
        };
        Ok(Found { id, brief, record })
    }
}
