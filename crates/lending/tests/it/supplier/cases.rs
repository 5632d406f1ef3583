//! Cases of the choice, each with the copies, the facts that decide and the reasons that staff read.

use lending::supplier::{
    Balance, Candidate, Choice, ChoiceRecord, Criterion, CriterionName, DecidedBy, Lender, LenderTerms, PolicyTrial,
    ReasonCode, SupplierPolicy, UnknownCopies, UnmappedType, Wish, choose,
};
use lending::{CopyRef, CopyState, ItemType, Refusal, Rules, example};
use uuid::Uuid;

use super::{candidate, days_later, in_state, lender, of_volume, place, unanswered, wish};

fn by(criteria: Vec<Criterion>) -> SupplierPolicy {
    SupplierPolicy { criteria, ..SupplierPolicy::default() }
}

fn chosen(policy: &SupplierPolicy, wish: &Wish, candidates: &[Candidate], lenders: &[Lender]) -> Choice {
    choose(policy, wish, candidates, lenders, example::noon())
}

fn order(choice: &Choice) -> Vec<u32> {
    choice.ranked.iter().map(|copy| copy.index).collect()
}

fn against(choice: &Choice, index: u32) -> Option<ReasonCode> {
    choice.left_out.iter().find(|copy| copy.index == index).map(|copy| copy.reason.code)
}

/// The codes against the copies of a choice that leaves out all of them.
fn all_against(choice: &Choice) -> Vec<ReasonCode> {
    assert_eq!(choice.ranked, []);
    choice.left_out.iter().map(|copy| copy.reason.code).collect()
}

fn lent(days: i64) -> CopyState {
    CopyState::Lent { due: Some(days_later(days)) }
}

fn queueing(name: &str, longest: u32) -> Lender {
    Lender { longest_queue: Some(longest), ..lender(name) }
}

fn named(candidate: &Candidate) -> CopyRef {
    candidate.to_copy_ref(None)
}

#[test]
fn nearer_lender_comes_first_and_the_farther_one_follows_once_it_was_tried() {
    let policy = by(vec![Criterion::Distance { step_km: 10 }]);
    let near = Lender { place: place("north", 47.5), ..lender("NEAR") };
    let far = Lender { place: place("south", 46.0), ..lender("FAR") };
    let candidates = [candidate(1, "FAR"), candidate(2, "NEAR")];
    let choice = chosen(&policy, &wish(), &candidates, &[far.clone(), near.clone()]);
    assert_eq!(order(&choice), [2, 1]);
    assert_eq!(choice.ranked[0].decided_by, Some(DecidedBy::Criterion(CriterionName::Distance)));
    let words = "It comes before the second copy: distance (56 km against 111 km).";
    assert_eq!(choice.ranked[0].reason.explanation, words);

    let tried = Lender { was_tried: true, ..near };
    let choice = chosen(&policy, &wish(), &candidates, &[far, tried]);
    assert_eq!((order(&choice), against(&choice, 2)), (vec![1], Some(ReasonCode::LenderTried)));
    assert_eq!(choice.ranked[0].reason.explanation, "It is the only copy that can be asked for.");
}

#[test]
fn lender_that_has_lent_less_than_it_borrowed_comes_first() {
    let policy = by(vec![Criterion::Balance { days: 90, step: 10 }]);
    let with = |name, lent, borrowed| Lender { balance: Some(Balance { lent, borrowed }), ..lender(name) };
    let candidates = [candidate(1, "A"), candidate(2, "B"), candidate(3, "C")];
    let choice = chosen(&policy, &wish(), &candidates, &[with("A", 50, 0), with("B", 5, 60), lender("C")]);
    assert_eq!(order(&choice), [2, 1, 3], "an unknown balance comes last");
    assert_eq!(choice.ranked[0].values[0].words, "lent 5, borrowed 60");
}

