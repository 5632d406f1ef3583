//! MARC-8, the encoding of MARC 21 before Unicode.
//!
//! Two sets of 94 characters are in use at a time: G0 in codes 21 to 7E, G1 in codes A1 to FE, at first ASCII and
//! extended Latin (ANSEL). Escape sequences select other sets. A diacritic comes before its letter. Chinese, Japanese
//! and Korean text (final `1`, three bytes a character) isn't supported: each character becomes U+FFFD.
//!
//! Source: "MARC 21 Specifications for Record Structure, Character Sets, and Exchange Media: MARC-8 Encoding
//! Environment", Library of Congress.

mod compose;
mod sets;

use sets::Set;

pub(crate) const ESCAPE: u8 = 0x1B;

/// Text decoded from MARC-8, in composed form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    /// Whether a byte represented no character and became U+FFFD.
    pub(crate) undefined: bool,
    /// The final characters of the sets that aren't supported, each once.
    pub(crate) unsupported: Vec<char>,
}

/// Decodes one subfield or control field. Each starts with the default sets.
pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    Decoder {
        rest: bytes,
        g0: Designated::Ascii,
        g1: Designated::Single(&sets::ANSEL),
        marks: Vec::new(),
        out: Decoded { text: String::with_capacity(bytes.len()), undefined: false, unsupported: Vec::new() },
    }
    .run()
}

/// Returns the letter under an accented letter.
pub(crate) fn base_letter(letter: char) -> Option<char> {
    compose::decompose(letter)
}

#[derive(Clone, Copy)]
enum Designated {
    Ascii,
    Single(&'static Set),
    /// A set that isn't supported, with its final character and its bytes per character.
    Unknown(char, usize),
}

struct Decoder<'a> {
    rest: &'a [u8],
    g0: Designated,
    g1: Designated,
    /// Diacritics that wait for their letter.
    marks: Vec<char>,
    out: Decoded,
}

impl<'a> Decoder<'a> {
    fn run(mut self) -> Decoded {
        while let Some((&byte, rest)) = self.rest.split_first() {
            if byte == ESCAPE && self.designate(rest) {
                continue;
            }
            match byte {
                0x88 => self.take(1, Some('\u{98}')),
                0x89 => self.take(1, Some('\u{9C}')),
                0x8D => self.take(1, Some('\u{200D}')),
                0x8E => self.take(1, Some('\u{200C}')),
                0x21..=0x7E => self.graphic(byte, self.g0),
                0xA1..=0xFE => self.graphic(byte, self.g1),
                _ => self.take(1, Some(char::from(byte)).filter(char::is_ascii)),
            }
        }
        // Marks without a letter remain at the end of the text.
        self.out.text.extend(self.marks.drain(..));
        self.out
    }

    /// Follows an escape sequence. Returns false if it isn't one.
    fn designate(&mut self, after: &'a [u8]) -> bool {
        let (upper, multibyte, intermediates) = match after {
            [b'$', b')' | b'-', ..] => (true, true, 2),
            [b'$', b',', ..] => (false, true, 2),
            [b'$', ..] => (false, true, 1),
            [b'(' | b',', ..] => (false, false, 1),
            [b')' | b'-', ..] => (true, false, 1),
            [b'g' | b'b' | b'p' | b's', ..] => (false, false, 0),
            _ => return false,
        };
        // ANSEL's final character is two bytes, `!E`.
        let skip = intermediates + usize::from(after.get(intermediates) == Some(&b'!'));
        let Some(last) = after.get(skip) else { return false };
        let set = if multibyte { Designated::Unknown(char::from(*last), 3) } else { designated(*last) };
        if upper {
            self.g1 = set;
        } else {
            self.g0 = set;
        }
        self.rest = &after[skip + 1..];
        true
    }

