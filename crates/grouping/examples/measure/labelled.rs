//! Reads labelled pairs with their records, and counts how groups agree with the labels.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use grouping::{Keys, group};
use marc::CompactRecord;

/// A labelled pair.
pub(crate) struct Pair {
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) label: String,
    pub(crate) reason: String,
}

/// The records and pairs of a directory in the form that its README describes.
pub(crate) struct Labelled {
    pub(crate) records: Vec<(String, Keys)>,
    pub(crate) pairs: Vec<Pair>,
}

/// The counts of one part of the pairs.
#[derive(Default, Debug)]
pub(crate) struct Counts {
    /// Pairs of one edition, and those of them in one group.
    pub(crate) positives: usize,
    pub(crate) found: usize,
    /// The same without copies of one record.
    pub(crate) hard_positives: usize,
    pub(crate) hard_found: usize,
    /// Pairs that are not of one edition, by label, and those of them in one group.
    pub(crate) negatives: BTreeMap<String, (usize, usize)>,
}

impl Labelled {
    pub(crate) fn read(directory: &Path) -> Result<Self, String> {
        let text = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
        let pairs = String::from_utf8(text(&directory.join("pairs.tsv"))?).map_err(|error| error.to_string())?;
        let pairs = pairs.lines().skip(1).filter_map(|line| {
            let mut cells = line.split('\t').map(str::to_owned);
            Some(Pair { a: cells.next()?, b: cells.next()?, label: cells.next()?, reason: cells.next()? })
        });
        let mut records = Vec::new();
        let mut files: Vec<_> = std::fs::read_dir(directory.join("records"))
            .map_err(|error| error.to_string())?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        files.sort();
        for file in files {
            for read in marc::iso2709::read_all(&text(&file)?).flatten() {
                let compact = CompactRecord::from(&read.record);
                let id = compact.subfield("901", 'a').ok_or_else(|| format!("{}: no 901", file.display()))?.to_owned();
                records.push((id, Keys::of(&compact)));
            }
        }
        Ok(Self { records, pairs: pairs.collect() })
    }

    /// Groups all records, and returns each record's group.
    pub(crate) fn groups(&self) -> HashMap<String, usize> {
        let places: BTreeMap<usize, Keys> = self.records.iter().map(|(_, keys)| keys.clone()).enumerate().collect();
        let members = group(&places).into_iter().enumerate();
        members
            .flat_map(|(number, group)| group.into_iter().map(move |at| (at, number)))
            .filter_map(|(at, number)| Some((self.records.get(at)?.0.clone(), number)))
            .collect()
    }
}

/// Returns whether the pair belongs to the part that no rule was tuned on.
pub(crate) fn is_test(pair: &Pair) -> bool {
    [&pair.a, &pair.b].iter().any(|id| id.starts_with("qacat:") || id.starts_with("marc4j-austen:"))
}

/// Returns whether the pair is one record in two data sets.
pub(crate) fn is_copy(pair: &Pair) -> bool {
    pair.reason.starts_with("copy of one record") || pair.reason.starts_with("same record; the second")
}

impl Counts {
    pub(crate) fn add(&mut self, pair: &Pair, together: bool) {
        let one = usize::from(together);
        match pair.label.as_str() {
            "unsure" => {}
            "same_edition" => {
                self.positives += 1;
                self.found += one;
                if !is_copy(pair) {
                    self.hard_positives += 1;
                    self.hard_found += one;
                }
            }
            label => {
                let (all, wrong) = self.negatives.entry(label.to_owned()).or_default();
                *all += 1;
                *wrong += one;
            }
        }
    }

    pub(crate) fn wrong(&self) -> usize {
        self.negatives.values().map(|(_, wrong)| wrong).sum()
    }

    /// Precision and recall, without copies.
    pub(crate) fn hard(&self) -> (f64, f64) {
        ratio(self.hard_found, self.hard_found + self.wrong(), self.hard_positives)
    }

    /// Precision and recall, with copies.
    pub(crate) fn all(&self) -> (f64, f64) {
        ratio(self.found, self.found + self.wrong(), self.positives)
    }
}

fn ratio(found: usize, together: usize, positives: usize) -> (f64, f64) {
    let part = |a: usize, b: usize| {
        f64::from(u32::try_from(a).unwrap_or(u32::MAX)) / f64::from(u32::try_from(b.max(1)).unwrap_or(u32::MAX))
    };
    (part(found, together), part(found, positives))
}
