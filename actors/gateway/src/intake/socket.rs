//! The TCP side of a connection: it has its place as long as it lives, and its client has to read what it is sent.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_rt::net::{ActixStream, Ready, TcpStream};
use starling_kernel::{Clock, Sleep};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    edge::STEP,
    metrics::{self, Cut},
    shares::Share,
};

/// A connection below TLS. Here, what the client takes is seen byte by byte; above, it would be seen by the record.
pub(super) struct Socket {
    tcp: TcpStream,
    clock: Arc<dyn Clock>,
    stall_within: Duration,
    /// There while something waits to be written.
    stall: Option<Stall>,
    _place: Share,
}

/// The client takes nothing at the moment.
struct Stall {
    /// What it has taken since.
    taken: usize,
    patience: Sleep,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream, place: Share, clock: Arc<dyn Clock>, stall_within: Duration) -> Self {
        // Answers are small and wanted at once; a connection that refuses the wish works all the same.
        let _ = tcp.set_nodelay(true);
        metrics::connection_opened();
        Self { tcp, clock, stall_within, stall: None, _place: place }
    }

    pub(super) fn peer_addr(&self) -> Option<SocketAddr> {
        self.tcp.peer_addr().ok()
    }

    /// Looks at what came of a write: the client has to take a step of so many bytes in time, or what is left.
    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                if let Some(stall) = &mut self.stall {
                    stall.taken += count;
                    if stall.taken >= STEP {
                        self.stall = None;
                    }
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let (clock, within) = (&self.clock, self.stall_within);
                let stall =
                    self.stall.get_or_insert_with(|| Stall { taken: 0, patience: clock.sleep(within) });
                match stall.patience.as_mut().poll(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => {
                        metrics::connection_cut(Cut::Unread);
                        // The system need not keep what nobody reads; if it does all the same, it is its own bounded buffer.
                        let _ = self.tcp.set_zero_linger();
                        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
                    }
                }
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        metrics::connection_closed();
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    /// TLS flushes when it has handed over everything, so nothing waits any more.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stall = None;
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl ActixStream for Socket {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.tcp, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.tcp, cx)
    }
}
