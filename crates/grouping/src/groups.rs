//! Puts records into groups: those that are judged the same, as long as no two in a group contradict each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::judge::verdict;
use crate::{Keys, LARGEST_BLOCK, Lookup, Verdict};

/// Two records that are judged the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link<Id> {
    pub(crate) strength: u8,
    pub(crate) first: Id,
    pub(crate) second: Id,
}

/// Groups all records. Returns the groups as sets of ids, each with at least one record, ordered by their first ids.
///
/// Links between records are followed from the strongest to the weakest, equal ones in the order of the ids. A link that
/// would put two contradicting records into one group is left out. So the result depends on the records alone, and not
/// on the order in which they came.
#[must_use]
pub fn group<Id: Ord + Copy>(records: &BTreeMap<Id, Keys>) -> Vec<BTreeSet<Id>> {
    let mut blocks: BTreeMap<Lookup, Vec<(Id, &Keys)>> = BTreeMap::new();
    for (id, keys) in records {
        for lookup in keys.lookups() {
            blocks.entry(lookup).or_default().push((*id, keys));
        }
    }
    let mut seen = BTreeSet::new();
    let mut links = Vec::new();
    for members in blocks.values().filter(|members| members.len() <= LARGEST_BLOCK) {
        for (position, (first, one)) in members.iter().enumerate() {
            for (second, two) in &members[position + 1..] {
                if seen.insert((*first, *second))
                    && let Verdict::Same(strength) = verdict(one, two)
                {
                    links.push(Link { strength, first: *first, second: *second });
                }
            }
        }
    }
    follow(records, links)
}

/// Follows the links. Each joins a smaller id to a larger one.
pub(crate) fn follow<Id: Ord + Copy>(records: &BTreeMap<Id, Keys>, mut links: Vec<Link<Id>>) -> Vec<BTreeSet<Id>> {
    links.sort_by(|a, b| b.strength.cmp(&a.strength).then((a.first, a.second).cmp(&(b.first, b.second))));
    let sorted: Vec<(Id, &Keys)> = records.iter().map(|(id, keys)| (*id, keys)).collect();
    let places: BTreeMap<Id, usize> = sorted.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let mut groups =
        Groups { group_of: (0..sorted.len()).collect(), members: (0..sorted.len()).map(|at| vec![at]).collect() };
    let mut judged = HashMap::new();
    for link in links {
        let (Some(first), Some(second)) = (places.get(&link.first), places.get(&link.second)) else { continue };
        groups.join(*first, *second, |a, b| {
            *judged
                .entry((a.min(b), a.max(b)))
                .or_insert_with(|| verdict(sorted[a].1, sorted[b].1) == Verdict::Different)
        });
    }
    let sets = groups.members.into_iter().filter(|members| !members.is_empty());
    let mut sets: Vec<BTreeSet<Id>> =
        sets.map(|members| members.into_iter().map(|at| sorted[at].0).collect()).collect();
    sets.sort();
    sets
}

/// Groups of numbers from 0.
struct Groups {
    group_of: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Groups {
    /// Joins the groups of two numbers, unless a member of one contradicts a member of the other.
    fn join(&mut self, first: usize, second: usize, mut contradict: impl FnMut(usize, usize) -> bool) {
        let (one, two) = (self.group_of[first], self.group_of[second]);
        if one == two || self.members[one].iter().any(|a| self.members[two].iter().any(|b| contradict(*a, *b))) {
            return;
        }
        let moved = std::mem::take(&mut self.members[two]);
        for member in &moved {
            self.group_of[*member] = one;
        }
        self.members[one].extend(moved);
    }
}