#[test]
fn cost_group_region_load_and_calendar_decide_in_their_declared_order() {
    let policy = SupplierPolicy {
        lenders: [("A", 5, "public"), ("B", 5, "university"), ("C", 9, "university")]
            .into_iter()
            .map(|(agency, cost, group)| {
                (agency.into(), LenderTerms { cost: Some(cost), group: Some(group.to_owned()) })
            })
            .collect(),
        ..by(vec![])
    };
    let place_of = |name: &str| place(if name == "A" { "north" } else { "south" }, 47.0);
    let opens = |name: &str| Some(days_later(if name == "C" { 0 } else { 2 }));
    let to_send = |name: &str| if name == "B" { 2 } else { 40 };
    let lenders = ["A", "B", "C"].map(|name| Lender {
        place: place_of(name),
        opens_at: opens(name),
        to_send: to_send(name),
        ..lender(name)
    });
    let candidates = [candidate(1, "A"), candidate(2, "B"), candidate(3, "C")];
    let groups = vec!["university".to_owned(), "public".to_owned()];
    for (criteria, first) in [
        (vec![Criterion::Cost {}, Criterion::Preference { groups: groups.clone() }], 2),
        (vec![Criterion::Cost {}, Criterion::Region {}], 1),
        (vec![Criterion::Preference { groups }, Criterion::Calendar {}], 3),
        (vec![Criterion::Load { step: 5 }], 2),
        (vec![Criterion::Calendar {}, Criterion::Cost {}], 3),
    ] {
        let policy = SupplierPolicy { criteria: criteria.clone(), ..policy.clone() };
        assert_eq!(chosen(&policy, &wish(), &candidates, &lenders).best(), Some(first), "{criteria:?}");
    }
}

#[test]
fn own_library_comes_first_only_where_its_rules_lend_to_its_own_patrons() {
    let policy = SupplierPolicy::default();
    let candidates = [candidate(1, "OTHER"), candidate(2, "HOME")];
    let choice = chosen(&policy, &wish(), &candidates, &[lender("OTHER"), lender("HOME")]);
    assert_eq!((order(&choice), against(&choice, 2)), (vec![1], Some(ReasonCode::OwnCopy)));
    let rules = Rules { lends_to_own_patrons: true, lends: false, ..Rules::default() };
    let home = Lender::with_rules("I_HOME".into(), Some("HOME".into()), &rules, example::noon());
    let choice = chosen(&policy, &wish(), &candidates, &[lender("OTHER"), home]);
    assert_eq!(order(&choice), [2, 1]);
    assert_eq!(choice.ranked[0].decided_by, Some(DecidedBy::Criterion(CriterionName::OwnLibrary)));
}

#[test]
fn lender_that_is_suspended_or_at_its_limit_is_left_out_with_the_rule_that_says_so() {
    let rules =
        Rules { suspended_until: Some("2026-12-31".parse().unwrap()), most_open_supplies: Some(3), ..Rules::default() };
    let with = |rules: &Rules| Lender::with_rules("I_A".into(), Some("A".into()), rules, example::noon());
    let code = |lender: Lender| {
        let choice = chosen(&SupplierPolicy::default(), &wish(), &[candidate(1, "A")], &[lender]);
        against(&choice, 1)
    };
    assert_eq!(code(with(&rules)), Some(ReasonCode::LenderSuspended));
    let capped = Rules { suspended_until: Some("2020-01-01".parse().unwrap()), ..rules };
    assert_eq!(code(Lender { open_supplies: 3, ..with(&capped) }), Some(ReasonCode::LenderAtLimit));
    assert_eq!(code(Lender { open_supplies: 2, ..with(&capped) }), None);
    assert_eq!(code(Lender { lends: false, ..with(&capped) }), Some(ReasonCode::NotLending));
}

#[test]
fn copy_that_cannot_be_lent_is_left_out_with_the_reason_of_its_library() {
    let mut bare = candidate(1, "A");
    bare.copy.as_mut().unwrap().barcode = None;
    let mut untyped = candidate(2, "A");
    untyped.copy.as_mut().unwrap().item_type = None;
    let refusal = Refusal::new("COPY_NOT_LENT", "The lender doesn't lend items of the policy 9 to other libraries.");
    let hidden = in_state(CopyState::NotLendable(refusal), candidate(3, "A"));
    let choice = chosen(&SupplierPolicy::default(), &wish(), &[bare, untyped, hidden], &[lender("A")]);
    use ReasonCode::{CopyNotLendable, CopyWithoutBarcode, ItemTypeUnmapped};
    assert_eq!(all_against(&choice), [CopyWithoutBarcode, ItemTypeUnmapped, CopyNotLendable]);
    let words = "The lender doesn't lend items of the policy 9 to other libraries. (COPY_NOT_LENT)";
    assert_eq!(choice.left_out[2].reason.explanation, words);
}

