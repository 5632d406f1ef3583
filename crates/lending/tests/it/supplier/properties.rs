//! Properties of the choice for any catalogue, policy and availability.

use std::collections::BTreeSet;

use lending::supplier::{
    Balance, Candidate, Choice, Criterion, CriterionName, Lender, LenderTerms, Place, RankedCopy, ReasonCode, Standing,
    SupplierPolicy, UnknownCopies, UnmappedType, Wish, choose,
};
use lending::{CopyState, Refusal, example};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use uuid::Uuid;

use super::{candidate, days_later, in_state, lender, of_volume, place, unanswered, wish};

const AGENCIES: [&str; 5] = ["HOME", "A", "B", "C", "D"];

/// A case of the choice.
#[derive(Clone, Debug)]
struct Case {
    policy: SupplierPolicy,
    wish: Wish,
    candidates: Vec<Candidate>,
    lenders: Vec<Lender>,
}

impl Case {
    fn choose(&self) -> Choice {
        choose(&self.policy, &self.wish, &self.candidates, &self.lenders, example::noon())
    }
}

fn states() -> impl Strategy<Value = CopyState> {
    prop_oneof![
        4 => Just(CopyState::Available),
        2 => (-20_i64..60).prop_map(|days| CopyState::Lent { due: Some(days_later(days)) }),
        1 => Just(CopyState::Lent { due: None }),
        1 => Just(CopyState::NotLendable(Refusal::new("COPY_NOT_LENT", "It is not lent."))),
    ]
}

fn candidates() -> impl Strategy<Value = Candidate> {
    let facts =
        (select(&AGENCIES[..]), 0_u8..10, states(), proptest::option::of(0_u32..4), 0_i64..3, 0_u8..4, any::<bool>());
    facts.prop_map(|(agency, kind, state, waiting, days_old, volume, is_agency_known)| {
        let mut made = match kind {
            0 => unanswered(0, agency),
            _ => in_state(state, candidate(0, agency)),
        };
        if volume < 3 {
            made = of_volume(&format!("v.{volume}"), made);
        }
        if let Some(copy) = &mut made.copy {
            copy.waiting = waiting;
            made.answered_at = Some(days_later(-days_old));
            copy.barcode = copy.barcode.take().filter(|_| kind != 1);
            copy.item_type = copy.item_type.take().filter(|_| kind != 2);
        }
        made.unmapped = (kind == 3).then(|| UnmappedType::Patron { institution: "I_HOME".into() });
        made.agency = made.agency.filter(|_| is_agency_known);
        made
    })
}

fn lenders(name: &'static str) -> impl Strategy<Value = Lender> {
    let flags = (0_u8..8, any::<bool>(), 0_u8..8, 0_u8..8);
    let most_open = proptest::option::weighted(0.2, 0_u32..40);
    let counts = (most_open, 0_u32..40, 0_u32..30, proptest::option::weighted(0.8, 1_u32..4));
    let facts =
        (proptest::option::of((0_u32..90, 0_u32..90)), 0_u8..4, -3_i64..6, proptest::option::weighted(0.2, -2_i64..4));
    (flags, counts, facts).prop_map(move |(flags, counts, facts)| Lender {
        lends: flags.0 > 0,
        lends_to_own_patrons: flags.1,
        was_tried: flags.2 == 0,
        is_down: flags.3 == 0,
        most_open_supplies: counts.0,
        open_supplies: counts.1,
        to_send: counts.2,
        longest_queue: counts.3,
        balance: facts.0.map(|(lent, borrowed)| Balance { lent, borrowed }),
        place: match facts.1 {
            0 => Place::default(),
            1 => place("north", 47.2),
            2 => place("north", 48.4),
            _ => place("south", 45.0),
        },
        opens_at: Some(days_later(facts.2.max(0))),
        suspended_until: facts.3.map(days_later),
        ..lender(name)
    })
}

