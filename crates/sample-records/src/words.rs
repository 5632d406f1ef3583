//! Invented words and names whose frequencies follow Zipf's law.

use rand::Rng;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A list of invented words, the most frequent first.
#[derive(Debug)]
pub(crate) struct Words(Vec<String>);

const ONSETS: &[&str] = &[
    "b", "br", "c", "ch", "d", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w", "z",
];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u", "ae", "ei", "ou", "é", "ü", "ö", "å"];
const ENDS: &[&str] = &["", "", "n", "r", "s", "l", "t", "nd", "rk", "m"];

/// Letters of other scripts, each with the Latin text that transcribes it.
const SCRIPTS: &[(&str, &[(&str, &str)])] = &[
    (
        "Cyrl",
        &[
            ("ро", "ro"),
            ("ми", "mi"),
            ("ста", "sta"),
            ("вер", "ver"),
            ("ка", "ka"),
            ("ло", "lo"),
            ("жи", "zhi"),
            ("ни", "ni"),
            ("го", "go"),
            ("чу", "chu"),
        ],
    ),
    (
        "$1",
        &[
            ("中", "zhong"),
            ("国", "guo"),
            ("文", "wen"),
            ("学", "xue"),
            ("史", "shi"),
            ("大", "da"),
            ("書", "shu"),
            ("山", "shan"),
            ("水", "shui"),
            ("人", "ren"),
        ],
    ),
    (
        "(3",
        &[
            ("كتا", "kita"),
            ("تا", "ta"),
            ("ريخ", "rikh"),
            ("علم", "ilm"),
            ("أدب", "adab"),
            ("نو", "nu"),
            ("سلا", "sala"),
            ("بيت", "bayt"),
            ("قمر", "qamar"),
            ("شعر", "shir"),
        ],
    ),
];

impl Words {
    pub(crate) fn new(seed: u64, count: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let pick = |rng: &mut StdRng, list: &'static [&'static str]| list[rng.random_range(0..list.len())];
        let word = |rank: usize| {
            // Frequent words are short, as in any language.
            let syllables = 1 + usize::from(rank > 40) + usize::from(rank > 3000) + rng.random_range(0..2);
            let mut word = String::new();
            for _ in 0..syllables {
                word.push_str(pick(&mut rng, ONSETS));
                word.push_str(pick(&mut rng, VOWELS));
                word.push_str(pick(&mut rng, ENDS));
            }
            word
        };
        Self((0..count).map(word).collect())
    }

    /// Returns a word; the probability of each is inversely proportional to its rank.
    pub(crate) fn pick(&self, rng: &mut StdRng) -> &str {
        let rank = (self.0.len() as f64).powf(rng.random_range(0.0..1.0));
        &self.0[(rank as usize).clamp(1, self.0.len()) - 1]
    }

    /// Returns words, the first with a capital.
    pub(crate) fn phrase(&self, rng: &mut StdRng, count: usize) -> String {
        let mut phrase = capital(self.pick(rng));
        for _ in 1..count {
            phrase.push(' ');
            phrase.push_str(self.pick(rng));
        }
        phrase
    }

    pub(crate) fn name(&self, rng: &mut StdRng) -> String {
        capital(self.pick(rng))
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Text in another script with its transcription, and the script's code as MARC writes it in `$6`.
pub(crate) fn transcribed(rng: &mut StdRng, count: usize) -> (String, String, &'static str) {
    let (code, letters) = SCRIPTS[rng.random_range(0..SCRIPTS.len())];
    let (mut original, mut latin) = (String::new(), String::new());
    for word in 0..count {
        if word > 0 {
            latin.push(' ');
            if code != "$1" {
                original.push(' ');
            }
        }
        for _ in 0..rng.random_range(1..3) {
            let (letter, sound) = letters[rng.random_range(0..letters.len())];
            original.push_str(letter);
            latin.push_str(sound);
        }
    }
    (original, capital(&latin), code)
}
