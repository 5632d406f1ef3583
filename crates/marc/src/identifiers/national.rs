//! Numbers that national libraries and bibliographies give to a publication or record (fields 015 and 016).

use std::fmt;

/// A number with the agency that gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NationalNumber {
    agency: String,
    number: String,
}

impl NationalNumber {
    /// Normalises a number of this agency: without blanks and hyphens, in capitals.
    ///
    /// The agency is the code of field 015 `2` or 016 `2`, such as `bnb` or `DE-101`. Numbers without one are compared
    /// with each other only, since two agencies may use the same number.
    #[must_use]
    pub fn normalise(agency: &str, number: &str) -> Option<Self> {
        // A qualifier in brackets, as older 015 fields have it, is no part of the number.
        let number = number.split('(').next().unwrap_or_default();
        let number: String = number.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
        let enough = (4..=50).contains(&number.len()) && number.chars().any(|c| c.is_ascii_digit());
        enough.then(|| Self { agency: agency.trim().to_lowercase(), number })
    }

    /// Returns the code of the agency in lower case; empty if the record names none.
    #[must_use]
    pub fn agency(&self) -> &str {
        &self.agency
    }

    /// Returns the normalised number.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }
}

impl fmt::Display for NationalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.agency.is_empty() { f.write_str(&self.number) } else { write!(f, "{}:{}", self.agency, self.number) }
    }
}

#[cfg(test)]
mod tests {
    use super::NationalNumber;

    #[test]
    fn national_number_is_written_without_blanks_and_hyphens() {
        let number = NationalNumber::normalise("DE-101", "85,A05,0512 (pbk.)").unwrap();
        assert_eq!(number.to_string(), "de-101:85A050512");
        assert_eq!(NationalNumber::normalise("bnb", "GBA8-12345"), NationalNumber::normalise("bnb ", "GBA812345"));
    }

    #[test]
    fn text_without_digits_is_no_number() {
        assert_eq!(NationalNumber::normalise("bnb", "none"), None);
        assert_eq!(NationalNumber::normalise("bnb", "12"), None);
        assert_eq!(NationalNumber::normalise("bnb", &"12".repeat(100)), None);
    }
}
