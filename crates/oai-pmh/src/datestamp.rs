//! Datestamps in the two granularities of OAI-PMH: days and seconds, always UTC.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// The precision of a repository's datestamps, which `Identify` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// `YYYY-MM-DD`
    Day,
    /// `YYYY-MM-DDThh:mm:ssZ`
    Second,
}

impl Granularity {
    /// Reads the text of `Identify`. Anything that doesn't name seconds means days, which every repository accepts.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        if text.to_ascii_lowercase().contains("hh:mm:ss") { Self::Second } else { Self::Day }
    }

    /// Writes the instant as an argument `from` or `until`, cut to the precision.
    #[must_use]
    pub fn format(self, at: Timestamp) -> String {
        let pattern = match self {
            Self::Day => "%Y-%m-%d",
            Self::Second => "%Y-%m-%dT%H:%M:%SZ",
        };
        at.strftime(pattern).to_string()
    }
}

/// Reads a datestamp of either granularity; a day is its first second. Fractions of a second and offsets, which the
/// protocol doesn't allow, are read too.
#[must_use]
pub fn parse_datestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(at) = seconds(text.as_bytes()) {
        return Some(at);
    }
    if text.len() == 10 {
        let midnight = text.parse::<Date>().ok()?.at(0, 0, 0, 0);
        return TimeZone::UTC.to_timestamp(midnight).ok();
    }
    text.parse().ok()
}

/// Reads `YYYY-MM-DDThh:mm:ssZ`, the form of nearly all datestamps, without the general parser.
fn seconds(text: &[u8]) -> Option<Timestamp> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1, b'Z'] = *text else {
        return None;
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i16::from(byte - b'0'));
    let two = |tens: u8, ones: u8| i8::try_from(digit(tens)? * 10 + digit(ones)?).ok();
    let year = digit(y0)? * 1000 + digit(y1)? * 100 + digit(y2)? * 10 + digit(y3)?;
    let date = Date::new(year, two(m0, m1)?, two(d0, d1)?).ok()?;
    let time = jiff::civil::Time::new(two(h0, h1)?, two(i0, i1)?, two(s0, s1)?, 0).ok()?;
    TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datestamps_of_both_granularities_are_read() {
        let at: Timestamp = "2024-02-29T23:59:58Z".parse().unwrap();
        assert_eq!(parse_datestamp("2024-02-29T23:59:58Z"), Some(at));
        assert_eq!(parse_datestamp(" 2024-02-29T23:59:58.000+00:00 "), Some(at));
        assert_eq!(parse_datestamp("2024-02-29"), Some("2024-02-29T00:00:00Z".parse().unwrap()));
        for wrong in ["", "2024", "2023-02-29", "2023-02-29T00:00:00Z", "yesterday", "2024-13-01T00:00:00Z"] {
            assert_eq!(parse_datestamp(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn granularity_is_read_and_written() {
        assert_eq!(Granularity::of_text("YYYY-MM-DD"), Granularity::Day);
        assert_eq!(Granularity::of_text(" YYYY-MM-DDThh:mm:ssZ\n"), Granularity::Second);
        let at: Timestamp = "2024-02-29T23:59:58.9Z".parse().unwrap();
        assert_eq!(Granularity::Day.format(at), "2024-02-29");
        assert_eq!(Granularity::Second.format(at), "2024-02-29T23:59:58Z");
    }
}
