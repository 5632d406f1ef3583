//! International Standard Serial Numbers.

use std::fmt;

/// An ISSN with a correct check digit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issn([u8; 8]);

impl Issn {
    /// Finds the ISSN at the start of a text such as `0362-4331 (print)`.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        let text = text.trim_start();
        let text = text.strip_prefix("ISSN").map_or(text, |rest| rest.trim_start_matches([' ', ':', '-']));
        let mut characters = text.bytes().filter(|byte| *byte != b'-').take_while(u8::is_ascii_alphanumeric);
        let mut digits = [0; 8];
        for digit in &mut digits {
            *digit = characters.next()?.to_ascii_uppercase();
        }
        if characters.next().is_some() {
            return None;
        }
        let value = |(byte, weight): (&u8, u32)| match byte {
            b'X' if weight == 1 => Some(10),
            b'0'..=b'9' => Some(u32::from(byte - b'0') * weight),
            _ => None,
        };
        let sum = digits.iter().zip((1..=8).rev()).map(value).sum::<Option<u32>>()?;
        (sum.is_multiple_of(11) && digits != *b"00000000").then_some(Self(digits))
    }
}

impl fmt::Display for Issn {
    /// Writes the number with its hyphen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::str::from_utf8(&self.0).unwrap_or_default();
        write!(f, "{}-{}", &text[..4], &text[4..])
    }
}

impl fmt::Debug for Issn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::Issn;

    #[test]
    fn issn_is_found_with_and_without_its_hyphen() {
        let times = Issn::find("0362-4331").unwrap();
        assert_eq!(Issn::find("03624331 (print)").unwrap(), times);
        assert_eq!(times.to_string(), "0362-4331");
        assert_eq!(Issn::find("ISSN 2434-561x").unwrap().to_string(), "2434-561X");
    }

    #[test]
    fn issn_with_a_wrong_check_digit_or_length_is_none() {
        for text in ["0362-4332", "0362-433", "0362-43311", "X362-4331", "0000-0000", ""] {
            assert_eq!(Issn::find(text), None, "{text}");
        }
    }
}
