//! International Standard Book Numbers.

use std::fmt;

/// An ISBN of 10 or 13 characters with a correct check digit, without hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isbn {
    /// The characters; one of 10 characters ends with zero bytes.
    digits: [u8; 13],
    length: u8,
}

impl Isbn {
    /// Finds the ISBN at the start of a text such as `0-253-32552-8 (alk. paper)`.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        Self::find_with_rest(text).map(|(isbn, _)| isbn)
    }

    /// Finds the ISBN at the start of a text, and returns the text after it too.
    pub(super) fn find_with_rest(text: &str) -> Option<(Self, &str)> {
        let text = text.trim_start();
        let text = text.strip_prefix("ISBN").map_or(text, |rest| rest.trim_start_matches([' ', ':', '-']));
        let (mut digits, mut length) = ([0; 13], 0);
        let mut rest = text;
        for (at, c) in text.char_indices() {
            rest = &text[at..];
            match c {
                '-' | '‐' | '‑' | '–' => continue,
                '0'..='9' | 'x' | 'X' if length < digits.len() => {
                    digits[length] = c.to_ascii_uppercase() as u8;
                    length += 1;
                }
                '0'..='9' | 'x' | 'X' => return None,
                _ => break,
            }
            rest = "";
        }
        let valid = match length {
            10 => is_isbn10(&digits[..10]),
            13 => is_isbn13(&digits),
            _ => false,
        };
        valid.then_some((Self { digits, length: u8::try_from(length).unwrap_or(13) }, rest))
    }

    /// Returns the number as it was given, without hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..usize::from(self.length)]).unwrap_or_default()
    }

    /// Returns the number in its form of 13 digits, by which two ISBNs are compared.
    #[must_use]
    pub fn to_13(&self) -> Self {
        if self.length == 13 {
            return *self;
        }
        let mut digits = *b"9780000000000";
        digits[3..12].copy_from_slice(&self.digits[..9]);
        let check = (10 - weighted_sum_13(&digits[..12]) % 10) % 10;
        digits[12] = b"0123456789"[check as usize];
        Self { digits, length: 13 }
    }

    /// Returns the number in its form of 10 characters, which only those that start with 978 have.
    #[must_use]
    pub fn to_10(&self) -> Option<Self> {
        if self.length == 10 {
            return Some(*self);
        }
        let body = self.digits.strip_prefix(b"978")?.get(..9)?;
        let sum: u32 = body.iter().zip([10, 9, 8, 7, 6, 5, 4, 3, 2]).map(|(byte, weight)| digit(*byte) * weight).sum();
        let check = (11 - sum % 11) % 11;
        let mut digits = [0; 13];
        digits[..9].copy_from_slice(body);
        digits[9] = b"0123456789X"[check as usize];
        Some(Self { digits, length: 10 })
    }
}

impl fmt::Display for Isbn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Isbn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

fn digit(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

fn is_isbn10(number: &[u8]) -> bool {
    let value = |(byte, weight): (&u8, u32)| match byte {
        b'X' if weight == 1 => Some(10),
        b'0'..=b'9' => Some(digit(*byte) * weight),
        _ => None,
    };
    number.iter().zip((1..=10).rev()).map(value).sum::<Option<u32>>().is_some_and(|sum| sum.is_multiple_of(11))
}

fn is_isbn13(number: &[u8]) -> bool {
    (number.starts_with(b"978") || number.starts_with(b"979"))
        && number.iter().all(u8::is_ascii_digit)
        && weighted_sum_13(number).is_multiple_of(10)
}

fn weighted_sum_13(digits: &[u8]) -> u32 {
    digits.iter().zip([1, 3].into_iter().cycle()).map(|(byte, weight)| digit(*byte) * weight).sum()
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

    #[test]
    fn isbn_of_13_digits_has_10_only_after_978() {
        let thirteen = Isbn::find("9780201616224").unwrap();
        assert_eq!(thirteen.to_10().unwrap().as_str(), "020161622X");
        assert_eq!(Isbn::find("979-10-90636-07-1").unwrap().to_10(), None);
    }

    #[test]
    fn isbn_behind_its_name_is_found_and_longer_numbers_are_none() {
        assert_eq!(Isbn::find("ISBN: 0-914378-28-7").unwrap().as_str(), "0914378287");
        assert_eq!(Isbn::find("97802016162240"), None);
    }
}
