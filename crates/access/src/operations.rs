//! The permission that each operation of the API needs, by operation id.

use std::collections::BTreeMap;

use crate::permission::Permission;

/// The operations of the API, each with the permission that it needs. The hub refuses to start if one is missing here.
pub const OPERATIONS: &[(&str, Permission)] = &[
    ("place_request", Permission::Place),
    ("preview_request", Permission::Place),
    ("list_requests", Permission::ReadRequests),
    ("get_request", Permission::ReadRequests),
    ("get_work", Permission::ReadRequests),
    ("get_statistics", Permission::ReadRequests),
    ("list_cases", Permission::ReadRequests),
    ("list_request_messages", Permission::ReadRequests),
    ("send_request_message", Permission::SendMessage),
    ("mark_request_messages_read", Permission::SendMessage),
    ("scan_item", Permission::Scan),
    ("list_views", Permission::KeepViews),
    ("put_view", Permission::KeepViews),
    ("delete_view", Permission::KeepViews),
    ("follow_events", Permission::ReadRequests),
    ("cancel_request", Permission::Cancel),
    ("poll_request", Permission::Resume),
    ("resume_request", Permission::Resume),
    ("choose_supplier", Permission::Refuse),
    ("change_pickup_location", Permission::ChangePickup),
    ("report_found", Permission::ReportFound),
    ("report_damage", Permission::ReportDamage),
    ("settle_loss", Permission::SettleLoss),
    ("preview_end", Permission::End),
    ("end_request", Permission::End),
    ("undo_last_action", Permission::Undo),
    ("list_institutions", Permission::ReadSetUp),
    ("get_institution", Permission::ReadSetUp),
    ("put_institution", Permission::ChangeSetUp),
    ("delete_institution", Permission::ChangeSetUp),
    ("check_institution", Permission::ChangeSetUp),
    // It costs the library some calls.
    ("get_institution_codes", Permission::ChangeSetUp),
    // It costs the library a call for each request that is searched.
    ("list_orphans", Permission::ChangeSetUp),
    ("remove_orphans", Permission::ChangeSetUp),
    ("get_quota", Permission::ReadSetUp),
    ("get_webhook", Permission::ReadSetUp),
    ("put_webhook", Permission::ChangeSetUp),
    ("delete_webhook", Permission::ChangeSetUp),
    ("list_agencies", Permission::ReadSetUp),
    ("get_agency", Permission::ReadSetUp),
    ("put_agency", Permission::ChangeSetUp),
    ("delete_agency", Permission::ChangeSetUp),
    ("list_pickup_locations", Permission::ReadSetUp),
    ("get_pickup_location", Permission::ReadSetUp),
    ("put_pickup_location", Permission::ChangeSetUp),
    ("delete_pickup_location", Permission::ChangeSetUp),
    ("list_keys", Permission::ManageKeys),
    ("get_key", Permission::ManageKeys),
    ("create_key", Permission::ManageKeys),
    ("rotate_key", Permission::ManageKeys),
    ("revoke_key", Permission::ManageKeys),
    ("list_subscriptions", Permission::ManageKeys),
    ("get_subscription", Permission::ManageKeys),
    ("create_subscription", Permission::ManageKeys),
    ("change_subscription", Permission::ManageKeys),
    ("delete_subscription", Permission::ManageKeys),
    ("rotate_subscription", Permission::ManageKeys),
    ("list_dead_letters", Permission::ManageKeys),
    ("resend_dead_letters", Permission::ManageKeys),
    ("list_users", Permission::ManageKeys),
    ("get_user", Permission::ManageKeys),
    ("add_user", Permission::ManageKeys),
    ("disable_user", Permission::ManageKeys),
    ("change_own_password", Permission::OwnAccount),
    ("set_up_own_totp", Permission::OwnAccount),
    ("list_acts", Permission::ReadLogs),
    ("list_reads", Permission::ReadLogs),
    ("export_patron", Permission::PatronData),
    ("erase_patron", Permission::PatronData),
    ("request_harvest", Permission::ChangeSetUp),
    ("list_harvests", Permission::ReadSetUp),
    ("explain_record", Permission::ReadSetUp),
    ("list_set_aside", Permission::ChangeSetUp),
    ("list_choices", Permission::ReadChoices),
    ("get_supplier_policy", Permission::ReadPolicy),
    ("list_supplier_policies", Permission::ReadPolicy),
    ("put_supplier_policy", Permission::ChangePolicy),
    ("try_supplier_policy", Permission::ChangePolicy),
    ("get_catalogue", Permission::ReadSetUp),
    ("search_catalogue", Permission::SearchCatalogue),
    ("get_title", Permission::SearchCatalogue),
    ("get_title_availability", Permission::SearchCatalogue),
    ("get_record_availability", Permission::SearchCatalogue),
    ("complete_search", Permission::SearchCatalogue),
    ("get_metrics", Permission::Monitor),
    // The answer has details only for a key with `Permission::Monitor`.
    ("get_health", Permission::Open),
    ("get_liveness", Permission::Open),
    ("get_readiness", Permission::Open),
    ("get_openapi", Permission::Open),
    ("answer_challenge", Permission::Open),
    ("take_message", Permission::Open),
];

/// Returns the permission that an operation needs, or `None` if there is no such operation.
pub fn permission_of(operation: &str) -> Option<Permission> {
    OPERATIONS.iter().find(|(id, _)| *id == operation).map(|(_, permission)| *permission)
}

/// Compares the table with the operations that the API has: each by its id, with whether it needs a key.
///
/// # Errors
///
/// Fails with one sentence for each operation that differs.
pub fn check_operations<'a>(operations: impl IntoIterator<Item = (&'a str, bool)>) -> Result<(), Vec<String>> {
    let existing: BTreeMap<&str, bool> = operations.into_iter().collect();
    let mut faults = Vec::new();
    for (id, needs_key) in &existing {
        match permission_of(id) {
            None => faults.push(format!("the operation {id} declares no permission; add it to access::OPERATIONS")),
            Some(permission) if (permission == Permission::Open) == *needs_key => faults.push(format!(
                "the operation {id} is declared as one that needs {} key, and is served as the opposite",
                if *needs_key { "no" } else { "a" }
            )),
            Some(_) => {}
        }
    }
    for (id, _) in OPERATIONS {
        if !existing.contains_key(id) {
            faults.push(format!("access::OPERATIONS names the operation {id}, which doesn't exist"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(&'static str, bool)> {
        OPERATIONS.iter().map(|(id, permission)| (*id, *permission != Permission::Open)).collect()
    }

    #[test]
    fn operation_without_a_permission_and_permission_without_an_operation_are_faults() {
        assert_eq!(check_operations(all()), Ok(()));
        let more = all().into_iter().chain([("read_minds", true)]);
        assert!(check_operations(more).unwrap_err()[0].contains("read_minds declares no permission"));
        let fewer = all().into_iter().filter(|(id, _)| *id != "get_quota");
        assert!(check_operations(fewer).unwrap_err()[0].contains("get_quota, which doesn't exist"));
        let open = all().into_iter().map(|(id, needs_key)| (id, needs_key && id != "end_request"));
        assert!(check_operations(open).unwrap_err()[0].contains("end_request is declared as one that needs a key"));
    }

    #[test]
    fn every_operation_but_the_open_ones_has_a_row_that_some_role_passes() {
        for (id, permission) in OPERATIONS.iter().filter(|(_, permission)| *permission != Permission::Open) {
            assert!(permission.grant().is_some(), "{id}");
        }
    }
}
