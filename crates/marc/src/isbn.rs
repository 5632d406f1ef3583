//! International Standard Book Numbers.

use std::fmt;

/// An ISBN of 10 or 13 characters with a correct check digit, without hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isbn(String);

impl Isbn {
    /// Finds the ISBN at the start of a text such as `0-253-32552-8 (alk. paper)`.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        let number: String = text
            .trim_start()
            .chars()
            .take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '‐' | '‑' | '–' | 'x' | 'X'))
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_uppercase())
            .collect();
        (is_isbn10(&number) || is_isbn13(&number)).then_some(Self(number))
    }

    /// Returns the number as it was given, without hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the number in its form of 13 digits, by which two ISBNs are compared.
    #[must_use]
    pub fn to_13(&self) -> Self {
        if self.0.len() == 13 {
            return self.clone();
        }
        let body = format!("978{}", &self.0[..9]);
        let check = (10 - weighted_sum_13(&body) % 10) % 10;
        Self(format!("{body}{check}"))
    }
}

impl fmt::Display for Isbn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_isbn10(number: &str) -> bool {
    let value = |(position, c): (usize, char)| match c {
        'X' if position == 9 => Some(10),
        _ => c.to_digit(10).map(|digit| digit * (10 - u32::try_from(position).unwrap_or(0))),
    };
    number.len() == 10
        && number.chars().enumerate().map(value).sum::<Option<u32>>().is_some_and(|sum| sum.is_multiple_of(11))
}

fn is_isbn13(number: &str) -> bool {
    number.len() == 13
        && (number.starts_with("978") || number.starts_with("979"))
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && weighted_sum_13(number).is_multiple_of(10)
}

fn weighted_sum_13(digits: &str) -> u32 {
    digits.bytes().zip([1, 3].into_iter().cycle()).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum()
}

#[cfg(test)]
mod tests {
    use super::Isbn;

    #[test]
    fn isbn_is_found_before_its_qualifier() {
        assert_eq!(Isbn::find(" 0-914378-28-7 (v. 1)").unwrap().as_str(), "0914378287");
        assert_eq!(Isbn::find("020161622x :").unwrap().as_str(), "020161622X");
    }

    #[test]
    fn isbn_with_a_wrong_check_digit_is_none() {
        assert_eq!(Isbn::find("0914378288"), None);
        assert_eq!(Isbn::find("9780415782655"), None);
        assert_eq!(Isbn::find("X914378287"), None);
    }

    #[test]
    fn isbn_10_and_13_of_one_book_compare_equal_in_13_digits() {
        let ten = Isbn::find("020161622X").unwrap();
        assert_eq!(ten.to_13().as_str(), "9780201616224");
        assert_eq!(Isbn::find("978-0-201-61622-4").unwrap().to_13(), ten.to_13());
    }
}
