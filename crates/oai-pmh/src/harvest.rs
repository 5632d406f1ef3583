//! Harvests a window of records page by page.

use std::time::Duration;

use jiff::Timestamp;

use crate::checkpoint::{Checkpoint, Selection};
use crate::client::{Body, Client, Stop};
use crate::error::{Error, Result};
use crate::page::{Item, Page};
use crate::reader::PageReader;
use crate::record::{Fault, Record, SetAside};
use crate::retry::{Failure, Tries};
use crate::verb::Verb;

/// How often a window may be begun anew without an advance.
const MOST_RESTARTS: u32 = 3;

/// What happens in a harvest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A record, or a header if only headers were asked for.
    Record(Record),
    /// A place that could not be read. The harvest continues with the next record.
    SetAside(SetAside),
    /// A page has ended. Everything since the previous checkpoint belongs to it: commit the records and the checkpoint
    /// together. The harvest has ended if the checkpoint is [`complete`](Checkpoint::complete).
    Page(Box<Checkpoint>),
    /// A page can't be had just now, and will be requested again after a wait. Everything since the last checkpoint will
    /// come once more: discard what isn't stored.
    Retrying {
        /// The wait, which takes place in the next call of [`Harvest::next`].
        wait: Duration,
        /// The reason.
        reason: String,
    },
    /// The repository refused its token, so the window begins anew: at the newest datestamp so far if the records came
    /// in the order of their datestamps, otherwise at the start of the window. Records will come once more.
    Restarted {
        /// The datestamp at which the window begins now; `None` for all records.
        from: Option<Timestamp>,
        /// The repository's text.
        text: String,
    },
}

/// A harvest in progress.
///
/// It reads each page as a stream: memory is needed for one record, not for a page. Call [`next`](Self::next) until it
/// returns `None`. See the [crate's page](crate) for an example.
#[derive(Debug)]
pub struct Harvest {
    client: Client,
    /// The state after the last page.
    committed: Option<Checkpoint>,
    /// The state within the page that is being read.
    working: Option<Checkpoint>,
    selection: Selection,
    state: State,
    tries: Tries,
}

#[derive(Debug)]
enum State {
    Ask,
    Wait(Duration),
    Reading(Box<Reading>),
    Ended,
}

#[derive(Debug)]
struct Reading {
    body: Body,
    reader: PageReader,
    is_over: bool,
    /// Records at which the page ended. If it turns out to be cut off, it is requested once more, and they are not lost.
    cut_off: Vec<SetAside>,
}

impl Harvest {
    pub(crate) fn start(client: Client, selection: Selection) -> Self {
        Self { client, committed: None, working: None, selection, state: State::Ask, tries: Tries::default() }
    }

    pub(crate) fn resume(client: Client, checkpoint: Checkpoint) -> Self {
        let selection = checkpoint.selection.clone();
        let state = if checkpoint.complete { State::Ended } else { State::Ask };
        Self { client, committed: Some(checkpoint), working: None, selection, state, tries: Tries::default() }
    }