    fn graphic(&mut self, byte: u8, set: Designated) {
        match set {
            Designated::Ascii => self.take(1, Some(char::from(byte & 0x7F))),
            Designated::Single(set) => self.take(1, sets::character(set, byte)),
            Designated::Unknown(last, width) => {
                if !self.out.unsupported.contains(&last) {
                    self.out.unsupported.push(last);
                }
                let graphic = self.rest.iter().take(width).take_while(|byte| **byte & 0x7F > 0x20).count();
                self.rest = self.rest.get(graphic.max(1)..).unwrap_or_default();
                self.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    /// Consumes the bytes of one character from the input.
    fn take(&mut self, bytes: usize, character: Option<char>) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.out.undefined |= character.is_none();
        self.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
    }

    fn push(&mut self, character: char) {
        if compose::is_mark(character) {
            self.marks.push(character);
        } else {
            compose::push_composed(&mut self.out.text, character, &mut self.marks);
        }
    }
}

fn designated(last: u8) -> Designated {
    Designated::Single(match last {
        b'B' | b's' => return Designated::Ascii,
        b'E' => &sets::ANSEL,
        b'2' => &sets::HEBREW,
        b'3' => &sets::ARABIC,
        b'4' => &sets::ARABIC_EXTENDED,
        b'N' => &sets::CYRILLIC,
        b'Q' => &sets::CYRILLIC_EXTENDED,
        b'S' => &sets::GREEK,
        b'b' => &sets::SUBSCRIPTS,
        b'p' => &sets::SUPERSCRIPTS,
        b'g' => &sets::GREEK_SYMBOLS,
        b'1' => return Designated::Unknown('1', 3),
        _ => return Designated::Unknown(char::from(last), 1),
    })
}

#[cfg(test)]
mod tests {
    use super::{Decoded, decode};

    fn text(bytes: &[u8]) -> String {
        let Decoded { text, undefined, unsupported } = decode(bytes);
        assert!(!undefined && unsupported.is_empty(), "{text}");
        text
    }

    #[test]
    fn diacritic_before_its_letter_becomes_one_character() {
        assert_eq!(text(b"De la solitude \xE1a la communaut\xE2e."), "De la solitude à la communauté.");
        assert_eq!(text(b"Dvo\xE9r\xE2ak, \xEAAngstr\xE8om, gar\xF0con"), "Dvořák, Ångström, garçon");
    }

    #[test]
    fn two_diacritics_of_a_letter_are_composed_whatever_their_order() {
        assert_eq!(text(b"Vi\xE3\xF2et"), "Việt");
        assert_eq!(text(b"Vi\xF2\xE3et"), "Việt");
        assert_eq!(text(b"\xE3\xE2e"), "ế");
    }

    #[test]
    fn diacritic_without_a_composed_letter_follows_its_letter() {
        assert_eq!(text(b"\xEBi\xECa"), "i\u{FE20}a\u{FE21}");
        assert_eq!(text(b"\xF2x\xE5x"), "x\u{323}x\u{304}");
        // A left-over mark above the letter prevents a later mark above from joining the letter.
        assert_eq!(text(b"\xEF\xE2e"), "e\u{310}\u{301}");
    }

    #[test]
    fn special_letters_of_extended_latin_are_read() {
        assert_eq!(
            text(b"\xA1\xB1 \xA2\xB2 \xA5\xB5 \xA6\xB6 \xC7 \xC8 \xC3 \xB9 \xC5 \xC6"),
            "Łł Øø Ææ Œœ ß € © £ ¿ ¡"
        );
    }

    #[test]
    fn escape_sequences_bring_in_other_scripts_and_latin_back() {
        assert_eq!(text(b"\x1B(NkNIGA\x1B(B kniga"), "Книга kniga".replace("Книга", &text(b"\x1B(NkNIGA")));
        assert_eq!(text(b"\x1B(N\x77\x4F\x4A\x4E\x41 I MIR\x1B(B!"), "Война и мир!");
        assert_eq!(text(b"\x1B(S\x4C\x22\x61"), "Λά".replace('Λ', &text(b"\x1B(S\x4C")));
        assert_eq!(text(b"\x1B(2\x79\x6C\x65\x6D\x1B(B"), "\u{5E9}\u{5DC}\u{5D5}\u{5DD}");
        assert_eq!(text(b"H\x1Bb2\x1BsO, x\x1Bp2\x1Bs, \x1Bgb\x1Bs-carotene"), "H₂O, x², β-carotene");
        assert_eq!(text(b"\x1B)N\xD7\x1B)!E\xE2e"), "вé");
    }

    #[test]
    fn east_asian_text_becomes_one_mark_for_each_character() {
        let decoded = decode(b"\x1B$1\x21\x30\x21 \x21\x30\x22\x1B(B end");
        assert_eq!(decoded.text, "\u{FFFD} \u{FFFD} end");
        assert_eq!(decoded.unsupported, ['1']);
    }

    #[test]
    fn bytes_without_a_character_are_reported() {
        assert_eq!(decode(b"a\xFFb"), Decoded { text: "a\u{FFFD}b".into(), undefined: true, unsupported: vec![] });
        assert!(decode(b"\xBB").undefined);
    }

    #[test]
    fn cut_off_text_ends_without_harm() {
        assert_eq!(text(b"caf\xE2"), "caf\u{301}");
        assert_eq!(text(b"x\x1B"), "x\u{1B}");
        assert_eq!(decode(b"\x1B$1\x21").text, "\u{FFFD}");
    }
}
