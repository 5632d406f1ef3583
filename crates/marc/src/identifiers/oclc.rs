//! Numbers of OCLC's WorldCat.

use std::fmt;

/// An OCLC number, without prefix and leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OclcNumber(u64);

impl OclcNumber {
    /// Reads a number as 035 contains it: `(OCoLC)ocm00012345`, `(OCoLC)on1234567890`, `ocn123456789`.
    ///
    /// A number without `(OCoLC)` needs one of the prefixes `ocm`, `ocn` and `on`, since 035 holds numbers of any system.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        let text = text.trim();
        // Some systems distinguish the numbers of a master record and of an institution's: (OCoLC-M), (OCoLC-I).
        let named = strip_any_case(text, "(OCoLC")
            .and_then(|rest| rest.split_once(')'))
            .filter(|(kind, _)| kind.is_empty() || (kind.starts_with('-') && kind.len() == 2))
            .map(|(_, number)| number);
        let number = named.unwrap_or(text).trim_start();
        let prefixed = ["ocm", "ocn", "on"].iter().find_map(|prefix| strip_any_case(number, prefix));
        if named.is_none() && prefixed.is_none() {
            return None;
        }
        Self::from_digits(prefixed.unwrap_or(number))
    }

    /// Reads digits that are known to be an OCLC number, with or without a prefix, such as field 001 next to `OCoLC` in
    /// field 003.
    #[must_use]
    pub fn from_digits(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = ["ocm", "ocn", "on"].iter().find_map(|prefix| strip_any_case(text, prefix)).unwrap_or(text);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let rest = &digits[end..];
        // Other text directly after the digits makes it another number; a blank or a bracket starts a comment.
        if end == 0 || end > 15 || rest.starts_with(|c: char| c.is_alphanumeric()) {
            return None;
        }
        digits[..end].parse().ok().filter(|number| *number > 0).map(Self)
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

fn strip_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

impl fmt::Display for OclcNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::OclcNumber;

    #[test]
    fn oclc_number_is_the_same_with_every_prefix() {
        for text in [
            "(OCoLC)ocm00012345",
            "(OCoLC)12345",
            "(ocolc) ocn12345",
            "ocm00012345 ",
            "(OCoLC)on0000012345",
            "(OCoLC-M)12345",
        ] {
            assert_eq!(OclcNumber::find(text).map(OclcNumber::get), Some(12345), "{text}");
        }
    }

    #[test]
    fn number_of_another_system_is_none() {
        for text in [
            "12345",
            "(DLC)12345",
            "(OCoLC)",
            "(OCoLC)0",
            "(OCoLC)123a",
            "(OCoLC)ocmabc",
            "(OCoLCx)12345",
            "ontario",
            "",
        ] {
            assert_eq!(OclcNumber::find(text), None, "{text}");
        }
    }
}