fn policies() -> impl Strategy<Value = SupplierPolicy> {
    let groups = vec!["first".to_owned(), "second".to_owned()];
    let all = vec![
        Criterion::Availability { days_per_waiting_request: 14 },
        Criterion::OwnLibrary {},
        Criterion::Distance { step_km: 50 },
        Criterion::Region {},
        Criterion::Balance { days: 90, step: 10 },
        Criterion::Cost {},
        Criterion::Preference { groups },
        Criterion::Load { step: 5 },
        Criterion::Calendar {},
    ];
    let unknown = select(vec![UnknownCopies::Never, UnknownCopies::BeforeLent, UnknownCopies::Last]);
    let terms = proptest::collection::vec((proptest::option::of(0_u32..4), 0_u8..3), AGENCIES.len());
    (Just(all).prop_shuffle(), 0_usize..=9, any::<bool>(), unknown, (1_u32..9, 1_u32..5), terms).prop_map(
        |(mut criteria, count, queue_on_lent_copies, unknown_copies, (most_copies, most_copies_per_lender), terms)| {
            criteria.truncate(count);
            let terms = terms.into_iter().map(|(cost, group)| LenderTerms {
                cost,
                group: ["first", "second"].get(usize::from(group)).map(|name| (*name).to_owned()),
            });
            let lenders = AGENCIES.map(Into::into).into_iter().zip(terms).collect();
            let oldest_answer_minutes = 24 * 60;
            SupplierPolicy {
                criteria,
                queue_on_lent_copies,
                unknown_copies,
                oldest_answer_minutes,
                most_copies,
                most_copies_per_lender,
                lenders,
            }
        },
    )
}

fn cases() -> impl Strategy<Value = Case> {
    let lenders = AGENCIES.map(lenders);
    let copies = proptest::collection::vec(candidates(), 0..14);
    let volume = proptest::option::weighted(0.2, 0_u8..4);
    let wishes = (any::<u128>(), volume, proptest::option::weighted(0.3, 0_i64..30));
    let named = (proptest::collection::vec(any::<Index>(), 0..3), proptest::option::weighted(0.1, any::<Index>()));
    (policies(), copies, lenders, (prop_oneof![1 => 0_usize..5, 4 => Just(5)], any::<bool>()), wishes, named).prop_map(
        |(policy, mut candidates, lenders, (count, is_scarce), (seed, volume, needed), (left_out, staff_choice))| {
            for (at, candidate) in candidates.iter_mut().enumerate() {
                candidate.index = u32::try_from(at).unwrap() * 3;
                if let Some(copy) = &mut candidate.copy {
                    // Otherwise hardly any case would be left to wait for a copy on loan.
                    if is_scarce && copy.state == CopyState::Available {
                        copy.state = CopyState::Lent { due: None };
                    }
                    copy.item = format!("item-{at}").as_str().into();
                }
            }
            let name = |index: &Index| index.get(&candidates).to_copy_ref(None);
            let exists = !candidates.is_empty();
            let wish = Wish {
                seed: Uuid::from_u128(seed),
                pickup_institution: if seed % 4 == 0 { "I_A" } else { "I_HOME" }.into(),
                volume: volume.map(|number| format!("Vol. {number}")),
                needed_until: needed.map(days_later),
                left_out: left_out.iter().filter(|_| exists).map(name).collect(),
                staff_choice: staff_choice.as_ref().filter(|_| exists).map(name),
                ..wish()
            };
            Case { policy, wish, candidates, lenders: lenders.into_iter().take(count).collect() }
        },
    )
}

