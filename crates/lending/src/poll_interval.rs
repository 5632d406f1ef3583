//! How long until a side of a request is polled again, and how long until a list is read again.
//!
//! A poll finds changes that nothing reports. Polls are rarer where a trusted webhook or a list reports changes, and
//! become rarer while nothing changes. Each row of the two tables is a value here; `consort docs polling` prints them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::effect::Side;
use crate::expected_change::list_names_hold;
use crate::request::Request;
use crate::status::Status;

const HOUR: i64 = 3_600;
const DAY: Duration = Duration::from_secs(86_400);

/// The interval between two polls: it starts short and grows with each poll that shows nothing new.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PollInterval {
    /// After a change.
    pub initial: Duration,
    /// The longest.
    pub max: Duration,
    /// The factor by which it grows with each poll that shows nothing new; below 1 it counts as 1.
    pub growth: f64,
}

impl PollInterval {
    /// Returns the same interval, `factor` times as long.
    #[must_use]
    pub fn scaled(self, factor: u32) -> Self {
        Self { initial: self.initial.saturating_mul(factor), max: self.max.saturating_mul(factor), ..self }
    }

    /// Returns the interval after `unchanged` polls that showed nothing new.
    pub fn after(&self, unchanged: u32) -> Duration {
        let factor = self.growth.max(1.0).powi(i32::try_from(unchanged.min(64)).unwrap_or(64));
        Duration::try_from_secs_f64(self.initial.as_secs_f64() * factor).unwrap_or(self.max).min(self.max)
    }
}

/// The settings that both tables start from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PollSettings {
    /// Where nothing else reports a change. Default: 5 minutes, growing by half to 2 hours.
    pub uncovered: PollInterval,
    /// Where a trusted webhook reports changes. Default: 1 day, growing threefold to 7 days.
    pub webhook: PollInterval,
    /// Where a list shows changes. Default: 7 days.
    pub listed: PollInterval,
    /// The shortest interval between two reads of a list. Default: 5 minutes.
    pub batch: Duration,
}

impl Default for PollSettings {
    fn default() -> Self {
        let week = DAY.saturating_mul(7);
        Self {
            uncovered: PollInterval { initial: Duration::from_secs(300), max: Duration::from_secs(7_200), growth: 1.5 },
            webhook: PollInterval { initial: DAY, max: week, growth: 3.0 },
            listed: PollInterval { initial: week, max: week, growth: 1.0 },
            batch: Duration::from_secs(300),
        }
    }
}

impl PollSettings {
    /// Returns the longest interval that either table can give for a poll of one side.
    pub fn longest(&self) -> Duration {
        let longest = PollCase::ALL.iter().map(|case| case.interval(self).max).max();
        longest.unwrap_or_default()
    }
}

/// The source that reports changes at a side, besides polls of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coverage {
    /// Nothing.
    None,
    /// A webhook that is trusted to report the next change there.
    Webhook,
    /// A list that is read for many requests.
    List {
        /// Whether the list names the hold itself, so that reading it is as good as a poll.
        names_hold: bool,
        /// Whether a trusted webhook reports changes too.
        webhook: bool,
    },
}

/// The inputs that decide when a side is polled next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PollContext {
    /// The request's status.
    pub status: Status,
    /// Whether the patron has borrowed the item at this side, so that a renewal would show here.
    pub is_patrons_loan: bool,
    /// When that loan is due, if it is known.
    pub due: Option<Timestamp>,
    /// What else reports a change.
    pub covered_by: Coverage,
    /// How many polls in a row showed nothing new.
    pub unchanged: u32,
}

/// One row of the table of poll intervals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PollCase {
    /// Nothing else reports a change.
    Uncovered,
    /// The same while the item is on loan, for weeks as a rule.
    UncoveredOnLoan,
    /// A trusted webhook reports changes.
    Webhook,
    /// The same while the item is on loan.
    WebhookOnLoan,
    /// The lender has sent the item, and nothing else reports whether the item is still on its way.
    UncoveredWhenSent,
    /// The same where a trusted webhook reports changes.
    WebhookWhenSent,
    /// A list shows changes.
    Listed,
    /// A list names the hold itself.
    HoldListed,
    /// A list shows the return, and a trusted webhook reports renewals.
    ListedOnLoan,
    /// A list shows the return, and nothing reports renewals; the loan is not due within a day.
    ListedBeforeDue,
    /// The same from one day before the loan is due, or if the due date is unknown.
    ListedWhenDue,
}

/// How long before the due date polls become more frequent, if nothing reports renewals.
const BEFORE_DUE: SignedDuration = SignedDuration::from_hours(24);

impl PollContext {
    /// Returns the context of one side of a request. `listed` is true if a list shows its changes, `webhook` if a
    /// trusted webhook reports them.
    pub fn of(request: &Request, side: Side, listed: bool, webhook: bool, unchanged: u32) -> Self {
        let covered_by = match (listed, webhook) {
            (true, _) => Coverage::List { names_hold: list_names_hold(request, side), webhook },
            (false, true) => Coverage::Webhook,
            (false, false) => Coverage::None,
        };
        Self {
            status: request.status,
            is_patrons_loan: side != Side::Lender,
            due: request.virtual_side(side).and_then(|here| here.loan.open()).and_then(|loan| loan.due),
            covered_by,
            unchanged,
        }
    }
}

