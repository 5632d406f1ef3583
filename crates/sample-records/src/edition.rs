//! Editions: what the records of different institutions describe.

use rand::Rng;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::words::{Words, transcribed};

/// The kind of an edition, as leader, 006, 007 and 008 tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A printed book.
    Book,
    /// A book online.
    Ebook,
    /// A printed journal.
    Journal,
    /// A film on disc.
    Video,
    /// Music on disc.
    Audio,
    /// Printed music.
    Score,
    /// A map.
    Map,
}

/// An edition: everything that its records have in common.
#[derive(Debug, Clone)]
pub(crate) struct Edition {
    pub(crate) format: Format,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) volume: Option<u32>,
    pub(crate) surname: String,
    pub(crate) forename: String,
    pub(crate) born: u32,
    pub(crate) publisher: String,
    pub(crate) place: String,
    pub(crate) year: u32,
    pub(crate) number: u32,
    pub(crate) pages: u32,
    pub(crate) language: &'static str,
    /// The first nine digits of the ISBN, or the first seven of the ISSN.
    pub(crate) standard_number: Option<u32>,
    pub(crate) oclc: Option<u32>,
    /// The title in another script, and the script's code.
    pub(crate) original: Option<(String, &'static str)>,
    pub(crate) subjects: Vec<String>,
}

/// The words from which editions are made.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) title: Words,
    surnames: Words,
    forenames: Words,
    publishers: Words,
}

impl Vocabulary {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            title: Words::new(seed ^ 1, 60_000),
            surnames: Words::new(seed ^ 2, 20_000),
            forenames: Words::new(seed ^ 3, 1_500),
            publishers: Words::new(seed ^ 4, 3_000),
        }
    }
}

const LANGUAGES: &[&str] = &["eng", "eng", "eng", "eng", "ger", "fre", "spa", "ita"];

impl Edition {
    pub(crate) fn new(seed: u64, number: u64, words: &Vocabulary) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let rng = &mut rng;
        let format = match rng.random_range(0..100) {
            0..70 => Format::Book,
            70..82 => Format::Ebook,
            82..88 => Format::Journal,
            88..92 => Format::Video,
            92..96 => Format::Audio,
            96..98 => Format::Score,
            _ => Format::Map,
        };
        let count = rng.random_range(2..7);
        let (title, original, language) = if rng.random_range(0..100) < 6 {
            let (original, latin, code) = transcribed(rng, count);
            let language = match code {
                "Cyrl" => "rus",
                "$1" => "chi",
                _ => "ara",
            };
            (latin, Some((original, code)), language)
        } else {
            (words.title.phrase(rng, count), None, LANGUAGES[rng.random_range(0..LANGUAGES.len())])
        };
        let length = rng.random_range(0..8);
        let subtitle = if length > 1 { words.title.phrase(rng, length).to_lowercase() } else { String::new() };
        let has_number = matches!(format, Format::Book | Format::Ebook | Format::Journal);
        // The number of the edition is in it, so that no two editions share one.
        let digits = u32::try_from((number * 7 + 11) % 1_000_000_000).unwrap_or_default();
        let mut subject = || {
            let count = rng.random_range(1..4);
            words.title.phrase(rng, count)
        };
        let subjects = vec![subject(), subject()];
        Self {
            format,
            title,
            subtitle,
            volume: (rng.random_range(0..25) == 0).then(|| rng.random_range(1..9)),
            surname: words.surnames.name(rng),
            forename: words.forenames.name(rng),
            born: rng.random_range(1850..1990),
            publisher: format!(
                "{} {}",
                words.publishers.name(rng),
                ["Press", "Verlag", "Books", "& Sons"][rng.random_range(0..4)]
            ),
            place: words.forenames.name(rng),
            year: rng.random_range(1950..2025),
            number: if rng.random_range(0..5) == 0 { rng.random_range(2..9) } else { 1 },
            pages: rng.random_range(80..900),
            language,
            standard_number: (has_number && rng.random_range(0..10) > 0).then_some(digits),
            oclc: (rng.random_range(0..10) < 7)
                .then(|| u32::try_from(number % 900_000_000).unwrap_or_default() + 1_000_000),
            original,
            subjects,
        }
    }

    /// The ISBN with 13 digits.
    pub(crate) fn isbn13(&self) -> Option<String> {
        let digits = format!("978{:09}", self.standard_number?);
        let sum: u32 = digits
            .bytes()
            .enumerate()
            .map(|(at, digit)| u32::from(digit - b'0') * if at % 2 == 0 { 1 } else { 3 })
            .sum();
        Some(format!("{digits}{}", (10 - sum % 10) % 10))
    }

    /// The ISBN with 10 characters.
    pub(crate) fn isbn10(&self) -> Option<String> {
        let digits = format!("{:09}", self.standard_number?);
        let sum: u32 = digits.bytes().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        let check = (11 - sum % 11) % 11;
        Some(if check == 10 { format!("{digits}X") } else { format!("{digits}{check}") })
    }

    /// The ISSN.
    pub(crate) fn issn(&self) -> Option<String> {
        let digits = format!("{:07}", self.standard_number? % 10_000_000);
        let sum: u32 = digits.bytes().zip((2..=8).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        let check = (11 - sum % 11) % 11;
        let check = if check == 10 { "X".to_owned() } else { check.to_string() };
        Some(format!("{}-{}{check}", &digits[..4], &digits[4..]))
    }
}
