//! The policy for the choice of the supplier, for the OpenAPI document. A test compares the fields with those that
//! `lending` reads.

use lending::supplier::SupplierPolicy;
use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Type};

/// A name and its meaning.
type Described = (&'static str, &'static str);

/// The criteria with their meaning and their settings, which are numbers.
const CRITERIA: &[(&str, &str, &[Described])] = &[
    (
        "availability",
        "A copy that can be sent sooner comes first.",
        &[("days_per_waiting_request", "The days that each waiting request is expected to take.")],
    ),
    ("own_library", "The patron's own library comes first, where its rules allow it.", &[]),
    (
        "distance",
        "The nearest lender to the pickup location comes first.",
        &[("step_km", "Distances within one step count as equal, in kilometres.")],
    ),
    ("region", "A lender in the region of the pickup location comes first.", &[]),
    (
        "balance",
        "The lender that has lent least in comparison with what its patrons have borrowed comes first.",
        &[
            ("days", "The period in days in which loans count."),
            ("step", "Differences within one step count as equal, in loans."),
        ],
    ),
    ("cost", "The cheapest lender comes first.", &[]),
    ("preference", "Lenders of the group that is named first come first.", &[]),
    (
        "load",
        "The lender with the fewest requests that its staff still have to send comes first.",
        &[("step", "Numbers within one step count as equal, in requests.")],
    ),
    ("calendar", "The lender that opens soonest comes first.", &[]),
];

/// Returns the schema of the policy. Each field has the default of the policy that a hub begins with.
pub(crate) fn policy() -> Object {
    let defaults = serde_json::to_value(SupplierPolicy::default()).unwrap_or_default();
    let default = |name: &str| defaults.get(name).cloned();
    let number = |name: &str, most: u32, about: &str| count(most, about).default(default(name));
    let criteria = ArrayBuilder::new()
        .items(CRITERIA.iter().fold(OneOfBuilder::new(), |all, one| all.item(criterion(one))))
        .description(Some("The criteria, the weightiest first. Each is named once."))
        .max_items(Some(CRITERIA.len()))
        .default(default("criteria"));
    let queue = ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .default(default("queue_on_lent_copies"))
        .description(Some("Whether a request may wait for a copy on loan if no other copy is available."));
    let unknown = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["never", "before_lent", "last"]))
        .default(default("unknown_copies"))
        .description(Some("When the hub asks for copies whose availability it doesn't know."));
    closed("By which rules the hub chooses among copies that several libraries hold.")
        .examples([example()])
        .property("criteria", criteria)
        .property("queue_on_lent_copies", queue)
        .property("unknown_copies", unknown)
        .property(
            "oldest_answer_minutes",
            number(
                "oldest_answer_minutes",
                100_000,
                "The age from which an answer about availability counts as unknown.",
            ),
        )
        .property(
            "most_copies",
            number("most_copies", 50, "The largest number of copies that a request gets at a time."),
        )
        .property(
            "most_copies_per_lender",
            number("most_copies_per_lender", 50, "The largest number of these copies that are of one lender."),
        )
        .property(
            "lenders",
            ObjectBuilder::new()
                .description(Some("The terms that the consortium sets for its lenders, by agency."))
                .additional_properties(Some(terms())),
        )
        .build()
}

/// Returns an example of a policy.
fn example() -> Value {
    json!({
        "criteria": [
            {"by": "availability"},
            {"by": "preference", "groups": ["university", "public"]},
            {"by": "balance", "days": 90, "step": 20},
            {"by": "distance", "step_km": 50},
            {"by": "load"},
        ],
        "queue_on_lent_copies": true,
        "lenders": {"NORTH": {"cost": 3, "group": "university"}},
    })
}

fn criterion((name, about, settings): &(&'static str, &'static str, &[Described])) -> ObjectBuilder {
    let by = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([*name]));
    let schema = closed(about).property("by", by).required("by");
    let schema =
        settings.iter().fold(schema, |schema, (setting, about)| schema.property(*setting, count(100_000, about)));
    if *name != "preference" {
        return schema;
    }
    let group = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(100));
    let groups = ArrayBuilder::new().items(group).min_items(Some(1)).max_items(Some(1_000)).unique_items(true);
    let groups = groups.description(Some("The names of the groups, the preferred one first."));
    schema.property("groups", groups).required("groups")
}

fn terms() -> ObjectBuilder {
    let cost = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX));
    let group = ObjectBuilder::new().schema_type(Type::String).max_length(Some(100));
    closed("The terms of one lender.")
        .property("cost", cost.description(Some("The cost of one loan, in a unit of the consortium's choice.")))
        .property("group", group.description(Some("Its preference group, which the criterion `preference` names.")))
}

fn closed(about: &str) -> ObjectBuilder {
    let schema = ObjectBuilder::new().description(Some(about));
    schema.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn count(most: u32, about: &str) -> ObjectBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(most));
    schema.description(Some(about))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lending::supplier::{Criterion, LenderTerms};

    use super::*;

    fn names(value: &Value) -> BTreeSet<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn document_names_each_field_of_the_policy() {
        let all = vec![
            Criterion::Availability { days_per_waiting_request: 1 },
            Criterion::OwnLibrary {},
            Criterion::Distance { step_km: 1 },
            Criterion::Region {},
            Criterion::Balance { days: 1, step: 1 },
            Criterion::Cost {},
            Criterion::Preference { groups: vec!["near".to_owned()] },
            Criterion::Load { step: 1 },
            Criterion::Calendar {},
        ];
        let terms = LenderTerms { cost: Some(1), group: Some("near".to_owned()) };
        let policy =
            SupplierPolicy { criteria: all, lenders: [("A".into(), terms)].into(), ..SupplierPolicy::default() };
        let (read, schema) = (serde_json::to_value(&policy).unwrap(), serde_json::to_value(super::policy()).unwrap());
        let properties = &schema["properties"];
        assert_eq!(names(properties), names(&read));
        let terms = &properties["lenders"]["additionalProperties"]["properties"];
        assert_eq!(names(terms), names(&read["lenders"]["A"]));
        let criteria = properties["criteria"]["items"]["oneOf"].as_array().unwrap();
        let described: Vec<_> = criteria.iter().map(|one| names(&one["properties"])).collect();
        assert_eq!(described, read["criteria"].as_array().unwrap().iter().map(names).collect::<Vec<_>>());
    }

    #[test]
    fn example_is_a_policy_without_problems() {
        let policy: SupplierPolicy = serde_json::from_value(example()).unwrap();
        assert_eq!(policy.problems(), []);
    }
}
