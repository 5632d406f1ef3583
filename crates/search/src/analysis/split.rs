//! Splits a text into words and runs of characters.

use super::fold::{Folded, fold, is_unspaced, is_word, normalised};

/// The longest word in characters; what follows is left out.
const LONGEST_WORD: usize = 64;
/// The largest number of parts that are joined into one more word.
const MOST_JOINED: usize = 4;

/// One piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Word {
        folded: String,
        /// The other transcription, where the word has a letter with two.
        variant: Option<String>,
        /// Whether a hyphen or apostrophe joins it to the word before.
        joined: bool,
    },
    /// Characters of a script without spaces.
    Run(Vec<char>),
}

/// One token for the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) position: usize,
    pub(super) text: String,
}

/// One way in which a part of a query can be found: words at their distances from the first.
pub(crate) type Choice = Vec<(usize, String)>;

/// Splits a text into pieces.
fn pieces(text: &str) -> Vec<Piece> {
    let mut splitter = Splitter::default();
    if text.is_ascii() {
        text.chars().for_each(|c| splitter.take(c));
    } else {
        normalised(text).chars().for_each(|c| splitter.take(c));
    }
    splitter.finish()
}

#[derive(Default)]
struct Splitter {
    pieces: Vec<Piece>,
    word: String,
    variant: Option<String>,
    length: usize,
    run: Vec<char>,
    /// A joining mark stands directly after the last word.
    joining: bool,
    /// The word in progress is joined to the one before.
    joined: bool,
}

impl Splitter {
    fn take(&mut self, c: char) {
        if c.is_ascii_alphanumeric() {
            self.begin_word();
            self.push_letter(c.to_ascii_lowercase());
        } else if is_unspaced(c) {
            self.end_word(false);
            self.run.push(c);
        } else if is_word(c) {
            self.begin_word();
            for lower in c.to_lowercase() {
                self.push(fold(lower));
            }
        } else {
            self.end_run();
            self.end_word(matches!(c, '-' | '\'' | '’' | '‐' | '‑'));
        }
    }

    fn begin_word(&mut self) {
        self.end_run();
        if self.word.is_empty() {
            self.joined = self.joining;
            self.joining = false;
        }
    }

    fn push(&mut self, folded: Folded) {
        match folded {
            Folded::Nothing => {}
            Folded::Letter(letter) => self.push_letter(letter),
            Folded::Letters(letters) => letters.chars().for_each(|letter| self.push_letter(letter)),
            Folded::Either(short, long) => {
                let mut variant = self.variant.take().unwrap_or_else(|| self.word.clone());
                short.chars().for_each(|letter| self.push_letter(letter));
                variant.push_str(long);
                self.variant = Some(variant);
            }
        }
    }

    fn push_letter(&mut self, letter: char) {
        if self.length < LONGEST_WORD {
            self.length += 1;
            self.word.push(letter);
            if let Some(variant) = &mut self.variant {
                variant.push(letter);
            }
        }
    }

    fn end_word(&mut self, joining: bool) {
        if !self.word.is_empty() {
            let (folded, variant) = (std::mem::take(&mut self.word), self.variant.take());
            self.pieces.push(Piece::Word { folded, variant, joined: self.joined });
            self.joining = joining;
        } else {
            self.joining = false;
        }
        self.length = 0;
        self.joined = false;
    }

    fn end_run(&mut self) {
        if !self.run.is_empty() {
            self.pieces.push(Piece::Run(std::mem::take(&mut self.run)));
        }
    }

    fn finish(mut self) -> Vec<Piece> {
        self.end_run();
        self.end_word(false);
        self.pieces
    }
}

/// Returns the tokens of a text for the index, in the order of their positions.
pub(super) fn tokens(text: &str) -> Vec<Placed> {
    let pieces = pieces(text);
    let mut tokens = Vec::with_capacity(pieces.len());
    let mut position = 0;
    for (number, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Word { folded, variant, joined } => {
                tokens.push(Placed { position, text: folded.clone() });
                tokens.extend(variant.clone().map(|text| Placed { position, text }));
                if !joined && let Some(text) = compound(&pieces[number..]) {
                    tokens.push(Placed { position, text });
                }
                position += 1;
            }
            Piece::Run(run) => {
                for (number, c) in run.iter().enumerate() {
                    tokens.push(Placed { position, text: c.to_string() });
                    if let Some(next) = run.get(number + 1) {
                        tokens.push(Placed { position, text: [*c, *next].iter().collect() });
                    }
                    position += 1;
                }
            }
        }
    }
    tokens
}

/// Returns the word that the first piece makes with the pieces that are joined to it.
fn compound(pieces: &[Piece]) -> Option<String> {
    let joined = pieces[1..].iter().take_while(|piece| matches!(piece, Piece::Word { joined: true, .. })).count();
    if joined == 0 || joined >= MOST_JOINED {
        return None;
    }
    let words: String = pieces[..=joined]
        .iter()
        .filter_map(|piece| match piece {
            Piece::Word { folded, .. } => Some(folded.as_str()),
            Piece::Run(_) => None,
        })
        .collect();
    // The years of `1914-1918` are not one number.
    (!words.bytes().all(|byte| byte.is_ascii_digit()) && words.chars().count() <= LONGEST_WORD).then_some(words)
}

