//! Explains answers that are not OAI-PMH.

use std::fmt;

/// The reason why a server answered something other than OAI-PMH, as far as its text shows it.
///
/// Alma's texts are outside the standard and come as HTML or plain text with status 200, so an empty harvest must not
/// be concluded from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Diagnosis {
    /// Alma's `error_code 21`: the institution isn't entitled to OAI-PMH.
    NotEntitled,
    /// The institution's code in the address is unknown, or missing.
    InstitutionCode,
    /// No integration profile for OAI-PMH exists or is active.
    NoProfile,
    /// This machine's address is not allowed.
    AddressRefused,
    /// A page that asks for a user and password.
    SignIn,
    /// A page for people.
    Html,
    /// Other XML.
    OtherXml,
    /// Nothing at all.
    Empty,
    /// Other text.
    Text,
}

/// The texts that reveal a reason, in lower case.
const TEXTS: &[(&str, Diagnosis)] = &[
    ("error_code 21", Diagnosis::NotEntitled),
    ("error_code=21", Diagnosis::NotEntitled),
    ("error code 21", Diagnosis::NotEntitled),
    ("not entitled", Diagnosis::NotEntitled),
    ("institution code", Diagnosis::InstitutionCode),
    ("repository definition", Diagnosis::NoProfile),
    ("repository not active", Diagnosis::NoProfile),
    ("repository is not active", Diagnosis::NoProfile),
    ("unauthorized access", Diagnosis::AddressRefused),
    ("unauthorised access", Diagnosis::AddressRefused),
    ("type=\"password\"", Diagnosis::SignIn),
    ("type='password'", Diagnosis::SignIn),
];

impl Diagnosis {
    /// Reads the beginning of an answer.
    #[must_use]
    pub fn of(head: &str) -> Self {
        let lower = head.trim_start_matches('\u{FEFF}').trim().to_lowercase();
        if let Some((_, found)) = TEXTS.iter().find(|(text, _)| lower.contains(text)) {
            return *found;
        }
        match lower {
            _ if lower.is_empty() => Self::Empty,
            _ if lower.contains("<html") || lower.starts_with("<!doctype html") => Self::Html,
            _ if lower.starts_with('<') => Self::OtherXml,
            _ => Self::Text,
        }
    }

    /// Says what happened and what to do.
    fn advice(self) -> &'static str {
        match self {
            Self::NotEntitled => {
                "the institution isn't entitled to OAI-PMH (error code 21); ask its administrator or Ex Libris to enable it"
            }
            Self::InstitutionCode => {
                "the institution code in the address is missing or wrong; it can differ from the code of the institution in Alma"
            }
            Self::NoProfile => {
                "the repository doesn't exist or isn't active; create and activate an integration profile of type OAI"
            }
            Self::AddressRefused => {
                "this machine's address is not allowed; add it to the address list of the OAI integration profile"
            }
            Self::SignIn => "the server wants a person to sign in; check the address and its access rules",
            Self::Html => {
                "the answer is a web page; check the address (for Alma: https://DOMAIN/view/oai/CODE/request)"
            }
            Self::OtherXml => "the answer is XML of another kind; check the address",
            Self::Empty => "the answer is empty",
            Self::Text => "the answer is plain text",
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

/// Returns the beginning of an answer as one line of plain text, for a message.
pub(crate) fn excerpt(head: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for letter in head.chars() {
        match letter {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            _ if in_tag => {}
            letter if letter.is_control() => text.push(' '),
            letter => text.push(letter),
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_alma_are_recognised() {
        for (text, diagnosis) in [
            ("<html><body>error_code 21</body></html>", Diagnosis::NotEntitled),
            ("Institution code 01X is invalid", Diagnosis::InstitutionCode),
            ("<html><body>Institution code is missing in URL</body></html>", Diagnosis::InstitutionCode),
            ("There is no OAI repository definition for this institution", Diagnosis::NoProfile),
            ("<html><body>Unauthorized access</body></html>", Diagnosis::AddressRefused),
            ("<form><input type=\"password\"></form>", Diagnosis::SignIn),
            ("<!DOCTYPE html><title>Library</title>", Diagnosis::Html),
            ("<rss/>", Diagnosis::OtherXml),
            ("\u{FEFF} \n", Diagnosis::Empty),
            ("busy", Diagnosis::Text),
        ] {
            assert_eq!(Diagnosis::of(text), diagnosis, "{text}");
        }
    }

    #[test]
    fn excerpt_is_one_line_without_tags() {
        assert_eq!(excerpt("<html>\n<body>No\tentry <b>here</b></body>"), "No entry here");
    }
}
