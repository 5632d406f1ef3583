//! Invented MARC records in any number, for benchmarks and tests.
//!
//! A [`Corpus`] is determined by its seed, and each record can be made without the others. Words and names follow
//! Zipf's law. Of eight records in a row, one edition is described three times and one twice, by different institutions
//! that catalogue it differently: with or without an ISBN, in either length, with other punctuation, abbreviations and
//! pages. [`Corpus::truth`] is the true edition. Six editions in a hundred have a title in another script, with its
//! transcription. Some records are damaged in one of five ways. In each generation some records change and some are
//! deleted. [`Server`] publishes a corpus by OAI-PMH, with faults by choice.
//!
//! ```
//! use sample_records::{Corpus, Options};
//!
//! let corpus = Corpus::new(Options { seed: 7, records: 100, ..Options::default() });
//! assert_eq!(corpus.record(5, 0), Corpus::new(corpus.options()).record(5, 0));
//! assert_eq!(Corpus::truth(0).0, Corpus::truth(5).0);
//! ```

mod corpus;
mod edition;
mod marcxml;
mod server;
mod words;

pub use corpus::{Corpus, Damage, Options, Sample};
pub use edition::Format;
pub use server::{Faults, Server};
