//! Tests of the engine between simulated Almas over real sockets, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test that can not go on fails")]

mod accounts;
mod batch_polls;
mod clock;
mod contention;
mod deadlines;
mod due_dates;
mod endings;
mod former_ids;
mod left_to_staff;
mod lenders_hold;
mod lost_answers;
mod moved;
mod nodes;
mod not_found;
mod on_the_way;
mod orphans;
mod others;
mod outages;
mod pickup_elsewhere;
mod placing;
mod placing_checks;
mod quota;
mod refused_holds;
mod retention;
mod setup_checks;
mod shared_alma;
mod standard;
mod supplier;
mod titles;
mod unreadable;
mod volumes;
mod webhooks;
mod while_out;
mod withdrawing;
mod workflows;
mod world;
