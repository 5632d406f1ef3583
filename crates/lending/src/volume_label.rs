//! Reads the label of a volume, such as `Bd. 3, H. 2 (1999)`, into numbers with the class of the word before each.

/// The class of the word that labels a number. Words of all languages with one meaning are one class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    Volume,
    Issue,
    Part,
    Annual,
    Series,
    Supplement,
    Book,
    Copy,
}

/// The words that label numbers, by class, in lower case and without a full stop.
const LABELS: [(Class, &[&str]); 8] = [
    (
        Class::Volume,
        &[
            "v", "vol", "vols", "volume", "volumes", "volumen", "vl", "b", "bd", "bde", "band", "bände", "baende", "t",
            "tom", "tome", "tomes", "tomo", "tomos", "tomus", "т", "том", "deel", "dl", "bind", "kötet", "svazek",
            "sv", "cilt", "卷", "巻", "권",
        ],
    ),
    (
        Class::Issue,
        &[
            "no",
            "nos",
            "nr",
            "nrs",
            "n",
            "num",
            "núm",
            "number",
            "numbers",
            "numéro",
            "numero",
            "número",
            "nummer",
            "h",
            "hft",
            "heft",
            "hefte",
            "issue",
            "issues",
            "iss",
            "fasc",
            "fascicle",
            "fascicule",
            "lfg",
            "lieferung",
            "вып",
            "выпуск",
            "号",
            "號",
            "호",
        ],
    ),
    (Class::Part, &["pt", "pts", "part", "parts", "p", "tl", "teil", "teile", "partie", "parte", "pars", "ч", "часть"]),
    (
        Class::Annual,
        &[
            "jg", "jgg", "jahrg", "jahrgang", "yr", "year", "an", "année", "annee", "anno", "año", "årg", "årgang",
            "jrg", "jaargang", "ročník", "roč", "rok", "год", "г",
        ],
    ),
    (Class::Series, &["ser", "series", "sér", "série", "serie", "reihe", "r"]),
    (Class::Supplement, &["suppl", "supp", "supplement", "supplément", "beih", "beiheft", "sonderh", "sonderheft"]),
    (Class::Book, &["bk", "book", "buch", "livre", "libro", "kn", "кн", "книга"]),
    (Class::Copy, &["c", "cop", "copy", "ex", "expl", "exemplar"]),
];

/// The names of months and seasons in several languages, whole and abbreviated.
const MONTHS: &str = "jan january januar janvier janv enero feb february februar févr février fev febrero mar march mär \
                      märz mrz mars marzo apr april avr avril abr abril may mai mayo jun june juni juin junio jul july juli \
                      juil juillet julio aug august août agosto sep sept september septembre septiembre oct october okt \
                      oktober octobre octubre nov november novembre noviembre dec december dez dezember déc décembre dic \
                      diciembre spring summer autumn fall winter frühjahr sommer herbst printemps été automne hiver";

/// Words before a number that mean nothing.
const FILLERS: [&str; 4] = ["第", "제", "and", "und"];

/// The years that a number without a label may be.
const YEARS: std::ops::RangeInclusive<u32> = 1_400..=2_199;

/// One part of a label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// A number, or a range of numbers.
    Number {
        /// The class of its label; `None` if it has no label.
        class: Option<Class>,
        /// The first number.
        from: u32,
        /// The last number.
        to: u32,
        /// A letter after the number, as in `12a`.
        letter: Option<char>,
    },
    /// Any other word.
    Word(String),
}

impl Part {
    /// Returns whether both may be the same part. A number without a label may have any.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Number { class, from, to, letter },
                Self::Number { class: class_2, from: from_2, to: to_2, letter: letter_2 },
            ) => may_be(*class, *class_2) && (from, to, letter) == (from_2, to_2, letter_2),
            (Self::Word(word), Self::Word(other)) => word == other,
            (Self::Number { .. }, Self::Word(_)) | (Self::Word(_), Self::Number { .. }) => false,
        }
    }

    /// Returns whether the part is a range of numbers that contains the other, or is like it.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        let (
            Self::Number { class, from, to, letter: None },
            Self::Number { class: class_2, from: from_2, to: to_2, letter: None },
        ) = (self, other)
        else {
            return self.is_like(other);
        };
        may_be(*class, *class_2) && from <= from_2 && to_2 <= to
    }
}

