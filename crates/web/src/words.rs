//! The words that the fields of answers can have, for the OpenAPI document.

use lending::{
    Action, Case, Closure, Condition, Effect, Outcome, Queue, SCAN_MESSAGES, ScanAct, Status, Wait, Workflow,
};
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};

/// Declares the schema of a field that has one of some words, or, with `or null`, none.
macro_rules! words {
    ($($name:ident = $words:expr;)+) => {$(
        pub(crate) fn $name() -> Object {
            one_of($words.into_iter().collect())
        }
    )+};
    (or null: $($name:ident = $words:expr;)+) => {$(
        pub(crate) fn $name() -> Object {
            or_null($words.into_iter().collect())
        }
    )+};
}

const ITEM_STATES: [&str; 10] = [
    "in_place",
    "requested",
    "in_transit",
    "on_hold_shelf",
    "on_loan",
    "lost",
    "claimed_returned",
    "missing",
    "unavailable",
    "absent",
];

const SIDES: [&str; 3] = ["borrower", "lender", "pickup"];

words! {
    status = Status::ALL.map(Status::name);
    workflow = Workflow::ALL.map(Workflow::name);
    effect = Effect::ALL.map(Effect::name);
    waited_for = [
        "lending_library", "pickup_library", "patron", "lender_system", "borrower_system", "pickup_system",
    ];
    item_state = ITEM_STATES;
    hold_state = ["not_started", "in_process", "on_hold_shelf", "gone"];
    canceller = ["patron", "staff", "at_borrower", "deadline"];
    verdict = ["ok", "missing", "unknown"];
    orphan = ["record", "hold"];
    outage = ["unreachable", "key_refused", "quota_used_up"];
    ok = ["ok"];
    webhook_result = ["accepted", "duplicate", "ignored"];
    paused = ["everything", "polling"];
    queue = Queue::ALL.map(Queue::name);
    step = Queue::ALL.map(Queue::name).into_iter().chain(["decide"]);
    wait = Wait::ALL.map(Wait::name);
    side = SIDES;
    scan_result = ["found", "over", "elsewhere", "unknown"];
    scan_act = ScanAct::ALL.map(ScanAct::name);
    scan_message = SCAN_MESSAGES.into_iter().chain(["scan-elsewhere", "scan-unknown"]);
    list_kind = ["lending", "borrowing", "requests"];
}

words! { or null:
    optional_status = Status::ALL.map(Status::name);
    optional_outcome = [
        Outcome::Supplied, Outcome::NotSupplied, Outcome::Cancelled, Outcome::NotCollected, Outcome::Lost, Outcome::Unknown,
    ].map(Outcome::name);
    optional_effect = Effect::ALL.map(Effect::name);
    optional_item_state = ITEM_STATES;
    optional_closure = Closure::ALL.map(Closure::name);
    optional_closure_source = ["reported", "inferred"];
    optional_queue = Queue::ALL.map(Queue::name);
    optional_side = SIDES;
}

/// Returns the schema of a list of conditions.
pub(crate) fn conditions() -> Array {
    list_of(Condition::ALL.map(Condition::name).into_iter().collect())
}

/// Returns the schema of a list of cases.
pub(crate) fn cases() -> Array {
    list_of(Case::ALL.map(Case::name).into_iter().collect())
}

/// Returns the schema of a list of actions.
pub(crate) fn actions() -> Array {
    list_of(Action::ALL.map(Action::name).into_iter().collect())
}

fn one_of(words: Vec<&'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

fn or_null(words: Vec<&'static str>) -> Object {
    let words = words.into_iter().map(Some).chain([None]);
    let kind = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(kind).enum_values(Some(words)).build()
}

fn list_of(words: Vec<&'static str>) -> Array {
    ArrayBuilder::new().items(one_of(words)).build()
}
