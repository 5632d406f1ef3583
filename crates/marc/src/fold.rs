//! Folds text to the letters and digits that people compare.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Returns the words of a text in lower case, separated by single blanks, without punctuation and diacritics.
///
/// Letters of every script stay; Latin letters with strokes or ligatures become plain ones (`ł`, `æ`). An ampersand
/// becomes `and`. Apostrophes, brackets and the marks of transliteration join what they separate (`d'Arc`, `[19]84`).
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(&mut folded, text);
    folded
}

/// Appends the folded text as further words.
pub(crate) fn fold_into(folded: &mut String, text: &str) {
    let mut words = Words { folded, pending: true };
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        words.plain(&rest[..at]);
        rest = &rest[at + 1..];
        match entity(rest) {
            Some((name, after)) => {
                match name {
                    "amp" => words.word("and"),
                    "apos" | "#39" | "#x27" => {}
                    _ => words.gap(),
                }
                rest = after;
            }
            None => words.word("and"),
        }
    }
    words.plain(rest);
}

/// Recognises the name of an XML entity that a damaged export left in the text: `apos;`.
fn entity(text: &str) -> Option<(&str, &str)> {
    ["amp", "apos", "quot", "lt", "gt", "#39", "#x27"]
        .iter()
        .find_map(|name| text.strip_prefix(name)?.strip_prefix(';').map(|rest| (*name, rest)))
}

struct Words<'a> {
    folded: &'a mut String,
    /// Whether the next letter starts a word.
    pending: bool,
}

impl Words<'_> {
    fn plain(&mut self, text: &str) {
        if text.is_ascii() {
            for byte in text.bytes() {
                self.ascii(byte);
            }
            return;
        }
        for c in text.chars() {
            match c {
                '\0'..='\u{7F}' => self.ascii(c as u8),
                // Decomposed, each Hangul syllable would be several letters.
                '\u{AC00}'..='\u{D7A3}' => self.letter(c),
                _ => std::iter::once(c).nfkd().for_each(|c| self.decomposed(c)),
            }
        }
    }

    fn ascii(&mut self, byte: u8) {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => self.letter(char::from(byte)),
            b'A'..=b'Z' => self.letter(char::from(byte.to_ascii_lowercase())),
            b'\'' | b'`' | b'[' | b']' | b'<' | b'>' => {}
            _ => self.gap(),
        }
    }

    fn decomposed(&mut self, c: char) {
        match c {
            '\0'..='\u{7F}' => self.ascii(c as u8),
            'ß' | 'ẞ' => self.letters("ss"),
            'æ' | 'Æ' => self.letters("ae"),
            'œ' | 'Œ' => self.letters("oe"),
            'ø' | 'Ø' => self.letter('o'),
            'đ' | 'Đ' | 'ð' | 'Ð' => self.letter('d'),
            'þ' | 'Þ' => self.letters("th"),
            'ł' | 'Ł' => self.letter('l'),
            'ı' => self.letter('i'),
            'ħ' | 'Ħ' => self.letter('h'),
            'ς' => self.letter('σ'),
            _ if is_silent(c) => {}
            _ if is_combining_mark(c) && !self.pending => self.folded.push(c),
            _ if c.is_alphanumeric() => c.to_lowercase().for_each(|c| self.letter(c)),
            _ => self.gap(),
        }
    }

    fn letter(&mut self, c: char) {
        if self.pending {
            self.pending = false;
            if !self.folded.is_empty() {
                self.folded.push(' ');
            }
        }
        self.folded.push(c);
    }

    fn letters(&mut self, letters: &str) {
        letters.chars().for_each(|c| self.letter(c));
    }

    fn word(&mut self, word: &str) {
        self.gap();
        self.letters(word);
        self.gap();
    }

    fn gap(&mut self) {
        self.pending = true;
    }
}

/// Returns whether a character counts for nothing: diacritics, vowel points, marks of transliteration, quotes inside a
/// word, marks around articles, and characters without width.
fn is_silent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}'
        // Hebrew points, Arabic vowels, tatweel.
        | '\u{591}'..='\u{5C7}' | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{640}'
        // Modifier letters (ʹ ʺ ʻ ʼ ʾ ʿ) and typographic apostrophes.
        | '\u{2B0}'..='\u{2FF}' | '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{B4}' | '\u{B7}'
        | '\u{98}' | '\u{9C}' | '\u{88}' | '\u{89}' | '\u{AC}'
        | '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn case_punctuation_and_diacritics_are_folded() {
        for (text, folded) in [
            ("The pragmatic programmer :", "the pragmatic programmer"),
            ("Pride & prejudice", "pride and prejudice"),
            ("Pride&prejudice", "pride and prejudice"),
            ("R&amp;D", "r and d"),
            ("Emma&apos;s", "emmas"),
            ("Fikr-i Ayāz /", "fikr i ayaz"),
            ("al-Ṭabʻah", "al tabah"),
            ("L’Événement", "levenement"),
            ("[1st American ed.]", "1st american ed"),
            ("Łódź, Øresund, Straße, Œuvres", "lodz oresund strasse oeuvres"),
            ("Sāhivāl jail kī ḍāʼirī", "sahival jail ki dairi"),
            ("\u{98}Die\u{9c} Welt", "die welt"),
            ("e\u{301}te\u{301} = été", "ete ete"),
            ("  ", ""),
            ("...", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn letters_of_other_scripts_stay() {
        for (text, folded) in [
            ("Война и мир", "воина и мир"),
            ("戦争と平和", "戦争と平和"),
            ("がくせい", "か\u{3099}くせい"),
            ("한국어", "한국어"),
            ("الْعَرَبِيَّة", "العربية"),
            ("שָׁלוֹם", "שלום"),
            ("ΌΣΟΣ όσος", "οσοσ οσοσ"),
            ("हिन्दी", "हिन्दी"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }
}
