//! Changes of requests as a stream of server-sent events.
//!
//! A stream begins after the event that the caller names, so that a caller that was away misses nothing. The same rule as in
//! lists decides which requests a caller sees. It is applied again for each page of events: agencies may change.

#![allow(clippy::disallowed_methods, reason = "a stream ends by the machine's clock")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use engine::{ChangeBody, EventBody};
use futures::Stream;
use jiff::Timestamp;
use lending::RequestId;
use serde::Serialize;
use store::PlacedEvent;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::event_feed::StreamPlace;
use crate::field::Number;
use crate::guard::Access;
use crate::input::{Query, input};
use crate::precondition::header;
use crate::problem::Problem;
use crate::state::WebState;
use crate::words;

/// The number of events that are read at once.
const PAGE: u32 = 100;
/// The interval of comments that show both ends, and all proxies between them, that the stream is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The header in which a client names the last event that it got.
const LAST_EVENT: &str = "last-event-id";

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(follow_events))
}

/// A change of a request. It contains no data of the patron.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RequestEvent)]
pub(crate) struct EventView {
    /// The kind of event: `request.changed`.
    r#type: &'static str,
    /// When the change was decided.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// The change.
    data: ChangeView,
}

/// The request after a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RequestChange)]
struct ChangeView {
    /// The request.
    #[schema(value_type = uuid::Uuid)]
    request: RequestId,
    /// Its version after the change. A greater version is a later change.
    version: i64,
    /// Its status.
    #[schema(schema_with = words::status)]
    status: String,
    /// The status before the change; null if the request is new.
    #[schema(schema_with = words::optional_status)]
    previous_status: Option<String>,
    /// How it ended, such as `SUPPLIED`; null until that is known.
    #[schema(schema_with = words::optional_outcome)]
    outcome: Option<String>,
    /// Notable facts besides the status, such as `overdue`.
    #[schema(schema_with = words::conditions)]
    conditions: Vec<String>,
    /// Whether it waits: `none`, `waiting`, or `needs_staff` if only a person can decide how to continue.
    attention: String,
    /// The id of the sentence that the patron should read, such as `ready`. It is stable (docs/events.md).
    message: String,
    /// That sentence, in the language of `Accept-Language`: English or German.
    patron_message: String,
}

impl From<EventBody> for EventView {
    fn from(body: EventBody) -> Self {
        let EventBody { r#type, timestamp, data } = body;
        let ChangeBody {
            request,
            version,
            status,
            previous_status,
            outcome,
            conditions,
            attention,
            message,
            patron_message,
        } = data;
        let data = ChangeView {
            request,
            version,
            status,
            previous_status,
            outcome,
            conditions,
            attention,
            message,
            patron_message,
        };
        Self { r#type, timestamp, data }
    }
}

input! {
    /// Where a stream of events begins, and how long it lasts.
    struct EventsQuery {
        /// The id of the last known event; 0 begins with the oldest event that the hub has. The header `Last-Event-ID` wins.
        /// Without either, the stream begins with the next change.
        after: Option<Number<0, { u32::MAX }, 0>>,
        /// The number of seconds after which the hub ends the stream; 0 ends it when all present events are sent. A client
        /// then connects again, with `Last-Event-ID`.
        seconds: Number<0, 900, 900>,
    }
    example: {"after": 0, "seconds": 0}
}

/// Streams the changes of the requests that the caller may see, as server-sent events: `id` is the place of the event, and
/// `data` is a `RequestEvent`. A comment every 15 seconds shows that the stream is alive. Events are kept for 30 days.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    operation_id = "follow_events",
    tag = "events",
    params(EventsQuery, LastEvent),
    responses(
        (status = 200, description = "The stream.", content_type = "text/event-stream", body = StreamedEvent),
        (status = 410, description = "Events after the named one are removed already."),
    )
)]
async fn follow_events(
    State(state): State<WebState>,
    access: Access,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let EventsQuery { after, seconds } = query.checked()?;
    let place = state.events.enter(access.name())?;
    let newest = state.events.newest(&state.engine);
    let last = state.engine.newest_event().await?;
    let after = last_event(&headers)?.or_else(|| after.map(|after| i64::from(after.0)));
    let position = after.unwrap_or(last);
    if after.is_some() {
        check_known(&state, position).await?;
    }
    let seconds = u64::from(seconds.0);
    let following = Following {
        state,
        access,
        newest,
        position,
        waiting: VecDeque::new(),
        ends: (seconds > 0).then(|| Instant::now() + Duration::from_secs(seconds)),
        _place: place,
    };
    let stream = futures::stream::unfold(following, async |mut following| {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")))
}

/// An event as the stream carries it.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "it only describes the stream")]
struct StreamedEvent {
    /// The place of the event, for `Last-Event-ID`.
    id: String,
    /// A `RequestEvent` as JSON.
    data: String,
}

/// The header `Last-Event-ID`, for the document of the API.
struct LastEvent;

impl IntoParams for LastEvent {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header("Last-Event-ID", "The `id` of the last event that the client got.", "1", "^[0-9]{1,18}$")]
    }
}