#[test]
fn copy_at_the_library_where_the_patron_would_collect_it_is_left_out() {
    let wish = Wish { pickup_institution: "I_A".into(), ..wish() };
    let candidates = [candidate(1, "A"), candidate(2, "B")];
    let choice = chosen(&SupplierPolicy::default(), &wish, &candidates, &["A", "B"].map(lender));
    assert_eq!((order(&choice), against(&choice, 1)), (vec![2], Some(ReasonCode::PickupAtLender)));
    // The choice of staff doesn't change where the patron collects.
    let wish = Wish { staff_choice: Some(named(&candidates[0])), ..wish };
    let choice = chosen(&SupplierPolicy::default(), &wish, &candidates, &["A", "B"].map(lender));
    assert_eq!((order(&choice), against(&choice, 1)), (vec![], Some(ReasonCode::PickupAtLender)));
}

#[test]
fn copy_or_patron_of_a_type_that_an_institution_does_not_map_is_left_out_and_the_patrons_type_is_not_named() {
    let unmapped = |index, unmapped| Candidate { unmapped: Some(unmapped), ..candidate(index, "A") };
    let institution = || "I_HOME".into();
    let candidates = [
        unmapped(1, UnmappedType::Item { item_type: ItemType("score".to_owned()), institution: institution() }),
        unmapped(2, UnmappedType::Patron { institution: institution() }),
        candidate(3, "A"),
    ];
    let choice = chosen(&SupplierPolicy::default(), &wish(), &candidates, &[lender("A")]);
    assert_eq!(order(&choice), [3]);
    assert_eq!([1, 2].map(|index| against(&choice, index)), [Some(ReasonCode::TypeUnmapped); 2]);
    let words: Vec<&str> = choice.left_out.iter().map(|copy| copy.reason.explanation.as_str()).collect();
    assert!(words[0].contains("\"score\"") && words[0].contains("material_types"), "{words:?}");
    assert!(words[1].contains("user_groups"), "{words:?}");
}

#[test]
fn volume_is_sought_in_each_record_in_the_words_of_its_library() {
    let wish = Wish { volume: Some("Vol. 3".to_owned()), ..wish() };
    let candidates = [
        of_volume("v.2", candidate(1, "A")),
        of_volume("v.3", candidate(2, "A")),
        of_volume("Bd. 1", candidate(3, "B")),
        of_volume("v.3 (1985)", candidate(4, "C")),
        of_volume("v.3 (1990)", candidate(5, "C")),
    ];
    let choice = chosen(&SupplierPolicy::default(), &wish, &candidates, &["A", "B", "C"].map(lender));
    assert_eq!(order(&choice), [2]);
    use ReasonCode::{VolumeAmbiguous, VolumeDiffers, VolumeNotFound};
    for (index, code) in [(1, VolumeDiffers), (3, VolumeNotFound), (4, VolumeAmbiguous), (5, VolumeAmbiguous)] {
        assert_eq!(against(&choice, index), Some(code), "{index}");
    }
}

#[test]
fn request_waits_for_a_lent_copy_only_where_the_lender_allows_it_and_nothing_is_available() {
    let policy = SupplierPolicy::default();
    let lenders = [queueing("A", 2), queueing("B", 2), lender("C")];
    let mut candidates = vec![
        in_state(lent(9), candidate(1, "A")),
        in_state(lent(3), candidate(2, "B")),
        in_state(lent(1), candidate(3, "C")),
    ];
    let choice = chosen(&policy, &wish(), &candidates, &lenders);
    assert_eq!((order(&choice), choice.queued), (vec![2, 1], true), "the sooner one first");
    assert_eq!(against(&choice, 3), Some(ReasonCode::QueueNotAllowed));

    candidates[1].copy.as_mut().unwrap().waiting = Some(1);
    assert_eq!(order(&chosen(&policy, &wish(), &candidates, &lenders)), [1, 2], "a waiting request takes 28 days");
    candidates[1].copy.as_mut().unwrap().waiting = Some(2);
    let choice = chosen(&policy, &wish(), &candidates, &lenders);
    assert_eq!(against(&choice, 2), Some(ReasonCode::QueueTooLong));
    let hurried = Wish { needed_until: Some(days_later(5)), ..wish() };
    assert_eq!(against(&chosen(&policy, &hurried, &candidates, &lenders), 1), Some(ReasonCode::ReturnsTooLate));
    let strict = SupplierPolicy { queue_on_lent_copies: false, ..policy.clone() };
    assert_eq!(against(&chosen(&strict, &wish(), &candidates, &lenders), 1), Some(ReasonCode::QueueNotAllowed));

    candidates.push(candidate(4, "C"));
    let choice = chosen(&policy, &wish(), &candidates, &lenders);
    assert_eq!((order(&choice), choice.queued), (vec![4], false));
    assert_eq!(against(&choice, 1), Some(ReasonCode::OthersAvailable));
}

