//! The format of a publication: what a patron gets in hand, or doesn't get in hand.
//!
//! Source: MARC 21 bibliographic format, leader/06 and 07, fields 006, 007 and 008.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{CompactRecord, fold};

/// The format of a publication, as a patron chooses it in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// A printed book.
    Book,
    /// A book in large print.
    LargePrint,
    /// A text in braille.
    Braille,
    /// A book that is read online or as a file.
    Ebook,
    /// A text on microfilm or microfiche, books and serials alike.
    Microform,
    /// A printed journal, newspaper or series.
    Serial,
    /// A journal that is read online.
    EJournal,
    /// A website or database that is updated.
    OnlineResource,
    /// A spoken recording on a disc, cassette or player.
    AudioBook,
    /// A spoken recording that plays online or as a file.
    EAudioBook,
    /// A recording of music on a disc or cassette.
    Music,
    /// A recording of music that plays online or as a file.
    EMusic,
    /// Printed music.
    Score,
    /// Printed music that is read online.
    EScore,
    /// A film on a disc, cassette or reel.
    Video,
    /// A film that is watched online.
    EVideo,
    /// A map, atlas or globe.
    Map,
    /// A map that is read online.
    EMap,
    /// A picture, poster or slide.
    Image,
    /// A picture that is seen online.
    EImage,
    /// A kit: several media in one publication.
    Kit,
    /// A program or data on a disc.
    ComputerFile,
    /// A manuscript, or a typescript such as a thesis.
    Manuscript,
    /// A manuscript that is read online.
    EManuscript,
    /// An object: a game, model or tool.
    Object,
    /// A collection of several media, such as papers of a person.
    Mixed,
    /// A record that doesn't say.
    Other,
}

/// All formats with their codes.
const CODES: [(Format, &str); 27] = [
    (Format::Book, "book"),
    (Format::LargePrint, "large-print"),
    (Format::Braille, "braille"),
    (Format::Ebook, "ebook"),
    (Format::Microform, "microform"),
    (Format::Serial, "serial"),
    (Format::EJournal, "e-journal"),
    (Format::OnlineResource, "online-resource"),
    (Format::AudioBook, "audio-book"),
    (Format::EAudioBook, "e-audio-book"),
    (Format::Music, "music"),
    (Format::EMusic, "e-music"),
    (Format::Score, "score"),
    (Format::EScore, "e-score"),
    (Format::Video, "video"),
    (Format::EVideo, "e-video"),
    (Format::Map, "map"),
    (Format::EMap, "e-map"),
    (Format::Image, "image"),
    (Format::EImage, "e-image"),
    (Format::Kit, "kit"),
    (Format::ComputerFile, "computer-file"),
    (Format::Manuscript, "manuscript"),
    (Format::EManuscript, "e-manuscript"),
    (Format::Object, "object"),
    (Format::Mixed, "mixed"),
    (Format::Other, "other"),
];

/// The error for a code that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no format {0:?}; the formats are: {list}", list = Format::codes())]
pub struct UnknownFormat(pub String);

impl Format {
    /// Returns all formats.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().map(|(format, _)| *format)
    }

    /// Returns the format's code, such as `large-print`, by which queries and facets name it.
    #[must_use]
    pub fn code(self) -> &'static str {
        CODES.iter().find(|(format, _)| *format == self).map_or("other", |(_, code)| code)
    }

    /// Returns whether the publication is used online, so that no item can be lent.
    #[must_use]
    pub fn is_online(self) -> bool {
        use Format::{EAudioBook, EImage, EJournal, EManuscript, EMap, EMusic, EScore, EVideo, Ebook, OnlineResource};
        matches!(
            self,
            Ebook | EJournal | OnlineResource | EAudioBook | EMusic | EScore | EVideo | EMap | EImage | EManuscript
        )
    }

    fn codes() -> String {
        CODES.map(|(_, code)| code).join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(code: &str) -> Result<Self, UnknownFormat> {
        let found = CODES.iter().find(|(_, known)| *known == code);
        found.map(|(format, _)| *format).ok_or_else(|| UnknownFormat(code.to_owned()))
    }
}

