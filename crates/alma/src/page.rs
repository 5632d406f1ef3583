//! Lists, read to their end.
//!
//! Alma cuts lists at 10 rows unless told otherwise and at 100 in any case, and says so only by `total_record_count`.

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Call;
use crate::client::{Client, decode};
use crate::error::Result;
use crate::loose::{self, Loose};

/// The rows of a list, fetched page by page as they are asked for. It ends at the first error.
pub type Listing<T> = BoxStream<'static, Result<T>>;

/// How a list is asked for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Paging {
    /// By `limit` and `offset`.
    ByPages,
    /// At once; further pages only when the count says that rows are missing.
    AtOnce,
}

struct Cursor {
    offset: u64,
    last_page: Vec<Value>,
}

/// The list that `call` answers under `key`.
pub(crate) fn listing<T>(client: &Client, call: Call, key: &'static str, paging: Paging) -> Listing<T>
where
    T: DeserializeOwned + Send + 'static,
{
    let start = Some(Cursor { offset: 0, last_page: Vec::new() });
    let client = client.clone();
    stream::try_unfold(start, move |cursor| {
        let (client, call) = (client.clone(), call.clone());
        async move {
            match cursor {
                Some(cursor) => next_page(&client, &call, key, paging, cursor).await.map(Some),
                None => Ok(None),
            }
        }
    })
    .map_ok(move |rows| stream::iter(rows.into_iter().map(Ok)))
    .try_flatten()
    .boxed()
}

/// The whole of a list that Alma answers at once.
pub(crate) async fn all<T>(client: &Client, call: Call, key: &'static str) -> Result<Vec<T>>
where
    T: DeserializeOwned + Send + 'static,
{
    listing(client, call, key, Paging::AtOnce).try_collect().await
}

async fn next_page<T: DeserializeOwned>(
    client: &Client,
    call: &Call,
    key: &'static str,
    paging: Paging,
    cursor: Cursor,
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
    let total = page.get("total_record_count").map_or(Ok(None), u64::read).map_err(nonsense)?;
    let rows = loose::rows(page.get_mut(key).map(Value::take).unwrap_or_default());
    if !rows.is_empty() && rows == cursor.last_page {
        return Err(nonsense("the same page of the list over and over"));
    }
    let offset = cursor.offset + rows.len() as u64;
    let more = match total {
        Some(total) if rows.is_empty() && offset < total => {
            return Err(nonsense("a list that ends before its own count"));
        }
        Some(total) => offset < total,
        None => paging == Paging::ByPages && rows.len() >= client.page_size() as usize,
    };
    let records = rows.iter().cloned().map(loose::record).collect::<Result<_, _>>();
    let records = records.map_err(|what| call.unreadable(what))?;
    Ok((records, more.then_some(Cursor { offset, last_page: rows })))
}
