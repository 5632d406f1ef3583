//! A stateful simulated Alma: REST, OAI-PMH, webhooks, staff actions, limits and faults.
//!
//! One [`Sim`] holds any number of institutions, distinguished by API key as the real gateway does. It can be called in
//! process ([`Sim::call`], [`Sim::staff`]) or over HTTP ([`Server`]): REST under `/almaws/v1`, OAI-PMH under
//! `/view/oai`, and the control surface under `/sim`, which belongs to the simulator and not to Alma. It is built from
//! the vendor's published descriptions and from recorded answers, and shares no type with any client.
//!
//! ```
//! use alma_sim::{Sim, SimOptions, presets};
//!
//! let sim = Sim::new(&SimOptions::default());
//! sim.add_institution(presets::university("01AAA_INST", "key-a"))?;
//! let staff = sim.staff("01AAA_INST")?;
//! let hold = staff.place_hold("jo.reader", "01AAA-M001", "BRANCH")?;
//! let scan = staff.scan_in("01AAA-M001", "MAIN", "DEFAULT_CIRC_DESK")?;
//! assert_eq!((scan.process_type.as_str(), scan.request_id), ("TRANSIT", Some(hold)));
//! # Ok::<(), alma_sim::Refusal>(())
//! ```

mod api;
mod call_log;
mod clock;
mod control;
mod desk;
mod gateway;
mod http;
mod institution;
mod oai;
mod options;
pub mod presets;
mod record;
mod refusal;
mod render;
mod scenario;
mod seed;
mod shape;
mod sim;
mod snapshot;
mod staff;
mod state;
mod webhooks;
mod xml;

pub use api::{ApiAnswer, ApiCall};
pub use call_log::LoggedCall;
pub use clock::{NoClock, SimClock};
pub use gateway::{Fault, FaultKind};
pub use http::{Server, router};
pub use institution::{ApiKey, Area, CodeTable, Desk, Institution, Library, Location, OaiSet, Permission, SavedSearch};
pub use options::{BadKey, Behaviour, FirstRequestStatus, LoanUser, NoQuota, Quota, Rules, SimOptions};
pub use refusal::Refusal;
pub use scenario::{Scenario, ScenarioError};
pub use seed::{Bib, Holding, Item, User};
pub use sim::{NoAnswer, Sim};
pub use staff::{ItemView, LoanView, RequestView, Staff};
pub use state::publish::{Enrichment, PublishedValue, Publishing};
pub use state::scan::ScanResult;
pub use state::staff::Mark;
pub use webhooks::{Delivery, DeliveryStatus, WebhookProfile};

/// The examples of the guides compile and hold.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../README.md")]
    struct Readme;

    #[doc = include_str!("../../../docs/simulator.md")]
    struct Guide;
}
