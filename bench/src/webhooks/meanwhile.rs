//! Reactions to webhook messages while the hub has other work, such as a harvest.

use std::sync::Arc;
use std::time::Duration;

use scenarios::Hub;

use super::chain::Bare;
use super::place_all;
use super::react::{LIFECYCLES, play, stage};
use crate::simulate::sim_setup::LENDERS;

/// The numbers of staff actions per second.
const ACTS_PER_SECOND: u64 = 50;

/// Lets staff act on the books of lifecycles after `begin` has given the hub its other work for an institution. Returns how
/// long each act took, sorted.
pub(crate) async fn reactions(
    lifecycles: usize,
    begin: impl AsyncFn(&Hub, &str) -> Result<(), String>,
    is_under_way: impl AsyncFn(&Hub, &str) -> Result<bool, String>,
) -> Result<(Vec<Duration>, bool), String> {
    let stage = stage(lifecycles).await?;
    let placed = place_all(&stage.hub.client, lifecycles).await?;
    let bare = Arc::new(Bare::start(LIFECYCLES as u64).await?);
    begin(&stage.hub.client, LENDERS[1]).await?;
    let times = play(&stage, Arc::new(placed), &bare, ACTS_PER_SECOND).await?;
    let still = is_under_way(&stage.hub.client, LENDERS[1]).await?;
    let mut acts: Vec<Duration> = times.into_iter().flat_map(|times| times.acts).collect();
    acts.sort_unstable();
    Ok((acts, still))
}
