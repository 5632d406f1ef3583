//! The rules of an agency, for the OpenAPI document. A test compares the fields with those that `lending` reads.

use lending::Rules;
use serde_json::Value;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type,
};

/// The days of the week.
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The longest name of a region, in characters.
pub(crate) const LONGEST_REGION: usize = 100;

/// Returns the schema of an agency's rules. Each field has the default of the rules that an agency begins with.
pub(crate) fn rules() -> Object {
    let defaults = serde_json::to_value(Rules::default()).unwrap_or_default();
    let schema = ObjectBuilder::new()
        .description(Some("What the agency takes part in, its limits, and its deadlines."))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let flags = [
        ("lends", "Whether it lends to others."),
        ("borrows", "Whether its patrons borrow from others."),
        ("allows_visiting_pickup", "Whether patrons of other agencies may collect here."),
        ("lends_to_own_patrons", "Whether its patrons may request items of their own institution through the hub."),
        ("virtual_item_at_dispatch", "Whether virtual items are made when the lender sends the item, and not earlier."),
    ];
    let days = [
        ("days_to_supply", "Open days within which it must send a requested item."),
        ("days_for_lost_copy", "Open days for which the hub waits for a lost or missing copy; 0 means none."),
        (
            "days_for_lent_copy",
            "Open days for which the hub waits for a copy that is lent or out of service; 0 means none.",
        ),
        ("max_days_in_transit", "Open days within which an item that was sent must arrive."),
    ];
    let schema = flags.into_iter().fold(schema, |schema, (name, about)| {
        let flag = ObjectBuilder::new().schema_type(Type::Boolean).description(Some(about));
        schema.property(name, flag.default(defaults.get(name).cloned()))
    });
    let schema = days
        .into_iter()
        .fold(schema, |schema, (name, about)| schema.property(name, count(about).default(defaults.get(name).cloned())));
    let limits =
        "The limits of its patrons' accounts in its own system, by patron type; `*` stands for all other types.";
    let extension = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["raise", "ask_staff"]))
        .default(defaults.get("lender_extension").cloned())
        .description(Some("What becomes of the patron's due date when the lender sets a later one."));
    schema
        .property("max_requests", or_null(count("The largest number of open requests of a patron.")))
        .property(
            "patron_limits",
            ObjectBuilder::new().description(Some(limits)).additional_properties(Some(limits_of_a_type())),
        )
        .property("lender_extension", extension)
        .property("suspended_until", date_or_null("The last day on which it lends nothing to others."))
        .property(
            "most_open_supplies",
            or_null(count("The largest number of open requests that it supplies at a time.")),
        )
        .property(
            "longest_queue",
            or_null(count(
                "The longest queue for one of its copies on loan; nobody may wait for one if it is left out.",
            )),
        )
        .property("place", place())
        .property("calendar", calendar(defaults.get("calendar")))
        .build()
}

/// Returns the schema of the limits of one patron type.
fn limits_of_a_type() -> ObjectBuilder {
    let limits = [
        ("max_loans", "Loans at which the patron is refused."),
        ("max_library_requests", "Requests in the library's system at which the patron is refused."),
        ("max_overdue", "Overdue loans that are tolerated; 0 if it is left out."),
        ("max_fees", "Fees that are tolerated, in whole units of the library's currency."),
    ];
    let schema = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let limit = |schema: ObjectBuilder, (name, about)| schema.property(name, or_null(count(about)));
    limits.into_iter().fold(schema, limit)
}

fn calendar(defaults: Option<&Value>) -> Object {
    let zone = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("The IANA name of its time zone, such as `Europe/Zurich`."))
        .default(defaults.and_then(|defaults| defaults.get("time_zone").cloned()));
    let day = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(DAYS));
    let date = SchemaFormat::KnownFormat(KnownFormat::Date);
    let date = ObjectBuilder::new().schema_type(Type::String).format(Some(date));
    let time = |about: &str| {
        let kind = SchemaType::from_iter([Type::String, Type::Null]);
        let pattern = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$";
        ObjectBuilder::new().schema_type(kind).pattern(Some(pattern)).description(Some(about))
    };
    ObjectBuilder::new()
        .description(Some("Its open days."))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .property("time_zone", zone)
        .property(
            "closed_weekdays",
            ArrayBuilder::new().items(day).description(Some("Weekdays on which it is closed.")),
        )
        .property("closed_dates", ArrayBuilder::new().items(date).description(Some("Dates on which it is closed.")))
        .property("opens", time("The time from which staff are present, such as `08:00`; midnight if it is left out."))
        .property("closes", time("The time until which staff are present; midnight if it is left out."))
        .build()
}

/// Returns the schema of the place of a library.
fn place() -> Object {
    let degrees = |most: i32, about: &str| {
        let schema = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-most)).maximum(Some(most));
        schema.description(Some(about))
    };
    let closed = || ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let coordinates = closed()
        .description(Some("Its coordinates, in degrees."))
        .property("latitude", degrees(90, "North of the equator."))
        .property("longitude", degrees(180, "East of Greenwich."))
        .required("latitude")
        .required("longitude");
    let region = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .max_length(Some(LONGEST_REGION))
        .description(Some("Its region, in words of the consortium's choice."));
    closed()
        .description(Some("Where it is, for the choice of the supplier."))
        .property("region", region)
        .property("coordinates", coordinates)
        .build()
}

fn date_or_null(about: &str) -> ObjectBuilder {
    let kind = SchemaType::from_iter([Type::String, Type::Null]);
    let date = SchemaFormat::KnownFormat(KnownFormat::Date);
    ObjectBuilder::new().schema_type(kind).format(Some(date)).description(Some(about))
}

/// Returns the schema of a whole number of at least 0.
fn count(about: &str) -> ObjectBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX));
    schema.description(Some(about))
}

fn or_null(schema: ObjectBuilder) -> ObjectBuilder {
    schema.schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lending::supplier::{Coordinates, Place};
    use lending::{AccountLimits, PatronLimits};

    use super::*;

    fn names(value: &Value) -> BTreeSet<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn document_names_each_field_of_the_rules() {
        let patron_limits = PatronLimits([("*".to_owned(), AccountLimits::default())].into());
        let mut rules = Rules { patron_limits, ..Rules::default() };
        rules.place = Place { region: Some("north".to_owned()), coordinates: Coordinates::new(47.0, 8.0) };
        (rules.calendar.opens, rules.calendar.closes) = ("08:00".parse().ok(), "20:00".parse().ok());
        let (read, schema) = (serde_json::to_value(&rules).unwrap(), serde_json::to_value(super::rules()).unwrap());
        let properties = &schema["properties"];
        assert_eq!(names(properties), names(&read));
        assert_eq!(names(&properties["calendar"]["properties"]), names(&read["calendar"]));
        let place = &properties["place"]["properties"];
        assert_eq!(names(place), names(&read["place"]));
        assert_eq!(names(&place["coordinates"]["properties"]), names(&read["place"]["coordinates"]));
        let limits = &properties["patron_limits"]["additionalProperties"]["properties"];
        assert_eq!(names(limits), names(&read["patron_limits"]["*"]));
    }
}
