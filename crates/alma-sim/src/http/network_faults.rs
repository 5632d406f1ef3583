//! Connections that can be cut: faults that leave the caller without an answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const WHOLE: u8 = 0;
const CLOSED: u8 = 1;
const RESET: u8 = 2;

/// The handle by which a handler cuts its own connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct NetworkFaults(Arc<AtomicU8>);

impl NetworkFaults {
    /// Nothing more is written; the connection closes, or is reset.
    pub(crate) fn cut(&self, reset: bool) {
        self.0.store(if reset { RESET } else { CLOSED }, Ordering::Release);
    }

    fn state(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}

/// A connection with its wire.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    network_faults: NetworkFaults,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, network_faults: NetworkFaults) -> Self {
        Self { stream, network_faults }
    }

    fn check(&self) -> io::Result<()> {
        match self.network_faults.state() {
            WHOLE => Ok(()),
            state => {
                if state == RESET {
                    let _ = self.stream.set_zero_linger();
                }
                Err(io::Error::from(io::ErrorKind::ConnectionAborted))
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
