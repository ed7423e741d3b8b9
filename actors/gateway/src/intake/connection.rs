//! What HTTP reads from and writes to: a connection whose heads have to come in time, and are paid for when they are long.
//!
//! actix gives the first head of a connection its time, and an idle connection its end. A head that begins after an answer
//! and never comes to its end is neither to it: it would hold the connection for ever.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use starling_kernel::{Clock, Sleep};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
};

use super::{TlsSocket, pulse::Pulse, turns::Turns};
use crate::{
    memory::Charge,
    metrics::{self, Cut},
};

/// What may be read ahead of a request without being paid for; the heads of clients have some hundred bytes.
const FREE: usize = 16 << 10;

/// A connection as HTTP has it.
pub(super) struct Connection {
    io: TlsSocket,
    turns: Turns,
    haste: Haste,
    /// Does the client take nothing of its answers at the moment?
    is_blocked: bool,
    pulse: Pulse,
    clock: Arc<dyn Clock>,
    head_within: Duration,
    head: Option<Head>,
    /// Makes [`Head::charge`].
    charge: Box<dyn Fn() -> Charge>,
}

/// Turns of requests that were sent before the one before them was answered.
///
/// Few clients do that, and who does it a thousand times must not hold up those who wait for their answers: all such
/// requests of a thread share a few turns.
struct Haste {
    hasty: Arc<Semaphore>,
    /// How many requests had begun when the pass was asked for.
    begun: u64,
    pass: Pass,
}

enum Pass {
    None,
    Asked(Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>>>>),
    Had { _permit: Option<OwnedSemaphorePermit> },
}

/// Bytes that came while no request was under way.
struct Head {
    /// How many requests had begun before; one more, and these bytes are a request.
    after: u64,
    read: usize,
    charge: Option<Charge>,
    credit: Credit,
    patience: Option<Sleep>,
}

/// Whether what was read is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credit {
    Good,
    /// It is not. HTTP may look whether it has a whole head by now, and refuse the request in its own words.
    Owing,
    /// It had that look.
    Spent,
}

impl Connection {
    pub(super) fn new(
        io: TlsSocket,
        ahead: BytesMut,
        clock: Arc<dyn Clock>,
        head_within: Duration,
        charge: Box<dyn Fn() -> Charge>,
        hasty: Arc<Semaphore>,
    ) -> Self {
        let haste = Haste { hasty, begun: 0, pass: Pass::None };
        Self {
            io,
            turns: Turns::new(ahead),
            haste,
            is_blocked: false,
            pulse: Pulse::default(),
            clock,
            head_within,
            head: None,
            charge,
        }
    }

    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let is_body = self.pulse.is_reading();
        if !self.turns.hand_out(buf, is_body) {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
            self.turns.take_back(buf, before, is_body);
        }
        Poll::Ready(Ok(()))
    }

    /// May HTTP have more? Not while a request is worked on, and not before it has looked at what ended a turn.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.turns.take_over() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.pulse.poll_heard(cx));
        if self.is_blocked && self.pulse.is_idle() {
            // Who does not read what was answered need not be heard; a write that goes on wakes this.
            return Poll::Pending;
        }
        self.haste.poll(cx, &self.pulse, self.turns.has_more())
    }

    /// Remembers whether the client takes what it is answered.
    fn written<T>(&mut self, cx: &Context<'_>, written: Poll<T>) -> Poll<T> {
        let was_blocked = std::mem::replace(&mut self.is_blocked, written.is_pending());
        if was_blocked && !self.is_blocked {
            cx.waker().wake_by_ref();
        }
        written
    }

    /// Counts bytes that came while nothing was being served.
    fn heard(&mut self, count: usize) {
        let after = self.pulse.begun();
        if !self.pulse.is_idle() || count == 0 {
            return;
        }
        let head = match &mut self.head {
            Some(head) if head.after == after => head,
            other => {
                other.insert(Head { after, read: 0, charge: None, credit: Credit::Good, patience: None })
            }
        };
        head.read += count;
        if head.read > FREE && !head.charge.get_or_insert_with(&self.charge).cover(head.read) {
            head.credit = Credit::Owing;
        }
    }

    /// May more be read? Not of a head that nobody pays for.
    fn credit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (after, is_idle) = (self.pulse.begun(), self.pulse.is_idle());
        let Some(head) = self.head.as_mut().filter(|head| is_idle && head.after == after) else {
            return Poll::Ready(Ok(()));
        };
        match head.credit {
            Credit::Good => Poll::Ready(Ok(())),
            Credit::Owing => {
                head.credit = Credit::Spent;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Credit::Spent => {
                metrics::connection_cut(Cut::Head);
                Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()))
            }
        }
    }

    /// Nothing more has come; if a head has begun, it has its time.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let after = self.pulse.begun();
        let is_idle = self.pulse.is_idle();
        let Some(head) = self.head.as_mut().filter(|head| is_idle && head.after == after) else {
            self.head = None;
            return Poll::Pending;
        };
        if after == 0 {
            // The first head is actix's to time, with an answer that says so.
            return Poll::Pending;
        }
        let (clock, within) = (&self.clock, self.head_within);
        let patience = head.patience.get_or_insert_with(|| clock.sleep(within));
        if patience.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        metrics::connection_cut(Cut::Head);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Haste {
    /// A request that came together with one before it waits for its turn, and has it until it is answered.
    fn poll(&mut self, cx: &mut Context<'_>, pulse: &Pulse, has_more: bool) -> Poll<()> {
        if !pulse.is_idle() {
            return Poll::Ready(());
        }
        if self.begun != pulse.begun() {
            (self.begun, self.pass) = (pulse.begun(), Pass::None);
        }
        if matches!(self.pass, Pass::None) {
            if self.begun == 0 || !has_more {
                return Poll::Ready(());
            }
            self.pass = Pass::Asked(Box::pin(Arc::clone(&self.hasty).acquire_owned()));
        }
        if let Pass::Asked(asked) = &mut self.pass {
            // It is never closed; if it were, nobody would have to wait.
            self.pass = Pass::Had { _permit: ready!(asked.as_mut().poll(cx)).ok() };
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.turn(cx));
        ready!(self.credit(cx))?;
        let before = buf.filled().len();
        match self.read(cx, buf) {
            Poll::Pending => self.wait(cx),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {
                self.heard(buf.filled().len() - before);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.written(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
