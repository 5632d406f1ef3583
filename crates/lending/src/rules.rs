//! An agency's rules: which roles it takes, how many requests it allows, and how long each wait may take in its own
//! open days.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::account::PatronLimits;
use crate::deadline::Deadline;
use crate::lender_extension::LenderExtension;
use crate::observation::Observation;
use crate::supplier::Place;

/// The way in which an agency takes part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Whether it lends to others.
    pub lends: bool,
    /// Whether its patrons borrow from others.
    pub borrows: bool,
    /// Whether patrons of other agencies may collect here.
    pub allows_visiting_pickup: bool,
    /// Whether its patrons may request items of their own institution through the hub.
    pub lends_to_own_patrons: bool,
    /// The largest number of open requests of a patron. A request doesn't count once the patron has returned the item.
    pub max_requests: Option<u32>,
    /// The limits of its patrons' accounts in its own system, by patron type.
    pub patron_limits: PatronLimits,
    /// The number of its open days within which it must send a requested item. After that the hub asks the next lender.
    pub days_to_supply: u32,
    /// The number of its open days for which the hub waits for its copy if that is lost or missing. After that the hub
    /// asks the next lender; if none is left, the request ends. 0 means at once.
    pub days_for_lost_copy: u32,
    /// The number of its open days for which the hub waits for its copy if that is on loan to somebody else or out of
    /// service. After that the hub asks the next lender, if there is one. 0 means at once.
    pub days_for_lent_copy: u32,
    /// The number of its open days within which an item that was sent must arrive. After that staff search for it.
    pub max_days_in_transit: u32,
    /// Whether the hub creates virtual items for its patrons when the lender sends the item, and not when it asks the
    /// lender. Then requests that nobody fills cost its system nothing, but the patron's own account shows the request
    /// later.
    pub virtual_item_at_dispatch: bool,
    /// What becomes of the patron's due date when the lender sets a later one.
    pub lender_extension: LenderExtension,
    /// The last day on which it lends nothing to others. It keeps what it lent before.
    pub suspended_until: Option<Date>,
    /// The largest number of open requests that it supplies at a time. A request counts until the item is back.
    pub most_open_supplies: Option<u32>,
    /// The longest queue of requests for one of its copies that is on loan. Without it, no request waits for such a copy.
    pub longest_queue: Option<u32>,
    /// Where it is, for the choice of the supplier.
    pub place: Place,
    /// When it is open.
    pub calendar: Calendar,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            lends: true,
            borrows: true,
            allows_visiting_pickup: false,
            lends_to_own_patrons: false,
            max_requests: None,
            patron_limits: PatronLimits::default(),
            days_to_supply: 5,
            days_for_lost_copy: 0,
            days_for_lent_copy: 1,
            max_days_in_transit: 14,
            virtual_item_at_dispatch: false,
            lender_extension: LenderExtension::default(),
            suspended_until: None,
            most_open_supplies: None,
            longest_queue: None,
            place: Place::default(),
            calendar: Calendar::default(),
        }
    }
}

impl Rules {
    /// Returns when a `deadline` that runs since `since` passes. No time passes on a closed day.
    pub fn end_of(&self, deadline: Deadline, since: Timestamp) -> Timestamp {
        let days = match deadline {
            Deadline::LenderAnswers => self.days_to_supply,
            Deadline::ItemArrives | Deadline::ItemReturns => self.max_days_in_transit,
            Deadline::CopyReappears => self.days_for_lost_copy,
            Deadline::CopyReturns => self.days_for_lent_copy,
            Deadline::NoLongerNeeded => 0,
        };
        let is_about_the_copy = matches!(deadline, Deadline::CopyReappears | Deadline::CopyReturns);
        if is_about_the_copy && days == 0 {
            return since;
        }
        self.calendar.after_open_days(since, days)
    }

