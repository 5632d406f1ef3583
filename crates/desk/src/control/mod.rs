//! Control: users, keys, the audit, and the reader's own account.

mod audit;
mod keys;
mod own;
mod picture;
mod users;

use access::Role;
use axum::Router;

use crate::forms::Choice;
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::{Visitor, has_pages};

pub(crate) fn routes() -> Router<Desk> {
    Router::new().merge(users::routes()).merge(keys::routes()).merge(audit::routes()).merge(own::routes())
}

/// Returns whether the reader manages users and keys. The API decides once more, by the object.
fn manages(visitor: &Visitor) -> bool {
    matches!(visitor.caller.role(), Role::ConsortiumAdmin | Role::LibraryAdmin)
}

fn role_name(texts: Texts, role: &str) -> String {
    let id = format!("role-{role}");
    if texts.has(&id) { texts.say(&id) } else { role.to_owned() }
}

/// Returns the roles that the reader gives to people or to programs.
fn roles(visitor: &Visitor, for_people: bool) -> Vec<Choice> {
    let texts = visitor.texts();
    let is_admin = visitor.caller.is_consortium_admin();
    let given = Role::ALL.into_iter().filter(|role| {
        let is_own = is_admin || !matches!(role, Role::ConsortiumAdmin | Role::Monitoring);
        is_own && (!for_people || has_pages(*role))
    });
    given.map(|role| Choice::new(role.name(), role_name(texts, role.name()))).collect()
}

fn agencies(visitor: &Visitor) -> Vec<Choice> {
    visitor.agencies.iter().map(|agency| Choice::new(agency.code.as_str(), agency.name.clone())).collect()
}

/// Returns the names of agencies, for a table.
fn agency_names(visitor: &Visitor, codes: &[String]) -> String {
    codes.iter().map(|code| visitor.libraries.of_agency(code)).collect::<Vec<_>>().join(", ")
}
