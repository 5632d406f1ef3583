//! The answers of one engine, and what they took.

use std::path::Path;

/// The answers of one engine to all queries.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    /// The number of results of each query.
    pub(super) counts: Vec<u64>,
    /// The time of each query, in milliseconds.
    pub(super) millis: Vec<f64>,
    /// The size of its index on disk.
    pub(super) bytes: u64,
    /// The anonymous memory of the process that searched.
    pub(super) memory_mb: u64,
}

impl Answers {
    /// Takes the shorter time of each query from another round of the same engine.
    pub(super) fn shorten(&mut self, other: &Self) {
        for (millis, repeated) in self.millis.iter_mut().zip(&other.millis) {
            *millis = millis.min(*repeated);
        }
        self.memory_mb = self.memory_mb.max(other.memory_mb);
    }

    pub(super) fn p99(&self) -> f64 {
        self.percentile(0.99)
    }

    fn percentile(&self, part: f64) -> f64 {
        let mut sorted = self.millis.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len() as f64 * part) as usize;
        sorted.get(at).or(sorted.last()).copied().unwrap_or_default()
    }

    pub(super) fn row(&self, name: &str) -> Vec<String> {
        let seconds = self.millis.iter().sum::<f64>() / 1e3;
        vec![
            name.to_owned(),
            format!("{:.2}", self.percentile(0.5)),
            format!("{:.1}", self.p99()),
            format!("{:.1}", self.percentile(1.0)),
            format!("{:.0}", self.millis.len() as f64 / seconds.max(f64::EPSILON)),
            format!("{} MB", megabytes(self.bytes)),
            format!("{} MB", self.memory_mb),
        ]
    }

    /// Compares the counts with a peer's. The peer may have answered fewer queries.
    pub(super) fn must_count_as(&self, peer: &Self, queries: &[Vec<String>], name: &str) -> Result<(), String> {
        if peer.counts.is_empty() {
            return Err(format!("{name} answered no query"));
        }
        for ((ours, theirs), query) in self.counts.iter().zip(&peer.counts).zip(queries) {
            if ours != theirs {
                return Err(format!("{query:?}: Consort counts {ours}, {name} {theirs}"));
            }
        }
        Ok(())
    }
}

/// Rounds bytes to MB.
pub(super) fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

/// Returns the size of all files below a directory.
pub(super) fn size_of(directory: &Path) -> Result<u64, String> {
    let unreadable = |error: std::io::Error| format!("{} can't be read: {error}", directory.display());
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let metadata = entry.metadata().map_err(unreadable)?;
        bytes += if metadata.is_dir() { size_of(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
