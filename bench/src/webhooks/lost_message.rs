//! Measures how late the hub notices a change that no message reported. It runs on a clock of its own, in opening
//! hours; the hub notices the change by the lists that it reads anyway.

use std::time::Duration;

use engine::Settings;
use jiff::SignedDuration;
use lending::Status;

use crate::quota::Act;
use crate::simulate::sim_setup::LENDERS;
use crate::world::{Messages, World, midnight, open_at, start};

/// The time that passes between two reads of the request's status.
const STEP: SignedDuration = SignedDuration::from_mins(5);
/// The same if delays of a few minutes are measured.
const SMALL_STEP: SignedDuration = SignedDuration::from_mins(1);
const PATIENCE: SignedDuration = SignedDuration::from_hours(24 * 14);
const ACTS: [Act; 5] = [Act::Send, Act::Receive, Act::Lend, Act::TakeBack, Act::BringHome];
/// The shortest interval between two reads of a list: five minutes.
pub(crate) const ONE_BATCH_POLL: Duration = Duration::from_secs(300);

/// The messages that are lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LostMessage {
    /// All messages.
    All,
    /// The messages about items that were sent, which only few Almas send.
    Items,
    /// The message of one action. The messages before and after it arrive.
    One,
}

/// How soon lost messages are to be noticed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detection {
    /// Lists are read at their ordinary intervals.
    Ordinary,
    /// Within so many minutes, as the institutions have set.
    Within(u32),
    /// As soon as the default share of so many calls in a day allows.
    AtCallsPerDay(u64),
}

/// The delays of one kind of action.
pub(crate) struct Late {
    pub(crate) act: Act,
    /// The longest time, counted in opening hours, until the hub noticed the action.
    pub(crate) longest: Duration,
    /// The longest time without the first request: if all messages are lost, the hub knows it by then.
    pub(crate) longest_then: Duration,
}

/// Returns the longest delay of each action over a number of requests. Actions are a day apart and at different hours.
pub(crate) async fn delays(
    lost_message: LostMessage,
    requests: usize,
    detection: Detection,
) -> Result<Vec<Late>, String> {
    let messages = match lost_message {
        LostMessage::All => Messages::Lost,
        LostMessage::Items => Messages::NoItems,
        LostMessage::One => Messages::All,
    };
    // The second day lets lists get back their usual interval once the webhook is trusted again. The benchmark doesn't
    // wait for weeks.
    let (days, requests) = if lost_message == LostMessage::One { (2, requests / 2) } else { (1, requests) };
    let mut world = World::open(requests, messages, Settings::default()).await?;
    let mut step = STEP;
    match detection {
        Detection::Ordinary => {}
        Detection::Within(minutes) => world.be_sure_within(minutes).await?,
        Detection::AtCallsPerDay(calls) => world.spare(calls).await?,
    }
    if detection != Detection::Ordinary {
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
                // The hub records a missed message a moment after it noticed the change.
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
