//! Named scenarios of consortial borrowing, end to end.
//!
//! A scenario is played on a [`Stage`]: a running hub, spoken with through its public REST API alone ([`Hub`]), and
//! simulated Almas, spoken with through their control surface alone ([`SimAlma`]). Who hosts them doesn't matter; [`Host`]
//! does so in one process over loopback sockets.
//!
//! Nothing here panics: what isn't as it should be is a [`Failure`], one sentence, so that it can be shown. Each step
//! is told to an [`Observer`] as it happens.
//!
//! # How to add a scenario
//!
//! 1. A function in a module of `plays`: staff act through the stage, `until` waits for what the hub should make of it.
//! 2. Its line in that module's list, with a name and a title.
//! 3. Its line in `tests/it/main.rs`, with a name that states the behaviour; a test compares both lists.

mod alma;
mod failure;
mod host;
mod hub;
mod line;
mod plays;
mod stage;
mod view;

pub use alma::{Hold, Item, Loan, Made, SimAlma, Standing, VIRTUAL_LIBRARY};
pub use alma_sim::{Fault, FaultKind, Mark};
pub use failure::{Failure, Result, expect, same};
pub use host::Host;
pub use hub::{Hub, NotPlaced};
pub use line::http_client;
pub use plays::{Play, Scenario, all, find};
pub use stage::{
    AGENCY, Closed, Closure, LIVE, MoveTime, Observer, PATRON, PICKUP, PICKUP_LIBRARY, Stage, Told, Who, Wish,
};
pub use view::{
    Attention, BorrowerView, CancellationView, HoldView, LenderView, LoanView, RefusalView, RequestView, Row,
};
