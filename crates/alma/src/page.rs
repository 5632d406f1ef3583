//! Reads lists to their end.
//!
//! Alma limits a page to 10 rows unless the call asks for more, and to 100 in any case. Only `total_record_count` shows
//! that rows are missing.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Call;
use crate::client::{Client, decode};
use crate::error::Result;
use crate::lenient::{self, Lenient};

/// A row of a list.
pub(crate) trait Row: DeserializeOwned {
    /// The fields by which callers identify rows. If such a field is present and can't be read, the row may be any.
    const REPORTING: &'static [&'static str] = &[];

    /// Returns the number of parts of the row that callers need and that can't be read.
    fn unreadable_parts(&self) -> u32 {
        0
    }
}

/// The rows of a list, fetched page by page as they are needed. The stream ends at the first error.
///
/// A row that can't be read is left out, and reported in the log and to
/// [`on_unreadable_row`](crate::ClientBuilder::on_unreadable_row). So the stream proves that its rows exist.
/// [`PageStream::whole`] shows whether a missing row is absent.
pub struct PageStream<T> {
    rows: BoxStream<'static, Result<T>>,
    unreadable: Arc<AtomicU32>,
}

impl<T: 'static> PageStream<T> {
    /// Reads the list to its end.
    ///
    /// # Errors
    ///
    /// Returns the errors of the calls.
    pub async fn whole(self) -> Result<List<T>> {
        let rows = self.rows.try_collect().await?;
        Ok(List { rows, unreadable: self.unreadable.load(Ordering::Relaxed) })
    }
}

impl<T: 'static> PageStream<T> {
    /// Reads the list up to this number of rows. Returns whether it ended before that.
    ///
    /// # Errors
    ///
    /// Returns the errors of the calls.
    pub async fn at_most(self, rows: usize) -> Result<(List<T>, bool)> {
        let read: Vec<T> = self.rows.take(rows).try_collect().await?;
        let ended = read.len() < rows;
        Ok((List { rows: read, unreadable: self.unreadable.load(Ordering::Relaxed) }, ended))
    }
}

impl<T> Stream for PageStream<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.rows.poll_next_unpin(context)
    }
}

impl<T> fmt::Debug for PageStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").finish_non_exhaustive()
    }
}

/// A list that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T> {
    rows: Vec<T>,
    unreadable: u32,
}

impl<T> List<T> {
    pub(crate) fn new(rows: Vec<T>, unreadable: u32) -> Self {
        Self { rows, unreadable }
    }

    /// Returns whether every row could be read. An unreadable row may be any row, so an incomplete list proves
    /// presence, never absence.
    pub fn is_complete(&self) -> bool {
        self.unreadable == 0
    }

    /// Searches for a row.
    pub fn search(&self, is_it: impl Fn(&T) -> bool) -> Search<&T> {
        self.rows.iter().find(|row| is_it(row)).map_or_else(|| self.otherwise(), Search::Found)
    }

    /// Searches for a row and returns it by value.
    pub fn into_search(self, is_it: impl Fn(&T) -> bool) -> Search<T> {
        let otherwise = self.otherwise();
        self.rows.into_iter().find(|row| is_it(row)).map_or(otherwise, Search::Found)
    }

    fn otherwise<U>(&self) -> Search<U> {
        if self.is_complete() { Search::Absent } else { Search::Unknown }
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.rows.append(&mut other.rows);
        self.unreadable = self.unreadable.saturating_add(other.unreadable);
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new(Vec::new(), 0)
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.rows
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

/// The result of a search in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search<T> {
    /// The list has the row.
    Found(T),
    /// The list doesn't have the row.
    Absent,
    /// No readable row matches, and other rows can't be read.
    Unknown,
}

impl<T> Search<T> {
    /// Converts the row that was found.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Search<U> {
        match self {
            Self::Found(found) => Search::Found(to(found)),
            Self::Absent => Search::Absent,
            Self::Unknown => Search::Unknown,
        }
    }
}

