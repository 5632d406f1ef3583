//! MARC 21 bibliographic records as this project uses them: read, repaired, written.
//!
//! Records arrive as MARCXML (Alma's REST and OAI-PMH answers) or as ISO 2709 files (exports, test data), and leave as
//! MARCXML. Catalogues contain damaged records, so reading never fails as a whole. Each record gives either a [`Read`],
//! whose [`repairs`](Read::repairs) list the corrections, or an [`Error`] with the record and the byte. In both cases
//! the next record is read.
//!
//! - [`iso2709::read_all`], [`iso2709::write`]: the exchange format, in UTF-8 or MARC-8;
//! - [`marcxml::read_all`], [`marcxml::read_one`], [`marcxml::write`]: MARCXML with or without its namespace;
//! - [`Record::builder`]: records made in code;
//! - [`Record::title`], [`Record::author`], [`Record::isbns`], …: what a lending system needs from a record;
//! - [`CompactRecord`]: the same record in few allocations, for catalogues of millions. It gives the
//!   [identifiers](CompactRecord::identifiers), [match keys](CompactRecord::match_keys), [format](CompactRecord::format),
//!   [languages](CompactRecord::languages) and [original scripts](CompactRecord::original_scripts).
//!
//! The text of a [`Record`] is always Unicode; leader position 09 declares that whatever the source was.
//!
//! ```
//! use marc::marcxml::{self, Namespace};
//! use marc::Record;
//!
//! let record = Record::builder()
//!     .control("008", "990802s2000    mau      b    001 0 eng  ")
//!     .data("020", ' ', ' ', [('a', "020161622X")])
//!     .data("245", '1', '4', [('a', "The pragmatic programmer :"), ('b', "from journeyman to master /")])
//!     .build();
//! assert_eq!(record.title().as_deref(), Some("The pragmatic programmer : from journeyman to master"));
//!
//! let written = marcxml::write(&record, Namespace::None);
//! let read = marcxml::read_one(&written.content)?;
//! assert_eq!(read.record, record);
//! assert!(read.repairs.is_empty());
//! # Ok::<(), marc::Error>(())
//! ```

mod build;
pub mod compact;
mod describe;
mod error;
mod fold;
mod format;
pub mod identifiers;
pub mod iso2709;
pub mod keys;
mod leader;
mod linked;
mod marc8;
pub mod marcxml;
mod record;
mod repair;
mod tag;

pub use build::RecordBuilder;
pub use compact::{CompactRecord, FieldRef, SubfieldRef};
pub use error::{Error, ErrorKind, WriteError};
pub use fold::fold;
pub use format::{Carrier, Format, UnknownFormat};
pub use identifiers::{Identifiers, Isbn};
pub use keys::MatchKeys;
pub use leader::{InvalidLeader, Leader};
pub use linked::OriginalScript;
pub use record::{Field, Record, Subfield};
pub use repair::{Place, Read, Repair, RepairKind, Written};
pub use tag::{InvalidTag, Tag};
