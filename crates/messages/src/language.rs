//! The languages of the sentences, and the choice among them.

/// A language in which the hub has its sentences.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Language {
    /// English, the language for callers that name none of these.
    #[default]
    English,
    /// German.
    German,
}

/// The most languages of a header that are read.
const MOST_NAMED: usize = 20;

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Returns its tag, such as `de`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Returns the language with this tag, such as `de` or `de-CH`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// Returns the language that the header `Accept-Language` prefers (RFC 9110, section 12.5.4). Of languages with the same
    /// weight it is the first. A header that names none of the hub's languages means English.
    pub fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::default());
        for named in header.split(',').take(MOST_NAMED) {
            let (tag, weight) = named.split_once(';').map_or((named, 1.0), |(tag, weight)| (tag, quality(weight)));
            let language = if tag.trim() == "*" { Some(Self::default()) } else { Self::of_tag(tag) };
            if let Some(language) = language.filter(|_| weight > best.0) {
                best = (weight, language);
            }
        }
        best.1
    }
}

/// Returns the weight of a language, such as 0.5 for `q=0.5`. A weight that can't be read counts as 0.
fn quality(weight: &str) -> f64 {
    let number = weight.trim().strip_prefix("q=").and_then(|number| number.parse::<f64>().ok());
    number.filter(|number| (0.0..=1.0).contains(number)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_with_the_highest_weight_is_accepted() {
        for (header, expected) in [
            ("de-CH, de;q=0.9, en;q=0.8", Language::German),
            ("fr, en;q=0.3, de;q=0.7", Language::German),
            ("en, de", Language::English),
            ("de;q=0, en;q=0.1", Language::English),
            ("de;q=2", Language::English),
            ("*", Language::English),
            ("", Language::English),
            ("fr", Language::English),
        ] {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
    }
}
