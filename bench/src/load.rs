//! A load generator for HTTP/1.1. It keeps connections open, writes the calls beforehand, and reads answers only as far
//! as their length. It is the same for every server that is measured, and light enough not to limit the result.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The result of a load.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// The number of calls per second.
    pub(crate) rate: f64,
    /// The 99th percentile of the time of a call.
    pub(crate) p99: Duration,
    /// The body of one answer.
    pub(crate) body: Vec<u8>,
}

/// Sends each call once over `connections`, and measures the time. A status that `wanted` doesn't accept is an error,
/// since a benchmark of refusals would be worth nothing.
pub(crate) async fn run(
    address: SocketAddr,
    connections: usize,
    calls: Arc<Vec<Vec<u8>>>,
    wanted: fn(u16) -> bool,
) -> Result<Measured, String> {
    let next = Arc::new(AtomicUsize::new(0));
    // The generator stays awake. Waking a sleeping one costs the server more than the answer does, and the generator
    // sleeps only if the server is slower than it is.
    let awake = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (calls, next) = (Arc::clone(&calls), Arc::clone(&next));
        tasks.spawn(async move { one(address, &calls, &next, wanted).await });
    }
    let mut times = Vec::with_capacity(calls.len());
    let mut body = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (of_one, text) = done.map_err(|error| error.to_string())??;
        times.extend(of_one);
        body = text;
    }
    awake.abort();
    let whole = begun.elapsed();
    Ok(Measured { rate: per_second(times.len(), whole), p99: percentile(&mut times, 0.99), body })
}

async fn one(
    address: SocketAddr,
    calls: &[Vec<u8>],
    next: &AtomicUsize,
    wanted: fn(u16) -> bool,
) -> Result<(Vec<Duration>, Vec<u8>), String> {
    let mut stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let mut buffer = Vec::with_capacity(64 * 1_024);
    let (mut times, mut head) = (Vec::new(), 0);
    while let Some(call) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
        let begun = Instant::now();
        stream.write_all(call).await.map_err(|error| error.to_string())?;
        let (status, head_length) = answer(&mut stream, &mut buffer).await?;
        times.push(begun.elapsed());
        if !wanted(status) {
            let said = String::from_utf8_lossy(&buffer).chars().take(600).collect::<String>();
            return Err(format!("answered {status}: {said}"));
        }
        head = head_length;
    }
    Ok((times, buffer.split_off(head)))
}

/// Reads one answer to its end. Returns its status and the length of its head.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(u16, usize), String> {
    buffer.clear();
    let head = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.map_err(|error| error.to_string())? == 0 {
            return Err("the connection was closed".to_owned());
        }
    };
    let (status, length) = head_of(&buffer[..head])?;
    while buffer.len() < head + length {
        if stream.read_buf(buffer).await.map_err(|error| error.to_string())? == 0 {
            return Err("the connection was closed in an answer".to_owned());
        }
    }
    Ok((status, head))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Returns the status and the length of the body. An answer without a length has no body (204, 302).
fn head_of(head: &[u8]) -> Result<(u16, usize), String> {
    let text = String::from_utf8_lossy(head);
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or("no status")?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Ok((status, length.unwrap_or_default()))
}

fn per_second(count: usize, whole: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / whole.as_secs_f64()
}

/// Returns the smallest time that is not exceeded by `share` of all times.
fn percentile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
    let at = ((times.len() as f64 * share).ceil() as usize).saturating_sub(1).min(last);
    times.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_the_smallest_time_that_so_many_keep_under() {
        let mut times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 0.99), Duration::from_millis(99));
        assert_eq!(percentile(&mut [], 0.99), Duration::ZERO);
        assert_eq!(percentile(&mut [Duration::from_millis(7)], 0.99), Duration::from_millis(7));
    }

    #[test]
    fn head_gives_status_and_length() {
        assert_eq!(head_of(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"), Ok((200, 12)));
        assert_eq!(head_of(b"HTTP/1.1 204 No Content\r\n\r\n"), Ok((204, 0)));
        assert!(head_of(b"nonsense").is_err());
    }
}
