//! The words, icon and tone of a request's status.

use crate::requests::model::RequestView;
use crate::texts::Texts;

/// A status as a page shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pill {
    /// The tone: a class of the style sheet.
    pub(crate) tone: &'static str,
    /// The icon.
    pub(crate) icon: &'static str,
    /// The words.
    pub(crate) words: String,
}

/// A condition that outweighs the status, the weightiest first.
const CONDITIONS: [(&str, &str, &str); 9] = [
    ("missing_in_transit", "bad", "case"),
    ("missing_at_pickup", "bad", "case"),
    ("lost", "bad", "case"),
    ("claimed_returned", "bad", "case"),
    ("overdue", "warn", "clock"),
    ("recalled", "warn", "flag"),
    ("renewal_refused", "warn", "back"),
    ("out_of_sequence", "warn", "info"),
    ("left_to_staff", "calm", "info"),
];

/// The tone and the icon of each status.
const STATUSES: [(&str, &str, &str); 18] = [
    ("SUBMITTED_TO_DCB", "calm", "mail"),
    ("PATRON_VERIFIED", "calm", "user"),
    ("RESOLVED", "calm", "check"),
    ("REQUEST_PLACED_AT_SUPPLYING_AGENCY", "calm", "mail"),
    ("CONFIRMED", "calm", "clock"),
    ("REQUEST_PLACED_AT_BORROWING_AGENCY", "calm", "clock"),
    ("REQUEST_PLACED_AT_PICKUP_AGENCY", "calm", "clock"),
    ("PICKUP_TRANSIT", "info", "truck"),
    ("RECEIVED_AT_PICKUP", "info", "in"),
    ("READY_FOR_PICKUP", "good", "shelf"),
    ("LOANED", "loan", "book"),
    ("RETURN_TRANSIT", "info", "back"),
    ("COMPLETED", "calm", "check"),
    ("CANCELLED", "calm", "x"),
    ("NOT_SUPPLIED_CURRENT_SUPPLIER", "warn", "right"),
    ("NO_ITEMS_SELECTABLE_AT_ANY_AGENCY", "bad", "x"),
    ("HANDED_OFF_AS_LOCAL", "calm", "home"),
    ("FINALISED", "calm", "check"),
];

/// Returns the status of a request as a list shows it. At the lender, a request that waits for hands is one to pick.
pub(crate) fn pill_at(texts: Texts, request: &RequestView, is_lender: bool) -> Pill {
    let is_to_pick = is_lender && request.next_step.as_ref().is_some_and(|next| next.step == "pick");
    if is_to_pick {
        return Pill { tone: "calm", icon: "clock", words: texts.say("status-to-pick") };
    }
    pill(texts, request)
}

/// Returns the status of a request: what staff must decide on, then a condition, then the status itself.
pub(crate) fn pill(texts: Texts, request: &RequestView) -> Pill {
    if request.attention.needs_staff() {
        return Pill { tone: "bad", icon: "case", words: texts.say("status-decision-needed") };
    }
    let is_over = matches!(request.status.as_str(), "COMPLETED" | "CANCELLED" | "FINALISED");
    let condition = CONDITIONS.iter().find(|(name, ..)| request.conditions.iter().any(|known| known == name));
    match condition {
        Some((name, tone, icon)) if !is_over => Pill { tone, icon, words: texts.say(&format!("condition-{name}")) },
        Some(_) | None => of_status(texts, &request.status),
    }
}

/// Returns a status alone.
pub(crate) fn of_status(texts: Texts, status: &str) -> Pill {
    let (_, tone, icon) = STATUSES.iter().find(|(name, ..)| *name == status).copied().unwrap_or(("", "calm", "info"));
    Pill { tone, icon, words: texts.say(&format!("status-{status}")) }
}

#[cfg(test)]
mod tests {
    use lending::Status;
    use messages::Language;

    use super::*;

    #[test]
    fn every_status_has_words_and_an_icon_in_each_language() {
        for language in Language::ALL {
            let texts = Texts { language };
            for status in Status::ALL {
                assert!(STATUSES.iter().any(|(name, ..)| *name == status.name()), "{}", status.name());
                assert!(texts.has(&format!("status-{}", status.name())), "{}", status.name());
            }
            for (name, _, _) in CONDITIONS {
                assert!(texts.has(&format!("condition-{name}")), "{name}");
            }
        }
    }

    #[test]
    fn every_icon_of_a_status_exists() {
        let icons = STATUSES.iter().chain(&CONDITIONS).map(|(.., icon)| icon);
        let missing: Vec<_> = icons.filter(|icon| !crate::frame::ICONS.contains(&format!("id=\"i-{icon}\""))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
