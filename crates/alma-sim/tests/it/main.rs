//! Tests of the simulator from outside: bare HTTP and JSON, without the project's own client.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod circulation;
mod configuration;
mod control;
mod desk;
mod faults;
mod fees;
mod gateway;
mod inventory;
mod lag;
mod oai;
mod parameters;
mod scenarios;
mod snapshots;
mod support;
mod table;
mod users;
mod webhooks;