/// The material on which a publication is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Carrier {
    /// Paper, or whatever is usual for its kind.
    Usual,
    /// Large print on paper.
    LargePrint,
    /// Braille.
    Braille,
    /// Microfilm, microfiche or microopaque.
    Microform,
    /// The network, or a file to download.
    Online,
    /// A compact disc or another digital sound disc.
    CompactDisc,
    /// A vinyl or shellac disc.
    AnalogDisc,
    /// A sound cassette or tape.
    AudioTape,
    /// A player that contains the recording.
    Player,
    /// A DVD.
    Dvd,
    /// A Blu-ray disc.
    BluRay,
    /// A video cassette.
    VideoTape,
    /// A film reel.
    Film,
    /// A disc or stick with data.
    DataDisc,
}

/// The positions of the record that say what a publication is.
struct Coded<'a> {
    record: &'a CompactRecord,
    record_type: char,
    level: char,
    /// The form of item (008/23 or 29).
    form: char,
}

impl CompactRecord {
    /// Returns the format of the publication.
    #[must_use]
    pub fn format(&self) -> Format {
        let coded = Coded::of(self);
        coded.format(coded.carrier())
    }

    /// Returns the format and the carrier of the publication.
    #[must_use]
    pub fn format_and_carrier(&self) -> (Format, Carrier) {
        let coded = Coded::of(self);
        let carrier = coded.carrier();
        (coded.format(carrier), carrier)
    }
}

impl<'a> Coded<'a> {
    fn of(record: &'a CompactRecord) -> Self {
        let record_type = record.leader_at(6);
        let position = if matches!(record_type, 'e' | 'f' | 'g' | 'k' | 'o' | 'r') { 29 } else { 23 };
        let form = record.control("008").map_or(' ', |fixed| at(fixed, position));
        Self { record, record_type, level: record.leader_at(7), form }
    }

    fn carrier(&self) -> Carrier {
        match self.form {
            'a' | 'b' | 'c' => return Carrier::Microform,
            'd' => return Carrier::LargePrint,
            'f' => return Carrier::Braille,
            'o' => return Carrier::Online,
            _ => {}
        }
        // The first 007 describes the publication itself; later ones its supplements.
        if let Some(physical) = self.record.control("007")
            && let Some(carrier) = carrier_of_007(physical)
        {
            return carrier;
        }
        let electronic = matches!(self.form, 's' | 'q');
        self.described(electronic).unwrap_or(if electronic { Carrier::Online } else { Carrier::Usual })
    }

    /// Reads the carrier from words: the carrier type (338), the medium in the title (245 `h`), edition and extent.
    fn described(&self, electronic: bool) -> Option<Carrier> {
        let mut words = String::new();
        for field in self.record.fields() {
            let codes = match field.tag().as_str() {
                "245" => "h",
                "250" | "300" => "a",
                "338" => "ab",
                "340" => "n",
                "533" => "a",
                _ => continue,
            };
            for subfield in field.subfields().filter(|subfield| codes.contains(subfield.code)) {
                words.push(' ');
                fold::fold_into(&mut words, subfield.value);
            }
        }
        let has = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
        let spoken_or_sung = matches!(self.record_type, 'i' | 'j');
        Some(if has(&["large print", "large type", "grossdruck"]) && !spoken_or_sung {
            Carrier::LargePrint
        } else if has(&["braille"]) {
            Carrier::Braille
        } else if has(&[
            "microfilm",
            "microfiche",
            "microform",
            "microopaque",
            "micro opaque",
            "mikrofiche",
            "mikrofilm",
        ]) {
            Carrier::Microform
        } else if has(&[
            "online resource",
            "electronic resource",
            "ressource electronique",
            "elektronische ressource",
            "computer file",
        ]) && !has(&[" disc", " disk", "cd rom", "dvd", "flash drive"])
        {
            Carrier::Online
        } else if has(&["blu ray"]) {
            Carrier::BluRay
        } else if has(&["dvd"]) && self.record_type == 'g' {
            Carrier::Dvd
        } else if has(&["videocassette", "video cassette", "vhs"]) {
            Carrier::VideoTape
        } else if has(&["audio media player", "playaway", "audio player"]) {
            Carrier::Player
        } else if spoken_or_sung && has(&["cassette", "audiocassette", "sound tape"]) {
            Carrier::AudioTape
        } else if spoken_or_sung && has(&["33 1 3", "45 rpm", "78 rpm", "vinyl", "analog"]) {
            Carrier::AnalogDisc
        } else if spoken_or_sung && has(&["audio file", "sound file", "streaming audio"]) {
            Carrier::Online
        } else if spoken_or_sung && has(&["compact disc", " cd", "digital", "audio disc", "audio disk"]) {
            Carrier::CompactDisc
        } else if electronic && has(&[" disc", " disk", "cd rom", "flash drive"]) {
            Carrier::DataDisc
        } else {
            return None;
        })
    }

