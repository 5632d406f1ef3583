//! Serves an HTTP/1 router to clients that may be slow, silent or many.
//!
//! `axum::serve` waits as long as a client likes: for the rest of a header, for the next request, and for a client that
//! doesn't read its answer. It waits for all of these even when the program is to stop. [`serve`] limits each of these
//! waits and the number of connections ([`Limits`]).
//!
//! When all places are taken, a new connection takes the place of the one that has waited longest for a request. So a
//! flood of silent connections doesn't keep out a client that sends its request. A connection whose request is being
//! answered is never closed for another one.
//!
//! The router limits the time for a request's body and for the whole call, since it can answer with the reason.

#![allow(clippy::disallowed_methods, reason = "time-outs of connections run by the machine's clock")]

mod connections;
mod timed;
mod tls;

use std::future::{Future, ready};
use std::io::{self, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Extensions;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service;
use tracing::{debug, info, warn};

use crate::connections::{Connections, Place};
use crate::timed::Timed;
pub use crate::tls::{Tls, TlsError};

/// The largest header of a request, in bytes.
const MOST_HEADER_BYTES: usize = 64 * 1_024;
/// The pause after the system refused a connection, for example because file descriptors are used up.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a connection without a request stays open after the stop, for a request that is on the way.
const LAST_CALL: Duration = Duration::from_millis(300);

/// The answer to a client for whom there is no place.
const NO_PLACE: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
                        content-length: 154\r\nretry-after: 5\r\nconnection: close\r\n\r\n\
                        {\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\
                        \"code\":\"TOO_MANY_CONNECTIONS\",\"detail\":\"Too many connections are open. Try again later.\"}";

/// The limits of waits and connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the first byte of a request to the end of its header.
    pub header: Duration,
    /// From the opening of a connection, or the last answer, to the end of the next request's header.
    pub idle: Duration,
    /// How long a client may leave an answer unread before the connection is closed.
    pub write: Duration,
    /// Connections open at the same time.
    pub connections: usize,
    /// Connections open at the same time from one address; an IPv6 network of 64 bits counts as one address.
    pub per_address: usize,
    /// Addresses that `per_address` doesn't apply to, such as reverse proxies.
    pub exempt: Vec<IpAddr>,
    /// Whether `per_address` doesn't apply to this machine's loopback addresses either.
    pub loopback_is_exempt: bool,
    /// The time for finishing requests that are being answered after the stop.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
            connections: 512,
            per_address: 100,
            exempt: Vec::new(),
            loopback_is_exempt: true,
            stop: Duration::from_secs(5),
        }
    }
}

/// Serves `router` on `listener` until `stop` completes. Then answers the requests that have arrived and returns, at
/// the latest after [`Limits::stop`]. If the future is dropped, all connections are closed. Each request carries the
/// peer's address as [`ConnectInfo`].
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let connect = |stream, peer| ready(Some((stream, of_peer(peer))));
    serve_connections(listener, router, limits, stop, (true, connect)).await;
}

/// Serves `router` over TLS, as [`serve`] does. A client that doesn't agree on TLS within [`Limits::header`] is closed.
pub async fn serve_tls(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
    tls: Arc<Tls>,
) {
    let connect = |stream, peer| {
        let tls = Arc::clone(&tls);
        async move { Some((tls.accept(stream).await?, of_peer(peer))) }
    };
    serve_connections(listener, router, limits, stop, (false, connect)).await;
}

/// Serves `router` on connections that `connect` has wrapped. Each request carries the extensions of its connection.
pub async fn serve_through<I>(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
    connect: impl Fn(TcpStream) -> (I, Extensions),
) where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connect = |stream, _| ready(Some(connect(stream)));
    serve_connections(listener, router, limits, stop, (true, connect)).await;
}

fn of_peer(peer: SocketAddr) -> Extensions {
    let mut extensions = Extensions::new();
    extensions.insert(ConnectInfo(peer));
    extensions
}

/// Serves `router` on the connections that `connect` returns. A connection that finds no place gets an answer only if it is
/// plain.
async fn serve_connections<I, F>(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
    (is_plain, connect): (bool, impl Fn(TcpStream, SocketAddr) -> F),
) where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Future<Output = Option<(I, Extensions)>> + Send + 'static,
{
    let limits = Arc::new(limits);
    let connections = Arc::new(Connections::new(Arc::clone(&limits)));
    let (stopping, stopped) = watch::channel(false);
    let mut serving = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = serving.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_the_clients(&error) => continue,
            Err(error) => {
                warn!(%error, "the system gives no connection; the one that waited longest is closed");
                connections.close_longest_waiting();
                tokio::select! {
                    () = &mut stop => break,
                    () = tokio::time::sleep(PAUSE) => continue,
                }
            }
        };
        let place = tokio::select! {
            () = &mut stop => break,
            place = connections.place(peer.ip()) => place,
        };
        let Some(place) = place else {
            debug!("too many connections; a new one is refused");
            if is_plain {
                refuse(stream);
            }
            continue;
        };
        let _ = stream.set_nodelay(true);
        let connecting = connect(stream, peer);
        serving.spawn(connection(connecting, router.clone(), place, Arc::clone(&limits), stopped.clone()));
    }
    drop(listener);
    stopping.send_replace(true);
    let ended = async { while serving.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.stop, ended).await.is_err() {
        info!(connections = serving.len(), "requests under way are broken off");
        serving.shutdown().await;
    }
}

/// Returns whether the client gave the connection up before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers without waiting. A client that isn't ready to read gets no answer.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(NO_PLACE.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
    }
}

/// Serves one connection to its end.
async fn connection<I>(
    connecting: impl Future<Output = Option<(I, Extensions)>>,
    router: Router,
    place: Place,
    limits: Arc<Limits>,
    mut stopped: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connected = tokio::select! {
        biased;
        connected = tokio::time::timeout(limits.header, connecting) => connected.ok().flatten(),
        () = place.closed() => None,
        () = reported(&mut stopped) => None,
    };
    let Some((stream, extensions)) = connected else { return };
    let io = TokioIo::new(Timed::new(stream, place.activity(), limits.header, limits.write));
    let activity = place.activity();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let call = activity.begin();
        request.extensions_mut().extend(extensions.clone());
        let answer = router_call(&mut router.clone(), request);
        async move {
            let answer = answer.await;
            drop(call);
            answer
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.idle).max_buf_size(MOST_HEADER_BYTES);
    let mut served = pin!(http.serve_connection(io, service));
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    debug!(%error, "a connection ended early");
                }
                return;
            }
            () = place.closed() => return,
            () = reported(&mut stopped), if !stopping => {
                stopping = true;
                // The connection takes no further request.
                served.as_mut().graceful_shutdown();
            }
            () = place.quiet(LAST_CALL), if stopping => return,
        }
    }
}

fn router_call(router: &mut Router, request: Request<Incoming>) -> <Router as Service<Request<Incoming>>>::Future {
    Service::<Request<Incoming>>::call(router, request)
}

async fn reported(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_has_the_length_that_it_says() {
        let (head, body) = NO_PLACE.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}