    /// Returns how long an expired deadline waits for a library that can't be polled: one open day more. The awaited
    /// change may have happened there without the hub's knowledge.
    pub fn latest_end(&self, end: Timestamp) -> Timestamp {
        self.calendar.after_open_days(end, 1)
    }

    /// Returns when a request's last day of need ends, in the agency's time zone.
    pub fn end_of_day(&self, day: Date) -> Timestamp {
        let zone = self.calendar.zone();
        let next = day.checked_add(jiff::Span::new().days(1)).ok();
        next.and_then(|next| zone.to_timestamp(next.at(0, 0, 0, 0)).ok()).unwrap_or(Timestamp::MAX)
    }

    /// Works out when the last day on the hold shelf of a library with these rules ends.
    pub fn set_shelf_end(&self, observation: &mut Observation) {
        let ends = observation.last_shelf_day.map(|day| self.end_of_day(day));
        observation.shelf_until = ends.or(observation.shelf_until);
    }

    /// Works out when the last day of interest at a library with these rules ends.
    pub fn set_interest_end(&self, observation: &mut Observation) {
        let ends = observation.last_interest_day.map(|day| self.end_of_day(day));
        observation.interest_until = ends.or(observation.interest_until);
    }
}

/// Open days.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calendar {
    /// The IANA name of the time zone in which its days begin and end, such as `Europe/Zurich`.
    pub time_zone: String,
    /// Days of the week on which it is closed.
    pub closed_weekdays: BTreeSet<Day>,
    /// Dates on which it is closed.
    pub closed_dates: BTreeSet<Date>,
    /// The hour from which staff are present on an open day, such as `08:00`; midnight by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens: Option<Time>,
    /// The hour until which staff are present, such as `20:00`; midnight by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes: Option<Time>,
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            closed_weekdays: BTreeSet::new(),
            closed_dates: BTreeSet::new(),
            opens: None,
            closes: None,
        }
    }
}

/// A day of the week.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl From<Weekday> for Day {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

/// The longest stretch of closed days that the hub accepts. A calendar that is always closed must not stop all
/// deadlines.
const LONGEST_CLOSURE: u32 = 400;

impl Calendar {
    /// Returns the time zone; UTC if its name is unknown.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// Returns whether the time zone is known.
    pub fn has_known_time_zone(&self) -> bool {
        TimeZone::get(&self.time_zone).is_ok()
    }

    /// Returns for how long it is open on an open day.
    pub fn open_per_day(&self) -> Duration {
        let (opens, closes) = (self.opens.unwrap_or_default(), self.closes.unwrap_or_default());
        let seconds =
            |time: Time| i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        // Midnight as the closing time is the end of the day.
        let closes = if closes == Time::midnight() { 86_400 } else { seconds(closes) };
        Duration::from_secs(u64::try_from(closes - seconds(opens)).unwrap_or_default())
    }

    /// Returns whether it is open on `date`.
    pub fn is_open(&self, date: Date) -> bool {
        !self.closed_weekdays.contains(&Day::from(date.weekday())) && !self.closed_dates.contains(&date)
    }

    /// Returns whether it closes after it opens.
    pub fn has_hours_in_order(&self) -> bool {
        match (self.opens, self.closes) {
            (Some(opens), Some(closes)) => opens < closes,
            (None, Some(closes)) => closes > Time::midnight(),
            _ => true,
        }
    }

    /// Returns `then`, or the next opening if it is closed then.
    pub fn open_from(&self, then: Timestamp) -> Timestamp {
        let zone = self.zone();
        let local = zone.to_datetime(then);
        let opens = self.opens.unwrap_or_default();
        let is_over = self.closes.is_some_and(|closes| local.time() >= closes);
        let mut date = local.date();
        if self.is_open(date) && !is_over && local.time() >= opens {
            return then;
        }
        if is_over || local.time() >= opens {
            date = date.checked_add(1.day()).unwrap_or(date);
        }
        for _ in 0..LONGEST_CLOSURE {
            if self.is_open(date) {
                return zone.to_timestamp(date.to_datetime(opens)).unwrap_or(then);
            }
            let Ok(next) = date.checked_add(1.day()) else { return then };
            date = next;
        }
        // A calendar that is always closed must not hide a deadline.
        then
    }

