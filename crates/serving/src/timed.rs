//! A connection with limits on how long it waits for its client.

#![allow(clippy::disallowed_methods, reason = "time-outs of connections run by the machine's clock")]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::connections::Activity;

/// A connection that fails if the header of a request takes too long after its first byte, or if its client doesn't
/// read its answer.
#[derive(Debug)]
pub(crate) struct Timed<I> {
    inner: I,
    activity: Arc<Activity>,
    header: Duration,
    write: Duration,
    /// The number of the request whose header is arriving, and the time by which it must have arrived.
    arriving: Option<(u64, Pin<Box<Sleep>>)>,
    /// The time by which the client must have read the written data.
    unread: Option<Pin<Box<Sleep>>>,
}

impl<I> Timed<I> {
    pub(crate) fn new(inner: I, activity: Arc<Activity>, header: Duration, write: Duration) -> Self {
        Self { inner, activity, header, write, arriving: None, unread: None }
    }

    fn some_arrived(&mut self) {
        if let Some(number) = self.activity.waits_for()
            && self.arriving.as_ref().is_none_or(|(arriving, _)| *arriving != number)
        {
            self.arriving = Some((number, Box::pin(sleep(self.header))));
        }
    }

    fn header_is_late(&mut self, context: &mut Context<'_>) -> bool {
        match &mut self.arriving {
            Some((number, deadline)) if self.activity.waits_for() == Some(*number) => {
                deadline.as_mut().poll(context).is_ready()
            }
            _ => {
                self.arriving = None;
                false
            }
        }
    }

    fn written<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.activity.set_unread(polled.is_pending());
        if polled.is_ready() {
            self.unread = None;
            return polled;
        }
        let write = self.write;
        let deadline = self.unread.get_or_insert_with(|| Box::pin(sleep(write)));
        if deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Timed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.inner).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                if buffer.filled().len() > before {
                    self.some_arrived();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if self.header_is_late(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            other => other,
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Timed<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.written(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