/// Returns the position in the header `Last-Event-ID`.
fn last_event(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT) else { return Ok(None) };
    let position = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|position| *position >= 0);
    let detail = "Last-Event-ID isn't the id of an event. Send the id of the last event that you got, or leave it out.";
    position.map(Some).ok_or_else(|| Problem::bad_request("INVALID_EVENT_ID", detail))
}

/// Checks that no event after a position is missing.
///
/// # Errors
///
/// A 410 if some are removed, or the position is one that the hub has not given.
async fn check_known(state: &WebState, position: i64) -> Result<(), Problem> {
    let (oldest, newest) = state.engine.store().event_positions().await?.unwrap_or((1, 0));
    let is_lost = position > 0 && position + 1 < oldest;
    if is_lost || position > newest {
        let detail = format!(
            "The hub has the events {oldest} to {newest}, and can't continue after {position}. Read the requests by \
             GET /api/v1/requests, then follow the events without an id."
        );
        return Err(Problem::new(StatusCode::GONE, "EVENTS_REMOVED", detail));
    }
    Ok(())
}

/// A stream of events and its place.
struct Following {
    state: WebState,
    access: Access,
    newest: watch::Receiver<i64>,
    position: i64,
    waiting: VecDeque<PlacedEvent>,
    /// When it ends; `None` if it ends when all present events are sent.
    ends: Option<Instant>,
    _place: StreamPlace,
}

impl Following {
    /// Returns the next event; `None` when the stream ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(placed) = self.waiting.pop_front() {
                let id = placed.position.to_string();
                let body = EventBody::new(placed.event, self.access.language());
                let view = body.map(EventView::from);
                let event = view.and_then(|view| Event::default().id(id).event(view.r#type).json_data(view).ok());
                if event.is_some() {
                    return event;
                }
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) => self.wait().await?,
                Err(problem) => {
                    warn!(
                        ?problem,
                        "a stream of events ends, since the events can't be read; its client connects again"
                    );
                    return None;
                }
            }
        }
    }

    /// Reads the next page. Returns whether there was one.
    async fn read(&mut self) -> Result<bool, Problem> {
        let page = self.state.engine.store().events_after(self.position, PAGE).await?;
        let Some(last) = page.last() else { return Ok(false) };
        self.position = last.position;
        let visible = self.access.listed_requests(&self.state, false).await?;
        self.waiting
            .extend(page.into_iter().filter(|placed| visible.as_ref().is_none_or(|of| of.contain(&placed.event))));
        Ok(true)
    }

    /// Waits for a newer event. Returns `None` if the stream ends.
    async fn wait(&mut self) -> Option<()> {
        let ends = self.ends?;
        let position = self.position;
        let newer = tokio::time::timeout_at(ends, self.newest.wait_for(|newest| *newest > position));
        self.state.unless_stopped(newer).await?.ok()?.ok().map(drop)
    }
}
