//! The effects or polls under way on this node, so that none is begun beyond what a node and an institution are to bear.

use std::collections::HashMap;
use std::sync::Arc;

use lending::InstitutionCode;
use parking_lot::Mutex;

/// Counts effects or polls under way.
#[derive(Debug)]
pub(crate) struct Load {
    places: usize,
    places_per_institution: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_institution: HashMap<InstitutionCode, usize>,
}

/// A place for an effect or a poll at an institution, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    load: Arc<Load>,
    institution: InstitutionCode,
}

impl Load {
    pub(crate) fn new(places: usize, places_per_institution: usize) -> Self {
        Self { places, places_per_institution, taken: Mutex::default() }
    }

    /// Takes a place if there is one.
    pub(crate) fn reserve(self: &Arc<Self>, institution: &InstitutionCode) -> Option<Place> {
        let mut taken = self.taken.lock();
        let here = taken.by_institution.get(institution).copied().unwrap_or_default();
        if taken.all >= self.places || here >= self.places_per_institution {
            return None;
        }
        Some(self.count(&mut taken, institution))
    }

    /// Takes a place for work that the store has given to this node, which has counted it already.
    pub(crate) fn occupy(self: &Arc<Self>, institution: &InstitutionCode) -> Place {
        self.count(&mut self.taken.lock(), institution)
    }

    /// Returns how many places are free.
    pub(crate) fn free(&self) -> usize {
        self.places.saturating_sub(self.taken.lock().all)
    }

    fn count(self: &Arc<Self>, taken: &mut Taken, institution: &InstitutionCode) -> Place {
        taken.all += 1;
        *taken.by_institution.entry(institution.clone()).or_default() += 1;
        Place { load: Arc::clone(self), institution: institution.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.load.taken.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by_institution.get_mut(&self.institution) {
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_for_the_node_and_for_each_institution_and_come_back() {
        let load = Arc::new(Load::new(3, 2));
        let (lender, other) = (InstitutionCode::from("01LEND"), InstitutionCode::from("01OTHER"));
        let first = load.reserve(&lender);
        let second = load.reserve(&lender);
        assert!(first.is_some() && second.is_some());
        assert!(load.reserve(&lender).is_none(), "the institution is full");
        let third = load.reserve(&other);
        assert!(third.is_some());
        assert!(load.reserve(&other).is_none(), "the node is full");
        drop(first);
        assert!(load.reserve(&other).is_some());
    }
}
