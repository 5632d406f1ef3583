//! The records of a run: in Consort's index, and as words for the peers.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use marc::CompactRecord;
use sample_records::{Corpus, Options};
use search::{Document, Index, Member};

use super::QUERIES;

/// The records that are given to the index at once.
const TOGETHER: usize = 500;

/// What was made of the records.
pub(super) struct Made {
    pub(super) directory: PathBuf,
    pub(super) queries: Vec<Vec<String>>,
    /// The time to make all of it.
    pub(super) seconds: f64,
}

impl Made {
    pub(super) fn index(&self) -> PathBuf {
        self.directory.join("index")
    }

    /// The words of each title for Zebra, as records of one XML file.
    pub(super) fn xml(&self) -> PathBuf {
        self.directory.join("words").join("records.xml")
    }

    /// The words of each title for PostgreSQL, one line each.
    pub(super) fn lines(&self) -> PathBuf {
        self.directory.join("words.tsv")
    }
}

/// Makes the index, the files of the peers and the queries.
pub(super) fn make(records: u64, directory: &Path, for_peers: bool) -> Result<Made, String> {
    let begun = Instant::now();
    let corpus = Corpus::new(Options { records, damaged: 0, ..Options::default() });
    let queries: Vec<_> = (0..QUERIES).map(|number| corpus.query(number)).collect();
    let mut made = Made { directory: directory.to_owned(), queries, seconds: 0.0 };
    std::fs::create_dir_all(made.xml().with_file_name("")).map_err(|error| error.to_string())?;
    let mut files = if for_peers { Some(Files::create(&made)?) } else { None };
    let index = Index::open(&made.index()).map_err(|error| error.to_string())?;
    let mut rebuild = index.rebuild().map_err(|error| error.to_string())?;
    let mut documents = Vec::with_capacity(TOGETHER);
    for number in 0..records {
        let document = document(&corpus, number)?;
        if let Some(files) = &mut files {
            files.write(number, &document).map_err(|error| error.to_string())?;
        }
        documents.push(document);
        if documents.len() == TOGETHER || number + 1 == records {
            rebuild.add(documents.drain(..)).map_err(|error| error.to_string())?;
        }
    }
    rebuild.finish(1).map_err(|error| error.to_string())?;
    index.close_writer().map_err(|error| error.to_string())?;
    if let Some(files) = files {
        files.finish().map_err(|error| error.to_string())?;
    }
    let lines: String = made.queries.iter().map(|query| query.join(" ") + "\n").collect();
    std::fs::write(directory.join("queries"), lines).map_err(|error| error.to_string())?;
    made.seconds = begun.elapsed().as_secs_f64();
    Ok(made)
}

fn document(corpus: &Corpus, number: u64) -> Result<Document, String> {
    let sample = corpus.record(number, 0);
    let mut record = CompactRecord::default();
    marc::marcxml::read_compact(&sample.marcxml, &[], &mut record).map_err(|error| error.to_string())?;
    let institution = format!("INSTITUTION{}", sample.institution);
    let agencies = [format!("AGENCY{}", sample.institution)];
    let member = Member { record: &record, institution: &institution, agencies: &agencies };
    Ok(Document::of_group(&number.to_string(), record.format(), &[member]))
}

struct Files {
    xml: BufWriter<File>,
    lines: BufWriter<File>,
}

impl Files {
    fn create(made: &Made) -> Result<Self, String> {
        let create = |path: PathBuf| File::create(&path).map(BufWriter::new).map_err(|error| error.to_string());
        let mut files = Self { xml: create(made.xml())?, lines: create(made.lines())? };
        let head = "<records xmlns:z=\"http://indexdata.com/zebra-2.0\">\n";
        files.xml.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
        Ok(files)
    }

    fn write(&mut self, number: u64, document: &Document) -> std::io::Result<()> {
        // Words of the index are letters, digits and marks, so ASCII ones need no escapes.
        let words: Vec<String> = document.words().filter(|word| word.is_ascii()).collect();
        let words = words.join(" ");
        writeln!(self.xml, "<z:record z:id=\"{number}\"><z:index name=\"any:w\">{words}</z:index></z:record>")?;
        writeln!(self.lines, "{number}\t{words}")
    }

    fn finish(mut self) -> std::io::Result<()> {
        self.xml.write_all(b"</records>\n")?;
        self.xml.flush()?;
        self.lines.flush()
    }
}
