//! Harvests repositories by OAI-PMH 2.0.
//!
//! Records arrive one by one while a page is still being received, so a harvest needs memory for one record, whatever
//! the size of the pages. The metadata is handed over as bytes, to be parsed by a reader of its format. A harvest
//! survives what real repositories do:
//!
//! - **Crashes.** After each page comes a [`Checkpoint`] that can be stored with the records; [`Client::resume`]
//!   continues after it.
//! - **Refused tokens.** The window begins anew, as near as is safe to the last committed record, and says so.
//! - **Busy servers.** 503 and 429 are waited out as `Retry-After` asks; a broken connection repeats the page.
//! - **Damaged records.** They are set aside with the reason and position; the records after them are read.
//! - **Pages that come again for ever.** The harvest ends with an error instead of running on.
//! - **Answers that aren't OAI-PMH.** Web pages and Alma's plain texts are diagnosed, never read as "nothing new".
//! - **Hostile answers.** Sizes, depths and counts have [`Limits`]; document types, and with them entities, are refused,
//!   and so are redirects to other hosts.
//!
//! # Example
//!
//! ```no_run
//! use oai_pmh::{Client, Event, Selection};
//!
//! # async fn example() -> Result<(), oai_pmh::Error> {
//! let client = Client::builder("https://example.alma.exlibrisgroup.com/view/oai/01EXAMPLE_INST/request").build()?;
//! let mut harvest = client.harvest(Selection { metadata_prefix: "marc21".into(), ..Selection::default() });
//! while let Some(event) = harvest.next().await? {
//!     match event {
//!         Event::Record(record) if record.deleted => println!("{} was deleted", record.identifier),
//!         Event::Record(record) => println!("{}: {} bytes", record.identifier, record.metadata.map_or(0, |xml| xml.len())),
//!         Event::SetAside(place) => eprintln!("byte {}: {}", place.offset, place.fault),
//!         Event::Page(checkpoint) => {
//!             // Commit the records together with the checkpoint, which implements serde's traits. The next incremental
//!             // harvest has `from: checkpoint.next_from()`.
//!             println!("{} of {:?}", checkpoint.records, checkpoint.complete_list_size);
//!         }
//!         Event::Retrying { wait, reason } => eprintln!("{reason}; next try in {wait:?}"),
//!         Event::Restarted { from, text } => eprintln!("begins anew at {from:?}: {text}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`PageReader`] reads pages that were fetched by other means.

mod checkpoint;
mod client;
mod clock;
mod datestamp;
mod diagnosis;
mod error;
mod harvest;
mod limits;
mod names;
mod open_record;
mod page;
mod reader;
mod record;
mod repository;
mod restart;
mod retry;
mod scan;
mod text;
mod verb;

pub use checkpoint::{Checkpoint, Selection};
pub use client::{Client, ClientBuilder};
pub use clock::{Clock, SystemClock};
pub use datestamp::{Granularity, parse_datestamp};
pub use diagnosis::Diagnosis;
pub use error::{Error, Result};
pub use harvest::{Event, Harvest};
pub use limits::Limits;
pub use page::{Item, Page, PageError};
pub use reader::PageReader;
pub use record::{Fault, Record, SetAside};
pub use repository::{DeletedRecords, MetadataFormat, Repository, Set};
pub use retry::RetryPolicy;
pub use verb::Verb;