impl PollCase {
    /// All rows, in the order of the table.
    pub const ALL: [Self; 11] = [
        Self::Uncovered,
        Self::UncoveredOnLoan,
        Self::Webhook,
        Self::WebhookOnLoan,
        Self::UncoveredWhenSent,
        Self::WebhookWhenSent,
        Self::Listed,
        Self::HoldListed,
        Self::ListedOnLoan,
        Self::ListedBeforeDue,
        Self::ListedWhenDue,
    ];

    /// Returns the row that applies.
    pub fn of(context: &PollContext, now: Timestamp) -> Self {
        let on_loan = context.status == Status::Loaned;
        let is_sent = context.status == Status::PickupTransit && !context.is_patrons_loan;
        match context.covered_by {
            Coverage::None if is_sent => Self::UncoveredWhenSent,
            Coverage::Webhook if is_sent => Self::WebhookWhenSent,
            Coverage::None if on_loan => Self::UncoveredOnLoan,
            Coverage::None => Self::Uncovered,
            Coverage::Webhook if on_loan => Self::WebhookOnLoan,
            Coverage::Webhook => Self::Webhook,
            Coverage::List { webhook: false, .. } if on_loan && context.is_patrons_loan => {
                let is_before = day_before(context.due).is_some_and(|day| day > now);
                if is_before { Self::ListedBeforeDue } else { Self::ListedWhenDue }
            }
            Coverage::List { .. } if on_loan => Self::ListedOnLoan,
            Coverage::List { names_hold: true, .. } => Self::HoldListed,
            Coverage::List { .. } => Self::Listed,
        }
    }

    /// Returns the interval of this row.
    pub fn interval(self, settings: &PollSettings) -> PollInterval {
        let (base, factor) = self.parts();
        let base = match base {
            Base::Uncovered => settings.uncovered,
            Base::Webhook => settings.webhook,
            Base::Listed => settings.listed,
        };
        base.scaled(factor)
    }

    fn parts(self) -> (Base, u32) {
        match self {
            Self::Uncovered => (Base::Uncovered, 1),
            Self::UncoveredOnLoan => (Base::Uncovered, 6),
            Self::Webhook => (Base::Webhook, 1),
            Self::WebhookOnLoan => (Base::Webhook, 6),
            Self::UncoveredWhenSent => (Base::Webhook, 3),
            Self::WebhookWhenSent => (Base::Webhook, 6),
            Self::Listed => (Base::Listed, 1),
            Self::HoldListed | Self::ListedOnLoan => (Base::Listed, 6),
            Self::ListedBeforeDue => (Base::Listed, 4),
            Self::ListedWhenDue => (Base::Listed, 2),
        }
    }

    /// Returns the purpose of the row, for the printed table.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Uncovered => "nothing else reports a change",
            Self::UncoveredOnLoan => "nothing else reports a change; the item is on loan",
            Self::Webhook => "a trusted webhook reports changes",
            Self::WebhookOnLoan => "a trusted webhook reports changes; the item is on loan",
            Self::UncoveredWhenSent => "nothing else reports a change; the lender's item is on its way",
            Self::WebhookWhenSent => "a trusted webhook reports changes; the lender's item is on its way",
            Self::Listed => "a list shows changes",
            Self::HoldListed => "a list names the hold itself",
            Self::ListedOnLoan => "a list shows the return; the item is on loan",
            Self::ListedBeforeDue => {
                "the same at the patron's loan, where nothing reports renewals; at the latest one day before it is due"
            }
            Self::ListedWhenDue => "the same from one day before the loan is due, or if the due date is unknown",
        }
    }

    /// Returns the names of the settings that the row starts from, and their factor.
    pub fn settings(self) -> (&'static str, u32) {
        let (base, factor) = self.parts();
        let names = match base {
            Base::Uncovered => "poll_interval_initial_ms, poll_interval_max_ms",
            Base::Webhook => "webhook_poll_interval_initial_ms, webhook_poll_interval_max_ms",
            Base::Listed => "fixed",
        };
        (names, factor)
    }
}

#[derive(Clone, Copy)]
enum Base {
    Uncovered,
    Webhook,
    Listed,
}

fn day_before(due: Option<Timestamp>) -> Option<Timestamp> {
    due?.checked_sub(BEFORE_DUE).ok()
}

/// Returns how long until the side is polled again. The caller adds jitter and applies opening hours.
pub fn poll_interval(context: &PollContext, settings: &PollSettings, now: Timestamp) -> Duration {
    let case = PollCase::of(context, now);
    let interval = case.interval(settings).after(context.unchanged);
    if case != PollCase::ListedBeforeDue {
        return interval;
    }
    let until = day_before(context.due).map(|day| Duration::try_from(day.duration_since(now)).unwrap_or_default());
    until.map_or(interval, |until| interval.min(until))
}

