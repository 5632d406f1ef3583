//! Changes as they happen: a stream of events on which a page reads its parts anew.
//!
//! The stream is a property of the page's `main`, which stays while its parts are swapped. A part is read anew when the stream
//! opens, too: what changed between the page and the stream would be missed otherwise. The element that reads anew isn't part of
//! what is swapped either: htmx drops what it had queued for an element that is gone.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::http::Method;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use lending::RequestId;
use serde::Deserialize;

use crate::failure::Failure;
use crate::state::Desk;
use crate::visitor::Visitor;

/// The interval of comments that keep the connection open through proxies.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The least time between two events for the page of a request, and for a list or the dashboard.
const GAP_OF_A_REQUEST: Duration = Duration::from_millis(200);
const GAP_OF_A_LIST: Duration = Duration::from_secs(3);
/// How many changes become one event at most.
const MOST_AT_ONCE: usize = 1_000;
/// The longest line of an event. The API's are far shorter.
const LONGEST_LINE: usize = 64 * 1024;

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/live", get(live))
}

#[derive(Debug, Deserialize)]
struct About {
    /// Only changes of this request.
    request: Option<RequestId>,
}

/// The part of an event of the API that a page needs.
#[derive(Debug, Deserialize)]
struct Changed {
    data: ChangedRequest,
}

#[derive(Debug, Deserialize)]
struct ChangedRequest {
    request: RequestId,
}

/// Streams an event `changed` when requests change, as far as the reader sees them. Many changes in a short time are one event,
/// and the last of them is never left out.
async fn live(visitor: Visitor, Query(about): Query<About>) -> Result<Response, Failure> {
    let answer = visitor.api.call(Method::GET, "/api/v1/events", None, None).await?;
    let chunks = answer.into_body().into_data_stream();
    let ids = stream::unfold((chunks, Vec::new()), next_changes).flat_map(stream::iter);
    let wanted = ids.filter(move |id| std::future::ready(about.request.is_none_or(|wanted| wanted == *id)));
    let gap = if about.request.is_some() { GAP_OF_A_REQUEST } else { GAP_OF_A_LIST };
    // A browser drops an event without data.
    let event = |()| Ok::<_, Infallible>(Event::default().event("changed").data("now"));
    let events = spaced(wanted.boxed(), gap).map(event);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

/// Returns a stream with one item for all that come within `gap` of the one before. The first comes at once.
#[allow(clippy::disallowed_methods, reason = "a stream to a browser runs by the machine's clock")]
fn spaced<T: Send + 'static>(items: BoxStream<'static, T>, gap: Duration) -> impl Stream<Item = ()> + Send + 'static {
    stream::unfold((items.ready_chunks(MOST_AT_ONCE), Duration::ZERO), move |(mut items, wait)| async move {
        tokio::time::sleep(wait).await;
        items.next().await.map(|_| ((), (items, gap)))
    })
}

/// Reads the next chunk of the API's stream. Returns the requests of the events that it completes.
async fn next_changes(
    (mut chunks, mut rest): (axum::body::BodyDataStream, Vec<u8>),
) -> Option<(Vec<RequestId>, (axum::body::BodyDataStream, Vec<u8>))> {
    let chunk = chunks.next().await?.ok()?;
    rest.extend_from_slice(&chunk);
    let found = take_changes(&mut rest);
    (rest.len() <= LONGEST_LINE).then_some((found, (chunks, rest)))
}

/// Takes the complete lines from the front of `text`. Returns the requests that they name.
fn take_changes(text: &mut Vec<u8>) -> Vec<RequestId> {
    let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
    let lines: Vec<u8> = text.drain(..=end).collect();
    let data = lines.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
    data.filter_map(|json| serde_json::from_slice::<Changed>(json).ok()).map(|changed| changed.data.request).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_in_two_chunks_is_read_once_complete() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let mut text =
            format!("event: request.changed\ndata: {{\"type\":\"request.changed\",\"data\":{{\"request\":\"{id}")
                .into_bytes();
        assert!(take_changes(&mut text).is_empty());
        text.extend_from_slice(b"\",\"version\":2}}\n\n: heartbeat\n");
        let found = take_changes(&mut text);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [id]);
        assert!(text.is_empty());
    }

    #[tokio::test]
    async fn changes_in_a_short_time_are_one_event_and_the_last_is_kept() {
        let (send, receive) = tokio::sync::mpsc::unbounded_channel::<u8>();
        let items = stream::unfold(receive, |mut receive| async { receive.recv().await.map(|item| (item, receive)) });
        let mut events = Box::pin(spaced(items.boxed(), Duration::from_millis(1)));
        send.send(1).unwrap();
        assert_eq!(events.next().await, Some(()));
        (2..=9).for_each(|item| send.send(item).unwrap());
        assert_eq!(events.next().await, Some(()));
        drop(send);
        assert_eq!(events.next().await, None, "eight changes were one event");
    }
}