/// Returns the ways in which a text of a query can be found: with either transcription, and as one word where parts are
/// joined. A text without words has none.
pub(crate) fn choices(text: &str) -> Vec<Choice> {
    let pieces = pieces(text);
    let mut choices: Vec<Choice> = Vec::new();
    let mut add = |choice: Choice| {
        if !choice.is_empty() && !choices.contains(&choice) {
            choices.push(choice);
        }
    };
    add(sequence(&pieces, false));
    add(sequence(&pieces, true));
    if pieces.len() > 1
        && let Some(word) = compound(&pieces)
        && pieces[1..].iter().all(|piece| matches!(piece, Piece::Word { joined: true, .. }))
    {
        add(vec![(0, word)]);
    }
    choices
}

fn sequence(pieces: &[Piece], with_variants: bool) -> Choice {
    let mut words = Choice::new();
    let mut position = 0;
    for piece in pieces {
        match piece {
            Piece::Word { folded, variant, .. } => {
                let word = variant.as_ref().filter(|_| with_variants).unwrap_or(folded);
                words.push((position, word.clone()));
                position += 1;
            }
            Piece::Run(run) if run.len() == 1 => {
                words.push((position, run[0].to_string()));
                position += 1;
            }
            Piece::Run(run) => {
                let pairs = run.windows(2).enumerate();
                words.extend(pairs.map(|(number, pair)| (position + number, pair.iter().collect::<String>())));
                position += run.len();
            }
        }
    }
    words
}

/// Returns a text in the form in which whole fields are compared: its folded words with one blank between them.
pub(crate) fn folded(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    for piece in pieces(text) {
        if !whole.is_empty() {
            whole.push(' ');
        }
        match piece {
            Piece::Word { folded, .. } => whole.push_str(&folded),
            Piece::Run(run) => whole.extend(run),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::{choices, folded, tokens};

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn diacritics_and_case_are_folded() {
        assert_eq!(words("Éléments d'algèbre"), ["elements", "d", "dalgebre", "algebre"]);
        assert_eq!(words("Łódź İstanbul ﬁn"), ["lodz", "istanbul", "fin"]);
        assert_eq!(words("E\u{301}tude"), ["etude"]);
        assert_eq!(words("Ελλάς ΕΛΛΑΣ"), ["ελλασ", "ελλασ"]);
    }

    #[test]
    fn umlauts_count_in_both_transcriptions() {
        assert_eq!(words("Müller Größe"), ["muller", "mueller", "grosse", "groesse"]);
        assert_eq!(words("Mueller"), ["mueller"]);
        assert_eq!(choices("Müller"), [[(0, "muller".to_owned())], [(0, "mueller".to_owned())]]);
    }

    #[test]
    fn romanised_names_lose_their_modifier_letters() {
        assert_eq!(words("Qurʼān"), ["quran"]);
        assert_eq!(words("Dostoevskiĭ, Fedor Mikhaĭlovich"), ["dostoevskii", "fedor", "mikhailovich"]);
    }

    #[test]
    fn cyrillic_letters_with_and_without_marks_are_equal() {
        assert_eq!(words("Ёлка Й"), ["елка", "и"]);
        assert_eq!(folded("Война и мир"), "воина и мир");
    }

    #[test]
    fn forms_of_arabic_letters_are_equal() {
        assert_eq!(folded("أَلْف لَيْلَة"), folded("الف ليله"));
        assert_eq!(folded("كـــتاب"), folded("كتاب"));
        assert_eq!(folded("مصطفى"), folded("مصطفي"));
        assert_eq!(folded("١٩٨٤"), "1984");
    }

    #[test]
    fn unspaced_scripts_are_indexed_by_characters_and_pairs() {
        assert_eq!(words("紅樓夢"), ["紅", "紅樓", "樓", "樓夢", "夢"]);
        assert_eq!(choices("紅樓夢"), [[(0, "紅樓".to_owned()), (1, "樓夢".to_owned())]]);
        assert_eq!(choices("夢"), [[(0, "夢".to_owned())]]);
        assert_eq!(words("が"), ["が"]);
        assert_eq!(words("한국 문학"), ["한", "한국", "국", "문", "문학", "학"]);
    }

    #[test]
    fn marks_of_indic_scripts_are_kept() {
        assert_eq!(words("हिन्दी"), ["हिन्दी"]);
    }

    #[test]
    fn joined_parts_are_words_and_one_word_together() {
        assert_eq!(words("O'Brien's"), ["o", "obriens", "brien", "s"]);
        assert_eq!(words("1914-1918"), ["1914", "1918"]);
        let found = choices("e-mail");
        assert_eq!(found[0], [(0, "e".to_owned()), (1, "mail".to_owned())]);
        assert_eq!(found[1], [(0, "email".to_owned())]);
        assert_eq!(words("well - known"), ["well", "known"]);
    }

    #[test]
    fn very_long_words_are_cut() {
        assert_eq!(words(&"a".repeat(500)), ["a".repeat(64)]);
    }

    #[test]
    fn text_without_words_has_no_choice() {
        assert!(choices(" ... ").is_empty());
        assert_eq!(folded("¿?"), "");
    }
}