/// The value of a criterion, worked out anew in the plainest way. Smaller is better.
fn plain_value(case: &Case, criterion: &Criterion, candidate: &Candidate) -> Option<i64> {
    let mut here = case.lenders.iter().filter(|lender| {
        lender.institution == candidate.institution
            && candidate.agency.as_ref().is_none_or(|it| lender.agency.as_ref() == Some(it))
    });
    let lender = here.next()?;
    let terms = case.policy.lenders.get(lender.agency.as_ref()?)?;
    Some(match criterion {
        Criterion::Availability { days_per_waiting_request } => {
            let copy = candidate.copy.as_ref()?;
            let per_request = i64::from(*days_per_waiting_request);
            let days = match &copy.state {
                CopyState::Lent { due: Some(due) } if *due > example::noon() => {
                    (due.as_second() - example::noon().as_second()) / 86_400 + 1
                }
                CopyState::Lent { .. } => per_request,
                CopyState::Available | CopyState::NotLendable(_) => 0,
            };
            days + per_request * i64::from(copy.waiting.unwrap_or(0))
        }
        Criterion::OwnLibrary {} => i64::from(lender.agency != Some("HOME".into())),
        Criterion::Distance { step_km } => {
            let to = case.wish.pickup_place.coordinates?;
            i64::from(lender.place.coordinates?.kilometres_to(to) / step_km)
        }
        Criterion::Region {} => i64::from(lender.place.region.as_ref()? != case.wish.pickup_place.region.as_ref()?),
        Criterion::Balance { step, .. } => {
            let balance = lender.balance?;
            (f64::from(balance.lent) - f64::from(balance.borrowed)).div_euclid(f64::from(*step)) as i64
        }
        Criterion::Cost {} => i64::from(terms.cost?),
        Criterion::Preference { groups } => groups.iter().position(|group| Some(group) == terms.group.as_ref())? as i64,
        Criterion::Load { step } => i64::from(lender.to_send / step),
        Criterion::Calendar {} => match lender.opens_at? {
            opens if opens <= example::noon() => 0,
            opens => (opens.as_second() - example::noon().as_second()) / 86_400 + 1,
        },
    })
}

/// The key by which the declared order sorts a copy.
fn plain_key(case: &Case, copy: &RankedCopy) -> (u8, Vec<i64>) {
    let standing = match (copy.standing, case.policy.unknown_copies) {
        (Standing::Available, _) => 0,
        (Standing::Lent, UnknownCopies::Last) => 1,
        (Standing::Lent, _) => 3,
        (Standing::Unknown, _) => 2,
    };
    let candidate = case.candidates.iter().find(|candidate| candidate.index == copy.index).unwrap();
    let values =
        case.policy.criteria.iter().map(|criterion| plain_value(case, criterion, candidate).unwrap_or(i64::MAX));
    (standing, values.collect())
}

