//! Who may do what: roles, sides, permissions, one table, and the decision. Pure: no IO, no clock.
//!
//! An operation of the API needs one [`Permission`] ([`OPERATIONS`]). [`GRANTS`] says which role has it at which side.
//! [`Caller`] decides from both. `consort docs access` prints the same tables as docs/access.md.
//!
//! # How to add an operation
//!
//! 1. Add its id and what it needs to [`OPERATIONS`]. The hub doesn't start without it.
//! 2. If no permission fits, add one to [`Permission`], with its row in [`GRANTS`].
//! 3. Let its handler ask `web::guard` for the object that it is about.
//! 4. Write its row in `crates/web/tests/it/access.tsv`, by hand, and print docs/access.md anew.

mod caller;
mod operations;
mod permission;
mod role;
mod weak_key;

pub use caller::{Caller, Denial, PatronData, Side, Sides, Verdict};
pub use operations::{OPERATIONS, check_operations, permission_of};
pub use permission::{GRANTS, Grant, Permission, Scope};
pub use role::{Role, UnknownRole};
pub use weak_key::{SHORTEST_KEY, is_key_name, weakness};
