//! Sends the events of requests to subscriptions, as signed messages (Standard Webhooks).
//!
//! - `signature`: signs a message.
//! - `addresses`: refuses addresses to which nothing is sent.
//! - `visible`: which requests' events a caller sees.
//! - `backoff`: when a failed delivery is tried once more.
//! - `service`: the loop of a node. It takes subscriptions under a lease, and gives each a task of its own, so that a slow
//!   receiver delays nobody else.

mod addresses;
mod backoff;
mod service;
mod signature;
mod visible;

pub use addresses::{BadAddress, check_url};
pub use service::Deliveries;
pub use signature::{new_secret, sign};
pub use visible::{requests_of, visible_requests};
