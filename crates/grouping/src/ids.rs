//! Keeps the ids of groups as their members change.

use std::collections::BTreeSet;

/// The ids of groups after a regrouping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment<GroupId, Id> {
    /// The groups, each with the id that it keeps; `None` if it needs a new one.
    pub groups: Vec<(Option<GroupId>, BTreeSet<Id>)>,
    /// Ids that no group keeps, each with the place in `groups` of the group that has most of its members. The id
    /// redirects there.
    pub redirects: Vec<(GroupId, usize)>,
    /// Ids of which no member is left.
    pub ended: Vec<GroupId>,
}

/// Decides which group keeps which id.
///
/// The id survives that has most members in a group, and of two with equally many the smaller, which is the older one if
/// ids are made in the order of time. An id that splits stays with its largest part.
#[must_use]
pub fn assign_ids<GroupId: Ord + Copy, Id: Ord + Copy>(
    before: &[(GroupId, BTreeSet<Id>)],
    after: Vec<BTreeSet<Id>>,
) -> Assignment<GroupId, Id> {
    let mut shared: Vec<(usize, GroupId, usize)> = Vec::new();
    for (old, members) in before {
        for (place, group) in after.iter().enumerate() {
            let common = members.intersection(group).count();
            if common > 0 {
                shared.push((common, *old, place));
            }
        }
    }
    // Most members first, then the smaller id, then the group with the smaller first member.
    shared.sort_by(|(count_a, id_a, place_a), (count_b, id_b, place_b)| {
        count_b.cmp(count_a).then(id_a.cmp(id_b)).then(after[*place_a].cmp(&after[*place_b]))
    });
    let mut kept: Vec<Option<GroupId>> = vec![None; after.len()];
    let mut used = BTreeSet::new();
    for (_, old, place) in &shared {
        if kept[*place].is_none() && !used.contains(old) {
            kept[*place] = Some(*old);
            used.insert(*old);
        }
    }
    let mut redirects = Vec::new();
    let mut ended = Vec::new();
    for (old, _) in before.iter().filter(|(old, _)| !used.contains(old)) {
        match shared.iter().find(|(_, id, _)| id == old) {
            Some((_, _, place)) => redirects.push((*old, *place)),
            None => ended.push(*old),
        }
    }
    Assignment { groups: kept.into_iter().zip(after).collect(), redirects, ended }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::assign_ids;

    fn set<const N: usize>(members: [u32; N]) -> BTreeSet<u32> {
        members.into()
    }

    #[test]
    fn merged_group_keeps_the_id_with_most_members_and_the_other_redirects() {
        let result = assign_ids(&[('a', set([1])), ('b', set([2, 3]))], vec![set([1, 2, 3])]);
        assert_eq!(result.groups, [(Some('b'), set([1, 2, 3]))]);
        assert_eq!((result.redirects, result.ended), (vec![('a', 0)], vec![]));
    }

    #[test]
    fn of_equally_large_groups_the_older_id_survives() {
        let result = assign_ids(&[('b', set([1])), ('a', set([2]))], vec![set([1, 2])]);
        assert_eq!((result.groups[0].0, result.redirects), (Some('a'), vec![('b', 0)]));
    }

    #[test]
    fn split_group_keeps_its_id_for_the_largest_part() {
        let result = assign_ids(&[('a', set([1, 2, 3]))], vec![set([1]), set([2, 3])]);
        assert_eq!(result.groups, [(None, set([1])), (Some('a'), set([2, 3]))]);
    }

    #[test]
    fn id_without_members_ends_and_a_new_group_has_no_id() {
        let result = assign_ids(&[('a', set([1]))], vec![set([2])]);
        assert_eq!((result.groups, result.ended), (vec![(None, set([2]))], vec!['a']));
    }

    #[test]
    fn members_that_change_places_keep_both_ids() {
        let result = assign_ids(&[('a', set([1, 2, 3])), ('b', set([4, 5]))], vec![set([1, 2]), set([3, 4, 5])]);
        assert_eq!(result.groups, [(Some('a'), set([1, 2])), (Some('b'), set([3, 4, 5]))]);
        assert!(result.redirects.is_empty() && result.ended.is_empty());
    }
}
