//! Library of Congress Control Numbers.
//!
//! Source: the Library of Congress' page on the LCCN namespace, section "Normalization".

use std::fmt;

/// An LCCN in its normalised form: an optional prefix of letters and eight or ten digits, without blanks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lccn(String);

impl Lccn {
    /// Normalises a number as 010 contains it, such as `   85-2 ` (which is `85000002`) or `n 79018774`.
    #[must_use]
    pub fn normalise(text: &str) -> Option<Self> {
        let mut number: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if let Some(slash) = number.find('/') {
            number.truncate(slash);
        }
        if let Some(hyphen) = number.find('-') {
            let serial = number.split_off(hyphen).split_off(1);
            if !(1..=6).contains(&serial.len()) || !serial.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            number.push_str(&format!("{serial:0>6}"));
        }
        let number = number.to_ascii_lowercase();
        let digits = number.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let prefix = number.len() - digits.len();
        let valid = digits.bytes().all(|byte| byte.is_ascii_digit())
            && matches!((digits.len(), prefix), (8, 0..=3) | (10, 0..=2))
            && digits.bytes().any(|byte| byte != b'0');
        valid.then_some(Self(number))
    }

    /// Returns the normalised number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Lccn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Lccn;

    #[test]
    fn lccn_is_normalised_by_the_rules_of_the_library_of_congress() {
        for (found, normalised) in [
            ("n78-890351", "n78890351"),
            ("n78-89035", "n78089035"),
            ("n 78890351 ", "n78890351"),
            (" 85000002 ", "85000002"),
            ("85-2 ", "85000002"),
            ("2001-000002", "2001000002"),
            ("75-425165//r75", "75425165"),
            (" 79139101 /AC/r932", "79139101"),
            ("   99043581 ", "99043581"),
            ("2003556443", "2003556443"),
        ] {
            assert_eq!(Lccn::normalise(found).map(|number| number.0).as_deref(), Some(normalised), "{found}");
        }
    }

    #[test]
    fn text_of_another_form_is_no_lccn() {
        for text in ["", "abc", "1234567", "00000000", "85-1234567", "85-a", "abcd12345678"] {
            assert_eq!(Lccn::normalise(text), None, "{text}");
        }
    }
}
