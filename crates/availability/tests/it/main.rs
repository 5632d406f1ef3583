//! Tests of live availability between simulated Almas, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can not go on fails")]

mod asking;
mod copies;
mod world;