    /// Returns the state after the last page; `None` before the repository has answered for the first time.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.committed.as_ref()
    }

    /// Returns the next event; `None` after the last page.
    ///
    /// # Errors
    ///
    /// Fails if the harvest can't go on. It can be resumed from the last checkpoint.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        let result = self.advance().await;
        if result.is_err() {
            self.state = State::Ended;
        }
        result
    }

    async fn advance(&mut self) -> Result<Option<Event>> {
        loop {
            match &mut self.state {
                State::Ended => return Ok(None),
                State::Wait(wait) => {
                    let wait = *wait;
                    self.client.clock().sleep(wait).await;
                    self.state = State::Ask;
                }
                State::Ask => match self.ask().await {
                    Ok(body) => {
                        let reader = PageReader::new(self.client.limits());
                        self.state =
                            State::Reading(Box::new(Reading { body, reader, is_over: false, cut_off: Vec::new() }));
                    }
                    Err(Stop::Error(error)) => return Err(error),
                    Err(Stop::Failure(failure)) => return self.retry(failure).map(Some),
                },
                State::Reading(reading) => {
                    match reading.reader.next() {
                        Ok(Some(Item::SetAside(place))) if place.fault == Fault::Truncated => {
                            reading.cut_off.push(place);
                            continue;
                        }
                        Ok(Some(item)) => {
                            if let Some(event) = self.item(item) {
                                return Ok(Some(event));
                            }
                            continue;
                        }
                        Ok(None) if reading.is_over => {
                            if reading.reader.page().complete
                                && let Some(place) = reading.cut_off.pop()
                            {
                                return Ok(self.item(Item::SetAside(place)));
                            }
                            let page = reading.reader.page().clone();
                            return self.end_page(page).map(Some);
                        }
                        Ok(None) => {}
                        Err(error) => return Err(error.into()),
                    }
                    match reading.body.feed(&mut reading.reader).await {
                        Ok(true) => {}
                        Ok(false) => {
                            reading.reader.end();
                            reading.is_over = true;
                        }
                        Err(Stop::Error(error)) => return Err(error),
                        Err(Stop::Failure(failure)) => return self.retry(failure).map(Some),
                    }
                }
            }
        }
    }

    fn verb(&self) -> Verb {
        if self.selection.headers_only { Verb::ListIdentifiers } else { Verb::ListRecords }
    }

    /// Requests the next page.
    async fn ask(&mut self) -> std::result::Result<Body, Stop> {
        let checkpoint = match &self.committed {
            Some(checkpoint) => checkpoint.clone(),
            None => {
                let granularity = self.client.identify().await.map_err(Stop::Error)?.granularity;
                Checkpoint::new(self.selection.clone(), granularity)
            }
        };
        let format = |at: Timestamp| checkpoint.granularity.format(at);
        let (from, until) = (checkpoint.from.map(format), checkpoint.selection.until.map(format));
        let mut arguments: Vec<(&str, &str)> = Vec::new();
        if let Some(token) = &checkpoint.token {
            arguments.push(("resumptionToken", token));
        } else {
            arguments.push(("metadataPrefix", &self.selection.metadata_prefix));
            arguments.extend(self.selection.set.as_deref().map(|set| ("set", set)));
            arguments.extend(from.as_deref().map(|from| ("from", from)));
            arguments.extend(until.as_deref().map(|until| ("until", until)));
        }
        let body = self.client.send(self.verb(), &arguments).await;
        self.working = Some(checkpoint.clone());
        self.committed = Some(checkpoint);
        body
    }

    fn retry(&mut self, failure: Failure) -> Result<Event> {
        let reason = failure.to_string();
        let wait = self.tries.after(failure, self.client.policy())?;
        self.state = State::Wait(wait);
        Ok(Event::Retrying { wait, reason })
    }

    fn item(&mut self, item: Item) -> Option<Event> {
        let working = self.working.as_mut()?;
        match item {
            Item::Record(record) => {
                working.add(&record);
                Some(Event::Record(record))
            }
            Item::SetAside(set_aside) => {
                working.add_set_aside(&set_aside);
                Some(Event::SetAside(set_aside))
            }
            Item::Entry(_) => None,
        }
    }

    fn end_page(&mut self, page: Page) -> Result<Event> {
        let verb = self.verb();
        let Some(mut checkpoint) = self.working.take() else { return Err(Error::Missing(verb.name())) };
        checkpoint.begun = checkpoint.begun.or(page.response_date);
        checkpoint.response_date = page.response_date.or(checkpoint.response_date);
        if let Some((code, text)) = page.errors.into_iter().next() {
            return self.protocol_error(checkpoint, code, text);
        }
        if page.verb != Some(verb) {
            return Err(Error::Missing(verb.name()));
        }
        if !page.complete {
            return self.retry(Failure::Truncated);
        }
        checkpoint.complete = page.token.is_none();
        checkpoint.token = page.token;
        checkpoint.token_expires = page.token_expires;
        checkpoint.complete_list_size = page.complete_list_size.or(checkpoint.complete_list_size);
        if let Some(earlier) = checkpoint.end_page() {
            return Err(Error::Repeats { page: checkpoint.pages, earlier });
        }
        Ok(self.commit(checkpoint))
    }

    fn commit(&mut self, checkpoint: Checkpoint) -> Event {
        self.state = if checkpoint.complete { State::Ended } else { State::Ask };
        self.tries = Tries::default();
        self.committed = Some(checkpoint.clone());
        Event::Page(Box::new(checkpoint))
    }

    fn protocol_error(&mut self, mut checkpoint: Checkpoint, code: String, text: String) -> Result<Event> {
        let sent_token = checkpoint.token.is_some();
        // Some repositories give a token for a page that has nothing.
        let is_all = checkpoint.complete_list_size.is_none_or(|size| checkpoint.records >= size);
        if code == "noRecordsMatch" && (!sent_token || is_all) {
            checkpoint.token = None;
            checkpoint.token_expires = None;
            checkpoint.complete = true;
            return Ok(self.commit(checkpoint));
        }
        if code == "badResumptionToken" && sent_token {
            if checkpoint.restarts >= MOST_RESTARTS {
                return Err(Error::TokensRefused { restarts: checkpoint.restarts, text });
            }
            let from = checkpoint.restart();
            self.committed = Some(checkpoint);
            self.state = State::Ask;
            return Ok(Event::Restarted { from, text });
        }
        Err(Error::Oai { code, text })
    }
}