#[test]
fn copies_of_unknown_availability_come_after_the_available_ones_or_never() {
    let old = Candidate { answered_at: Some(days_later(-2)), ..candidate(2, "OLD") };
    let candidates = [unanswered(1, "SILENT"), old, candidate(3, "DOWN"), in_state(lent(4), candidate(4, "LENT"))];
    let down = Lender { is_down: true, ..lender("DOWN") };
    let lenders = [lender("SILENT"), lender("OLD"), down, queueing("LENT", 5), lender("SURE")];
    let with = |unknown_copies| SupplierPolicy { unknown_copies, ..by(vec![Criterion::Load { step: 1 }]) };
    let place_of = |policy: &SupplierPolicy, index| {
        order(&chosen(policy, &wish(), &candidates, &lenders)).iter().position(|found| *found == index)
    };
    assert_eq!(place_of(&with(UnknownCopies::BeforeLent), 4), Some(3));
    assert_eq!(place_of(&with(UnknownCopies::Last), 4), Some(0));
    let choice = chosen(&with(UnknownCopies::Never), &wish(), &candidates, &lenders);
    assert_eq!(order(&choice), [4]);
    assert_eq!([1, 2, 3].map(|index| against(&choice, index)), [Some(ReasonCode::AvailabilityUnknown); 3]);

    let more = [&candidates[..], &[candidate(5, "SURE")]].concat();
    let choice = chosen(&with(UnknownCopies::BeforeLent), &wish(), &more, &lenders);
    assert_eq!((choice.best(), choice.ranked[1].decided_by), (Some(5), Some(DecidedBy::Standing)));
    assert_eq!(
        choice.ranked[0].reason.explanation,
        "It comes before the second copy: available and not of unknown availability."
    );
}

#[test]
fn choice_of_staff_overrides_order_limits_and_earlier_lenders_but_not_the_copys_own_state() {
    let tried = Lender { was_tried: true, suspended_until: Some(days_later(3)), ..lender("A") };
    let lenders = [tried, lender("B")];
    let candidates = [candidate(1, "A"), candidate(2, "B")];
    let wish = Wish { staff_choice: Some(named(&candidates[0])), left_out: vec![named(&candidates[0])], ..wish() };
    let choice = chosen(&SupplierPolicy::default(), &wish, &candidates, &lenders);
    assert_eq!(order(&choice), [1]);
    assert_eq!(choice.ranked[0].reason.code, ReasonCode::StaffChoice);
    assert_eq!(against(&choice, 2), Some(ReasonCode::StaffChoseAnother));
    let missing = CopyState::NotLendable(Refusal::new("COPY_NOT_AVAILABLE", "It is missing."));
    let choice =
        chosen(&SupplierPolicy::default(), &wish, &[in_state(missing, candidate(1, "A")), candidate(2, "B")], &lenders);
    assert_eq!(all_against(&choice), [ReasonCode::CopyNotLendable, ReasonCode::StaffChoseAnother]);
}

#[test]
fn copies_that_a_request_leaves_out_are_not_asked_for() {
    let candidates = [candidate(1, "A"), candidate(2, "A"), candidate(3, "B")];
    let all_of_b = CopyRef { bib: None, holding: None, item: None, barcode: None, ..named(&candidates[2]) };
    let wish = Wish { left_out: vec![named(&candidates[0]), all_of_b], ..wish() };
    let choice = chosen(&SupplierPolicy::default(), &wish, &candidates, &[lender("A"), lender("B")]);
    assert_eq!(order(&choice), [2]);
    assert_eq!([1, 3].map(|index| against(&choice, index)), [Some(ReasonCode::LeftOutByRequest); 2]);
}

#[test]
fn list_has_no_more_copies_than_the_policy_allows() {
    let policy = SupplierPolicy { most_copies: 3, most_copies_per_lender: 2, ..by(vec![Criterion::Load { step: 1 }]) };
    let busy = Lender { to_send: 9, ..lender("B") };
    let candidates = [candidate(1, "A"), candidate(2, "A"), candidate(3, "A"), candidate(4, "B"), candidate(5, "B")];
    let choice = chosen(&policy, &wish(), &candidates, &[lender("A"), busy]);
    assert_eq!(choice.ranked.len(), 3);
    let mut codes: Vec<ReasonCode> = choice.left_out.iter().map(|copy| copy.reason.code).collect();
    codes.sort();
    assert_eq!(codes, [ReasonCode::EnoughOfLender, ReasonCode::ListFull]);
}

