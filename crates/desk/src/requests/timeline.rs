//! The history of a request as staff read it.

use jiff::Timestamp;

use crate::requests::model::{RequestView, TimelineRow};
use crate::status;
use crate::texts::Texts;

/// One entry, newest first on the page.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) time: Timestamp,
    pub(crate) icon: &'static str,
    pub(crate) is_problem: bool,
    /// What happened.
    pub(crate) what: String,
    /// Why, in the hub's or the actor's words.
    pub(crate) why: Option<String>,
    /// At which side, and by whom.
    pub(crate) place: String,
}

/// The event of what a library's system showed.
const OBSERVED: &str = "observed";

/// Returns the entries, newest first. What a poll showed without any change of status is left out.
pub(crate) fn entries(texts: Texts, request: &RequestView) -> Vec<Entry> {
    let shown = request.timeline.iter().rev().filter(|row| base(&row.event) != OBSERVED || row.to.is_some());
    shown.map(|row| entry(texts, row)).collect()
}

fn entry(texts: Texts, row: &TimelineRow) -> Entry {
    let (base, side) = parts(&row.event);
    let status = row.to.as_deref().map(|to| status::of_status(texts, to));
    let is_problem = matches!(base, "effect_refused" | "candidate_unfit" | "patron_refused" | "poll_failed");
    let icon = match (&status, is_problem) {
        (_, true) => "case",
        (Some(pill), false) => pill.icon,
        (None, false) => "info",
    };
    let what = match &status {
        Some(pill) if base == OBSERVED => pill.words.clone(),
        _ => event_words(texts, base),
    };
    let who = if row.actor == "hub" { "Consort".to_owned() } else { row.actor.clone() };
    let place = match side {
        Some(side) => format!("{} · {who}", texts.say(&format!("side-{side}"))),
        None => who,
    };
    let why = row.reason.clone().or_else(|| row.note.clone());
    Entry { time: row.time, icon, is_problem, what, why, place }
}

/// Returns the words for an event, or its name for one that has none.
fn event_words(texts: Texts, base: &str) -> String {
    let id = format!("event-{base}");
    if texts.has(&id) { texts.say(&id) } else { base.replace('_', " ") }
}

fn base(event: &str) -> &str {
    parts(event).0
}

/// Separates `hold_placed_at_lender` into `hold_placed` and `lender`.
fn parts(event: &str) -> (&str, Option<&'static str>) {
    for side in ["lender", "borrower", "pickup"] {
        let base = event.strip_suffix(side).and_then(|rest| rest.strip_suffix("_at_"));
        if let Some(base) = base {
            return (base, Some(side));
        }
    }
    (event, None)
}

#[cfg(test)]
mod tests {
    use messages::Language;

    use super::*;

    #[test]
    fn event_is_separated_from_its_side() {
        assert_eq!(parts("hold_placed_at_lender"), ("hold_placed", Some("lender")));
        assert_eq!(parts("missing_at_pickup"), ("missing", Some("pickup")));
        assert_eq!(parts("cancel_requested"), ("cancel_requested", None));
    }

    #[test]
    fn common_events_have_words_in_each_language() {
        for language in Language::ALL {
            let texts = Texts { language };
            for base in ["placed", "patron_verified", "supplier_chosen", "hold_placed", "lent", "undo_requested"] {
                assert!(texts.has(&format!("event-{base}")), "{base}");
            }
        }
    }
}
