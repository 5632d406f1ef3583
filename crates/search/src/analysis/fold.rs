//! Folds characters, so that a word is found however it is written.
//!
//! Case, diacritics and typographic forms are removed in the scripts that people type without them: Latin, Greek,
//! Cyrillic, Arabic and Hebrew. The marks of Indic and south-east Asian scripts are vowels, and of Japanese kana
//! consonants; they stay.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;

/// The letters that one character folds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    /// Letters that have one common transcription.
    Letters(&'static str),
    /// Letters with two common transcriptions: `ü` is `u` and `ue`.
    Either(&'static str, &'static str),
    /// A letter that stays as it is.
    Letter(char),
    /// A mark that disappears.
    Nothing,
}

/// Brings a text into the composed compatibility form, which the other functions of this module expect.
pub(super) fn normalised(text: &str) -> String {
    if text.chars().all(is_composed) { text.to_owned() } else { text.nfkc().collect() }
}

/// Returns whether a character stays as it is in any text of such characters: letters of Western and Central Europe, of
/// Russian and of Arabic, Chinese characters, and the usual marks. Without combining marks nothing is composed.
fn is_composed(c: char) -> bool {
    c.is_ascii()
        || matches!(u32::from(c),
            0x00C0..=0x0131 | 0x0400..=0x045F | 0x0621..=0x063A | 0x0641..=0x064A | 0x2013 | 0x2014 | 0x2018
            | 0x2019 | 0x201C | 0x201D | 0x4E00..=0x9FFF)
}

/// Returns whether a character is written without spaces between words, so that its text is indexed in pairs.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF // Thai, Lao
        | 0x1000..=0x109F // Myanmar
        | 0x1780..=0x17FF // Khmer
        | 0x3005..=0x3007 | 0x3040..=0x30FF | 0x31F0..=0x31FF // kana and iteration marks
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF // Han
        | 0x1100..=0x11FF | 0xAC00..=0xD7AF) // Hangul
        && c != '\u{30FB}' // the katakana middle dot separates words
        && c != '\u{0E3F}' // the sign of the baht
}

/// Returns whether a character can be part of a word.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || matches!(u32::from(c), 0x02B0..=0x02FF | 0x0640)
}

/// Returns whether a character is a combining mark. Blocks of Indic scripts count as a whole, without their full stops.
fn is_mark(c: char) -> bool {
    is_removable_mark(c)
        || matches!(u32::from(c), 0x0900..=0x0963 | 0x0966..=0x0DFF | 0x0F00..=0x0FFF | 0x3099 | 0x309A)
}

/// Returns whether a mark is removed: diacritics of Latin, Greek and Cyrillic, vowel signs of Hebrew and Arabic.
fn is_removable_mark(c: char) -> bool {
    matches!(u32::from(c),
        0x0300..=0x036F | 0x0483..=0x0489 | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F
        | 0x0591..=0x05BD | 0x05BF | 0x05C1 | 0x05C2 | 0x05C4 | 0x05C5 | 0x05C7
        | 0x0610..=0x061A | 0x064B..=0x065F | 0x0670 | 0x06D6..=0x06DC | 0x06DF..=0x06E8 | 0x06EA..=0x06ED)
}

/// Folds one character of a normalised text that is in lower case.
pub(super) fn fold(c: char) -> Folded {
    if let Some(letters) = special(c) {
        return letters;
    }
    if is_removable_mark(c) || matches!(u32::from(c), 0x02B0..=0x02FF | 0x0640) {
        return Folded::Nothing;
    }
    let mut base = None;
    let mut marked = false;
    if in_folded_script(c) {
        decompose_canonical(c, |part| match base {
            None => base = Some(part),
            Some(_) => marked |= is_removable_mark(part),
        });
    }
    match base {
        Some(base) if marked => special(base).unwrap_or(Folded::Letter(base)),
        _ => Folded::Letter(c),
    }
}

fn in_folded_script(c: char) -> bool {
    matches!(u32::from(c), 0x00C0..=0x06FF | 0x1E00..=0x1FFF)
}

/// Returns the folding of letters that have no decomposition, or where the decomposition isn't the common transcription.
fn special(c: char) -> Option<Folded> {
    use Folded::{Either, Letters};
    Some(match c {
        'ä' => Either("a", "ae"),
        'ö' | 'ø' => Either("o", "oe"),
        'ü' => Either("u", "ue"),
        'å' => Either("a", "aa"),
        'ß' => Letters("ss"),
        'æ' => Letters("ae"),
        'œ' => Letters("oe"),
        'đ' | 'ð' => Letters("d"),
        'þ' => Letters("th"),
        'ł' => Letters("l"),
        'ħ' => Letters("h"),
        'ı' => Letters("i"),
        'ŋ' => Letters("n"),
        'ŧ' => Letters("t"),
        'ƀ' => Letters("b"),
        'ơ' => Letters("o"),
        'ư' => Letters("u"),
        'ς' => Letters("σ"),
        // Arabic and Persian: forms of alef, ya, kaf and ta marbuta that keyboards and catalogues use in turn.
        'أ' | 'إ' | 'آ' | 'ٱ' => Letters("ا"),
        'ى' | 'ی' | 'ئ' => Letters("ي"),
        'ؤ' => Letters("و"),
        'ة' => Letters("ه"),
        'ک' => Letters("ك"),
        '٠'..='٩' => return digit(c, '٠'),
        '۰'..='۹' => return digit(c, '۰'),
        '०'..='९' => return digit(c, '०'),
        _ => return None,
    })
}

fn digit(c: char, zero: char) -> Option<Folded> {
    char::from_digit(u32::from(c) - u32::from(zero), 10).map(Folded::Letter)
}