    fn format(&self, carrier: Carrier) -> Format {
        let online = carrier == Carrier::Online;
        let or = |yes: bool, then: Format, otherwise: Format| if yes { then } else { otherwise };
        match self.record_type {
            'a' if self.is_recording() => Format::AudioBook,
            'c' if self.is_recording() => Format::Music,
            _ if carrier == Carrier::Microform => Format::Microform,
            'a' | 't' if carrier == Carrier::LargePrint => Format::LargePrint,
            'a' | 't' if carrier == Carrier::Braille => Format::Braille,
            'a' if matches!(self.level, 's' | 'b') => or(online, Format::EJournal, Format::Serial),
            'a' if self.level == 'i' => or(online, Format::OnlineResource, Format::Serial),
            'a' if carrier == Carrier::DataDisc => Format::ComputerFile,
            'a' => or(online, Format::Ebook, Format::Book),
            't' | 'd' | 'f' => or(online, Format::EManuscript, Format::Manuscript),
            'c' => or(online, Format::EScore, Format::Score),
            'e' => or(online, Format::EMap, Format::Map),
            'g' => or(online, Format::EVideo, Format::Video),
            'i' => or(online, Format::EAudioBook, Format::AudioBook),
            'j' => or(online, Format::EMusic, Format::Music),
            'k' => or(online, Format::EImage, Format::Image),
            'm' => self.of_computer_file(carrier),
            'o' => Format::Kit,
            'p' => Format::Mixed,
            'r' => Format::Object,
            _ => Format::Other,
        }
    }

    /// Returns whether the extent is a number of discs or cassettes, though the leader says text or printed music.
    fn is_recording(&self) -> bool {
        let extent = self.record.subfield("300", 'a').unwrap_or_default().trim_start();
        let unit = extent.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let starts = |word: &str| unit.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        unit.len() < extent.len()
            && [
                "sound disc",
                "sound cassette",
                "sound recording",
                "audio disc",
                "audiocassette",
                "audio cassette",
                "compact disc",
            ]
            .iter()
            .any(|word| starts(word))
    }

    /// Distinguishes what catalogues describe as a computer file: programs, but also texts, and serials since 006 exists.
    fn of_computer_file(&self, carrier: Carrier) -> Format {
        let online = carrier == Carrier::Online;
        let additional = self.record.control("006").map_or(' ', |field| at(field, 0));
        // 008/26: type of computer file.
        let kind = self.record.control("008").map_or(' ', |fixed| at(fixed, 26));
        match additional {
            's' if online => Format::EJournal,
            'a' | 't' if online => Format::Ebook,
            'i' if online => Format::EAudioBook,
            'j' if online => Format::EMusic,
            'g' if online => Format::EVideo,
            _ if online && self.level == 's' => Format::EJournal,
            _ if online && kind == 'd' && self.level == 'm' => Format::Ebook,
            _ if online => Format::OnlineResource,
            _ => Format::ComputerFile,
        }
    }
}

/// Returns the carrier that field 007 describes, if it says more than the kind of material does.
fn carrier_of_007(physical: &str) -> Option<Carrier> {
    let (category, material) = (at(physical, 0), at(physical, 1));
    Some(match (category, material) {
        ('h', _) => Carrier::Microform,
        ('f', 'b') => Carrier::Braille,
        ('t', 'b') => Carrier::LargePrint,
        ('t', 'c') => Carrier::Braille,
        ('c', 'r') => Carrier::Online,
        ('c', _) => Carrier::DataDisc,
        ('s', 'r') => Carrier::Online,
        ('s', 's' | 't' | 'g' | 'q') => Carrier::AudioTape,
        // 007/03: 1.4 m/s is the speed of compact discs; the others are revolutions.
        ('s', 'd') => match at(physical, 3) {
            'f' | 'z' | ' ' | '|' | 'n' => Carrier::CompactDisc,
            _ => Carrier::AnalogDisc,
        },
        ('v', 'f' | 'c' | 'r') => Carrier::VideoTape,
        ('v', 'd') => match at(physical, 4) {
            's' => Carrier::BluRay,
            _ => Carrier::Dvd,
        },
        ('v', 'z') if at(physical, 4) == 'z' => Carrier::Online,
        ('m', _) => Carrier::Film,
        _ => return None,
    })
}