#[test]
fn equal_copies_take_turns_from_request_to_request_and_the_same_seed_gives_the_same_choice() {
    let candidates = [candidate(1, "A"), candidate(2, "B"), candidate(3, "C")];
    let lenders = ["A", "B", "C"].map(lender);
    let mut times = [0_u32; 3];
    for seed in 0..300 {
        let wish = Wish { seed: Uuid::from_u128(seed), ..wish() };
        let choice = chosen(&SupplierPolicy::default(), &wish, &candidates, &lenders);
        assert_eq!(choice.ranked[0].decided_by, Some(DecidedBy::Chance));
        times[choice.best().unwrap() as usize - 1] += 1;
    }
    assert!(times.iter().all(|times| (70..=130).contains(times)), "{times:?}");
    let choice = chosen(&SupplierPolicy::default(), &wish(), &candidates, &lenders);
    assert_eq!(order(&choice), [2, 3, 1], "the order of this seed must stay as it is, on all nodes");
}

#[test]
fn lender_that_opens_only_after_the_last_day_of_need_is_left_out() {
    let closed = Lender { opens_at: Some(days_later(4)), ..lender("A") };
    let wish = Wish { needed_until: Some(days_later(3)), ..wish() };
    let choice = chosen(&SupplierPolicy::default(), &wish, &[candidate(1, "A")], &[closed]);
    assert_eq!(all_against(&choice), [ReasonCode::LenderClosed]);
}

#[test]
fn copy_of_a_library_that_no_agency_names_is_lent_if_one_agency_of_its_institution_may_lend_it() {
    let of =
        |agency: &str, lends| Lender { institution: "I_X".into(), agency: Some(agency.into()), lends, ..lender("X") };
    let candidates = [Candidate { agency: None, ..candidate(1, "X") }];
    let policy = SupplierPolicy::default();
    let choice = chosen(&policy, &wish(), &candidates, &[of("X1", false), of("X2", true)]);
    assert_eq!(order(&choice), [1]);
    let choice = chosen(&policy, &wish(), &candidates, &[of("X1", false), of("X2", false)]);
    assert_eq!(all_against(&choice), [ReasonCode::NotLending]);
    assert_eq!(all_against(&chosen(&policy, &wish(), &candidates, &[])), [ReasonCode::LenderNotKnown]);
}

#[test]
fn trial_of_a_policy_counts_the_lenders_before_and_after_and_names_what_changes() {
    let busy = Lender { to_send: 50, place: place("north", 47.1), ..lender("NEAR") };
    let idle = Lender { place: place("south", 45.0), ..lender("FAR") };
    let by_distance = by(vec![Criterion::Distance { step_km: 1 }]);
    let record = |copies: Vec<Candidate>| {
        ChoiceRecord::new(&by_distance, wish(), copies, vec![busy.clone(), idle.clone()], example::noon())
    };
    let mut trial = PolicyTrial::new(by(vec![Criterion::Load { step: 5 }]));
    let records = [
        record(vec![candidate(1, "NEAR"), candidate(2, "FAR")]),
        record(vec![candidate(1, "NEAR")]),
        record(vec![in_state(lent(2), candidate(1, "NEAR"))]),
    ];
    for (number, record) in (1..).zip(&records) {
        trial.add(lending::RequestId(Uuid::from_u128(number)), example::noon(), record);
    }
    assert_eq!((trial.choices, trial.changed), (3, 1));
    let counts = |agency: Option<&str>| {
        let found = trial.lenders.iter().find(|(name, _)| {
            name.as_ref().and_then(|name| name.agency.as_ref()).map(|agency| agency.as_str()) == agency
        });
        found.map(|(_, counts)| (counts.before, counts.after))
    };
    assert_eq!([counts(Some("NEAR")), counts(Some("FAR")), counts(None)], [Some((2, 1)), Some((0, 1)), Some((1, 1))]);
    let reason = trial.examples[0].reason.clone().unwrap();
    assert_eq!(
        reason.explanation,
        "It comes before the second copy: load (0 requests to send against 50 requests to send)."
    );
}
