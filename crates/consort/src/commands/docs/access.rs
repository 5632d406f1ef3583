//! Generates docs/access.md from the tables of `access`.

use std::fmt::Write as _;

use ::access::{GRANTS, Grant, OPERATIONS, Permission, Role, Scope};

const HEAD: &str = "\
# Who may do what

This page is printed by `consort docs access` from the code, and a test holds it to the code. To change it, change the tables of
`crates/access` and print it again: `cargo run -- docs access > docs/access.md`.

Each call of the API has a key, and each key has a role. Keys of the roles `library-admin`, `library-staff`, `read-only` and
`discovery` stand for one or more agencies. At a request, an agency stands on up to three sides: as the patron's agency, as the
lender's agency, and as the agency of the pickup location. If no agency is registered for the lender's library, the agencies of
its institution that are registered for no library count as the lender's, or else all of them.

- A caller sees only requests at which one of its agencies has a side, and only its own set-up. Anything else is answered with 404,
  as if it didn't exist.
- An act that the role or the side doesn't permit is answered with 403. The detail says who may.
- Lists contain only what the caller may see.
- A shared institution is changed only by an admin of all its agencies.
- Nobody makes a key with more rights than their own.

";

const PATRON: &str = "\
## Who sees the patron

An answer with one request shows the patron's data as follows. Lists and answers to commands never show the identifier, card or name.

| role | sees |
|---|---|
| consortium-admin | the pickup code; everything else only with a reason (`reason` in the query or as a header), which is logged |
| library-admin, library-staff | of own patrons: the identifier, and card and name as far as the hub has them; as pickup agency: what the patron's library shows to a pickup library (its settings for patron data), and the pickup code; as lender's agency: nothing |
| read-only | nothing |
| discovery | the patron whom the call names (`patron`); without a name, the call is refused |
| monitoring | nothing |
";

/// Returns the whole page.
pub(super) fn markdown() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("## Roles\n\n| role | description |\n|---|---|\n");
    for role in Role::ALL {
        let _ = writeln!(page, "| `{role}` | {} |", role.describe());
    }
    page.push_str(
        "\n## Permissions\n\nThe consortium admin has every permission.\n\n\
         | permission to | as patron's agency | as lender's agency | as pickup agency | over its own | operations |\n\
         |---|---|---|---|---|---|\n",
    );
    for grant in GRANTS {
        let _ = writeln!(page, "{}", row(grant));
    }
    let open = operations(Permission::Open);
    let _ = write!(
        page,
        "\nNeed no key: {open}. `get_health` shows details only to a key that may monitor. `place_request`, `create_key` \
         and `add_user` refuse an agency that isn't the caller's as an unknown one.\n\n"
    );
    page.push_str(PATRON);
    page
}

fn row(grant: &Grant) -> String {
    let cell = |roles: &[Role]| match roles {
        [] => "–".to_owned(),
        some => some.iter().map(|role| role.name()).collect::<Vec<_>>().join(", "),
    };
    let own = match grant.scope {
        Scope::Hub => format!("{} (the hub)", cell(grant.own)),
        Scope::Request | Scope::SetUp => cell(grant.own),
    };
    format!(
        "| {} | {} | {} | {} | {own} | {} |",
        grant.permission.describe(),
        cell(grant.borrower),
        cell(grant.lender),
        cell(grant.pickup),
        operations(grant.permission)
    )
}

fn operations(permission: Permission) -> String {
    let of = OPERATIONS.iter().filter(|(_, needed)| *needed == permission);
    of.map(|(id, _)| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_in_the_repository_is_what_the_code_says() {
        let page = include_str!("../../../../../docs/access.md");
        assert!(page == markdown(), "print it again: cargo run -- docs access > docs/access.md");
    }

    #[test]
    fn every_operation_is_on_the_page() {
        let page = markdown();
        for (id, _) in OPERATIONS {
            assert!(page.contains(&format!("`{id}`")), "{id}");
        }
    }
}