fn may_be(class: Option<Class>, other: Option<Class>) -> bool {
    class.is_none() || other.is_none() || class == other
}

/// A label, read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Label {
    /// Its numbers and words, in order.
    pub(crate) parts: Vec<Part>,
    /// The part of it that is a date: years, months, and what stands in brackets after a number.
    pub(crate) chronology: Vec<Part>,
    /// Its words and numbers in lower case, to compare whole texts.
    pub(crate) plain: String,
}

/// A piece of the text, before its meaning is known.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Digits(String),
    Letters(String),
    /// A word without a blank between it and the number before it.
    Attached(String),
    /// A dash or slash between two pieces.
    Joint(char),
    Opens,
    Closes,
}

/// Reads a label.
pub(crate) fn read(text: &str) -> Label {
    let tokens = tokens(text);
    let plain = plain(&tokens);
    let mut label = Label { plain, ..Label::default() };
    let (mut at, mut depth) = (0, 0_u32);
    while let Some(token) = tokens.get(at) {
        let rest = tokens.get(at + 1..).unwrap_or_default();
        let (part, used) = match token {
            Token::Opens => {
                depth += 1;
                (None, 0)
            }
            Token::Closes => {
                depth = depth.saturating_sub(1);
                (None, 0)
            }
            Token::Joint(_) => (None, 0),
            Token::Letters(word) | Token::Attached(word) => of_word(word, rest),
            Token::Digits(digits) => of_number(digits, rest, None),
        };
        at += 1 + used;
        let Some(part) = part else { continue };
        let Some(part) = without_copy(part) else { continue };
        let in_brackets = depth > 0 && label.parts.iter().any(|part| matches!(part, Part::Number { .. }));
        if in_brackets || is_date(&part) { label.chronology.push(part) } else { label.parts.push(part) }
    }
    label
}

