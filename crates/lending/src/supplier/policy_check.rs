//! Checks that a policy makes sense before the hub uses it.

use super::policy::{Criterion, SupplierPolicy};

/// The largest number of lenders whose terms a policy sets.
const MOST_LENDERS: usize = 10_000;
/// The largest number of preference groups.
const MOST_GROUPS: usize = 1_000;
/// The longest name of a group or agency, in characters.
const LONGEST_NAME: usize = 100;
/// The longest list of copies that a request gets at a time.
const MOST_COPIES: u32 = 50;
/// The largest step, and the largest number of days.
const LARGEST_STEP: u32 = 100_000;

/// A reason why a policy can't be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyProblem {
    /// The part of the policy, such as `criteria[1]`.
    pub field: String,
    /// Stable, such as `CRITERION_TWICE`.
    pub code: &'static str,
    /// The problem, and how to solve it.
    pub message: String,
}

impl PolicyProblem {
    fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }
}

impl SupplierPolicy {
    /// Returns the reasons why the policy can't be used; none if it can.
    pub fn problems(&self) -> Vec<PolicyProblem> {
        let mut problems = Vec::new();
        for (at, criterion) in self.criteria.iter().enumerate() {
            let field = format!("criteria[{at}]");
            if self.criteria.iter().take(at).any(|earlier| earlier.name() == criterion.name()) {
                let name = criterion.name().as_str();
                let message = format!("The criterion {name} is named twice. The second one never decides; remove it.");
                problems.push(PolicyProblem::new(&field, "CRITERION_TWICE", message));
            }
            problems.extend(problem_of_settings(&field, criterion));
        }
        let lengths = [
            ("most_copies", self.most_copies, MOST_COPIES),
            ("most_copies_per_lender", self.most_copies_per_lender, MOST_COPIES),
            ("oldest_answer_minutes", self.oldest_answer_minutes, LARGEST_STEP),
        ];
        problems.extend(lengths.into_iter().filter_map(|(field, value, most)| out_of_range(field, value, most)));
        problems.extend(self.problems_of_lenders());
        problems
    }

    fn problems_of_lenders(&self) -> Vec<PolicyProblem> {
        if self.lenders.len() > MOST_LENDERS {
            let message = format!("The policy sets the terms of more than {MOST_LENDERS} lenders.");
            return vec![PolicyProblem::new("lenders", "TOO_MANY", message)];
        }
        let groups = self.criteria.iter().find_map(|criterion| match criterion {
            Criterion::Preference { groups } => Some(groups),
            _ => None,
        });
        let mut problems = Vec::new();
        for (agency, terms) in &self.lenders {
            if agency.as_str().chars().count() > LONGEST_NAME {
                let message = format!("The code of an agency has more than {LONGEST_NAME} characters.");
                problems.push(PolicyProblem::new("lenders", "TOO_LONG", message));
            } else if let Some(group) = terms.group.as_ref()
                && !groups.is_some_and(|groups| groups.contains(group))
            {
                let message =
                    "The criterion preference doesn't name this group. Add it to its groups, or correct the name.";
                problems.push(PolicyProblem::new(format!("lenders.{agency}.group"), "UNKNOWN_GROUP", message));
            }
        }
        problems
    }
}

fn problem_of_settings(field: &str, criterion: &Criterion) -> Option<PolicyProblem> {
    let check = |name: &str, value: u32| out_of_range(&format!("{field}.{name}"), value, LARGEST_STEP);
    match criterion {
        Criterion::Availability { days_per_waiting_request } => {
            check("days_per_waiting_request", *days_per_waiting_request)
        }
        Criterion::Distance { step_km } => check("step_km", *step_km),
        Criterion::Balance { days, step } => check("days", *days).or_else(|| check("step", *step)),
        Criterion::Load { step } => check("step", *step),
        Criterion::Preference { groups } => problem_of_groups(&format!("{field}.groups"), groups),
        Criterion::OwnLibrary {} | Criterion::Region {} | Criterion::Cost {} | Criterion::Calendar {} => None,
    }
}

fn problem_of_groups(field: &str, groups: &[String]) -> Option<PolicyProblem> {
    let is_twice = groups.iter().enumerate().any(|(at, group)| groups.iter().take(at).any(|other| other == group));
    if groups.is_empty() {
        let message = "The criterion preference needs the names of its groups, the preferred one first.";
        Some(PolicyProblem::new(field, "NO_GROUPS", message))
    } else if groups.len() > MOST_GROUPS {
        Some(PolicyProblem::new(field, "TOO_MANY", format!("The policy has more than {MOST_GROUPS} groups.")))
    } else if groups.iter().any(|group| group.trim().is_empty() || group.chars().count() > LONGEST_NAME) {
        let message = format!("The name of a group has 1 to {LONGEST_NAME} characters.");
        Some(PolicyProblem::new(field, "INVALID_NAME", message))
    } else if is_twice {
        Some(PolicyProblem::new(field, "GROUP_TWICE", "A group is named twice. Remove one of the two."))
    } else {
        None
    }
}

fn out_of_range(field: &str, value: u32, most: u32) -> Option<PolicyProblem> {
    let message = format!("The value {value} is outside of 1 to {most}.");
    (!(1..=most).contains(&value)).then(|| PolicyProblem::new(field, "OUT_OF_RANGE", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(policy: serde_json::Value) -> Vec<String> {
        let policy: SupplierPolicy = serde_json::from_value(policy).unwrap();
        policy.problems().into_iter().map(|problem| format!("{} {}", problem.field, problem.code)).collect()
    }

    #[test]
    fn default_policy_has_no_problems() {
        assert_eq!(SupplierPolicy::default().problems(), []);
        assert_eq!(codes(serde_json::json!({})), Vec::<String>::new());
    }

    #[test]
    fn policy_that_makes_no_sense_is_refused_with_the_place_of_each_problem() {
        let policy = serde_json::json!({
            "criteria": [
                {"by": "region"},
                {"by": "load", "step": 0},
                {"by": "region"},
                {"by": "preference", "groups": ["near", "near"]},
            ],
            "most_copies": 51,
            "lenders": {"A": {"group": "far"}, "B": {"group": "near"}},
        });
        let found = codes(policy);
        let expected = [
            "criteria[1].step OUT_OF_RANGE",
            "criteria[2] CRITERION_TWICE",
            "criteria[3].groups GROUP_TWICE",
            "most_copies OUT_OF_RANGE",
            "lenders.A.group UNKNOWN_GROUP",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn policy_with_an_unknown_criterion_or_setting_cannot_be_read() {
        let read = |text: &str| serde_json::from_str::<SupplierPolicy>(text).map_err(|error| error.to_string());
        let unknown = read(r#"{"criteria": [{"by": "weather"}]}"#).unwrap_err();
        assert!(unknown.contains("weather") && unknown.contains("availability"), "{unknown}");
        for text in [
            r#"{"criteria": [{"by": "region", "step": 3}]}"#,
            r#"{"criteria": [{"by": "load", "steps": 3}]}"#,
            r#"{"critera": []}"#,
            r#"{"lenders": {"A": {"price": 3}}}"#,
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains("unknown field"), "{text}: {error}");
        }
    }
}