/// Returns the character at a position of a fixed field, blank outside it.
pub(crate) fn at(fixed: &str, position: usize) -> char {
    if fixed.is_ascii() {
        return fixed.as_bytes().get(position).map_or(' ', |byte| char::from(*byte));
    }
    fixed.chars().nth(position).unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::{Carrier, Format};
    use crate::{CompactRecord, Record};

    /// Makes a record of this type and level (leader/06-07), with a form in 008/23 and 29 and further fields.
    fn coded(kind: &str, form: char, fields: &[(&'static str, &str)]) -> CompactRecord {
        let leader = format!("00000n{kind} a2200000 i 4500");
        let fixed = format!("990802s2000    mau    {}{form}     {form}00 0 eng  ", " ");
        let mut record = Record::builder().leader(leader.parse().unwrap()).control("008", fixed);
        for (tag, data) in fields {
            record = match *tag {
                "006" | "007" => record.control(tag, *data),
                "245" => record.data(tag, '0', '0', [('a', "Title"), ('h', *data)]),
                _ => record.data(tag, ' ', ' ', [('a', *data)]),
            };
        }
        CompactRecord::from(&record.build())
    }

    #[test]
    fn format_follows_from_type_level_and_form() {
        for (kind, form, format) in [
            ("am", ' ', Format::Book),
            ("am", 'r', Format::Book),
            ("am", 'd', Format::LargePrint),
            ("am", 'f', Format::Braille),
            ("am", 'o', Format::Ebook),
            ("am", 's', Format::Ebook),
            ("am", 'b', Format::Microform),
            ("as", 'a', Format::Microform),
            ("as", ' ', Format::Serial),
            ("as", 'o', Format::EJournal),
            ("ai", 'o', Format::OnlineResource),
            ("im", ' ', Format::AudioBook),
            ("jm", ' ', Format::Music),
            ("cm", ' ', Format::Score),
            ("gm", 'o', Format::EVideo),
            ("em", ' ', Format::Map),
            ("km", ' ', Format::Image),
            ("om", ' ', Format::Kit),
            ("tm", ' ', Format::Manuscript),
            ("rm", ' ', Format::Object),
            ("pc", ' ', Format::Mixed),
            ("mm", ' ', Format::ComputerFile),
        ] {
            assert_eq!(coded(kind, form, &[]).format(), format, "{kind} {form:?}");
        }
    }

    #[test]
    fn field_007_and_words_give_the_carrier() {
        for (kind, fields, expected) in [
            ("im", [("007", "sd fsngnnmmned")], (Format::AudioBook, Carrier::CompactDisc)),
            ("jm", [("007", "sd bsmennmplue")], (Format::Music, Carrier::AnalogDisc)),
            ("jm", [("300", "1 sound disc (33 1/3 rpm)")], (Format::Music, Carrier::AnalogDisc)),
            ("im", [("300", "7 audiocassettes (11 hr.)")], (Format::AudioBook, Carrier::AudioTape)),
            ("im", [("300", "1 audio media player (11 hr.)")], (Format::AudioBook, Carrier::Player)),
            ("im", [("007", "sr zunnnnnzned")], (Format::EAudioBook, Carrier::Online)),
            ("gm", [("007", "vd cvaizq")], (Format::Video, Carrier::Dvd)),
            ("gm", [("007", "vd csaizq")], (Format::Video, Carrier::BluRay)),
            ("gm", [("007", "vf cbahos")], (Format::Video, Carrier::VideoTape)),
            ("am", [("245", "[electronic resource] :")], (Format::Ebook, Carrier::Online)),
            ("am", [("245", "[microform] /")], (Format::Microform, Carrier::Microform)),
            ("am", [("300", "608 p. (large print)")], (Format::LargePrint, Carrier::LargePrint)),
            ("am", [("007", "cr |||||||||||")], (Format::Ebook, Carrier::Online)),
            ("cm", [("300", "1 sound disc : digital")], (Format::Music, Carrier::Usual)),
            ("mm", [("300", "1 computer disc")], (Format::ComputerFile, Carrier::Usual)),
        ] {
            assert_eq!(coded(kind, ' ', &fields).format_and_carrier(), expected, "{kind} {fields:?}");
        }
    }

    #[test]
    fn code_of_each_format_is_read_as_that_format() {
        for format in Format::all() {
            assert_eq!(format.code().parse(), Ok(format));
        }
        assert_eq!(Format::all().count(), 27);
        let refused = "scroll".parse::<Format>().unwrap_err().to_string();
        assert!(refused.contains("\"scroll\"") && refused.contains("large-print"), "{refused}");
    }
}
