//! The extent of a publication.

use serde::{Deserialize, Serialize};

use super::cut;
use crate::CompactRecord;
use crate::fold::fold;

/// The extent of a record (300 `a`) and its height (300 `c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extent {
    /// The largest number of pages or leaves.
    pub pages: Option<u16>,
    /// The number of volumes: `2 v.`
    pub volumes: Option<u16>,
    /// Whether volumes are named without a number, as for a set or serial that isn't complete: `v.`
    pub open: bool,
    /// The number of discs, cassettes, sheets, files and other pieces.
    pub pieces: Option<u16>,
    /// The playing time in minutes.
    pub minutes: Option<u16>,
    /// The height in centimetres.
    pub height: Option<u16>,
}

const PAGES: [&str; 24] = [
    "p", "pp", "pages", "page", "pg", "s", "seiten", "seite", "leaves", "leaf", "l", "ℓ", "bl", "blatt", "bll",
    "feuilles", "f", "hojas", "paginas", "pagine", "sider", "sid", "с", "стр",
];
const VOLUMES: [&str; 22] = [
    "v", "vol", "vols", "volume", "volumes", "bd", "bde", "baende", "bande", "band", "t", "tomes", "tome", "tomos",
    "tomo", "vv", "volumi", "deel", "delen", "т", "тома", "heft",
];
const PIECES: [&str; 34] = [
    "disc",
    "discs",
    "disk",
    "disks",
    "cd",
    "cds",
    "dvd",
    "dvds",
    "videodisc",
    "videodiscs",
    "videocassette",
    "videocassettes",
    "audiocassette",
    "audiocassettes",
    "cassette",
    "cassettes",
    "map",
    "maps",
    "sheet",
    "sheets",
    "reel",
    "reels",
    "microfiches",
    "fiches",
    "film",
    "file",
    "files",
    "score",
    "scores",
    "poster",
    "photograph",
    "foto",
    "print",
    "prints",
];

impl Extent {
    pub(super) fn of(record: &CompactRecord) -> Self {
        let mut extent = Self::default();
        let mut complete = false;
        for subfield in record.fields_tagged("300").flat_map(|field| field.subfields()) {
            match subfield.code {
                // Only the first extent counts: others describe supplements.
                'a' if !complete => {
                    extent.add(&fold(cut(subfield.value)));
                    complete = extent.pages.is_some() || extent.volumes.is_some() || extent.pieces.is_some();
                }
                'c' if extent.height.is_none() => extent.height = height(&fold(cut(subfield.value))),
                _ => {}
            }
        }
        extent
    }

    fn add(&mut self, folded: &str) {
        let mut number = None;
        let mut words_since = 0;
        // Pages are often sequences, of which the last carries the unit: 3-900, [2] p.
        let mut largest = None;
        for word in folded.split(' ') {
            // A sign can stand directly after the number: 12p, 3v.
            let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let unit = if digits > 0 {
                number = word[..digits].parse::<u16>().ok();
                largest = largest.max(number);
                words_since = 0;
                &word[digits..]
            } else {
                words_since += 1;
                word
            };
            // "1 sound disc", but not "3 books about 7 ... pages".
            let counted = number.filter(|_| words_since <= 2);
            if PAGES.contains(&unit) {
                self.pages = self.pages.max(largest);
            } else if VOLUMES.contains(&unit) {
                match counted.filter(|_| words_since <= 1) {
                    Some(count) => self.volumes = self.volumes.max(Some(count)),
                    None => self.open |= self.volumes.is_none() && self.pages.is_none(),
                }
                (number, largest) = (None, None);
            } else if PIECES.contains(&unit) {
                if counted.is_some() {
                    self.pieces = self.pieces.or(counted);
                    (number, largest) = (None, None);
                }
            } else if matches!(unit, "min" | "minutes" | "minuten") {
                self.minutes = self.minutes.or(counted);
            } else if matches!(unit, "hr" | "hrs" | "hours" | "h" | "std") {
                self.minutes = self.minutes.or_else(|| counted?.checked_mul(60));
            }
        }
    }
}

fn height(folded: &str) -> Option<u16> {
    let mut number = None;
    for word in folded.split(' ') {
        if let Some(digits) = word.strip_suffix("cm")
            && let Ok(height) = digits.parse()
        {
            return Some(height);
        }
        if word == "cm" {
            return number;
        }
        number = word.parse().ok();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Extent;
    use crate::{CompactRecord, Record};

    fn extent(text: &str) -> Extent {
        Extent::of(&CompactRecord::from(
            &Record::builder().data("300", ' ', ' ', [('a', text), ('c', "23 cm.")]).build(),
        ))
    }

    #[test]
    fn pages_are_the_largest_number_before_their_sign() {
        for (text, pages) in [
            ("xii, 352 p. :", 352),
            ("xv, 186 pages", 186),
            ("3 p. l., 3-68 p.", 68),
            ("7 p.l., 3-900, [2] p.", 900),
            ("15, [1] p.", 15),
            ("242 S.", 242),
            ("1 online resource (xii, 304 pages)", 304),
            ("[8] leaves", 8),
            ("214p", 214),
        ] {
            assert_eq!(extent(text).pages, Some(pages), "{text}");
        }
    }

    #[test]
    fn volumes_pieces_and_minutes_are_counted() {
        assert_eq!(extent("2 v. (xii, 800 p.) :").volumes, Some(2));
        assert!(extent("v. :").open && extent("volumes").open);
        assert!(!extent("1 v.").open);
        let set = extent("13 sound discs (15 hr., 30 min.)");
        assert_eq!((set.pieces, set.minutes, set.pages), (Some(13), Some(900), None));
        assert_eq!(extent("1 videodisc (92 min.)").minutes, Some(92));
        assert_eq!(extent("1 v.").height, Some(23));
    }
}
