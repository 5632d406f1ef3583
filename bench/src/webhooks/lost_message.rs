//! How late is seen what no message reported: on a clock of its own, in opening hours, by the lists that are read anyway.

use std::time::Duration;

use engine::Settings;
use jiff::SignedDuration;
use lending::Status;

use crate::quota::Act;
use crate::simulate::sim_setup::LENDERS;
use crate::world::{Messages, World, midnight, open_at, start};

/// Time passes by so much between two questions.
const STEP: SignedDuration = SignedDuration::from_mins(5);
/// The same where it is about few minutes.
const SMALL_STEP: SignedDuration = SignedDuration::from_mins(1);
const PATIENCE: SignedDuration = SignedDuration::from_hours(24 * 14);
const ACTS: [Act; 5] = [Act::Send, Act::Receive, Act::Lend, Act::TakeBack, Act::BringHome];
/// A list is due each five minutes at the soonest.
pub(crate) const ONE_BATCH_POLL: Duration = Duration::from_secs(300);

/// What is not reported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LostMessage {
    /// Nothing arrives any more.
    All,
    /// That items are sent; few Almas tell it.
    Items,
    /// The message of one act, all before it was reported, and all after it is.
    One,
}

/// What one act of staff came to.
pub(crate) struct Late {
    pub(crate) act: Act,
    /// The longest time in which libraries were open, until it was seen,
    pub(crate) longest: Duration,
    /// and the longest of all but the first request: where all is lost the hub knows by then.
    pub(crate) longest_then: Duration,
}

/// The longest delay of each act, of so many requests, a day apart from act to act and at any hour of the day, where
/// institutions want to be `sure` within so many minutes.
pub(crate) async fn delays(lost_message: LostMessage, requests: usize, sure: Option<u32>) -> Result<Vec<Late>, String> {
    let messages = match lost_message {
        LostMessage::All => Messages::Lost,
        LostMessage::Items => Messages::NoItems,
        LostMessage::One => Messages::All,
    };
    // A day in which lists get their usual times again where the webhook is trusted again. Nobody waits for weeks.
    let (days, requests) = if lost_message == LostMessage::One { (2, requests / 2) } else { (1, requests) };
    let mut world = World::open(requests, messages, Settings::default()).await?;
    let mut step = STEP;
    if let Some(minutes) = sure {
        world.be_sure_within(minutes).await?;
        (world.together, step) = (SignedDuration::ZERO, SMALL_STEP);
    }
    let mut ids = Vec::new();
    world.until(open_at(start())).await?;
    for number in 0..requests {
        ids.push(world.place(number, &LENDERS[..1]).await?);
    }
    let mut all = Vec::new();
    for act in if lost_message == LostMessage::Items { &ACTS[..1] } else { &ACTS } {
        let mut all_of_it = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            if lost_message == LostMessage::One {
                // The hub notes a miss a moment after what it saw.
                world.until(world.now() + step).await?;
                world.trust_webhooks().await?;
            }
            let hours = i64::try_from(number % 8).map_err(|error| error.to_string())?;
            let tomorrow = open_at(midnight(world.now()) + SignedDuration::from_hours(24 * days));
            world.until(tomorrow + SignedDuration::from_hours(hours) + SignedDuration::from_mins(7 * hours)).await?;
            let request = world.request(*id).await?;
            if lost_message == LostMessage::One {
                world.send_messages(Messages::Nothing).await?;
                act.work(&world.sim, &request)?;
                world.send_messages(Messages::All).await?;
            } else {
                act.work(&world.sim, &request)?;
            }
            let after = act.next().map_or(Status::Finalised, Act::when);
            let mut open = SignedDuration::ZERO;
            let begun = world.now();
            while world.request(*id).await?.status != after {
                if world.now().duration_since(begun) > PATIENCE {
                    return Err(format!("{act:?} is not seen: {}", world.request(*id).await?.status));
                }
                let now = world.now();
                open += if open_at(now) == now { step } else { SignedDuration::ZERO };
                world.until(now + step).await?;
            }
            all_of_it.push(Duration::try_from(open).unwrap_or_default());
        }
        let longest = |of: &[Duration]| of.iter().max().copied().unwrap_or_default();
        all.push(Late { act: *act, longest: longest(&all_of_it), longest_then: longest(&all_of_it[1..]) });
    }
    Ok(all)
}
