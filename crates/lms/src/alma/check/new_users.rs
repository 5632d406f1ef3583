//! Checks with a test user whether new users become patrons. In Alma a user made by the API has the roles that a role
//! assignment rule of the institution gives (alma-field-notes.md, "New users made by API"). Without the patron role Alma
//! refuses the loan (401151), and the patron has already left with the book.

use std::collections::BTreeSet;

use alma::{Client, Error, NewUser, User, UserId};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::errors::to_lms_error;
use super::super::settings::Settings;
use super::words::unread;
use crate::finding::Finding;

/// Makes, reads and removes a user of each group of virtual patrons. `name` makes the ids of the users unique.
pub(in crate::alma) async fn check(client: &Client, settings: &Settings, name: &str, now: Timestamp) -> Vec<Finding> {
    let today = TimeZone::UTC.to_datetime(now).date();
    let groups: BTreeSet<&str> = settings.user_groups.values().map(String::as_str).collect();
    let mut findings = Vec::new();
    for (number, group) in groups.into_iter().enumerate() {
        let id = UserId::from(format!("DCB-TEST-{name}-{number}").as_str());
        let user = test_user(settings, &id, group, today);
        findings.push(role_of(group, make(client, &user, &id).await));
        findings.extend(remove(client, &id).await);
    }
    findings
}

fn test_user(settings: &Settings, id: &UserId, group: &str, today: Date) -> NewUser {
    let mut user = NewUser::external(id.as_str(), "TEST USER".to_owned(), group, settings.external_system.as_str());
    user.first_name = Some("DCB".to_owned());
    // If the user can't be removed, it expires soon.
    user.expiry_date = today.checked_add(jiff::Span::new().days(2)).ok();
    user
}

/// Creates the user and reads it: the rule may act after the answer to the creation.
async fn make(client: &Client, user: &NewUser, id: &UserId) -> alma::Result<User> {
    client.users().create(user).await?;
    client.users().get(id).await
}

fn role_of(group: &str, made: alma::Result<User>) -> Finding {
    let subject = format!("role assignment rule: {group}");
    match made {
        Ok(user) if user.is_patron() => Finding::ok(subject, "a new user of this group is a patron"),
        Ok(_) => Finding::missing(
            subject,
            format!(
                "A new user of the group {group} has no patron role, so Alma lends it nothing (401151). Create a role \
                 assignment rule in Alma: Configuration > User Management > Roles and Registration > Role Assignment Rules, \
                 with a profile that contains the role Patron, for the user group {group}."
            ),
        ),
        Err(error @ Error::Refused { .. }) => {
            let reason = to_lms_error(error).to_string();
            Finding::missing(
                subject,
                format!("A user of the group {group} can't be created: {reason}. Correct the cause in Alma."),
            )
        }
        Err(error) => unread(&subject, error),
    }
}

/// Removes the user, also if the answer to its creation was lost. Returns a finding if it stays.
async fn remove(client: &Client, id: &UserId) -> Option<Finding> {
    let error = match client.users().delete(id).await {
        Ok(()) => return None,
        Err(error) if error.is_not_found() => return None,
        Err(error) => to_lms_error(error),
    };
    // Alma refuses to remove a user that doesn't exist with various codes.
    match client.users().get(id).await {
        Err(gone) if gone.is_not_found() => None,
        _ => Some(Finding::unknown(
            format!("test user {id}"),
            format!("The test user could not be removed: {error}. Remove it in Alma; it expires in two days."),
        )),
    }
}
