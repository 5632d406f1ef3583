//! `consort events`: follows the changes of requests at a running hub.

#![allow(clippy::disallowed_methods, reason = "the command waits by the machine's clock before it connects again")]

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::api::{Hub, HubArgs};
use crate::commands::request::text;
use crate::failure::Result;
use crate::output::{self, print_out, remark};

/// The pause before the command connects again after the hub was not there.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the hub lets a stream last.
const LONGEST: Duration = Duration::from_secs(900);
/// The time that the hub has to begin its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Follow the changes of requests as they happen, one line each.
#[derive(Args, Debug)]
pub(crate) struct Events {
    /// Begin after the event with this id; 0 begins with the oldest event that the hub has. Without it, the command begins with
    /// the next change.
    #[arg(long, value_name = "ID")]
    after: Option<u32>,
    /// End when all present events are shown.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    hub: HubArgs,
}

/// The parts of a stream that are read and belong to no complete event yet.
#[derive(Default)]
struct Unread(Vec<u8>);

impl Unread {
    /// Adds bytes, and returns the events that are complete: each with its id and its data.
    fn add(&mut self, bytes: &[u8]) -> Vec<(String, Value)> {
        self.0.extend_from_slice(bytes);
        let Some(end) = self.0.windows(2).rposition(|pair| pair == b"\n\n") else { return Vec::new() };
        let complete: Vec<u8> = self.0.drain(..end + 2).collect();
        let complete = String::from_utf8_lossy(&complete);
        let events = complete.split("\n\n").filter_map(|block| {
            let field = |name| block.lines().find_map(|line| line.strip_prefix(name));
            let data = serde_json::from_str(field("data:")?.trim()).ok()?;
            Some((field("id:")?.trim().to_owned(), data))
        });
        events.collect()
    }
}

impl Events {
    pub(crate) async fn run(self) -> Result<()> {
        let hub = Hub::new(&self.hub)?;
        let mut last = self.after.map(|after| after.to_string());
        loop {
            let seconds = if self.once { 0 } else { LONGEST.as_secs() };
            let path = format!("/api/v1/events?seconds={seconds}");
            match hub.stream(&path, last.as_deref(), LONGEST + ANSWER_WITHIN).await {
                Ok(mut answer) => {
                    let mut unread = Unread::default();
                    while let Ok(Some(bytes)) = answer.chunk().await {
                        for (id, event) in unread.add(&bytes) {
                            show(&id, &event);
                            last = Some(id);
                        }
                        if output::is_closed() {
                            return Ok(());
                        }
                    }
                }
                // The hub may be restarting.
                Err(failure) if failure.is_unavailable() && last.is_some() && !self.once => {
                    remark("The hub can't be reached; trying again.");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(failure) => return Err(failure),
            }
            if self.once {
                return Ok(());
            }
        }
    }
}

fn show(id: &str, event: &Value) {
    if output::is_json() {
        let mut event = event.clone();
        event["id"] = id.into();
        print_out(&event.to_string());
        return;
    }
    let data = &event["data"];
    print_out(&format!(
        "{id}  {}  {}  {}  {}",
        text(&event["timestamp"]),
        text(&data["request"]),
        text(&data["status"]),
        text(&data["patron_message"])
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_is_complete_when_its_blank_line_is_read() {
        let mut unread = Unread::default();
        assert!(unread.add(b": alive\n\nid: 7\nevent: request.changed\nda").is_empty());
        let events = unread.add(b"ta: {\"a\": 1}\n\nid: 8\n");
        assert_eq!(events, [("7".to_owned(), serde_json::json!({"a": 1}))]);
    }
}
