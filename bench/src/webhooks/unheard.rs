//! How late is seen what no message told of: on a clock of its own, in opening hours, by the lists that are read anyway.

use std::time::Duration;

use engine::Settings;
use jiff::SignedDuration;
use lending::Status;

use crate::simulate::house::LENDERS;
use crate::spending::Act;
use crate::world::{Telling, World, midnight, open_at, start};

/// Time passes by so much between two questions.
const STEP: SignedDuration = SignedDuration::from_mins(5);
const PATIENCE: SignedDuration = SignedDuration::from_hours(24 * 14);
const ACTS: [Act; 5] = [Act::Send, Act::Receive, Act::Lend, Act::TakeBack, Act::BringHome];

/// What one act of staff came to.
pub(crate) struct Late {
    pub(crate) act: Act,
    /// The longest time in which libraries were open, until it was seen,
    pub(crate) longest: Duration,
    /// and the longest of all but the first request: of the others the hub knows by then that messages get lost.
    pub(crate) longest_then: Duration,
}

/// The longest delay of each act, of so many requests, a day apart from act to act and at any hour of the day.
pub(crate) async fn delays(telling: Telling, requests: usize) -> Result<Vec<Late>, String> {
    let world = World::open(requests, telling, Settings::default()).await?;
    let mut ids = Vec::new();
    world.until(open_at(start())).await?;
    for number in 0..requests {
        ids.push(world.place(number, &LENDERS[..1]).await?);
    }
    let mut all = Vec::new();
    for act in ACTS {
        let mut all_of_it = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            let hours = i64::try_from(number % 8).map_err(|error| error.to_string())?;
            let tomorrow = open_at(midnight(world.now()) + SignedDuration::from_hours(24));
            world.until(tomorrow + SignedDuration::from_hours(hours) + SignedDuration::from_mins(7 * hours)).await?;
            act.work(&world.sim, &world.request(*id).await?)?;
            let after = act.next().map_or(Status::Finalised, Act::when);
            let mut open = SignedDuration::ZERO;
            let begun = world.now();
            while world.request(*id).await?.status != after {
                if world.now().duration_since(begun) > PATIENCE {
                    return Err(format!("{act:?} is not seen: {}", world.request(*id).await?.status));
                }
                let now = world.now();
                open += if open_at(now) == now { STEP } else { SignedDuration::ZERO };
                world.until(now + STEP).await?;
            }
            all_of_it.push(Duration::try_from(open).unwrap_or_default());
        }
        let longest = |of: &[Duration]| of.iter().max().copied().unwrap_or_default();
        all.push(Late { act, longest: longest(&all_of_it), longest_then: longest(&all_of_it[1..]) });
    }
    Ok(all)
}
