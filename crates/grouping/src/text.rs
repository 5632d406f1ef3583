//! Compares folded texts.

/// Returns how much two texts agree, from 0 (no word in common) to 1 (the same words): twice the number of common words
/// by the number of all words.
pub(crate) fn overlap(a: &str, b: &str) -> f32 {
    let (a, b): (Vec<&str>, Vec<&str>) = (words(a).collect(), words(b).collect());
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let mut left = b.clone();
    let mut common = 0_u16;
    for word in &a {
        if let Some(at) = left.iter().position(|other| same_word(word, other)) {
            left.swap_remove(at);
            common += 1;
        }
    }
    let all = u16::try_from(a.len() + b.len()).unwrap_or(u16::MAX);
    f32::from(common) * 2.0 / f32::from(all)
}

/// Returns whether one text is the beginning of the other, by whole words, without regard to blanks and words such as
/// "and".
pub(crate) fn begins(a: &str, b: &str) -> bool {
    let (a, b) = (squeezed(a), squeezed(b));
    !a.is_empty() && !b.is_empty() && (a.starts_with(&b) || b.starts_with(&a))
}

/// Returns a text without blanks and connecting words, which catalogues write or leave out.
pub(crate) fn squeezed(text: &str) -> String {
    words(text).collect()
}

/// Returns whether two texts contain the same numbers, in digits.
pub(crate) fn same_numbers(a: &str, b: &str) -> bool {
    let numbers = |text: &str| {
        let mut numbers: Vec<String> = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|number| !number.is_empty())
            .map(|number| number.trim_start_matches('0').to_owned())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    numbers(a) == numbers(b)
}

/// Returns whether two words are the same or one abbreviates the other (`univ`, `university`; `j`, `jane`).
pub(crate) fn abbreviates(a: &str, b: &str) -> bool {
    a == b || (!a.is_empty() && !b.is_empty() && (a.starts_with(b) || b.starts_with(a)))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty() && !matches!(*word, "and" | "und" | "et" | "y" | "e" | "the" | "a"))
}

/// Returns whether two words differ by at most one letter, if they are long enough for a slip.
fn same_word(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let enough = a.len() >= 6 && b.len() >= 6 && a.len().abs_diff(b.len()) <= 1;
    enough && !a.bytes().chain(b.bytes()).any(|byte| byte.is_ascii_digit()) && one_change(a, b)
}

fn one_change(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let same_start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let same_end = a[same_start..].iter().rev().zip(b[same_start..].iter().rev()).take_while(|(a, b)| a == b).count();
    a.len().max(b.len()) - same_start - same_end <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_counts_common_words() {
        assert!((overlap("pride and prejudice", "pride prejudice") - 1.0).abs() < f32::EPSILON);
        assert!((overlap("harbour lights", "harbours lights") - 1.0).abs() < f32::EPSILON);
        assert!(overlap("arias for soprano", "arias for bass") < 0.7);
        assert!(overlap("", "x").abs() < f32::EPSILON);
    }

    #[test]
    fn blanks_and_connecting_words_do_not_count() {
        assert_eq!(squeezed("pride and prejudice"), squeezed("prideprejudice"));
        assert!(begins("faust", "faust eine tragodie"));
        assert!(!begins("", "x"));
    }

    #[test]
    fn numbers_count_without_zeros() {
        assert!(same_numbers("concertos nos 17 22", "concertos 022 17"));
        assert!(!same_numbers("teil 1", "teil 2"));
    }
}
