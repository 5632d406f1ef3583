//! Named scenarios of consortial borrowing, end to end.
//!
//! A scenario is played on a [`Stage`]: a running hub, called through its public REST API only ([`Hub`]), and simulated
//! Almas, called through their control surface only ([`SimAlma`]). Any host will do; [`Host`] runs them in one process
//! over loopback sockets.
//!
//! Nothing here panics. A wrong state is a [`Failure`], one sentence, so that it can be shown. An [`Observer`] receives
//! each step as it happens.
//!
//! # How to add a scenario
//!
//! 1. A function in a module of `cases`: staff act through the stage, `until` waits for what the hub should make of it.
//! 2. Its line in that module's list, with a name and a title.
//! 3. Its line in `tests/it/main.rs`, with a name that states the behaviour; a test compares both lists.

mod alma;
mod cases;
mod failure;
mod host;
mod http;
mod hub;
mod stage;
mod titles;
mod view;

pub use alma::{AlmaState, CreatedRecords, Hold, Item, Loan, SimAlma, VIRTUAL_LIBRARY};
pub use alma_sim::{Fault, FaultKind, Mark};
pub use cases::{Scenario, ScenarioFn, all, find};
pub use failure::{Failure, Result, expect, same};
pub use host::Host;
pub use http::http_client;
pub use hub::{Hub, NotPlaced};
pub use stage::{
    AGENCY, Actor, Closed, Closure, LIVE, ListTitle, MoveTime, Observer, PATRON, PICKUP, PICKUP_LIBRARY, RequestInput,
    Stage, StageEvent,
};
pub use titles::ListedTitles;
pub use view::{
    Attention, BorrowerView, CancellationView, HoldView, LenderView, LoanView, RefusalView, RequestView, Row,
};
