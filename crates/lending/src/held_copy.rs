//! A copy of a title as its library's system describes it before anybody asks for it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::copy::ItemType;
use crate::ids::{Barcode, HoldingId, ItemId, LibraryCode, LocationCode};
use crate::refusal::Refusal;
use crate::rules::Rules;
use crate::volume::Volume;

/// A copy that an institution holds of a record, and whether it can be lent now.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct HeldCopy {
    /// Its holding.
    pub holding: HoldingId,
    /// Its item.
    pub item: ItemId,
    /// Its barcode. An item without one can't be lent.
    pub barcode: Option<Barcode>,
    /// The library where it is now, which is another than its own during a temporary relocation.
    pub library: LibraryCode,
    /// The location where it is now.
    pub location: LocationCode,
    /// Its type in the hub's words; `None` if the institution doesn't map its type, so that it can't be lent.
    pub item_type: Option<ItemType>,
    /// The volume of the title that it is.
    #[serde(default)]
    pub volume: Volume,
    /// Whether it can be lent now.
    pub state: CopyState,
    /// The number of requests that wait for it; `None` if nobody asked for the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u32>,
}

impl HeldCopy {
    /// Returns why no patron of another library can request this copy now, if so. `rules` are those of the agencies to
    /// which it may belong; the strictest of them count.
    pub fn against_request(&self, rules: &[&Rules], now: Timestamp) -> Option<Refusal> {
        if let CopyState::NotLendable(refusal) = &self.state {
            return Some(refusal.clone());
        }
        if rules.iter().any(|rules| !rules.lends) {
            return Some(Refusal::new("LENDER_LENDS_NOTHING", "Its library lends nothing through the hub."));
        }
        let suspended = |rules: &&Rules| rules.suspended_until.is_some_and(|day| rules.end_of_day(day) > now);
        if rules.iter().any(suspended) {
            return Some(Refusal::new("LENDER_SUSPENDED", "Its library has suspended its lending."));
        }
        if matches!(self.state, CopyState::Available) {
            return None;
        }
        let longest = rules.iter().map(|rules| rules.longest_queue).min().flatten();
        match (longest, self.waiting.unwrap_or(0)) {
            (None, _) => Some(Refusal::new(
                "COPY_LENT",
                "It is on loan, and its library lets no request of another library wait for it.",
            )),
            (Some(longest), waiting) if waiting >= longest => Some(Refusal::new(
                "QUEUE_TOO_LONG",
                "It is on loan, and as many requests wait for it as its library allows.",
            )),
            (Some(_), _) => None,
        }
    }
}

/// Whether a copy can be lent now.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyState {
    /// It is on its shelf, and may be lent.
    Available,
    /// It is on loan, and may be lent once it comes back.
    Lent {
        /// When it is due, if that is known.
        due: Option<Timestamp>,
    },
    /// It can't be lent, for a reason that doesn't end with a due date.
    NotLendable(Refusal),
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn copy(state: CopyState) -> HeldCopy {
        HeldCopy {
            holding: "22".into(),
            item: "23".into(),
            barcode: Some("B".into()),
            library: "MAIN".into(),
            location: "stacks".into(),
            item_type: None,
            volume: Volume::default(),
            state,
            waiting: None,
        }
    }

    fn code(copy: &HeldCopy, rules: &[&Rules]) -> Option<String> {
        copy.against_request(rules, NOW).map(|refusal| refusal.code)
    }

    #[test]
    fn available_copy_can_be_requested_unless_its_library_lends_nothing() {
        let (open, closed) = (Rules::default(), Rules { lends: false, ..Rules::default() });
        let suspended = Rules { suspended_until: Some(jiff::civil::date(1970, 1, 2)), ..Rules::default() };
        let copy = copy(CopyState::Available);
        assert_eq!(code(&copy, &[&open]), None);
        assert_eq!(code(&copy, &[&open, &closed]).as_deref(), Some("LENDER_LENDS_NOTHING"));
        assert_eq!(code(&copy, &[&suspended]).as_deref(), Some("LENDER_SUSPENDED"));
    }

    #[test]
    fn lent_copy_can_be_requested_while_the_queue_is_short_enough() {
        let allows = |longest_queue| Rules { longest_queue, ..Rules::default() };
        let lent = copy(CopyState::Lent { due: None });
        assert_eq!(code(&lent, &[&allows(None)]).as_deref(), Some("COPY_LENT"));
        assert_eq!(code(&lent, &[&allows(Some(1))]), None);
        let wanted = HeldCopy { waiting: Some(1), ..lent };
        assert_eq!(code(&wanted, &[&allows(Some(1))]).as_deref(), Some("QUEUE_TOO_LONG"));
    }
}
