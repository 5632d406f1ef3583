//! A stateful simulated Alma, written from the reference and sharing no type with the `alma` client.
//!
//! [`Sim`] holds any number of institutions, told apart by API key as a real gateway does. [`Server`] puts it on a
//! loopback port: the REST API under `/almaws/v1`, and staff actions under `/sim/`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::type_complexity,
    clippy::semicolon_if_nothing_returned,
    clippy::needless_pass_by_value,
    reason = "being finished: OAI-PMH, webhooks and snapshots come next"
)]

mod api;
mod clock;
mod control;
mod institution;
mod options;
pub mod presets;
mod record;
mod refusal;
mod render;
mod server;
mod sim;
mod state;
mod xml;

pub use clock::SimClock;
pub use institution::{
    ApiKey, Area, Bib, CodeTable, Desk, Holding, Institution, Item, Library, Location, OaiSet, Permission, User,
};
pub use options::{Behaviour, FirstRequestStatus, Rules, SimOptions};
pub use refusal::Refusal;
pub use server::{Server, router};
pub use sim::Sim;
pub use state::scan::ScanResult;
pub use state::staff::Mark;