/// Returns the part, unless it is the number of a copy. A year after `c.` is a date, as in `c. 1985`.
fn without_copy(part: Part) -> Option<Part> {
    match part {
        Part::Number { class: Some(Class::Copy), from, to, letter } => {
            YEARS.contains(&from).then_some(Part::Number { class: None, from, to, letter })
        }
        other => Some(other),
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for sign in text.replace('№', "no ").to_lowercase().chars() {
        match (sign, tokens.last_mut()) {
            ('0'..='9', Some(Token::Digits(digits))) => digits.push(sign),
            ('0'..='9', _) => tokens.push(Token::Digits(sign.to_string())),
            ('(' | '[', _) => tokens.push(Token::Opens),
            (')' | ']', _) => tokens.push(Token::Closes),
            ('-' | '–' | '—' | '/', _) => tokens.push(Token::Joint(sign)),
            ('º' | 'ª', _) => tokens.push(Token::Letters(String::new())),
            (letter, Some(Token::Letters(word) | Token::Attached(word))) if letter.is_alphabetic() => word.push(letter),
            (letter, Some(Token::Digits(_))) if letter.is_alphabetic() => {
                tokens.push(Token::Attached(letter.to_string()));
            }
            (letter, _) if letter.is_alphabetic() => tokens.push(Token::Letters(letter.to_string())),
            // A blank ends a word.
            _ => tokens.push(Token::Letters(String::new())),
        }
    }
    tokens.retain(|token| *token != Token::Letters(String::new()));
    // Only a single letter belongs to the number, as in `12a`. A word may label the next number.
    let settled = tokens.into_iter().map(|token| match token {
        Token::Attached(word) if word.len() > 1 => Token::Letters(word),
        other => other,
    });
    settled.collect()
}

fn plain(tokens: &[Token]) -> String {
    let words = tokens.iter().filter_map(|token| match token {
        Token::Digits(text) | Token::Letters(text) | Token::Attached(text) => Some(text.as_str()),
        Token::Joint(_) | Token::Opens | Token::Closes => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the part that begins with a word, and how many of the tokens after it belong to the part.
fn of_word(word: &str, rest: &[Token]) -> (Option<Part>, usize) {
    if FILLERS.contains(&word) {
        return (None, 0);
    }
    let class = class_of(word);
    match (class, rest.first()) {
        (Some(class), Some(Token::Digits(digits))) => {
            let (part, used) = of_number(digits, rest.get(1..).unwrap_or_default(), Some(class));
            (part, used + 1)
        }
        (Some(class), Some(Token::Letters(next))) => match roman(next) {
            Some(number) => (Some(Part::Number { class: Some(class), from: number, to: number, letter: None }), 1),
            None => (Some(unnumbered(word, Some(class))), 0),
        },
        _ => (Some(unnumbered(word, class)), 0),
    }
}

/// Returns a word without a number. All words for a supplement are the same.
fn unnumbered(word: &str, class: Option<Class>) -> Part {
    Part::Word(if class == Some(Class::Supplement) { "suppl".to_owned() } else { word.to_owned() })
}

/// Returns the number or range that begins with `digits`, and how many of the tokens after it belong to it. A label may
/// also follow its number, as in `3. Jg.`.
fn of_number(digits: &str, rest: &[Token], class: Option<Class>) -> (Option<Part>, usize) {
    let Ok(from) = digits.parse::<u32>() else { return (Some(Part::Word(digits.to_owned())), 0) };
    let (mut to, mut letter, mut used) = (from, None, 0);
    match rest {
        [Token::Joint(sign), Token::Digits(last), ..] => {
            if let Some(last) = end_of_range(from, *sign, last) {
                (to, used) = (last, 2);
            }
        }
        [Token::Attached(word), ..] => (letter, used) = (word.chars().next(), 1),
        _ => {}
    }
    let mut class = class;
    if class.is_none()
        && let Some(Token::Letters(word)) = rest.get(used)
        && let Some(found) = class_of(word)
        && !labels_a_number(rest.get(used + 1))
    {
        (class, used) = (Some(found), used + 1);
    }
    (Some(Part::Number { class, from, to, letter }), used)
}

/// Returns whether a label's next token is its number. A year is a date.
fn labels_a_number(next: Option<&Token>) -> bool {
    match next {
        Some(Token::Digits(digits)) => digits.parse().is_ok_and(|number: u32| !YEARS.contains(&number)),
        Some(Token::Letters(word)) => roman(word).is_some(),
        Some(Token::Attached(_) | Token::Joint(_) | Token::Opens | Token::Closes) | None => false,
    }
}

/// Returns the last number of a range such as `1-3`, `3/4`, `1984/85`; `None` if the second number isn't its end.
fn end_of_range(from: u32, sign: char, last: &str) -> Option<u32> {
    let number: u32 = last.parse().ok()?;
    if YEARS.contains(&from) && last.len() == 2 {
        return Some(from - from % 100 + number).filter(|year| *year > from);
    }
    if YEARS.contains(&number) != YEARS.contains(&from) {
        return None;
    }
    let follows = sign != '/' || number == from + 1;
    (number > from && follows).then_some(number)
}

fn class_of(word: &str) -> Option<Class> {
    LABELS.iter().find(|(_, words)| words.contains(&word)).map(|(class, _)| *class)
}

fn is_date(part: &Part) -> bool {
    match part {
        Part::Number { class: None, from, letter: None, .. } => YEARS.contains(from),
        Part::Number { .. } => false,
        Part::Word(word) => MONTHS.split_whitespace().any(|month| month == word),
    }
}

/// Returns the value of a Roman number up to 399; `None` for any other word, and for a single letter that is more
/// likely a letter.
fn roman(word: &str) -> Option<u32> {
    const VALUES: [(&str, u32); 9] =
        [("c", 100), ("xc", 90), ("l", 50), ("xl", 40), ("x", 10), ("ix", 9), ("v", 5), ("iv", 4), ("i", 1)];
    if matches!(word, "c" | "l") {
        return None;
    }
    let (mut rest, mut total) = (word, 0);
    for (sign, value) in VALUES {
        let most = if sign.len() == 1 && !matches!(sign, "l" | "v") { 3 } else { 1 };
        for _ in 0..most {
            let Some(shorter) = rest.strip_prefix(sign) else { break };
            (rest, total) = (shorter, total + value);
        }
    }
    (rest.is_empty() && total > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(class: Class, from: u32) -> Part {
        Part::Number { class: Some(class), from, to: from, letter: None }
    }

    fn range(class: Option<Class>, from: u32, to: u32) -> Part {
        Part::Number { class, from, to, letter: None }
    }

    #[test]
    fn words_of_all_languages_with_one_meaning_are_one_class() {
        for text in ["V. 3", "v.3", "vol 3", "Bd.3", "Band III", "t. 3", "Tomo 3", "T. iii", "т.3", "第3巻"] {
            assert_eq!(read(text).parts, [number(Class::Volume, 3)], "{text}");
        }
        for text in ["no.2", "Nr. 2", "n° 2", "№ 2", "Heft 2", "H.2", "fasc. II"] {
            assert_eq!(read(text).parts, [number(Class::Issue, 2)], "{text}");
        }
        for text in ["Jg. 12", "12. Jg.", "Jahrgang 12", "12. Jg. 1999"] {
            assert_eq!(read(text).parts, [number(Class::Annual, 12)], "{text}");
        }
        assert_eq!(read("Jg. 1999, H. 3").parts, [number(Class::Annual, 1999), number(Class::Issue, 3)]);
    }

    #[test]
    fn sequence_and_date_are_read_apart() {
        let label = read("v.3:no.2 (1999 Feb)");
        assert_eq!(label.parts, [number(Class::Volume, 3), number(Class::Issue, 2)]);
        assert_eq!(label.chronology, [range(None, 1999, 1999), Part::Word("feb".to_owned())]);
        assert_eq!(read("1984/85").chronology, [range(None, 1984, 1985)]);
        assert_eq!(read("2/1999").parts, [range(None, 2, 2)]);
        assert_eq!(read("v.1-3").parts, [range(Some(Class::Volume), 1, 3)]);
        assert_eq!(read("Bd. 3/4").parts, [range(Some(Class::Volume), 3, 4)]);
        assert_eq!(read("v.3 c.2"), Label { plain: "v 3 c 2".to_owned(), ..read("v.3") }, "it is another copy");
    }

    #[test]
    fn word_that_labels_no_number_stays_a_word() {
        assert_eq!(read("v.3 Suppl.").parts, [number(Class::Volume, 3), Part::Word("suppl".to_owned())]);
        assert_eq!(read("Index A-K").parts, ["index", "a", "k"].map(|word| Part::Word(word.to_owned())));
        assert_eq!(read("v.3 Beiheft").parts, read("v.3 Suppl.").parts);
        assert_eq!(read("v.3no.2").parts, [number(Class::Volume, 3), number(Class::Issue, 2)]);
        assert_eq!(read("c. 1985").chronology, [range(None, 1985, 1985)]);
        assert_eq!(
            read("v. 12a").parts,
            [Part::Number { class: Some(Class::Volume), from: 12, to: 12, letter: Some('a') }]
        );
        assert_eq!(read("99999999999").parts, [Part::Word("99999999999".to_owned())]);
        assert_eq!(read(" ,;.").parts, []);
    }
}