    /// Returns the end of the last of `days` open days after the day of `since`.
    pub fn after_open_days(&self, since: Timestamp, days: u32) -> Timestamp {
        let zone = self.zone();
        let mut date = zone.to_datetime(since).date();
        let (mut left, mut closed) = (days, 0);
        while left > 0 {
            let Ok(next) = date.checked_add(1.day()) else { return Timestamp::MAX };
            date = next;
            if self.is_open(date) || closed >= LONGEST_CLOSURE {
                left -= 1;
            } else {
                closed += 1;
            }
        }
        date.checked_add(1.day())
            .ok()
            .and_then(|end| zone.to_timestamp(end.at(0, 0, 0, 0)).ok())
            .unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn closed_days_stop_the_clock() {
        let calendar = Calendar {
            time_zone: "Europe/Zurich".to_owned(),
            closed_weekdays: [Day::Saturday, Day::Sunday].into(),
            closed_dates: [date(2026, 12, 25)].into(),
            ..Calendar::default()
        };
        // Thursday the 24th; Friday is a holiday, then the week-end: the first open day is Monday the 28th.
        assert_eq!(calendar.after_open_days(at("2026-12-24T10:00:00Z"), 1), at("2026-12-28T23:00:00Z"));
        assert_eq!(calendar.after_open_days(at("2026-12-24T10:00:00Z"), 2), at("2026-12-29T23:00:00Z"));
    }

    #[test]
    fn what_falls_into_closed_hours_waits_until_it_opens() {
        let calendar = Calendar {
            time_zone: "Europe/Zurich".to_owned(),
            closed_weekdays: [Day::Saturday, Day::Sunday].into(),
            opens: Some(time(8, 0, 0, 0)),
            closes: Some(time(20, 0, 0, 0)),
            ..Calendar::default()
        };
        for (asked, answered) in [
            // Thursday: in time, too early, too late.
            ("2026-12-24T10:00:00Z", "2026-12-24T10:00:00Z"),
            ("2026-12-24T03:00:00Z", "2026-12-24T07:00:00Z"),
            ("2026-12-24T19:00:00Z", "2026-12-25T07:00:00Z"),
            // Friday evening, and in the week-end: Monday.
            ("2026-12-25T19:30:00Z", "2026-12-28T07:00:00Z"),
            ("2026-12-27T03:00:00Z", "2026-12-28T07:00:00Z"),
        ] {
            assert_eq!(calendar.open_from(at(asked)), at(answered), "{asked}");
        }
        assert_eq!(Calendar::default().open_from(at("2026-12-24T03:00:00Z")), at("2026-12-24T03:00:00Z"));
        let all = [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];
        let closed = Calendar { closed_weekdays: all.into(), ..Calendar::default() };
        assert_eq!(closed.open_from(at("2026-12-24T03:00:00Z")), at("2026-12-24T03:00:00Z"));
    }

    #[test]
    fn day_begins_and_ends_in_the_agencys_own_time_zone() {
        let calendar = Calendar { time_zone: "America/Los_Angeles".to_owned(), ..Calendar::default() };
        // 02:00 UTC is still the day before.
        assert_eq!(calendar.after_open_days(at("2026-06-02T02:00:00Z"), 0), at("2026-06-02T07:00:00Z"));
    }

    #[test]
    fn calendar_that_is_always_closed_still_ends() {
        let all = [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];
        let calendar = Calendar { closed_weekdays: all.into(), ..Calendar::default() };
        assert!(calendar.after_open_days(at("2026-06-02T02:00:00Z"), 3) < at("2028-01-01T00:00:00Z"));
    }
}