proptest! {
    #[test]
    fn explanation_names_each_copy_exactly_once_with_one_reason(case in cases()) {
        let choice = case.choose();
        let named = choice.ranked.iter().map(|copy| (copy.index, &copy.reason));
        let named: Vec<_> = named.chain(choice.left_out.iter().map(|copy| (copy.index, &copy.reason))).collect();
        let indices: BTreeSet<u32> = named.iter().map(|(index, _)| *index).collect();
        prop_assert_eq!(indices.len(), named.len(), "a copy is named twice");
        prop_assert_eq!(indices, case.candidates.iter().map(|candidate| candidate.index).collect());
        for (_, reason) in named {
            prop_assert!(!reason.explanation.is_empty());
        }
        let is_first = |code| [ReasonCode::BestCopy, ReasonCode::StaffChoice].contains(&code);
        prop_assert!(choice.ranked.first().is_none_or(|copy| is_first(copy.reason.code)));
    }

    #[test]
    fn chosen_copy_is_the_best_by_the_declared_order(case in cases()) {
        let choice = case.choose();
        let keys: Vec<_> = choice.ranked.iter().map(|copy| plain_key(&case, copy)).collect();
        prop_assert!(keys.is_sorted(), "{keys:?}");
        prop_assert!(choice.ranked.len() <= case.policy.most_copies as usize);
        // A copy that was cut from the list's end is no better than those that are on it.
        let wider = SupplierPolicy { most_copies: 50, most_copies_per_lender: 50, ..case.policy.clone() };
        let wider = Case { policy: wider, ..case };
        prop_assert_eq!(wider.choose().best(), choice.best());
        for cut in choice.left_out.iter().filter(|copy| copy.reason.code == ReasonCode::ListFull) {
            let place = |index| wider.choose().ranked.iter().position(|copy| copy.index == index);
            prop_assert!(choice.ranked.iter().all(|copy| place(copy.index) < place(cut.index)));
        }
    }

    #[test]
    fn copy_is_asked_for_only_where_nothing_speaks_against_it(case in cases()) {
        let choice = case.choose();
        let is_staff_choice = case.wish.staff_choice.is_some();
        let any_available = choice.ranked.iter().any(|copy| copy.standing == Standing::Available);
        prop_assert_eq!(choice.queued, choice.ranked.first().is_some_and(|copy| copy.standing == Standing::Lent));
        for ranked in &choice.ranked {
            let candidate = case.candidates.iter().find(|candidate| candidate.index == ranked.index).unwrap();
            let lender = case.lenders.iter().find(|lender| lender.institution == candidate.institution).unwrap();
            let is_own = lender.agency == Some("HOME".into());
            let may_lend = if is_own { lender.lends_to_own_patrons } else { lender.lends };
            prop_assert!(may_lend && candidate.unmapped.is_none());
            prop_assert!(is_own || candidate.institution != case.wish.pickup_institution);
            if !is_staff_choice {
                prop_assert!(!lender.was_tried);
                let is_full = lender.most_open_supplies.is_some_and(|most| lender.open_supplies >= most);
                let is_suspended = lender.suspended_until.is_some_and(|until| until > example::noon());
                prop_assert!(is_own || (!is_full && !is_suspended));
            }
            let Some(copy) = &candidate.copy else { continue };
            prop_assert!(copy.barcode.is_some() && copy.item_type.is_some());
            if let (Some(wanted), Some(label)) = (&case.wish.volume, copy.volume.label()) {
                prop_assert_eq!(wanted.trim_start_matches("Vol. "), label.trim_start_matches("v."));
            }
            match &copy.state {
                CopyState::Available => (),
                CopyState::Lent { .. } => {
                    prop_assert!(ranked.standing == Standing::Unknown || !any_available);
                    prop_assert!(lender.longest_queue.is_some_and(|longest| copy.waiting.unwrap_or(0) < longest));
                }
                CopyState::NotLendable(_) => prop_assert!(false, "a copy that can't be lent is asked for"),
            }
        }
    }

    #[test]
    fn order_of_the_input_has_no_influence(case in cases(), turn in any::<Index>()) {
        let mut turned = case.clone();
        let by = turn.index(case.candidates.len() + 1);
        turned.candidates.rotate_left(by);
        turned.candidates.reverse();
        turned.lenders.reverse();
        prop_assert_eq!(turned.choose(), case.choose());
    }
}

#[test]
fn every_criterion_can_decide() {
    // The properties above are worth what their cases are: each criterion must decide in some of them.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut deciding = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for _ in 0..1_500 {
        let choice = cases().new_tree(&mut runner).unwrap().current().choose();
        for copy in &choice.ranked {
            if let Some(lending::supplier::DecidedBy::Criterion(name)) = copy.decided_by {
                deciding.insert(name);
            }
            codes.insert(copy.reason.code);
        }
        codes.extend(choice.left_out.iter().map(|copy| copy.reason.code));
    }
    use CriterionName::{Availability, Balance, Calendar, Cost, Distance, Load, OwnLibrary, Preference, Region};
    let all = [Availability, OwnLibrary, Distance, Region, Balance, Cost, Preference, Load, Calendar];
    assert_eq!(deciding, all.into());
    assert!(codes.len() >= 22, "{codes:?}");
}
