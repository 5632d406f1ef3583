//! Times as staff read them: in the zone of their agency, and no longer than needed.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use messages::Language;

/// How a page writes times.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    zone: TimeZone,
    now: Timestamp,
    language: Language,
}

impl Times {
    pub(crate) const fn new(zone: TimeZone, now: Timestamp, language: Language) -> Self {
        Self { zone, now, language }
    }

    /// Returns today in the reader's zone.
    pub(crate) fn today(&self) -> Date {
        self.zone.to_datetime(self.now).date()
    }

    /// Returns `14:05` for today, `24 Nov` for this year, otherwise `24 Nov 2025`.
    pub(crate) fn short(&self, at: &Timestamp) -> String {
        let then = self.zone.to_datetime(*at);
        if then.date() == self.today() { then.strftime("%H:%M").to_string() } else { self.day(&then.date()) }
    }

    /// Returns the day and the time: `24 Nov 14:05`.
    pub(crate) fn long(&self, at: &Timestamp) -> String {
        let then = self.zone.to_datetime(*at);
        let time = then.strftime("%H:%M");
        if then.date() == self.today() { time.to_string() } else { format!("{} {time}", self.day(&then.date())) }
    }

    /// Returns the day of a time.
    pub(crate) fn day_of(&self, at: &Timestamp) -> String {
        self.day(&self.zone.to_datetime(*at).date())
    }

    /// Returns the time of day now, for "as of".
    pub(crate) fn clock(&self) -> String {
        self.zone.to_datetime(self.now).strftime("%H:%M").to_string()
    }

    /// Returns `24 Nov`, with the year if it isn't this one.
    pub(crate) fn day(&self, day: &Date) -> String {
        let month =
            usize::try_from(day.month()).ok().and_then(|month| self.months().get(month.saturating_sub(1)).copied());
        let (month, number) = (month.unwrap_or_default(), day.day());
        let short = match self.language {
            Language::English => format!("{number} {month}"),
            Language::German => format!("{number}. {month}"),
        };
        if day.year() == self.today().year() { short } else { format!("{short} {}", day.year()) }
    }

    /// Returns a time in full, for programs and for pointing devices.
    pub(crate) fn machine(&self, at: &Timestamp) -> String {
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    const fn months(&self) -> [&'static str; 12] {
        match self.language {
            Language::English => ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
            Language::German => {
                ["Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(language: Language) -> Times {
        // 00:30 on 1 December in Berlin.
        Times::new(TimeZone::get("Europe/Berlin").unwrap(), "2026-11-30T23:30:00Z".parse().unwrap(), language)
    }

    #[test]
    fn times_are_in_the_agencys_zone_and_no_longer_than_needed() {
        let (english, german) = (times(Language::English), times(Language::German));
        for (at, expected_english, expected_german) in [
            ("2026-11-30T23:05:00Z", "00:05", "00:05"),
            ("2026-11-30T22:59:00Z", "30 Nov", "30. Nov."),
            ("2025-11-24T10:00:00Z", "24 Nov 2025", "24. Nov. 2025"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!((english.short(&at).as_str(), german.short(&at).as_str()), (expected_english, expected_german));
        }
        assert_eq!(english.long(&"2026-11-30T22:59:00Z".parse().unwrap()), "30 Nov 23:59");
        assert_eq!(english.clock(), "00:30");
    }
}
