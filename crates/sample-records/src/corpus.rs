//! The records of a corpus in each of its generations.

use rand::Rng;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::edition::{Edition, Vocabulary};
use crate::marcxml::{Local, write};

/// What a corpus consists of.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The seed. The same seed gives the same records.
    pub seed: u64,
    /// The number of records, deleted ones included.
    pub records: u64,
    /// Damaged records in 10,000 (default 10).
    pub damaged: u64,
    /// Records that change from one generation to the next, in 10,000 (default 100).
    pub changed: u64,
    /// Records that are deleted from one generation to the next, in 10,000 (default 10).
    pub deleted: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, records: 1000, damaged: 10, changed: 100, deleted: 10 }
    }
}

/// A seeded collection of records. Each record can be made without the others.
///
/// Generation 0 is the first state. In each later one some records have changed and some are deleted; see [`Options`].
#[derive(Debug)]
pub struct Corpus {
    options: Options,
    words: Vocabulary,
}

/// A record of a corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The position in the corpus.
    pub index: u64,
    /// The control number, which is also the last part of the OAI identifier.
    pub control_number: String,
    /// The true edition: records with the same number describe the same edition in the same format.
    pub edition: u64,
    /// The institution, from 0.
    pub institution: u32,
    /// Whether it is deleted.
    pub deleted: bool,
    /// The damage of its MARCXML.
    pub damage: Option<Damage>,
    /// The MARCXML; empty if the record is deleted. Damaged records may not be UTF-8.
    pub marcxml: Vec<u8>,
}

/// The ways in which a record is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A byte that isn't UTF-8 in the title.
    InvalidByte,
    /// An element isn't closed.
    UnclosedElement,
    /// The leader is missing.
    NoLeader,
    /// A tag with two characters.
    ShortTag,
    /// A control character that XML 1.0 doesn't allow.
    ControlCharacter,
}

const DAMAGES: [Damage; 5] =
    [Damage::InvalidByte, Damage::UnclosedElement, Damage::NoLeader, Damage::ShortTag, Damage::ControlCharacter];

/// The editions of eight records in a row, and the institutions that have them: one edition is held by three
/// institutions, one by two, and three by one.
const EDITIONS: [u64; 8] = [0, 1, 2, 3, 4, 0, 0, 1];
const INSTITUTIONS: [u32; 8] = [0, 0, 0, 1, 1, 1, 2, 2];

/// Mixes numbers to one that looks random.
fn mix(parts: [u64; 4]) -> u64 {
    let mut state = 0_u64;
    for part in parts {
        state = (state ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^= state >> 31;
    }
    state
}

impl Corpus {
    /// Returns a corpus.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, words: Vocabulary::new(options.seed) }
    }

    /// What the corpus consists of.
    #[must_use]
    pub fn options(&self) -> Options {
        self.options
    }

    /// Returns the edition and the institution of a record.
    #[must_use]
    pub fn truth(index: u64) -> (u64, u32) {
        let place = usize::try_from(index % 8).unwrap_or_default();
        (index / 8 * 5 + EDITIONS[place], INSTITUTIONS[place])
    }

    /// Returns the words of a query: one to three different ones, as frequent in queries as they are in titles. They are
    /// ASCII, so that every search engine takes them for the same words.
    #[must_use]
    pub fn query(&self, number: u64) -> Vec<String> {
        let mut rng = StdRng::seed_from_u64(mix([self.options.seed, number, 0, 4]));
        let count = rng.random_range(1..=3);
        let mut words: Vec<String> = Vec::with_capacity(count);
        while words.len() < count {
            let word = self.words.title.pick(&mut rng);
            if word.is_ascii() && !words.iter().any(|other| other == word) {
                words.push(word.to_owned());
            }
        }
        words
    }

    /// Returns the last generation, up to this one, in which a record was changed or deleted, and its state since then:
    /// how often it has changed, and whether it is deleted.
    #[must_use]
    pub fn state(&self, index: u64, generation: u32) -> (u32, u32, bool) {
        let (mut last, mut version) = (0, 0);
        for each in 1..=generation {
            let chance = mix([self.options.seed, index, u64::from(each), 1]) % 10_000;
            if chance < self.options.deleted {
                return (each, version, true);
            }
            if chance < self.options.deleted + self.options.changed {
                (last, version) = (each, version + 1);
            }
        }
        (last, version, false)
    }

    /// Makes a record as it is in a generation.
    #[must_use]
    pub fn record(&self, index: u64, generation: u32) -> Sample {
        let (_, version, deleted) = self.state(index, generation);
        let (edition, institution) = Self::truth(index);
        let control_number = format!("99{index:011}");
        let mut sample =
            Sample { index, control_number, edition, institution, deleted, damage: None, marcxml: Vec::new() };
        if deleted {
            return sample;
        }
        let seed = self.options.seed;
        let mut rng = StdRng::seed_from_u64(mix([seed, index, u64::from(version), 2]));
        let described = Edition::new(seed, edition, &self.words);
        let local = Local { index, control_number: &sample.control_number, version, institution };
        sample.marcxml.reserve(4096);
        write(&mut sample.marcxml, &described, &local, &self.words, &mut rng);
        let chance = mix([seed, index, 0, 3]);
        if chance % 10_000 < self.options.damaged {
            let damage = DAMAGES[rng.random_range(0..DAMAGES.len())];
            sample.damage = Some(damage);
            spoil(&mut sample.marcxml, damage);
        }
        sample
    }
}

/// Damages a record.
fn spoil(xml: &mut Vec<u8>, damage: Damage) {
    let (find, with): (&str, &[u8]) = match damage {
        Damage::InvalidByte => ("<subfield code=\"c\">", b"<subfield code=\"c\">\xE9"),
        Damage::UnclosedElement => ("</subfield>", b""),
        Damage::NoLeader => ("<leader>", b"<other>"),
        Damage::ShortTag => ("tag=\"300\"", b"tag=\"30\""),
        Damage::ControlCharacter => ("<subfield code=\"a\">", b"<subfield code=\"a\">\x1F"),
    };
    if let Some(at) = xml.windows(find.len()).position(|window| window == find.as_bytes()) {
        xml.splice(at..at + find.len(), with.iter().copied());
    }
    if damage == Damage::NoLeader
        && let Some(at) = xml.windows(9).position(|window| window == b"</leader>")
    {
        xml.splice(at..at + 9, b"</other>".iter().copied());
    }
}