/// The way in which a list is read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Paging {
    /// With `limit` and `offset`.
    ByPages,
    /// In one call. Further pages are read only if the count shows that rows are missing.
    AtOnce,
}

struct Cursor {
    offset: u64,
    last_page: Vec<Value>,
}

/// Creates the stream of the list that `call` returns under `key`.
pub(crate) fn listing<T>(client: &Client, call: Call, key: &'static str, paging: Paging) -> PageStream<T>
where
    T: Row + Send + 'static,
{
    let start = Some(Cursor { offset: 0, last_page: Vec::new() });
    let client = client.clone();
    let unreadable = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&unreadable);
    let rows = stream::try_unfold(start, move |cursor| {
        let (client, call, count) = (client.clone(), call.clone(), Arc::clone(&count));
        async move {
            match cursor {
                Some(cursor) => next_page(&client, &call, key, paging, cursor, &count).await.map(Some),
                None => Ok(None),
            }
        }
    })
    .map_ok(move |rows| stream::iter(rows.into_iter().map(Ok)))
    .try_flatten()
    .boxed();
    PageStream { rows, unreadable }
}

/// Reads a whole list that Alma returns in one call.
pub(crate) async fn all<T>(client: &Client, call: Call, key: &'static str) -> Result<List<T>>
where
    T: Row + Send + 'static,
{
    listing(client, call, key, Paging::AtOnce).whole().await
}

async fn next_page<T: Row>(
    client: &Client,
    call: &Call,
    key: &'static str,
    paging: Paging,
    cursor: Cursor,
    unreadable: &AtomicU32,
) -> Result<(Vec<T>, Option<Cursor>)> {
    let paged = paging == Paging::ByPages || cursor.offset > 0;
    let limit = paged.then(|| client.page_size());
    let offset = paged.then_some(cursor.offset);
    let reply = client.send(&call.clone().query_if("limit", limit).query_if("offset", offset)).await?;
    let nonsense = |what: &str| call.unreadable(what.to_owned());

    let mut page = decode(&reply.body).map_err(|what| call.unreadable(what))?;
    if !page.is_object() {
        return Err(nonsense("no JSON object where a list should be"));
    }
    let mut missing: Vec<String> = Vec::new();
    let total = page.get("total_record_count").map_or(Ok(None), u64::read);
    let is_counted = total.is_ok() && !page.get("total_record_count").is_some_and(lenient::is_unreadable);
    // A list that is read by pages ends with the first page that isn't full. For any other list only the count shows
    // that more rows follow.
    if !is_counted && !paged {
        missing.push("a count of rows that is none".to_owned());
    }
    let rows = lenient::every_row(page.get_mut(key).map(Value::take).unwrap_or_default());
    if !rows.is_empty() && rows == cursor.last_page {
        return Err(nonsense("the same page of the list over and over"));
    }
    let offset = cursor.offset + rows.len() as u64;
    let more = match total.unwrap_or_default() {
        Some(total) if rows.is_empty() && offset < total => {
            return Err(nonsense("a list that ends before its own count"));
        }
        Some(total) => offset < total,
        None => paged && rows.len() >= client.page_size() as usize,
    };
    let records = readable(&rows, &mut missing);
    for what in &missing {
        client.unreadable_row(call, what);
    }
    unreadable.fetch_add(u32::try_from(missing.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
    Ok((records, more.then_some(Cursor { offset, last_page: rows })))
}

/// Returns the readable rows. Adds a message to `missing` for each of the others.
pub(crate) fn readable<T: Row>(rows: &[Value], missing: &mut Vec<String>) -> Vec<T> {
    let mut records = Vec::new();
    for row in rows {
        if let Some(field) = T::REPORTING.iter().find(|field| row.get(*field).is_some_and(lenient::is_unreadable)) {
            missing.push(format!("a {field} that is no text"));
        }
        match lenient::record::<T>(row.clone()) {
            Ok(record) => {
                missing.extend((0..record.unreadable_parts()).map(|_| "a part of a row".to_owned()));
                records.push(record);
            }
            Err(what) => missing.push(what),
        }
    }
    records
}