/// The factor of a list that shows only unusual changes. Such a list is read no more often for an institution's
/// detection time.
pub const RARE_FACTOR: u32 = 36;
/// The factor where a trusted webhook reports each dispatch.
const ITEM_WEBHOOK_FACTOR: u32 = 24;
/// The factor where a trusted webhook reports holds and loans.
const WEBHOOK_FACTOR: u32 = 36;
/// The factors for a list on which nothing has changed for an hour, or for longer than a long weekend.
const QUIET_FACTORS: [(SignedDuration, u32); 2] =
    [(SignedDuration::from_secs(4 * 24 * HOUR), 12), (SignedDuration::from_secs(HOUR), 3)];
/// The interval of a list is multiplied by its length in units of this many entries, rounded up. Reading a list takes
/// one call for each hundred entries.
const LARGE_LIST: usize = 1_000;

/// What an institution can spare for reading lists.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ListBudget {
    /// The number of calls in a day.
    pub calls_per_day: u64,
    /// The time in a day for which the institution is open. Lists are read in that time only.
    pub open: Duration,
    /// The number of calls that it takes to read each of the institution's lists once. Lists that show only unusual
    /// changes don't count.
    pub calls_per_round: u64,
}

impl ListBudget {
    /// Returns the interval between two reads of each list that uses the budget up; `None` if there is no budget.
    pub fn interval(&self) -> Option<Duration> {
        if self.calls_per_day == 0 {
            return None;
        }
        let rounds = u32::try_from(self.calls_per_day / self.calls_per_round.max(1)).unwrap_or(u32::MAX);
        Some(self.open.checked_div(rounds).unwrap_or(Duration::MAX))
    }
}

/// Returns the number of calls that it takes to read lists with these numbers of entries.
pub fn calls_to_read(lengths: impl IntoIterator<Item = u64>) -> u64 {
    lengths.into_iter().map(|entries| entries.div_ceil(ENTRIES_PER_CALL).max(1)).sum()
}

/// The number of entries that one call reads.
const ENTRIES_PER_CALL: u64 = 100;

/// The inputs that decide when a list is read next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ListContext {
    /// [`ChangeKind::interval_factor`] of what the list shows; the smallest where it shows several changes.
    pub interval_factor: u32,
    /// Whether only messages about items report such a change.
    pub needs_item_messages: bool,
    /// Whether a trusted webhook reports it.
    pub webhook: bool,
    /// The time since the last change on the list.
    pub quiet: SignedDuration,
    /// The number of entries that the hub expects on it.
    pub length: usize,
    /// The time within which a lost message is to be noticed: the one that the institution has set, or the shortest for
    /// which it has calls to spare.
    pub detection_target: Option<Duration>,
}

/// Returns the factors on the shortest interval between two reads of a list, besides
/// [`ChangeKind::interval_factor`](crate::ChangeKind), for the printed table: when each applies, and the factor.
pub fn list_factors() -> Vec<(String, u32)> {
    let mut rows = vec![
        ("a trusted webhook reports each dispatch, and the list shows dispatches".to_owned(), ITEM_WEBHOOK_FACTOR),
        ("a trusted webhook reports holds and loans, and the list shows these".to_owned(), WEBHOOK_FACTOR),
    ];
    for (after, factor) in QUIET_FACTORS.iter().rev() {
        let hours = after.as_hours();
        let quiet = if hours % 24 == 0 { format!("{} days", hours / 24) } else { format!("{hours} hour") };
        rows.push((
            format!("no webhook reports it, and nothing on the list has changed for more than {quiet}"),
            *factor,
        ));
    }
    rows.push(("no webhook reports it, and something on the list has changed since".to_owned(), 1));
    rows
}

/// Returns the number of entries above which a list is read less often. The interval is multiplied by the length in
/// units of this number, rounded up.
pub fn large_list() -> usize {
    LARGE_LIST
}

/// Returns the factor of a list on which nothing has changed for this long.
fn quiet_factor(quiet: SignedDuration) -> u32 {
    QUIET_FACTORS.iter().find(|(after, _)| quiet > *after).map_or(1, |(_, factor)| *factor)
}

/// Returns how long until a list is read again. The caller applies opening hours, and the grid that all nodes share.
pub fn list_interval(context: &ListContext, settings: &PollSettings) -> Duration {
    let factor = match (context.webhook, context.needs_item_messages) {
        (true, true) => ITEM_WEBHOOK_FACTOR,
        (true, false) => WEBHOOK_FACTOR,
        (false, _) => quiet_factor(context.quiet),
    };
    let length = u32::try_from(context.length.div_ceil(LARGE_LIST)).unwrap_or(u32::MAX).max(1);
    let interval = settings.batch.saturating_mul(factor.saturating_mul(context.interval_factor).saturating_mul(length));
    let target = context.detection_target.filter(|_| context.interval_factor < RARE_FACTOR);
    // No list is read more often than at the shortest interval, and a long list even less often.
    let target = target.map(|target| target.max(settings.batch.saturating_mul(length)));
    target.map_or(interval, |target| interval.min(target))
}
