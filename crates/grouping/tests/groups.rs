//! Groups contradict nothing, don't depend on the order of records, and are the same after changes as from the start.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test helpers stop at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};

use grouping::{Keys, Lookup, Regrouping, Verdict, group, judge};
use marc::{CompactRecord, Record};
use proptest::prelude::*;

const ISBNS: [&str; 4] = ["0141439580", "020161622X", "0914378287", "9784588460050"];
const TITLES: [(&str, &str); 4] =
    [("Emma /", "Jane Austen."), ("Emma :", "J. Austen"), ("Faust /", "Goethe"), ("Emmy /", "X")];
const LEADERS: [&str; 2] = ["00000nam a2200000 a 4500", "00000njm a2200000 a 4500"];

/// Makes the keys of a record from few choices, so that records often share something.
fn keys(choices: [usize; 6]) -> Keys {
    let [isbn, lccn, title, year, pages, leader] = choices;
    let (title, responsibility) = TITLES[title % TITLES.len()];
    let mut record = Record::builder().leader(LEADERS[leader / 7 % LEADERS.len()].parse().unwrap());
    if let Some(isbn) = ISBNS.get(isbn) {
        record = record.data("020", ' ', ' ', [('a', *isbn)]);
    }
    if lccn < 3 {
        record = record.data("010", ' ', ' ', [('a', format!("8500000{lccn}"))]);
    }
    let record = record
        .data("245", '1', '0', [('a', title), ('c', responsibility)])
        .data("260", ' ', ' ', [('b', "Penguin,".to_owned()), ('c', format!("{}.", 1990 + year))])
        .data("300", ' ', ' ', [('a', format!("{} p.", 300 + 2 * pages))]);
    Keys::of(&CompactRecord::from(&record.build()))
}

fn records() -> impl Strategy<Value = BTreeMap<u32, Keys>> {
    let choices = [0..7_usize, 0..6, 0..5, 0..3, 0..3, 0..8];
    prop::collection::vec(choices, 1..12).prop_map(|all| (0..).zip(all.into_iter().map(keys)).collect())
}

/// A database of records with their groups, which regroups as the hub does.
#[derive(Default)]
struct Catalogue {
    records: BTreeMap<u32, Keys>,
    groups: BTreeSet<BTreeSet<u32>>,
}

impl Catalogue {
    fn change(&mut self, id: u32, keys: Option<Keys>) {
        let before = self.groups.iter().find(|group| group.contains(&id)).cloned().unwrap_or_default();
        match keys {
            Some(keys) => self.records.insert(id, keys),
            None => self.records.remove(&id),
        };
        let mut regrouping = Regrouping::default();
        for member in before.iter().chain([&id]) {
            if let Some(keys) = self.records.get(member) {
                regrouping.add(*member, keys.clone());
            }
        }
        while let Some((id, lookups)) = regrouping.next() {
            let lookups: BTreeSet<Lookup> = lookups.into_iter().collect();
            for (partner, keys) in &self.records {
                if keys.lookups().iter().any(|lookup| lookups.contains(lookup)) {
                    regrouping.compare(id, *partner, keys.clone());
                }
            }
        }
        let after = regrouping.finish();
        assert!(!after.is_cut);
        let affected: BTreeSet<u32> = after.groups.iter().flatten().chain([&id]).copied().collect();
        for group in std::mem::take(&mut self.groups) {
            let left: BTreeSet<u32> = group.difference(&affected).copied().collect();
            assert!(left.is_empty() || left == group, "a group is affected in part");
            if !left.is_empty() {
                self.groups.insert(left);
            }
        }
        self.groups.extend(after.groups);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn no_two_records_of_a_group_contradict_each_other(records in records()) {
        let groups = group(&records);
        prop_assert_eq!(groups.iter().map(BTreeSet::len).sum::<usize>(), records.len());
        for members in groups {
            for a in &members {
                for b in members.iter().filter(|b| *b > a) {
                    prop_assert_ne!(judge(&records[a], &records[b]).verdict, Verdict::Different);
                }
            }
        }
    }

    #[test]
    fn judgement_does_not_depend_on_the_order_of_two_records(records in records()) {
        for a in records.values() {
            prop_assert!(judge(a, a).verdict != Verdict::Different);
            for b in records.values() {
                prop_assert_eq!(judge(a, b), judge(b, a));
            }
        }
    }

    #[test]
    fn changes_in_any_order_lead_to_the_groups_of_the_whole(
        records in records(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 24),
        replaced in prop::collection::vec((0..7_usize, 0..6_usize), 4),
    ) {
        let mut catalogue = Catalogue::default();
        let ids: Vec<u32> = records.keys().copied().collect();
        // Other records first, which are replaced or removed later.
        for (at, (isbn, title)) in (0..).zip(&replaced) {
            catalogue.change(at, Some(keys([*isbn, 1, *title, 0, 0, 0])));
        }
        for index in order {
            let id = ids[index.index(ids.len())];
            catalogue.change(id, Some(records[&id].clone()));
        }
        for id in ids.iter().rev() {
            catalogue.change(*id, Some(records[id].clone()));
        }
        for id in 0..4 {
            if !records.contains_key(&id) {
                catalogue.change(id, None);
            }
        }
        let whole: BTreeSet<BTreeSet<u32>> = group(&records).into_iter().collect();
        prop_assert_eq!(catalogue.groups, whole);
    }
}

#[test]
fn keys_are_stored_and_read_without_a_change() {
    let keys = keys([0, 1, 0, 1, 1, 0]);
    let stored = serde_json::to_string(&keys).unwrap();
    assert_eq!(serde_json::from_str::<Keys>(&stored).unwrap(), keys);
}
