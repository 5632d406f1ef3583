//! Records what really happened. After each step it reads at the Almas, not from the hub, which items are away for
//! which request and which patron has had the item.

use std::collections::{BTreeMap, BTreeSet};

use alma_sim::{ItemView, Sim};
use lending::{Request, RequestId};

use super::books::Books;

/// The party that has just acted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    Hub,
    Staff,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The lenders' items that have left for one of the hub's holds, by institution and barcode, with their request.
    away: BTreeMap<(String, String), RequestId>,
    /// The requests whose patron has had the item.
    had: BTreeSet<RequestId>,
}

impl Ledger {
    /// Records the present state of a request's copies and of its virtual item.
    pub(super) fn note(
        &mut self,
        sim: &Sim,
        books: &Books,
        request: &Request,
        copies: &[(String, String)],
        by: By,
    ) -> Result<(), String> {
        for place in copies {
            let (institution, barcode) = place;
            let staff = sim.staff(institution).map_err(|error| error.to_string())?;
            let item = staff.item(barcode).map_err(|error| error.to_string())?;
            let seen = Seen { books, item: &item, institution, id: request.id };
            if seen.has_left() {
                self.away.insert(place.clone(), request.id);
            } else if self.away.get(place) == Some(&request.id) && !seen.is_still_away(by) {
                self.away.remove(place);
            }
        }
        if books.patron_has_it(request) {
            self.had.insert(request.id);
        }
        Ok(())
    }

    /// Records that the patron got the item, and may already have returned it.
    pub(super) fn patron_got_it(&mut self, id: RequestId) {
        self.had.insert(id);
    }

    /// Returns the items that are away for a request.
    pub(super) fn away_for(&self, id: RequestId) -> impl Iterator<Item = (&str, &str)> {
        let of_it = self.away.iter().filter(move |(_, request)| **request == id);
        of_it.map(|((institution, barcode), _)| (institution.as_str(), barcode.as_str()))
    }

    /// Returns whether the request's patron has ever had the item.
    pub(super) fn had_it(&self, id: RequestId) -> bool {
        self.had.contains(&id)
    }
}

/// A copy of a request at a lender.
struct Seen<'a> {
    books: &'a Books,
    item: &'a ItemView,
    institution: &'a str,
    id: RequestId,
}

impl Seen<'_> {
    /// Returns whether the item is in transit for a hold with the request's marker.
    fn has_left(&self) -> bool {
        let bound = self.item.request_id.as_deref();
        self.item.process_type == "TRANSIT"
            && self.books.holds_of(self.id, self.institution).any(|hold| Some(hold.id.as_str()) == bound)
    }

    /// Returns whether the item is not home yet, and not lent or sent to somebody else. If the lender's own staff end
    /// the hold, they are responsible for the item.
    fn is_still_away(&self, by: By) -> bool {
        let under_way = self.item.process_type == "TRANSIT" && self.item.request_id.is_none();
        let ended_by_staff = by == By::Staff && self.books.holds_of(self.id, self.institution).next().is_none();
        self.books.our_loan(self.institution, &self.item.barcode).is_some() || (under_way && !ended_by_staff)
    }
}
